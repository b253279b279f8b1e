//! First messages without end at the emulated pump, while it works and a person holds a link to it.

use core::fmt;
use std::path::Path;

use super::machine::{End, Extra, Machine, Options};
use super::weakened;
use crate::firmware::{self, PUMP, PUMP_M0, Product};
use crate::record::thousands;
use crate::shell::Shell;

const IMAGE: &str = "flood";
/// Messages to each core. What is computed is the same code.
const MESSAGES: u32 = 1_000_000;
const MESSAGES_M0: u32 = 100_000;
/// Messages to a weakened pump, to which each can cost an agreement.
const MESSAGES_WEAKENED: u32 = 5_000;

/// Agreements that first messages may bring about: so many at once, and one more in each second.
const AT_ONCE: u64 = 4;
/// Nanoseconds by which the therapy may come late.
const LATE_NS_MAX: u64 = 1_000_000;

/// What is taken out for the control.
const PATCH: &str = "examples/pump-firmware/weakened/tokens.patch";

/// What came of a flood.
struct Flood {
    messages: u64,
    /// Calls that computed as long as an agreement takes.
    agreements: u64,
    budget: u64,
    /// Messages that were answered: with them the pump waits for a third message.
    answered: u64,
    /// Questions of the person, all of them answered.
    asked: u64,
    late_ns: u64,
    /// Clock ticks of the longest look and of the shortest agreement.
    look: u64,
    agreement: u64,
}

impl Flood {
    fn run(
        board: &'static str,
        image: &Path,
        folder: &Path,
        messages: u32,
    ) -> Result<Self, String> {
        let machine = Machine::new(board, image, folder)?;
        machine.format(7)?;
        let extra = Extra::Nothing;
        let run = machine.boot(Options { kill: None, seed: 7, events: messages, extra })?;
        let End::Done = run.end()? else { return Err("no end where no cut was drawn".to_owned()) };
        let told = |word: usize| run.figure("FLOOD ", word);
        Ok(Self {
            messages: told(0)?,
            agreements: told(2)?,
            budget: AT_ONCE + told(4)? / 1_000,
            answered: told(6)?,
            asked: told(8)?,
            look: told(10)?,
            agreement: told(12)?,
            late_ns: run.figure("TICKS ", 2)?,
        })
    }

    /// # Errors
    /// A bound was passed, or nothing was looked at.
    fn judge(&self) -> Result<(), String> {
        let is_within = self.agreements <= self.budget && self.late_ns <= LATE_NS_MAX;
        // The tokens that there are are used up; and a look is far from an agreement, or the count would mean nothing.
        let is_told = self.agreements * 2 >= self.budget
            && self.answered > 0
            && self.asked > 0
            && self.look * 4 < self.agreement;
        if is_within && is_told { Ok(()) } else { Err(format!("flood: {self}")) }
    }
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} first messages, {} of them with agreements (budget {}), {} questions on the link answered, therapy late by \
             {} µs at most",
            thousands(self.messages),
            thousands(self.agreements),
            thousands(self.budget),
            thousands(self.asked),
            self.late_ns / 1_000,
        )
    }
}

/// Floods both cores, and then pumps that lack something, which have to pass a bound.
pub(super) fn run(shell: &Shell) -> Result<String, String> {
    let folder = shell.target().join("emulate-flood");
    let on = |product: &Product, features: &str, messages| {
        let image = firmware::build(shell, product.core, IMAGE, features)?;
        Flood::run(product.board, &image, &folder, messages)
    };
    let flood = on(&PUMP, "", MESSAGES)?;
    println!("flood: {flood}");
    flood.judge()?;
    let m0 = on(&PUMP_M0, "", MESSAGES_M0)?;
    println!("flood on a Cortex-M0: {m0}");
    m0.judge()?;
    let whole = on(&PUMP, "whole-erase", MESSAGES_WEAKENED * 4)?;
    println!("flood with whole erases: {whole}");
    let image = weakened::build(shell, PATCH, IMAGE)?;
    let greedy = Flood::run(PUMP.board, &image, &folder, MESSAGES_WEAKENED)?;
    println!("flood without tokens: {greedy}");
    if whole.late_ns <= LATE_NS_MAX || greedy.agreements <= greedy.budget {
        return Err(format!("controls within the bounds: {whole}; {greedy}"));
    }
    Ok(format!(
        "{flood}; Cortex-M0: {m0}; {} agreements without tokens, {} µs late with whole erases",
        thousands(greedy.agreements),
        thousands(whole.late_ns / 1_000),
    ))
}
