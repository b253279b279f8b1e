//! What happens to the pump, up to its last export.

use infusion_pump::application::{KeyError, Pump};
use infusion_pump::events::{PatientNumber, PumpEvent};
use infusion_pump::pump::Key;
use infusion_pump::therapy::{Alarm, Therapy};
use medsec::core::event::{PrincipalId, RecordError, SystemEvent};
use medsec::core::suite::{Aes256Gcm, Suite as _};
use medsec::core::time::{TimeSource, WallTime};
use medsec::{Device, Pause, Port as _, ResetCause};
use medsec_audit::log::{Place, Progress};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{MODEL, PAGE_BYTES, SimBoard, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;

use super::bench::Bench;
use super::{Script, Stop, claim};
use crate::catalogue;
use crate::keyfile::{AuthoritySecret, DeviceKey};
use crate::layout::Layout;
use crate::text::{grouped, hex};

/// The patient's number in the hospital. It must be found nowhere.
pub(super) const PATIENT: [u8; 16] = *b"PATIENT-00471193";
/// The nurse, by the random id of her enrolment.
pub(super) const NURSE: [u8; 8] = *b"\x1f\x8a\x55\x02\x9c\x33\x71\xe0";
const SEED: u64 = 20;
/// What the ward's clock shows when the nurse sets the pump's: a day in 2026, to a minute.
const SET_UNIX_SECONDS: u64 = 1_780_300_800;
/// Most calls of `maintain` until nothing is due.
const TURNS_MAX: u32 = 1_000;
const TEN_MINUTES_MS: u32 = 600_000;

type Board<'a> = SimBoard<'a>;

/// What is left of the pump's life for the checks.
pub(super) struct Life {
    pub(super) acknowledged: Vec<Place>,
    /// The record of the first change of the rate.
    pub(super) rate_changed: Place,
    /// The newest record before the last checkpoint.
    pub(super) newest: Place,
}

/// The pump, its owner and its flash.
struct World {
    owner: SimOwner,
    flash: SimFlash,
    acknowledged: Vec<Place>,
    boots: u64,
}

pub(super) fn play(bench: &Bench, script: &mut Script) -> Result<Life, Stop> {
    let mut world = make(bench, script)?;
    let rate_changed = first_boot(bench, &mut world, script)?;
    let newest = second_boot(bench, &mut world, script)?;
    bench.put("flash.bin", &world.flash.image())?;
    script.step(
        "the flash is read out raw as well, and its layout and the catalogue of events written",
    );
    Ok(Life { acknowledged: world.acknowledged, rate_changed, newest })
}

fn make(bench: &Bench, script: &mut Script) -> Result<World, Stop> {
    let owner = SimOwner::new(SEED);
    let key = owner.public_key();
    let flash = owner.manufacture(Model::BytePrefix, SEED).map_err(failed("production"))?;
    bench.put("device.key", DeviceKey::from(key).to_file().as_bytes())?;
    bench.put("authority.key", AuthoritySecret::file_of(owner.authority_bytes()).as_bytes())?;
    let profile = Board::PROFILE;
    let layout = Layout {
        suite: Aes256Gcm::ID,
        model: MODEL,
        page_bytes: PAGE_BYTES,
        unit: 4,
        cell_offset: profile.cell.offset(),
        log_offset: profile.log.offset(),
        log_bytes: profile.log.bytes(),
    };
    bench.put("layout.txt", layout.to_file().as_bytes())?;
    bench.put("catalogue.txt", catalogue::write(PumpEvent::CATALOGUE).as_bytes())?;
    script.step(format!(
        "an owner with a log authority, and a pump with its own key and an empty log: device {}",
        hex(&medsec::device::device_id(MODEL, &key))
    ));
    Ok(World { owner, flash, acknowledged: Vec::new(), boots: 0 })
}

impl World {
    /// Powers the pump on; its session runs when this returns.
    fn boot<'a>(
        &'a mut self,
        therapy: &'a Therapy,
        clock: &SimClock,
        cause: ResetCause,
    ) -> Result<(Pump<'a, Board<'a>>, &'a mut Vec<Place>), Stop> {
        self.boots += 1;
        let noise = Noise::good(SEED + self.boots);
        let board = SimBoard { flash: &mut self.flash, noise, clock: clock.clone() };
        let device =
            Device::boot(board, &self.owner.identity(), cause).map_err(failed("the boot"))?;
        let mut pump = Pump::new(device, therapy);
        rest(&mut pump)?;
        Ok((pump, &mut self.acknowledged))
    }
}

fn first_boot(bench: &Bench, world: &mut World, script: &mut Script) -> Result<Place, Stop> {
    let (therapy, clock) = (Therapy::new(), SimClock::new());
    let (mut pump, acknowledged) = world.boot(&therapy, &clock, ResetCause::PowerOn)?;
    script.step("the pump boots, starts its first session and records that");
    clock.advance(12_000);
    set_clock(&mut pump)?;
    script.step("a nurse sets its clock to the minute");
    let (nurse, patient) = (PrincipalId::new(NURSE), PatientNumber::new(PATIENT));
    acknowledged.push(pump.assign(nurse, patient).map_err(failed("the assignment"))?);
    script.step("the pump is given to a patient, whose number enters the record encrypted");
    clock.advance(8_000);
    let rate_changed = type_rate(&mut pump, [1, 2, 5])?;
    acknowledged.push(rate_changed);
    acknowledged.push(press(&mut pump, Key::Start)?);
    run_therapy(&therapy, &clock);
    claim(therapy.delivered_ul() == 2_083, "12.5 ml/h for ten minutes are 2,083 µl")?;
    script.step("12.5 ml/h are set and recorded before they take effect; in ten minutes 2,083 µl are delivered");
    for key in [Key::Digit(9); 4] {
        pump.press(key).map_err(failed("a digit"))?;
    }
    let refused = matches!(pump.press(Key::Enter), Err(KeyError::Rate(_)));
    claim(refused && therapy.ul_per_hour() == 12_500, "999.9 ml/h are refused")?;
    script.step("999.9 ml/h are refused, and that is recorded");
    acknowledged.push(pump.raise(Alarm::Occlusion).map_err(failed("the alarm"))?);
    claim(!therapy.is_running(), "an occlusion stops delivery")?;
    script.step("the line is blocked: the alarm sounds, delivery stops, both recorded");
    export(&mut pump, bench, "earlier.export")?;
    bench.log("checkpoint @earlier.export --device-key @device.key -o @kept.checkpoint")?;
    script.step("the ward reads the log out; its checkpoint is kept outside the pump");
    clock.advance(30_000);
    acknowledged.push(press(&mut pump, Key::Silence)?);
    acknowledged.push(press(&mut pump, Key::Start)?);
    cut(&mut pump, &therapy, script)?;
    Ok(rate_changed)
}

/// The power goes while a record is being written.
fn cut(pump: &mut Pump<'_, Board<'_>>, therapy: &Therapy, script: &mut Script) -> Result<(), Stop> {
    let (_, flash) = pump.device().log_mut();
    flash.cut_after(1);
    for key in [Key::Digit(8), Key::Digit(0), Key::Digit(0)] {
        pump.press(key).map_err(failed("a digit"))?;
    }
    let lost = pump.press(Key::Enter);
    let is_refused = matches!(lost, Err(KeyError::NotRecorded(RecordError::Fault)));
    claim(is_refused, "a record that was torn is not acknowledged")?;
    claim(therapy.ul_per_hour() == 12_500, "what was not recorded was not done")?;
    let (_, flash) = pump.device().log_mut();
    let cut = flash.last_cut().ok_or_else(|| Stop::Failed("the power did not go".to_owned()))?;
    script.step(format!(
        "the plug is pulled in the middle of a record, at byte {} of the flash: not acknowledged, and so not done",
        grouped(u64::from(cut.offset))
    ));
    Ok(())
}

fn second_boot(bench: &Bench, world: &mut World, script: &mut Script) -> Result<Place, Stop> {
    world.flash.power_on();
    let (therapy, clock) = (Therapy::new(), SimClock::new());
    let (mut pump, acknowledged) = world.boot(&therapy, &clock, ResetCause::BrownOut)?;
    script.step("the pump boots again, and its log goes on in a second session");
    clock.advance(5_000);
    let (nurse, patient) = (PrincipalId::new(NURSE), PatientNumber::new(PATIENT));
    acknowledged.push(pump.assign(nurse, patient).map_err(failed("the assignment"))?);
    acknowledged.push(type_rate(&mut pump, [8, 0])?);
    acknowledged.push(press(&mut pump, Key::Start)?);
    run_therapy(&therapy, &clock);
    acknowledged.push(press(&mut pump, Key::Stop)?);
    script.step("therapy is set up again, runs for ten minutes and is stopped");
    let started = SystemEvent::ExportStarted { by: nurse };
    let newest = pump.device().log(&started).map_err(failed("the record of the export"))?;
    acknowledged.push(newest);
    let (pieces, bytes) = export(&mut pump, bench, "pump.export")?;
    script.step(format!(
        "the pump signs a checkpoint and is read out in {pieces} pieces of odd sizes, {} bytes",
        grouped(bytes)
    ));
    Ok(newest)
}

/// Does what is due until nothing is.
fn rest(pump: &mut Pump<'_, Board<'_>>) -> Result<(), Stop> {
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 100);
    for _ in 0..TURNS_MAX {
        if pump.idle(&pause).map_err(failed("maintenance"))? == Progress::Idle {
            return Ok(());
        }
    }
    Err(Stop::Failed("maintenance does not end".to_owned()))
}

fn set_clock(pump: &mut Pump<'_, Board<'_>>) -> Result<(), Stop> {
    let time = WallTime {
        unix_seconds: SET_UNIX_SECONDS,
        source: TimeSource::Person,
        uncertainty_seconds: 60,
    };
    pump.device().set_wall_time(time).map_err(failed("the record of the clock"))
}

fn type_rate<const N: usize>(
    pump: &mut Pump<'_, Board<'_>>,
    digits: [u8; N],
) -> Result<Place, Stop> {
    for digit in digits {
        pump.press(Key::Digit(digit)).map_err(failed("a digit"))?;
    }
    press(pump, Key::Enter)
}

fn press(pump: &mut Pump<'_, Board<'_>>, key: Key) -> Result<Place, Stop> {
    let place = pump.press(key).map_err(failed("a key"))?;
    let place = place.ok_or_else(|| Stop::Failed("a key was not recorded".to_owned()))?;
    rest(pump)?;
    Ok(place)
}

/// Ten minutes of the timer interrupt.
fn run_therapy(therapy: &Therapy, clock: &SimClock) {
    for _ in 0..TEN_MINUTES_MS / infusion_pump::therapy::TICK_MS {
        therapy.tick();
        clock.advance(u64::from(infusion_pump::therapy::TICK_MS));
    }
}

/// Signs a checkpoint and reads the log out in pieces of odd sizes; gives their number and the bytes.
fn export(pump: &mut Pump<'_, Board<'_>>, bench: &Bench, name: &str) -> Result<(u32, u64), Stop> {
    let (log, _) = pump.device().log_mut();
    log.request_checkpoint();
    rest(pump)?;
    let (log, flash) = pump.device().log_mut();
    let (mut export, mut pieces) = (Vec::new(), 0);
    let mut cursor = log.export_start().map_err(failed("the export"))?;
    for size in [61, 4_096, 1_000, 7, 8_192].into_iter().cycle() {
        let mut piece = vec![0; size];
        let count =
            log.export(flash, MODEL, &mut cursor, &mut piece).map_err(failed("the export"))?;
        if count == 0 {
            break;
        }
        export.extend_from_slice(&piece[..count]);
        pieces += 1;
    }
    claim(
        u64::try_from(export.len()).ok() == Some(u64::from(log.export_bytes())),
        "the export is whole",
    )?;
    bench.put(name, &export)?;
    Ok((pieces, u64::from(log.export_bytes())))
}

fn failed<E: core::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Stop {
    move |error| Stop::Failed(format!("{what}: {error}"))
}
