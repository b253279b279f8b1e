//! `cargo xtask links`: what links take on the wire, and what a frame takes to seal, beside links of others in one run.
//!
//! `benches/links` measures the bytes itself. Valgrind counts the instructions of its seals, in the code of this host and in the
//! portable code that a microcontroller runs.

use std::path::{Path, PathBuf};

use crate::record::{Record, not_fewer, read_record, recorded_compiler, thousands};
use crate::shell::Shell;
use crate::{Outcome, bench, consttime};

/// The workspace.
pub(crate) const MANIFEST: &str = "benches/links/Cargo.toml";

const RECORD: &str = "links";

/// By so much an instruction count of medsec's may be over the record, in per cent; a count of bytes by nothing.
const SLACK_PERCENT: u64 = 2;
/// What the design grants a frame over the cipher alone, in per cent.
const OVER_CIPHER_PERCENT: u64 = 10;

/// Rows of bytes, and ways to seal in one build; with fewer, something is no longer looked at.
const BYTES_MIN: usize = 20;
const SEALS: usize = 24;

/// The portable code of the ciphers: those of medsec, and those of one generation before, which `snow` uses.
const PORTABLE: &str = "--cfg aes_backend=\"soft\" --cfg polyval_backend=\"soft\" --cfg chacha20_backend=\"soft\" \
                        --cfg poly1305_backend=\"soft\" --cfg aes_force_soft --cfg polyval_force_soft \
                        --cfg chacha20_force_soft --cfg poly1305_force_soft";

/// Modules that are in the program of a host, and in no portable one.
const HOST_ONLY: [&str; 3] =
    ["polyval::backend::intrinsics", "polyval::backend::autodetect", "poly1305::backend::avx2"];

/// What the host's code needs of a processor; with less, other code runs and is not compared with the record.
const PROCESSOR: &str = "AES, CLMUL, AVX2";

/// The C library copies long slices by one instruction that repeats itself, and each round would count. So it copies by vectors.
const COPIES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1073741824");

/// One way to build the program.
struct Build {
    name: &'static str,
    flags: &'static str,
    /// Without the features of other protocols.
    is_bare: bool,
}

const BUILDS: [Build; 2] = [
    Build { name: "host", flags: "", is_bare: false },
    Build { name: "portable", flags: PORTABLE, is_bare: true },
];

/// What one program told: its processor, and the instructions of each seal by its name.
#[derive(PartialEq, Eq, Debug)]
struct Told {
    processor: String,
    seals: Vec<(String, u64)>,
}

/// Measures, prints the tables, and holds them to bounds, targets and the record.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let record = match arguments {
        [] => false,
        [flag] if flag == "--record" => true,
        _ => return Err("usage: links [--record]".to_owned()),
    };
    if !shell.succeeds(&["valgrind", "--version"]) {
        return Err("valgrind is missing: install it, or run .ci/run once".to_owned());
    }
    let (mut counts, mut targets, mut missing) = (Vec::new(), Vec::new(), String::new());
    for build in &BUILDS {
        let folder = program(shell, build)?;
        if !build.is_bare {
            counts.extend(bytes(shell, &folder)?);
        }
        let seals = seals(shell, &folder)?;
        if !build.is_bare && seals.processor != PROCESSOR {
            missing =
                format!("; {} code NOT counted (a processor without {PROCESSOR})", build.name);
            continue;
        }
        targets.extend(table(build.name, &seals.seals)?);
        let name = |what: &str| format!("instructions, {} {what}", build.name);
        counts.extend(seals.seals.iter().map(|(what, count)| (name(what), *count)));
    }
    let met = targets.iter().filter(|(_, met)| *met != 0).count();
    let line = format!(
        "{} figures, medsec's bytes within their bounds; {met} of {} targets of sealing met{missing}",
        counts.len(),
        targets.len()
    );
    if record {
        if !missing.is_empty() {
            return Err(missing.trim_start_matches("; ").to_owned());
        }
        counts.extend(targets);
        let command = "cargo xtask links --record";
        Record { name: RECORD, command, seed: 0, counts: &counts }.write(shell)?;
        return Ok(line);
    }
    let recorded = read_record(shell, RECORD);
    let held = not_more(&counts, &recorded).and_then(|()| not_fewer(shell, RECORD, &targets));
    let now = shell.read(&["rustc", "--version"])?;
    held.map_err(|wrong| match recorded_compiler(shell, RECORD) {
        Some(then) if then != now.trim() => {
            format!("{wrong}; recorded of what {then} made, and this is what {} made", now.trim())
        }
        _ => wrong,
    })?;
    Ok(line)
}

/// Builds the programs; returns the folder they are in.
fn program(shell: &Shell, build: &Build) -> Result<PathBuf, String> {
    let folder = shell.target().join("links").join(build.name);
    let place = folder.to_string_lossy().into_owned();
    let mut words = vec!["cargo", "build", "--quiet", "--release", "--locked"];
    words.extend(["--manifest-path", MANIFEST, "--target-dir", &place]);
    words.extend(build.is_bare.then_some("--no-default-features"));
    shell.run_with(&words, &[("RUSTFLAGS", build.flags)])?;
    let folder = folder.join("release");
    let program = folder.join("links");
    let bytes = std::fs::read(&program).map_err(|e| format!("{}: {e}", program.display()))?;
    for module in HOST_ONLY {
        if consttime::names(&bytes, module) == build.is_bare {
            let holds = if build.is_bare { "holds" } else { "does not hold" };
            return Err(format!("the {} program {holds} {module}", build.name));
        }
    }
    Ok(folder)
}

/// The bytes of handshakes and frames; the program fails when medsec's are over their bounds.
fn bytes(shell: &Shell, folder: &Path) -> Result<Vec<(String, u64)>, String> {
    let printed = shell.read(&[&folder.join("links").to_string_lossy(), "wire"])?;
    printed.lines().filter(|line| !line.starts_with("count ")).for_each(|line| println!("{line}"));
    let counts = bench::figures(&printed, "count ")?;
    if counts.len() < BYTES_MIN {
        return Err(format!("{} counts of bytes, not {BYTES_MIN}", counts.len()));
    }
    Ok(counts)
}

/// Counts all seals.
fn seals(shell: &Shell, folder: &Path) -> Result<Told, String> {
    let mut told = count(shell, folder, &["links", "seal"])?;
    told.seals.extend(count(shell, folder, &["beside"])?.seals);
    if told.seals.len() != SEALS {
        return Err(format!("{} ways to seal, not {SEALS}", told.seals.len()));
    }
    Ok(told)
}

/// Runs a program under valgrind, which counts only within its function `once`, and writes the count down after each `told`.
fn count(shell: &Shell, folder: &Path, words: &[&str]) -> Result<Told, String> {
    let (name, arguments) = words.split_first().ok_or("no program")?;
    let program = folder.join(name).to_string_lossy().into_owned();
    let written = folder.join(format!("{name}.callgrind"));
    let to = format!("--callgrind-out-file={}", written.display());
    let mut line = vec!["valgrind", "--tool=callgrind", "--quiet", &to, "--combine-dumps=yes"];
    line.extend(["--toggle-collect=*::count::once", "--dump-after=*::count::told", &program]);
    line.extend(arguments);
    println!("$ {}={} {}", COPIES.0, COPIES.1, line.join(" "));
    // A file of a run before is added to.
    if written.exists() {
        std::fs::remove_file(&written).map_err(|e| format!("{}: {e}", written.display()))?;
    }
    let output = shell.command(&line).env(COPIES.0, COPIES.1).output();
    let output = output.map_err(|e| format!("valgrind: {e}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}: {}", output.status, why.trim()));
    }
    let counted = std::fs::read_to_string(&written);
    let counted = counted.map_err(|e| format!("{}: {e}", written.display()))?;
    judge(&String::from_utf8_lossy(&output.stdout), &counted)
}

/// Puts the names that a program printed and the counts that valgrind wrote together, without what counting takes.
fn judge(printed: &str, counted: &str) -> Result<Told, String> {
    let mut names = printed.lines();
    let mut head = |key: &str| names.next().and_then(|line| line.strip_prefix(key));
    let processor = head("processor ").ok_or("the program names no processor")?.to_owned();
    let times: u64 =
        head("times ").and_then(|times| times.parse().ok()).ok_or("the program counts nothing")?;
    let sums = counted.lines().filter_map(|line| line.strip_prefix("summary: "));
    let sums: Vec<u64> = sums
        .map(|sum| sum.parse::<u64>().map_err(|e| format!("{sum}: {e}")))
        .collect::<Result<_, String>>()?;
    let names: Vec<&str> = names.collect();
    // What is left at the end was counted outside of everything that has a name.
    let (Some((&0, sums)), ["nothing", names @ ..]) = (sums.split_last(), names.as_slice()) else {
        return Err("valgrind did not count within what was to be counted only".to_owned());
    };
    let Some((nothing, sums)) = sums.split_first().filter(|(_, sums)| sums.len() == names.len())
    else {
        return Err(format!("{} names and {} counts", names.len() + 1, sums.len()));
    };
    let each = |sum: &u64| sum.saturating_sub(*nothing).checked_div(times).filter(|each| *each > 0);
    let seals = names.iter().zip(sums).map(|(name, sum)| {
        let each = each(sum).ok_or_else(|| format!("{name} took nothing"))?;
        Ok(((*name).to_owned(), each))
    });
    Ok(Told { processor, seals: seals.collect::<Result<_, String>>()? })
}

/// Prints what the seals of a build take; returns its targets, and whether each is met.
fn table(build: &str, seals: &[(String, u64)]) -> Result<Vec<(String, u64)>, String> {
    println!("instructions of a seal, {build} code");
    println!(
        "{:<16} {:>9} | {:>9} {:>8} {:<7} {:>14} | {:>9} {:>8} {:<7}",
        "", "medsec", "cipher", "over it", "", "a byte beside", "snow", "of it", ""
    );
    let mut targets = Vec::new();
    let own =
        seals.iter().filter_map(|(what, count)| Some((what.strip_suffix(": medsec")?, *count)));
    for (what, count) in own {
        let of = |who: &str| {
            let name = format!("{what}: {who}");
            let found = seals.iter().find(|(what, _)| *what == name).map(|(_, count)| *count);
            found.ok_or_else(|| format!("{name} was not counted"))
        };
        let (cipher, beside, snow) = (of("cipher")?, of("cipher, a byte beside")?, of("snow")?);
        let most = cipher * (100 + OVER_CIPHER_PERCENT) / 100;
        let (is_near, is_below) = (count <= most, count < snow);
        println!(
            "{what:<16} {:>9} | {:>9} {:>8} {:<7} {:>14} | {:>9} {:>8} {:<7}",
            thousands(count),
            thousands(cipher),
            share(count.saturating_sub(cipher), cipher),
            verdict(is_near),
            thousands(beside),
            thousands(snow),
            share(count, snow),
            verdict(is_below)
        );
        let name = |target: &str| format!("target {build} {what}: {target}");
        let near = format!("at most {OVER_CIPHER_PERCENT} % over the cipher alone");
        targets.push((name(&near), u64::from(is_near)));
        targets.push((name("below snow"), u64::from(is_below)));
    }
    Ok(targets)
}

const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

/// A part of a whole, in per cent with one decimal.
fn share(part: u64, whole: u64) -> String {
    let per_mille = (part * 1000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// Every count has a record, and medsec's are not over it. What others take is told where it differs.
fn not_more(counts: &[(String, u64)], recorded: &[(String, u64)]) -> Result<(), String> {
    let find = |list: &[(String, u64)], name: &String| {
        list.iter().find(|(what, _)| what == name).map(|(_, value)| *value)
    };
    let mut wrong = Vec::new();
    for (what, count) in counts {
        let Some(before) = find(recorded, what) else {
            wrong.push(format!("{what}: {count}, and nothing is recorded"));
            continue;
        };
        let slack = if what.starts_with("bytes") { 0 } else { SLACK_PERCENT };
        if what.contains("medsec") && *count > before + before * slack / 100 {
            wrong.push(format!("{what}: {count}, {before} are recorded"));
        } else if *count != before {
            println!("{before} recorded: {what}: {count}");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "processor other\ntimes 4\nnothing\na: medsec\na: snow\n";
    const COUNTED: &str =
        "part: 1\nsummary: 40\ntotals: 40\nsummary: 440\nsummary: 840\nsummary: 0\n";

    #[test]
    fn names_and_counts_are_put_together() {
        let seals = vec![("a: medsec".to_owned(), 100), ("a: snow".to_owned(), 200)];
        assert_eq!(judge(PRINTED, COUNTED), Ok(Told { processor: "other".to_owned(), seals }));
    }

    #[test]
    fn what_was_not_counted_as_it_should_is_refused() {
        for (printed, counted) in [
            (PRINTED.replace("times 4\n", ""), COUNTED.to_owned()),
            (PRINTED.replace("nothing\n", ""), COUNTED.to_owned()),
            (PRINTED.replace("a: snow\n", ""), COUNTED.to_owned()),
            (PRINTED.to_owned(), COUNTED.replace("summary: 0\n", "")),
            (PRINTED.to_owned(), COUNTED.replace("summary: 0\n", "summary: 5\n")),
            (PRINTED.to_owned(), COUNTED.replace("summary: 840", "summary: 40")),
            (PRINTED.to_owned(), String::new()),
        ] {
            assert!(judge(&printed, &counted).is_err(), "{printed}{counted}");
        }
    }

    #[test]
    fn targets_are_met_up_to_their_limits() {
        let seals = |own, snow| {
            let counts = [("medsec", own), ("cipher", 100), ("cipher, a byte beside", 105)];
            let counts = counts.into_iter().chain([("snow", snow)]);
            counts.map(|(who, count)| (format!("a: {who}"), count)).collect::<Vec<_>>()
        };
        for (own, snow, expected) in
            [(110, 111, [1, 1]), (111, 111, [0, 0]), (90, 90, [1, 0]), (120, 130, [0, 1])]
        {
            let targets = table("host", &seals(own, snow)).unwrap();
            assert_eq!(targets.iter().map(|(_, met)| *met).collect::<Vec<_>>(), expected);
        }
        let missing = table("host", &seals(1, 1)[..3]).unwrap_err();
        assert!(missing.contains("snow"), "{missing}");
    }

    #[test]
    fn medsec_is_held_to_its_record_and_others_are_not() {
        let at = |what: &str, count| vec![(what.to_owned(), count)];
        for (what, slack) in [("instructions, medsec", 2), ("bytes, medsec", 0)] {
            let recorded = at(what, 100);
            assert_eq!(not_more(&at(what, 100 + slack), &recorded), Ok(()));
            assert!(not_more(&at(what, 101 + slack), &recorded).is_err(), "{what}");
        }
        assert_eq!(not_more(&at("bytes, snow", 200), &at("bytes, snow", 100)), Ok(()));
        assert!(not_more(&at("bytes, snow", 1), &[]).is_err());
    }

    #[test]
    fn shares_are_rounded() {
        assert_eq!((&*share(1, 3), &*share(2, 3), &*share(1, 0)), ("33.3 %", "66.7 %", "0.0 %"));
    }
}
