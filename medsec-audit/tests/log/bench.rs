//! A device with a log on a simulated part, and what a verifier says of its bytes.

use medsec_audit::checkpoint::Statement;
use medsec_audit::log::{Birth, Config, Log, Progress, Tools};
use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::state::PUBLIC_BYTES;
use medsec_audit::verify::{
    Assurance, Authority, Keys, Observer, Opened, Range, Subject, Summary, verify,
};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, RecordError, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{Plan, Retention};
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, Suite};
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

pub(crate) const PAGE: u32 = 4096;
pub(crate) const PAGES: u32 = 8;
pub(crate) type Part = FaultFlash<4, 4, 4096>;

pub(crate) fn root() -> Secret<32> {
    Secret::new([1; 32])
}

pub(crate) fn key() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([2; 32]))
}

pub(crate) fn authority() -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([3; 32]))
}

pub(crate) fn config(retention: Retention) -> Config {
    Config {
        cell: Region::new(0, 4 * PAGE),
        ring: Region::new(4 * PAGE, PAGES * PAGE),
        retention,
        device: device_id(1, &key().public()),
        authority: authority().public(),
    }
}

pub(crate) struct Bench<S: Suite> {
    pub(crate) flash: Part,
    pub(crate) random: Random<Noise>,
    pub(crate) log: Option<Log<S>>,
    pub(crate) retention: Retention,
    pub(crate) now: u64,
}

impl<S: Suite> Bench<S> {
    pub(crate) fn new(retention: Retention) -> Self {
        let mut flash = Part::new(4 + PAGES, Model::None, 1);
        let secret = |byte| Secret::new([byte; 32]);
        let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
        Log::<S>::format(&mut flash, &config(retention), &root(), birth).unwrap();
        Self { flash, random: Random::new(Noise::good(7)), log: None, retention, now: 0 }
    }

    pub(crate) fn boot(&mut self) {
        self.log = Some(Log::mount(&mut self.flash, config(self.retention), &root()).unwrap());
        self.log.as_mut().unwrap().request_session();
    }

    pub(crate) fn maintain(&mut self) {
        self.now += 1;
        let log = self.log.as_mut().unwrap();
        let (mut lender, key) = ((), key());
        let pause = Pause::lend(&mut lender, 1);
        let now = Ticks::from_millis(self.now);
        let mut tools = Tools { random: &mut self.random, key: &key, now, pause: &pause };
        while log.maintain(&mut self.flash, &mut tools).unwrap() != Progress::Idle {}
    }

    pub(crate) fn append(&mut self, number: u32) -> Result<u64, RecordError> {
        let event = SystemEvent::RecordsSuppressed { count: Count::new(number) };
        let now = Ticks::from_millis(self.now);
        self.log.as_mut().unwrap().append(&mut self.flash, &event, now).map(|place| place.seq)
    }

    pub(crate) fn verify<K: Keys>(&self, keys: impl FnOnce(&[u8], &Subject<'_>) -> K) -> Report {
        let image = self.flash.image();
        verify_image::<S, K>(&image, None, keys)
    }
}

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) ranges: Vec<Range>,
    pub(crate) records: Vec<(u64, u32, Assurance)>,
    pub(crate) statements: Vec<Statement>,
    pub(crate) summary: Option<Summary>,
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

pub(crate) fn verify_image<S: Suite, K: Keys>(
    image: &[u8],
    anchor: Option<&Statement>,
    keys: impl FnOnce(&[u8], &Subject<'_>) -> K,
) -> Report {
    let state = newest_state(&image[..4 * PAGE as usize]);
    verify_with::<S, K>(image, state.as_ref(), anchor, keys)
}

pub(crate) fn verify_with<S: Suite, K: Keys>(
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
pub(crate) fn newest_state(cell: &[u8]) -> Option<[u8; PUBLIC_BYTES]> {
    let copies = cell.chunks(PAGE as usize).filter(|page| page[..4] == *b"MSC1" && page[6] == 1);
    let newest = copies.max_by_key(|page| u32::from_le_bytes(page[8..12].try_into().unwrap()))?;
    newest[12..].first_chunk().copied()
}

pub(crate) fn opened<S: Suite>(ring: &[u8], subject: &Subject<'_>) -> Authority {
    Authority::open::<S, _>(&mut (PAGE, ring), subject, &authority())
}

pub(crate) fn whole_life<S: Suite>() -> (Bench<S>, Vec<u64>) {
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

/// Sessions of ten records each, every one signed.
pub(crate) fn signed_life(sessions: u32) -> Bench<Aes256Gcm> {
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
pub(crate) fn boot_on(image: Vec<u8>) -> Bench<Aes256Gcm> {
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
