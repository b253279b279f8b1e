//! Revocation in a model: states of issuers and certificates of this crate, under every course of events that an adversary can bring about.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic_in_result_fn,
    clippy::use_debug,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

mod claims;
mod parties;
mod rules;
mod search;
mod world;

use std::collections::HashSet;

use claims::Claim;
use parties::Parties;
use search::Search;
use world::{Event, worlds};

/// Explores every world to its end: no claim falls, and what comes about is what has to.
#[test]
fn nothing_that_was_revoked_comes_back_and_a_thief_harms_only_his_own() {
    let mut parties = Parties::new();
    let (mut states, mut deliveries, mut depth) = (0, 0, 0);
    let mut limits = HashSet::new();
    let worlds = worlds();
    for world in &worlds {
        let found = Search::new(world, &mut parties, None).explore();
        assert_eq!(found.broken, None, "{}", world.name);
        assert_eq!(found.events, world.events, "{}", world.name);
        println!(
            "revocation: {}: {} states, {} deliveries, depth {}",
            world.name, found.states, found.deliveries, found.depth
        );
        for (event, trace) in found.first.range(Event::NewSerialWaits..) {
            if limits.insert(*event) {
                println!("revocation:   {event:?} first in {trace}");
            }
        }
        states += found.states;
        deliveries += found.deliveries;
        depth = depth.max(found.depth);
    }
    let (takings, judgements) = parties.calls();
    println!(
        "revocation: {} worlds, {states} states, {deliveries} deliveries, depth {depth}, {takings} takings, {judgements} judgements, 0 claims fell",
        worlds.len()
    );
    assert!(states >= 38_588 && deliveries >= 4_054_020);
    assert!(takings >= 100_604 && judgements >= 25_357);
}

/// Each rule that is left out is missed by the claims that stand beside it.
#[test]
fn without_any_of_its_rules_revocation_breaks_a_claim() {
    let mut parties = Parties::new();
    let worlds = worlds();
    let (mut falls, mut fallen) = (0, HashSet::new());
    for (flaw, claims) in rules::FLAWS {
        for claim in claims {
            let mut traces = worlds.iter().filter_map(|world| {
                let search = Search::new(world, &mut parties, Some(flaw)).only(*claim);
                let trace = search.explore().broken?;
                Some(format!("{}: {trace}", world.name))
            });
            let trace = traces.next().unwrap();
            println!("revocation: {flaw:?}: {claim:?} falls in {trace}");
            falls += 1;
            fallen.insert(*claim);
        }
    }
    let flaws = rules::FLAWS.len();
    println!(
        "revocation: {flaws} of {flaws} flaws break a claim; {falls} falls, of {} claims",
        fallen.len()
    );
    assert_eq!((flaws, falls, fallen.len()), (26, 33, Claim::COUNT));
}
