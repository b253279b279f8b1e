//! The wall clock: what somebody said the time is, carried on by the ticks of this boot.

use medsec_core::time::{Ticks, TimeSource, WallTime};

/// Before anybody said what time it is.
const UNSET: WallTime =
    WallTime { unix_seconds: 0, source: TimeSource::Unknown, uncertainty_seconds: u16::MAX };

/// Offset of the wall time to the ticks, and the latest time there was. Of this boot alone.
#[derive(Clone, Copy)]
pub(crate) struct WallClock {
    set: WallTime,
    set_at: Ticks,
    latest: WallTime,
}

impl WallClock {
    pub(crate) const UNSET: Self =
        Self { set: UNSET, set_at: Ticks::from_millis(0), latest: UNSET };

    /// The time at `now`; without a time that was set, the unset one for ever.
    pub(crate) fn time(&self, now: Ticks) -> WallTime {
        if self.set.source == TimeSource::Unknown {
            return self.set;
        }
        let seconds = now.millis_since(self.set_at).checked_div(1000).unwrap_or(0);
        WallTime { unix_seconds: self.set.unix_seconds.saturating_add(seconds), ..self.set }
    }

    /// The latest time there was up to `now`.
    pub(crate) fn latest(&self, now: Ticks) -> WallTime {
        let time = self.time(now);
        if time.unix_seconds < self.latest.unix_seconds { self.latest } else { time }
    }

    /// Goes on from `time`.
    pub(crate) fn set(&mut self, time: WallTime, now: Ticks) {
        self.latest = self.latest(now);
        self.set = time;
        self.set_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(unix_seconds: u64) -> WallTime {
        WallTime { unix_seconds, source: TimeSource::Person, uncertainty_seconds: 60 }
    }

    #[test]
    fn it_runs_by_the_ticks_and_never_forgets_the_latest_time() {
        let mut clock = WallClock::UNSET;
        assert_eq!(clock.time(Ticks::from_millis(99_000)), UNSET);
        clock.set(at(1_000), Ticks::from_millis(5_000));
        assert_eq!(clock.time(Ticks::from_millis(65_999)), at(1_060));
        assert_eq!(clock.time(Ticks::from_millis(0)), at(1_000), "ticks that went back");
        clock.set(at(10), Ticks::from_millis(70_000));
        assert_eq!(clock.time(Ticks::from_millis(71_000)), at(11));
        assert_eq!(clock.latest(Ticks::from_millis(71_000)), at(1_065));
        clock.set(at(u64::MAX), Ticks::from_millis(71_000));
        assert_eq!(clock.latest(Ticks::from_millis(1_000_000)), at(u64::MAX));
    }
}
