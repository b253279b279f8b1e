//! What a host says of an image, compared with what the device acknowledged.

use medsec_audit::checkpoint::Statement;
use medsec_audit::export::ExportHeader;
use medsec_audit::log::RING_ID;
use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::state::{PUBLIC_BYTES, read_public};
use medsec_audit::verify::{
    Authority, Keys, NoKeys, Observer, Opened, Range, Subject, Summary, Verdict, verify,
};
use medsec_core::event::{
    Category, Class, Count, EncodeError, Event, FieldWriter, Outcome, PrincipalId, SystemEvent,
};
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{HEADER_BYTES, Header, Place, Plan};
use medsec_core::suite::Suite;

use super::CELL_PAGES;
use super::station::Keyring;
use crate::exhaust::Violation;

/// A record that was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) number: u32,
    /// Counts behind its number.
    pub(super) more: u32,
    /// Where it lies, once that was acknowledged.
    pub(super) place: Option<Place>,
}

/// Counts that fit behind the first.
pub(super) const MORE_MAX: u32 = 19;
const RECORD_ID: u16 = 0x4001;

impl Event for Record {
    fn id(&self) -> u16 {
        RECORD_ID
    }

    fn category(&self) -> Category {
        Category::AuditLog
    }

    fn class(&self) -> Class {
        if self.number.is_multiple_of(2) { Class::Security } else { Class::Operational }
    }

    fn outcome(&self) -> Outcome {
        Outcome::Success
    }

    fn encode(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        for more in 0..=self.more {
            fields.public(&Count::new(self.number ^ (more << 24)))?;
        }
        Ok(())
    }
}

impl Record {
    /// Whether a record's fields are those of this one.
    fn is(&self, fields: &[u8]) -> bool {
        let counts = (0..=self.more).map(|more| self.number ^ (more << 24));
        let bytes = counts.flat_map(|count| {
            let [a, b, c, d] = count.to_le_bytes();
            [3, a, b, c, d]
        });
        bytes.eq(fields.iter().copied())
    }
}

/// An image of the ring, with what is needed to judge it.
pub(super) struct Evidence<'a> {
    pub(super) plan: Plan,
    pub(super) pages: &'a [u8],
    pub(super) state: Option<[u8; PUBLIC_BYTES]>,
}

impl<'a> Evidence<'a> {
    /// From the whole part.
    pub(super) fn of_part(image: &'a [u8], unit: u32, page_bytes: u32) -> Option<Self> {
        let bytes = usize::try_from(page_bytes.checked_mul(CELL_PAGES)?).ok()?;
        let (cell, pages) = image.split_at_checked(bytes)?;
        let count = u32::try_from(pages.len()).ok()?.checked_div(page_bytes)?;
        let plan = plan(page_bytes, unit, count)?;
        let geometry = Geometry::of_image(page_bytes, unit, CELL_PAGES).ok()?;
        Some(Self { plan, pages, state: read_public(&mut (page_bytes, cell), &geometry) })
    }

    /// From an export.
    pub(super) fn of_export(export: &'a [u8]) -> Option<Self> {
        let (header, pages) = ExportHeader::parse(export).ok()?;
        Some(Self { plan: header.plan().ok()?, pages, state: Some(header.state) })
    }

    fn image(&self) -> (u32, &'a [u8]) {
        (self.plan.geometry().page_bytes(), self.pages)
    }

    /// The highest floor that a page header states. Pages below it may be in any state.
    fn floor(&self) -> u32 {
        let page_bytes = usize::try_from(self.image().0).unwrap_or(usize::MAX);
        let headers = self.pages.chunks(page_bytes).filter_map(|page| {
            let header = Header::parse(page.first_chunk::<HEADER_BYTES>()?).ok()?;
            (header.ring == RING_ID).then_some(header.floor)
        });
        headers.max().unwrap_or(1)
    }
}

fn plan(page_bytes: u32, unit: u32, pages: u32) -> Option<Plan> {
    let geometry = Geometry::of_image(page_bytes, unit, pages).ok()?;
    Plan::new(geometry, u32::from(BODY_BYTES_MAX)).ok()
}

#[derive(Default)]
struct Report {
    ranges: Vec<Range>,
    records: Vec<(u32, Place, u16, Vec<u8>)>,
    statements: Vec<Statement>,
}

impl Observer for Report {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        let fields = record.fields.to_vec();
        self.records.push((record.session, record.place, record.header.event, fields));
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        self.statements.push(*statement);
    }
}

/// What the host needs beside the evidence.
pub(super) struct Claims<'a> {
    pub(super) keyring: &'a Keyring,
    /// Every record that was begun, in order.
    pub(super) records: &'a [Record],
    pub(super) anchor: Option<&'a Statement>,
    /// Whether signatures are verified, which takes most of the time.
    pub(super) signed: bool,
}

/// Verifies with the log authority's secret and compares. Gives the newest checkpoint that its session went on from with
/// an acknowledged record: one that was in flight at a cut may be gone at the next mount.
pub(super) fn check<S: Suite>(
    evidence: &Evidence<'_>,
    claims: &Claims<'_>,
) -> Result<Option<Statement>, Violation> {
    let keyring = claims.keyring;
    let subject = subject(evidence, claims);
    let mut image = evidence.image();
    let mut keys = Authority::open::<S, _>(&mut image, &subject, &keyring.authority);
    let (report, summary) = verified::<S, _>(evidence, &subject, &mut keys);
    no_bad(&report, &summary, "keyed")?;
    let floor = evidence.floor();
    compare(&report, claims, floor)?;
    if let Some(anchor) = subject.anchor
        && anchor.place.page >= floor
        && !summary.anchored
    {
        return Err(Violation::new("anchor", format!("{:?} was not found", anchor.place)));
    }
    let rests = report.statements.iter().filter(|statement| {
        report.records.iter().any(|(session, place, ..)| {
            let behind = *session == statement.session && place.seq > statement.place.seq;
            behind && claims.records.iter().any(|record| record.place == Some(*place))
        })
    });
    Ok(rests.max_by_key(|statement| statement.place.seq).copied())
}

/// Verifies without any secret.
pub(super) fn check_publicly<S: Suite>(
    evidence: &Evidence<'_>,
    claims: &Claims<'_>,
) -> Result<(), Violation> {
    let subject = subject(evidence, claims);
    let (report, summary) = verified::<S, _>(evidence, &subject, &mut NoKeys);
    no_bad(&report, &summary, "public")
}

fn subject<'a>(evidence: &'a Evidence<'_>, claims: &'a Claims<'_>) -> Subject<'a> {
    Subject {
        plan: &evidence.plan,
        ring: RING_ID,
        device: claims.keyring.device,
        key: claims.signed.then_some(&claims.keyring.public),
        state: evidence.state.as_ref(),
        anchor: claims.anchor.filter(|_| claims.signed),
    }
}

fn verified<S: Suite, K: Keys>(
    evidence: &Evidence<'_>,
    subject: &Subject<'_>,
    keys: &mut K,
) -> (Report, Summary) {
    let mut report = Report::default();
    let summary = verify::<S, _, _, _>(&mut evidence.image(), keys, subject, &mut report);
    report.records.sort_by_key(|(_, place, ..)| place.seq);
    (report, summary)
}

fn no_bad(report: &Report, summary: &Summary, who: &str) -> Result<(), Violation> {
    let bad = report.ranges.iter().find(|range| range.verdict.is_bad());
    if bad.is_none() && summary.first_bad.is_none() {
        return Ok(());
    }
    Err(Violation::new("verdict", format!("{who}: {bad:?} {:?}", summary.first_bad)))
}

/// The records that the host opened are those acknowledged, and of each session perhaps the one in flight at its end.
fn compare(report: &Report, claims: &Claims<'_>, floor: u32) -> Result<(), Violation> {
    let cleared = SystemEvent::LogCleared { by: PrincipalId::new([0; 8]) };
    let mut expected = claims.records.iter().filter(|record| match record.place {
        Some(place) => place.page >= floor,
        None => false,
    });
    let mut last_extra = None;
    for (session, place, id, fields) in &report.records {
        if *id == cleared.id() || place.page < floor {
            continue;
        }
        let begun = claims.records.iter().find(|record| record.is(fields));
        let Some(record) = begun.filter(|_| *id == RECORD_ID) else {
            return Err(Violation::new("invented", format!("{fields:?} at {place:?}")));
        };
        if record.place.is_none() {
            if last_extra == Some(*session) {
                return Err(Violation::new("extra", format!("two of session {session}")));
            }
            last_extra = Some(*session);
            continue;
        }
        if last_extra == Some(*session) {
            return Err(Violation::new("extra", format!("not the last of session {session}")));
        }
        let next = expected.next();
        if next != Some(record) || record.place != Some(*place) {
            let detail = format!("{next:?} expected, found {record:?} at {place:?}");
            return Err(Violation::new("lost", detail));
        }
    }
    if let Some(record) = expected.next() {
        return Err(Violation::new("lost", format!("{record:?} and what follows, floor {floor}")));
    }
    let torn = report.ranges.iter().filter(|range| range.verdict == Verdict::TornTail);
    for range in torn {
        let at = |record: &&Record| {
            record.place.is_some_and(|place| {
                place.page == range.page && (range.first_seq..=range.last_seq).contains(&place.seq)
            })
        };
        if let Some(record) = claims.records.iter().find(at).filter(|_| range.page >= floor) {
            return Err(Violation::new("torn", format!("{record:?}, acknowledged, is {range:?}")));
        }
    }
    Ok(())
}
