//! An attempt that is recorded, how it ended, and the proof that it was right.

use medsec_core::flash::Error;
use medsec_core::flash::cell::slots::Programmed;

use super::table::{Lane, Row};
use super::{Class, Factor};

/// Why there is no attempt. A person at the device is told how long to wait; whoever asks from outside is told that it was
/// refused, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// A page has to be erased first. It was asked for: call [`step`](super::Attempts::step) until it is done, and begin again.
    NotReady,
    /// Too soon after the last failure; nothing was written.
    Backoff {
        /// Milliseconds to wait.
        ms: u32,
    },
    /// Too many failures; nothing was written. [`rebind`](super::Attempts::rebind) opens it again, unless it is the lifetime's.
    Disabled,
    /// The core or the part gave no verdict several times in a row. Only a restart ends this.
    StoreFault,
    /// The attempt could not be recorded, so nothing may be compared.
    Flash(Error),
}

impl core::fmt::Display for AttemptError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotReady => f.write_str("a page has to be erased first"),
            Self::Backoff { ms } => write!(f, "{ms} ms to wait after a failure"),
            Self::Disabled => f.write_str("too many failures"),
            Self::StoreFault => f.write_str("several attempts in a row had no verdict"),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AttemptError {}

/// Why an attempt that was right is none. It is counted as a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SettleError {
    /// It was settled before, as a failure: by a later attempt, or by a new secret.
    Stale,
    /// The step of the one-time password was used before or is missing, or what is no one-time password has one.
    Step,
    /// That it was right could not be recorded.
    Flash(Error),
}

impl core::fmt::Display for SettleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Stale => f.write_str("a later attempt has taken its place"),
            Self::Step => f.write_str("one-time password was used before"),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SettleError {}

/// An attempt that is on flash: the leave to compare once.
///
/// Only [`begin`](super::Attempts::begin) makes one, and there is no `Clone`. One that is dropped stays a failure.
///
/// ```compile_fail,E0382
/// use medsec_auth::lockout::{Attempt, Attempts, Outcome, SettleError};
/// use medsec_core::hal::Flash;
/// fn twice<F: Flash>(attempts: &mut Attempts, flash: &mut F, attempt: Attempt) -> Result<(), SettleError> {
///     attempts.settle(flash, attempt, Outcome::Wrong)?;
///     attempts.settle(flash, attempt, Outcome::Right { step: None })?;
///     Ok(())
/// }
/// ```
#[must_use = "an attempt that is not settled is a failure"]
pub struct Attempt {
    pub(super) row: Row,
    pub(super) lane: Lane,
    pub(super) serial: u32,
    blinds: [[u8; 32]; 2],
}

impl Attempt {
    pub(super) fn new(row: Row, lane: Lane, serial: u32, programmed: &Programmed) -> Self {
        Self { row, lane, serial, blinds: blinds(programmed) }
    }

    /// What a verifier XORs into what it compares, one into each of two comparisons.
    ///
    /// All zero, because the attempt is on flash: each is what one read gave, XOR what was programmed, repeated to 32 bytes.
    /// Where the program or a branch behind it was skipped, they are not, and the right secret does not compare as equal.
    #[must_use]
    pub const fn blinds(&self) -> &[[u8; 32]; 2] {
        &self.blinds
    }

    /// What may be compared.
    #[must_use]
    pub const fn factor(&self) -> Factor {
        self.lane.factor
    }

    /// From where it was asked.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.lane.class
    }
}

impl core::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Attempt")
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The secret was wrong.
    Wrong,
    /// It could not be compared: a fault of the device. It counts as a failure all the same, or who can cause one guesses free.
    NoVerdict,
    /// The secret was right.
    Right {
        /// The step of a one-time password: of the counter or the clock, from 1. None for what the person knows.
        step: Option<u32>,
    },
}

/// An attempt that is settled, or is not yet.
#[derive(Debug)]
#[must_use = "it may hold the attempt"]
#[non_exhaustive]
pub enum Settled {
    /// It was right, and that is on flash.
    Passed(Passed),
    /// It stays a failure.
    Failed,
    /// It was right, and a page has to be erased before that can be recorded. Nothing may be done about it yet: call
    /// [`step`](super::Attempts::step) until it is done, and settle again.
    Later(Attempt),
}

/// The proof that an attempt was right: it was recorded before it was judged, and so was the verdict before anything was
/// done about it. What makes a session takes it by value.
///
/// ```compile_fail,E0451
/// use medsec_auth::lockout::{Class, Factor, Passed, Row};
/// let _ = Passed { row: Row::GHOST, step: None };
/// ```
pub struct Passed {
    row: Row,
    lane: Lane,
    step: Option<u32>,
    blinds: [[u8; 32]; 2],
}

impl Passed {
    pub(super) fn new(row: Row, lane: Lane, step: Option<u32>, programmed: &Programmed) -> Self {
        Self { row, lane, step, blinds: blinds(programmed) }
    }

    /// Who passed.
    #[must_use]
    pub const fn row(&self) -> Row {
        self.row
    }

    /// From where.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.lane.class
    }

    /// With what.
    #[must_use]
    pub const fn factor(&self) -> Factor {
        self.lane.factor
    }

    /// The step of the one-time password.
    #[must_use]
    pub const fn step(&self) -> Option<u32> {
        self.step
    }

    /// As [`Attempt::blinds`], of the verdict: zero because it is on flash.
    #[must_use]
    pub const fn blinds(&self) -> &[[u8; 32]; 2] {
        &self.blinds
    }
}

impl core::fmt::Debug for Passed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Passed")
    }
}

/// The differences of both reads, each repeated to 32 bytes.
fn blinds(programmed: &Programmed) -> [[u8; 32]; 2] {
    programmed.differences.map(|difference| {
        let mut blind = [0; 32];
        for (to, from) in blind.iter_mut().zip(difference.iter().cycle()) {
            *to = *from;
        }
        blind
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bit that differs in either read, and that read's blind lets nothing compare as equal.
    #[test]
    fn a_blind_is_zero_only_where_the_read_gave_what_was_programmed() {
        let clean = Programmed { index: 0, differences: [[0; 16]; 2] };
        assert_eq!(blinds(&clean), [[0; 32]; 2]);
        for bit in 0..256_usize {
            let mut programmed = clean;
            programmed.differences[bit / 128][bit % 128 / 8] ^= 1 << (bit % 8);
            let blinds = blinds(&programmed);
            assert_ne!(blinds[bit / 128], [0; 32], "bit {bit}");
            assert_eq!(blinds[1 - bit / 128], [0; 32], "bit {bit}");
        }
    }
}
