//! What a mount may find: of each count, step and word, the values that are legal.
//!
//! A value that was acknowledged is the only one. What was being written when the power failed adds one; each attempt that
//! yielded a token adds one to all of them, because it is on flash and was perhaps judged.

use medsec_auth::lockout::{Attempts, Class, Factor, Row};

use crate::exhaust::Violation;

/// Rows that are used: two principals, and whoever is not known.
pub(super) const ROWS: [Row; 3] = [Row::of(0).unwrap(), Row::of(15).unwrap(), Row::GHOST];
/// Classes that are used.
pub(super) const CLASSES: [Class; 2] = [Class::Local, Class::Remote];
/// Factors.
pub(super) const FACTORS: [Factor; 2] = Factor::ALL;

/// A row, class and factor, as indices of those that are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) row: usize,
    pub(super) class: usize,
    pub(super) factor: usize,
}

impl Key {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let rows = 0..ROWS.len();
        rows.flat_map(|row| {
            (0..CLASSES.len()).flat_map(move |class| {
                (0..FACTORS.len()).map(move |factor| Self { row, class, factor })
            })
        })
    }

    pub(super) const fn row(self) -> Row {
        ROWS[self.row]
    }

    pub(super) const fn class(self) -> Class {
        CLASSES[self.class]
    }

    pub(super) const fn factor(self) -> Factor {
        FACTORS[self.factor]
    }

    const fn at(self) -> usize {
        (self.row * CLASSES.len() + self.class) * FACTORS.len() + self.factor
    }
}

/// Small counts that are legal, a bit for each.
#[derive(Clone, Copy, Debug)]
struct Counts(u128);

impl Counts {
    const ZERO: Self = Self(1);

    fn check(
        self,
        rule: [&'static str; 2],
        shown: u32,
        what: impl Fn() -> String,
    ) -> Result<(), Violation> {
        if shown < 128 && self.0 >> shown & 1 != 0 {
            return Ok(());
        }
        let is_below = shown < self.0.trailing_zeros();
        let name = if is_below { rule[0] } else { rule[1] };
        let legal: Vec<u32> = (0..128).filter(|count| self.0 >> count & 1 != 0).collect();
        Err(Violation::new(name, format!("{} shows {shown}, legal are {legal:?}", what())))
    }
}

/// The oracle.
pub(super) struct Oracle {
    failures: [Counts; ROWS.len() * CLASSES.len() * FACTORS.len()],
    lifetimes: [Counts; ROWS.len()],
    steps: [Vec<u32>; ROWS.len()],
    states: Vec<u32>,
    /// Steps that passed.
    passed: [Vec<u32>; ROWS.len()],
    loses_page: bool,
    /// The last step that was tried, right or not.
    pub(super) newest_step: u32,
    pub(super) newest_state: u32,
}

impl Oracle {
    pub(super) fn new(loses_page: bool) -> Self {
        Self {
            failures: [Counts::ZERO; ROWS.len() * CLASSES.len() * FACTORS.len()],
            lifetimes: [Counts::ZERO; ROWS.len()],
            // The ghost has no step, and none is above its last.
            steps: [vec![0], vec![0], vec![u32::MAX]],
            states: vec![1],
            passed: [const { Vec::new() }; ROWS.len()],
            loses_page,
            newest_step: 0,
            newest_state: 1,
        }
    }

    /// Compares all that is shown with what is legal.
    pub(super) fn check(&self, attempts: &Attempts) -> Result<(), Violation> {
        for key in Key::all() {
            let shown = attempts.failures(key.row(), key.class(), key.factor());
            let rules = ["free guess", "loss"];
            self.failures[key.at()].check(rules, u32::from(shown), || format!("{key:?}"))?;
        }
        for (index, row) in ROWS.into_iter().enumerate() {
            let shown = u32::from(attempts.lifetime_failures(row));
            let rules = ["lifetime below", "lifetime above"];
            self.lifetimes[index].check(rules, shown, || format!("row {index}"))?;
            let step = attempts.last_step(row);
            if !self.steps[index].contains(&step) {
                let detail = format!("row {index} shows {step}, none of {:?}", self.steps[index]);
                return Err(Violation::new("step", detail));
            }
        }
        let state = u32::from_le_bytes(attempts.state());
        if !self.states.contains(&state) {
            let detail = format!("{state} is none of {:?}", self.states);
            return Err(Violation::new("value lost", detail));
        }
        Ok(())
    }

    /// All that is shown was acknowledged: nothing else may be found from now on.
    pub(super) fn is_now(&mut self, attempts: &Attempts) -> Result<(), Violation> {
        self.check(attempts)?;
        for key in Key::all() {
            let shown = attempts.failures(key.row(), key.class(), key.factor());
            self.failures[key.at()] = Counts(1 << shown);
        }
        for (index, row) in ROWS.into_iter().enumerate() {
            self.lifetimes[index] = Counts(1 << attempts.lifetime_failures(row));
            self.steps[index] = vec![attempts.last_step(row)];
        }
        self.states = vec![u32::from_le_bytes(attempts.state())];
        Ok(())
    }

    /// The attempt yielded a token: whatever the counts are, they are one higher.
    pub(super) fn begun(&mut self, key: Key) {
        self.failures[key.at()].0 <<= 1;
        if key.row() != Row::GHOST {
            self.lifetimes[key.row].0 <<= 1;
        }
    }

    /// The attempt was being written, and yielded none: it may count or not.
    pub(super) fn begun_in_part(&mut self, key: Key) {
        let (failures, lifetime) = (self.failures[key.at()], self.lifetimes[key.row]);
        self.begun(key);
        self.failures[key.at()].0 |= failures.0;
        self.lifetimes[key.row].0 |= lifetime.0;
    }

    /// The attempt passed.
    pub(super) fn passed(&mut self, key: Key, step: Option<u32>) -> Result<(), Violation> {
        if key.row() == Row::GHOST {
            return Err(Violation::new("ghost", "somebody unknown has passed"));
        }
        self.failures[key.at()] = Counts::ZERO;
        self.lifetimes[key.row].0 >>= 1;
        if let Some(step) = step {
            if self.passed[key.row].iter().any(|before| *before >= step) {
                return Err(Violation::new("step twice", format!("row {}: {step}", key.row)));
            }
            self.passed[key.row].push(step);
            self.steps[key.row] = vec![step];
        }
        Ok(())
    }

    /// That the attempt was right was being written, and it did not pass. A part that loses pages may lose the attempt with
    /// it, of which nobody was told anything.
    pub(super) fn passed_in_part(&mut self, key: Key, step: Option<u32>) {
        let failures = &mut self.failures[key.at()].0;
        *failures |= 1;
        if self.loses_page {
            *failures |= *failures >> 1;
        }
        self.lifetimes[key.row].0 |= self.lifetimes[key.row].0 >> 1;
        self.steps[key.row].extend(step);
    }

    /// The state is acted upon.
    pub(super) fn used(&mut self, attempts: &Attempts) -> Result<(), Violation> {
        self.check(attempts)?;
        self.states = vec![u32::from_le_bytes(attempts.state())];
        Ok(())
    }

    /// The state is being changed.
    pub(super) fn state_begun(&mut self) -> [u8; 4] {
        self.newest_state += 1;
        self.states.push(self.newest_state);
        self.newest_state.to_le_bytes()
    }

    /// A row is being opened again.
    pub(super) fn rebind_begun(&mut self, row: usize) {
        for key in Key::all().filter(|key| key.row == row) {
            self.failures[key.at()].0 |= 1;
        }
    }

    /// The last step that passed for a row.
    pub(super) fn last_passed(&self, row: usize) -> Option<u32> {
        self.passed[row].last().copied()
    }
}
