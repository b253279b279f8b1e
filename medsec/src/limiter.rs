//! What anybody can cause: a few are recorded in a while, the others counted, so that nobody pushes evidence out of the log.

use medsec_core::time::Ticks;

/// Records of [`crate::Device::log_limited`] in each window.
pub const LIMITED_RECORDS_MAX: u32 = 8;
/// Length of a window, in milliseconds.
pub const LIMITED_WINDOW_MS: u64 = 600_000;

/// The present window.
#[derive(Clone, Copy)]
pub(crate) struct Limiter {
    records_max: u32,
    window_ms: u64,
    since: Ticks,
    recorded: u32,
    suppressed: u32,
}

impl Limiter {
    /// So many records in each window of so many milliseconds.
    pub(crate) const fn new(records_max: u32, window_ms: u64) -> Self {
        Self { records_max, window_ms, since: Ticks::from_millis(0), recorded: 0, suppressed: 0 }
    }

    /// The next window, which begins now.
    const fn next(&self, now: Ticks) -> Self {
        Self { since: now, ..Self::new(self.records_max, self.window_ms) }
    }

    /// Whether one more may be recorded at `now`.
    pub(crate) fn has_room(&mut self, now: Ticks) -> bool {
        if self.is_over(now) && self.suppressed == 0 {
            *self = self.next(now);
        }
        self.recorded < self.records_max
    }

    /// Whether one more may be recorded at `now`. If not, it is counted.
    pub(crate) fn admits(&mut self, now: Ticks) -> bool {
        if self.has_room(now) {
            return true;
        }
        self.suppressed = self.suppressed.saturating_add(1);
        false
    }

    /// One was recorded.
    pub(crate) const fn recorded(&mut self) {
        self.recorded = self.recorded.saturating_add(1);
    }

    /// The number of those that were left out, once their window is over.
    pub(crate) fn due(&self, now: Ticks) -> Option<u32> {
        (self.suppressed > 0 && self.is_over(now)).then_some(self.suppressed)
    }

    /// That number is in the log: the next window begins.
    pub(crate) const fn told(&mut self, now: Ticks) {
        *self = self.next(now);
    }

    fn is_over(&self, now: Ticks) -> bool {
        now.millis_since(self.since) >= self.window_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_its_number_and_tells_the_rest_once() {
        let mut limiter = Limiter::new(LIMITED_RECORDS_MAX, LIMITED_WINDOW_MS);
        let at = Ticks::from_millis;
        for turn in 0..3 {
            let now = at(turn * LIMITED_WINDOW_MS + 5);
            for _ in 0..LIMITED_RECORDS_MAX {
                assert!(limiter.admits(now), "{turn}");
                limiter.recorded();
            }
            assert!(!limiter.admits(now) && !limiter.admits(now));
            assert_eq!(limiter.due(now), None);
            let over = at((turn + 1) * LIMITED_WINDOW_MS);
            // Until the number is told nothing more is recorded, and it grows.
            assert!(!limiter.admits(over));
            assert_eq!(limiter.due(over), Some(3));
            limiter.told(over);
            assert_eq!(limiter.due(at(u64::MAX)), None);
        }
    }

    #[test]
    fn what_failed_to_be_recorded_takes_no_place_and_quiet_windows_tell_nothing() {
        let mut limiter = Limiter::new(LIMITED_RECORDS_MAX, LIMITED_WINDOW_MS);
        for turn in 0..100 {
            assert!(limiter.admits(Ticks::from_millis(turn)));
        }
        assert_eq!(limiter.due(Ticks::from_millis(u64::MAX)), None);
    }
}
