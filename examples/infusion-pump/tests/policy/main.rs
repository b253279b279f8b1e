//! The whole table of the pump's policy, cell by cell, against what was written by hand; and what has to be true of any table.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::use_debug,
    reason = "a test stops at what it does not expect, and the counts are evidence"
)]

mod cells;
mod checks;
mod expected;
mod flaws;
mod judge;

use std::collections::BTreeSet;

use infusion_pump::people::{PumpPolicy, PumpRole};
use medsec::core::access::Policy;

use cells::{CELLS, PERMISSIONS, ROLES};
use checks::Check;
use expected::Expected;
use judge::Product;

/// Counts that were printed once: less means that something is no longer looked at.
const CELLS_MIN: usize = 4_660_992;

/// The file knows every role and permission there is.
#[test]
fn the_table_has_every_role_and_permission_of_the_policy() {
    let names: Vec<(&str, u8)> =
        PumpPolicy::ROLES.iter().map(|role| (role.name, role.number)).collect();
    assert_eq!(names, ROLES[..names.len()]);
    assert_eq!(names.len(), PumpRole::ALL.len());
    let permissions: Vec<(usize, &str)> =
        PumpPolicy::PERMISSIONS.iter().map(|info| (usize::from(info.number), info.name)).collect();
    assert_eq!(permissions, PERMISSIONS.into_iter().enumerate().collect::<Vec<_>>());
}

#[test]
fn every_cell_of_the_policy_is_as_it_was_written_by_hand() {
    let expected = Expected::read();
    let mut pump = Product::<PumpPolicy>::new();
    let found = Check::ALL.map(|check| (check, check.of(&mut pump, &expected).unwrap()));
    for (check, count) in found {
        println!("policy: {check:?}: {count}");
    }
    let lines = expected.count();
    println!("policy: {CELLS} cells, {lines} lines, {} checks, 0 differences", found.len());
    assert!(CELLS >= CELLS_MIN && lines >= 39, "{CELLS} {lines}");
    let counts: Vec<usize> = found.iter().map(|found| found.1).collect();
    // Allowed cells, emergencies, pairs, and what else was looked at: a change of the policy changes them, and the file.
    assert_eq!(counts[..5], [31_815, 96, 31_815, 56, 190_890]);
    assert_eq!(counts[5..], [3, 42, 3_787_056, 6_946, 15_920, 13, 25]);
}

/// Each row that is changed is found by what stands beside it, and each check finds something.
#[test]
fn every_flaw_that_is_put_into_the_policy_is_found() {
    let expected = Expected::read();
    let mut finds = BTreeSet::new();
    let mut falls = 0;
    let flaws: Vec<_> = flaws::rows().into_iter().chain(flaws::decisions()).collect();
    for flaw in &flaws {
        let mut judge = (flaw.judge)();
        for check in flaw.found_by {
            let found = check.of(&mut *judge, &expected).unwrap_err();
            println!("policy: {}: {check:?}: {found}", flaw.name);
            finds.insert(*check);
            falls += 1;
        }
    }
    println!("policy: {} flaws of {} found, {falls} times", flaws.len(), flaws.len());
    assert_eq!((flaws.len(), finds.len()), (30, Check::ALL.len()));
}

/// A file that leaves a cell out, or says two things of one, is no file.
#[test]
fn a_cell_that_no_line_or_two_lines_decide_is_refused() {
    let file = include_str!("expected.txt");
    let of = |file: String| Expected::of(Box::leak(file.into_boxed_str()));
    let is_of_a_cell = |line: &&str| line.starts_with("allow") || line.starts_with("deny");
    let lines: BTreeSet<&str> = file.lines().filter(is_of_a_cell).collect();
    // Each line alone decides some cell: without it that is not decided, and turned round it is decided otherwise.
    let expected = Expected::read();
    let alone: BTreeSet<&str> = cells::all().filter_map(|cell| expected.alone(&cell)).collect();
    assert_eq!(alone, lines);
    let cell = |expected: &Expected| {
        cells::all().try_for_each(|cell| expected.cell(&cell, &mut 0).map(|_| ()))
    };
    cell(&expected).unwrap();
    let first = file.lines().find(is_of_a_cell).unwrap();
    cell(&of(file.replacen(first, "", 1))).unwrap_err();
    // Beside another line that is about the same.
    let both = format!("{file}\n{}", first.replacen("allow", "deny", 1));
    cell(&of(both)).unwrap_err();
    println!("policy: {} lines, each of which alone decides some cell", lines.len());
    assert!(lines.len() >= 35, "{}", lines.len());
}
