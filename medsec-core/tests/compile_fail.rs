//! What must not compile, does not: one misuse program for each exit that a personal value lacks, for each
//! rule of a policy, and for each way to forge, lose, copy or outlive a grant. `medsec_sim::misuse` says how.

/// A count below this one fails: a program was lost.
#[cfg(test)]
const PROGRAMS_MIN: usize = 221;

/// Goal: each misuse fails for its own reason. Method: compile all programs and their twins.
#[test]
#[expect(clippy::print_stdout, reason = "the count is what a reader of the run wants to see")]
fn each_misuse_is_refused_and_its_twin_is_not() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let scratch = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (programs, faults) =
        medsec_sim::misuse::faults_in(&folder, &["medsec_core", "serde"], scratch);
    println!("compile-fail: {programs} programs, {} faults", faults.len());
    assert!(programs >= PROGRAMS_MIN, "{programs} programs");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
