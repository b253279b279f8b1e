//! Attempts survive power cuts.

use medsec_sim::powercut;

/// Runs of the integration test. Lower it only with a reason: a driver that runs less finds less.
const RUNS_MIN: u64 = 3_000;

#[test]
fn no_cut_breaks_a_rule() {
    let tally = powercut::auth::run(RUNS_MIN, 1);
    assert!(tally.runs() >= RUNS_MIN && tally.cuts() >= tally.runs(), "{tally}");
    assert_eq!(tally.violations(), 0, "{tally}");
}
