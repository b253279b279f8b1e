//! What the verifier said, entry by entry, in a form that two reports can be compared in.

use medsec_audit::checkpoint::Statement;
use medsec_audit::export::ExportHeader;
use medsec_audit::record::CLASS_CHECKPOINT;
use medsec_audit::verify::{
    Assurance, Authority, NoKeys, Observer, Opened, Range, Subject, Summary, Verdict, verify,
};
use medsec_core::agreement::AgreementSecret;
use medsec_core::codec::DecodeError;
use medsec_core::flash::page::GeometryError;
use medsec_core::flash::ring::{
    ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, Plan, RESUME_BYTES, Resume, seq_low,
};
use medsec_core::key::PublicKey;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305};

use crate::prng::mix;

/// What the verifier is given beside the export.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The device's public key.
    pub key: &'a PublicKey,
    /// The log authority's secret.
    pub secret: Option<&'a AgreementSecret>,
    /// A checkpoint seen earlier.
    pub anchor: Option<&'a Statement>,
}

/// An entry by its place and its stored bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry {
    /// Its sequence number.
    pub seq: u64,
    /// Its page.
    pub page: u32,
    /// Its offset in the page.
    pub offset: u32,
    /// Its session.
    pub session: u32,
    /// A hash of its bytes.
    pub hash: u64,
}

/// A segment that has entries, each with its length.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its page.
    pub page: u32,
    /// Byte of the page at which it begins; 0 if with the page's header.
    pub offset: u32,
    /// Its entries, by their headers.
    pub entries: Vec<(Entry, usize)>,
}

/// A record that opened, as the verifier gives it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its sequence number.
    pub seq: u64,
    /// Its session.
    pub session: u32,
    /// Id of its event.
    pub event: u16,
    /// Who vouches for it.
    pub assurance: Assurance,
    /// The fields of its event, as they are in the record.
    pub fields: Vec<u8>,
}

/// One report of the verifier.
#[derive(Clone, Debug)]
pub struct View {
    /// The ranges, as reported.
    pub ranges: Vec<Range>,
    /// The entries in verified ranges, by sequence number.
    pub verified: Vec<Entry>,
    /// Sequence numbers of the records that were given out as vouched for.
    pub records: Vec<u64>,
    /// All records that opened.
    pub opened: Vec<Record>,
    /// The checkpoints.
    pub statements: Vec<Statement>,
    /// What it comes to.
    pub summary: Summary,
}

/// An export in parts: how it is read, and its pages.
#[derive(Clone)]
pub struct Image {
    /// Its header.
    pub header: ExportHeader,
    /// Where things lie.
    pub plan: Plan,
    /// The pages, slot by slot.
    pub pages: Vec<u8>,
}

/// Why an export cannot be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// It does not parse.
    Decode(DecodeError),
    /// Its sizes do not fit together.
    Geometry(GeometryError),
    /// A suite that does not exist.
    Suite,
}

impl Image {
    /// The parts of `export`.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn of(export: &[u8]) -> Result<Self, ExportError> {
        let (header, pages) = ExportHeader::parse(export).map_err(ExportError::Decode)?;
        let plan = header.plan().map_err(ExportError::Geometry)?;
        Ok(Self { header, plan, pages: pages.to_vec() })
    }

    /// The segments that have entries, in the order of the log.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        for slot in 0..self.plan.geometry().pages() {
            let Some(page) = self.page_in(slot) else { continue };
            let offsets = (0..self.plan.cells()).map(|cell| self.plan.cell_offset(cell));
            for offset in offsets.chain([0]) {
                let entries = self.entries(page, offset);
                if !entries.is_empty() {
                    segments.push(Segment { page, offset, entries });
                }
            }
        }
        segments.sort_by_key(|segment| (segment.page, segment.offset));
        segments
    }

    /// The page that the header in slot `slot` states, if it belongs there.
    #[must_use]
    pub fn page_in(&self, slot: u32) -> Option<u32> {
        let bytes = self.pages.get(self.at(slot, 0)..)?.first_chunk::<HEADER_BYTES>()?;
        let header = Header::parse(bytes).ok()?;
        (self.plan.slot(header.page) == slot).then_some(header.page)
    }

    /// Byte of the pages at which byte `offset` of slot `slot` lies.
    #[must_use]
    pub fn at(&self, slot: u32, offset: u32) -> usize {
        let page_bytes = self.plan.geometry().page_bytes();
        usize::try_from(slot.saturating_mul(page_bytes).saturating_add(offset))
            .unwrap_or(usize::MAX)
    }

    /// `N` bytes at byte `offset` of page `page`.
    #[must_use]
    pub fn bytes<const N: usize>(&self, page: u32, offset: u32) -> Option<[u8; N]> {
        let end = offset.checked_add(u32::try_from(N).ok()?)?;
        if end > self.plan.geometry().page_bytes() {
            return None;
        }
        self.pages.get(self.at(self.plan.slot(page), offset)..)?.first_chunk().copied()
    }

    /// The entries of the segment at byte `offset` of page `page`, by their headers.
    #[must_use]
    pub fn entries(&self, page: u32, offset: u32) -> Vec<(Entry, usize)> {
        let mut entries = Vec::new();
        let Some((mut at, mut seq, session)) = self.start(page, offset) else { return entries };
        while let Some(bytes) = self.bytes::<ENTRY_HEADER_BYTES>(page, at) {
            let Ok(header) = EntryHeader::parse(&bytes, page, at) else { break };
            let length = u32::from(header.length);
            let end = at.saturating_add(self.plan.entry_bytes(length));
            let fits =
                length <= self.plan.body_bytes_max() && end <= self.plan.geometry().page_bytes();
            if !fits || header.class == 0xB0 || header.seq_low != seq_low(seq) {
                break;
            }
            let start = self.at(self.plan.slot(page), at);
            let total = usize::from(header.length) + 24;
            // The tag of a checkpoint says nothing that its signature does not say.
            let told = if header.class == CLASS_CHECKPOINT { total - 16 } else { total };
            let hash = self.pages[start..start + told].chunks(8).fold(
                u64::from(header.length),
                |hash, part| {
                    let mut word = [0; 8];
                    word[..part.len()].copy_from_slice(part);
                    mix(hash ^ u64::from_le_bytes(word))
                },
            );
            entries.push((Entry { seq, page, offset: at, session, hash }, total));
            (at, seq) = (end, seq + 1);
        }
        entries
    }

    /// Where the entries of a segment begin, with which number, and whose it is.
    fn start(&self, page: u32, offset: u32) -> Option<(u32, u64, u32)> {
        if offset == 0 {
            let header = Header::parse(&self.bytes::<HEADER_BYTES>(page, 0)?).ok()?;
            return Some((self.plan.header_bytes(), header.first_seq, header.session));
        }
        let resume =
            Resume::parse(&self.bytes::<RESUME_BYTES>(page, offset)?, page, offset).ok()?;
        let start = offset.saturating_add(self.plan.geometry().round_up(96));
        Some((start, resume.seq.saturating_add(1), resume.session))
    }

    /// Has it judged.
    ///
    /// # Errors
    /// [`ExportError::Suite`].
    pub fn judge(&self, given: &Given<'_>) -> Result<View, ExportError> {
        let subject = Subject {
            plan: &self.plan,
            ring: self.header.ring,
            device: self.header.device,
            key: Some(given.key),
            state: Some(&self.header.state),
            anchor: given.anchor,
        };
        let mut seen = Seen::default();
        let mut pages = (self.plan.geometry().page_bytes(), &self.pages[..]);
        let (pages, seen_by) = (&mut pages, &mut seen);
        let summary = match (self.header.suite, given.secret) {
            (1, None) => verify::<Aes256Gcm, _, _, _>(pages, &mut NoKeys, &subject, seen_by),
            (2, None) => verify::<ChaCha20Poly1305, _, _, _>(pages, &mut NoKeys, &subject, seen_by),
            (1, Some(secret)) => {
                let mut keys = Authority::open::<Aes256Gcm, _>(pages, &subject, secret);
                verify::<Aes256Gcm, _, _, _>(pages, &mut keys, &subject, seen_by)
            }
            (2, Some(secret)) => {
                let mut keys = Authority::open::<ChaCha20Poly1305, _>(pages, &subject, secret);
                verify::<ChaCha20Poly1305, _, _, _>(pages, &mut keys, &subject, seen_by)
            }
            _ => return Err(ExportError::Suite),
        };
        let mut verified = Vec::new();
        for range in seen.ranges.iter().filter(|range| range.verdict == Verdict::Verified) {
            let within = range.first_seq..=range.last_seq;
            let entries = self.entries(range.page, range.offset);
            verified.extend(
                entries.iter().map(|(entry, _)| *entry).filter(|entry| within.contains(&entry.seq)),
            );
        }
        verified.sort_unstable();
        seen.records.sort_unstable();
        let Seen { ranges, records, opened, statements } = seen;
        Ok(View { ranges, verified, records, opened, statements, summary })
    }
}

#[derive(Default)]
struct Seen {
    ranges: Vec<Range>,
    records: Vec<u64>,
    opened: Vec<Record>,
    statements: Vec<Statement>,
}

impl Observer for Seen {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        if record.assurance != Assurance::Unanchored {
            self.records.push(record.place.seq);
        }
        self.opened.push(Record {
            seq: record.place.seq,
            session: record.session,
            event: record.header.event,
            assurance: record.assurance,
            fields: record.fields.to_vec(),
        });
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        self.statements.push(*statement);
    }
}
