//! A log survives power cuts, and a host says so from its bytes.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

use medsec_audit::log::{Birth, Config, Log};
use medsec_audit::state::{PUBLIC_BYTES, PublicState, read_public};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::flash::Region;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::Retention;
use medsec_core::suite::Aes256Gcm;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::powercut;

/// Runs of the integration test. Lower it only with a reason: a driver that runs less finds less.
const RUNS_MIN: u64 = 3_000;
const PAGE: usize = 4096;
/// Bytes of a copy in the cell: header, value, MAC.
const COPY: usize = 12 + 216 + 16;

fn cell() -> Vec<u8> {
    let secret = |byte| Secret::new([byte; 32]);
    let config = Config {
        cell: Region::new(0, 4 * 4096),
        ring: Region::new(4 * 4096, 3 * 4096),
        retention: Retention::Overwrite,
        device: [7; 16],
        authority: AgreementSecret::from_bytes(secret(3)).public(),
    };
    let mut flash = FaultFlash::<4, 4, 4096>::new(7, Model::None, 1);
    let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
    Log::<Aes256Gcm>::format(&mut flash, &config, &secret(1), birth).unwrap();
    flash.image()[..4 * PAGE].to_vec()
}

fn state_of(cell: &[u8]) -> Option<[u8; PUBLIC_BYTES]> {
    let geometry = Geometry::of_image(4096, 4, 4).unwrap();
    read_public(&mut (4096, cell), &geometry)
}

/// Page 1 gets `copies` copies of page 0's value, with another index and the next epoch.
fn with_newer(cell: &[u8], copies: usize) -> Vec<u8> {
    let mut cell = cell.to_vec();
    for copy in 0..copies {
        let at = PAGE + copy * COPY;
        let first = cell[..COPY].to_vec();
        cell[at..at + COPY].copy_from_slice(&first);
        cell[at + 8] += 1;
        cell[at + 12] = 9;
    }
    cell
}

#[test]
fn a_host_finds_the_state_by_two_equal_copies() {
    let cell = cell();
    let state = state_of(&cell).unwrap();
    let index = |cell: &[u8]| PublicState::parse(&state_of(cell).unwrap()).unwrap().index;
    PublicState::verify_proof(&state, &Secret::new([4; 32])).unwrap();
    for (copies, expected) in [(1, 1), (2, 9), (3, 9)] {
        assert_eq!(index(&with_newer(&cell, copies)), expected, "{copies} newer copies");
    }
    let mut torn = with_newer(&cell, 2);
    torn[PAGE + 100] ^= 1;
    assert_eq!(index(&torn), 1);
    // A single copy is believed when there is nothing better, the highest epoch of these.
    torn[COPY + 100] ^= 1;
    torn[2 * COPY + 100] ^= 2;
    assert_eq!(index(&torn), 9);
    assert_eq!(state_of(&vec![0xFF; 4 * PAGE]), None);
    assert_eq!(state_of(&cell[..100]), None);
}

#[test]
fn no_cut_breaks_a_rule() {
    let tally = powercut::audit::run(RUNS_MIN, 1);
    assert!(tally.runs() >= RUNS_MIN && tally.cuts() >= tally.runs(), "{tally}");
    assert_eq!(tally.violations(), 0, "{tally}");
}

/// Cases that once broke a rule, or do without one.
const STORED: [&str; 6] = [
    include_str!("powercut_regressions.txt"),
    include_str!("counterexamples/audit-floor.txt"),
    include_str!("counterexamples/audit-goes-on.txt"),
    include_str!("counterexamples/audit-opened.txt"),
    include_str!("counterexamples/audit-torn.txt"),
    include_str!("counterexamples/audit-whole-words.txt"),
];

#[test]
fn stored_cases_break_no_rule() {
    let lines = STORED.iter().flat_map(|text| text.lines());
    for line in lines.filter(|line| !line.starts_with('#')) {
        let replayed = powercut::audit::replay(&line.parse().unwrap());
        assert_eq!(replayed.err(), None, "{line}");
    }
}
