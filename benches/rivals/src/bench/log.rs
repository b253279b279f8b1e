//! medsec's log. It encrypts and authenticates by itself, and keeps its secrets in a cell of four more pages.

use medsec_audit::log::{Birth, Config, Log, Progress, Tools};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, Digest8, Metric, Unit};
use medsec_core::events;
use medsec_core::flash::Region;
use medsec_core::flash::ring::Retention;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;

use super::cost::{Cost, Row};
use super::{PAGE_BYTES, Part4, fill};

/// Pages of the cell.
const CELL_PAGES: u32 = 4;
/// Calls of upkeep in which a log must come to rest.
const UPKEEP_MAX: u32 = 1_000;
/// Milliseconds between records.
const BETWEEN_MS: u64 = 1_000;

events! {
    /// Events whose records are as long as those of the comparison, the 10 bytes of their header included.
    enum Sample {
        /// 32 bytes.
        Small = 0x4001 [ControlSystem, Operational, Success] {
            public first: Metric,
            public second: Metric,
            public third: Count,
            public fourth: Count,
        },
        /// 64 bytes.
        Middle = 0x4002 [ControlSystem, Operational, Success] {
            public first: Digest8,
            public second: Digest8,
            public third: Digest8,
            public fourth: Digest8,
            public fifth: Digest8,
            public sixth: Digest8,
        },
        /// 96 bytes.
        Large = 0x4003 [ControlSystem, Operational, Success] {
            public first: Digest8,
            public second: Digest8,
            public third: Digest8,
            public fourth: Digest8,
            public fifth: Digest8,
            public sixth: Digest8,
            public seventh: Digest8,
            public eighth: Digest8,
            public ninth: Digest8,
            public tenth: Count,
        },
    }
}

/// A powered device with its log.
struct Station<'a> {
    flash: &'a mut Part4,
    log: Log<Aes256Gcm>,
    random: Random<Noise>,
    key: DeviceKey,
    now: u64,
    upkeep: Cost,
}

impl Station<'_> {
    /// Does all that is due.
    fn maintain(&mut self) -> Result<(), String> {
        for _ in 0..UPKEEP_MAX {
            let before = self.flash.counts();
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 100);
            let mut tools = Tools {
                random: &mut self.random,
                key: &self.key,
                now: Ticks::from_millis(self.now),
                pause: &pause,
            };
            let progress = self.log.maintain(self.flash, &mut tools);
            self.upkeep.enter(before, self.flash.counts());
            if progress.map_err(|error| error.to_string())? == Progress::Idle {
                return Ok(());
            }
        }
        Err("upkeep never ends".to_owned())
    }

    fn append(&mut self, event: &Sample, cost: &mut Cost) -> Result<(), String> {
        self.now += BETWEEN_MS;
        let before = self.flash.counts();
        let place = self.log.append(self.flash, event, Ticks::from_millis(self.now));
        cost.enter(before, self.flash.counts());
        place.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Fills a log and counts on.
pub(crate) fn run(pages: u32, record_bytes: usize, appends: u32) -> Result<Row, String> {
    let mut flash = Part4::new(CELL_PAGES + pages, Model::None, 1);
    let key = || DeviceKey::from_seed(&Secret::new([2; 32]));
    let root = Secret::new([1; 32]);
    let cell = CELL_PAGES * PAGE_BYTES;
    let config = Config {
        cell: Region::new(0, cell),
        ring: Region::new(cell, pages * PAGE_BYTES),
        retention: Retention::Overwrite,
        device: device_id(1, &key().public()),
        authority: AgreementSecret::from_bytes(Secret::new([3; 32])).public(),
    };
    let birth = Birth {
        audit: Secret::new([4; 32]),
        ephemeral: Secret::new([5; 32]),
        seed: Secret::new([6; 32]),
    };
    Log::<Aes256Gcm>::format(&mut flash, &config, &root, birth).map_err(|e| e.to_string())?;
    let event = event(record_bytes)?;
    let (mut costs, mut upkeep, mut boot) = (Cost::NONE, Cost::NONE, Cost::NONE);
    // The second boot finds a full log.
    for full in [false, true] {
        let before = flash.counts();
        let log = Log::<Aes256Gcm>::mount(&mut flash, config, &root).map_err(|e| e.to_string())?;
        let random = Random::new(Noise::good(1));
        let mut station =
            Station { flash: &mut flash, log, random, key: key(), now: 0, upkeep: Cost::NONE };
        station.log.request_session();
        station.maintain()?;
        station.append(&event, &mut Cost::NONE.clone())?;
        boot = Cost::NONE;
        boot.enter(before, station.flash.counts());
        if full {
            break;
        }
        for _ in 0..fill(pages, record_bytes) {
            station.maintain()?;
            station.append(&event, &mut Cost::NONE.clone())?;
        }
        station.upkeep = Cost::NONE;
        for _ in 0..appends {
            station.maintain()?;
            station.append(&event, &mut costs)?;
        }
        upkeep = station.upkeep;
    }
    if costs.written_min != stored(&event)? {
        return Err("records are not as long as they are said to be".to_owned());
    }
    Ok(Row {
        store: "medsec",
        record_bytes: u64::try_from(record_bytes).unwrap_or(0),
        appends: costs,
        upkeep,
        boot,
        ram: size_of::<Log<Aes256Gcm>>(),
    })
}

/// Bytes that an entry of the log takes in which `event` is recorded.
fn stored(event: &Sample) -> Result<u64, String> {
    struct Nobody;
    impl medsec_core::event::PersonalSealer for Nobody {
        fn seal(&mut self, _: &mut [u8]) -> Result<[u8; 16], medsec_core::suite::SealError> {
            Err(medsec_core::suite::SealError::NumberUsed)
        }
    }
    let mut buffer = [0; 128];
    let fields = medsec_core::event::encode(event, &mut buffer, &mut Nobody);
    let fields = fields.map_err(|error| error.to_string())?;
    u64::try_from(fields + medsec_audit::record::RECORD_HEADER_BYTES + 24)
        .map_err(|e| e.to_string())
}

fn event(record_bytes: usize) -> Result<Sample, String> {
    let digest = Digest8::of(&[0x5A; 32]);
    let metric = Metric::new(1, Unit::Millivolt);
    let count = Count::new(7);
    match record_bytes {
        32 => Ok(Sample::Small { first: metric, second: metric, third: count, fourth: count }),
        64 => Ok(Sample::Middle {
            first: digest,
            second: digest,
            third: digest,
            fourth: digest,
            fifth: digest,
            sixth: digest,
        }),
        96 => Ok(Sample::Large {
            first: digest,
            second: digest,
            third: digest,
            fourth: digest,
            fifth: digest,
            sixth: digest,
            seventh: digest,
            eighth: digest,
            ninth: digest,
            tenth: count,
        }),
        _ => Err(format!("no event has a record of {record_bytes} bytes")),
    }
}
