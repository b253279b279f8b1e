//! Whether any key meets a nonce twice: simulated boots of a log under faults, alone and in pairs.
//!
//! Invariant 8 says that no (key, nonce) pair meets two plaintexts under any *one* of four faults. [`measure`] boots a
//! log over and over under each of them and each pair, and watches every program that reaches the part: what is sealed
//! is seen there, whether or not the power then fails. With the log authority's secret it derives the key of each
//! segment, opens each record with it, and keeps what every (key, nonce) pair was used for. No product code is changed
//! or asked.
//!
//! | what | key | nonce |
//! |---|---|---|
//! | record, checkpoint, escrow entry | of the segment | sequence number |
//! | personal field | of the segment | sequence number, field |
//! | secrets at rest in the cell | of the device | as stored |
//! | escrow of the audit secret | encapsulated key | none: one message |
//! | commitment in a header | of the segment | none: 16 bytes that stand for one header |
//!
//! [`control`] drives the same ring with a rule taken out, which must show.

use core::fmt;

mod control;
mod ledger;
mod life;
mod witness;

pub use control::{Rule, control};
pub use ledger::Kind;
use ledger::Ledger;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305};

use crate::prng::mix;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The power fails at any operation of the flash, under any model within the part's contract.
    Cut,
    /// An older image of the flash is put back: all of it, or only the cell, or only the ring.
    Rollback,
    /// The noise source gives the same in every boot: one bit, no samples, or a good sequence played again.
    Stuck,
    /// The image is copied to a second device, and both run on.
    Clone,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cut, Self::Rollback, Self::Stuck, Self::Clone];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Rollback => "rollback",
            Self::Stuck => "stuck",
            Self::Clone => "clone",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What boots under one fault or two came to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Boots.
    pub boots: u64,
    /// (key, nonce) pairs seen, by [`Kind`].
    pub pairs: [u64; Kind::COUNT],
    /// Pairs that met a second plaintext, by [`Kind`].
    pub repeated: [u64; Kind::COUNT],
    /// Faults that happened: cuts, rollbacks, boots of a clone, boots with a stuck source.
    pub faults: u64,
    /// Programs that could not be accounted for. Anything but 0 means that the watch has a hole.
    pub unexplained: u64,
    /// Boots without a log: it did not mount, or did not start though the power held.
    pub failed: u64,
}

impl Outcome {
    /// Pairs that met a second plaintext.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeated.iter().sum()
    }

    /// (key, nonce) pairs seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.pairs.iter().sum()
    }

    fn add(&mut self, other: &Self) {
        self.boots += other.boots;
        self.faults += other.faults;
        self.unexplained += other.unexplained;
        self.failed += other.failed;
        for kind in Kind::ALL.map(Kind::index) {
            self.pairs[kind] += other.pairs[kind];
            self.repeated[kind] += other.repeated[kind];
        }
    }
}

/// The outcome under each fault alone and under each two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    seed: u64,
    cells: Vec<(Fault, Fault, Outcome)>,
}

/// Boots a log at least `boots` times in all: half of them under one fault at a time, half under two; devices of
/// both suites.
#[must_use]
pub fn measure(boots: u64, seed: u64) -> Matrix {
    let mut cells = Vec::new();
    for (place, first) in Fault::ALL.into_iter().enumerate() {
        for second in Fault::ALL.into_iter().skip(place) {
            let alone = first == second;
            let wanted = if alone { boots.div_ceil(8) } else { boots.div_ceil(12) };
            let mut outcome = Outcome::default();
            while outcome.boots < wanted {
                let draw = mix(seed ^ mix(outcome.boots));
                let most = wanted - outcome.boots;
                let faults = [first, second];
                outcome.add(&match draw & 1 {
                    0 => life::live::<Aes256Gcm>(&faults, draw, most),
                    _ => life::live::<ChaCha20Poly1305>(&faults, draw, most),
                });
            }
            cells.push((first, second, outcome));
        }
    }
    Matrix { seed, cells }
}

impl Matrix {
    /// The cells: two faults, equal if there is one, and what they came to.
    pub fn cells(&self) -> impl Iterator<Item = &(Fault, Fault, Outcome)> {
        self.cells.iter()
    }

    /// The sets of faults that made a pair repeat.
    #[must_use]
    pub fn failing(&self) -> Vec<(Fault, Fault)> {
        let failing = self.cells.iter().filter(|(.., outcome)| outcome.repeats() > 0);
        failing.map(|(first, second, _)| (*first, *second)).collect()
    }

    /// The sum of all cells.
    #[must_use]
    pub fn total(&self) -> Outcome {
        let mut total = Outcome::default();
        for (.., outcome) in &self.cells {
            total.add(outcome);
        }
        total
    }

    /// The table for the documentation: repeated pairs of each cell, and a line that says how they were counted.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::from("| |");
        for fault in Fault::ALL {
            text += &format!(" {fault} |");
        }
        text += "\n|---|---|---|---|---|\n";
        for row in Fault::ALL {
            text += &format!("| {row} |");
            for column in Fault::ALL {
                let is_cell = |(first, second, _): &&(Fault, Fault, Outcome)| {
                    (*first, *second) == (row, column) || (*first, *second) == (column, row)
                };
                let repeats = self.cells.iter().find(is_cell).map(|(.., cell)| cell.repeats());
                text += &match repeats {
                    Some(0) => " 0 |".to_owned(),
                    Some(repeats) => format!(" **{}** |", thousands(repeats)),
                    None => " |".to_owned(),
                };
            }
            text.push('\n');
        }
        let total = self.total();
        let alone = self.cells.iter().filter(|(first, second, _)| first == second);
        text += &format!(
            "\n{} boots, {} of them under one fault; {} pairs of key and nonce; seed {}.\n",
            thousands(total.boots),
            thousands(alone.map(|(.., outcome)| outcome.boots).sum()),
            thousands(total.seen()),
            self.seed
        );
        text
    }
}

/// The set of failing cells in a table as [`Matrix::table`] writes it, wherever it stands in `text`.
///
/// Both halves of the table are read: a cell that fails on one side of the diagonal only is in the set once.
#[must_use]
pub fn failing_in(text: &str) -> Vec<(Fault, Fault)> {
    let mut failing = Vec::new();
    for (place, first) in Fault::ALL.into_iter().enumerate() {
        for (column, second) in Fault::ALL.into_iter().enumerate().skip(place) {
            let cell = |row: Fault, column: usize| {
                let start = format!("| {row} |");
                let line = text.lines().find(|line| line.starts_with(&start))?;
                line.split('|').nth(column + 2).map(str::trim)
            };
            if cell(first, column) != Some("0") || cell(second, place) != Some("0") {
                failing.push((first, second));
            }
        }
    }
    failing
}

/// A count with its thousands apart.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let mut cells = Vec::new();
        for first in Fault::ALL {
            for second in Fault::ALL {
                let mut outcome = Outcome { boots: 1_000, ..Outcome::default() };
                let bad = matches!(
                    (first, second),
                    (Fault::Rollback | Fault::Clone, Fault::Stuck)
                        | (Fault::Stuck, Fault::Rollback | Fault::Clone)
                );
                outcome.repeated[0] = if bad { 1_234 } else { 0 };
                cells.push((first, second, outcome));
            }
        }
        let matrix = Matrix { seed: 7, cells };
        let table = matrix.table();
        let expected = [(Fault::Rollback, Fault::Stuck), (Fault::Stuck, Fault::Clone)];
        assert_eq!(failing_in(&table), expected, "{table}");
        assert_eq!(failing_in(&table.replace("**1,234**", "0")), []);
        let counted =
            "16,000 boots, 4,000 of them under one fault; 0 pairs of key and nonce; seed 7.\n";
        assert!(table.ends_with(counted), "{table}");
    }
}
