//! What a host is handed: exports, logs changed without the keys, logs written by who holds them, raw images.

use std::sync::OnceLock;

use medsec_audit::checkpoint::Statement;
use medsec_audit::export::{EXPORT_HEADER_BYTES, ExportHeader};
use medsec_audit::record::{CLASS_CHECKPOINT, CLASS_ESCROW};
use medsec_audit::state::PUBLIC_BYTES;
use medsec_audit::verify::{Assurance, NoKeys, Observer, Opened, Range, Subject, Verdict, verify};
use medsec_core::Secret;
use medsec_core::flash::ring::{Adopted, EntryHeader, Header, Plan, Resume, Retention, seq_low};
use medsec_core::key::{DeviceKey, PublicKey};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_sim::prng::Prng;
use medsec_sim::tamper::change::{Base, KINDS};
use medsec_sim::tamper::device::{MODEL, Setup};
use medsec_sim::tamper::judge::{Outcome, compare};
use medsec_sim::tamper::view::{Entry, Given, Image, View};
use medsec_tool::catalogue::Catalogue;
use medsec_tool::keyfile::{self, AuthoritySecret, Checkpoint};
use medsec_tool::layout::Layout;
use medsec_tool::model::{Evidence, LogReport, Trust, Verify as _};
use medsec_tool::verifier::Verifier;

use crate::input::Input;
use crate::log::{CELL_BYTES, LOG_PAGES, life, patch};

/// Holds what the verifier says to the bounds of the image.
pub(crate) struct Bounds<'a> {
    plan: &'a Plan,
    ranges: u32,
    good: Vec<Range>,
    signs: bool,
}

impl<'a> Bounds<'a> {
    pub(crate) const fn new(plan: &'a Plan, signs: bool) -> Self {
        Self { plan, ranges: 0, good: Vec::new(), signs }
    }
}

impl Observer for Bounds<'_> {
    fn range(&mut self, range: &Range) {
        let page_bytes = self.plan.geometry().page_bytes();
        assert!(range.offset <= page_bytes, "a range outside its page: {range:?}");
        self.ranges += 1;
        // A few for each cell of each page; more would be a loop.
        assert!(self.ranges <= self.plan.geometry().pages() * (self.plan.cells() + 2) * 8);
        assert!(self.signs || range.assurance != Assurance::Signed, "signed without a signature");
        if range.verdict == Verdict::Verified {
            assert_ne!(range.assurance, Assurance::Unanchored, "verified by nobody");
            self.good.push(*range);
        }
    }

    fn record(&mut self, record: &Opened<'_>) {
        let end =
            self.plan.entry_bytes(u32::try_from(record.fields.len()).unwrap_or(u32::MAX) + 10);
        assert!(record.place.offset >= self.plan.header_bytes());
        assert!(record.place.offset + end <= self.plan.geometry().page_bytes());
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        assert!(self.signs, "a checkpoint without a key");
        assert!(statement.place.offset < self.plan.geometry().page_bytes());
    }
}

/// An export of any bytes: parsed as it was written, and nothing in it verified by nobody.
pub(crate) fn export(data: &[u8]) {
    if let Ok((header, pages)) = ExportHeader::parse(data) {
        let again = header.encode().expect("a header that was parsed can be written");
        assert_eq!((&again[..], pages), data.split_at(EXPORT_HEADER_BYTES));
        unkeyed(&header, pages);
    }
    let mut input = Input::new(data);
    let choice = input.u8();
    let header = ExportHeader {
        suite: 1 + (choice & 1),
        ring: 1,
        retention: if choice & 2 == 2 { Retention::Block } else { Retention::Overwrite },
        model: 1,
        device: [choice; 16],
        page_bytes: 1376 + input.below(16) * 32,
        unit: 4 << input.below(4),
        pages: 2 + input.below(4),
        body_bytes_max: u16::from(input.u8()),
        state: state_of(&mut input),
    };
    let mut pages = vec![0xFF; usize::try_from(header.page_bytes * header.pages).unwrap_or(0)];
    let Ok(plan) = header.plan() else { return };
    fill(&mut pages, &plan, &mut input);
    let mut bytes = header.encode().expect("a header takes its bytes").to_vec();
    bytes.extend(&pages);
    assert_eq!(ExportHeader::parse(&bytes), Ok((header, &pages[..])));
    unkeyed(&header, &pages);
    bytes.pop();
    assert!(ExportHeader::parse(&bytes).is_err(), "an export that is too short");
}

fn state_of(input: &mut Input<'_>) -> [u8; PUBLIC_BYTES] {
    let mut state = [0; PUBLIC_BYTES];
    for at in [0, 4, 8, 12] {
        let number = input.number();
        state[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    state
}

/// Headers, resume records and entries of no key, wherever the input says.
fn fill(pages: &mut [u8], plan: &Plan, input: &mut Input<'_>) {
    let (mut page, mut offset, mut seq, mut session) = (0, plan.header_bytes(), 1_u64, 0_u32);
    while !input.is_empty() {
        let choice = input.u8();
        let (at, bytes) = match choice & 3 {
            0 => {
                page = if choice & 4 == 4 { input.number() } else { page.wrapping_add(1) };
                session = if choice & 8 == 8 { input.number() } else { session.wrapping_add(1) };
                offset = plan.header_bytes();
                let header = header_of(page, session, u32::from(choice >> 4), seq, [0; 32]);
                (0, header.encode().map(|bytes| bytes.to_vec()).unwrap_or_default())
            }
            1 => {
                offset = plan.cell_offset(input.below(plan.cells()));
                session = if choice & 8 == 8 { input.number() } else { session.wrapping_add(1) };
                seq = seq.wrapping_add(u64::from(choice >> 4));
                let resume = resume_of(session, 0, seq, adopted_of(page, offset, input));
                let (at, bytes) = (offset, resume.encode(page, offset));
                offset = offset.saturating_add(plan.resume_bytes());
                seq = seq.wrapping_add(1);
                (at, bytes.map(|bytes| bytes.to_vec()).unwrap_or_default())
            }
            2 => {
                let length = u16::from(choice >> 2);
                let class = [1, 2, CLASS_CHECKPOINT, CLASS_ESCROW][usize::from(choice >> 6)];
                let entry = EntryHeader { length, class, seq_low: seq_low(seq) };
                let (at, bytes) = (offset, entry.encode(page, offset).to_vec());
                offset = offset.saturating_add(plan.entry_bytes(u32::from(length)));
                seq = seq.wrapping_add(1);
                (at, bytes)
            }
            _ => (u32::from(input.u16()) % plan.geometry().page_bytes(), input.chunk().to_vec()),
        };
        write(pages, plan, page, at, &bytes);
    }
}

/// Writes into a page what fits.
pub(crate) fn write(pages: &mut [u8], plan: &Plan, page: u32, offset: u32, bytes: &[u8]) {
    let page_bytes = plan.geometry().page_bytes();
    let end = u64::from(offset) + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if end <= u64::from(page_bytes) {
        let start = usize::try_from(plan.slot(page) * page_bytes + offset).unwrap_or(usize::MAX);
        pages[start..start + bytes.len()].copy_from_slice(bytes);
    }
}

pub(crate) const fn header_of(
    page: u32,
    session: u32,
    ordinal: u32,
    first_seq: u64,
    previous: [u8; 32],
) -> Header {
    let floor = page.saturating_sub(2);
    Header {
        ring: 1,
        floor,
        page,
        session,
        ordinal,
        suite: 1,
        first_seq,
        salt: [1; 16],
        previous,
        commit: [0; 16],
    }
}

pub(crate) const fn resume_of(session: u32, ordinal: u32, seq: u64, adopted: Adopted) -> Resume {
    Resume { session, ordinal, seq, salt: [1; 16], adopted, suite: 1, commit: [0; 16] }
}

/// The segment before, more or less.
fn adopted_of(page: u32, end: u32, input: &mut Input<'_>) -> Adopted {
    Adopted { page, offset: input.number(), session: input.number(), count: input.number(), end }
}

/// Verifies without any secret: once with nothing, once with a public key that signed nothing.
fn unkeyed(header: &ExportHeader, pages: &[u8]) {
    let Ok(plan) = header.plan() else { return };
    for key in [None, Some(stranger())] {
        let subject = Subject {
            plan: &plan,
            ring: header.ring,
            device: header.device,
            key: key.as_ref(),
            state: Some(&header.state),
            anchor: None,
        };
        let mut bounds = Bounds::new(&plan, key.is_some());
        let mut image = (plan.geometry().page_bytes(), pages);
        let summary = if header.suite == ChaCha20Poly1305::ID {
            verify::<ChaCha20Poly1305, _, _, _>(&mut image, &mut NoKeys, &subject, &mut bounds)
        } else {
            verify::<Aes256Gcm, _, _, _>(&mut image, &mut NoKeys, &subject, &mut bounds)
        };
        assert!(bounds.good.is_empty() && summary.records == 0, "verified without a key");
        assert_eq!(summary.signed_to, None);
    }
}

fn stranger() -> PublicKey {
    static KEY: OnceLock<PublicKey> = OnceLock::new();
    *KEY.get_or_init(|| DeviceKey::from_seed(&Secret::new([0x77; 32])).public())
}

/// An honest log and what is said of it.
struct Honest {
    setup: Setup,
    base: Base,
    key: PublicKey,
    anchor: Statement,
    original: [View; 3],
    genuine: Vec<Entry>,
}

impl Honest {
    fn given<'a>(
        &'a self,
        secret: &'a medsec_core::agreement::AgreementSecret,
        mode: usize,
    ) -> Given<'a> {
        Given {
            key: &self.key,
            secret: (mode != 1).then_some(secret),
            anchor: (mode == 2).then_some(&self.anchor),
        }
    }
}

fn honest(retention: Retention) -> &'static Honest {
    static LOGS: [OnceLock<Honest>; 2] = [const { OnceLock::new() }; 2];
    LOGS[usize::from(retention == Retention::Block)].get_or_init(|| {
        let life = life(retention);
        let image = |bytes: &Vec<u8>| Image::of(bytes).expect("an export of a device");
        let mut images: Vec<Image> = life.exports.iter().map(image).collect();
        let newest = images.pop().expect("a device that was read out");
        let (key, secret) = (life.setup.key().public(), life.setup.authority());
        let view = |image: &Image, secret, anchor| {
            image.judge(&Given { key: &key, secret, anchor }).expect("an honest export")
        };
        let keyed = view(&newest, Some(&secret), None);
        let anchor = *keyed.statements.iter().max_by_key(|s| s.place.seq).expect("a checkpoint");
        let original =
            [keyed, view(&newest, None, None), view(&newest, Some(&secret), Some(&anchor))];
        let mut genuine = Vec::new();
        for image in images.iter().chain([&newest]) {
            genuine.extend(view(image, None, None).verified);
            genuine.extend(view(image, Some(&secret), None).verified);
        }
        genuine.sort_unstable();
        genuine.dedup();
        let base = Base::new(newest, images, secret.public());
        Honest { setup: life.setup, base, key, anchor, original, genuine }
    })
}

/// An honest log changed without any of the device's keys: whatever is called verified is what the device stored.
pub(crate) fn tamper(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let retention = if choice & 1 == 1 { Retention::Block } else { Retention::Overwrite };
    let honest = honest(retention);
    let mut image = honest.base.image.clone();
    if choice & 2 == 2 {
        let kind = &KINDS[usize::from(input.u8()) % KINDS.len()];
        let mut prng = Prng::new(u64::from(input.u32()));
        if !kind.is_image_replay()
            && let Some(made) = kind.make(&honest.base, &mut prng)
        {
            image = made;
        }
    }
    if choice & 4 == 4 {
        let older: Vec<Vec<u8>> =
            honest.base.older.iter().map(|image| image.pages.clone()).collect();
        patch(&mut image.pages, &older, 0, None, &mut input);
    }
    if choice & 8 == 8 {
        let at = usize::from(input.u8()) % PUBLIC_BYTES;
        image.header.state[at] ^= input.u8();
    }
    let secret = honest.setup.authority();
    let mode = usize::from(choice >> 4) % 3;
    let Ok(changed) = image.judge(&honest.given(&secret, mode)) else { return };
    for range in &changed.ranges {
        assert!(range.offset <= image.plan.geometry().page_bytes());
    }
    let anchor = (mode == 2).then_some(honest.anchor.place.seq);
    let outcome = compare(&honest.original[mode], &changed, &honest.genuine, anchor);
    assert!(!matches!(outcome, Outcome::Missed(_)), "mode {mode}: {outcome:?}");
}

pub(crate) fn trust(setup: &Setup, keyed: bool, anchor: Option<Checkpoint>) -> Trust {
    static DEVICE: OnceLock<keyfile::DeviceKey> = OnceLock::new();
    let device = *DEVICE.get_or_init(|| keyfile::DeviceKey::from(setup.key().public()));
    let file = AuthoritySecret::file_of(setup.authority_bytes().expose());
    let authority = AuthoritySecret::parse(file.as_bytes()).expect("a file of the tool's own");
    Trust { device, authority: keyed.then_some(authority), anchor }
}

pub(crate) fn check_report(report: &LogReport) {
    for (record, range) in report.readable() {
        assert!(range.holds(record.session, record.seq));
    }
    assert!(report.unplaced() <= report.records.len());
    assert!(report.unreadable().count() <= report.ranges.len());
    if let Some(window) = &report.forgeable {
        assert!(window.first_seq <= window.last_seq.saturating_add(1));
    }
}

/// A file handed to the tool with keys, a layout, a catalogue, an anchor: a report, or a reason why not.
pub(crate) fn evidence(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let life = life(if choice & 1 == 1 { Retention::Block } else { Retention::Overwrite });
    let raw = choice & 2 == 2;
    let older = if raw { &life.parts } else { &life.exports };
    let mut bytes = older[older.len() - 1 - usize::from(choice >> 6) % 2].clone();
    let mut layout = Layout {
        suite: 1,
        model: MODEL,
        page_bytes: 2048,
        unit: 4,
        cell_offset: 0,
        log_offset: CELL_BYTES,
        log_bytes: LOG_PAGES * 2048,
    };
    if choice & 4 == 4 {
        let field = input.u8();
        let number = input.number();
        match field & 7 {
            0 => layout.suite = number.to_le_bytes()[0],
            1 => layout.page_bytes = number.saturating_mul(32),
            2 => layout.unit = number,
            3 => layout.cell_offset = number.saturating_mul(2048),
            4 => layout.log_offset = number.saturating_mul(2048),
            5 => layout.log_bytes = number.saturating_mul(2048),
            6 => layout.page_bytes = number,
            _ => layout.model = number,
        }
    }
    let file = if choice & 8 == 8 { input.chunk() } else { &[] };
    let catalogue = Catalogue::parse(file).unwrap_or_default();
    let anchor = (choice & 16 == 16).then(|| {
        let signed = if choice & 64 == 64 { input.take(76) } else { input.chunk() };
        Checkpoint { signed: signed.to_vec(), signature: input.array() }
    });
    let (ring_at, cut) =
        if raw { (usize::try_from(CELL_BYTES).unwrap_or(0), input.number()) } else { (168, 0) };
    patch(&mut bytes, older, ring_at, None, &mut input);
    if cut > 250 {
        bytes.truncate(bytes.len() - usize::try_from(cut).unwrap_or(0) % bytes.len());
    }
    let layout = if raw { Some(layout) } else { None };
    let evidence = Evidence { bytes: &bytes, layout, catalogue: &catalogue };
    if let Ok(report) = Verifier.verify(&evidence, &trust(&life.setup, choice & 32 == 32, anchor)) {
        check_report(&report);
    }
}
