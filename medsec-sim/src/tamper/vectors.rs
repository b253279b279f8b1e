//! Small exports with all that a second implementation needs to check itself: keys on the way, ranges, records.
//!
//! `docs/vectors` holds what this gives; `docs/formats.md` is what it tests.

mod lives;

use core::fmt::Write;

use medsec_audit::checkpoint::Statement;
use medsec_audit::segment::{SegmentKeys, next_audit, next_link, personal_number, session_link};
use medsec_audit::verify::{
    Assurance, Authority, NoKeys, Observer, Opened, Range, Subject, Verdict, verify,
};
use medsec_core::Secret;
use medsec_core::event::{FieldValue, Fields, unpad};
use medsec_core::flash::ring::{HEADER_BYTES, Header, RESUME_BYTES, Resume, Retention, committed};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Suite};

use super::device::{Device, MODEL, Setup};
use super::view::Image;
use crate::fault::Model;
use crate::prng::Prng;

pub use lives::logs;

/// A file of `docs/vectors`: its name and its bytes.
pub type File = (String, Vec<u8>);

/// All files. `None` if the device or the verifier refused, which is a bug.
#[must_use]
pub fn files() -> Option<Vec<File>> {
    let mut files = Vec::new();
    let first = suite::<Aes256Gcm>(30, &mut files)?;
    let second = suite::<ChaCha20Poly1305>(60, &mut files)?;
    let json = format!("{{\n\"format\": 1,\n\"suites\": [\n{first},\n{second}\n]\n}}\n");
    files.push(("log-v1.json".to_owned(), json.into_bytes()));
    Some(files)
}

fn suite<S: Suite>(seed: u8, files: &mut Vec<File>) -> Option<String> {
    let setup = Setup { pages: 4, retention: Retention::Overwrite, seed };
    let export = life::<S>(setup)?;
    let image = Image::of(&export).ok()?;
    let segments: Vec<Segment> = segments(setup, &image)?;
    let mut exports = Vec::new();
    let anchor = Rows::<S>::of(setup, &image, true, None, &segments)?.statements.pop()?;
    for (name, change) in
        [("whole", None), ("torn", Some((2, false))), ("modified", Some((2, true)))]
    {
        let mut export = export.clone();
        if let Some((session, first)) = change {
            let at = entry_of(&image, &segments, session, first)?;
            export[168 + at + 12] ^= 0x10;
        }
        let file = format!("log-v1-suite{}-{name}.msexport", S::ID);
        let image = Image::of(&export).ok()?;
        let mut reports = Vec::new();
        for (with_keys, anchor) in [(true, None), (false, None), (true, Some(&anchor))] {
            let rows = Rows::<S>::of(setup, &image, with_keys, anchor, &segments)?;
            reports.push(rows.json(with_keys, anchor));
        }
        exports
            .push(format!("{{\"file\": \"{file}\", \"reports\": [\n{}\n]}}", reports.join(",\n")));
        files.push((file, export));
    }
    let keys: Vec<String> = segments.iter().map(Segment::json).collect();
    Some(format!(
        "{{\"suite\": {}, \"model\": {MODEL},\n\"device_public_key\": \"{}\",\n\"device_id\": \"{}\",\n\
         \"authority_secret\": \"{}\",\n\"authority_public_key\": \"{}\",\n\"first_audit_secret\": \"{}\",\n\
         \"segments\": [\n{}\n],\n\"exports\": [\n{}\n]}}",
        S::ID,
        hex(&setup.key().public().to_bytes()),
        hex(&setup.device()),
        hex(setup.authority_bytes().expose()),
        hex(&setup.authority().public().to_bytes()),
        hex(setup.first_audit().expose()),
        keys.join(",\n"),
        exports.join(",\n"),
    ))
}

/// Three sessions over two pages; a checkpoint in the first and one in the last, with records behind it.
fn life<S: Suite>(setup: Setup) -> Option<Vec<u8>> {
    let mut device = Device::<S, 4, 4, 2048>::new(setup, Model::None, 1).ok()?;
    let mut prng = Prng::new(u64::from(setup.seed));
    for (session, records) in [(1, 5), (2, 14), (3, 8)] {
        device.boot(session).then_some(())?;
        device.log()?.request_session();
        device.maintain().ok()?;
        for record in 0..records {
            device.record(&mut prng).ok()?;
            if session == 3 && record == 5 {
                device.log()?.request_checkpoint();
            }
            device.maintain().ok()?;
        }
        if session < 3 {
            device.power_off();
        }
    }
    device.export()
}

struct Segment {
    page: u32,
    offset: u32,
    session: u32,
    ordinal: u32,
    audit: Secret<32>,
    link: Secret<32>,
    keys: SegmentKeys,
}

impl Segment {
    fn json(&self) -> String {
        format!(
            "{{\"page\": {}, \"offset\": {}, \"session\": {}, \"ordinal\": {},\n \"audit_secret\": \"{}\",\n \
             \"link\": \"{}\",\n \"page_key\": \"{}\",\n \"personal_key\": \"{}\",\n \"commitment\": \"{}\"}}",
            self.page,
            self.offset,
            self.session,
            self.ordinal,
            hex(self.audit.expose()),
            hex(self.link.expose()),
            hex(self.keys.page.expose()),
            hex(self.keys.personal.expose()),
            hex(&self.keys.commit)
        )
    }
}

/// The segments in the order of the log, with their keys.
fn segments(setup: Setup, image: &Image) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    for page in 1..=image.plan.geometry().pages() {
        let cells = (0..image.plan.cells()).map(|cell| image.plan.cell_offset(cell));
        for offset in [0].into_iter().chain(cells) {
            if image.entries(page, offset).is_empty() {
                continue;
            }
            let (session, ordinal, salt, bytes) = start(image, page, offset)?;
            let mut audit = setup.first_audit();
            for _ in 1..session {
                audit = next_audit(&audit);
            }
            let (device, suite) = (image.header.device, image.header.suite);
            let mut link = session_link(&audit, session, &salt, &device, suite);
            for _ in 0..ordinal {
                link = next_link(&link);
            }
            let keys = SegmentKeys::derive(&link, page, offset, committed(&bytes));
            segments.push(Segment { page, offset, session, ordinal, audit, link, keys });
        }
    }
    Some(segments)
}

fn start(image: &Image, page: u32, offset: u32) -> Option<(u32, u32, [u8; 16], Vec<u8>)> {
    if offset == 0 {
        let bytes = image.bytes::<HEADER_BYTES>(page, 0)?;
        let header = Header::parse(&bytes).ok()?;
        return Some((header.session, header.ordinal, header.salt, bytes.to_vec()));
    }
    let bytes = image.bytes::<RESUME_BYTES>(page, offset)?;
    let resume = Resume::parse(&bytes, page, offset).ok()?;
    Some((resume.session, resume.ordinal, resume.salt, bytes.to_vec()))
}

/// Where the first or last entry of a session lies in the pages.
fn entry_of(image: &Image, segments: &[Segment], session: u32, first: bool) -> Option<usize> {
    let mut entries = Vec::new();
    for segment in segments.iter().filter(|segment| segment.session == session) {
        entries.extend(image.entries(segment.page, segment.offset));
    }
    let (entry, _) = if first { entries.first()? } else { entries.last()? };
    Some(image.at(image.plan.slot(entry.page), entry.offset))
}

/// One report, as rows of text.
struct Rows<'a, S: Suite> {
    ranges: Vec<String>,
    records: Vec<(u64, String)>,
    statements: Vec<Statement>,
    segments: &'a [Segment],
    silent_sessions: u32,
    anchored: bool,
    suite: core::marker::PhantomData<S>,
}

impl<'a, S: Suite> Rows<'a, S> {
    fn of(
        setup: Setup,
        image: &Image,
        with_keys: bool,
        anchor: Option<&Statement>,
        segments: &'a [Segment],
    ) -> Option<Self> {
        let key = setup.key().public();
        let subject = Subject {
            plan: &image.plan,
            ring: image.header.ring,
            device: image.header.device,
            key: Some(&key),
            state: Some(&image.header.state),
            anchor,
        };
        let mut rows = Self {
            ranges: Vec::new(),
            records: Vec::new(),
            statements: Vec::new(),
            segments,
            silent_sessions: 0,
            anchored: false,
            suite: core::marker::PhantomData,
        };
        let mut pages = (image.plan.geometry().page_bytes(), &image.pages[..]);
        let secret = setup.authority();
        let summary = if with_keys {
            let mut keys = Authority::open::<S, _>(&mut pages, &subject, &secret);
            verify::<S, _, _, _>(&mut pages, &mut keys, &subject, &mut rows)
        } else {
            verify::<S, _, _, _>(&mut pages, &mut NoKeys, &subject, &mut rows)
        };
        rows.records.sort_unstable();
        rows.statements.sort_by_key(|statement| statement.place.seq);
        rows.silent_sessions = summary.silent_sessions;
        rows.anchored = summary.anchored;
        Some(rows)
    }

    fn json(&self, with_keys: bool, anchor: Option<&Statement>) -> String {
        let records: Vec<&str> = self.records.iter().map(|(_, row)| row.as_str()).collect();
        let anchor = anchor
            .map_or_else(|| "null".to_owned(), |anchor| format!("\"{}\"", hex(&anchor.encode())));
        format!(
            "{{\"with_keys\": {with_keys}, \"anchor\": {anchor}, \"anchored\": {}, \"silent_sessions\": {},\n\
             \"ranges\": [\n{}\n],\n\"records\": [\n{}\n]}}",
            self.anchored,
            self.silent_sessions,
            self.ranges.join(",\n"),
            records.join(",\n")
        )
    }
}

impl<S: Suite> Observer for Rows<'_, S> {
    fn range(&mut self, range: &Range) {
        let verdict = match range.verdict {
            Verdict::Verified => "Verified",
            Verdict::TornTail => "TornTail",
            Verdict::OverwrittenByPolicy => "OverwrittenByPolicy",
            Verdict::Unanchored => "Unanchored",
            Verdict::Gap => "Gap",
            Verdict::Truncated => "Truncated",
            Verdict::Modified => "Modified",
            Verdict::Reordered => "Reordered",
            Verdict::RolledBack => "RolledBack",
            _ => "?",
        };
        self.ranges.push(format!(
            "{{\"session\": {}, \"first_seq\": {}, \"last_seq\": {}, \"page\": {}, \"offset\": {}, \
             \"verdict\": \"{verdict}\", \"assurance\": \"{}\"}}",
            range.session,
            range.first_seq,
            range.last_seq,
            range.page,
            range.offset,
            assurance(range.assurance)
        ));
    }

    fn record(&mut self, record: &Opened<'_>) {
        let here = |segment: &&Segment| {
            segment.session == record.session && segment.page == record.place.page
        };
        let keys = self.segments.iter().find(here).map(|segment| &segment.keys);
        let mut personal = Vec::new();
        for field in Fields::new(record.fields).flatten() {
            if let (FieldValue::Sealed { ciphertext, tag }, Some(keys)) = (field, keys) {
                let index = u8::try_from(personal.len()).unwrap_or(u8::MAX);
                let number = personal_number(record.place.seq, index);
                let mut padded = ciphertext.to_vec();
                let opener = Opener::<S>::new(&keys.personal);
                if opener.open(number, &[], &mut padded, &tag).is_ok() {
                    let value = unpad(&padded).map(hex).unwrap_or_default();
                    personal.push(format!("\"{value}\""));
                }
            }
        }
        let header = &record.header;
        self.records.push((
            record.place.seq,
            format!(
                "{{\"seq\": {}, \"session\": {}, \"page\": {}, \"offset\": {}, \"class\": {}, \"event\": {}, \
                 \"category\": {}, \"outcome\": {}, \"ms\": {}, \"fields\": \"{}\", \"personal\": [{}], \
                 \"assurance\": \"{}\"}}",
                record.place.seq,
                record.session,
                record.place.page,
                record.place.offset,
                record.class,
                header.event,
                header.category.code(),
                header.outcome.code(),
                header.at.as_millis(),
                hex(record.fields),
                personal.join(", "),
                assurance(record.assurance)
            ),
        ));
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        self.statements.push(*statement);
    }
}

fn assurance(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Unanchored => "unanchored",
        Assurance::MacOnly => "mac only",
        Assurance::Signed => "signed",
        _ => "?",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
