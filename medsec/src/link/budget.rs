//! How often links may be recorded, over all channels of a device, so that no peer pushes evidence out of the log.

use medsec_core::event::PrincipalId;
use medsec_core::time::Ticks;

use crate::limiter::Limiter;

/// Records in an hour of messages that were dropped.
const DROPS_MAX: u32 = 2;
/// Records in an hour of links that were opened, and of readings of the log.
const LINKS_MAX: u32 = 16;
const HOUR_MS: u64 = 3_600_000;
/// Milliseconds in which what the same peer does again is not recorded again.
const SAME_MS: u64 = 600_000;

/// What was recorded of links lately.
pub(crate) struct Budgets {
    /// Of what strangers send.
    pub(super) drops: Limiter,
    openings: Seldom,
    exports: Seldom,
    /// When a peer asked for a checkpoint last.
    pub(super) checkpoint: Option<Ticks>,
}

/// What peers do, who are known: each again after a while only, and all of them so often.
struct Seldom {
    limiter: Limiter,
    last: Option<(PrincipalId, Ticks)>,
}

/// Whether something has to be recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is.
    Now,
    /// It was, a while ago.
    Known,
    /// There was too much of it.
    TooMuch,
}

impl Seldom {
    const fn new() -> Self {
        Self { limiter: Limiter::new(LINKS_MAX, HOUR_MS), last: None }
    }

    fn due(
        &mut self,
        by: PrincipalId,
        now: Ticks,
        has_room: impl FnOnce(&mut Limiter, Ticks) -> bool,
    ) -> Due {
        if self.last.is_some_and(|(last, at)| last == by && now.millis_since(at) < SAME_MS) {
            Due::Known
        } else if has_room(&mut self.limiter, now) {
            Due::Now
        } else {
            Due::TooMuch
        }
    }

    fn recorded(&mut self, by: PrincipalId, now: Ticks) {
        self.limiter.recorded();
        self.last = Some((by, now));
    }
}

impl Budgets {
    pub(crate) const fn new() -> Self {
        Self {
            drops: Limiter::new(DROPS_MAX, HOUR_MS),
            openings: Seldom::new(),
            exports: Seldom::new(),
            checkpoint: None,
        }
    }

    /// Whether it has to be recorded that this peer has opened a link.
    pub(super) fn opening(&mut self, by: PrincipalId, now: Ticks) -> Due {
        self.openings.due(by, now, Limiter::admits)
    }

    /// It was.
    pub(super) fn opening_recorded(&mut self, by: PrincipalId, now: Ticks) {
        self.openings.recorded(by, now);
    }

    /// Whether it has to be recorded that this peer reads the log. What is too much is refused, so it is not counted as left out: a number that a
    /// full log cannot take would keep its readers out for ever.
    pub(crate) fn export(&mut self, by: PrincipalId, now: Ticks) -> Due {
        self.exports.due(by, now, Limiter::has_room)
    }

    /// It was, or there is no room for it.
    pub(crate) fn export_recorded(&mut self, by: PrincipalId, now: Ticks) {
        self.exports.recorded(by, now);
    }

    /// The limiters that leave something out.
    pub(crate) const fn limiter(&mut self, which: u8) -> &mut Limiter {
        if which == 1 { &mut self.drops } else { &mut self.openings.limiter }
    }
}
