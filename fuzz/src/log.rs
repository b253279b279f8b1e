//! The audit log, and the hub over it, mounted from a part that somebody wrote to.

use std::sync::OnceLock;

use medsec::{Device, Identity, Port, Profile, ResetCause};
use medsec_audit::export::{Cursor, ExportHeader};
use medsec_audit::log::{Config, Log, MaintainError, Progress, Tools};
use medsec_core::Secret;
use medsec_core::event::{Count, RecordError, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::ring::{EntryHeader, HEADER_BYTES, Header, Retention, seq_low};
use medsec_core::key::{Label, MacKey};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks, TimeSource, WallTime};
use medsec_sim::clock::SimClock;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;
use medsec_sim::tamper::device::{Device as Writer, MODEL, Setup};

use crate::input::Input;

pub(crate) const PAGE: usize = 2048;
pub(crate) const LOG_PAGES: u32 = 4;
/// Bytes of the cell's four pages, which the ring's pages follow.
pub(crate) const CELL_BYTES: u32 = 4 * 2048;

pub(crate) type Part = FaultFlash<4, 4, PAGE>;

/// What a device with a log has been through.
pub(crate) struct Life {
    pub(crate) setup: Setup,
    /// Images of the whole part, oldest first; the newest is that of a running device.
    pub(crate) parts: Vec<Vec<u8>>,
    /// Exports taken at the same moments.
    pub(crate) exports: Vec<Vec<u8>>,
}

/// A life with reboots, cuts and checkpoints on four small pages; always the same.
pub(crate) fn life(retention: Retention) -> &'static Life {
    static LIVES: [OnceLock<Life>; 2] = [const { OnceLock::new() }; 2];
    LIVES[usize::from(retention == Retention::Block)].get_or_init(|| lived(retention))
}

fn lived(retention: Retention) -> Life {
    let setup = Setup { pages: LOG_PAGES, retention, seed: 10 };
    let mut device = Writer::<Aes256Gcm, 4, 4, PAGE>::new(setup, Model::RandomBits, 1)
        .expect("a sound part can be formatted");
    let mut prng = Prng::new(7);
    let (mut parts, mut exports) = (vec![device.flash.image()], Vec::new());
    for boot in 0..9_u32 {
        assert!(device.boot(u64::from(boot)), "the log is found at each boot");
        device.flash.cut_after(if boot % 3 == 1 { 17 } else { 0 });
        if let Some(log) = device.log() {
            log.request_session();
        }
        device.maintain().ok();
        for record in 0..4 + boot % 3 * 6 {
            device.record(&mut prng).ok();
            if record == 3
                && let Some(log) = device.log()
            {
                log.request_checkpoint();
            }
            device.maintain().ok();
        }
        if !device.flash.is_off() {
            parts.push(device.flash.image());
            exports.push(device.export().expect("a running device gives an export"));
        }
        device.flash.cut_after(0);
        device.power_off();
    }
    Life { setup, parts, exports }
}

/// The storage root of a [`Setup`].
pub(crate) fn root(setup: &Setup) -> Secret<32> {
    Secret::new([setup.seed.wrapping_add(1); 32])
}

fn config(setup: &Setup) -> Config {
    Config {
        cell: Region::new(0, CELL_BYTES),
        ring: Region::new(CELL_BYTES, LOG_PAGES * 2048),
        retention: setup.retention,
        device: setup.device(),
        authority: setup.authority().public(),
    }
}

/// Changes bytes as somebody does who knows the formats; with `mac`, also who holds the key of the mount.
pub(crate) fn patch(
    image: &mut [u8],
    older: &[Vec<u8>],
    ring_at: usize,
    mac: Option<&MacKey>,
    input: &mut Input<'_>,
) {
    for _ in 0..1 + input.below(8) {
        if input.is_empty() {
            return;
        }
        let choice = input.u8();
        let at = usize::from(input.u16()) % image.len().max(1);
        match choice & 7 {
            0 => {
                let bytes = input.chunk();
                let end = (at + bytes.len()).min(image.len());
                image[at..end].copy_from_slice(&bytes[..end - at]);
            }
            1 => image[at] ^= 1 << (choice >> 5),
            2 => {
                let to = usize::from(input.u16()) % image.len();
                let count = (usize::from(choice >> 3) * 32).min(image.len() - at.max(to));
                image.copy_within(at..at + count, to);
            }
            3 => {
                let end = (at + (usize::from(choice >> 3) + 1) * 16).min(image.len());
                image[at..end].fill(input.u8());
            }
            4 => {
                let (from, to) = (at / PAGE * PAGE, usize::from(choice >> 3) * PAGE % image.len());
                if from + PAGE <= image.len() && to + PAGE <= image.len() {
                    image.copy_within(from..from + PAGE, to);
                }
            }
            5 => {
                // A page as it was once.
                let Some(before) = older.get(usize::from(choice >> 3) % older.len().max(1)) else {
                    continue;
                };
                let from = at / PAGE * PAGE;
                if let (Some(to), Some(before)) =
                    (image.get_mut(from..from + PAGE), before.get(from..from + PAGE))
                {
                    to.copy_from_slice(before);
                }
            }
            6 => refit(image, ring_at, at, input),
            _ => rewrite_header(image, ring_at, at, mac, input),
        }
    }
}

/// The header of the page that byte `at` lies in, and where the page begins.
fn header_at(image: &[u8], ring_at: usize, at: usize) -> Option<(usize, Header)> {
    let page = at.checked_sub(ring_at)? / PAGE * PAGE + ring_at;
    let bytes = image.get(page..)?.first_chunk::<HEADER_BYTES>()?;
    Some((page, Header::parse(bytes).ok()?))
}

/// An entry header with a right checksum at the unit that `at` lies in.
fn refit(image: &mut [u8], ring_at: usize, at: usize, input: &mut Input<'_>) {
    let Some((page, header)) = header_at(image, ring_at, at) else { return };
    let at = at / 4 * 4;
    let offset = u32::try_from(at - page).unwrap_or(0);
    let seq = header.first_seq.wrapping_add(u64::from(input.number()));
    let entry = EntryHeader { length: input.u16(), class: input.u8(), seq_low: seq_low(seq) };
    let bytes = entry.encode(header.page, offset);
    if let Some(to) = image.get_mut(at..at + 8) {
        to.copy_from_slice(&bytes);
    }
}

/// Another number in a page's header, and the header's MAC if the key is at hand.
fn rewrite_header(
    image: &mut [u8],
    ring_at: usize,
    at: usize,
    mac: Option<&MacKey>,
    input: &mut Input<'_>,
) {
    let Some((page, mut header)) = header_at(image, ring_at, at) else { return };
    match input.u8() & 3 {
        0 => header.page = header.page.wrapping_add(u32::from(input.u8())),
        1 => header.session = input.number(),
        2 => header.ordinal = input.number(),
        _ => header.first_seq = u64::from(input.number()),
    }
    header.floor = header.floor.min(header.page);
    let Ok(mut bytes) = header.encode() else { return };
    if let Some(mac) = mac {
        let tag = mac.tag(&[&bytes[..96]]);
        bytes[96..].copy_from_slice(&tag);
    }
    image[page..page + HEADER_BYTES].copy_from_slice(&bytes);
}

/// The log on a part that was written to: mounting reads only, and a log that mounts can be gone on with.
pub(crate) fn log(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let retention = if choice & 1 == 1 { Retention::Block } else { Retention::Overwrite };
    let life = life(retention);
    let (setup, root) = (&life.setup, root(&life.setup));
    let mut image = life.parts[usize::from(choice >> 1) % life.parts.len()].clone();
    let mac = MacKey::derive(&root, Label::AuditMount);
    let wants = [input.u8(), input.u8()];
    let cursor = Cursor {
        offset: input.number(),
        page: input.number(),
        end: input.number(),
        index: input.number(),
    };
    let ring_at = usize::try_from(CELL_BYTES).unwrap_or(0);
    patch(&mut image, &life.parts, ring_at, Some(&mac), &mut input);
    let mut flash = Part::from_image(image.clone(), Model::None, 1);
    let mounted = Log::<Aes256Gcm>::mount(&mut flash, config(setup), &root);
    assert_eq!((flash.counts().programs, flash.counts().erases), (0, 0), "mounting wrote");
    assert_eq!(flash.image(), image);
    let Ok(mut log) = mounted else { return };
    assert!(log.damaged_page().is_none_or(|digest| digest.bytes().len() == 8));
    read_out(&log, &mut flash, cursor, wants[0]);
    log.request_session();
    if wants[1] & 1 == 1 {
        log.request_clear();
    }
    if wants[1] & 2 == 2 {
        log.request_checkpoint();
    }
    if wants[1] & 4 == 4 {
        log.request_forget();
    }
    let mut random = Random::new(Noise::good(1));
    let maintained = maintain(&mut log, &mut flash, &mut random, setup);
    let mut last = None;
    for _ in 0..3 {
        let event = SystemEvent::RecordsSuppressed { count: Count::new(7) };
        match log.append(&mut flash, &event, Ticks::from_millis(9)) {
            Ok(place) => last = Some(place),
            Err(RecordError::Full) if retention == Retention::Block => {
                log.append_reserved(&mut flash, &event, Ticks::from_millis(9)).ok();
            }
            Err(RecordError::NotReady) => {
                maintain(&mut log, &mut flash, &mut random, setup).ok();
            }
            Err(error) => assert!(maintained.is_err(), "{error} although maintained"),
        }
    }
    assert!(log.health().used_per_mille <= 1000);
    assert_eq!(flash.counts().double_programs, 0, "a word programmed twice");
    let again = Log::<Aes256Gcm>::mount(&mut flash, config(setup), &root)
        .expect("a log that went on is found again");
    if let Some(place) = last.filter(|place| place.page < u32::MAX - 8 && wants[1] & 1 == 0) {
        let whole = read_out(&again, &mut flash, again.export_start().expect("a state"), 255);
        let (_, pages) = ExportHeader::parse(&whole).expect("an export is whole");
        let slot = usize::try_from(place.page % LOG_PAGES).unwrap_or(0);
        let at = slot * PAGE + usize::try_from(place.offset).unwrap_or(usize::MAX);
        let head = pages[at..].first_chunk().expect("an entry within the pages");
        let entry = EntryHeader::parse(head, place.page, place.offset);
        // Who holds the key of the mount can make it look elsewhere; nobody else can.
        let forged = data.iter().any(|byte| byte & 7 == 7);
        assert!(
            forged || entry.map(|entry| entry.seq_low) == Ok(seq_low(place.seq)),
            "an acknowledged record was lost"
        );
    }
}

fn maintain(
    log: &mut Log<Aes256Gcm>,
    flash: &mut Part,
    random: &mut Random<Noise>,
    setup: &Setup,
) -> Result<(), MaintainError> {
    static KEY: OnceLock<medsec_core::key::DeviceKey> = OnceLock::new();
    let key = KEY.get_or_init(|| setup.key());
    for turn in 0..256 {
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 1);
        let mut tools = Tools { random, key, now: Ticks::from_millis(turn), pause: &pause };
        if log.maintain(flash, &mut tools)? == Progress::Idle {
            return Ok(());
        }
    }
    panic!("maintenance that does not end");
}

/// An export from any cursor, in pieces.
fn read_out(log: &Log<Aes256Gcm>, flash: &mut Part, mut cursor: Cursor, piece: u8) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut buffer = vec![0; usize::from(piece) * 8 + 1];
    for _ in 0..64 {
        let before = cursor.offset;
        match log.export(flash, MODEL, &mut cursor, &mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                assert!(count <= buffer.len());
                assert_eq!(cursor.offset - before, u32::try_from(count).unwrap_or(0));
                whole.extend(&buffer[..count]);
            }
        }
    }
    whole
}

/// The board of [`Life`]'s device.
struct Board<'a>(&'a mut Part);

impl<'a> Port for Board<'a> {
    type Suite = Aes256Gcm;
    type Flash = &'a mut Part;
    type Entropy = Noise;
    type Clock = SimClock;

    const PROFILE: Profile = Profile {
        model: MODEL,
        cell: Region::new(0, CELL_BYTES),
        log: Region::new(CELL_BYTES, LOG_PAGES * 2048),
        retention: Retention::Overwrite,
    };

    fn parts(self) -> (Self::Flash, Self::Entropy, Self::Clock) {
        (self.0, Noise::good(3), SimClock::new())
    }
}

/// The whole device booted from such a part: reads only, and then serves or says why not.
pub(crate) fn device(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let life = life(Retention::Overwrite);
    let mut image = life.parts[usize::from(choice) % life.parts.len()].clone();
    let seconds = input.u64();
    let ring_at = usize::try_from(CELL_BYTES).unwrap_or(0);
    patch(&mut image, &life.parts, ring_at, None, &mut input);
    let mut flash = Part::from_image(image.clone(), Model::None, 1);
    let seed = life.setup.seed;
    let identity = Identity {
        storage_root: root(&life.setup),
        signing_seed: Secret::new([seed.wrapping_add(2); 32]),
        log_authority: life.setup.authority().public(),
    };
    let booted = Device::boot(Board(&mut flash), &identity, ResetCause::BrownOut).map(drop);
    assert_eq!((flash.counts().programs, flash.counts().erases), (0, 0), "booting wrote");
    assert_eq!(flash.image(), image);
    if booted.is_err() {
        return;
    }
    let mut device =
        Device::boot(Board(&mut flash), &identity, ResetCause::BrownOut).expect("as before");
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 1);
    let mut idle = false;
    for _ in 0..256 {
        match device.maintain(&pause) {
            Ok(Progress::Idle) => {
                idle = true;
                break;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let time =
        WallTime { unix_seconds: seconds, source: TimeSource::Person, uncertainty_seconds: 1 };
    let set = device.set_wall_time(time);
    let event = SystemEvent::RecordsSuppressed { count: Count::new(7) };
    let logged = device.log(&event);
    if idle {
        assert!(
            logged.is_ok()
                || set == Err(RecordError::NotReady)
                || logged == Err(RecordError::NotReady),
            "{logged:?}"
        );
    }
    device.log_reserved(&event).ok();
    device.log_limited(&event).ok();
    assert!(device.latest_wall_time().unix_seconds >= device.wall_time().unix_seconds);
    assert!(device.health().log.used_per_mille <= 1000);
    drop(device);
    assert_eq!(flash.counts().double_programs, 0, "a word programmed twice");
    assert!(Device::boot(Board(&mut flash), &identity, ResetCause::PowerOn).is_ok());
}
