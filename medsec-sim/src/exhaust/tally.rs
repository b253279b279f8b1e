//! What a driver ran, and what it found.

use core::fmt;
use std::collections::BTreeMap;

use super::{Case, Violation};
use crate::fault::{Model, OperationKind};
use crate::flash::FaultFlash;

/// Cases kept for each rule that was broken.
const KEPT: usize = 5;

/// The runs under one model with one word size.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Row {
    /// Runs.
    pub runs: u64,
    /// Runs that broke a rule.
    pub violations: u64,
    /// Cuts by the kind of operation they fell into, in the order of [`OperationKind::index`].
    pub cuts: [u64; OperationKind::COUNT],
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.violations += other.violations;
        for (cuts, more) in self.cuts.iter_mut().zip(other.cuts) {
            *cuts += more;
        }
    }
}

/// Runs, cuts and violations by model and word size, with the first cases that broke each rule.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    rows: BTreeMap<(Model, u32), Row>,
    by_cuts: BTreeMap<u32, Row>,
    broken: BTreeMap<&'static str, Broken>,
}

/// How often a rule was broken, and the first cases that did.
#[derive(Clone, Default, Debug)]
struct Broken {
    runs: u64,
    kept: Vec<(Case, Violation)>,
}

impl Tally {
    /// Enters a run.
    pub fn enter<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &FaultFlash<READ, WRITE, PAGE>,
        violation: Option<&Violation>,
    ) {
        let cuts = [OperationKind::Program, OperationKind::Erase, OperationKind::EraseStep]
            .map(|kind| u64::from(flash.cuts(case.model, kind)));
        let row = Row { runs: 1, violations: u64::from(violation.is_some()), cuts };
        self.rows.entry((case.model, case.write)).or_default().add(&row);
        self.by_cuts.entry(flash.cuts_in_all()).or_default().add(&row);
        if let Some(violation) = violation {
            let broken = self.broken.entry(violation.rule).or_default();
            broken.runs += 1;
            if broken.kept.len() < KEPT {
                broken.kept.push((case.clone(), violation.clone()));
            }
        }
    }

    /// Adds what another thread ran.
    pub fn merge(&mut self, other: &Self) {
        for (key, row) in &other.rows {
            self.rows.entry(*key).or_default().add(row);
        }
        for (cuts, row) in &other.by_cuts {
            self.by_cuts.entry(*cuts).or_default().add(row);
        }
        for (rule, more) in &other.broken {
            let broken = self.broken.entry(rule).or_default();
            broken.runs += more.runs;
            let room = KEPT.saturating_sub(broken.kept.len());
            broken.kept.extend(more.kept.iter().take(room).cloned());
        }
    }

    /// Runs in all.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.rows.values().map(|row| row.runs).sum()
    }

    /// Runs that broke a rule.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.rows.values().map(|row| row.violations).sum()
    }

    /// Cuts that fell into an operation.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.rows.values().flat_map(|row| row.cuts).sum()
    }

    /// The runs under `model`.
    #[must_use]
    pub fn model(&self, model: Model) -> Row {
        let mut sum = Row::default();
        for (_, row) in self.rows.iter().filter(|((of, _), _)| *of == model) {
            sum.add(row);
        }
        sum
    }

    /// The rows, by model and word size.
    pub fn rows(&self) -> impl Iterator<Item = (Model, u32, &Row)> {
        self.rows.iter().map(|((model, write), row)| (*model, *write, row))
    }

    /// The first cases that broke a rule, with what was seen.
    pub fn failures(&self) -> impl Iterator<Item = &(Case, Violation)> {
        self.broken.values().flat_map(|broken| &broken.kept)
    }
}

/// A table by model and word size, the runs by number of cuts, and a line for each failure that was kept.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<13} {:>4} {:>10} {:>10} {:>10} {:>10} {:>6}",
            "model", "word", "runs", "program", "erase", "step", "bad"
        )?;
        for ((model, write), row) in &self.rows {
            let [program, erase, step] = row.cuts;
            writeln!(
                f,
                "{model:<13} {write:>4} {:>10} {program:>10} {erase:>10} {step:>10} {:>6}",
                row.runs, row.violations
            )?;
        }
        for (cuts, row) in &self.by_cuts {
            writeln!(f, "{cuts:>2} cuts: {} runs, {} bad", row.runs, row.violations)?;
        }
        for (rule, Broken { runs, kept }) in &self.broken {
            writeln!(f, "broken: {rule}, {runs} runs")?;
            for (case, violation) in kept {
                writeln!(f, "  {case}\n    {}", violation.detail)?;
            }
        }
        Ok(())
    }
}
