//! Counts false alarms of the health tests over independent bits that have exactly the min-entropy claimed.
//!
//! ```text
//! cargo run --release -p medsec-core --example rng_false_alarms -- [SAMPLES] [SEED]
//! ```
//!
//! The last line is `rng_false_alarms: ...`; the exit status is 0 if there was at most one alarm for every 10^8 samples.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::print_stdout,
    reason = "a program for a host that prints what it measured"
)]

use std::process::ExitCode;

use medsec_core::rng::{BLOCK_BYTES, HealthTests};
use medsec_sim::prng::Prng;

const CLAIMS: [u16; 4] = [1_000, 500, 300, 100];

/// False alarms at one claim over `samples` samples.
fn alarms(claim: u16, samples: u64, seed: u64) -> Option<u64> {
    let mut prng = Prng::new(seed);
    let one_in_2_to_32 = (32.0 - f64::from(claim) / 1e3).exp2();
    // Through text, as the cast would be one that can lose bits.
    let threshold: u64 = format!("{one_in_2_to_32:.0}").parse().ok()?;
    let mut tests = HealthTests::of_claim(claim)?;
    let mut block = [0; BLOCK_BYTES];
    let mut alarms = 0;
    for _ in 0..samples / 256 {
        for byte in &mut block {
            *byte = 0;
            for place in 0..8 {
                *byte |= u8::from(prng.word() >> 32 < threshold) << place;
            }
        }
        if let Err(fault) = tests.feed(&block) {
            println!("claim {claim}: {fault}");
            alarms += 1;
            tests = HealthTests::of_claim(claim)?;
        }
    }
    Some(alarms)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Ok(samples), Ok(seed)) =
        (arguments.next().unwrap_or(Ok(100_000_000)), arguments.next().unwrap_or(Ok(1)))
    else {
        println!("rng_false_alarms: SAMPLES and SEED are numbers");
        return ExitCode::FAILURE;
    };
    let mut total = 0;
    for claim in CLAIMS {
        let Some(count) = alarms(claim, samples, seed) else { return ExitCode::FAILURE };
        println!("claim {claim}: {count} alarms in {samples} samples, seed {seed}");
        total += count;
    }
    println!(
        "rng_false_alarms: {total} alarms in {} samples of {} claims",
        samples * 4,
        CLAIMS.len()
    );
    if total <= samples.div_ceil(100_000_000) * 4 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
