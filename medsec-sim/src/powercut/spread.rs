//! Histories spread over every geometry: what the cell and the cell with a body are driven by.

use crate::exhaust::{Case, GEOMETRIES, Geometry, Plan, Subject, Tally, every_cut, series};
use crate::fault::Model;
use crate::prng::mix;

/// Most cuts in a row.
pub(super) const CUTS_MAX: u32 = 10;

/// A history of one structure, drawn from a seed for a geometry.
pub(super) type Draw = fn(Geometry, u64) -> Case;

/// One history after the other, each on the next geometry.
struct Histories {
    seed: u64,
    index: usize,
    draw: Draw,
}

impl Histories {
    const fn new(seed: u64, draw: Draw) -> Self {
        Self { seed: mix(seed), index: 0, draw }
    }

    fn next_case(&mut self) -> Case {
        let geometry = GEOMETRIES[self.index % GEOMETRIES.len()];
        self.index += 1;
        self.seed = mix(self.seed);
        (self.draw)(geometry, self.seed)
    }
}

/// Runs at least `runs` cases: each history with a cut at every operation and again at each operation of the recovery, then
/// with cuts in a row. `per_history` is what one takes, roughly: it sets how thinly few runs are spread, so that they reach
/// every geometry.
#[inline]
pub(super) fn run<S: Subject>(
    subject: &mut S,
    draw: Draw,
    (runs, per_history, seed): (u64, u64, u64),
    (models, sharpest): (&[Model], &[Model]),
) -> Tally {
    let mut tally = Tally::default();
    let share = runs / u64::try_from(GEOMETRIES.len()).unwrap_or(1);
    let one_in = u32::try_from(per_history.div_ceil(share.max(1))).unwrap_or(u32::MAX);
    let plan = Plan { models, second_cuts: 9, more_cuts: true, one_in };
    let mut histories = Histories::new(seed, draw);
    while tally.runs() < runs {
        let case = histories.next_case();
        let before = tally.runs();
        // An uncut run that breaks a rule is in the tally; the next histories would only repeat it.
        if every_cut(subject, &case, &plan, &mut tally).is_err() {
            break;
        }
        let cut = u32::try_from(tally.runs() - before).unwrap_or(u32::MAX);
        if series(subject, &case, sharpest, CUTS_MAX, cut / 2, &mut tally).is_err() {
            break;
        }
    }
    tally
}

/// Only series of cuts, where rare faults of a design show.
#[inline]
pub(super) fn in_series<S: Subject>(subject: &mut S, draw: Draw, runs: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    let mut histories = Histories::new(seed, draw);
    while tally.runs() < runs {
        let case = histories.next_case();
        if series(subject, &case, &Model::SHARPEST, CUTS_MAX, 500, &mut tally).is_err() {
            break;
        }
    }
    tally
}
