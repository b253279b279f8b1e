//! `cargo xtask icount`: instructions and stack of each operation, counted on the emulated cores.
//!
//! Under `-icount shift=0` an instruction takes one nanosecond of virtual time, and the core's timer counts those; the
//! image says how (`examples/pump-firmware/src/bin/icount`). The count is of instructions, not of cycles: a core waits
//! for its flash, and a multiplication may take 1 cycle or 32.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::emulate::lines_of;
use crate::firmware::{self, AN386, Budgets, Core, Figure, M0, M4F};
use crate::record::{Record, read_record, recorded_compiler, thousands};
use crate::shell::Shell;

const IMAGE: &str = "icount";
const RECORD: &str = "icount";

/// Instructions in a tick: a nanosecond each, and the board's clock is 25 MHz.
const TICK_INSTRUCTIONS: u64 = 40;
/// A loop of so many instructions, by which the count is checked.
const CALIBRATION: (&str, u64) = ("calibration: 1,000,000 instructions", 1_000_000);
/// What the loop around each operation takes.
const NOTHING: &str = "nothing";

/// By so much a count may be over the record, in per cent.
const SLACK_PERCENT: u64 = 2;

/// What is left of an append is told and not held to its record: the parts of it are, and where the image happens to lie
/// moves the difference by some hundred instructions.
const REST: &str = "without its primitives";

/// The emulated runs are repeated so often, and must say the same.
const REPEATS: usize = 2;

/// What one image told: instructions and bytes by what they are of.
#[derive(Default, PartialEq, Eq, Debug)]
struct Told {
    instructions: BTreeMap<String, u64>,
    stack: BTreeMap<String, u64>,
    sizes: BTreeMap<String, u64>,
}

impl Told {
    /// Reads the console: `COUNT ticks times stack what` and `SIZE bytes what`.
    fn parse(lines: &[String]) -> Result<Self, String> {
        let mut told = Self::default();
        for line in lines {
            let unreadable = || format!("unreadable: {line}");
            let mut words = line.splitn(5, ' ');
            match words.next() {
                Some("COUNT") => {
                    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
                    let numbers = (number(), number(), number());
                    let (Some(ticks), Some(times), Some(stack)) = numbers else {
                        return Err(unreadable());
                    };
                    let what = words.next().ok_or_else(unreadable)?.to_owned();
                    let each = (ticks * TICK_INSTRUCTIONS).checked_div(times);
                    told.instructions.insert(what.clone(), each.ok_or_else(unreadable)?);
                    told.stack.insert(what, stack);
                }
                Some("SIZE") => {
                    let (bytes, what) = line
                        .split_once(' ')
                        .and_then(|(_, rest)| rest.split_once(' '))
                        .ok_or_else(unreadable)?;
                    told.sizes.insert(what.to_owned(), bytes.parse().map_err(|_| unreadable())?);
                }
                _ => {}
            }
        }
        let (what, exact) = CALIBRATION;
        let counted = told.instructions.remove(what).ok_or("the image was not calibrated")?;
        told.stack.remove(what);
        if counted.abs_diff(exact) > 2 * TICK_INSTRUCTIONS {
            return Err(format!("a loop of {exact} instructions was counted as {counted}"));
        }
        let around = told.instructions.remove(NOTHING).ok_or("nothing was not counted")?;
        told.stack.remove(NOTHING);
        for count in told.instructions.values_mut() {
            *count = count.saturating_sub(around);
        }
        Ok(told)
    }

    fn instructions_of(&self, what: &str) -> Result<u64, String> {
        self.instructions.get(what).copied().ok_or_else(|| format!("{what} was not counted"))
    }

    fn size_of(&self, what: &str) -> Result<u64, String> {
        self.sizes.get(what).copied().ok_or_else(|| format!("no size of {what}"))
    }

    /// What an append takes beside its ciphers, its hash and the part: medsec's own share, in per mille.
    fn overhead(&self, suite: u8) -> Result<(u64, u64), String> {
        let append = self.instructions_of(&format!("suite {suite} append 64 B"))?;
        let parts = [
            format!("suite {suite} seal 64 B with 24 B beside"),
            "SHA-256, 88 B more".to_owned(),
            "program 88 B of this part".to_owned(),
        ];
        let mut own = append;
        for part in &parts {
            own = own.saturating_sub(self.instructions_of(part)?);
        }
        Ok((own, own.saturating_mul(1000).checked_div(append).unwrap_or(0)))
    }

    /// RAM of the log without ciphers: the two suites' logs differ by nothing else, so their difference says how many
    /// ciphers are in it.
    fn log_without_ciphers(&self) -> Result<u64, String> {
        let [log_1, log_2] = [1, 2].map(|suite| self.size_of(&format!("suite {suite} log in RAM")));
        let [cipher_1, cipher_2] =
            [1, 2].map(|suite| self.size_of(&format!("suite {suite} key schedule")));
        let (log_1, log_2, cipher_1, cipher_2) = (log_1?, log_2?, cipher_1?, cipher_2?);
        let more = cipher_1.saturating_sub(cipher_2);
        let ciphers = log_1.saturating_sub(log_2).checked_div(more).unwrap_or(0);
        Ok(log_2.saturating_sub(ciphers * cipher_2))
    }
}

/// Runs the image on a core; every repeat must tell the same.
fn told(shell: &Shell, core: &Core) -> Result<Told, String> {
    let image = firmware::build(shell, core, IMAGE, "")?;
    let folder = shell.target().join("icount");
    let first = lines_of(AN386, &image, &folder)?;
    for _ in 1..REPEATS {
        if lines_of(AN386, &image, &folder)? != first {
            return Err(format!("two runs on {} differ", core.target));
        }
    }
    Told::parse(&first)
}

/// The figures of a core, as the record has them.
fn figures(core: &Core, told: &Told) -> Result<Vec<Figure>, String> {
    let figure = |what: String, value: u64| Figure { target: core.target, what, value };
    let mut figures = Vec::new();
    for (what, value) in &told.instructions {
        figures.push(figure(format!("icount: instructions, {what}"), *value));
    }
    for (what, value) in &told.stack {
        figures.push(figure(format!("icount: bytes of stack, {what}"), *value));
    }
    for (what, value) in &told.sizes {
        figures.push(figure(format!("icount: bytes, {what}"), *value));
    }
    for suite in [1, 2] {
        let (own, per_mille) = told.overhead(suite)?;
        let what = |what: &str| format!("icount: {what}, suite {suite} append 64 B {REST}");
        figures.push(figure(what("instructions"), own));
        figures.push(figure(what("per mille"), per_mille));
    }
    figures.push(figure(
        "icount: bytes, log in RAM without ciphers".to_owned(),
        told.log_without_ciphers()?,
    ));
    Ok(figures)
}

/// Counts on both cores and holds the counts against the record.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let record = match arguments {
        [] => false,
        [word] if word == "--record" => true,
        [..] => return Err(format!("unknown arguments {arguments:?}")),
    };
    let mut all = Vec::new();
    for core in [&M4F, &M0] {
        all.extend(figures(core, &told(shell, core)?)?);
    }
    for Figure { target, what, value } in &all {
        println!("{target} {what}: {}", thousands(*value));
    }
    let (met, goals) = Budgets::read(shell)?.goals(&all);
    let counts: Vec<(String, u64)> = all
        .iter()
        .map(|figure| (format!("{} {}", figure.target, figure.what), figure.value))
        .collect();
    if record {
        let command = "cargo xtask icount --record";
        Record { name: RECORD, command, seed: 0, counts: &counts }
            .write_of(shell, &firmware::compiler(shell)?)?;
    } else {
        let (then, now) = (recorded_compiler(shell, RECORD), firmware::compiler(shell)?);
        not_more(&counts, &read_record(shell, RECORD)).map_err(|wrong| match then {
            Some(then) if then != now.trim() => {
                format!(
                    "{wrong}; recorded of what {then} made, and this is what {} made",
                    now.trim()
                )
            }
            _ => wrong,
        })?;
    }
    Ok(format!(
        "{} figures on 2 cores, none over its record by more than {SLACK_PERCENT} %, the same in {REPEATS} runs; {met} of \
         {goals} goals met",
        counts.len()
    ))
}

/// Every count has a record and is not much over it; every record has a count. Says what got less.
fn not_more(counts: &[(String, u64)], recorded: &[(String, u64)]) -> Result<(), String> {
    let find = |list: &[(String, u64)], name: &String| {
        list.iter().find(|(what, _)| what == name).map(|(_, value)| *value)
    };
    let mut wrong = Vec::new();
    for (what, count) in counts {
        match find(recorded, what) {
            None => wrong.push(format!("{what}: {count}, and nothing is recorded")),
            Some(before) if what.ends_with(REST) => {
                println!("{before} recorded: {what}: {count}");
            }
            Some(before) if *count > before + before * SLACK_PERCENT / 100 => {
                wrong.push(format!("{what}: {count}, {before} are recorded"));
            }
            Some(before) if *count < before => {
                println!("less than the {before} recorded: {what}: {count}")
            }
            Some(_) => {}
        }
    }
    let gone = recorded
        .iter()
        .filter(|(what, _)| what.contains(" icount: ") && find(counts, what).is_none());
    wrong.extend(gone.map(|(what, _)| format!("{what} is recorded and was not counted")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    const TEXT: &str = "BOOT\nCOUNT 25001 1 8 calibration: 1,000,000 instructions\nCOUNT 4 16 72 nothing\n\
                        COUNT 400 16 948 suite 2 seal 64 B\nSIZE 40 suite 2 key schedule\nEND 0\n";

    #[test]
    fn a_count_is_each_time_without_the_loop_around() {
        let told = Told::parse(&lines(TEXT)).unwrap();
        assert_eq!(told.instructions_of("suite 2 seal 64 B"), Ok(1000 - 10));
        assert_eq!(told.stack.get("suite 2 seal 64 B"), Some(&948));
        assert_eq!(told.size_of("suite 2 key schedule"), Ok(40));
    }

    #[test]
    fn a_timer_that_does_not_count_instructions_is_refused() {
        for wrong in [TEXT.replace("25001", "50000"), TEXT.replace("calibration", "c")] {
            assert_eq!(Told::parse(&lines(&wrong)).ok(), None);
        }
    }

    #[test]
    fn two_per_cent_over_the_record_pass_and_more_fail() {
        let count = |value| vec![("t icount: x".to_owned(), value)];
        for (value, passes) in [(900, true), (1020, true), (1021, false)] {
            assert_eq!(not_more(&count(value), &count(1000)).is_ok(), passes, "{value}");
        }
        let rest = |value| vec![(format!("t icount: x {REST}"), value)];
        assert_eq!(not_more(&rest(2000), &rest(1000)), Ok(()));
        assert!(not_more(&count(1), &[]).is_err());
        assert!(not_more(&[], &count(1)).is_err());
    }
}
