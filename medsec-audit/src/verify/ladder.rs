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

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]
mod tests {
    extern crate std;

    use core::cell::Cell;

    use super::*;

    std::thread_local! {
        /// Steps taken so far.
        static STEPS: Cell<u32> = const { Cell::new(0) };
    }

    fn secret(chain: u32, height: u32) -> Secret<32> {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&chain.to_le_bytes());
        bytes[4..8].copy_from_slice(&height.to_le_bytes());
        Secret::new(bytes)
    }

    fn step(below: &Secret<32>) -> Secret<32> {
        STEPS.set(STEPS.get() + 1);
        let (chain, rest) = below.expose().split_first_chunk().unwrap();
        let height = u32::from_le_bytes(*rest.first_chunk().unwrap());
        secret(u32::from_le_bytes(*chain), height + 1)
    }

    /// Climbs, checks the secret, and says how many steps that took; none if the ladder gave up.
    fn climb(ladder: &mut Ladder<u32>, chain: u32, height: u32) -> Option<u32> {
        let before = STEPS.get();
        let found = ladder.climb(chain, height, || secret(chain, 0), step)?;
        assert_eq!(found.expose(), secret(chain, height).expose());
        Some(STEPS.get() - before)
    }

    #[test]
    fn a_way_down_takes_few_steps() {
        let mut ladder = Ladder::new(u32::MAX);
        // Kept on the way to 100: what lies 1, 2, 4, … 64 below it, and itself.
        assert_eq!(climb(&mut ladder, 1, 100), Some(100));
        for (height, steps) in
            [(100, 0), (99, 0), (98, 0), (96, 0), (92, 0), (84, 0), (68, 0), (36, 0)]
        {
            assert_eq!(climb(&mut ladder, 1, height), Some(steps), "{height}");
        }
        assert_eq!(climb(&mut ladder, 1, 97), Some(1), "from 96");
        assert_eq!(climb(&mut ladder, 1, 83), Some(15), "from 68");
        assert_eq!(climb(&mut ladder, 1, 35), Some(35), "from the bottom");
        assert_eq!(climb(&mut ladder, 1, 0), Some(0));
    }

    /// Counted by a ladder of its own kind on paper: a list of what was kept last, 16 long.
    #[test]
    fn a_long_way_down_takes_the_steps_that_were_counted() {
        let mut ladder = Ladder::new(u32::MAX);
        let mut kept: std::vec::Vec<u32> = std::vec::Vec::new();
        for height in (0..=300).rev() {
            let from = kept.iter().copied().filter(|rung| *rung <= height).max();
            let start = from.unwrap_or(0);
            assert_eq!(climb(&mut ladder, 1, height), Some(height - start), "{height}");
            if from == Some(height) {
                continue;
            }
            for at in start..=height {
                if at == height || (height - at).is_power_of_two() {
                    kept.push(at);
                }
            }
            kept.drain(..kept.len().saturating_sub(RUNGS));
        }
    }

    #[test]
    fn chains_are_kept_apart() {
        let mut ladder = Ladder::new(u32::MAX);
        assert_eq!(climb(&mut ladder, 1, 8), Some(8));
        assert_eq!(climb(&mut ladder, 2, 8), Some(8));
        assert_eq!(climb(&mut ladder, 1, 8), Some(0));
    }

    #[test]
    fn there_are_so_many_steps_and_no_more() {
        let mut ladder = Ladder::new(10);
        assert_eq!(climb(&mut ladder, 1, 11), None);
        assert_eq!(climb(&mut ladder, 1, 6), Some(6));
        assert_eq!(climb(&mut ladder, 1, 9), Some(3), "from 6");
        assert_eq!(climb(&mut ladder, 2, 2), None, "one is left");
        assert_eq!(climb(&mut ladder, 2, 1), Some(1));
        assert_eq!(climb(&mut ladder, 1, 9), Some(0), "what is kept costs nothing");
        assert_eq!(climb(&mut ladder, 3, 0), Some(0));
        assert_eq!(climb(&mut ladder, 3, 1), None);
    }
}
