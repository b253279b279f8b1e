//! `cargo xtask powercut`: cuts the power everywhere in the life of each structure on flash.
//!
//! The drivers and their oracles are `medsec_sim::powercut`. The control runs the same driver on a copy of the sources in
//! which one rule is missing; a driver that finds nothing there would find nothing here. The structures of the core have
//! a second control: a rival's queue, used as its documentation says, under the same cuts.

use std::time::Instant;

use medsec_sim::exhaust::{Case, Tally, Violation};
use medsec_sim::fault::Model;
use medsec_sim::powercut;

use crate::counterexamples::Copy;
use crate::record::{Record, not_fewer, thousands};
use crate::shell::{Shell, in_threads};
use crate::{Outcome, rivals};

/// A structure, its driver, and the rule whose absence the driver must notice.
struct Driver {
    group: &'static str,
    structure: &'static str,
    run: fn(u64, u64) -> Tally,
    replay: fn(&Case) -> Result<(), Violation>,
    models: &'static [Model],
    /// A patch of the copy, by path.
    control: &'static str,
    /// Runs at the size of a change. Those with ciphers take longer.
    runs: u64,
    /// Runs at the size of a release.
    runs_full: u64,
    /// Runs of the control. It is wrong often enough to show in these.
    runs_control: u64,
}

const DRIVERS: [Driver; 7] = [
    Driver {
        group: "core",
        structure: "cell",
        run: powercut::cell::run,
        replay: powercut::cell::replay,
        models: &powercut::cell::CLAIMED,
        control: "medsec-core/tests/weakened/cell-erase-first.patch",
        runs: 150_000,
        runs_full: 1_500_000,
        runs_control: 10_000,
    },
    Driver {
        group: "core",
        structure: "store",
        run: powercut::store::run,
        replay: powercut::store::replay,
        models: &powercut::cell::CLAIMED,
        control: "medsec-core/tests/weakened/body-erase-first.patch",
        runs: 40_000,
        runs_full: 1_200_000,
        runs_control: 4_000,
    },
    Driver {
        group: "core",
        structure: "ring",
        run: powercut::ring::run,
        replay: powercut::ring::replay,
        models: &powercut::ring::CLAIMED,
        control: "medsec-core/tests/weakened/ring-guard.patch",
        runs: 150_000,
        runs_full: 1_500_000,
        runs_control: 10_000,
    },
    Driver {
        group: "audit",
        structure: "audit",
        run: powercut::audit::run,
        replay: powercut::audit::replay,
        models: &powercut::audit::CLAIMED,
        control: "medsec-audit/tests/weakened/audit-torn.patch",
        runs: 10_000,
        runs_full: 1_000_000,
        runs_control: 667,
    },
    Driver {
        group: "auth",
        structure: "auth",
        run: powercut::auth::run,
        replay: powercut::auth::replay,
        models: &powercut::auth::CLAIMED,
        control: "medsec-auth/tests/weakened/auth-record-first.patch",
        runs: 60_000,
        runs_full: 1_500_000,
        runs_control: 2_000,
    },
    Driver {
        group: "auth",
        structure: "provision",
        run: powercut::provision::run,
        replay: powercut::provision::replay,
        models: &powercut::provision::CLAIMED,
        control: "medsec-auth/tests/weakened/provision-finish-first.patch",
        runs: 4_000,
        runs_full: 200_000,
        runs_control: 1_000,
    },
    Driver {
        group: "sanitize",
        structure: "sanitize",
        run: powercut::sanitize::run,
        replay: powercut::sanitize::replay,
        models: &powercut::sanitize::CLAIMED,
        control: "medsec-core/tests/weakened/sanitize-erase-again.patch",
        runs: 20_000,
        runs_full: 1_000_000,
        runs_control: 4_000,
    },
];

/// Draws the histories, unless told otherwise.
const SEED: u64 = 1;

/// What was asked for.
#[derive(Clone)]
struct Options {
    full: bool,
    record: bool,
    /// Runs one driver only, without its control, and tells its violations instead of failing: what a control does.
    raw: Option<String>,
    group: Option<String>,
    seed: u64,
}

/// Runs the drivers; their last lines are what the gate prints.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let options = parse(arguments)?;
    if let Some(structure) = &options.raw {
        let driver = DRIVERS.iter().find(|driver| driver.structure == *structure);
        let driver = driver.ok_or_else(|| format!("no structure {structure}"))?;
        let tally = drive(driver, driver.runs_control, options.seed);
        println!("{tally}");
        return Ok(format!("{} runs, {} violations", tally.runs(), tally.violations()));
    }
    let mut lines = Vec::new();
    let copy = Copy::of(shell)?;
    for group in ["core", "audit", "auth", "sanitize"] {
        if options.group.as_ref().is_some_and(|only| only != group) {
            continue;
        }
        let drivers: Vec<&Driver> = DRIVERS.iter().filter(|driver| driver.group == group).collect();
        if drivers.is_empty() {
            return Err(format!("{group}: no driver"));
        }
        lines.push(run_group(shell, &copy, group, &drivers, &options)?);
    }
    Ok(format!(" {}", lines.join("\npowercut ")))
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options { full: false, record: false, raw: None, group: None, seed: SEED };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--full" => options.full = true,
            "--record" => options.record = true,
            "--raw" => options.raw = words.next().cloned(),
            "--seed" => {
                let seed = words.next().and_then(|seed| seed.parse().ok());
                options.seed = seed.ok_or("--seed takes a number")?;
            }
            "core" | "audit" | "auth" | "sanitize" => options.group = Some(word.clone()),
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok(options)
}

fn run_group(
    shell: &Shell,
    copy: &Copy<'_>,
    group: &str,
    drivers: &[&Driver],
    options: &Options,
) -> Outcome {
    let (mut sum, mut states, mut violations, mut control) = (0, 0, 0, 0);
    let mut counts = Vec::new();
    for driver in drivers {
        let begun = Instant::now();
        let runs = if options.full { driver.runs_full } else { driver.runs };
        let tally = drive(driver, runs, options.seed);
        let seconds = begun.elapsed().as_secs();
        println!("{} {}, seed {}: {seconds} s\n{tally}", group, driver.structure, options.seed);
        for model in driver.models {
            let row = tally.model(*model);
            let cuts: u64 = row.cuts.iter().sum();
            if row.runs == 0 || (cuts == 0 && *model != Model::None) {
                return Err(format!("{}: no cut under {model}", driver.structure));
            }
        }
        sum += tally.runs();
        states += tally.rows().count();
        violations += tally.violations();
        counts.push((format!("{} runs", driver.structure), tally.runs()));
        counts.push((format!("{} cuts", driver.structure), tally.cuts()));
        control += control_of(copy, driver, options.seed)?;
    }
    let rival = if group == "core" {
        let cut = rivals::cut(shell, options.full, options.seed, options.record)?;
        control += cut.hard;
        let (hard, runs) = (thousands(cut.hard), thousands(cut.runs));
        format!(", {hard} of them in {runs} runs of {}", cut.name)
    } else {
        String::new()
    };
    let line = format!(
        "{group}: {} runs, {states} states, {violations} violations; control {} violations{rival}",
        thousands(sum),
        thousands(control)
    );
    println!("{line}");
    if violations != 0 {
        return Err(line);
    }
    let (name, flag) = if options.full { ("full", " --full") } else { ("change", "") };
    let record = Record {
        name: &format!("powercut-{group}-{name}"),
        command: &format!("cargo xtask powercut{flag} {group} --seed {}", options.seed),
        seed: options.seed,
        counts: &counts,
    };
    not_fewer(shell, record.name, &counts)?;
    if options.record {
        record.write(shell)?;
    }
    Ok(line)
}

/// Runs a driver without its rule; how many violations it found, which must be some.
fn control_of(copy: &Copy<'_>, driver: &Driver, seed: u64) -> Result<u64, String> {
    let seed = seed.to_string();
    let arguments = ["powercut", "--raw", driver.structure, "--seed", &seed];
    let printed = copy.run_without(driver.control, &arguments)?;
    let figures = printed.lines().rev().find_map(|line| line.strip_prefix("powercut: "));
    let count = figures
        .and_then(|line| line.split_once(" runs, ")?.1.strip_suffix(" violations"))
        .and_then(|count| count.parse::<u64>().ok());
    match count {
        Some(0) => Err(format!("{} finds nothing without {}", driver.structure, driver.control)),
        Some(count) => Ok(count),
        None => Err(format!("{}: control did not run: {printed}", driver.structure)),
    }
}

/// Spreads a driver's runs over the processors, each with histories of its own.
fn drive(driver: &Driver, runs: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    let parts = in_threads(seed, |threads, seed| (driver.run)(runs.div_ceil(threads), seed));
    parts.iter().for_each(|part| tally.merge(part));
    tally
}

/// Runs a stored case again; the inner result is what the driver says of it.
///
/// # Errors
/// There is no such structure.
pub(crate) fn replay(case: &Case) -> Result<Result<(), Violation>, String> {
    let driver = DRIVERS.iter().find(|driver| driver.structure == case.structure);
    driver.map(|driver| (driver.replay)(case)).ok_or_else(|| format!("no structure of {case}"))
}
