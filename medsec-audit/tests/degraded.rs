//! What a log does when what it stands on is bad: its bytes, its part, its clock, its noise.
//!
//! The log never panics, never blocks, never erases because it did not understand, and loses nothing that it acknowledged.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

use medsec_audit::export::ExportHeader;
use medsec_audit::log::{
    Birth, Config, Log, MaintainError, MountError, Progress, RESTARTS_MAX, Tools,
};
use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::state::read_public;
use medsec_audit::verify::{
    Authority, NoKeys, Observer, Opened, Range, Subject, Summary, Verdict, verify,
};
use medsec_core::Secret;
use medsec_core::event::{Count, RecordError, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::cell;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{Plan, Retention};
use medsec_core::hpke::RecipientSecret;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::{Counts, FaultFlash};
use medsec_sim::prng::Prng;
use medsec_sim::rng::{Behaviour, Noise};

const PAGE: u32 = 2048;
const CELL_PAGES: u32 = 4;
const RING_PAGES: u32 = 6;
const RING: usize = (CELL_PAGES * PAGE) as usize;
/// More calls than maintenance ever takes, so that one that never ends is found.
const CALLS_MAX: u32 = 400;
type Part = FaultFlash<4, 4, 2048>;

fn secret(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

fn key() -> DeviceKey {
    DeviceKey::from_seed(&secret(2))
}

fn authority() -> RecipientSecret {
    RecipientSecret::from_bytes(secret(3))
}

fn config(retention: Retention) -> Config {
    Config {
        cell: Region::new(0, CELL_PAGES * PAGE),
        ring: Region::new(CELL_PAGES * PAGE, RING_PAGES * PAGE),
        retention,
        device: device_id(1, &key().public()),
        authority: authority().public(),
    }
}

fn event(number: u32) -> SystemEvent {
    SystemEvent::RecordsSuppressed { count: Count::new(number) }
}

/// A device's log, its part and its surroundings.
struct Bench {
    flash: Part,
    random: Random<Noise>,
    log: Option<Log<Aes256Gcm>>,
    retention: Retention,
    now: u64,
    /// Numbers of the records that were acknowledged.
    acknowledged: Vec<u32>,
    next: u32,
}

impl Bench {
    fn new(retention: Retention) -> Self {
        let mut flash = Part::new(CELL_PAGES + RING_PAGES, Model::None, 1);
        let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
        Log::<Aes256Gcm>::format(&mut flash, &config(retention), &secret(1), birth).unwrap();
        let random = Random::new(Noise::good(7));
        Self { flash, random, log: None, retention, now: 0, acknowledged: vec![], next: 0 }
    }

    fn boot(&mut self) {
        self.flash.power_off();
        self.flash.power_on();
        self.random = Random::new(Noise::good(self.flash.counts().reads));
        let mut log = Log::mount(&mut self.flash, config(self.retention), &secret(1)).unwrap();
        log.request_session();
        self.log = Some(log);
    }

    /// One call of maintenance.
    fn step(&mut self) -> Result<Progress, MaintainError> {
        let (mut lender, key) = ((), key());
        let pause = Pause::lend(&mut lender, 1);
        let now = Ticks::from_millis(self.now);
        let mut tools = Tools { random: &mut self.random, key: &key, now, pause: &pause };
        self.log.as_mut().unwrap().maintain(&mut self.flash, &mut tools)
    }

    /// Maintains until nothing is due, or the first error.
    fn maintain(&mut self) -> Result<(), MaintainError> {
        for _ in 0..CALLS_MAX {
            if self.step()? == Progress::Idle {
                return Ok(());
            }
        }
        Err(MaintainError::Exhausted)
    }

    fn append(&mut self) -> Result<(), RecordError> {
        let number = self.next;
        self.next += 1;
        let now = Ticks::from_millis(self.now);
        self.log.as_mut().unwrap().append(&mut self.flash, &event(number), now)?;
        self.acknowledged.push(number);
        Ok(())
    }

    fn verify(&self) -> Report {
        verify_image(&self.flash.image(), &authority())
    }

    /// Every record that was acknowledged, and is not overwritten, is in the log.
    fn check(&self) -> Report {
        let report = self.verify();
        let found = &report.numbers;
        assert!(found.is_sorted(), "{found:?}");
        let oldest = found.first().copied().unwrap_or(0);
        for number in self.acknowledged.iter().filter(|number| **number >= oldest) {
            assert!(found.contains(number), "{number} of {found:?}");
        }
        if let Some(newest) = self.acknowledged.last() {
            assert!(found.contains(newest), "{newest} of {found:?}");
        }
        report
    }
}

#[derive(Default)]
struct Report {
    ranges: Vec<Range>,
    numbers: Vec<u32>,
    places: Vec<(u64, u32, u64)>,
    summary: Option<Summary>,
}

impl Observer for Report {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        let [3, a, b, c, d] = record.fields else { return };
        let number = u32::from_le_bytes([*a, *b, *c, *d]);
        self.places.push((record.place.seq, number, record.header.at.as_millis()));
    }

    fn checkpoint(&mut self, _: &medsec_audit::checkpoint::Statement, _: &[u8; 64]) {}
}

fn verify_image(image: &[u8], authority: &RecipientSecret) -> Report {
    let plan = Geometry::of_image(PAGE, 4, RING_PAGES).unwrap();
    let plan = Plan::new(plan, u32::from(BODY_BYTES_MAX)).unwrap();
    let (cell, ring) = image.split_at(RING);
    let public_key = key().public();
    let cell_geometry = Geometry::of_image(PAGE, 4, CELL_PAGES).unwrap();
    let state = read_public(&mut (PAGE, cell), &cell_geometry);
    let subject = Subject {
        plan: &plan,
        ring: 1,
        device: device_id(1, &public_key),
        key: Some(&public_key),
        state: state.as_ref(),
        anchor: None,
    };
    let _public = verify::<Aes256Gcm, _, _, _>(
        &mut (PAGE, ring),
        &mut NoKeys,
        &subject,
        &mut Report::default(),
    );
    let mut report = Report::default();
    let mut keys = Authority::open::<Aes256Gcm, _>(&mut (PAGE, ring), &subject, authority);
    let summary = verify::<Aes256Gcm, _, _, _>(&mut (PAGE, ring), &mut keys, &subject, &mut report);
    report.summary = Some(summary);
    report.places.sort_unstable();
    report.numbers = report.places.iter().map(|(_, number, _)| *number).collect();
    report
}

/// All of an export: its header, then the pages.
fn export(log: &Log<Aes256Gcm>, flash: &mut Part) -> Vec<u8> {
    let mut export = vec![0; log.export_bytes() as usize];
    let mut done = 0;
    let mut cursor = log.export_start().unwrap();
    while done < export.len() {
        done += log.export(flash, 1, &mut cursor, &mut export[done..]).unwrap();
    }
    export
}

/// Programs, erases and erase steps between two counts.
fn spent(flash: &Part, before: (Counts, u64)) -> (u64, u64) {
    let programs = flash.counts().programs - before.0.programs;
    (programs, flash.operations() - before.1 - programs)
}

fn mark(flash: &Part) -> (Counts, u64) {
    (flash.counts(), flash.operations())
}

/// An image with a history of some boots, in which pages were opened and a chain of sessions is under way.
fn lived() -> Bench {
    let mut bench = Bench::new(Retention::Overwrite);
    for _ in 0..6 {
        bench.boot();
        bench.maintain().unwrap();
        for _ in 0..25 {
            bench.append().unwrap();
            bench.maintain().unwrap();
        }
    }
    bench
}

/// Damages `image` in one of the ways there are.
fn damage(prng: &mut Prng, image: &mut [u8]) {
    let page = (PAGE as usize).min(image.len() / 2);
    let pages = image.len() / page;
    let at = prng.below(image.len());
    let bytes = (1 + prng.below(300)).min(image.len() - at);
    match prng.below(8) {
        0 => prng.fill(image),
        1 => image.fill(0),
        2 => image.fill(0xFF),
        3 => prng.fill(&mut image[at..at + bytes]),
        4 => image[at] ^= 1 << prng.below(8),
        5 => {
            let (from, to) = (prng.below(pages) * page, prng.below(pages) * page);
            image.copy_within(from..from + page, to);
        }
        6 => image[at..at + bytes].fill(0xFF),
        _ => {
            let to = prng.below(image.len() - bytes);
            image.copy_within(at..at + bytes, to);
        }
    }
}

#[test]
fn whatever_the_flash_holds_a_mount_reads_only_and_the_caller_goes_on() {
    let lived = lived();
    let mut prng = Prng::new(11);
    let (mut mounted, mut refused) = (0, 0);
    for _ in 0..1_500 {
        let mut image = lived.flash.image();
        let part = prng.below(3);
        let range = [0..image.len(), 0..RING, RING..image.len()][part].clone();
        for _ in 0..=prng.below(3) {
            damage(&mut prng, &mut image[range.clone()]);
        }
        let _judged = verify_image(&image, &authority());
        let mut flash = Part::from_image(image.clone(), Model::None, 1);
        let log = Log::<Aes256Gcm>::mount(&mut flash, config(Retention::Overwrite), &secret(1));
        assert_eq!((spent(&flash, (Counts::default(), 0)), flash.image() == image), ((0, 0), true));
        match log {
            Err(error) => {
                assert!(part < 2, "the ring alone never keeps a log from mounting: {error}");
                refused += 1;
            }
            Ok(log) => {
                mounted += 1;
                let mut bench = Bench { flash, log: Some(log), ..Bench::new(Retention::Overwrite) };
                bench.log.as_mut().unwrap().request_session();
                let before = bench.flash.counts().erases;
                let started = bench.maintain();
                let recorded = bench.append();
                assert_eq!(started.is_ok(), recorded.is_ok(), "{started:?} {recorded:?}");
                assert!(bench.flash.counts().erases - before <= 6);
            }
        }
    }
    assert!(mounted > 250 && refused > 250, "{mounted} {refused}");
}

#[test]
fn a_damaged_ring_is_judged_with_its_place_and_takes_new_records() {
    let lived = lived();
    let mut prng = Prng::new(12);
    let mut bad = 0;
    for _ in 0..500 {
        let mut image = lived.flash.image();
        damage(&mut prng, &mut image[RING..]);
        let report = verify_image(&image, &authority());
        let changed = image != lived.flash.image();
        let whole = report.numbers == lived.verify().numbers;
        let summary = report.summary.unwrap();
        if changed && !whole {
            let named = |range: &&Range| range.verdict != Verdict::Verified;
            assert!(report.ranges.iter().any(|range| named(&range)));
            bad += u32::from(summary.first_bad.is_some());
        }
        let flash = Part::from_image(image, Model::None, 1);
        let mut bench = Bench { flash, ..Bench::new(Retention::Overwrite) };
        bench.next = 1_000;
        bench.boot();
        bench.maintain().unwrap();
        bench.append().unwrap();
        assert!(bench.verify().numbers.contains(&1_000), "{:?}", bench.verify().ranges);
        assert_eq!(bench.flash.double_programs(), 0, "what a mount did not see is written over");
    }
    assert!(bad > 100, "{bad}");
}

#[test]
fn an_export_of_any_bytes_parses_or_says_why_not() {
    let mut bench = lived();
    let log = bench.log.as_ref().unwrap();
    let export = export(log, &mut bench.flash);
    ExportHeader::parse(&export).unwrap();
    let mut prng = Prng::new(13);
    let mut refused = 0;
    for _ in 0..5_000 {
        let mut changed = export.clone();
        let head = 200 + prng.below(4) * 3_000;
        damage(&mut prng, &mut changed[..head.min(export.len())]);
        changed.truncate(export.len() - prng.below(3) * prng.below(400));
        match ExportHeader::parse(&changed) {
            Ok((header, pages)) => {
                header.plan().map(|_| ()).unwrap_or_default();
                assert!(pages.len() < changed.len());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn a_log_of_another_device_root_or_authority_stays_shut() {
    let mut bench = lived();
    let image = bench.flash.image();
    let mut mount = |root: u8, config: Config| {
        Log::<Aes256Gcm>::mount(&mut bench.flash, config, &secret(root)).map(|_| ())
    };
    let own = config(Retention::Overwrite);
    assert_eq!(mount(9, own), Err(MountError::Cell(cell::MountError::Lost)));
    assert_eq!(mount(1, own), Ok(()));
    let halved = Config { ring: Region::new(CELL_PAGES * PAGE, PAGE / 2), ..own };
    assert!(matches!(mount(1, halved), Err(MountError::Geometry(_))));
    let two_pages = Config { ring: Region::new(CELL_PAGES * PAGE, 2 * PAGE), ..own };
    assert!(matches!(mount(1, two_pages), Err(MountError::Geometry(_))));
    assert_eq!(bench.flash.image(), image);

    let stranger = verify_image(&image, &RecipientSecret::from_bytes(secret(99)));
    assert_eq!((stranger.numbers.len(), stranger.summary.unwrap().records), (0, 0));
    assert!(verify_image(&image, &authority()).numbers.len() > 50);
}

#[test]
fn a_log_formatted_twice_is_empty_and_works() {
    let mut bench = lived();
    let birth = Birth { audit: secret(14), ephemeral: secret(15), seed: secret(16) };
    let own = config(Retention::Overwrite);
    Log::<Aes256Gcm>::format(&mut bench.flash, &own, &secret(1), birth).unwrap();
    bench.acknowledged.clear();
    bench.boot();
    assert_eq!(bench.log.as_ref().unwrap().health().sessions, 0);
    bench.maintain().unwrap();
    bench.append().unwrap();
    let report = bench.check();
    assert_eq!((report.numbers.len(), report.summary.unwrap().first_bad), (1, None));
}

#[test]
fn nothing_is_recorded_before_maintenance() {
    let mut bench = Bench::new(Retention::Overwrite);
    bench.boot();
    let before = mark(&bench.flash);
    for _ in 0..3 {
        assert_eq!(bench.append(), Err(RecordError::NotReady));
    }
    assert_eq!(spent(&bench.flash, before), (0, 0));
    bench.maintain().unwrap();
    bench.append().unwrap();
    assert_eq!(
        bench.log.as_ref().unwrap().health().refused,
        0,
        "asking to try again loses nothing"
    );
    bench.check();
}

#[test]
fn a_failed_operation_costs_its_record_and_nothing_that_was_acknowledged() {
    let mut faults = 0;
    for failing in 1..=50 {
        let mut bench = Bench::new(Retention::Overwrite);
        bench.boot();
        bench.maintain().unwrap();
        bench.append().unwrap();
        bench.flash.fail_after(failing);
        for _ in 0..40 {
            // An error is followed by another call, which starts over.
            if bench.maintain().is_err() {
                bench.maintain().unwrap();
            }
            match bench.append() {
                Ok(()) => {}
                Err(error) => {
                    assert!(matches!(error, RecordError::Fault), "{error:?} at {failing}");
                    assert_eq!(bench.append(), Err(RecordError::NotReady));
                }
            }
        }
        let health = bench.log.as_ref().unwrap().health();
        assert!(health.faults <= 1);
        faults += u32::from(health.faults);
        let report = bench.check();
        assert_eq!(report.summary.unwrap().first_bad, None, "{failing}: {:?}", report.ranges);
    }
    assert!(faults > 40, "{faults}");
}

#[test]
fn a_start_that_fails_at_any_operation_is_tried_again() {
    let mut tried = 0;
    for failing in 1..=24 {
        let mut bench = lived();
        bench.boot();
        bench.flash.fail_after(failing);
        if bench.maintain().is_err() {
            tried += 1;
            bench.maintain().unwrap();
        }
        if bench.append() == Err(RecordError::Fault) {
            bench.maintain().unwrap();
            bench.append().unwrap();
        }
        let report = bench.check();
        assert_eq!(report.summary.unwrap().first_bad, None, "{failing}: {:?}", report.ranges);
    }
    assert!(tried >= 3, "{tried}");
}

#[test]
fn a_worn_page_ends_in_a_stated_error_after_few_operations() {
    for worn in 0..CELL_PAGES + RING_PAGES {
        let mut bench = lived();
        bench.flash.wear_out(worn);
        let mut exhausted = 0;
        for _ in 0..8 {
            bench.boot();
            let before = mark(&bench.flash);
            let mut errors = 0;
            for _ in 0..CALLS_MAX {
                let recorded = bench.append();
                match bench.step() {
                    Ok(_) => {}
                    Err(MaintainError::Exhausted) => {
                        assert_eq!(recorded, Err(RecordError::Fault));
                    }
                    Err(error) => {
                        assert!(matches!(error, MaintainError::Flash(_)), "{error}");
                        errors += 1;
                    }
                }
            }
            let faults = bench.log.as_ref().unwrap().health().faults;
            assert!(faults <= RESTARTS_MAX + 1 && errors <= u32::from(RESTARTS_MAX) + 1);
            exhausted += u32::from(faults > RESTARTS_MAX);
            let (programs, erases) = spent(&bench.flash, before);
            // Each record programs once; what wears is the erases: those of a lap, and of each start.
            assert!(programs <= 2 * u64::from(CALLS_MAX), "{programs}");
            assert!(erases <= u64::from(CALLS_MAX) / 10, "page {worn}: {erases} erases");
        }
        assert!(exhausted > 0, "page {worn} is met again and again");
        bench.check();
    }
}

#[test]
fn a_part_that_takes_nothing_any_more_costs_no_erase_and_no_panic() {
    let mut bench = lived();
    bench.boot();
    for page in 0..CELL_PAGES + RING_PAGES {
        bench.flash.wear_out(page);
    }
    let before = mark(&bench.flash);
    for _ in 0..CALLS_MAX {
        bench.append().unwrap_err();
        bench.step().map(|_| ()).unwrap_or_default();
    }
    assert_eq!(bench.step(), Err(MaintainError::Exhausted));
    assert_eq!(spent(&bench.flash, before), (0, 0));
    bench.check();
}

#[test]
fn a_word_that_cannot_be_read_in_the_cell_is_outvoted() {
    // One word of each copy in turn; a cell of four pages has three copies in each.
    for copy in 0..3 {
        for page in 0..CELL_PAGES {
            let mut bench = lived();
            bench.flash.break_word(page * PAGE + copy * 244 + 100);
            for _ in 0..9 {
                bench.boot();
                bench.maintain().unwrap();
                bench.append().unwrap();
            }
            let report = bench.check();
            assert_eq!(report.summary.unwrap().first_bad, None);
        }
    }
}

#[test]
fn a_word_that_cannot_be_read_in_the_ring_costs_no_more_than_its_page() {
    let mut prng = Prng::new(17);
    // A page holds no more of these records; what is programmed is not read back.
    let page_records = (PAGE / 40) as usize;
    for _ in 0..100 {
        let mut bench = lived();
        let words = (RING_PAGES * PAGE / 4) as usize;
        bench.flash.break_word(RING as u32 + 4 * prng.below(words) as u32);
        for _ in 0..3 {
            bench.boot();
            bench.maintain().unwrap();
            for _ in 0..10 {
                bench.append().unwrap();
                bench.maintain().unwrap();
            }
        }
        assert_eq!(bench.log.as_ref().unwrap().health().faults, 0);
        assert_eq!(bench.flash.double_programs(), 0);
        let found = bench.verify().numbers;
        let lost = bench.acknowledged[150..].iter().filter(|number| !found.contains(number));
        assert!(lost.count() <= page_records, "{found:?}");
    }
}

#[test]
fn a_clock_that_stands_still_or_goes_back_changes_no_order() {
    let mut bench = Bench::new(Retention::Overwrite);
    bench.boot();
    bench.maintain().unwrap();
    let times = [5_000, 5_000, 5_000, 100, 0, u64::MAX, 1 << 47, 3];
    for now in times {
        bench.now = now;
        bench.append().unwrap();
        bench.maintain().unwrap();
    }
    let report = bench.check();
    assert_eq!(report.summary.unwrap().first_bad, None);
    assert!(report.places.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let stored: Vec<u64> = report.places.iter().map(|(.., at)| *at).collect();
    assert_eq!(stored, times.map(|now| now.min(0xFFFF_FFFF_FFFF)));
}

#[test]
fn a_dead_noise_source_stops_keys_and_not_the_log() {
    let kinds = [Behaviour::Stuck(true), Behaviour::FailingAfter(0), Behaviour::Alternating];
    for behaviour in kinds {
        let mut bench = Bench::new(Retention::Overwrite);
        // Sessions enough for a chain of audit secrets to end, which draws a key.
        for _ in 0..260 {
            bench.boot();
            bench.random = Random::new(Noise::new(behaviour.clone(), 1));
            bench.maintain().unwrap();
            bench.append().unwrap();
            assert!(matches!(bench.random.fill(&mut [0; 4]), Err(RandomError::Fault(_))));
        }
        assert_eq!(bench.check().summary.unwrap().first_bad, None);
    }
}

#[test]
fn no_call_exceeds_its_stated_bound_over_a_long_history() {
    for retention in [Retention::Overwrite, Retention::Block] {
        let mut bench = Bench::new(retention);
        bench.flash.set_erase_steps(8);
        let (mut most_appending, mut most_maintaining, mut steps) = ((0, 0), (0, 0), 0);
        for boot in 0..60 {
            bench.boot();
            bench.now = if boot % 5 == 0 { 700_000 } else { boot };
            if boot % 7 == 0 {
                bench.log.as_mut().unwrap().request_checkpoint();
            }
            for _ in 0..120 {
                let before = mark(&bench.flash);
                let full = bench.append() == Err(RecordError::Full);
                let (programs, erases) = spent(&bench.flash, before);
                most_appending = (programs.max(most_appending.0), erases.max(most_appending.1));
                if full {
                    bench.log.as_mut().unwrap().request_clear();
                }
                let before = mark(&bench.flash);
                match bench.step() {
                    Ok(_) | Err(MaintainError::Full) => {}
                    Err(error) => assert_eq!(error, MaintainError::Full),
                }
                let (programs, erases) = spent(&bench.flash, before);
                assert!(programs == 0 || erases == 0, "erases and programs in one call");
                most_maintaining =
                    (programs.max(most_maintaining.0), erases.max(most_maintaining.1));
                steps += erases;
            }
        }
        assert_eq!(most_appending, (2, 0), "append");
        assert_eq!(most_maintaining.1, 1, "maintain: one erase step");
        assert!(most_maintaining.0 <= 3, "maintain: {most_maintaining:?}");
        assert!(steps > 1_000 && bench.acknowledged.len() > 2_000);
        assert_eq!(bench.flash.double_programs(), 0);
        if retention == Retention::Overwrite {
            bench.check();
        }
    }
}

#[test]
fn a_full_log_refuses_keeps_a_reserve_can_be_exported_and_recovers_when_cleared() {
    let mut bench = Bench::new(Retention::Block);
    bench.boot();
    bench.maintain().unwrap();
    while bench.append() != Err(RecordError::Full) {
        bench.maintain().unwrap();
    }
    let kept = bench.acknowledged.clone();
    assert!(bench.log.as_ref().unwrap().health().used_per_mille > 700);
    // Full stays full, also after boots, each of which begins a session if there is room for one.
    for _ in 0..40 {
        let before = bench.flash.counts().erases;
        assert_eq!(bench.append(), Err(RecordError::Full));
        bench.maintain().unwrap_or_default();
        assert!(bench.flash.counts().erases - before <= 6);
        bench.boot();
        bench.maintain().unwrap_or_default();
    }
    assert!(bench.check().numbers.starts_with(&kept));

    let log = bench.log.as_ref().unwrap();
    let export = export(log, &mut bench.flash);
    assert!(export[168..] == bench.flash.image()[RING..]);

    bench.acknowledged.clear();
    bench.log.as_mut().unwrap().request_clear();
    bench.maintain().unwrap();
    for _ in 0..20 {
        bench.append().unwrap();
        bench.maintain().unwrap();
    }
    assert_eq!(bench.check().summary.unwrap().first_bad, None);
}

#[test]
fn the_reserve_of_a_full_log_takes_what_gets_it_emptied() {
    let mut bench = Bench::new(Retention::Block);
    bench.boot();
    bench.maintain().unwrap();
    while bench.append() != Err(RecordError::Full) {
        bench.maintain().unwrap();
    }
    let mut reserved = 0;
    for number in 5_000..5_100 {
        let log = bench.log.as_mut().unwrap();
        let now = Ticks::from_millis(bench.now);
        match log.append_reserved(&mut bench.flash, &event(number), now) {
            Ok(_) => {
                reserved += 1;
                bench.acknowledged.push(number);
            }
            Err(error) => {
                assert_eq!(error, RecordError::Full);
                break;
            }
        }
        bench.maintain().unwrap();
    }
    assert!((16..100).contains(&reserved), "{reserved}");
    bench.check();
}

#[test]
fn a_log_that_overwrites_keeps_the_newest() {
    let mut bench = Bench::new(Retention::Overwrite);
    bench.boot();
    bench.maintain().unwrap();
    for _ in 0..2_000 {
        bench.append().unwrap();
        bench.maintain().unwrap();
    }
    let report = bench.check();
    assert_eq!(report.summary.unwrap().first_bad, None);
    assert!(report.numbers.len() > 100 && report.numbers.len() < 400, "{}", report.numbers.len());
    assert_eq!(report.numbers.last(), Some(&1_999));
}
