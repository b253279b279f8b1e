//! `cargo xtask emulate`: the firmware in QEMU, its power cut again and again on one flash file.
//!
//! What was acknowledged is what the console told before the cut; what is there is what the verifier proves from the file. The
//! firmware knows neither when the cut comes nor that it comes.

mod campaign;
mod canary;
mod cortex_m0;
mod evidence;
mod flood;
mod journal;
mod machine;
mod tool;
mod weakened;

use std::path::Path;
use std::time::Instant;

use crate::Outcome;
use crate::firmware::{self, Product};
use crate::record::{Record, not_fewer};
use crate::shell::Shell;
use campaign::Campaign;
use machine::{End, Extra, Machine, Options};
use tool::Tool;

/// Events that one run records if no cut comes.
const EVENTS: u32 = 300;

/// Kills at the size of a release.
const KILLS_FULL: u64 = 500;

/// What was asked for.
struct Request {
    kills: u64,
    seed: u64,
    record: bool,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut request = Self { kills: 100, seed: 1, record: false };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|value| value.parse().ok());
            let unreadable = || format!("{word} needs a number");
            match word.as_str() {
                "--record" => request.record = true,
                "--kill" => request.kills = number().ok_or_else(unreadable)?,
                "--seed" => request.seed = number().ok_or_else(unreadable)?,
                _ => return Err(format!("unknown argument {word}")),
            }
        }
        Ok(request)
    }
}

/// Cuts the power `--kill N` times (100), drawn from `--seed S` (1).
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let Request { kills, seed, record } = Request::parse(arguments)?;
    let begun = Instant::now();
    let image = firmware::build(shell, firmware::PUMP.core, firmware::PUMP.image, "")?;
    let machine = Machine::new(firmware::PUMP.board, &image, &shell.target().join("emulate"))?;
    let tool = Tool::new(shell, &shell.target().join("emulate"), 1)?;
    let mut product = Campaign::new(&machine, Some(&tool), seed)?;
    product.cut(kills)?;
    let counts = product.finish()?;
    println!("cuts: {counts}");
    counts.judge()?;
    let cortex_m0 = cortex_m0::run(shell, kills, seed)?;
    println!("Cortex-M0: {cortex_m0}");
    let weakened = weakened::first_finding(shell, kills, seed)?;
    println!("control: {weakened}");
    let late = lateness(shell)?;
    println!("{late}");
    let canaries = canary::run(shell, seed)?;
    println!("canaries: {canaries}");
    let flood = flood::run(shell)?;
    let figures = counts.figures();
    let name = "emulate";
    if record {
        let command = format!("cargo xtask emulate --kill {kills} --seed {seed} --record");
        Record { name, command: &command, seed, counts: &figures }.write(shell)?;
    } else if kills >= KILLS_FULL {
        // What else is counted depends on the seed.
        not_fewer(shell, name, figures.get(..1).unwrap_or_default())?;
    }
    let seconds = begun.elapsed().as_secs();
    Ok(format!(
        "{counts}; Cortex-M0: {cortex_m0}; {weakened}; {late}; {canaries}; flood: {flood}; {seconds} s"
    ))
}

/// How late the therapy loop comes with partial and with whole erases. The second is the control.
fn lateness(shell: &Shell) -> Result<String, String> {
    let mut late = [0_u64; 2];
    for (late, features) in late.iter_mut().zip(["", "whole-erase"]) {
        let image = firmware::build(shell, firmware::PUMP.core, firmware::PUMP.image, features)?;
        let machine = Machine::new(firmware::PUMP.board, &image, &shell.target().join("emulate"))?;
        machine.format(7)?;
        let options = Options { kill: None, seed: 7, events: EVENTS, extra: Extra::Nothing };
        let run = machine.boot(options)?;
        let End::Done = run.end()? else { return Err("no end where no cut was drawn".to_owned()) };
        *late = run.figure("TICKS ", 2)?;
    }
    let [partial, whole] = late.map(|ns| ns / 1000);
    let line = format!("therapy late by {partial} µs at most, by {whole} µs with whole erases");
    if partial <= 1000 && whole > 1000 { Ok(line) } else { Err(line) }
}

/// The deepest use of the stack in two runs without a cut: one that makes the log, one that works.
pub(crate) fn stack_peak(shell: &Shell, product: &Product) -> Result<u64, String> {
    let image = firmware::build(shell, product.core, product.image, "")?;
    let machine = Machine::new(product.board, &image, &shell.target().join("emulate"))?;
    let made = machine.format(7)?.figure("STACK ", 0)?;
    let options = Options { kill: None, seed: 7, events: EVENTS, extra: Extra::Nothing };
    let run = machine.boot(options)?;
    let End::Done = run.end()? else { return Err("no end where no cut was drawn".to_owned()) };
    Ok(made.max(run.figure("STACK ", 0)?))
}

/// What an image that takes no flash file and no options tells; it must end well.
pub(crate) fn lines_of(
    board: &'static str,
    image: &Path,
    folder: &Path,
) -> Result<Vec<String>, String> {
    let machine = Machine::new(board, image, folder)?;
    let options = Options { kill: None, seed: 0, events: 0, extra: Extra::Nothing };
    let run = machine.boot(options)?;
    match run.end()? {
        End::Done => Ok(run.lines),
        end @ (End::Cut(_) | End::Panicked) => {
            Err(format!("{} ended with {end:?}", image.display()))
        }
    }
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
