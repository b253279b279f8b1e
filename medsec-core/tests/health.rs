//! The health tests beside a count by hand: each cut-off holds at its number and not one below, in the first window and
//! in later ones.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use medsec_core::rng::{BLOCK_BYTES, HealthTests, RngFault};
use medsec_sim::prng::Prng;

const WINDOW: usize = 1_024;
const WINDOWS_PER_LONG: usize = 64;
const LAGS: usize = 8;
const KEPT_FOR: usize = 16;
const BLOCK_BITS: usize = BLOCK_BYTES * 8;

/// What a source may do that claims `claim` thousandths of a bit: the numbers of SP 800-90B §4.4 and of the documentation.
#[derive(Clone, Copy)]
struct Row {
    claim: u16,
    repetition: usize,
    proportion: usize,
    bias: usize,
}

const ROWS: [Row; 4] = [
    Row { claim: 1_000, repetition: 31, proportion: 609, bias: 33_538 },
    Row { claim: 500, repetition: 61, proportion: 810, bias: 47_040 },
    Row { claim: 300, repetition: 101, proportion: 904, bias: 53_830 },
    Row { claim: 100, repetition: 301, proportion: 999, bias: 61_528 },
];

/// The first fault in `bits` up to the end of each block, from the whole stream and without any state.
fn by_hand(row: &Row, bits: &[bool]) -> Vec<Option<RngFault>> {
    let before = |at: usize, lag: usize| at >= lag && bits[at - lag];
    let equal = |from: usize, samples: usize, lag: usize| {
        (from..from + samples).filter(|at| bits[*at] == before(*at, lag)).count()
    };
    let ones =
        |from: usize, samples: usize| bits[from..from + samples].iter().filter(|bit| **bit).count();
    let mut first = None;
    let mut run = 0;
    let mut verdicts = Vec::new();
    for at in 0..bits.len() {
        let mut latch = |is_wrong: bool, fault| {
            if is_wrong {
                first.get_or_insert(fault);
            }
        };
        if at.is_multiple_of(BLOCK_BITS) {
            let block = &bits[at..at + BLOCK_BITS];
            let is_kept = match (at / BLOCK_BITS).checked_sub(1) {
                None => block.iter().all(|bit| !bit),
                Some(last) => {
                    let kept = last / KEPT_FOR * KEPT_FOR * BLOCK_BITS;
                    *block == bits[kept..kept + BLOCK_BITS]
                }
            };
            latch(is_kept, RngFault::Block);
        }
        run = if at > 0 && bits[at] == bits[at - 1] { run + 1 } else { 1 };
        latch(run >= row.repetition, RngFault::Repetition);
        let seen = at + 1;
        if seen.is_multiple_of(WINDOW) {
            let often = |hits: usize| hits.max(WINDOW - hits) >= row.proportion;
            latch(often(ones(seen - WINDOW, WINDOW)), RngFault::Proportion);
            let lags = (1..=LAGS).any(|lag| often(equal(seen - WINDOW, WINDOW, lag)));
            latch(lags, RngFault::Lag);
        }
        let long = WINDOW * WINDOWS_PER_LONG;
        if seen.is_multiple_of(long) {
            let often = |hits: usize| hits.max(long - hits) >= row.bias;
            latch(
                often(ones(seen - long, long)) || often(equal(seen - long, long, 1)),
                RngFault::Bias,
            );
        }
        if seen.is_multiple_of(BLOCK_BITS) {
            verdicts.push(first);
        }
    }
    verdicts
}

/// Feeds `bits`, and compares what is said after each block; the last of it.
fn compared(row: &Row, bits: &[bool]) -> Option<RngFault> {
    let mut tests = HealthTests::of_claim(row.claim).unwrap();
    let by_hand = by_hand(row, bits);
    for (block, expected) in bits.chunks(BLOCK_BITS).zip(&by_hand) {
        let mut bytes = [0; BLOCK_BYTES];
        for (byte, bits) in bytes.iter_mut().zip(block.chunks(8)) {
            *byte = bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        }
        assert_eq!(tests.feed(&bytes).err(), *expected, "claimed {}", row.claim);
    }
    by_hand.last().copied().flatten()
}

/// `samples` flags of which `set` are true, in any order.
fn shuffled(prng: &mut Prng, samples: usize, set: usize) -> Vec<bool> {
    let mut flags: Vec<bool> = (0..samples).map(|at| at < set).collect();
    for last in (1..samples).rev() {
        flags.swap(last, prng.below(last + 1));
    }
    flags
}

fn noise(prng: &mut Prng, samples: usize) -> Vec<bool> {
    (0..samples).map(|_| prng.one(1, 2)).collect()
}

/// Adds samples that equal the one `lag` before where `equal` says so.
fn follow(bits: &mut Vec<bool>, lag: usize, equal: &[bool]) {
    for is_equal in equal {
        let before = bits.len().checked_sub(lag).is_some_and(|at| bits[at]);
        bits.push(before == *is_equal);
    }
}

/// Streams drawn until the count by hand says `expected` of one: what that one holds is then the reason.
fn said_of_some(
    row: &Row,
    expected: Option<RngFault>,
    mut stream: impl FnMut(&mut Prng) -> Vec<bool>,
) {
    let is_found = (0..256).any(|seed| {
        let bits = stream(&mut Prng::new(seed));
        by_hand(row, &bits).last().copied().flatten() == expected
            && compared(row, &bits) == expected
    });
    assert!(is_found, "claimed {}: no stream of which {expected:?} is said", row.claim);
}

/// Expects `fault` at `cut_off` hits among `samples` and at as many misses, and nothing at one less.
fn at_its_cut_off(
    row: &Row,
    (fault, samples, cut_off): (RngFault, usize, usize),
    mut stream: impl FnMut(&mut Prng, usize) -> Vec<bool>,
) {
    let misses = samples - cut_off;
    for (hits, expected) in
        [(cut_off, Some(fault)), (cut_off - 1, None), (misses, Some(fault)), (misses + 1, None)]
    {
        said_of_some(row, expected, |prng| stream(prng, hits));
    }
}

#[test]
fn one_sample_comes_as_often_as_it_may_in_a_row() {
    for row in &ROWS {
        for at in [0, 1, 300, 1_020] {
            for value in [false, true] {
                for (run, expected) in
                    [(row.repetition, Some(RngFault::Repetition)), (row.repetition - 1, None)]
                {
                    // 301 zeros at the start are a block that is said to have been there.
                    let starts_with_zeros = at <= 1 && !value && run >= BLOCK_BITS;
                    let stream = |prng: &mut Prng| {
                        let mut bits = noise(prng, 2 * WINDOW);
                        bits[at..at + run].fill(value);
                        bits[at + run] = !value;
                        if let Some(before) = at.checked_sub(1) {
                            bits[before] = !value;
                        }
                        bits
                    };
                    if starts_with_zeros {
                        compared(row, &stream(&mut Prng::new(1)));
                    } else {
                        said_of_some(row, expected, stream);
                    }
                }
            }
        }
    }
}

#[test]
fn one_sample_comes_as_often_as_it_may_in_a_short_window() {
    for row in &ROWS {
        for before in [0, 1, 2] {
            at_its_cut_off(row, (RngFault::Proportion, WINDOW, row.proportion), |prng, hits| {
                let mut bits = noise(prng, before * WINDOW);
                bits.extend(shuffled(prng, WINDOW, hits));
                bits.extend(noise(prng, BLOCK_BITS));
                bits
            });
        }
    }
}

#[test]
fn samples_equal_an_earlier_one_as_often_as_they_may() {
    for row in &ROWS {
        for (lag, before) in (1..=LAGS).flat_map(|lag| [(lag, 0), (lag, 1), (lag, 2)]) {
            at_its_cut_off(row, (RngFault::Lag, WINDOW, row.proportion), |prng, hits| {
                let mut bits = noise(prng, before * WINDOW);
                let equal = shuffled(prng, WINDOW, hits);
                follow(&mut bits, lag, &equal);
                bits.extend(noise(prng, BLOCK_BITS));
                bits
            });
        }
    }
}

/// `hits` spread evenly over the 64 windows of a long one.
fn spread(prng: &mut Prng, hits: usize) -> Vec<bool> {
    let (each, more) = (hits / WINDOWS_PER_LONG, hits % WINDOWS_PER_LONG);
    let parts = (0..WINDOWS_PER_LONG).map(|at| each + usize::from(at < more));
    parts.flat_map(|set| shuffled(prng, WINDOW, set)).collect()
}

#[test]
fn one_sample_or_an_equal_one_comes_as_often_as_it_may_in_a_long_window() {
    let long = WINDOW * WINDOWS_PER_LONG;
    for row in &ROWS {
        for before in [0, 1] {
            at_its_cut_off(row, (RngFault::Bias, long, row.bias), |prng, hits| {
                let mut bits = noise(prng, before * long);
                bits.extend(spread(prng, hits));
                bits
            });
            at_its_cut_off(row, (RngFault::Bias, long, row.bias), |prng, hits| {
                let mut bits = noise(prng, before * long);
                let equal = spread(prng, hits);
                follow(&mut bits, 1, &equal);
                bits
            });
        }
    }
}

/// Every block in the place of every later one, over more than two that are kept.
#[test]
fn a_block_that_comes_again_is_seen_if_it_was_kept() {
    const BLOCKS: usize = 36;
    let row = &ROWS[0];
    let (mut pairs, mut seen) = (0, 0);
    for (first, again) in (0..BLOCKS).flat_map(|again| (0..again).map(move |first| (first, again)))
    {
        let mut bits = noise(&mut Prng::new(1), BLOCKS * BLOCK_BITS);
        bits.copy_within(first * BLOCK_BITS..(first + 1) * BLOCK_BITS, again * BLOCK_BITS);
        let is_kept = first.is_multiple_of(KEPT_FOR) && again - first <= KEPT_FOR;
        assert_eq!(compared(row, &bits), is_kept.then_some(RngFault::Block), "{first} as {again}");
        (pairs, seen) = (pairs + 1, seen + usize::from(is_kept));
    }
    assert_eq!((pairs, seen), (630, 35));
    let zeros = vec![false; BLOCK_BITS];
    assert_eq!(compared(&ROWS[3], &zeros), Some(RngFault::Block));
}
