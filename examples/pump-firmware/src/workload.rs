//! What people do at the pump, in place of the people.
//!
//! Each record is acknowledged on the console after the call that stored it has returned.

use infusion_pump::application::{KeyError, Pump};
use infusion_pump::events::PatientNumber;
use infusion_pump::pump::Key;
use medsec::audit::Place;
use medsec::audit::log::{MaintainError, Progress};
use medsec::core::event::PrincipalId;
use medsec::{Device, Pause, Port, RecordError, ResetCause};

use crate::board::Outcome;
use crate::board::console::Line;
use crate::board::interrupts::THERAPY;
use crate::board::options::Options;
use crate::board::stack;
use crate::port;

/// The pump's application, with the therapy of the board.
pub type Application<P> = Pump<'static, P>;

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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// There is no flash file.
    Board,
    /// The log was not made or not found.
    Boot,
    /// The log refused.
    Log,
    /// Maintenance came to no end.
    Stuck,
    /// The link was lost, or a message did what it must not.
    Link,
}

impl Failure {
    /// A word for it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Boot => "boot",
            Self::Log => "log",
            Self::Stuck => "stuck",
            Self::Link => "link",
        }
    }
}

fn idle<P: Port>(pump: &mut Application<P>) -> Result<Progress, MaintainError> {
    let mut loop_of_the_pump = ();
    let progress = pump.idle(&Pause::lend(&mut loop_of_the_pump, 1));
    stack::wipe();
    progress
}

/// Maintains until nothing is due.
///
/// # Errors
/// [`Failure`].
pub fn settle<P: Port>(pump: &mut Application<P>) -> Result<(), Failure> {
    for _ in 0..SETTLE_CALLS_MAX {
        if idle(pump).map_err(|_| Failure::Log)? == Progress::Idle {
            return Ok(());
        }
    }
    Err(Failure::Stuck)
}

fn typed<P: Port>(pump: &mut Application<P>, tenths: u32) -> Result<Option<Place>, KeyError> {
    let mut divisor = 100;
    while divisor > 0 {
        let digit = u8::try_from(tenths.checked_div(divisor).unwrap_or(0) % 10).unwrap_or(0);
        pump.press(Key::Digit(digit))?;
        divisor /= 10;
    }
    pump.press(Key::Enter)
}

/// One thing that somebody does at the pump, and the id of the event that it records.
fn act<P: Port>(pump: &mut Application<P>, step: u32) -> (u16, Result<Option<Place>, KeyError>) {
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
fn act_and_acknowledge<P: Port>(pump: &mut Application<P>, step: u32) -> Result<(), Failure> {
    for _ in 0..2 {
        let (event, done) = act(pump, step);
        stack::wipe();
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

/// One thing that somebody does at the pump, and what its loop does then.
///
/// # Errors
/// [`Failure`].
pub fn step<P: Port>(pump: &mut Application<P>, step: u32) -> Result<(), Failure> {
    act_and_acknowledge(pump, step)?;
    for _ in 0..IDLE_CALLS {
        idle(pump).map_err(|_| Failure::Log)?;
    }
    Ok(())
}

fn work<P: Port>(pump: &mut Application<P>, events: u32) -> Result<(), Failure> {
    for number in 0..events {
        step(pump, number)?;
        if number % 64 == 40 {
            pump.device().log_mut().0.request_checkpoint();
        }
        if number % 128 == 90 {
            pump.device().log_mut().0.request_forget();
        }
    }
    settle(pump)
}

/// Makes the log, or boots and works, as the options say.
///
/// Each part is a function of its own: a device is moved about while it is made, and that stack is free again before the
/// first signature takes its own. In one function the two come on top of each other.
///
/// # Errors
/// [`Failure`].
pub fn run<P: Port>(board: P, options: &Options) -> Result<(), Failure> {
    if options.format {
        return format(board);
    }
    // Used where it lies, as to take it out would copy it.
    let mut pump = start(board);
    match &mut pump {
        Ok(pump) => live(pump, options),
        Err(failure) => Err(*failure),
    }
}

/// Makes the log.
///
/// # Errors
/// [`Failure::Boot`].
#[inline(never)]
pub fn format<P: Port>(board: P) -> Result<(), Failure> {
    let identity = port::identity().ok_or(Failure::Boot)?;
    let formatted = Device::format(board, &identity, port::station_seed());
    formatted.map(|_| ()).map_err(|_| Failure::Boot)
}

/// Boots the device and puts the application around it.
///
/// # Errors
/// [`Failure::Boot`].
#[inline(never)]
pub fn start<P: Port>(board: P) -> Result<Application<P>, Failure> {
    let identity = port::identity().ok_or(Failure::Boot)?;
    let device = Device::boot(board, &identity, ResetCause::PowerOn);
    device.map(|device| Pump::new(device, &THERAPY)).map_err(|_| Failure::Boot)
}

#[inline(never)]
fn live<P: Port>(pump: &mut Application<P>, options: &Options) -> Result<(), Failure> {
    settle(pump)?;
    Line::new().text("SESSION ").number(pump.device().health().log.sessions.into()).send();
    work(pump, options.events)
}

/// Tells the console why the run ended early, if it did.
#[must_use]
pub fn told(done: Result<(), Failure>) -> Outcome {
    match done {
        Ok(()) => Outcome::Done,
        Err(failure) => {
            Line::new().text("FAILED ").text(failure.text()).send();
            Outcome::Failed
        }
    }
}
