//! The essential function: deliver at the set rate, and sound the alarm.
//!
//! It shares memory with nothing that can fail. A timer interrupt calls [`Therapy::tick`]; all others only leave it
//! requests, each in one store, so that no lock can hold the interrupt up.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Milliseconds between two calls of [`Therapy::tick`].
pub const TICK_MS: u32 = 10;

const TICKS_PER_HOUR: u32 = 360_000;
const ALARM_NONE: u32 = 0;

/// A rate of delivery, within what the drive can do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rate {
    ul_per_hour: u32,
}

/// The rate lies outside [`Rate::MIN`] to [`Rate::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateOutOfRange;

impl fmt::Display for RateOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rate is out of range")
    }
}

impl core::error::Error for RateOutOfRange {}

impl Rate {
    /// 0.1 ml/h.
    pub const MIN: Self = Self { ul_per_hour: 100 };
    /// 999 ml/h.
    pub const MAX: Self = Self { ul_per_hour: 999_000 };

    /// A rate in microlitres per hour.
    ///
    /// # Errors
    /// [`RateOutOfRange`].
    pub const fn from_ul_per_hour(ul_per_hour: u32) -> Result<Self, RateOutOfRange> {
        if ul_per_hour < Self::MIN.ul_per_hour || ul_per_hour > Self::MAX.ul_per_hour {
            Err(RateOutOfRange)
        } else {
            Ok(Self { ul_per_hour })
        }
    }

    /// Microlitres per hour.
    #[must_use]
    pub const fn ul_per_hour(self) -> u32 {
        self.ul_per_hour
    }
}

/// Why the pump sounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Alarm {
    /// The line is blocked.
    Occlusion,
    /// There is air in the line.
    AirInLine,
    /// The reservoir is empty.
    Empty,
    /// Security service is degraded; delivery goes on.
    Security,
}

impl Alarm {
    const ALL: [Self; 4] = [Self::Occlusion, Self::AirInLine, Self::Empty, Self::Security];

    const fn code(self) -> u32 {
        match self {
            Self::Occlusion => 1,
            Self::AirInLine => 2,
            Self::Empty => 3,
            Self::Security => 4,
        }
    }

    /// Whether delivery stops with it. Nothing that concerns security stops a therapy.
    #[must_use]
    pub const fn stops_delivery(self) -> bool {
        match self {
            Self::Occlusion | Self::AirInLine | Self::Empty => true,
            Self::Security => false,
        }
    }
}

/// The state of the therapy.
#[derive(Debug)]
pub struct Therapy {
    ul_per_hour: AtomicU32,
    running: AtomicBool,
    delivered_ul: AtomicU32,
    /// What has been delivered beyond whole microlitres, in 1/360,000 of one. Only `tick` touches it.
    part: AtomicU32,
    alarm: AtomicU32,
}

impl Therapy {
    /// A therapy that stands still.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ul_per_hour: AtomicU32::new(0),
            running: AtomicBool::new(false),
            delivered_ul: AtomicU32::new(0),
            part: AtomicU32::new(0),
            alarm: AtomicU32::new(ALARM_NONE),
        }
    }

    /// Delivers for the next [`TICK_MS`]. Called by the timer interrupt and by nobody else.
    pub fn tick(&self) {
        if !self.is_running() {
            return;
        }
        let part = self
            .part
            .load(Ordering::Relaxed)
            .saturating_add(self.ul_per_hour.load(Ordering::Relaxed));
        let whole = part.checked_div(TICKS_PER_HOUR).unwrap_or(0);
        let rest = part.checked_rem(TICKS_PER_HOUR).unwrap_or(0);
        self.part.store(rest, Ordering::Relaxed);
        let delivered = self.delivered_ul.load(Ordering::Relaxed).wrapping_add(whole);
        self.delivered_ul.store(delivered, Ordering::Relaxed);
    }

    /// Sets the rate; delivery takes it up at the next tick.
    pub fn set_rate(&self, rate: Rate) {
        self.ul_per_hour.store(rate.ul_per_hour, Ordering::Relaxed);
    }

    /// Starts to deliver at the set rate.
    pub fn start(&self) {
        self.running.store(true, Ordering::Relaxed);
    }

    /// Stops delivery.
    pub fn stop(&self) {
        self.running.store(false, Ordering::Relaxed);
    }

    /// Sounds the alarm, and stops delivery if the cause demands it.
    pub fn raise(&self, alarm: Alarm) {
        self.alarm.store(alarm.code(), Ordering::Relaxed);
        if alarm.stops_delivery() {
            self.stop();
        }
    }

    /// Silences the alarm.
    pub fn silence(&self) {
        self.alarm.store(ALARM_NONE, Ordering::Relaxed);
    }

    /// Whether the pump delivers.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Microlitres per hour, as set last.
    #[must_use]
    pub fn ul_per_hour(&self) -> u32 {
        self.ul_per_hour.load(Ordering::Relaxed)
    }

    /// Microlitres delivered since power-on.
    #[must_use]
    pub fn delivered_ul(&self) -> u32 {
        self.delivered_ul.load(Ordering::Relaxed)
    }

    /// The alarm that sounds.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        let code = self.alarm.load(Ordering::Relaxed);
        Alarm::ALL.into_iter().find(|alarm| alarm.code() == code)
    }
}

impl Default for Therapy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_at_the_set_rate_delivers_the_set_volume() {
        for ul_per_hour in [100, 12_345, 999_000] {
            let therapy = Therapy::new();
            therapy.set_rate(Rate::from_ul_per_hour(ul_per_hour).unwrap());
            therapy.start();
            for _ in 0..TICKS_PER_HOUR {
                therapy.tick();
            }
            assert_eq!(therapy.delivered_ul(), ul_per_hour);
        }
    }

    #[test]
    fn a_rate_beyond_the_drive_is_refused() {
        assert_eq!(Rate::from_ul_per_hour(99), Err(RateOutOfRange));
        assert_eq!(Rate::from_ul_per_hour(999_001), Err(RateOutOfRange));
        assert_eq!(Rate::from_ul_per_hour(999_000), Ok(Rate::MAX));
    }

    #[test]
    fn a_security_alarm_sounds_and_does_not_stop_delivery() {
        let therapy = Therapy::new();
        therapy.set_rate(Rate::MAX);
        therapy.start();
        therapy.raise(Alarm::Security);
        assert_eq!(therapy.alarm(), Some(Alarm::Security));
        assert!(therapy.is_running());
        therapy.raise(Alarm::Occlusion);
        assert!(!therapy.is_running());
    }
}
