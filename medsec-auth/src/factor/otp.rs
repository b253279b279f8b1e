//! The possession factor of one-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238).
//!
//! A *step* is the moving factor: the counter of HOTP, the number of periods since 1970 of TOTP. The caller keeps the last step that was
//! accepted, beside the count of attempts, and it only ever rises: that is what makes a code one-time (RFC 6238 §5.2). It is on
//! the flash before the code counts, which [`Step::record`] sees to.
//!
//! # Which step
//! Of the steps whose code is the one that was shown, the newest. Two steps may have equal codes: were the older one taken, a code that
//! was seen could be shown again as that of the newer.
//!
//! # Limits
//! One authentication of 8 bytes for each step that may match, twice. A code of 6 digits is guessed by one in 10^6 tries for each of them; the
//! caller's count of attempts bounds the tries.
//!
//! # Security
//! The device holds the secret, so who reads it out can make codes: this is no factor that withstands the theft of the device, nor
//! phishing. [`super::token`] is both. Which step matched does not show in the time it takes.

mod evaluate;
mod record;

pub use record::{
    Digits, Hash, ImportError, Moving, OTP_BYTES, Otp, OtpError, SECRET_BYTES_MIN, Settings,
};

use medsec_core::time::{TimeSource, WallTime};

use self::evaluate::{Span, Wanted, backwards, forwards};
use crate::verdict::{Accepted, Mismatch, Verdict};
use core::hint::black_box;

/// Steps behind the last one within which two codes in a row find a counter again.
pub const RESYNC_STEPS: u8 = 100;

/// A code as a person types it.
#[derive(Clone, Copy)]
pub struct Code {
    value: u32,
    digits: u8,
}

impl Code {
    /// Reads 6 to 8 ASCII digits; none is anything else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() < 6 || text.len() > 8 {
            return None;
        }
        let mut value = 0_u32;
        let mut digits = 0_u8;
        for byte in text {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
            digits = digits.checked_add(1)?;
        }
        Some(Self { value, digits })
    }
}

impl core::fmt::Debug for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Code")
    }
}

/// Why there is no verdict on a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MatchError {
    /// Nobody vouches for the time, or it is not known to within the window: use another factor.
    Time,
    /// Only a counter is found again by two codes.
    NotCounter,
}

impl core::fmt::Display for MatchError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Time => "time is not good enough for codes by time",
            Self::NotCounter => "codes by time need no finding again",
        })
    }
}

impl core::error::Error for MatchError {}

/// The outcome for a code, not looked at yet.
#[derive(Debug)]
#[must_use = "an outcome that nobody looks at lets nobody in"]
pub struct Matched {
    verdict: Verdict,
    step: u32,
}

impl Matched {
    /// Asks for the outcome.
    ///
    /// # Errors
    /// [`Mismatch`]: no step that may still be used has this code.
    pub fn accept(self) -> Result<Step, Mismatch> {
        Ok(Step { accepted: self.verdict.accept()?, number: self.step })
    }
}

/// A step whose code was shown. It counts once it has been recorded.
#[derive(Debug)]
#[must_use = "a step that is not recorded could be used again"]
pub struct Step {
    accepted: Accepted,
    number: u32,
}

impl Step {
    /// The step, which becomes the last one.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Has `write` put the step on the flash as the last one, and only then lets the code count.
    ///
    /// # Power loss
    /// A cut within `write` uses the code up, or leaves it to be shown again; nobody was let in.
    ///
    /// # Errors
    /// Those of `write`; the code does not count.
    pub fn record<E>(self, write: impl FnOnce(u32) -> Result<(), E>) -> Result<Accepted, E> {
        write(self.number)?;
        Ok(self.accepted)
    }
}

impl Otp {
    /// The newest step after `last` whose code is `code`: within the look-ahead of a counter, or within the window around `now`.
    ///
    /// A counter does not look at `now`. The attempt is on the flash before this is called, and `blind` says whether it is
    /// ([the module above](super)).
    ///
    /// # Trust
    /// The code is the attacker's. The record, and `last`, come from a store that has authenticated them.
    ///
    /// # Errors
    /// [`MatchError::Time`]: TOTP, and the time is not good enough. There is then no verdict.
    pub fn match_step(
        &self,
        code: &Code,
        last: u32,
        now: WallTime,
        blind: &[u8; 32],
    ) -> Result<Matched, MatchError> {
        let span = self.span(last.checked_add(1), now)?;
        Ok(self.evaluate(code, None, &span, blind))
    }

    /// Whether a code could be judged now, before an attempt is spent on it.
    ///
    /// # Errors
    /// As [`Otp::match_step`].
    pub fn check_time(&self, now: WallTime) -> Result<(), MatchError> {
        self.span(None, now).map(|_| ())
    }

    /// As [`Otp::match_step`], of a record that no code was shown for yet: it ends the enrolment, and its code is used by it.
    ///
    /// # Errors
    /// As [`Otp::match_step`].
    pub fn first_step(&self, code: &Code, now: WallTime) -> Result<Matched, MatchError> {
        let span = self.span(Some(0), now)?;
        Ok(self.evaluate(code, None, &span, &[0; 32]))
    }

    /// Finds a counter again that ran ahead: `before` and `code` are the codes of two steps in a row, within
    /// [`RESYNC_STEPS`] after `last`. The step is that of `code` (RFC 4226 §7.4).
    ///
    /// # Errors
    /// [`MatchError::NotCounter`], as it says.
    pub fn resync(
        &self,
        before: &Code,
        code: &Code,
        last: u32,
        blind: &[u8; 32],
    ) -> Result<Matched, MatchError> {
        let Moving::Counter { .. } = self.settings().moving() else {
            return Err(MatchError::NotCounter);
        };
        let span =
            Span { least: last.checked_add(1), start: last.saturating_add(1), count: RESYNC_STEPS };
        Ok(self.evaluate(code, Some(before), &span, blind))
    }

    /// The steps that may match, of which those below `least` may not.
    fn span(&self, least: Option<u32>, now: WallTime) -> Result<Span, MatchError> {
        match self.settings().moving() {
            Moving::Counter { ahead } => {
                Ok(Span { least, start: least.unwrap_or(u32::MAX), count: ahead })
            }
            Moving::Time { period_seconds, window } => {
                let step = step_at(period_seconds, window, now)?;
                let start = step.saturating_sub(u32::from(window));
                let end = step.saturating_add(u32::from(window));
                let count = end.saturating_sub(start).saturating_add(1);
                Ok(Span { least, start, count: u8::try_from(count).unwrap_or(0) })
            }
        }
    }

    fn evaluate(
        &self,
        code: &Code,
        before: Option<&Code>,
        span: &Span,
        blind: &[u8; 32],
    ) -> Matched {
        let digits = self.settings().digits();
        if code.digits != digits.count() || before.is_some_and(|code| code.digits != digits.count())
        {
            return Matched { verdict: Verdict::no(), step: 0 };
        }
        let wanted = Wanted { code: code.value, before: before.map(|code| code.value) };
        let first =
            forwards(black_box(self), black_box(&wanted), black_box(span), black_box(blind));
        let second =
            backwards(black_box(self), black_box(&wanted), black_box(span), black_box(blind));
        // Both have to have found the same one.
        let apart = black_box(first.step) ^ black_box(second.step);
        Matched { verdict: Verdict::join(first.word, second.word ^ apart), step: first.step }
    }
}

/// The step of a time that is good enough.
fn step_at(period_seconds: u8, window: u8, now: WallTime) -> Result<u32, MatchError> {
    // Whoever sets the clock back could show a code that he saw and that was not used.
    let is_vouched_for =
        matches!(now.source, TimeSource::RealTimeClock | TimeSource::Authenticated);
    let reach = u16::from(period_seconds).saturating_mul(u16::from(window));
    if !is_vouched_for || now.uncertainty_seconds > reach {
        return Err(MatchError::Time);
    }
    let step = now.unix_seconds.checked_div(u64::from(period_seconds));
    step.and_then(|step| u32::try_from(step).ok()).ok_or(MatchError::Time)
}
