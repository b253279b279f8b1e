//! Gives the pump patients' numbers by every input that takes one, in success and in every error, and in a panic.
//!
//! The host knows the numbers, as both draw them from the seed, and looks for them wherever something leaves the device
//! or stays in it: `cargo xtask emulate`.
#![no_std]
#![no_main]

use core::fmt::{Display, Write};

use cortex_m_rt::entry;
use infusion_pump::application::{KeyError, Pump};
use infusion_pump::events::{PatientNumber, PumpEvent};
use infusion_pump::pump::Key;
use medsec::audit::log::Progress;
use medsec::core::event::PrincipalId;
use medsec::{Device, Pause, Recorder, ResetCause, Sensitive};
use pump_firmware::board::console::Line;
use pump_firmware::board::interrupts::THERAPY;
use pump_firmware::board::noise::SplitMix;
use pump_firmware::board::options::Options;
use pump_firmware::board::semihosting::{File, Mode};
use pump_firmware::board::{self, Outcome, flash};
use pump_firmware::port::{self, Board};

/// A log that refuses when it is full.
type Blocking = Board<true>;
type Application = Pump<'static, Blocking>;

/// Patients of one run. Their records are more than the log holds.
const PATIENTS: u32 = 200;
/// The patients at whom the flash refuses to program: no more than a log forgives in one boot.
const REFUSED: [u32; 2] = [20, 90];
const SETTLE_CALLS_MAX: u32 = 2_000;

/// The patients' numbers of a run.
struct Numbers(SplitMix);

impl Numbers {
    fn next(&mut self) -> [u8; 16] {
        let halves = [self.0.next().to_le_bytes(), self.0.next().to_le_bytes()];
        let mut number = [0; 16];
        for (to, from) in number.iter_mut().zip(halves.as_flattened()) {
            *to = *from;
        }
        number
    }
}

/// A line that takes what an error says of itself.
struct Spoken(Option<Line>);

impl Write for Spoken {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0 = self.0.take().map(|line| line.text(text));
        Ok(())
    }
}

fn say<T, E: Display + core::fmt::Debug>(what: &str, result: &Result<T, E>) {
    if let Err(error) = result {
        let mut line = Spoken(Some(Line::new().text("REFUSED ").text(what).text(" ")));
        let _said = write!(line, "{error} {error:?}");
        if let Some(line) = line.0 {
            line.send();
        }
    }
}

fn settle(pump: &mut Application) {
    let mut loop_of_the_pump = ();
    for _ in 0..SETTLE_CALLS_MAX {
        let progress = pump.idle(&Pause::lend(&mut loop_of_the_pump, 100));
        say("idle", &progress);
        if progress.is_err() || progress == Ok(Progress::Idle) {
            break;
        }
    }
}

fn operator(number: u32) -> PrincipalId {
    PrincipalId::new(u64::from(number).to_le_bytes())
}

fn twice(number: [u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    for (to, from) in text.iter_mut().zip(number.iter().cycle()) {
        *to = *from;
    }
    text
}

/// One patient's stay: given to, a rate set and one refused, a note taken.
#[inline(never)]
fn stay(pump: &mut Application, patient: u32, number: [u8; 16]) -> Result<(), KeyError> {
    let by = operator(patient);
    say("assign", &pump.assign(by, PatientNumber::new(number)));
    for key in [Key::Digit(5), Key::Digit(0), Key::Enter] {
        say("rate", &pump.press(key));
    }
    say("no rate", &pump.press(Key::Enter));
    let note = PumpEvent::NoteTaken { by, text: Sensitive::new(twice(number)) };
    say("note", &pump.device().record(&note));
    pump.press(Key::Stop).map(|_| ())
}

#[inline(never)]
fn export(pump: &mut Application) -> Option<()> {
    let file = File::open(c"export.bin", Mode::Create).ok()?;
    let mut piece = [0; 256];
    let mut cursor = pump.device().log_mut().0.export_start().ok()?;
    loop {
        let (log, flash) = pump.device().log_mut();
        let count = log.export(flash, port::MODEL, &mut cursor, &mut piece).ok()?;
        if count == 0 {
            return Some(());
        }
        file.write(piece.get(..count)?).ok()?;
    }
}

/// A fault in the application while it holds a patient's number.
#[inline(never)]
#[expect(clippy::panic, reason = "what a panic leaves behind is looked at")]
fn fail(pump: &mut Application, number: [u8; 16]) -> ! {
    let patient = PatientNumber::new(number);
    say("last", &pump.assign(operator(0), PatientNumber::new(number)));
    core::hint::black_box(&patient);
    panic!("the application failed")
}

#[inline(never)]
fn run(options: &Options) -> Option<()> {
    let board = Blocking::open(options.seed).ok()?;
    let identity = port::identity()?;
    if options.format {
        return Device::format(board, &identity, port::station_seed()).ok().map(|_| ());
    }
    let device = Device::boot(board, &identity, ResetCause::PowerOn).ok()?;
    drop(identity);
    let mut pump = Pump::new(device, &THERAPY);
    let mut numbers = Numbers(SplitMix::new(options.seed));
    for patient in 0..PATIENTS {
        flash::refuse(REFUSED.contains(&patient));
        let stayed = stay(&mut pump, patient, numbers.next());
        say("stop", &stayed);
        flash::refuse(false);
        settle(&mut pump);
    }
    pump.device().log_mut().0.request_checkpoint();
    settle(&mut pump);
    export(&mut pump)?;
    Line::new().text("PATIENTS ").number(PATIENTS.into()).send();
    if options.panic {
        fail(&mut pump, numbers.next());
    }
    // Nothing as deep comes behind it, so that without the wipe its frames stay as they were left.
    say("last", &stay(&mut pump, PATIENTS, numbers.next()));
    Some(())
}

#[entry]
fn main() -> ! {
    let options = board::start();
    board::finish(if run(&options).is_some() { Outcome::Done } else { Outcome::Failed })
}
