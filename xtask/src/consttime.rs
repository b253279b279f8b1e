//! `cargo xtask consttime`: whether a branch or an address depends on a secret, by valgrind, for each set of back ends.
//!
//! `benches/consttime` poisons the secrets of each operation; memcheck follows them. A processor with vector and cipher
//! instructions would never run the code of a microcontroller, so that code is selected too, also built for 32 bits.

use std::path::PathBuf;

use crate::Outcome;
use crate::shell::Shell;

/// Where the program is, and where a verdict may become a branch.
const FOLDER: &str = "benches/consttime";

/// The program has these; fewer, and something is no longer looked at.
const OPERATIONS_MIN: usize = 28;
const CONTROLS: usize = 5;

/// How often each public verdict becomes a branch, by its name in `verdicts.supp`: one for each tag that is checked
/// (2 suites, 5 checks each), and one for each X25519 agreement (2 suites, sealing and opening).
const VERDICTS: [(&str, u64); 2] = [("tag", 10), ("all-zero", 4)];

/// The portable code of all dependencies, 32 bits wide, as a Cortex-M gets it.
const PORTABLE: &str = "--cfg aes_backend=\"soft\" --cfg polyval_backend=\"soft\" --cfg chacha20_backend=\"soft\" \
                        --cfg poly1305_backend=\"soft\" --cfg sha2_backend=\"soft\" \
                        --cfg curve25519_dalek_backend=\"serial\" --cfg curve25519_dalek_bits=\"32\" \
                        --cfg cpubits=\"32\"";

/// What the firmware of `examples/pump-firmware` is built with besides.
const COMPACT: &str = "--cfg sha2_backend_soft=\"compact\"";

/// The processor of 32 bits that valgrind knows here. Rust brings its own linker and C library for it.
const NARROW: &str = "i686-unknown-linux-musl";

/// One way to build the program.
struct BackEnds {
    name: &'static str,
    flags: &'static [&'static str],
    target: Option<&'static str>,
    optimised: &'static [&'static str],
    /// Names of functions: one that has to be in the program, one that must not be. They show that the choice was taken.
    has: &'static str,
    lacks: &'static str,
}

const SIZE: &[&str] =
    &["--config", "profile.release.opt-level=\"s\"", "--config", "profile.release.lto=\"fat\""];

/// The function of the 32-bit curve, and those that only a processor with the instructions for it runs.
const NARROW_CURVE: &str = "curve25519_dalek::backend::serial::u32";
const VECTOR_CURVE: &str = "curve25519_dalek::backend::vector";

const BACK_ENDS: [BackEnds; 4] = [
    BackEnds {
        name: "host",
        flags: &[],
        target: None,
        optimised: &[],
        has: VECTOR_CURVE,
        lacks: NARROW_CURVE,
    },
    BackEnds {
        name: "portable",
        flags: &[PORTABLE],
        target: None,
        optimised: &[],
        has: NARROW_CURVE,
        lacks: VECTOR_CURVE,
    },
    BackEnds {
        name: "portable-small",
        flags: &[PORTABLE, COMPACT],
        target: None,
        optimised: SIZE,
        has: NARROW_CURVE,
        lacks: VECTOR_CURVE,
    },
    BackEnds {
        name: "portable-small-32",
        flags: &[PORTABLE, COMPACT, "-C linker=rust-lld"],
        target: Some(NARROW),
        optimised: SIZE,
        has: NARROW_CURVE,
        lacks: VECTOR_CURVE,
    },
];

/// What one run of the program came to.
struct Run {
    operations: usize,
    controls: usize,
}

/// Builds, runs and judges each set of back ends.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    if !shell.succeeds(&["valgrind", "--version"]) {
        return Err("valgrind is missing: install it, or run .ci/run once".to_owned());
    }
    let (mut operations, mut controls, mut watched, mut missing) = (0, 0, 0_usize, String::new());
    for back_ends in &BACK_ENDS {
        if back_ends.target.is_some_and(|target| !has_target(shell, target)) {
            missing = format!("; {} NOT checked (no Rust library for {NARROW})", back_ends.name);
            continue;
        }
        let program = build(shell, back_ends)?;
        let run = watch(shell, back_ends, &program)?;
        println!(
            "{}: {} operations, 0 reports; {} controls reported",
            back_ends.name, run.operations, run.controls
        );
        operations += run.operations;
        controls += run.controls;
        watched += 1;
    }
    let verdicts: u64 = VERDICTS.iter().map(|(_, count)| count).sum();
    Ok(format!(
        "{} operations × {watched} back ends, 0 reports; {controls} of {} controls reported, {verdicts} public verdicts \
         each{missing}",
        operations / watched.max(1),
        CONTROLS * watched,
    ))
}

/// Whether Rust's library for a target is here, or can be installed.
fn has_target(shell: &Shell, target: &str) -> bool {
    let libraries = shell.read(&["rustc", "--print", "target-libdir", "--target", target]);
    let is_there = libraries.is_ok_and(|folder| PathBuf::from(folder.trim()).is_dir());
    is_there || shell.succeeds(&["rustup", "target", "add", target])
}

/// Builds the program; returns where it is.
fn build(shell: &Shell, back_ends: &BackEnds) -> Result<PathBuf, String> {
    let folder = shell.target().join("consttime").join(back_ends.name);
    let place = folder.to_string_lossy().into_owned();
    let manifest = format!("{FOLDER}/Cargo.toml");
    let mut words = vec!["cargo", "build", "--quiet", "--release", "--locked"];
    words.extend(["--manifest-path", &manifest, "--target-dir", &place]);
    words.extend(back_ends.optimised);
    words.extend(back_ends.target.iter().flat_map(|target| ["--target", target]));
    shell.run_with(&words, &[("RUSTFLAGS", &back_ends.flags.join(" "))])?;
    let built = back_ends.target.map_or_else(|| folder.clone(), |target| folder.join(target));
    let program = built.join("release").join("consttime");
    let bytes = std::fs::read(&program).map_err(|e| format!("{}: {e}", program.display()))?;
    if !names(&bytes, back_ends.has) || names(&bytes, back_ends.lacks) {
        return Err(format!(
            "{}: the program should hold {} and not {}",
            back_ends.name, back_ends.has, back_ends.lacks
        ));
    }
    Ok(program)
}

/// Whether a program holds a function of a module, by the mangled name of its path.
pub(crate) fn names(program: &[u8], module: &str) -> bool {
    let mangled: String = module.split("::").map(|part| format!("{}{part}", part.len())).collect();
    program.windows(mangled.len()).any(|bytes| bytes == mangled.as_bytes())
}

/// Runs the program under valgrind and judges what it printed.
fn watch(shell: &Shell, back_ends: &BackEnds, program: &std::path::Path) -> Result<Run, String> {
    let suppressions = format!("--suppressions={FOLDER}/verdicts.supp");
    let program = program.to_string_lossy();
    // As many errors as there are; each with enough callers to find the operation; verbose names what was suppressed.
    let words = [
        "valgrind",
        "--tool=memcheck",
        "--error-limit=no",
        "--num-callers=16",
        "--verbose",
        &suppressions,
        &program,
    ];
    println!("$ {}", words.join(" "));
    let output = shell.command(&words).output().map_err(|e| format!("valgrind: {e}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {}: {}", back_ends.name, output.status, told.trim()));
    }
    let judged = judge(&String::from_utf8_lossy(&output.stdout), &told);
    judged.map_err(|why| {
        println!("{}", stacks(&told));
        format!("{}: {why}", back_ends.name)
    })
}

/// What valgrind reported outside the controls.
fn stacks(told: &str) -> String {
    let lines = told.lines().skip_while(|line| !line.starts_with("== operation"));
    let lines = lines.take_while(|line| !line.starts_with("== control"));
    lines.filter(|line| !line.starts_with("--")).flat_map(|line| [line, "\n"]).collect()
}

/// Judges the lines that the program printed, and what valgrind suppressed.
fn judge(printed: &str, told: &str) -> Result<Run, String> {
    let mut run = Run { operations: 0, controls: 0 };
    for line in printed.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [kind, name, reports, reached] = words[..] else {
            return Err(format!("unknown line: {line}"));
        };
        let number = |word: &str| word.parse::<u64>().map_err(|e| format!("{line}: {e}"));
        match (kind, number(reports)?, number(reached)?) {
            ("operation", 0, 0) => return Err(format!("{name}: no secret reached its output")),
            ("operation", 0, _) => run.operations += 1,
            ("operation", reports, _) => {
                return Err(format!("{name}: {reports} branches or addresses depend on a secret"));
            }
            ("control", 0, _) => return Err(format!("control {name} was not reported")),
            ("control", ..) => run.controls += 1,
            _ => return Err(format!("unknown line: {line}")),
        }
    }
    if run.operations < OPERATIONS_MIN || run.controls != CONTROLS {
        return Err(format!(
            "{} operations and {} controls ran, not {OPERATIONS_MIN} and {CONTROLS}",
            run.operations, run.controls
        ));
    }
    for (name, expected) in VERDICTS {
        let count = suppressed(told, name);
        if count != expected {
            return Err(format!("verdict {name} became a branch {count} times, not {expected}"));
        }
    }
    Ok(run)
}

/// How often valgrind met a suppression: `--PID-- used_suppression: COUNT NAME FILE:LINE`.
fn suppressed(told: &str, name: &str) -> u64 {
    let used = told.lines().filter_map(|line| line.split_once("used_suppression:"));
    used.map(|(_, rest)| rest.split_whitespace())
        .filter_map(|mut words| Some((words.next()?.parse::<u64>().ok()?, words.next()?)))
        .filter(|(_, used)| *used == name)
        .map(|(count, _)| count)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "--7-- used_suppression:     10 tag a/verdicts.supp:7\n\
                        --7-- used_suppression:      4 all-zero a/verdicts.supp:16\n";

    /// What the program prints when all is well.
    fn printed() -> String {
        let operations = (0..OPERATIONS_MIN).map(|at| format!("operation o{at} 0 16\n"));
        operations.chain((0..CONTROLS).map(|at| format!("control c{at} 3 0\n"))).collect()
    }

    #[test]
    fn a_clean_run_passes() {
        let run = judge(&printed(), TOLD).map(|run| (run.operations, run.controls));
        assert_eq!(run, Ok((OPERATIONS_MIN, CONTROLS)));
    }

    #[test]
    fn what_shows_nothing_or_too_much_is_refused() {
        for (good, bad) in [
            ("operation o3 0 16", "operation o3 1 16"),
            ("operation o3 0 16", "operation o3 0 0"),
            ("operation o3 0 16\n", ""),
            ("operation o3 0 16", "operation o3 0"),
            ("operation o3 0 16", "something o3 0 16"),
            ("control c1 3 0", "control c1 0 0"),
            ("control c1 3 0\n", ""),
        ] {
            let changed = printed().replacen(good, bad, 1);
            assert_ne!(changed, printed());
            assert!(judge(&changed, TOLD).is_err(), "{bad}");
        }
        assert!(judge("", TOLD).is_err());
        assert!(judge(&printed(), "").is_err());
        assert!(judge(&printed(), &TOLD.replacen("10 tag", "11 tag", 1)).is_err());
        assert!(judge(&printed(), &TOLD.replacen("all-zero", "other", 1)).is_err());
    }

    #[test]
    fn a_module_is_found_by_its_mangled_name() {
        let program = b"\0_ZN16curve25519_dalek7backend6serial3u325field3mul\0";
        assert!(names(program, NARROW_CURVE) && !names(program, VECTOR_CURVE));
    }
}
