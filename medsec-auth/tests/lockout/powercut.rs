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

/// Cases that once broke a rule, or do without one.
const STORED: [&str; 19] = [
    include_str!("../powercut_regressions.txt"),
    include_str!("../counterexamples/auth-attempt-read-back.txt"),
    include_str!("../counterexamples/auth-carried.txt"),
    include_str!("../counterexamples/auth-erase-first.txt"),
    include_str!("../counterexamples/auth-number.txt"),
    include_str!("../counterexamples/auth-one-open.txt"),
    include_str!("../counterexamples/auth-outcome-first.txt"),
    include_str!("../counterexamples/auth-outcome-once.txt"),
    include_str!("../counterexamples/auth-outcome-read-back.txt"),
    include_str!("../counterexamples/auth-own-page.txt"),
    include_str!("../counterexamples/auth-page-before.txt"),
    include_str!("../counterexamples/auth-record-first.txt"),
    include_str!("../counterexamples/auth-slot-once.txt"),
    include_str!("../counterexamples/auth-slot-tag.txt"),
    include_str!("../counterexamples/auth-step-in-outcome.txt"),
    include_str!("../counterexamples/auth-step-once.txt"),
    include_str!("../counterexamples/auth-torn-outcome.txt"),
    include_str!("../counterexamples/auth-torn.txt"),
    include_str!("../counterexamples/auth-whole-before.txt"),
];

#[test]
fn stored_cases_break_no_rule() {
    let lines = STORED.iter().flat_map(|text| text.lines());
    let mut cases = 0;
    for line in lines.filter(|line| !line.starts_with('#')) {
        let replayed = powercut::auth::replay(&line.parse().unwrap());
        assert_eq!(replayed.err(), None, "{line}");
        cases += 1;
    }
    assert!(cases >= 51, "{cases}");
}
