//! The logs of the second set of vectors, as devices write them.
//!
//! What is done to them afterwards, and what is to be said of each, stands in `docs/vectors/log-v1-cases.json`.

use medsec_core::event::{
    Count, DeviceRef, Digest8, Duration, Metric, Outcome, PrincipalId, ResetCause, Unit,
};
use medsec_core::flash::ring::Retention;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_core::time::{TimeSource, WallTime};
use medsec_core::{Sensitive, events};

use super::File;
use crate::fault::Model;
use crate::prng::Prng;
use crate::tamper::device::{Device, Setup};

events! {
    /// Every kind of field.
    enum Specimen {
        /// What may stand in a record as it is.
        Kinds = 0x4011 [BackupRestore, Operational, Success] {
            /// A code.
            public code: ResetCause,
            /// A metric.
            public metric: Metric,
            /// A count.
            public count: Count,
            /// A duration.
            public duration: Duration,
            /// A principal.
            public principal: PrincipalId,
            /// A device.
            public device: DeviceRef,
            /// A digest.
            public digest: Digest8,
            /// A time.
            public time: WallTime,
        },
        /// Personal values: one that fills a block, one that is left out, one of a byte.
        Persons = 0x4012 [AccessControl, Security, outcome] {
            /// How it ended.
            header outcome: Outcome,
            /// Fills a block with its length.
            encrypt first: Sensitive<[u8; 15]>,
            /// Left out.
            omit second: Sensitive<[u8; 32]>,
            /// Of one byte.
            encrypt third: Sensitive<[u8; 1]>,
            /// Behind them.
            public count: Count,
        },
        /// Two blocks.
        Person = 0x4013 [ControlSystem, Security, outcome] {
            /// How it ended.
            header outcome: Outcome,
            /// One byte more than a block holds.
            encrypt name: Sensitive<[u8; 16]>,
        },
    }
}

/// What happens to a device.
#[derive(Clone, Copy)]
enum Step {
    /// It boots and starts a session.
    On,
    /// It records so many events.
    Record(u32),
    /// It records one event of each shape.
    Kinds,
    /// It signs a checkpoint.
    Sign,
    /// It gives up what it holds.
    Clear,
    /// It loses power.
    Off,
    /// It boots so many times, and loses power before it records anything.
    Silent(u32),
}

use Step::{Clear, Kinds, Off, On, Record, Sign, Silent};

/// One session over three pages, and one behind it.
const PAGES: [Step; 10] =
    [On, Record(16), Sign, Record(16), Sign, Record(14), Off, On, Record(3), Sign];
/// Sessions that left no record, between others and at the end.
const SILENT: [Step; 16] = [
    On,
    Record(3),
    Off,
    Silent(1),
    On,
    Record(2),
    Sign,
    Record(2),
    Off,
    Silent(2),
    On,
    Record(3),
    Off,
    Silent(2),
    On,
    Off,
];
/// A ring that went round twice.
const WRAPPED: [Step; 18] = [
    On,
    Record(25),
    Off,
    On,
    Record(4),
    Off,
    On,
    Record(40),
    Sign,
    Off,
    On,
    Record(12),
    Sign,
    Record(8),
    Off,
    On,
    Record(6),
    Sign,
];
/// A chain that ended after its 256 sessions, and the next one.
const CHAIN: [Step; 11] =
    [On, Record(3), Off, Silent(254), On, Record(7), Off, On, Record(3), Sign, Record(2)];
/// A log that blocks when full, and was cleared.
const CLEARED: [Step; 13] = [
    On,
    Record(12),
    Off,
    On,
    Record(10),
    Sign,
    Clear,
    Record(6),
    Off,
    On,
    Record(5),
    Sign,
    Record(4),
];
/// Entries of 256 bytes each, so that each session opens a page.
const WIDE: [Step; 12] =
    [On, Record(5), Off, On, Record(3), Sign, Record(2), Off, Silent(2), On, Record(9), Sign];
/// Fields of every kind.
const FIELDS: [Step; 8] = [On, Kinds, Record(4), Off, On, Kinds, Sign, Kinds];

/// The logs. `None` if a device refused, which is a bug.
#[must_use]
pub fn logs() -> Option<Vec<File>> {
    let setup = |pages, retention, seed| Setup { pages, retention, seed };
    let (over, block) = (Retention::Overwrite, Retention::Block);
    Some(vec![
        live::<Aes256Gcm, 4, 4, 1536>("pages", setup(4, over, 70), &PAGES)?,
        live::<ChaCha20Poly1305, 4, 4, 1536>("silent", setup(4, over, 80), &SILENT)?,
        live::<ChaCha20Poly1305, 1, 1, 1408>("wrapped", setup(3, over, 90), &WRAPPED)?,
        live::<Aes256Gcm, 4, 4, 1536>("chain", setup(5, over, 100), &CHAIN)?,
        live::<ChaCha20Poly1305, 4, 16, 1536>("cleared", setup(6, block, 110), &CLEARED)?,
        live::<Aes256Gcm, 4, 256, 2560>("wide", setup(5, over, 120), &WIDE)?,
        live::<ChaCha20Poly1305, 8, 8, 1536>("fields", setup(3, over, 130), &FIELDS)?,
    ])
}

fn live<S: Suite, const R: usize, const W: usize, const P: usize>(
    name: &str,
    setup: Setup,
    steps: &[Step],
) -> Option<File> {
    let seed = u64::from(setup.seed);
    let mut device = Device::<S, R, W, P>::new(setup, Model::None, seed).ok()?;
    let mut prng = Prng::new(seed);
    for step in steps {
        match *step {
            On => on(&mut device, &mut prng)?,
            Record(count) => {
                for _ in 0..count {
                    device.record(&mut prng).ok()?;
                    device.maintain().ok()?;
                }
            }
            Kinds => {
                for specimen in specimens() {
                    device.append(&specimen).ok()?;
                    device.maintain().ok()?;
                }
            }
            Sign => {
                device.log()?.request_checkpoint();
                device.maintain().ok()?;
            }
            Clear => {
                device.log()?.request_clear();
                device.maintain().ok()?;
            }
            Off => device.power_off(),
            Silent(count) => {
                for _ in 0..count {
                    on(&mut device, &mut prng)?;
                    device.power_off();
                }
            }
        }
    }
    if device.flash.is_off() {
        // Mounted to be read, without a session.
        device.boot(0).then_some(())?;
    }
    Some((format!("log-v1-{name}.msexport"), device.export()?))
}

fn on<S: Suite, const R: usize, const W: usize, const P: usize>(
    device: &mut Device<S, R, W, P>,
    prng: &mut Prng,
) -> Option<()> {
    device.boot(prng.word()).then_some(())?;
    device.log()?.request_session();
    device.maintain().ok()
}

fn specimens() -> [Specimen; 3] {
    let time = WallTime {
        unix_seconds: 1_790_000_000,
        source: TimeSource::Authenticated,
        uncertainty_seconds: 300,
    };
    [
        Specimen::Kinds {
            code: ResetCause::Watchdog,
            metric: Metric::new(-1_250, Unit::MilliUnitPerHour),
            count: Count::new(0x0403_0201),
            duration: Duration::from_millis(60_000),
            principal: PrincipalId::new([0x50; 8]),
            device: DeviceRef::new([0x60; 8]),
            digest: Digest8::of(&[0x70; 32]),
            time,
        },
        Specimen::Persons {
            outcome: Outcome::SeriousFailure,
            first: Sensitive::new(*b"fifteen letters"),
            second: Sensitive::new([0x55; 32]),
            third: Sensitive::new(*b"1"),
            count: Count::new(7),
        },
        Specimen::Person {
            outcome: Outcome::MajorFailure,
            name: Sensitive::new(*b"sixteen letters."),
        },
    ]
}
