//! What the health tests find and how soon, what they leave alone, and what randomness is left when parts fail.
//!
//! `cargo test -p medsec-core --test rng -- --nocapture` prints the number of samples at which each fault latched.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_in_result,
    clippy::use_debug,
    clippy::unwrap_used,
    reason = "a test may panic and prints what it measured"
)]

use std::collections::HashSet;

use medsec_core::Secret;
use medsec_core::hal::{EntropySource, SourceFault};
use medsec_core::rng::{BLOCK_BYTES, HealthTests, Random, RandomError, RngFault, ratchet};
use medsec_sim::prng::Prng;
use medsec_sim::rng::{Behaviour, Noise};
use rand_core::TryRng;

const CLAIMS: [u16; 4] = [1_000, 500, 300, 100];
const BLOCK_BITS: u64 = 8 * 32;

/// Samples drawn until the tests of a claim latch, at most `samples_max`.
fn samples_to_latch(
    claim: u16,
    mut source: impl EntropySource,
    samples_max: u64,
) -> Option<(u64, RngFault)> {
    let mut tests = HealthTests::of_claim(claim).unwrap();
    let mut block = [0; BLOCK_BYTES];
    (1..=samples_max / BLOCK_BITS).find_map(|blocks| {
        source.sample(&mut block).unwrap();
        let fault = tests.feed(&block).err()?;
        Some((blocks * BLOCK_BITS, fault))
    })
}

/// Each fault, from 64 seeds, at the given claims: found within `samples_max` samples.
fn each_is_found(behaviour: &Behaviour, claims: &[u16], samples_max: u64) {
    let name = if let Behaviour::Repeating(bytes) = behaviour {
        format!("Repeating({} bytes)", bytes.len())
    } else {
        format!("{behaviour:?}")
    };
    for claim in claims {
        let latched = |seed| {
            let source: Noise = Noise::new(behaviour.clone(), seed);
            samples_to_latch(*claim, source, samples_max)
                .unwrap_or_else(|| panic!("{name} at {claim}, seed {seed}: not found"))
        };
        let (samples, fault) = (0..64).map(latched).max_by_key(|(samples, _)| *samples).unwrap();
        println!("{name:22} claimed {claim:4}: {samples:6} samples at most, {fault:?}");
    }
}

#[test]
fn strong_faults_are_found_within_8192_samples() {
    for behaviour in [
        Behaviour::Stuck(false),
        Behaviour::Stuck(true),
        Behaviour::Alternating,
        Behaviour::Repeating((1..=32).collect()),
        Behaviour::Repeating((1..=16).collect()),
        Behaviour::Repeating(vec![0xa3, 0x4b, 0x16]),
        Behaviour::Repeating((0..=255).chain(0..=255).map(|byte: u8| byte ^ 0x5a).collect()),
        Behaviour::DyingAfter(2_048),
        Behaviour::DyingAfter(4_097),
    ] {
        each_is_found(&behaviour, &CLAIMS, 8_192);
    }
    each_is_found(&Behaviour::Biased(700), &[1_000], 8_192);
    each_is_found(&Behaviour::Biased(300), &[1_000], 8_192);
}

/// Bits that mostly equal, or mostly differ from, the one `lag` before; only the lag tests see it.
struct Echo {
    prng: Prng,
    past: u64,
    lag: u32,
    flip: u64,
}

impl EntropySource for Echo {
    const ENTROPY_PER_BIT_MILLI: u16 = 1_000;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        for byte in out {
            for place in 0..8 {
                let is_noise = self.prng.one(5, 8);
                let noise = self.prng.word() & 1;
                let echo = (self.past >> (self.lag - 1)) & 1 ^ self.flip;
                self.past = (self.past << 1) | if is_noise { noise } else { echo };
                *byte = *byte & !(1 << place) | u8::from(self.past & 1 == 1) << place;
            }
        }
        Ok(())
    }
}

#[test]
fn each_lag_from_1_to_8_is_found_either_way() {
    for lag in 1..=8 {
        for flip in [0, 1] {
            for seed in 0..8 {
                let source = Echo { prng: Prng::new(seed), past: seed, lag, flip };
                let (samples, fault) = samples_to_latch(1_000, source, 8_192).unwrap();
                assert_eq!((samples, fault), (1_024, RngFault::Lag), "lag {lag}, flip {flip}");
            }
        }
    }
}

#[test]
fn weak_faults_are_found_within_2_to_the_20_samples() {
    for behaviour in [Behaviour::Biased(550), Behaviour::Biased(450), Behaviour::Markov(750)] {
        each_is_found(&behaviour, &[1_000], 1 << 20);
    }
    each_is_found(&Behaviour::Markov(750), &[500], 1 << 20);
}

/// One seed of each weak fault, and the same number of good samples: what the long tests show, in a moment.
#[test]
fn a_weak_fault_is_a_bias_and_good_noise_is_none() {
    for behaviour in [Behaviour::Biased(550), Behaviour::Biased(450)] {
        let source: Noise = Noise::new(behaviour, 1);
        let (samples, fault) = samples_to_latch(1_000, source, 1 << 20).unwrap();
        assert!(fault == RngFault::Bias && samples >= 1 << 16, "{samples}, {fault:?}");
    }
    let good: Noise = Noise::new(Behaviour::Good, 1);
    assert_eq!(samples_to_latch(1_000, good, 1 << 20), None);
}

/// Independent bits with exactly the min-entropy that is claimed: the worst source that must still pass.
struct AtItsClaim {
    prng: Prng,
    threshold: u64,
}

impl AtItsClaim {
    fn new(claim: u16, seed: u64) -> Self {
        let one_in_2_to_32 = ((-f64::from(claim) / 1e3).exp2() * 32.0_f64.exp2()).round();
        // Through text, as the cast would be one that can lose bits.
        Self { prng: Prng::new(seed), threshold: format!("{one_in_2_to_32:.0}").parse().unwrap() }
    }
}

impl EntropySource for AtItsClaim {
    const ENTROPY_PER_BIT_MILLI: u16 = 1_000;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        for byte in out {
            *byte = 0;
            for place in 0..8 {
                *byte |= u8::from(self.prng.word() >> 32 < self.threshold) << place;
            }
        }
        Ok(())
    }
}

/// `examples/rng_false_alarms.rs` runs the same for as long as one likes.
#[test]
fn a_source_that_keeps_its_claim_raises_no_alarm_in_ten_million_samples() {
    for claim in CLAIMS {
        let source = AtItsClaim::new(claim, u64::from(claim));
        assert_eq!(samples_to_latch(claim, source, 10_000_000), None, "claimed {claim}");
    }
    assert_eq!(samples_to_latch(1_000, Noise::<1000>::good(1), 10_000_000), None);
}

fn seed(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

fn started(behaviour: Behaviour, noise: u64, seed: &Secret<32>, id: &[u8]) -> Random<Noise> {
    let mut random = Random::new(Noise::new(behaviour, noise));
    // The verdict is asked for by whoever needs it.
    random.start(seed.duplicate(), id).unwrap_or_default();
    random
}

#[test]
fn nothing_is_given_before_the_start() {
    let mut source = Noise::<1000>::good(1);
    let mut random = Random::new(&mut source);
    let mut out = [0xff; 8];
    assert_eq!(random.fill(&mut out), Err(RandomError::NotStarted));
    assert_eq!(out, [0; 8]);
    assert_eq!(random.fill(&mut []), Err(RandomError::NotStarted));
    assert_eq!(random.fill_degraded(&mut out), Err(RandomError::NotStarted));
    assert_eq!(random.fill_degraded(&mut []), Err(RandomError::NotStarted));
    assert_eq!(random.reseed(), Err(RandomError::NotStarted));
    assert_eq!(random.try_next_u32(), Err(RandomError::NotStarted));
    assert_eq!(source.bits(), 0);
}

/// Start-up test and gathering draw 1,024 samples and 512 bits of min-entropy.
#[test]
fn the_noise_drawn_at_the_start_follows_from_the_claim() {
    fn drawn<const MILLI: u16>() -> u64 {
        let mut source = Noise::<MILLI>::good(1);
        let mut random = Random::new(&mut source);
        random.start(seed(1), b"").unwrap();
        source.bits()
    }
    assert_eq!(drawn::<1000>(), 1_024 + 512);
    assert_eq!(drawn::<999>(), 1_024 + 1_024);
    assert_eq!(drawn::<300>(), 1_024 + 1_792);
    assert_eq!(drawn::<100>(), 1_024 + 5_120);
}

#[test]
fn a_source_that_fails_at_the_start_refuses_keys_and_lets_the_log_go_on() {
    for (behaviour, expected) in [
        (Behaviour::Stuck(true), RngFault::Repetition),
        (Behaviour::Alternating, RngFault::Block),
        (Behaviour::Biased(700), RngFault::Proportion),
        (Behaviour::FailingAfter(0), RngFault::Source),
        (Behaviour::FailingAfter(1_024), RngFault::Source),
    ] {
        let mut random: Random<Noise> = Random::new(Noise::new(behaviour.clone(), 7));
        let fault = random.start(seed(1), b"id").unwrap_err();
        assert_eq!(fault, expected, "{behaviour:?}");
        let mut out = [0xff; 40];
        assert_eq!(random.fill(&mut out), Err(RandomError::Fault(fault)));
        assert_eq!(out, [0; 40]);
        assert_eq!(random.reseed(), Err(RandomError::Fault(fault)));
        assert_eq!(random.try_next_u64(), Err(RandomError::Fault(fault)));
        random.fill_degraded(&mut out).unwrap();
        assert_ne!(out, [0; 40]);
        // For the boot: a second start does not clear it.
        assert_eq!(random.start(seed(2), b"id"), Err(fault));
    }
}

#[test]
fn a_source_that_dies_later_is_found_by_the_next_draw_and_latches() {
    let mut source = Noise::<1000>::good(3);
    source.set_behaviour(Behaviour::DyingAfter(1_536));
    let mut random = Random::new(source);
    random.start(seed(1), b"id").unwrap();
    let mut out = [0; 8];
    for _ in 0..65_536 {
        random.fill(&mut out).unwrap();
    }
    assert_ne!(out, [0; 8]);
    let fault = RandomError::Fault(RngFault::Repetition);
    assert_eq!(random.fill(&mut out), Err(fault));
    assert_eq!(out, [0; 8]);
    assert_eq!(random.verdict(), Err(fault));
    random.fill_degraded(&mut out).unwrap();
    assert_ne!(out, [0; 8]);
}

#[test]
fn noise_is_drawn_after_65536_requests_or_when_asked() {
    let mut source = Noise::<1000>::good(3);
    let mut random = Random::new(&mut source);
    random.start(seed(1), b"id").unwrap();
    for _ in 0..65_536 {
        random.try_next_u32().unwrap();
    }
    // One request is 65,536 bytes at most, so this is two.
    random.fill(&mut vec![0; 65_537]).unwrap();
    random.reseed().unwrap();
    assert_eq!(source.bits(), 1_024 + 512 + 512 + 512);
}

/// The table in the module's documentation: what is unique when noise, seed or both fail.
#[test]
fn output_repeats_only_if_noise_and_seed_fail_both() {
    let first_output = |behaviour: &Behaviour, noise, seed: &Secret<32>, id: &[u8]| {
        let mut out = [0; 32];
        started(behaviour.clone(), noise, seed, id).fill_degraded(&mut out).unwrap();
        out
    };
    let mut seen = HashSet::new();
    // Noise stuck, seed ratcheted.
    let mut ratcheted = seed(9);
    for _ in 0..64 {
        assert!(seen.insert(first_output(&Behaviour::Stuck(true), 0, &ratcheted, b"id")));
        ratcheted = ratchet(&ratcheted);
    }
    // Seed rolled back, noise good.
    for noise in 0..64 {
        assert!(seen.insert(first_output(&Behaviour::Good, noise, &seed(9), b"id")));
    }
    // Both fail, but the session index or the device differs.
    assert!(seen.insert(first_output(&Behaviour::Stuck(true), 0, &seed(9), b"id 2")));
    // Both fail and all else is equal: the documented cell.
    assert!(!seen.insert(first_output(&Behaviour::Stuck(true), 0, &seed(9), b"id")));
}

#[test]
fn fresh_noise_changes_what_comes_and_is_refused_where_there_is_none() {
    let output = |is_reseeded: bool| {
        let mut random = started(Behaviour::Good, 1, &seed(1), b"id");
        if is_reseeded {
            random.reseed().unwrap();
        }
        let mut out = [0; 32];
        random.try_fill_bytes(&mut out).unwrap();
        out
    };
    assert_eq!(output(false), output(false));
    assert_ne!(output(false), output(true));
    assert_ne!(output(false), [0; 32]);

    let mut source = Noise::<1000>::good(3);
    let mut idle = Random::new(&mut source);
    assert_eq!(idle.verdict(), Err(RandomError::NotStarted));
    assert_eq!(idle.reseed(), Err(RandomError::NotStarted));
    assert_eq!(source.bits(), 0);
}

#[test]
fn additional_input_changes_what_comes() {
    let output = |additional: &[u8]| {
        let mut out = [0; 32];
        let mut random = started(Behaviour::Good, 1, &seed(1), b"id");
        random.fill_with(additional, &mut out).unwrap();
        out
    };
    assert_eq!(output(b""), output(b""));
    assert_ne!(output(b""), output(b"message"));
}

#[test]
fn the_ram_is_as_stated() {
    assert!(size_of::<Random<Zero>>() <= 80 + 72 + 8);
}

struct Zero;

impl EntropySource for Zero {
    const ENTROPY_PER_BIT_MILLI: u16 = 1_000;

    fn sample(&mut self, _: &mut [u8]) -> Result<(), SourceFault> {
        Ok(())
    }
}
