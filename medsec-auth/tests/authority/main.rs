//! Authority in a model: the authenticator of this crate and the authority of the core, in every order of calls up to a depth.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::use_debug,
    reason = "a test stops at what it does not expect, and the counts are evidence"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "a claim says of which steps it is")]

mod claims;
mod device;
mod rules;
mod search;
mod world;

use std::collections::BTreeSet;

use medsec_core::lifecycle::State;

use claims::Claim;
use device::Device;

/// More steps from the beginning than any state needs, so that the rules are explored to their end.
const DEPTH: usize = 64;
/// Steps from the beginning of which the product is asked every one.
const DEPTH_OF_PRODUCT: usize = 7;

/// Where lives begin: with an owner, and on a device that has people although it is blank.
const BEGINNINGS: [State; 2] = [State::InService, State::Blank];

/// Every claim holds, whatever is called in which order, and the product answers as the rules do.
#[test]
fn no_order_of_calls_breaks_a_claim_and_the_product_keeps_to_the_rules() {
    let mut device = Device::new();
    let (mut states, mut transitions, mut walked, mut depth) = (0, 0, 0, 0);
    for life in BEGINNINGS {
        let found = search::explore(None, life, DEPTH, |_| true);
        assert_eq!(found.broken, None);
        println!(
            "authority: from {life:?}: {} states, {} transitions, depth {}",
            found.entries.len(),
            found.transitions,
            found.depth()
        );
        let walk = search::walk(&found, &mut device, life, DEPTH_OF_PRODUCT);
        println!(
            "authority: from {life:?}: {} transitions of depth {DEPTH_OF_PRODUCT} on the product, in {} calls of {} walks",
            walk.transitions, walk.calls, walk.walks
        );
        states += found.entries.len();
        transitions += found.transitions;
        walked += walk.transitions;
        depth = depth.max(found.depth());
    }
    let stale = device.stale_refused();
    println!(
        "authority: {states} states, {transitions} transitions, depth {depth}, which is all; {walked} of them of depth {DEPTH_OF_PRODUCT} on the \
         product; {stale} acts in sessions that had ended refused; 0 claims fell"
    );
    assert!(depth < DEPTH, "there is more");
    assert!(states >= 104_008 && transitions >= 3_278_024 && depth >= 22);
    assert!(walked >= 266_023 && stale >= 900_000);
}

/// Each rule that is left out is missed by the claims that stand beside it.
#[test]
fn without_any_of_its_rules_authority_breaks_a_claim() {
    let (mut falls, mut fallen) = (0, BTreeSet::new());
    for (flaw, claims) in rules::FLAWS {
        for claim in claims {
            let search = |life| search::explore(Some(flaw), life, DEPTH, |asked| asked == *claim);
            let mut broken = BEGINNINGS.into_iter().filter_map(|life| search(life).broken);
            let Some((fell, trace)) = broken.next() else { panic!("{flaw:?}: {claim:?} holds") };
            println!("authority: {flaw:?}: {fell:?} falls in {trace}");
            falls += 1;
            fallen.insert(fell);
        }
    }
    let flaws = rules::FLAWS.len();
    println!(
        "authority: {flaws} of {flaws} flaws break a claim; {falls} falls, of {} claims",
        fallen.len()
    );
    assert_eq!((flaws, falls, fallen.len()), (33, 35, Claim::COUNT));
}
