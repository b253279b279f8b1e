//! Counts the instructions and the stack of medsec's operations on the core that this image is built for.
//!
//! SysTick counts under `-icount shift=0`: one tick is 40 instructions on `mps2-an386`. Short work is done several times,
//! so that a tick is a small part of it. The flash is RAM that takes no time. A line of the console has the form `COUNT
//! ticks times stack-bytes what` or `SIZE bytes what`; `cargo xtask icount` reads them.
#![no_std]
#![no_main]

mod links;

use core::hint::black_box;
use core::marker::PhantomData;
use core::mem::size_of;

use cortex_m_rt::entry;
use embedded_storage::nor_flash::NorFlash;
use medsec::audit::log::Progress;
use medsec::audit::segment::Chain;
use medsec::audit::{Config, Log};
use medsec::core::event::PrincipalId;
use medsec::device::device_id;
use medsec::{Device, Identity, Pause, Port, Profile, ResetCause, Secret, events};
use medsec_core::hal::Clock;
use medsec_core::key::{Context, DeviceKey, sha256};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Sealer, Suite};
use medsec_core::time::Ticks;
use pump_firmware::board::console::Line;
use pump_firmware::board::core_clock;
use pump_firmware::board::noise::EmulatedNoise;
use pump_firmware::board::ram_flash::RamFlash;
use pump_firmware::board::{self, Outcome, stack};
use pump_firmware::port::{self, Board, MODEL};

/// The part: four pages for the cell, sixteen for the log.
const PART_BYTES: usize = 20 * 4096;
/// Bytes that the log stores for a record of 64 bytes.
const STORED_BYTES: usize = 88;
const STORED_BYTES_U32: u32 = 88;
const MAINTAIN_CALLS_MAX: u32 = 100;
const RECORDS_MAX: u32 = 2_000;

events! {
    /// What is recorded here.
    enum BenchEvent {
        /// Fields of 54 bytes, which make a record of 64.
        Happened = 0x4001 [ControlSystem, Operational, Success] {
            /// Who.
            public a: PrincipalId,
            /// Who.
            public b: PrincipalId,
            /// Who.
            public c: PrincipalId,
            /// Who.
            public d: PrincipalId,
            /// Who.
            public e: PrincipalId,
            /// Who.
            public f: PrincipalId,
        },
    }
}

const fn event() -> BenchEvent {
    let id = PrincipalId::new([7; 8]);
    BenchEvent::Happened { a: id, b: id, c: id, d: id, e: id, f: id }
}

/// Time does not matter here, and asking for it costs nothing.
struct StillClock;

impl Clock for StillClock {
    fn now(&mut self) -> Ticks {
        Ticks::from_millis(0)
    }
}

/// Bytes at a word's boundary wherever the linker puts them: what copies them off one takes three times the instructions.
#[repr(align(4))]
struct Aligned<const BYTES: usize>([u8; BYTES]);

static STORED: Aligned<STORED_BYTES> = Aligned([7; STORED_BYTES]);

struct Bench<'a, S> {
    part: RamFlash<'a>,
    suite: PhantomData<S>,
}

impl<'a, S: Suite> Bench<'a, S> {
    const fn on(part: &'a mut [u8]) -> Self {
        Self { part: RamFlash::new(part), suite: PhantomData }
    }
}

impl<'a, S: Suite> Port for Bench<'a, S> {
    type Suite = S;
    type Flash = RamFlash<'a>;
    type Entropy = EmulatedNoise;
    type Clock = StillClock;

    const PROFILE: Profile = Board::<false>::PROFILE;

    fn parts(self) -> (RamFlash<'a>, EmulatedNoise, StillClock) {
        (self.part, EmulatedNoise::new(1), StillClock)
    }
}

/// What an operation took.
#[derive(Clone, Copy, Default)]
struct Cost {
    ticks: u32,
    times: u32,
    stack: u32,
}

impl Cost {
    fn tell(self, suite: u8, what: &str) {
        let line = Line::new().text("COUNT ").number(self.ticks.into());
        let line = line.text(" ").number(self.times.into());
        label(line.text(" ").number(self.stack.into()), suite, what).send();
    }

    /// The larger in each respect.
    fn max(self, other: Self) -> Self {
        let (ticks, stack) = (self.ticks.max(other.ticks), self.stack.max(other.stack));
        Self { ticks, times: 1, stack }
    }

    fn and(self, other: Self) -> Self {
        let ticks = self.ticks.wrapping_add(other.ticks);
        Self { ticks, times: 1, stack: self.stack.max(other.stack) }
    }
}

fn label(line: Line, suite: u8, what: &str) -> Line {
    let line = line.text(" ");
    if suite == 0 {
        line.text(what)
    } else {
        line.text("suite ").number(suite.into()).text(" ").text(what)
    }
}

fn size(suite: u8, what: &str, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    label(Line::new().text("SIZE ").number(bytes), suite, what).send();
}

/// Counts `act`, done so many times, from the beginning of a tick on.
fn count(times: u32, mut act: impl FnMut()) -> Cost {
    let mut ticks = 0;
    let stack = stack::used_by(|| {
        let edge = core_clock::ticks();
        let mut begun = core_clock::ticks();
        while begun == edge {
            begun = core_clock::ticks();
        }
        for _ in 0..times {
            act();
        }
        ticks = core_clock::between(begun, core_clock::ticks());
    });
    Cost { ticks, times, stack }
}

#[inline(never)]
fn ciphers<S: Suite>() {
    let key = Secret::new([7; 32]);
    count(16, || drop(black_box(Sealer::<S>::new(black_box(&key))))).tell(S::ID, "key schedule");
    size(S::ID, "key schedule", size_of::<Sealer<S>>());
    bodies::<S, 64, 16>(&key, &[], "64 B");
    bodies::<S, 64, 16>(&key, &[7; 24], "64 B with 24 B beside");
    bodies::<S, 1024, 4>(&key, &[], "1 KiB");
}

/// Seals bodies one after the other, then opens them.
#[inline(never)]
fn bodies<S: Suite, const BYTES: usize, const TIMES: usize>(
    key: &Secret<32>,
    aad: &[u8],
    what: &str,
) {
    let times = u32::try_from(TIMES).unwrap_or(0);
    let mut sealer = Sealer::<S>::new(key);
    let mut bodies = [[7_u8; BYTES]; TIMES];
    let mut tags = [[0_u8; 16]; TIMES];
    let mut all = (0..).zip(bodies.iter_mut().zip(tags.iter_mut()));
    let cost = count(times, || {
        if let Some((number, (body, tag))) = all.next() {
            *tag = sealer.seal(number, aad, body).unwrap_or_default();
        }
    });
    told(cost, S::ID, ["seal ", what]);
    let opener = Opener::<S>::new(key);
    let mut opened = 0_u32;
    let mut all = (0..).zip(bodies.iter_mut().zip(tags.iter()));
    let cost = count(times, || {
        if let Some((number, (body, tag))) = all.next() {
            let whole = opener.open(number, aad, body, tag).is_ok();
            opened = opened.wrapping_add(u32::from(whole));
        }
    });
    told(cost, S::ID, ["open ", what]);
    expect(opened == times);
}

fn told(cost: Cost, suite: u8, [verb, what]: [&str; 2]) {
    let line = Line::new().text("COUNT ").number(cost.ticks.into());
    let line = line.text(" ").number(cost.times.into());
    label(line.text(" ").number(cost.stack.into()), suite, verb).text(what).send();
}

/// What was counted must also have been done.
fn expect(done: bool) {
    if !done {
        board::finish_bare(Outcome::Failed);
    }
}

#[inline(never)]
fn hashes_and_signatures() {
    let kilobyte = [7; 1024];
    count(4, || {
        black_box(sha256(&[black_box(&kilobyte)]));
    })
    .tell(0, "SHA-256 of 1 KiB");
    let mut chain = Chain::new(&[7; 32]);
    count(16, || chain.update(black_box(&STORED.0))).tell(0, "SHA-256, 88 B more");
    black_box(chain.value());
    let seed = Secret::new([7; 32]);
    let key = DeviceKey::from_seed(&seed);
    count(1, || drop(black_box(DeviceKey::from_seed(black_box(&seed)))))
        .tell(0, "signing key from its seed");
    let mut signature = None;
    count(1, || signature = key.sign(Context::AuditCheckpoint, &[&[7; 64]]).ok())
        .tell(0, "sign and check");
    let (public, signature) = (key.public(), signature.unwrap_or([0; 64]));
    let mut verified = false;
    count(1, || {
        verified = public.verify(Context::AuditCheckpoint, &[&[7; 64]], &signature).is_ok();
    })
    .tell(0, "verify");
    expect(verified);
}

/// Maintains until nothing is due; the sum of it and its dearest call.
fn settle<P: Port>(device: &mut Device<P>) -> (Cost, Cost) {
    let (mut sum, mut dearest) = (Cost::default(), Cost::default());
    for _ in 0..MAINTAIN_CALLS_MAX {
        let (cost, progress) = maintain(device);
        if progress == Progress::Idle {
            return (sum, dearest);
        }
        sum = sum.and(cost);
        dearest = dearest.max(cost);
    }
    expect(false);
    (sum, dearest)
}

#[inline(never)]
fn maintain<P: Port>(device: &mut Device<P>) -> (Cost, Progress) {
    let mut progress = None;
    let mut therapy = ();
    let cost = count(1, || progress = device.maintain(&Pause::lend(&mut therapy, 100)).ok());
    expect(progress.is_some());
    (cost, progress.unwrap_or(Progress::Idle))
}

#[inline(never)]
fn append<P: Port>(device: &mut Device<P>, times: u32) -> (Cost, u32) {
    let event = event();
    let mut last = None;
    let mut stored = 0_u32;
    let cost = count(times, || {
        last = device.log(black_box(&event)).ok();
        stored = stored.wrapping_add(u32::from(last.is_some()));
    });
    expect(stored == times);
    (cost, last.map_or(0, |place| place.page))
}

#[inline(never)]
fn boot<'a, S: Suite>(
    part: &'a mut [u8],
    identity: &Identity,
    what: &str,
) -> Option<Device<Bench<'a, S>>> {
    let mut board = Some(Bench::on(part));
    let mut device = None;
    let cost = count(1, || {
        if let Some(board) = board.take() {
            device = Device::boot(board, identity, ResetCause::PowerOn).ok();
        }
    });
    cost.tell(S::ID, what);
    device
}

#[inline(never)]
fn mount<S: Suite>(part: &mut [u8], identity: &Identity) {
    let key = DeviceKey::from_seed(&identity.signing_seed);
    let Profile { cell, log: ring, retention, .. } = Board::<false>::PROFILE;
    let device = device_id(MODEL, &key.public());
    let config = Config { cell, ring, retention, device, authority: identity.log_authority };
    let mut flash = RamFlash::new(part);
    let mut mounted = false;
    let cost = count(1, || {
        mounted = black_box(Log::<S>::mount(&mut flash, config, &identity.storage_root)).is_ok();
    });
    expect(mounted);
    cost.tell(S::ID, "mount of 16 pages");
}

/// A log from its making on to a mount of its full part.
#[inline(never)]
fn log<S: Suite>(part: &mut [u8], identity: &Identity) -> Option<()> {
    size(S::ID, "log in RAM", size_of::<Log<S>>());
    size(S::ID, "device in RAM", size_of::<Device<Bench<'_, S>>>());
    let mut made = None;
    count(1, || {
        made =
            Device::format(Bench::<S>::on(part), identity, port::station_seed()).ok().map(|_| ());
    })
    .tell(S::ID, "format");
    made?;
    let mut device = boot::<S>(part, identity, "boot: an empty log")?;
    let (sum, dearest) = settle(&mut device);
    sum.tell(S::ID, "boot: maintain until ready");
    dearest.tell(S::ID, "boot: dearest call of maintain");
    append(&mut device, 16).0.tell(S::ID, "append 64 B");
    maintain(&mut device).0.tell(S::ID, "maintain: nothing due");
    device.log_mut().0.request_checkpoint();
    maintain(&mut device).0.tell(S::ID, "maintain: checkpoint");
    let (mut turn, mut erase, mut page) = (Cost::default(), Cost::default(), 0);
    for _ in 0..RECORDS_MAX {
        let (cost, now) = append(&mut device, 1);
        if now != page {
            turn = turn.max(cost);
            // The next page is erased now.
            erase = erase.max(maintain(&mut device).0);
            page = now;
        }
        settle(&mut device);
        if page > 20 {
            break;
        }
    }
    expect(page > 20);
    turn.tell(S::ID, "append 64 B that opens a page");
    erase.tell(S::ID, "maintain: erase ahead");
    drop(device);
    mount::<S>(part, identity);
    boot::<S>(part, identity, "boot: 16 pages").map(|_| ())
}

#[inline(never)]
fn run() -> Option<()> {
    core_clock::start()?;
    count(1, || core_clock::spin(500_000)).tell(0, "calibration: 1,000,000 instructions");
    count(16, || {
        black_box(());
    })
    .tell(0, "nothing");
    let mut part = Aligned([0xFF; PART_BYTES]);
    let part = &mut part.0;
    let mut at = 0;
    count(16, || {
        let written = RamFlash::new(part).write(at, black_box(&STORED.0));
        at = at.wrapping_add(STORED_BYTES_U32);
        expect(written.is_ok());
    })
    .tell(0, "program 88 B of this part");
    hashes_and_signatures();
    ciphers::<Aes256Gcm>();
    ciphers::<ChaCha20Poly1305>();
    links::links::<Aes256Gcm>()?;
    links::links::<ChaCha20Poly1305>()?;
    let identity = port::identity()?;
    for suite in [1, 2] {
        part.fill(0xFF);
        if suite == 1 {
            log::<Aes256Gcm>(part, &identity)?;
        } else {
            log::<ChaCha20Poly1305>(part, &identity)?;
        }
    }
    Some(())
}

#[entry]
fn main() -> ! {
    let _options = board::start_bare();
    let outcome = if run().is_some() { Outcome::Done } else { Outcome::Failed };
    board::finish_bare(outcome)
}
