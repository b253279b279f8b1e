//! A clock that tests set.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use medsec_core::hal::Clock;
use medsec_core::time::Ticks;

/// A clock that stands still until it is told the time. Its clones are the same clock, so that a test keeps one and
/// gives one away.
#[derive(Clone, Default, Debug)]
pub struct SimClock {
    now_ms: Arc<AtomicU64>,
}

impl SimClock {
    /// A clock at 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the milliseconds since power-on, also backwards, as a reset or a broken timer does.
    pub fn set(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// Goes forward by `ms` milliseconds.
    pub fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Milliseconds since power-on.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

impl Clock for SimClock {
    fn now(&mut self) -> Ticks {
        Ticks::from_millis(self.now_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_clock() {
        let clock = SimClock::new();
        let mut given = clock.clone();
        clock.advance(5);
        clock.advance(7);
        assert_eq!(given.now(), Ticks::from_millis(12));
        clock.set(0);
        assert_eq!(given.now(), Ticks::default());
    }
}
