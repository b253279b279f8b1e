//! No key meets a nonce twice under one fault; which two faults together can do it, `docs/nonces.md` says.

use medsec_sim::nonces::{Fault, Rule, control, failing_in, measure};

const BOOTS: u64 = 20_000;
const SEED: u64 = 2;
const DOCUMENT: &str = include_str!("../../docs/nonces.md");

#[test]
fn the_sets_of_faults_that_repeat_a_nonce_are_those_of_the_document() {
    let matrix = measure(BOOTS, SEED);
    let total = matrix.total();
    assert!(total.boots >= BOOTS);
    assert_eq!((total.unexplained, total.failed), (0, 0), "the watch has no hole");
    assert!(total.pairs.iter().all(|pairs| *pairs > 0), "each kind was seen: {:?}", total.pairs);
    for (first, second, outcome) in matrix.cells() {
        assert!(outcome.faults * 20 > outcome.boots, "{first} {second}: {outcome:?}");
        if first == second {
            assert_eq!(outcome.repeats(), 0, "{first} alone");
        }
    }
    let table = DOCUMENT.split("<!-- nonces: begin -->").nth(1).unwrap();
    let table = table.split("<!-- nonces: end -->").next().unwrap();
    assert_eq!(matrix.failing(), failing_in(table));
}

#[test]
fn another_seed_draws_other_boots_and_comes_to_the_same() {
    let [one, other] = [1, 3].map(|seed| measure(3_000, seed));
    assert_ne!(one.total(), other.total());
    assert_eq!(one.failing(), other.failing());
}

#[test]
fn a_weakened_salt_fails_under_rollback_alone() {
    assert_eq!(control(Rule::Product, Fault::Rollback, 4_000, SEED).repeats(), 0);
    assert!(control(Rule::ConstantSalt, Fault::Rollback, 4_000, SEED).repeats() > 0);
}

#[test]
fn an_index_taken_from_the_ring_fails_under_a_cut_alone() {
    assert_eq!(control(Rule::ConstantSalt, Fault::Cut, 4_000, SEED).repeats(), 0);
    assert!(control(Rule::IndexFromRing, Fault::Cut, 4_000, SEED).repeats() > 0);
}
