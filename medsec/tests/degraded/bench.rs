//! A board, its owner, and what its log holds.

use medsec::audit::checkpoint::Statement;
use medsec::audit::hal::Watcher;
use medsec::audit::record::BODY_BYTES_MAX;
use medsec::audit::state::read_public;
use medsec::audit::verify::{Authority, Observer, Opened, Range, Subject, Summary, verify};
use medsec::audit::{MaintainError, Progress};
use medsec::core::agreement::AgreementSecret;
use medsec::core::event::{Count, FieldValue, Fields};
use medsec::core::flash::Region;
use medsec::core::flash::page::Geometry;
use medsec::core::flash::ring::Plan;
use medsec::core::key::{DeviceKey, device_id};
use medsec::core::suite::Aes256Gcm;
use medsec::{
    BootError, Device, Identity, Pause, Port, Profile, ResetCause, Retention, Secret, SystemEvent,
};
use medsec_sim::clock::SimClock;
use medsec_sim::fault::Model;
use medsec_sim::flash::{Counts, FaultFlash};
use medsec_sim::rng::Noise;

pub(crate) const PAGE: u32 = 4096;
pub(crate) const RING_PAGES: u32 = 4;
const MODEL: u32 = 7;
/// More calls than maintenance ever takes.
pub(crate) const CALLS_MAX: u32 = 300;

pub(crate) type Part = FaultFlash<4, 4, 4096>;

/// A board for one boot, whose log blocks or overwrites. The part outlives it.
pub(crate) struct Board<'a, const BLOCKS: bool> {
    pub(crate) flash: &'a mut Part,
    pub(crate) noise: Noise,
    pub(crate) clock: SimClock,
}

impl<'a, const BLOCKS: bool> Port for Board<'a, BLOCKS> {
    type Suite = Aes256Gcm;
    type Flash = &'a mut Part;
    type Entropy = Noise;
    type Clock = SimClock;

    const PROFILE: Profile = Profile {
        model: MODEL,
        cell: Region::new(0, 4 * PAGE),
        log: Region::new(4 * PAGE, RING_PAGES * PAGE),
        retention: if BLOCKS { Retention::Block } else { Retention::Overwrite },
    };

    fn parts(self) -> (Self::Flash, Noise, SimClock) {
        (self.flash, self.noise, self.clock)
    }
}

pub(crate) type Overwriting<'a> = Device<Board<'a, false>>;
pub(crate) type Blocking<'a> = Device<Board<'a, true>>;

pub(crate) fn identity(root: u8) -> Identity {
    Identity {
        storage_root: Secret::new([root; 32]),
        signing_seed: Secret::new([2; 32]),
        log_authority: authority().public(),
    }
}

pub(crate) fn authority() -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([3; 32]))
}

/// A part from the production line.
pub(crate) fn manufactured() -> Part {
    let mut flash = Part::new(4 + RING_PAGES, Model::None, 1);
    format(&mut flash);
    flash
}

pub(crate) fn format(flash: &mut Part) {
    let board = Board::<false> { flash, noise: Noise::good(9), clock: SimClock::new() };
    Device::format(board, &identity(1), Secret::new([4; 32])).unwrap();
}

pub(crate) fn boot<'a, const BLOCKS: bool>(
    flash: &'a mut Part,
    noise: Noise,
    clock: &SimClock,
) -> Result<Device<Board<'a, BLOCKS>>, BootError> {
    let board = Board { flash, noise, clock: clock.clone() };
    Device::boot(board, &identity(1), ResetCause::PowerOn)
}

/// Boots with a good source of noise and a clock at 0, and maintains until nothing is due.
pub(crate) fn started<const BLOCKS: bool>(flash: &mut Part) -> Device<Board<'_, BLOCKS>> {
    let noise = Noise::good(flash.counts().reads);
    let mut device = boot(flash, noise, &SimClock::new()).unwrap();
    maintain(&mut device).unwrap();
    device
}

pub(crate) fn step<P: Port, W: Watcher>(
    device: &mut Device<P, W>,
) -> Result<Progress, MaintainError> {
    device.maintain(&Pause::lend(&mut (), 1))
}

/// Maintains until nothing is due, or the first error.
pub(crate) fn maintain<P: Port, W: Watcher>(
    device: &mut Device<P, W>,
) -> Result<(), MaintainError> {
    for _ in 0..CALLS_MAX {
        if step(device)? == Progress::Idle {
            return Ok(());
        }
    }
    panic!("maintenance does not end");
}

pub(crate) fn event(number: u32) -> SystemEvent {
    SystemEvent::RecordsSuppressed { count: Count::new(number) }
}

/// Programs, and erases or steps of them, since `before`.
pub(crate) fn spent(flash: &Part, before: (Counts, u64)) -> (u64, u64) {
    let programs = flash.counts().programs - before.0.programs;
    (programs, flash.operations() - before.1 - programs)
}

pub(crate) fn mark(flash: &Part) -> (Counts, u64) {
    (flash.counts(), flash.operations())
}

/// A record as a host reads it.
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) event: u16,
    pub(crate) at: u64,
    pub(crate) fields: Vec<u8>,
}

impl Record {
    /// The number in its first field.
    pub(crate) fn count(&self) -> Option<u32> {
        match Fields::new(&self.fields).next() {
            Some(Ok(FieldValue::Count(count))) => Some(count.value()),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Reader(Vec<Record>);

impl Observer for Reader {
    fn range(&mut self, _: &Range) {}

    fn record(&mut self, record: &Opened<'_>) {
        self.0.push(Record {
            seq: record.place.seq,
            event: record.header.event,
            at: record.header.at.as_millis(),
            fields: record.fields.to_vec(),
        });
    }

    fn checkpoint(&mut self, _: &Statement, _: &[u8; 64]) {}
}

/// All records that verify, in their order, and what the whole comes to.
pub(crate) fn records(flash: &Part, authority: &AgreementSecret) -> (Vec<Record>, Summary) {
    let image = flash.image();
    let ring = usize::try_from(4 * PAGE).unwrap();
    let (cell, ring) = image.split_at(ring);
    let plan = Geometry::of_image(PAGE, 4, RING_PAGES).unwrap();
    let plan = Plan::new(plan, u32::from(BODY_BYTES_MAX)).unwrap();
    let key = DeviceKey::from_seed(&Secret::new([2; 32])).public();
    let state = read_public(&mut (PAGE, cell), &Geometry::of_image(PAGE, 4, 4).unwrap());
    let subject = Subject {
        plan: &plan,
        ring: 1,
        device: device_id(MODEL, &key),
        key: Some(&key),
        state: state.as_ref(),
        anchor: None,
    };
    let mut keys = Authority::open::<Aes256Gcm, _>(&mut (PAGE, ring), &subject, authority);
    let mut reader = Reader::default();
    let summary = verify::<Aes256Gcm, _, _, _>(&mut (PAGE, ring), &mut keys, &subject, &mut reader);
    reader.0.sort_by_key(|record| record.seq);
    (reader.0, summary)
}

/// How often event `id` is in the log.
pub(crate) fn times(flash: &Part, id: u16) -> usize {
    records(flash, &authority()).0.iter().filter(|record| record.event == id).count()
}
