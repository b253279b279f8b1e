//! No code is accepted twice, whatever is shown again, however clocks are set and wherever the power fails.
//!
//! `cargo run --release -p medsec-auth --example otp_lives` lives a million lives.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic and prints what it counted"
)]

mod life;

use std::thread;

use life::Flash;

const LIVES: u64 = 8_192;
const THREADS: u64 = 2;

#[test]
fn no_code_is_accepted_twice_on_a_part_that_loses_power() {
    let share = LIVES / THREADS;
    let sums: Vec<life::Counts> = thread::scope(|scope| {
        let run = |part: u64| scope.spawn(move || life::lives(Flash::Own, part * share, share));
        let running: Vec<_> = (0..THREADS).map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut sum = life::Counts::default();
    sums.iter().for_each(|counts| sum.add(counts));
    println!("otp: {sum}");
    assert_eq!((sum.lives, sum.twice), (LIVES, 0));
    assert!(sum.accepted > 28_000 && sum.replays_refused > 15_000 && sum.cuts > 9_000);
}

/// The oracle sees a code that is accepted twice.
#[test]
fn on_flash_that_is_set_back_codes_are_good_again_and_that_is_seen() {
    let sum = life::lives(Flash::SetBack, 0, 256);
    println!("otp: set back: {sum}");
    assert!(sum.twice > 100, "{sum}");
}
