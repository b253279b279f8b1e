//! Links in a model: the handshakes of this crate over terms, under every course of events that an adversary can bring about.
#![expect(
    clippy::unwrap_used,
    clippy::use_debug,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

mod adversary;
mod certificates;
mod claims;
mod flaw;
mod likeness;
mod messages;
mod search;
mod side;
mod terms;
mod world;

use std::collections::HashSet;

use claims::Claim;
use flaw::Flaw;
use search::Search;
use side::{WAYS, Way};
use world::{World, worlds, worlds_of_several_ways};

/// Explores these worlds to their ends: no claim falls, and what comes about is what has to. Returns states and deliveries.
fn explore(what: &str, worlds: &[World]) -> (usize, usize) {
    let (mut states, mut deliveries, mut depth) = (0, 0, 0);
    for world in worlds {
        let found = Search::new(world, None).explore();
        assert_eq!(found.broken, None, "{}", world.name);
        assert_eq!(found.events, world.events, "{}", world.name);
        states += found.states;
        deliveries += found.deliveries;
        depth = depth.max(found.depth);
    }
    let count = worlds.len();
    println!(
        "model: {what}: {count} worlds, {states} states, {deliveries} deliveries, depth {depth}, 0 claims fell"
    );
    (states, deliveries)
}

/// A shortest way to make a claim fall, with this flaw.
fn fall(flaw: Flaw, claim: Claim, worlds: &[World]) -> Option<String> {
    let way = flaw.way();
    let mut worlds = worlds.iter().filter(|world| way.is_none_or(|way| way == world.way()));
    worlds.find_map(|world| {
        let (_, trace) = Search::new(world, Some(flaw)).only(claim).explore().broken?;
        Some(format!("{}: {trace}", world.name))
    })
}

#[test]
fn links_by_certificate_keep_every_claim() {
    let (states, deliveries) = explore("certificates", &worlds(Way::Certified));
    assert!(states >= 116_874 && deliveries >= 4_114_540);
}

#[test]
fn links_by_label_keep_every_claim() {
    let (states, deliveries) = explore("labels", &worlds(Way::Labelled));
    assert!(states >= 95_716 && deliveries >= 2_687_364);
}

#[test]
fn links_by_pin_keep_every_claim() {
    let (states, deliveries) = explore("pins", &worlds(Way::Pinned));
    assert!(states >= 58_945 && deliveries >= 165_009);
}

/// A device has one static key for links of every way: what is said in one is nothing in another.
#[test]
fn links_of_several_ways_keep_every_claim() {
    let (states, deliveries) = explore("several ways", &worlds_of_several_ways());
    assert!(states >= 17_140 && deliveries >= 476_094);
}

/// What is left out of a pattern, of the functions or of the rules of links is missed by a claim.
#[test]
fn without_any_of_its_parts_a_link_breaks_a_claim() {
    let mut worlds: Vec<World> = WAYS.into_iter().flat_map(worlds).collect();
    worlds.sort_by_key(World::size);
    let (mut falls, mut fallen) = (0, HashSet::new());
    for (flaw, claims) in &flaw::ALL {
        for claim in *claims {
            let trace = fall(*flaw, *claim, &worlds).unwrap();
            println!("model: {flaw:?}: {claim:?} falls in {trace}");
            falls += 1;
            fallen.insert(*claim);
        }
    }
    let flaws = flaw::ALL.len();
    println!(
        "model: {flaws} of {flaws} flaws break a claim; {falls} falls, of {} claims",
        fallen.len()
    );
    assert_eq!((flaws, falls, fallen.len()), (31, 44, claims::COUNT));
}
