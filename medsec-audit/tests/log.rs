//! A log is written on a simulated part and verified from its very bytes.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

use medsec_audit::checkpoint::Statement;
use medsec_audit::export::ExportHeader;
use medsec_audit::log::{Birth, Config, Log, Progress, Tools};
use medsec_audit::record::{BODY_BYTES_MAX, RecordHeader};
use medsec_audit::segment::{SegmentKeys, entry_aad, next_audit, session_link};
use medsec_audit::state::{Escrow, PUBLIC_BYTES, PublicState};
use medsec_audit::verify::{
    Assurance, Authority, Image, Keys, NoKeys, Observer, Opened, Range, Subject, Summary,
    Unreadable, Verdict, verify,
};
use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Writer};
use medsec_core::event::{Category, Count, Outcome, RecordError, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{
    EntryHeader, Header, Place, Plan, RESUME_BYTES, Resume, Retention, Void, committed,
};
use medsec_core::hpke::RecipientSecret;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Sealer, Suite};
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

const PAGE: u32 = 4096;
const PAGES: u32 = 8;
type Part = FaultFlash<4, 4, 4096>;

fn root() -> Secret<32> {
    Secret::new([1; 32])
}

fn key() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([2; 32]))
}

fn authority() -> RecipientSecret {
    RecipientSecret::from_bytes(Secret::new([3; 32]))
}

fn config(retention: Retention) -> Config {
    Config {
        cell: Region::new(0, 4 * PAGE),
        ring: Region::new(4 * PAGE, PAGES * PAGE),
        retention,
        device: device_id(1, &key().public()),
        authority: authority().public(),
    }
}

struct Bench<S: Suite> {
    flash: Part,
    random: Random<Noise>,
    log: Option<Log<S>>,
    retention: Retention,
    now: u64,
}

impl<S: Suite> Bench<S> {
    fn new(retention: Retention) -> Self {
        let mut flash = Part::new(4 + PAGES, Model::None, 1);
        let secret = |byte| Secret::new([byte; 32]);
        let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
        Log::<S>::format(&mut flash, &config(retention), &root(), birth).unwrap();
        Self { flash, random: Random::new(Noise::good(7)), log: None, retention, now: 0 }
    }

    fn boot(&mut self) {
        self.log = Some(Log::mount(&mut self.flash, config(self.retention), &root()).unwrap());
        self.log.as_mut().unwrap().request_session();
    }

    fn maintain(&mut self) {
        self.now += 1;
        let log = self.log.as_mut().unwrap();
        let (mut lender, key) = ((), key());
        let pause = Pause::lend(&mut lender, 1);
        let now = Ticks::from_millis(self.now);
        let mut tools = Tools { random: &mut self.random, key: &key, now, pause: &pause };
        while log.maintain(&mut self.flash, &mut tools).unwrap() != Progress::Idle {}
    }

    fn append(&mut self, number: u32) -> Result<u64, RecordError> {
        let event = SystemEvent::RecordsSuppressed { count: Count::new(number) };
        let now = Ticks::from_millis(self.now);
        self.log.as_mut().unwrap().append(&mut self.flash, &event, now).map(|place| place.seq)
    }

    fn verify<K: Keys>(&self, keys: impl FnOnce(&[u8], &Subject<'_>) -> K) -> Report {
        let image = self.flash.image();
        verify_image::<S, K>(&image, None, keys)
    }
}

#[derive(Default)]
struct Report {
    ranges: Vec<Range>,
    records: Vec<(u64, u32, Assurance)>,
    statements: Vec<Statement>,
    summary: Option<Summary>,
}

impl Observer for Report {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        let count = match record.fields {
            [3, a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => u32::MAX,
        };
        self.records.push((record.place.seq, count, record.assurance));
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        self.statements.push(*statement);
    }
}

fn verify_image<S: Suite, K: Keys>(
    image: &[u8],
    anchor: Option<&Statement>,
    keys: impl FnOnce(&[u8], &Subject<'_>) -> K,
) -> Report {
    let state = newest_state(&image[..4 * PAGE as usize]);
    verify_with::<S, K>(image, state.as_ref(), anchor, keys)
}

fn verify_with<S: Suite, K: Keys>(
    image: &[u8],
    state: Option<&[u8; PUBLIC_BYTES]>,
    anchor: Option<&Statement>,
    keys: impl FnOnce(&[u8], &Subject<'_>) -> K,
) -> Report {
    let geometry = Geometry::of_image(PAGE, 4, PAGES).unwrap();
    let plan = Plan::new(geometry, u32::from(BODY_BYTES_MAX)).unwrap();
    let public_key = key().public();
    let ring = &image[4 * PAGE as usize..];
    let subject = Subject {
        plan: &plan,
        ring: 1,
        device: device_id(1, &public_key),
        key: Some(&public_key),
        state,
        anchor,
    };
    let mut report = Report::default();
    let mut keys = keys(ring, &subject);
    let summary = verify::<S, _, _, _>(&mut (PAGE, ring), &mut keys, &subject, &mut report);
    report.summary = Some(summary);
    report.records.sort_by_key(|(seq, ..)| *seq);
    report
}

/// The value of the highest epoch; these tests do not damage the cell.
fn newest_state(cell: &[u8]) -> Option<[u8; PUBLIC_BYTES]> {
    let copies = cell.chunks(PAGE as usize).filter(|page| page[..4] == *b"MSC1" && page[6] == 1);
    let newest = copies.max_by_key(|page| u32::from_le_bytes(page[8..12].try_into().unwrap()))?;
    newest[12..].first_chunk().copied()
}

fn opened<S: Suite>(ring: &[u8], subject: &Subject<'_>) -> Authority {
    Authority::open::<S, _>(&mut (PAGE, ring), subject, &authority())
}

fn whole_life<S: Suite>() -> (Bench<S>, Vec<u64>) {
    let mut bench = Bench::<S>::new(Retention::Overwrite);
    let mut acknowledged = Vec::new();
    for boot in 0..12 {
        bench.boot();
        bench.maintain();
        for number in 0..30 {
            acknowledged.push(bench.append(boot * 100 + number).unwrap());
            bench.maintain();
        }
        if boot % 2 == 0 {
            bench.log.as_mut().unwrap().request_checkpoint();
            bench.maintain();
        }
    }
    (bench, acknowledged)
}

fn check_life<S: Suite>() {
    let (bench, acknowledged) = whole_life::<S>();
    let report = bench.verify(opened::<S>);
    let summary = report.summary.unwrap();
    assert_eq!(summary.first_bad, None, "{:?}", report.ranges);
    let seqs: Vec<u64> = report.records.iter().map(|(seq, ..)| *seq).collect();
    assert!(acknowledged.ends_with(&seqs), "{seqs:?}\n{acknowledged:?}");
    assert!(seqs.len() > 200, "{}", seqs.len());
    assert_eq!((summary.sessions, summary.silent_sessions), (12, 0));
    let signed = report.records.iter().filter(|(.., by)| *by == Assurance::Signed).count();
    assert!(signed > 80 && signed < seqs.len(), "{signed}");

    let public = bench.verify(|_, _| NoKeys);
    let covered = |range: &&Range| range.verdict == Verdict::Verified;
    assert!(public.ranges.iter().filter(covered).all(|range| range.assurance == Assurance::Signed));
    assert!(public.ranges.iter().any(|range| range.verdict == Verdict::Verified));
    assert_eq!(public.summary.unwrap().first_bad, None);
    assert!(public.records.is_empty());
}

#[test]
fn a_log_of_many_boots_verifies_with_the_authoritys_secret_and_in_part_without() {
    check_life::<Aes256Gcm>();
    check_life::<ChaCha20Poly1305>();
}

#[test]
fn a_changed_record_is_found_where_it_lies() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let mut image = bench.flash.image();
    let target = bench.verify(opened::<Aes256Gcm>);
    let head = target.summary.unwrap().head.unwrap().1;
    let slot = head.page % PAGES;
    let at = (4 + slot) * PAGE + head.offset + 12;
    image[at as usize] ^= 1;
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
    assert_eq!(torn.map(|range| (range.page, range.offset)), Some((head.page, head.offset)));
}

#[test]
fn a_truncated_log_is_found_by_an_anchor() {
    let (mut bench, _) = whole_life::<Aes256Gcm>();
    let before = bench.flash.image();
    bench.append(1).unwrap();
    bench.log.as_mut().unwrap().request_checkpoint();
    bench.maintain();
    let statements = bench.verify(|_, _| NoKeys).statements;
    let anchor = statements.iter().max_by_key(|statement| statement.place.seq).unwrap();
    let report = verify_image::<Aes256Gcm, _>(&before, Some(anchor), opened::<Aes256Gcm>);
    assert_eq!(report.summary.unwrap().first_bad.unwrap().0, Verdict::Truncated);
    let image = bench.flash.image();
    let report = verify_image::<Aes256Gcm, _>(&image, Some(anchor), opened::<Aes256Gcm>);
    assert!(report.summary.unwrap().anchored);
    assert_eq!(report.summary.unwrap().first_bad, None);
}

#[test]
fn a_blocking_log_refuses_when_full_and_goes_on_when_cleared() {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Block);
    bench.boot();
    bench.maintain();
    let mut count = 0;
    let full = loop {
        match bench.append(count) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
        bench.maintain();
    };
    assert_eq!(full, RecordError::Full);
    let now = Ticks::from_millis(1);
    let event = SystemEvent::ExportCompleted { records: Count::new(count) };
    let reserved = bench.log.as_mut().unwrap().append_reserved(&mut bench.flash, &event, now);
    reserved.unwrap();
    for _ in 0..3 {
        bench.log.as_mut().unwrap().request_clear();
        bench.maintain();
        bench.append(1).unwrap();
    }
    let report = bench.verify(opened::<Aes256Gcm>);
    assert_eq!(report.summary.unwrap().first_bad, None, "{:?}", report.ranges);
}

#[test]
fn a_chain_ends_after_its_sessions_and_its_records_stay_readable() {
    let mut bench = Bench::<ChaCha20Poly1305>::new(Retention::Overwrite);
    for boot in 0..300 {
        bench.boot();
        bench.maintain();
        bench.append(boot).unwrap();
        bench.maintain();
    }
    let report = bench.verify(opened::<ChaCha20Poly1305>);
    assert_eq!(report.summary.unwrap().first_bad, None, "{:?}", report.ranges);
    assert!(report.records.iter().any(|(_, count, _)| *count < 250));
    assert_eq!(report.records.last().unwrap().1, 299);
}

#[test]
fn an_export_in_pieces_holds_the_pages_as_they_are() {
    let (mut bench, _) = whole_life::<Aes256Gcm>();
    let image = bench.flash.image();
    let log = bench.log.as_ref().unwrap();
    let mut export = Vec::new();
    let mut cursor = log.export_start().unwrap();
    for piece in [1, 7, 100, 61, 4096, 3].iter().cycle() {
        let mut out = vec![0; *piece];
        let count = log.export(&mut bench.flash, 1, &mut cursor, &mut out).unwrap();
        export.extend_from_slice(&out[..count]);
        if count == 0 {
            break;
        }
    }
    assert_eq!(export.len(), log.export_bytes() as usize);
    let (header, pages) = ExportHeader::parse(&export).unwrap();
    assert_eq!(pages, &image[4 * PAGE as usize..]);
    assert_eq!(header.device, device_id(1, &key().public()));
    assert_eq!(Some(header.state), newest_state(&image[..4 * PAGE as usize]));
    header.plan().unwrap();
    for cut in 0..export.len() {
        assert_eq!(ExportHeader::parse(&export[..cut]).err(), Some(DecodeError::Short));
    }
}

/// Sessions of ten records each, every one signed.
fn signed_life(sessions: u32) -> Bench<Aes256Gcm> {
    let mut bench = Bench::new(Retention::Overwrite);
    for boot in 0..sessions {
        bench.boot();
        bench.maintain();
        for number in 0..10 {
            bench.append(boot * 100 + number).unwrap();
            bench.maintain();
        }
        bench.log.as_mut().unwrap().request_checkpoint();
        bench.maintain();
    }
    bench
}

/// Boots once more on `image` and signs.
fn boot_on(image: Vec<u8>) -> Bench<Aes256Gcm> {
    let flash = Part::from_image(image, Model::None, 1);
    let random = Random::new(Noise::good(8));
    let mut bench = Bench { flash, random, log: None, retention: Retention::Overwrite, now: 0 };
    bench.boot();
    bench.maintain();
    bench.append(1).unwrap();
    bench.log.as_mut().unwrap().request_checkpoint();
    bench.maintain();
    bench
}

#[test]
fn sessions_removed_before_a_boot_are_counted_and_marked() {
    let bench = signed_life(12);
    let mut image = bench.flash.image();
    image[4 * PAGE as usize..].fill(0xFF);
    let (wiped, older) = (boot_on(image), signed_life(4).flash.image());
    let mut image = bench.flash.image();
    image[4 * PAGE as usize..].copy_from_slice(&older[4 * PAGE as usize..]);
    let set_back = boot_on(image);
    for (bench, silent) in [(&wiped, 12), (&set_back, 8)] {
        for report in [bench.verify(opened::<Aes256Gcm>), bench.verify(|_, _| NoKeys)] {
            assert_eq!(report.summary.unwrap().silent_sessions, silent);
            let marks = |range: &&Range| {
                range.verdict == Verdict::Unanchored && range.first_seq > range.last_seq
            };
            assert_eq!(report.ranges.iter().filter(marks).count(), 2, "{:?}", report.ranges);
        }
    }
}

#[test]
fn a_state_from_a_chain_of_somebody_else_is_not_believed() {
    let bench = signed_life(6);
    let image = bench.flash.image();
    let device = device_id(1, &key().public());
    let secret = Secret::new([0x77; 32]);
    let ephemeral = Secret::new([0x55; 32]);
    let authority = authority().public();
    let escrow = Escrow::seal::<Aes256Gcm>(&secret, 7, &device, &authority, &ephemeral).unwrap();
    let void = Void { page: 0, session: 6 };
    let forged = PublicState { index: 7, void, lifecycle: 0, escrow, proof: [0; 16] };
    let state = forged.encode(&secret).unwrap();
    let report = verify_with::<Aes256Gcm, _>(&image, Some(&state), None, opened::<Aes256Gcm>);
    let summary = report.summary.unwrap();
    // The genuine escrow was in the state alone, so nothing opens; and nothing that was hidden passes for absent.
    assert!(!summary.state_believed);
    assert!(report.ranges.iter().all(|range| range.verdict != Verdict::Verified));
    let report = bench.verify(opened::<Aes256Gcm>);
    assert!(report.summary.unwrap().state_believed);
}

/// The secret of a chain that anybody can seal to the authority.
const ADDED: [u8; 32] = [9; 32];

/// The image of a device with such a chain's escrow behind the last entry, and where the log ends without it.
fn with_added_escrow(bench: &Bench<Aes256Gcm>) -> (Vec<u8>, Place) {
    let head = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1;
    let mut image = bench.flash.image();
    let slot = ((4 + head.page % PAGES) * PAGE) as usize;
    let blank = image[slot..slot + PAGE as usize].iter().rposition(|byte| *byte != 0xFF).unwrap();
    let offset = (blank + 4) / 4 * 4;
    let (secret, ephemeral) = (Secret::new(ADDED), Secret::new([8; 32]));
    let (device, authority) = (device_id(1, &key().public()), authority().public());
    let escrow = Escrow::seal::<Aes256Gcm>(&secret, 2, &device, &authority, &ephemeral).unwrap();
    let header = EntryHeader { length: 92, class: 0xC1, seq_low: (head.seq + 1) as u16 };
    let entry = &mut image[slot + offset..][..116];
    entry[..8].copy_from_slice(&header.encode(head.page, offset as u32));
    entry[8..100].copy_from_slice(&escrow.encode().unwrap());
    entry[100..].fill(1);
    (image, head)
}

/// A header for a page, as a session of the added chain would write it if it had the right commitment.
fn added_header(page: u32, session: u32, floor: u32) -> Header {
    Header {
        page,
        session,
        ordinal: 0,
        ring: 1,
        suite: Aes256Gcm::ID,
        floor,
        first_seq: 1,
        salt: [1; 16],
        previous: [0; 32],
        commit: [3; 16],
    }
}

#[test]
fn an_escrow_that_anybody_added_does_not_blind_the_authority() {
    let bench = signed_life(6);
    let honest = bench.verify(opened::<Aes256Gcm>);
    let (image, head) = with_added_escrow(&bench);
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    assert_eq!(report.records, honest.records);
    assert_eq!(report.summary.unwrap().first_bad, None);
    let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
    assert_eq!(torn.map(|range| range.first_seq), Some(head.seq + 1));
}

/// Headers in all other slots, without anything behind them, do not keep the authority from the one page that has entries.
#[test]
fn the_authority_looks_into_every_page() {
    let bench = signed_life(2);
    let (mut image, head) = with_added_escrow(&bench);
    let chains = |image: &[u8]| {
        let mut count = 0;
        verify_image::<Aes256Gcm, _>(image, None, |ring, subject| {
            let keys = opened::<Aes256Gcm>(ring, subject);
            count = keys.chains();
            keys
        });
        count
    };
    assert_eq!(chains(&bench.flash.image()), 1);
    assert_eq!(chains(&image), 2);
    for page in head.page + 1..head.page + PAGES {
        let bytes = added_header(page, 9, 1).encode().unwrap();
        image[((4 + page % PAGES) * PAGE) as usize..][..bytes.len()].copy_from_slice(&bytes);
    }
    assert_eq!(chains(&image), 2);
}

/// A page opened behind the newest states a floor for those who trust who opened it, and takes no floor from others.
#[test]
fn a_floor_stays_vouched_for_whoever_states_it_too() {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Overwrite);
    let (mut told, mut page) = (0, 0);
    while page < 2 * PAGES {
        bench.boot();
        bench.maintain();
        for number in 0..12 {
            bench.append(number).unwrap();
            bench.maintain();
        }
        let honest = bench.verify(opened::<Aes256Gcm>);
        let (session, head) = honest.summary.unwrap().head.unwrap();
        page = head.page;
        let slot = |page: u32| ((4 + page % PAGES) * PAGE) as usize;
        let (mut image, _) = with_added_escrow(&bench);
        let own: [u8; 112] = *image[slot(page)..].first_chunk().unwrap();
        let floor = Header::parse(&own).unwrap().floor;
        let mut header = added_header(page + 1, session + 1, floor);
        let mut audit = Secret::new(ADDED);
        for _ in 2..=session {
            audit = next_audit(&audit);
        }
        let device = device_id(1, &key().public());
        let link = session_link(&audit, header.session, &header.salt, &device, Aes256Gcm::ID);
        let bytes = header.encode().unwrap();
        header.commit = SegmentKeys::derive(&link, page + 1, 0, committed(&bytes)).commit;
        let bytes = header.encode().unwrap();
        image[slot(page + 1)..][..bytes.len()].copy_from_slice(&bytes);
        let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
        let given_up = |report: &Report| -> Vec<Range> {
            let ranges = report.ranges.iter().copied();
            ranges.filter(|range| range.verdict == Verdict::OverwrittenByPolicy).collect()
        };
        assert_eq!(given_up(&report), given_up(&honest), "page {page}");
        told += given_up(&honest).len();
    }
    assert!(told > 3, "{told}");
}

#[test]
fn a_damaged_header_of_the_newest_pages_is_found() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let head = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1;
    for damaged in 1..5 {
        let mut image = bench.flash.image();
        for below in 0..damaged {
            let at = (4 + (head.page - below) % PAGES) * PAGE + 40;
            image[at as usize] ^= 1;
        }
        let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
        let first_bad = report.summary.unwrap().first_bad;
        assert!(first_bad.is_some(), "{damaged}: {:?}", report.ranges);
        let after = |range: &&Range| range.page > head.page - damaged;
        let verified = |range: &Range| range.verdict == Verdict::Verified;
        assert!(!report.ranges.iter().filter(after).any(verified), "{damaged}");
    }
}

/// A log whose newest session goes on from one that had turned a page: image, resume record and its position.
fn resumed_behind_a_page_header() -> (Vec<u8>, Resume, u32, u32) {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Overwrite);
    bench.boot();
    bench.maintain();
    let mut page = 0;
    while page < 2 {
        bench.append(1).unwrap();
        bench.maintain();
        page = bench.verify(|_, _| NoKeys).summary.unwrap().head.unwrap().1.page;
    }
    bench.boot();
    bench.maintain();
    bench.append(2).unwrap();
    let image = bench.flash.image();
    let slot = ((4 + page % PAGES) * PAGE) as usize;
    let mut resumes = (0..PAGE).step_by(4).filter_map(|offset| {
        let bytes = image[slot + offset as usize..].first_chunk()?;
        Some((offset, Resume::parse(bytes, page, offset).ok()?))
    });
    let (offset, resume) = resumes.next_back().unwrap();
    (image, resume, page, offset)
}

/// Without keys a resume record can be rewritten. What it names has to be there.
#[test]
fn a_session_goes_on_from_a_segment_and_not_from_the_middle_of_one() {
    let (image, resume, page, offset) = resumed_behind_a_page_header();
    let with = |change: fn(&mut Resume)| {
        let (mut image, mut resume) = (image.clone(), resume);
        change(&mut resume);
        let at = ((4 + page % PAGES) * PAGE + offset) as usize;
        image[at..at + RESUME_BYTES].copy_from_slice(&resume.encode(page, offset).unwrap());
        verify_image::<Aes256Gcm, _>(&image, None, |_, _| NoKeys).summary.unwrap()
    };
    assert_eq!(with(|_| ()).first_bad, None);
    let bad = with(|resume| resume.adopted.offset += 128).first_bad;
    assert_eq!(bad, Some((Verdict::Modified, page, 0)));
    let bad = with(|resume| resume.adopted.session -= 1).first_bad;
    assert_eq!(bad.map(|(verdict, ..)| verdict), Some(Verdict::Modified));
}

/// A page header whose session begins on that page is a segment by its resume record alone.
#[test]
fn a_header_that_anybody_wrote_begins_no_segment_without_its_resume_record() {
    let bench = signed_life(3);
    let honest = bench.verify(|_, _| NoKeys).summary.unwrap();
    let (session, head) = honest.head.unwrap();
    let page = head.page + 1;
    let mut plain = [0; 10];
    let record = RecordHeader {
        event: 0x0103,
        category: Category::AuditLog,
        outcome: Outcome::MinorFailure,
        at: Ticks::from_millis(5),
    };
    record.encode(&mut Writer::new(&mut plain)).unwrap();
    let with = |ordinal: u32| {
        let mut image = bench.flash.image();
        let slot = ((4 + page % PAGES) * PAGE) as usize;
        let header = Header {
            page,
            session: session + 1,
            ordinal,
            ring: 1,
            suite: Aes256Gcm::ID,
            floor: 1,
            first_seq: head.seq + 1,
            salt: [1; 16],
            previous: [2; 32],
            commit: [3; 16],
        };
        let bytes = header.encode().unwrap();
        image[slot..slot + bytes.len()].copy_from_slice(&bytes);
        let (mut at, mut seq) = (bytes.len() as u32, head.seq + 1);
        // The last one does not fit.
        while at + 8 <= PAGE {
            let entry = EntryHeader { length: BODY_BYTES_MAX, class: 1, seq_low: seq as u16 };
            let stored = &mut image[slot + at as usize..];
            stored[..8].copy_from_slice(&entry.encode(page, at));
            // What a reader with keys would find behind the encryption.
            stored.iter_mut().skip(8).zip(plain).for_each(|(to, from)| *to = from);
            let bytes = (8 + u32::from(BODY_BYTES_MAX) + 16).next_multiple_of(4);
            (at, seq) = (at + bytes, seq + 1);
        }
        assert!(at > PAGE);
        let report = verify_image::<Aes256Gcm, _>(&image, None, |_, _| NoKeys);
        assert_eq!(report.records, [], "nothing is read without keys");
        (report.summary.unwrap().head.unwrap(), seq - 2)
    };
    assert_eq!(with(0).0, honest.head.unwrap());
    // The control: with its resume record out of the way it does, up to the end of the page.
    let ((newest, end), last) = with(1);
    assert_eq!((newest, end.seq), (session + 1, last));
}

/// Pages without headers take none of the others with them.
#[test]
fn damaged_headers_hide_their_own_pages_alone() {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Overwrite);
    // Until the page in slot 0 lies in the middle.
    let mut newest = 0;
    while newest < 2 * PAGES || newest % PAGES != 4 {
        bench.boot();
        bench.maintain();
        for number in 0..20 {
            bench.append(number).unwrap();
            bench.maintain();
        }
        newest = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1.page;
    }
    let pages = |report: &Report| -> Vec<u32> {
        let records = report.ranges.iter().filter(|range| range.first_seq <= range.last_seq);
        let mut pages: Vec<u32> = records.map(|range| range.page).collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    };
    let whole = pages(&bench.verify(opened::<Aes256Gcm>));
    assert!(whole.len() as u32 >= PAGES - 1, "{whole:?}");
    for run in 1..=3 {
        for damaged in whole.windows(run) {
            let mut image = bench.flash.image();
            for page in damaged {
                image[((4 + page % PAGES) * PAGE + 40) as usize] ^= 1;
            }
            let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
            let others = |pages: &[u32]| -> Vec<u32> {
                pages.iter().copied().filter(|page| !damaged.contains(page)).collect()
            };
            assert_eq!(others(&pages(&report)), others(&whole), "headers of pages {damaged:?}");
        }
    }
}

/// Two pages lie in each other's place. That they do is said first, and that they are missing where they belong after it.
#[test]
fn exchanged_pages_are_called_reordered() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let head = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1;
    let (lower, higher) = (head.page - 3, head.page - 1);
    let mut image = bench.flash.image();
    let at = |page: u32| ((4 + page % PAGES) * PAGE) as usize;
    for byte in 0..PAGE as usize {
        image.swap(at(lower) + byte, at(higher) + byte);
    }
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    assert_eq!(report.summary.unwrap().first_bad, Some((Verdict::Reordered, lower, 0)));
    let there = |range: &&Range| range.verdict.is_bad() && (range.page, range.offset) == (lower, 0);
    assert!(report.ranges.iter().filter(there).count() > 1, "{:?}", report.ranges);
}

/// Something lies there and is no header, or nothing lies there.
#[test]
fn a_page_with_a_damaged_header_is_told_from_one_that_is_gone() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let page = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1.page - 2;
    let at = ((4 + page % PAGES) * PAGE) as usize;
    let damaged = |length: usize| {
        let mut image = bench.flash.image();
        image[at + 40..at + 40 + length].fill(0xFF);
        if length > 1 {
            image[at..at + PAGE as usize].fill(0xFF);
        }
        verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>).summary.unwrap()
    };
    assert_eq!(damaged(1).first_bad, Some((Verdict::Modified, page, 0)));
    assert_eq!(damaged(2).first_bad, Some((Verdict::Gap, page, 0)));
}

#[test]
fn the_summary_says_what_is_there() {
    let bench = signed_life(5);
    for report in [bench.verify(opened::<Aes256Gcm>), bench.verify(|_, _| NoKeys)] {
        let summary = report.summary.unwrap();
        let newest = report.statements.iter().max_by_key(|statement| statement.place.seq).unwrap();
        assert_eq!(summary.signed_to, Some((newest.session, newest.place)));
        assert_eq!(summary.head, summary.signed_to, "the last thing a boot did was to sign");
        assert_eq!((summary.sessions, summary.silent_sessions), (5, 0));
    }
}

/// The first record of a session was in flight: the log ends with what lies before it.
#[test]
fn a_lone_record_that_is_torn_leaves_the_end_before_it() {
    let mut bench = signed_life(2);
    bench.boot();
    bench.maintain();
    let seq = bench.append(7).unwrap();
    let (session, place) = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap();
    assert_eq!(place.seq, seq);
    let mut image = bench.flash.image();
    image[((4 + place.page % PAGES) * PAGE + place.offset + 12) as usize] ^= 1;
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    let summary = report.summary.unwrap();
    assert_eq!(summary.head.map(|(session, end)| (session, end.seq)), Some((session, seq - 1)));
    let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
    assert_eq!(torn.map(|range| (range.first_seq, range.offset)), Some((seq, place.offset)));
}

/// Pages of which a stretch gives an error.
struct Damaged<'a> {
    ring: &'a [u8],
    bad: core::ops::Range<u32>,
}

impl Image for Damaged<'_> {
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable> {
        let start = slot * PAGE + offset;
        if start < self.bad.end && self.bad.start < start + out.len() as u32 {
            return Err(Unreadable);
        }
        (PAGE, self.ring).read(slot, offset, out)
    }
}

/// A read error is a torn word: the log ends before it, as before a record that was never begun.
#[test]
fn the_log_ends_before_a_record_that_cannot_be_read() {
    let bench = signed_life(3);
    let (_, place) = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap();
    let image = bench.flash.image();
    let state = newest_state(&image[..4 * PAGE as usize]);
    let ring = &image[4 * PAGE as usize..];
    let body = place.page % PAGES * PAGE + place.offset + 8;
    let geometry = Geometry::of_image(PAGE, 4, PAGES).unwrap();
    let plan = Plan::new(geometry, u32::from(BODY_BYTES_MAX)).unwrap();
    let public_key = key().public();
    let device = device_id(1, &public_key);
    let (key, state) = (Some(&public_key), state.as_ref());
    let subject = Subject { plan: &plan, ring: 1, device, key, state, anchor: None };
    let mut damaged = Damaged { ring, bad: body..body + 8 };
    let mut keys = Authority::open::<Aes256Gcm, _>(&mut damaged, &subject, &authority());
    let mut report = Report::default();
    let summary = verify::<Aes256Gcm, _, _, _>(&mut damaged, &mut keys, &subject, &mut report);
    assert_eq!(summary.first_bad, None);
    assert!(summary.head.is_some_and(|(_, head)| head.seq == place.seq - 1));
    assert!(report.ranges.iter().all(|range| range.verdict != Verdict::TornTail));
}

/// Whoever has a session's secret can make all of it but what the device signed.
#[test]
fn a_holder_of_the_secret_cannot_sign_a_checkpoint() {
    let bench = signed_life(4);
    let honest = bench.verify(opened::<Aes256Gcm>);
    let (session, place) = honest.summary.unwrap().signed_to.unwrap();
    assert_eq!(honest.summary.unwrap().head, Some((session, place)));
    let of_session = |range: &&Range| range.session == session && range.first_seq <= range.last_seq;
    let segment = honest.ranges.iter().find(of_session).unwrap();
    let (segment_page, segment_offset) = (segment.page, segment.offset);
    assert!(segment_offset > 0 && segment_page == place.page, "it begins with a resume record");
    let image = bench.flash.image();
    let slot = ((4 + place.page % PAGES) * PAGE) as usize;
    let start: [u8; RESUME_BYTES] = *image[slot + segment_offset as usize..].first_chunk().unwrap();
    let resume = Resume::parse(&start, segment_page, segment_offset).unwrap();
    let mut audit = Secret::new([4; 32]);
    let state = PublicState::parse(&newest_state(&image).unwrap()).unwrap();
    for _ in state.escrow.base..session {
        audit = next_audit(&audit);
    }
    let device = device_id(1, &key().public());
    let link = session_link(&audit, session, &resume.salt, &device, Aes256Gcm::ID);
    let keys = SegmentKeys::derive(&link, segment_page, segment_offset, committed(&start));
    assert_eq!((resume.ordinal, keys.commit), (0, resume.commit), "the keys are the session's");
    let stored = &image[slot + place.offset as usize..];
    let header: [u8; 8] = *stored.first_chunk().unwrap();
    let header = EntryHeader::parse(&header, place.page, place.offset).unwrap();
    let mut body = stored[8..8 + usize::from(header.length)].to_vec();
    // The last byte of the body is one of the signature.
    *body.last_mut().unwrap() ^= 1;
    let with_forged = |place: Place| {
        let mut image = image.clone();
        let header = EntryHeader { seq_low: place.seq as u16, ..header };
        let header = header.encode(place.page, place.offset);
        let aad = [&entry_aad(&place, &header)[..], &body].concat();
        let tag = Sealer::<Aes256Gcm>::new(&keys.page).seal(place.seq, &aad, &mut []).unwrap();
        let entry = [&header[..], &body, &tag].concat();
        image[slot + place.offset as usize..][..entry.len()].copy_from_slice(&entry);
        verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>)
    };
    let length = (8 + u32::from(header.length) + 16).next_multiple_of(4);
    let behind = Place { offset: place.offset + length, seq: place.seq + 1, ..place };
    // In place of the device's own; and behind it, where it would look like an entry in flight but for its tag.
    for forged in [place, behind] {
        let report = with_forged(forged);
        let summary = report.summary.unwrap();
        let modified = Some((Verdict::Modified, segment_page, segment_offset));
        assert_eq!(summary.first_bad, modified);
        // Nothing that the signature should cover is good, back to the one before it.
        let signed = summary.signed_to.unwrap();
        assert_eq!(signed == (session, place), forged == behind);
        let good = signed.1.seq.max(resume.seq);
        let bad = report.ranges.iter().find(|range| range.verdict == Verdict::Modified).unwrap();
        assert_eq!((bad.session, bad.first_seq), (session, good + 1));
        assert_eq!(summary.head.map(|(_, head)| head.seq), Some(good));
        let believed =
            |(seq, _, by): &&(u64, u32, Assurance)| *seq > good && *by != Assurance::Unanchored;
        assert_eq!(report.records.iter().find(believed), None);
    }
}

#[test]
fn records_hidden_from_a_boot_and_put_back_are_found() {
    let mut bench = signed_life(2);
    let before = bench.flash.image();
    for number in 900..903 {
        bench.append(number).unwrap();
    }
    let full = bench.flash.image();
    let mut image = boot_on(before.clone()).flash.image();
    for (at, byte) in image.iter_mut().enumerate().skip(4 * PAGE as usize) {
        if before[at] == 0xFF && full[at] != 0xFF && *byte == 0xFF {
            *byte = full[at];
        }
    }
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    assert_eq!(
        report.summary.unwrap().first_bad.map(|(verdict, ..)| verdict),
        Some(Verdict::Modified)
    );
}
