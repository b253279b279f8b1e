//! Stations as processes of their own: two at one registry, and one that is killed at any moment.
//!
//! A test starts this program again, with itself as the only test and a folder in its environment; there it is the station.

use core::time::Duration;
use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use medsec_tool::registry::{Registry, RegistryError, State, Unit};

use crate::support::{Bench, issuer, provision, rebuilt, unit};

const FOLDER: &str = "MEDSEC_TEST_STATION";
const UNITS: u64 = 500;

/// The folder, in a process that is a station.
fn folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

fn station(test: &str, folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn open(folder: &Path) -> Registry {
    let mut registry = Registry::open(folder).unwrap();
    registry.certified_by(issuer());
    registry
}

/// What was acknowledged is there after a kill at any moment, once, and what was not can be asked for again.
#[test]
fn a_station_that_is_killed_loses_nothing_and_doubles_nothing() {
    if let Some(folder) = folder() {
        return go_on(&folder);
    }
    let bench = Bench::new();
    let (folder, started) = (bench.path("registry"), Instant::now());
    let mut acknowledged = BTreeSet::new();
    let (mut kills, mut seed) = (0_u32, 0x9e37_79b9_u64);
    while acknowledged.len() < usize::try_from(UNITS).unwrap() {
        let test = "stations::a_station_that_is_killed_loses_nothing_and_doubles_nothing";
        let mut child = station(test, &folder);
        // xorshift: behind how many new units the plug is pulled, and how long after.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let (due, wait) = (1 + seed % 25, Duration::from_micros((seed >> 32) % 4_000));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
        let mut new = 0;
        while new < due
            && let Some(line) = lines.next()
        {
            let told = serial_of(&line.unwrap());
            new += u64::from(told.is_some_and(|serial| acknowledged.insert(serial)));
        }
        let until = Instant::now() + wait;
        while Instant::now() < until {
            core::hint::spin_loop();
        }
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it was killed counts.
        acknowledged.extend(lines.filter_map(|line| serial_of(&line.unwrap())));
        let mut registry = Registry::open(&folder).unwrap();
        let rows = registry.units().unwrap();
        let active: BTreeSet<u64> = rows
            .iter()
            .filter(|row| row.state == State::Active)
            .map(|row| row.unit.serial)
            .collect();
        assert!(acknowledged.is_subset(&active), "acknowledged and lost");
    }
    let report = open(&folder).verify().unwrap();
    println!(
        "{UNITS} units in {} ms, killed {kills} times: 0 lost after OK, 0 twice, {} events verify",
        started.elapsed().as_millis(),
        report.head.number
    );
    assert!(kills >= 20, "{kills}");
    assert_eq!(report.counts.by_state, [0, UNITS, 0, 0, 0]);
    assert_eq!(report.head.number, 1 + 4 * UNITS);
}

/// The serial number that a station has acknowledged, if the line is about one.
fn serial_of(line: &[u8]) -> Option<u64> {
    str::from_utf8(line).ok()?.split_once("OK ")?.1.parse().ok()
}

/// The station: registers the units that are not active yet, and says so after each.
fn go_on(folder: &Path) {
    let mut registry = open(folder);
    let rows = registry.units().unwrap();
    let active = rows.iter().filter(|row| row.state == State::Active);
    let active: BTreeSet<u64> = active.map(|row| row.unit.serial).collect();
    for serial in 1..=UNITS {
        if !active.contains(&serial) {
            provision(&mut registry, &unit(serial)).unwrap();
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "OK {serial}").unwrap();
        out.flush().unwrap();
    }
}

/// What two stations fight for in one round: all but one thing is their own.
fn contested(round: u64, side: u64) -> (&'static str, Unit) {
    let serial = 1_000 * (round + 1);
    let (own, shared) = (rebuilt(serial + side, serial + side), rebuilt(serial, serial));
    match round % 5 {
        0 => ("serial number", Unit { serial: shared.serial, ..own }),
        1 => ("chip", Unit { chip_id: shared.chip_id, ..own }),
        2 => ("key", Unit { x25519: shared.x25519, ..own }),
        3 => ("key", Unit { ed25519: shared.ed25519, device_id: shared.device_id, ..own }),
        _ => ("transaction", Unit { txn: shared.txn, ..own }),
    }
}

const ROUNDS: u64 = 50;

/// Two processes ask at once for units that share one thing: each time one gets it and the other is told which thing it is.
#[test]
fn of_two_stations_one_gets_what_both_want() {
    if let Some(folder) = folder() {
        return fight(&folder);
    }
    let bench = Bench::new();
    let folder = bench.path("registry");
    let test = "stations::of_two_stations_one_gets_what_both_want";
    let mut stations: Vec<Child> = (1..=2).map(|_| station(test, &folder)).collect();
    let mut readers: Vec<_> = stations
        .iter_mut()
        .map(|child| BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap))
        .collect();
    let mut inputs: Vec<_> = stations.iter_mut().map(|child| child.stdin.take().unwrap()).collect();
    let mut wins = [0_u64; 2];
    for reader in &mut readers {
        assert!(reader.any(|line| line.ends_with("READY")));
    }
    for round in 0..ROUNDS {
        // Both are told at once, each of them first in every second round.
        for turn in 0..2 {
            let side = usize::try_from((round + turn) % 2).unwrap();
            writeln!(inputs[side], "{round} {}", side + 1).unwrap();
        }
        let says = [0, 1].map(|side: usize| {
            let line = readers[side].find(|line| line.starts_with("ROUND ")).unwrap();
            line.split_once(' ').unwrap().1.to_owned()
        });
        let (what, _) = contested(round, 1);
        let won = says.each_ref().map(|says| says == "won");
        assert!(won[0] != won[1], "round {round}, {what}: {says:?}");
        assert_eq!(says[usize::from(won[0])], what, "round {round}");
        wins[usize::from(won[1])] += 1;
    }
    drop(inputs);
    for child in &mut stations {
        assert!(child.wait().unwrap().success());
    }
    let report = open(&folder).verify().unwrap();
    println!("{ROUNDS} rounds: {} to {} won, 0 twice", wins[0], wins[1]);
    assert_eq!(report.counts.units(), ROUNDS);
}

fn fight(folder: &Path) {
    let mut registry = open(folder);
    println!("READY");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (round, side) = line.split_once(' ').unwrap();
        let (_, unit) = contested(round.parse().unwrap(), side.parse().unwrap());
        let says = match registry.reserve(&unit) {
            Ok(_) => "won",
            Err(RegistryError::Serial) => "serial number",
            Err(RegistryError::Chip) => "chip",
            Err(RegistryError::Key) => "key",
            Err(RegistryError::Transaction) => "transaction",
            Err(other) => panic!("{other}"),
        };
        println!("ROUND {says}");
    }
}
