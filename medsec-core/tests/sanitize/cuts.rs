//! Power cuts everywhere, by the driver.

use medsec_sim::powercut;

/// Fewer runs than these fail: a driver that does nothing finds nothing.
const RUNS_MIN: u64 = 1_000;

/// Goal: no cut leaves a secret behind a certificate. Method: the driver of `cargo xtask powercut`, at a small size.
#[test]
fn no_cut_leaves_a_secret_behind_a_certificate() {
    let tally = powercut::sanitize::run(RUNS_MIN, 1);
    println!("{tally}");
    assert!(tally.runs() >= RUNS_MIN);
    assert_eq!(tally.violations(), 0, "{:?}", tally.failures().next());
}
