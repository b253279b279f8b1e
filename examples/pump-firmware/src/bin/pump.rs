//! The infusion pump, with a workload in place of the people around it.
//!
//! Each record is acknowledged on the console after the call that stored it has returned. `cargo xtask emulate` cuts the
//! power at any instant and looks for what was acknowledged.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use infusion_pump::application::{KeyError, Pump};
use infusion_pump::events::PatientNumber;
use infusion_pump::pump::Key;
use medsec::audit::Place;
use medsec::audit::log::{MaintainError, Progress};
use medsec::core::event::PrincipalId;
use medsec::{Device, Pause, RecordError, ResetCause};
use pump_firmware::board::console::Line;
use pump_firmware::board::interrupts::THERAPY;
use pump_firmware::board::options::Options;
use pump_firmware::board::{self, Outcome};
use pump_firmware::port::{self, Board};

type Emulated = Device<Board<false>>;
type Application = Pump<'static, Board<false>>;

/// Erase steps between two events: fewer than the erase of a page has, so that some cuts find it half done.
const IDLE_CALLS: u32 = 3;
/// An erase has 86 steps; a session's start, a few programs and a checkpoint come on top.
const SETTLE_CALLS_MAX: u32 = 2_000;

/// Ids of the pump's events, as `infusion_pump::events` declares them.
const PATIENT_ASSIGNED: u16 = 0x4001;
const RATE_CHANGED: u16 = 0x4002;
const DELIVERY_STARTED: u16 = 0x4004;
const DELIVERY_STOPPED: u16 = 0x4005;
const ALARM_RAISED: u16 = 0x4006;
const ALARM_SILENCED: u16 = 0x4007;

/// Why the run ended early.
enum Failure {
    Board,
    Boot,
    Log,
    Stuck,
}

impl Failure {
    const fn text(&self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Boot => "boot",
            Self::Log => "log",
            Self::Stuck => "stuck",
        }
    }
}

fn idle(pump: &mut Application) -> Result<Progress, MaintainError> {
    let mut loop_of_the_pump = ();
    let progress = pump.idle(&Pause::lend(&mut loop_of_the_pump, 1));
    board::stack::wipe();
    progress
}

fn settle(pump: &mut Application) -> Result<(), Failure> {
    for _ in 0..SETTLE_CALLS_MAX {
        if idle(pump).map_err(|_| Failure::Log)? == Progress::Idle {
            return Ok(());
        }
    }
    Err(Failure::Stuck)
}

fn typed(pump: &mut Application, tenths: u32) -> Result<Option<Place>, KeyError> {
    let mut divisor = 100;
    while divisor > 0 {
        let digit = u8::try_from(tenths.checked_div(divisor).unwrap_or(0) % 10).unwrap_or(0);
        pump.press(Key::Digit(digit))?;
        divisor /= 10;
    }
    pump.press(Key::Enter)
}

/// One thing that somebody does at the pump, and the id of the event that it records.
fn act(pump: &mut Application, step: u32) -> (u16, Result<Option<Place>, KeyError>) {
    let recorded =
        |place: Result<Place, RecordError>| place.map(Some).map_err(KeyError::NotRecorded);
    match step % 7 {
        0 => {
            let operator = PrincipalId::new(u64::from(step).to_le_bytes());
            let patient = PatientNumber::new([b'0'.wrapping_add(step.to_le_bytes()[0] % 10); 16]);
            (PATIENT_ASSIGNED, recorded(pump.assign(operator, patient)))
        }
        1 | 4 => (RATE_CHANGED, typed(pump, (step % 900).wrapping_add(10))),
        2 => (DELIVERY_STARTED, pump.press(Key::Start)),
        3 => (ALARM_RAISED, recorded(pump.raise(port::alarm(step)))),
        5 => (ALARM_SILENCED, pump.press(Key::Silence)),
        _ => (DELIVERY_STOPPED, pump.press(Key::Stop)),
    }
}

/// Acts once, and once more if the log was not ready.
fn act_and_acknowledge(pump: &mut Application, step: u32) -> Result<(), Failure> {
    for _ in 0..2 {
        let (event, done) = act(pump, step);
        board::stack::wipe();
        match done {
            Ok(Some(place)) => {
                let session = pump.device().health().log.sessions;
                port::acknowledge(session, place, event);
                return Ok(());
            }
            Err(KeyError::NotRecorded(RecordError::NotReady)) => settle(pump)?,
            Ok(None) | Err(_) => return Err(Failure::Log),
        }
    }
    Err(Failure::Stuck)
}

fn work(pump: &mut Application, events: u32) -> Result<(), Failure> {
    for step in 0..events {
        act_and_acknowledge(pump, step)?;
        for _ in 0..IDLE_CALLS {
            idle(pump).map_err(|_| Failure::Log)?;
        }
        if step % 64 == 40 {
            pump.device().log_mut().0.request_checkpoint();
        }
        if step % 128 == 90 {
            pump.device().log_mut().0.request_forget();
        }
    }
    settle(pump)
}

#[inline(never)]
fn run(options: &Options) -> Result<(), Failure> {
    let board = Board::open(options.seed).map_err(|_| Failure::Board)?;
    let identity = port::identity().ok_or(Failure::Boot)?;
    if options.format {
        let formatted = Emulated::format(board, &identity, port::station_seed());
        return formatted.map(|_| ()).map_err(|_| Failure::Boot);
    }
    let device = Emulated::boot(board, &identity, ResetCause::PowerOn);
    drop(identity);
    let mut pump = Pump::new(device.map_err(|_| Failure::Boot)?, &THERAPY);
    settle(&mut pump)?;
    Line::new().text("SESSION ").number(pump.device().health().log.sessions.into()).send();
    work(&mut pump, options.events)
}

#[entry]
fn main() -> ! {
    let options = board::start();
    let outcome = match run(&options) {
        Ok(()) => Outcome::Done,
        Err(failure) => {
            Line::new().text("FAILED ").text(failure.text()).send();
            Outcome::Failed
        }
    };
    board::finish(outcome)
}
