//! Chains of audit secrets that end, and exports while the log goes on.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

use medsec_audit::export::{ExportError, ExportHeader};
use medsec_audit::log::{Birth, Config, Log, Progress, Tools};
use medsec_audit::state::{Escrow, PUBLIC_BYTES, PublicState};
use medsec_audit::verify::{
    Authority, Keys, Observer, Opened, Range, Subject, Summary, Verdict, verify,
};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, RecordError, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::ring::{Plan, Retention, Void};
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::ChaCha20Poly1305 as Suite;
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

const PAGE: u32 = 4096;
const PAGES: u32 = 8;
type Part = FaultFlash<4, 4, 4096>;

fn secret(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

fn key() -> DeviceKey {
    DeviceKey::from_seed(&secret(2))
}

fn authority() -> AgreementSecret {
    AgreementSecret::from_bytes(secret(3))
}

struct Bench {
    flash: Part,
    random: Random<Noise>,
    log: Log<Suite>,
    next: u32,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        let mut flash = Part::new(4 + PAGES, Model::None, 1);
        let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
        Log::<Suite>::format(&mut flash, &config(), &secret(1), birth).unwrap();
        let log = Log::mount(&mut flash, config(), &secret(1)).unwrap();
        Self { flash, random: Random::new(Noise::good(7)), log, next: 0, now: 0 }
    }

    fn boot(&mut self) {
        self.log = Log::mount(&mut self.flash, config(), &secret(1)).unwrap();
        self.log.request_session();
        self.maintain();
    }

    fn maintain(&mut self) {
        while self.step() != Progress::Idle {}
    }

    fn step(&mut self) -> Progress {
        self.now += 1;
        let (mut lender, key) = ((), key());
        let pause = Pause::lend(&mut lender, 1);
        let now = Ticks::from_millis(self.now);
        let mut tools = Tools { random: &mut self.random, key: &key, now, pause: &pause };
        self.log.maintain(&mut self.flash, &mut tools).unwrap()
    }

    fn append(&mut self) -> Result<(), RecordError> {
        let event = SystemEvent::RecordsSuppressed { count: Count::new(self.next) };
        self.log.append(&mut self.flash, &event, Ticks::from_millis(self.now))?;
        self.next += 1;
        Ok(())
    }

    fn records(&mut self, count: u32) {
        for _ in 0..count {
            self.append().unwrap();
            self.maintain();
        }
    }

    fn export(&mut self) -> Vec<u8> {
        let mut export = vec![0; self.log.export_bytes() as usize];
        let mut cursor = self.log.export_start().unwrap();
        while (cursor.offset as usize) < export.len() {
            let from = cursor.offset as usize;
            self.log.export(&mut self.flash, 1, &mut cursor, &mut export[from..]).unwrap();
        }
        export
    }
}

fn config() -> Config {
    Config {
        cell: Region::new(0, 4 * PAGE),
        ring: Region::new(4 * PAGE, PAGES * PAGE),
        retention: Retention::Overwrite,
        device: device_id(1, &key().public()),
        authority: authority().public(),
    }
}

#[derive(Default)]
struct Numbers {
    found: Vec<u32>,
    ranges: Vec<Range>,
    signed: usize,
}

impl Observer for Numbers {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        if let [3, a, b, c, d] = record.fields {
            self.found.push(u32::from_le_bytes([*a, *b, *c, *d]));
        }
    }

    fn checkpoint(&mut self, _: &medsec_audit::checkpoint::Statement, _: &[u8; 64]) {
        self.signed += 1;
    }
}

fn check(export: &[u8]) -> (Summary, Vec<u32>) {
    let (header, pages) = ExportHeader::parse(export).unwrap();
    let plan = header.plan().unwrap();
    let public_key = key().public();
    let subject = Subject {
        plan: &plan,
        ring: header.ring,
        device: header.device,
        key: Some(&public_key),
        state: Some(&header.state),
        anchor: None,
    };
    let mut keys = Authority::open::<Suite, _>(&mut (PAGE, pages), &subject, &authority());
    let mut numbers = Numbers::default();
    let summary = verify::<Suite, _, _, _>(&mut (PAGE, pages), &mut keys, &subject, &mut numbers);
    assert_eq!(summary.first_bad, None, "{:?}", numbers.ranges);
    numbers.found.sort_unstable();
    (summary, numbers.found)
}

/// What the authority can open, and what the verifier makes of it, with this state and key.
fn judge(
    (plan, pages): (&Plan, &[u8]),
    state: Option<&[u8; PUBLIC_BYTES]>,
    keys: &mut Authority,
    is_public_known: bool,
) -> (Summary, Numbers) {
    let public_key = key().public();
    let device = device_id(1, &public_key);
    let key = is_public_known.then_some(&public_key);
    let subject = Subject { plan, ring: 1, device, key, state, anchor: None };
    let mut numbers = Numbers::default();
    let summary = verify::<Suite, _, _, _>(&mut (PAGE, pages), keys, &subject, &mut numbers);
    (summary, numbers)
}

fn open(
    (plan, pages): (&Plan, &[u8]),
    state: Option<&[u8; PUBLIC_BYTES]>,
    secret: &AgreementSecret,
) -> Authority {
    let device = device_id(1, &key().public());
    let subject = Subject { plan, ring: 1, device, key: None, state, anchor: None };
    Authority::open::<Suite, _>(&mut (PAGE, pages), &subject, secret)
}

/// The escrow of the present chain is in the state, those of ended ones are among the records; each counts once.
#[test]
fn the_authority_opens_each_chain_once() {
    let count = |export: &[u8], with_state: bool, secret: &AgreementSecret| {
        let (header, pages) = ExportHeader::parse(export).unwrap();
        let plan = header.plan().unwrap();
        assert_eq!(header.ring, 1);
        open((&plan, pages), with_state.then_some(&header.state), secret).chains()
    };
    let stranger = AgreementSecret::from_bytes(secret(99));
    let mut bench = before_the_end();
    let export = bench.export();
    assert_eq!(count(&export, true, &authority()), 1);
    assert_eq!(count(&export, false, &authority()), 0);
    assert_eq!(count(&export, true, &stranger), 0);
    bench.boot();
    let export = bench.export();
    assert_eq!(count(&export, true, &authority()), 2);
    assert_eq!(count(&export, false, &authority()), 1);
    assert_eq!(count(&export, true, &stranger), 0);
    // A state that was set back to the ended chain names it a second time.
    let (header, pages) = ExportHeader::parse(&export).unwrap();
    let plan = header.plan().unwrap();
    let before = before_the_end().export();
    let (older, _) = ExportHeader::parse(&before).unwrap();
    assert_eq!(open((&plan, pages), Some(&older.state), &authority()).chains(), 1);
}

/// What one log's signatures vouched for says nothing about the next.
#[test]
fn an_authority_begins_anew_with_each_log() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.boot();
        bench.records(5);
    }
    let export = bench.export();
    let (header, pages) = ExportHeader::parse(&export).unwrap();
    let plan = header.plan().unwrap();
    let log = (&plan, pages);
    let state = Some(&header.state);
    let mut keys = open(log, state, &authority());
    assert!(keys.is_keyed());
    assert!(!keys.is_vouched(0), "nothing was signed yet");
    let (summary, numbers) = judge(log, state, &mut keys, true);
    assert!(keys.is_vouched(0));
    assert_eq!((summary.records > 0, summary.first_bad), (true, None));
    assert!(numbers.signed > 0);
    assert!(numbers.ranges.iter().any(|range| range.verdict == Verdict::Verified));
    let (summary, numbers) = judge(log, state, &mut keys, false);
    assert_eq!((summary.records, summary.first_bad), (0, None));
    assert!(numbers.ranges.iter().all(|range| range.verdict != Verdict::Verified));
    assert!(!keys.is_vouched(0));
    assert_eq!(numbers.signed, 0, "nobody could check a signature");
}

/// Anyone can seal a chain to the authority and prove a state with it, which says that half of the log does not exist.
#[test]
fn a_state_that_nobody_vouches_for_hides_nothing() {
    // The chain of all that is stored has just ended, so that its escrow is among the records.
    let mut bench = before_the_end();
    bench.records(300);
    bench.boot();
    let export = bench.export();
    let (header, pages) = ExportHeader::parse(&export).unwrap();
    let plan = header.plan().unwrap();
    let log = (&plan, pages);
    let mut keys = open(log, Some(&header.state), &authority());
    let (honest, told) = judge(log, Some(&header.state), &mut keys, true);
    assert!(honest.first_bad.is_none() && honest.records > 200);
    let (session, newest) = honest.head.unwrap();
    let (index, audit) = (session + 1, secret(77));
    let (device, to) = (device_id(1, &key().public()), authority().public());
    let escrow = Escrow::seal::<Suite>(&audit, index, &device, &to, &secret(78)).unwrap();
    for given_up in [1, 3, 5] {
        let void = Void { page: newest.page - given_up, session: u32::MAX };
        let state = PublicState { index, void, lifecycle: 0, escrow, proof: [0; 16] };
        let state = state.encode(&audit).unwrap();
        let mut keys = open(log, Some(&state), &authority());
        assert_eq!(keys.chains(), 2);
        let (summary, numbers) = judge(log, Some(&state), &mut keys, true);
        assert_eq!((summary.state_believed, summary.first_bad), (false, None));
        assert_eq!((summary.records, summary.head), (honest.records, honest.head));
        assert_eq!(numbers.found, told.found);
    }
}

/// A device at the last session of its first chain.
fn before_the_end() -> Bench {
    let mut bench = Bench::new();
    for _ in 0..255 {
        bench.boot();
        bench.records(1);
    }
    bench
}

#[test]
fn a_device_that_stays_on_after_its_chain_ended_stays_readable() {
    let mut bench = before_the_end();
    bench.boot();
    for _ in 0..30 {
        bench.records(100);
        let newest = bench.next - 1;
        let (_, found) = check(&bench.export());
        assert_eq!(found.last(), Some(&newest));
        assert!(found.len() > 100 && found.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
}

#[test]
fn boots_after_a_chain_ended_stay_readable_until_they_are_given_up() {
    let mut bench = before_the_end();
    bench.boot();
    bench.records(300);
    for _ in 0..40 {
        bench.boot();
        bench.records(20);
        let newest = bench.next - 1;
        let (_, found) = check(&bench.export());
        assert_eq!(found.last(), Some(&newest));
        assert!(found.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{found:?}");
    }
}

#[test]
fn an_export_is_of_the_moment_it_began_whatever_happens_meanwhile() {
    let mut bench = Bench::new();
    for _ in 0..12 {
        bench.boot();
        bench.records(40);
    }
    let newest = bench.next - 1;
    let mut export = vec![0; bench.log.export_bytes() as usize];
    let mut cursor = bench.log.export_start().unwrap();
    let mut turn = 0;
    while (cursor.offset as usize) < export.len() {
        let from = cursor.offset as usize;
        let to = (from + 1000).min(export.len());
        bench.log.export(&mut bench.flash, 1, &mut cursor, &mut export[from..to]).unwrap();
        turn += 1;
        if turn % 8 == 0 {
            bench.records(2);
        }
        if turn == 17 {
            bench.boot();
        }
    }
    let (_, found) = check(&export);
    assert_eq!(found.last(), Some(&newest));

    let mut cursor = bench.log.export_start().unwrap();
    bench.records(300);
    let late = bench.log.export(&mut bench.flash, 1, &mut cursor, &mut export);
    assert_eq!(late, Err(ExportError::Changed));
}

#[test]
fn asking_to_forget_while_a_session_starts_costs_no_session() {
    let mut bench = Bench::new();
    bench.log.request_session();
    assert_eq!(bench.step(), Progress::More);
    bench.log.request_forget();
    bench.maintain();
    assert!(bench.log.is_running());
    assert_eq!(bench.log.health().sessions, 1);
    assert_eq!(bench.log.health().live_pages, 1);
}

#[test]
fn secrets_are_forgotten_again_after_a_later_session_of_the_same_boot() {
    let mut bench = Bench::new();
    bench.boot();
    bench.records(1);
    bench.now = 700_000;
    bench.maintain();
    assert_eq!(bench.log.health().live_pages, 1);
    bench.flash.fail_after(1);
    assert_eq!(bench.append(), Err(RecordError::Fault));
    bench.maintain();
    assert!(bench.log.is_running());
    assert_eq!(bench.log.health().live_pages, 1);
}
