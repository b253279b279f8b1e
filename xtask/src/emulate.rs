//! `cargo xtask emulate`: the firmware in QEMU, its power cut again and again on one flash file.
//!
//! What was acknowledged is what the console told before the cut; what is there is what the host finds in the file. The
//! firmware knows neither when the cut comes nor that it comes.

pub(crate) mod board;
mod canary;
mod machine;

use std::time::Instant;

use medsec_core::Secret;
use medsec_core::key::{self, Label};

use crate::Outcome;
use crate::firmware;
use crate::record::thousands;
use crate::shell::Shell;
use board::Board;
use machine::{Cut, Machine, Options};

/// Events that one run logs if no cut comes.
const EVENTS: u32 = 400;

/// What a campaign of cuts counted.
#[derive(Default)]
pub(crate) struct Counts {
    runs: u64,
    kills: u64,
    in_program: u64,
    in_erase: u64,
    words_torn: u64,
    acknowledged: u64,
    checked: u64,
    missing: u64,
}

/// Cuts the power `--kill N` times (50), drawn from `--seed S` (1).
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let (mut kills, mut seed) = (50_u64, 1_u64);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = words.next().and_then(|value| value.parse().ok());
        match (word.as_str(), value) {
            ("--kill", Some(value)) => kills = value,
            ("--seed", Some(value)) => seed = value,
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    let image = firmware::build(shell, firmware::PRODUCT, &[])?;
    let machine = Machine::new(&image, &shell.target().join("emulate"))?;
    let begun = Instant::now();
    let mut board = Board::default();
    let counts = cut_again_and_again(&machine, &mut board, kills, seed)?;
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let late = lateness(shell)?;
    let canaries = canaries(shell)?;
    let inside = counts.in_program + counts.in_erase;
    let line = format!(
        "{} kills, {} inside flash calls ({} programs, {} erases), {} words torn; {} records acknowledged, {} looked for, \
         {} missing; {} ms a run; {late}; {canaries}",
        thousands(counts.kills),
        thousands(inside),
        thousands(counts.in_program),
        thousands(counts.in_erase),
        thousands(counts.words_torn),
        thousands(counts.acknowledged),
        thousands(counts.checked),
        counts.missing,
        millis.checked_div(counts.runs).unwrap_or(0),
    );
    if counts.missing != 0 {
        Err(line)
    } else if inside * 2 < counts.kills {
        Err(format!("fewer than half inside flash calls: {line}"))
    } else {
        Ok(line)
    }
}

fn cut_again_and_again(
    machine: &Machine,
    board: &mut Board,
    kills: u64,
    seed: u64,
) -> Result<Counts, String> {
    let mut random = SplitMix(seed);
    let mut counts = Counts::default();
    machine.blank_flash()?;
    // Once without a cut, to know how long a run is.
    let mut span = None;
    while counts.kills < kills {
        let kill = span.map(|span| random.below(span).max(1));
        let options = Options { kill, seed: random.next() >> 1, events: EVENTS, dump: false };
        let run = machine.boot(options)?;
        counts.runs += 1;
        counts.acknowledged += board.take(&run)?;
        match run.cut()? {
            None => span = Some(run.figure("TIME ", 0)?),
            Some(cut) => {
                counts.kills += 1;
                match cut {
                    Cut::Outside => {}
                    Cut::Program { torn } => {
                        counts.in_program += 1;
                        counts.words_torn += torn;
                    }
                    Cut::Erase { torn } => {
                        counts.in_erase += 1;
                        counts.words_torn += torn;
                    }
                }
            }
        }
        let (checked, missing) = board.look_for(&machine.flash()?);
        counts.checked += checked;
        counts.missing += missing;
    }
    control(machine, board)?;
    Ok(counts)
}

/// The check must be able to fail: one acknowledged record is damaged in a copy.
fn control(machine: &Machine, board: &Board) -> Result<(), String> {
    let mut flash = machine.flash()?;
    board.damage_one(&mut flash)?;
    match board.look_for(&flash) {
        (_, 1) => Ok(()),
        (_, missing) => Err(format!("control: 1 record damaged, {missing} missed")),
    }
}

/// How late the therapy loop comes with partial and with whole erases. The second is the control.
fn lateness(shell: &Shell) -> Result<String, String> {
    let mut late = [0_u64; 2];
    for (late, features) in late.iter_mut().zip([&[][..], &["whole-erase"][..]]) {
        let image = firmware::build(shell, firmware::PRODUCT, features)?;
        let machine = Machine::new(&image, &shell.target().join("emulate"))?;
        machine.blank_flash()?;
        let options = Options { kill: None, seed: 7, events: EVENTS, dump: false };
        let run = machine.boot(options)?;
        if let Some(cut) = run.cut()? {
            return Err(format!("{cut:?} where none was drawn"));
        }
        *late = run.figure("TICKS ", 2)?;
    }
    let [partial, whole] = late.map(|ns| ns / 1000);
    let line = format!("therapy late by {partial} µs at most, by {whole} µs with whole erases");
    if partial <= 1000 && whole > 1000 { Ok(line) } else { Err(line) }
}

/// The key that the firmware worked with: derived as it does, so that it is nowhere in its image.
fn secret() -> Secret<32> {
    key::derive(&Secret::new(*b"canary: the exerciser's test key"), Label::AuditMount, &[])
}

/// What the RAM holds of the secret after the run, with the wipe and without it. The second is the control.
fn canaries(shell: &Shell) -> Result<String, String> {
    let mut parts = [0; 2];
    for (parts, features) in parts.iter_mut().zip([&[][..], &["no-wipe"][..]]) {
        let image = firmware::build(shell, firmware::PRODUCT, features)?;
        let machine = Machine::new(&image, &shell.target().join("emulate"))?;
        machine.blank_flash()?;
        let options = Options { kill: None, seed: 7, events: EVENTS, dump: true };
        machine.boot(options)?.cut()?;
        *parts = canary::found(&machine.ram()?, secret().expose());
    }
    let [wiped, left] = parts;
    let line = format!("{wiped} parts of the secret in RAM, {left} without the wipe");
    if wiped == 0 && left != 0 { Ok(line) } else { Err(line) }
}

/// The deepest use of the stack in a run without a cut.
pub(crate) fn stack_peak(shell: &Shell) -> Result<u64, String> {
    let image = firmware::build(shell, firmware::PRODUCT, &[])?;
    let machine = Machine::new(&image, &shell.target().join("emulate"))?;
    machine.blank_flash()?;
    let options = Options { kill: None, seed: 7, events: EVENTS, dump: false };
    machine.boot(options)?.figure("STACK ", 0)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number under `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}
