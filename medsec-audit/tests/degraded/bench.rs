//! A log with its part and its surroundings, and a host that reads it.

use medsec_audit::log::Birth;
use medsec_audit::log::Config;
use medsec_audit::log::Log;
use medsec_audit::log::MaintainError;
use medsec_audit::log::Progress;
use medsec_audit::log::Tools;
use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::state::read_public;
use medsec_audit::verify::Authority;
use medsec_audit::verify::NoKeys;
use medsec_audit::verify::Observer;
use medsec_audit::verify::Opened;
use medsec_audit::verify::Range;
use medsec_audit::verify::Subject;
use medsec_audit::verify::Summary;
use medsec_audit::verify::verify;
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::Count;
use medsec_core::event::RecordError;
use medsec_core::event::SystemEvent;
use medsec_core::flash::Region;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::Plan;
use medsec_core::flash::ring::Retention;
use medsec_core::key::DeviceKey;
use medsec_core::key::device_id;
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::Pause;
use medsec_core::time::Ticks;
use medsec_sim::fault::Model;
use medsec_sim::flash::Counts;
use medsec_sim::flash::FaultFlash;
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;

pub(crate) const PAGE: u32 = 2048;
pub(crate) const CELL_PAGES: u32 = 4;
pub(crate) const RING_PAGES: u32 = 6;
pub(crate) const RING: usize = (CELL_PAGES * PAGE) as usize;
/// More calls than maintenance ever takes, so that one that never ends is found.
pub(crate) const CALLS_MAX: u32 = 400;
pub(crate) type Part = FaultFlash<4, 4, 2048>;

pub(crate) fn secret(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

pub(crate) fn key() -> DeviceKey {
    DeviceKey::from_seed(&secret(2))
}

pub(crate) fn authority() -> AgreementSecret {
    AgreementSecret::from_bytes(secret(3))
}

pub(crate) fn config(retention: Retention) -> Config {
    Config {
        cell: Region::new(0, CELL_PAGES * PAGE),
        ring: Region::new(CELL_PAGES * PAGE, RING_PAGES * PAGE),
        retention,
        device: device_id(1, &key().public()),
        authority: authority().public(),
    }
}

pub(crate) fn event(number: u32) -> SystemEvent {
    SystemEvent::RecordsSuppressed { count: Count::new(number) }
}

/// A device's log, its part and its surroundings.
pub(crate) struct Bench {
    pub(crate) flash: Part,
    pub(crate) random: Random<Noise>,
    pub(crate) log: Option<Log<Aes256Gcm>>,
    pub(crate) retention: Retention,
    pub(crate) now: u64,
    /// Numbers of the records that were acknowledged.
    pub(crate) acknowledged: Vec<u32>,
    pub(crate) next: u32,
}

impl Bench {
    pub(crate) fn new(retention: Retention) -> Self {
        let mut flash = Part::new(CELL_PAGES + RING_PAGES, Model::None, 1);
        let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
        Log::<Aes256Gcm>::format(&mut flash, &config(retention), &secret(1), birth).unwrap();
        let random = Random::new(Noise::good(7));
        Self { flash, random, log: None, retention, now: 0, acknowledged: vec![], next: 0 }
    }

    pub(crate) fn boot(&mut self) {
        self.flash.power_off();
        self.flash.power_on();
        self.random = Random::new(Noise::good(self.flash.counts().reads));
        let mut log = Log::mount(&mut self.flash, config(self.retention), &secret(1)).unwrap();
        log.request_session();
        self.log = Some(log);
    }

    /// One call of maintenance.
    pub(crate) fn step(&mut self) -> Result<Progress, MaintainError> {
        let (mut lender, key) = ((), key());
        let pause = Pause::lend(&mut lender, 1);
        let now = Ticks::from_millis(self.now);
        let mut tools = Tools { random: &mut self.random, key: &key, now, pause: &pause };
        self.log.as_mut().unwrap().maintain(&mut self.flash, &mut tools)
    }

    /// Maintains until nothing is due, or the first error.
    pub(crate) fn maintain(&mut self) -> Result<(), MaintainError> {
        for _ in 0..CALLS_MAX {
            if self.step()? == Progress::Idle {
                return Ok(());
            }
        }
        Err(MaintainError::Exhausted)
    }

    pub(crate) fn append(&mut self) -> Result<(), RecordError> {
        let number = self.next;
        self.next += 1;
        let now = Ticks::from_millis(self.now);
        self.log.as_mut().unwrap().append(&mut self.flash, &event(number), now)?;
        self.acknowledged.push(number);
        Ok(())
    }

    pub(crate) fn verify(&self) -> Report {
        verify_image(&self.flash.image(), &authority())
    }

    /// Every record that was acknowledged, and is not overwritten, is in the log.
    pub(crate) fn check(&self) -> Report {
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
pub(crate) struct Report {
    pub(crate) ranges: Vec<Range>,
    pub(crate) numbers: Vec<u32>,
    pub(crate) places: Vec<(u64, u32, u64)>,
    pub(crate) summary: Option<Summary>,
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

pub(crate) fn verify_image(image: &[u8], authority: &AgreementSecret) -> Report {
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
pub(crate) fn export(log: &Log<Aes256Gcm>, flash: &mut Part) -> Vec<u8> {
    let mut export = vec![0; log.export_bytes() as usize];
    let mut done = 0;
    let mut cursor = log.export_start().unwrap();
    while done < export.len() {
        done += log.export(flash, 1, &mut cursor, &mut export[done..]).unwrap();
    }
    export
}

/// Programs, erases and erase steps between two counts.
pub(crate) fn spent(flash: &Part, before: (Counts, u64)) -> (u64, u64) {
    let programs = flash.counts().programs - before.0.programs;
    (programs, flash.operations() - before.1 - programs)
}

pub(crate) fn mark(flash: &Part) -> (Counts, u64) {
    (flash.counts(), flash.operations())
}

/// An image with a history of some boots, in which pages were opened and a chain of sessions is under way.
pub(crate) fn lived() -> Bench {
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
pub(crate) fn damage(prng: &mut Prng, image: &mut [u8]) {
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
