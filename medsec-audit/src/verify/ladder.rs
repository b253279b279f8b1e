//! Going up chains of secrets again and again, without starting at the bottom each time.

use medsec_core::Secret;

/// Remembers secrets on the way up chains that `T` tells apart.
///
/// The verifier goes down: from the newest session to the oldest, from a session's last page to its first. On the way up to
/// a secret those at distances 1, 2, 4, … below it are kept, so the next one is found close by.
pub(super) struct Ladder<T> {
    rungs: [Option<Rung<T>>; RUNGS],
    next: usize,
    /// An image that names ever new places high up in ever new chains gets no further than this.
    steps_left: u32,
}

struct Rung<T> {
    chain: T,
    height: u32,
    secret: Secret<32>,
}

const RUNGS: usize = 16;

impl<T: Copy + PartialEq> Ladder<T> {
    pub(super) const fn new(steps_max: u32) -> Self {
        Self { rungs: [const { None }; RUNGS], next: 0, steps_left: steps_max }
    }

    /// The secret of `chain` that is `height` steps above its `bottom`.
    pub(super) fn climb(
        &mut self,
        chain: T,
        height: u32,
        bottom: impl FnOnce() -> Secret<32>,
        step: fn(&Secret<32>) -> Secret<32>,
    ) -> Option<Secret<32>> {
        let below = |rung: &&Rung<T>| rung.chain == chain && rung.height <= height;
        let nearest = self.rungs.iter().flatten().filter(below).max_by_key(|rung| rung.height);
        let (mut at, mut secret) = match nearest {
            Some(rung) => (rung.height, rung.secret.duplicate()),
            None => (0, bottom()),
        };
        if nearest.is_some() && at == height {
            return Some(secret);
        }
        self.steps_left = self.steps_left.checked_sub(height.saturating_sub(at))?;
        loop {
            let left = height.saturating_sub(at);
            if left == 0 || left.is_power_of_two() {
                self.keep(Rung { chain, height: at, secret: secret.duplicate() });
            }
            if left == 0 {
                return Some(secret);
            }
            secret = step(&secret);
            at = at.saturating_add(1);
        }
    }

    fn keep(&mut self, rung: Rung<T>) {
        if let Some(slot) = self.rungs.get_mut(self.next) {
            *slot = Some(rung);
        }
        self.next = self.next.wrapping_add(1).checked_rem(RUNGS).unwrap_or(0);
    }
}
