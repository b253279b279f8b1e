//! From ticks since power-on to wall time.
//!
//! A session's clock was right, within what its record says, at the tick at which it was set. From there its records are
//! told by ticks, forwards, and backwards for those before the first time it was set. The drift of the device's tick
//! counter is not known and not included.

use medsec_core::time::WallTime;

use crate::model::{Interval, RecordRow};

/// The clock of a session was set.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockSet {
    pub(super) session: u32,
    pub(super) seq: u64,
    pub(super) ticks_ms: u64,
    pub(super) to: WallTime,
}

impl ClockSet {
    /// The interval in which something at `ticks_ms` happened.
    fn interval(&self, ticks_ms: u64) -> Interval {
        let spread_ms = u64::from(self.to.uncertainty_seconds).saturating_mul(1_000);
        let set_ms = self.to.unix_seconds.saturating_mul(1_000);
        let at = |ms: u64| match ticks_ms.checked_sub(self.ticks_ms) {
            Some(later_ms) => ms.saturating_add(later_ms),
            None => ms.saturating_sub(self.ticks_ms.saturating_sub(ticks_ms)),
        };
        Interval {
            earliest_ms: at(set_ms.saturating_sub(spread_ms)),
            // The time was given in whole seconds.
            latest_ms: at(set_ms.saturating_add(spread_ms).saturating_add(999)),
            source: self.to.source.into(),
        }
    }
}

/// Gives each of `records`, which are in order, the time that `clocks` tell.
pub(super) fn tell(records: &mut [RecordRow], clocks: &mut [ClockSet]) {
    clocks.sort_by_key(|clock| (clock.session, clock.seq));
    for record in records {
        let key = (record.session, record.seq);
        let after = clocks.partition_point(|clock| (clock.session, clock.seq) <= key);
        let before = after.checked_sub(1).and_then(|index| clocks.get(index));
        let is_same = |clock: &&ClockSet| clock.session == record.session;
        let clock = before.filter(is_same).or_else(|| clocks.get(after).filter(is_same));
        record.wall = clock.map(|clock| clock.interval(record.ticks_ms));
    }
}

#[cfg(test)]
mod tests {
    use medsec_core::time::TimeSource;

    use super::*;

    const SET: ClockSet = ClockSet {
        session: 1,
        seq: 5,
        ticks_ms: 10_000,
        to: WallTime { unix_seconds: 1_000, source: TimeSource::Person, uncertainty_seconds: 2 },
    };

    /// Before, at and after the record; the interval is as wide as the uncertainty and the whole second.
    #[test]
    fn ticks_become_intervals() {
        for (ticks_ms, earliest_ms) in [(10_000, 998_000), (10_500, 998_500), (4_000, 992_000)] {
            let wall = SET.interval(ticks_ms);
            assert_eq!((wall.earliest_ms, wall.latest_ms), (earliest_ms, earliest_ms + 4_999));
        }
        let far = ClockSet { to: WallTime { unix_seconds: u64::MAX, ..SET.to }, ..SET };
        assert_eq!(far.interval(20_000).latest_ms, u64::MAX);
    }
}
