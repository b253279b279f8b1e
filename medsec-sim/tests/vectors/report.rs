//! What the product's verifier says of an export, in the words of `docs/vectors/log-v1-cases.json`.

use medsec_audit::checkpoint::Statement;
use medsec_audit::segment::{SegmentKeys, next_audit, next_link, personal_number, session_link};
use medsec_audit::state::{Escrow, PublicState};
use medsec_audit::verify::{
    Assurance, Authority, NoKeys, Observer, Opened, Range, Subject, Summary, verify,
};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{FieldValue, Fields, unpad};
use medsec_core::flash::ring::{HEADER_BYTES, Header, RESUME_BYTES, Resume, committed};
use medsec_core::key::{PublicKey, device_id};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Suite};
use medsec_sim::tamper::view::Image;
use serde_json::{Value, json};

/// What a verifier is given beside the export.
pub(crate) struct Given {
    pub(crate) key: [u8; 32],
    pub(crate) secret: Option<[u8; 32]>,
    pub(crate) anchor: Option<Vec<u8>>,
}

/// A report, without the anchor it was made with; its records stand in full.
///
/// # Errors
/// Why there is none.
pub(crate) fn report(export: &[u8], given: &Given) -> Result<Value, &'static str> {
    let image = Image::of(export).map_err(|_| "not an export")?;
    let key = PublicKey::parse(&given.key).map_err(|_| "not a key")?;
    if device_id(image.header.model, &key) != image.header.device {
        return Err("another device");
    }
    match image.header.suite {
        1 => Ok(judge::<Aes256Gcm>(&image, &key, given)),
        2 => Ok(judge::<ChaCha20Poly1305>(&image, &key, given)),
        _ => Err("no such suite"),
    }
}

fn judge<S: Suite>(image: &Image, key: &PublicKey, given: &Given) -> Value {
    let anchor = given.anchor.as_ref().map(|bytes| Statement::parse(bytes).unwrap());
    let subject = Subject {
        plan: &image.plan,
        ring: image.header.ring,
        device: image.header.device,
        key: Some(key),
        state: Some(&image.header.state),
        anchor: anchor.as_ref(),
    };
    let secret = given.secret.map(|secret| AgreementSecret::from_bytes(Secret::new(secret)));
    let mut seen = Seen::default();
    let mut pages = (image.plan.geometry().page_bytes(), &image.pages[..]);
    let summary = if let Some(secret) = &secret {
        let mut keys = Authority::open::<S, _>(&mut pages, &subject, secret);
        verify::<S, _, _, _>(&mut pages, &mut keys, &subject, &mut seen)
    } else {
        verify::<S, _, _, _>(&mut pages, &mut NoKeys, &subject, &mut seen)
    };
    let chains = secret.map(|secret| chains::<S>(image, &secret)).unwrap_or_default();
    seen.json::<S>(image, &chains, &summary)
}

#[derive(Default)]
struct Seen {
    ranges: Vec<Range>,
    records: Vec<Row>,
    statements: Vec<Statement>,
}

struct Row {
    seq: u64,
    segment: (u32, u32),
    json: Value,
    fields: Vec<u8>,
}

impl Observer for Seen {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        // Records stand behind the ranges of their segment, which the range that holds them names.
        let place = record.place;
        let holds = |range: &&Range| {
            (range.first_seq..=range.last_seq).contains(&place.seq)
                && range.page == place.page
                && range.offset < place.offset
        };
        let segment = self.ranges.iter().rev().find(holds).unwrap();
        let header = &record.header;
        let json = json!({
            "seq": place.seq, "session": record.session, "page": place.page, "offset": place.offset,
            "class": record.class, "event": header.event, "category": header.category.code(),
            "outcome": header.outcome.code(), "ms": header.at.as_millis(),
            "fields": hex(record.fields), "assurance": assurance(record.assurance),
        });
        let (segment, fields) = ((segment.page, segment.offset), record.fields.to_vec());
        self.records.push(Row { seq: place.seq, segment, json, fields });
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        self.statements.push(*statement);
    }
}

impl Seen {
    fn json<S: Suite>(mut self, image: &Image, chains: &[Chain], summary: &Summary) -> Value {
        self.records.sort_by_key(|row| row.seq);
        self.statements.sort_by_key(|statement| statement.place.seq);
        let ranges: Vec<Value> = self.ranges.iter().map(range).collect();
        let records: Vec<Value> = self
            .records
            .into_iter()
            .map(|row| {
                let mut json = row.json;
                let keys = keys_of(image, chains, row.segment.0, row.segment.1);
                let personal = keys.map(|keys| personal::<S>(&keys, row.seq, &row.fields));
                json["personal"] = json!(personal.unwrap_or_default());
                json
            })
            .collect();
        let checkpoints: Vec<u64> = self.statements.iter().map(|stated| stated.place.seq).collect();
        let first_bad = summary.first_bad.map(|(_, page, offset)| json!([page, offset]));
        json!({
            "anchored": summary.anchored, "silent_sessions": summary.silent_sessions,
            "state_believed": summary.state_believed, "first_bad": first_bad,
            "ranges": ranges, "records": records, "checkpoints": checkpoints,
        })
    }
}

/// A range as a row: session, first and last sequence number, page, offset, verdict, assurance.
fn range(range: &Range) -> Value {
    let verdict = format!("{:?}", range.verdict);
    json!([
        range.session,
        range.first_seq,
        range.last_seq,
        range.page,
        range.offset,
        verdict,
        assurance(range.assurance)
    ])
}

fn assurance(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Unanchored => "unanchored",
        Assurance::MacOnly => "mac only",
        Assurance::Signed => "signed",
        _ => "?",
    }
}

/// A chain of audit secrets: its first session and that one's secret.
type Chain = (u32, Secret<32>);

/// The chains that the escrows of an image give to the log authority.
fn chains<S: Suite>(image: &Image, secret: &AgreementSecret) -> Vec<Chain> {
    let mut escrows = Vec::new();
    if let Ok(state) = PublicState::parse(&image.header.state) {
        escrows.push(state.escrow);
    }
    for place in image.pages.windows(8 + 92).filter(|bytes| bytes[..4] == [92, 0, 0xC1, 0]) {
        escrows.extend(Escrow::parse(&place[8..]).ok());
    }
    let open =
        |escrow: Escrow| Some((escrow.base, escrow.open::<S>(&image.header.device, secret).ok()?));
    escrows.into_iter().filter_map(open).collect()
}

/// The keys of the segment that lies there.
fn keys_of(image: &Image, chains: &[Chain], page: u32, offset: u32) -> Option<SegmentKeys> {
    let (session, ordinal, salt, commit, bytes) = if offset == 0 {
        let bytes = image.bytes::<HEADER_BYTES>(page, 0)?;
        let header = Header::parse(&bytes).ok()?;
        (header.session, header.ordinal, header.salt, header.commit, bytes.to_vec())
    } else {
        let bytes = image.bytes::<RESUME_BYTES>(page, offset)?;
        let resume = Resume::parse(&bytes, page, offset).ok()?;
        (resume.session, resume.ordinal, resume.salt, resume.commit, bytes.to_vec())
    };
    let begun = chains.iter().filter(|(base, _)| *base <= session);
    begun
        .map(|(base, first)| {
            let mut audit = first.duplicate();
            for _ in *base..session {
                audit = next_audit(&audit);
            }
            let (device, suite) = (image.header.device, image.header.suite);
            let mut link = session_link(&audit, session, &salt, &device, suite);
            for _ in 0..ordinal {
                link = next_link(&link);
            }
            SegmentKeys::derive(&link, page, offset, committed(&bytes))
        })
        .find(|keys| keys.commit == commit)
}

/// The personal values of a record; null for one that does not open.
fn personal<S: Suite>(keys: &SegmentKeys, seq: u64, fields: &[u8]) -> Vec<Option<String>> {
    let mut values = Vec::new();
    for field in Fields::new(fields).map_while(Result::ok) {
        if let FieldValue::Sealed { ciphertext, tag } = field {
            let number = personal_number(seq, u8::try_from(values.len()).unwrap());
            let mut padded = ciphertext.to_vec();
            let opened = Opener::<S>::new(&keys.personal).open(number, &[], &mut padded, &tag);
            values.push(opened.ok().and_then(|()| unpad(&padded).ok().map(hex)));
        }
    }
    values
}

/// As text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
