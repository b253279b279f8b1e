//! The adversary's frame: attacks on a whole simulated device, each with the one control that stops it.
//!
//! # Words
//! An [`Attack`] is played against a device and ends in an [`Outcome`]. It has succeeded if it reached a [`Goal`], which
//! an oracle reads from the device's physical side ([`heart`], [`wire`]) or from what a host says of its log; never from
//! a return code of the device alone. A *weakness* is one control taken out of a copy of the sources.
//!
//! # What is shown
//! [`Matrix::play`] plays each attack on the build as it is and once under each weakness. All must be blocked as it is;
//! each must succeed under its own weakness, so that it is known to look at something; and no other weakness may let it
//! through without a reason that the attack itself gives ([`Attack::also_broken_by`]).
//!
//! All time is virtual and all chance comes from one seed, so a run that fails is repeated by its attack's id and seed.

pub mod heart;
pub mod wire;

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

/// What an attacker is after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Goal {
    /// The drive delivers what no record accounts for, or stops.
    Dose,
    /// The essential function ran late.
    TickLate,
    /// An alarm that is due does not sound.
    Alarm,
    /// Settings or state of the device are others than its owner's.
    Configuration,
    /// A secret, or a record, is read without the key for it.
    SecretRead,
    /// Evidence is gone that the log's policy keeps, or nothing says that it is.
    LogSilenced,
    /// A host takes for genuine what the device never wrote.
    LogForged,
    /// A patient's data is found in clear.
    PersonalData,
    /// A link ends by what others send.
    LinkLost,
    /// Something answers that is not declared to.
    PortOpened,
}

impl Goal {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dose => "dose",
            Self::TickLate => "tick late",
            Self::Alarm => "alarm",
            Self::Configuration => "configuration",
            Self::SecretRead => "secret read",
            Self::LogSilenced => "log silenced",
            Self::LogForged => "log forged",
            Self::PersonalData => "personal data",
            Self::LinkLost => "link lost",
            Self::PortOpened => "port opened",
        }
    }
}

/// What came of an attack.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It did not reach its goal.
    Blocked {
        /// What stopped it.
        control: &'static str,
        /// Ids of the events that the device recorded about it.
        events: Vec<u16>,
    },
    /// It reached its goal.
    Succeeded {
        /// Which.
        goal: Goal,
        /// How that shows.
        how: String,
    },
    /// The attack could not be played. That is no defence, and fails.
    Inconclusive(String),
}

impl Outcome {
    /// The goal was reached.
    #[must_use]
    pub fn succeeded(goal: Goal, how: impl Into<String>) -> Self {
        Self::Succeeded { goal, how: how.into() }
    }

    /// The attack could not be played.
    #[must_use]
    pub fn inconclusive(why: impl fmt::Display) -> Self {
        Self::Inconclusive(why.to_string())
    }

    /// Its letter in the matrix.
    const fn letter(&self) -> char {
        match self {
            Self::Blocked { .. } => '.',
            Self::Succeeded { .. } => 'X',
            Self::Inconclusive(_) => '?',
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked { control, events } => {
                write!(f, "blocked by {control}")?;
                for (at, event) in events.iter().enumerate() {
                    write!(f, "{}{event:#06x}", if at == 0 { "; recorded " } else { ", " })?;
                }
                Ok(())
            }
            Self::Succeeded { goal, how } => write!(f, "SUCCEEDED, {}: {how}", goal.name()),
            Self::Inconclusive(why) => write!(f, "INCONCLUSIVE: {why}"),
        }
    }
}

/// An attack on a device.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// Its id, for ever.
    pub id: &'static str,
    /// What is tried.
    pub title: &'static str,
    /// Ids of the requirements that stand against it.
    pub requirements: &'static [&'static str],
    /// Where it is known from: CVE, advisory, paper.
    pub sources: &'static [&'static str],
    /// The weakness under which it must succeed.
    pub weakness: &'static str,
    /// Other weaknesses under which it may succeed, each with the reason.
    pub also_broken_by: &'static [(&'static str, &'static str)],
    /// Plays it with the chances that a seed draws. `Err` ends it early and means the same as `Ok`.
    pub run: fn(u64) -> Result<Outcome, Outcome>,
}

impl Attack {
    /// Plays the attack; a panic on the way is inconclusive.
    #[must_use]
    pub fn play(&self, seed: u64) -> Outcome {
        match std::panic::catch_unwind(|| (self.run)(seed)) {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => Outcome::inconclusive("panicked"),
        }
    }
}

/// Plays all attacks on the build as it is now, on all processors.
#[must_use]
pub fn play_all(attacks: &[Attack], seed: u64) -> Vec<Outcome> {
    let threads = thread::available_parallelism().map_or(1, core::num::NonZero::get);
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(vec![None; attacks.len()]));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(attack) = attacks.get(at) else { break };
                    let outcome = attack.play(seed);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes[at] = Some(outcome);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_default();
    let unplayed = || Outcome::inconclusive("not played");
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unplayed)).collect()
}

/// Each attack on the build as it is, and under each weakness.
pub struct Matrix<'a> {
    attacks: &'a [Attack],
    weaknesses: &'a [&'a str],
    strong: Vec<Outcome>,
    /// By weakness, then attack.
    weak: Vec<Vec<Outcome>>,
}

impl<'a> Matrix<'a> {
    /// Plays all; `weaken` switches one weakness on, by its place in `weaknesses`, or all off.
    pub fn play(
        attacks: &'a [Attack],
        weaknesses: &'a [&'a str],
        seed: u64,
        weaken: impl Fn(Option<usize>),
    ) -> Self {
        weaken(None);
        let strong = play_all(attacks, seed);
        let weak = (0..weaknesses.len()).map(|at| {
            weaken(Some(at));
            play_all(attacks, seed)
        });
        let weak = weak.collect();
        weaken(None);
        Self { attacks, weaknesses, strong, weak }
    }

    /// The outcomes on the build as it is.
    #[must_use]
    pub fn strong(&self) -> &[Outcome] {
        &self.strong
    }

    /// The outcome of an attack under a weakness, by their places.
    #[must_use]
    pub fn weak(&self, attack: usize, weakness: usize) -> Option<&Outcome> {
        self.weak.get(weakness)?.get(attack)
    }

    /// All that is not as it must be, a line each.
    #[must_use]
    pub fn unexplained(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, attack) in self.attacks.iter().enumerate() {
            let id = attack.id;
            if !matches!(self.strong[at], Outcome::Blocked { .. }) {
                lines.push(format!("{id} on the build as it is: {}", self.strong[at]));
            }
            for named in
                [attack.weakness].iter().chain(attack.also_broken_by.iter().map(|(w, _)| w))
            {
                if !self.weaknesses.contains(named) {
                    lines.push(format!("{id}: no weakness is called {named}"));
                }
            }
            for (weakness, outcomes) in self.weaknesses.iter().zip(&self.weak) {
                let own = *weakness == attack.weakness;
                let may = attack.also_broken_by.iter().any(|(name, _)| name == weakness);
                let fits = match &outcomes[at] {
                    Outcome::Succeeded { .. } => own || may,
                    // A reason that explains nothing is as wrong as a success without one.
                    Outcome::Blocked { .. } => !own && !may,
                    Outcome::Inconclusive(_) => false,
                };
                if !fits {
                    lines.push(format!("{id} under {weakness}: {}", outcomes[at]));
                }
            }
        }
        let owned = |name: &&str| self.attacks.iter().any(|attack| attack.weakness == *name);
        for idle in self.weaknesses.iter().filter(|name| !owned(name)) {
            lines.push(format!("{idle}: no attack has it as its own"));
        }
        lines
    }
}

impl fmt::Display for Matrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, weakness) in self.weaknesses.iter().enumerate() {
            writeln!(f, "{at:>4} {weakness}")?;
        }
        write!(f, "{:<26} strong", "attack")?;
        for at in 0..self.weaknesses.len() {
            write!(f, " {at:>2}")?;
        }
        writeln!(f)?;
        for (at, attack) in self.attacks.iter().enumerate() {
            write!(f, "{:<26} {:>6}", attack.id, self.strong[at].letter())?;
            for (weakness, outcomes) in self.weaknesses.iter().zip(&self.weak) {
                let letter = outcomes[at].letter();
                let also = letter == 'X' && *weakness != attack.weakness;
                write!(f, "  {}", if also { 'x' } else { letter })?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            ". blocked   X succeeded under its own weakness   x under another   ? inconclusive"
        )
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicBool;

    use super::*;

    static OPEN: AtomicBool = AtomicBool::new(false);

    fn through_the_door(_seed: u64) -> Result<Outcome, Outcome> {
        if OPEN.load(Ordering::Relaxed) {
            return Err(Outcome::succeeded(Goal::Dose, "the door was open"));
        }
        Ok(Outcome::Blocked { control: "door", events: vec![] })
    }

    fn attack(weakness: &'static str) -> Attack {
        Attack {
            id: "door",
            title: "",
            requirements: &[],
            sources: &[],
            weakness,
            also_broken_by: &[],
            run: through_the_door,
        }
    }

    #[test]
    fn a_matrix_explains_an_attack_by_its_own_weakness_alone() {
        let names = ["open-door", "open-window"];
        let weaken = |at: Option<usize>| OPEN.store(at == Some(0), Ordering::Relaxed);
        let own = [attack("open-door")];
        let matrix = Matrix::play(&own, &names[..1], 1, weaken);
        assert_eq!(matrix.unexplained(), Vec::<String>::new());
        let other = [attack("open-window")];
        let matrix = Matrix::play(&other, &names, 1, weaken);
        let lines = matrix.unexplained();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("SUCCEEDED") && lines[1].contains("blocked by door"));
        assert!(lines[2].contains("no attack has it"));
    }

    #[test]
    fn an_attack_that_panics_is_inconclusive() {
        let run = |seed| Ok(Outcome::inconclusive([0_u8, 1][usize::try_from(seed).unwrap()]));
        let broken = Attack { run, ..attack("w") };
        assert_eq!(broken.play(1), Outcome::inconclusive(1));
        assert_eq!(broken.play(2), Outcome::inconclusive("panicked"));
    }
}
