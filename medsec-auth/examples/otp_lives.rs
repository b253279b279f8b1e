//! A million lives of people with generators of codes, on a part that loses power: no code is accepted twice.
//!
//! `cargo run --release -p medsec-auth --example otp_lives [LIVES]` prints the counts and fails if one was.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for developers stops at what it does not expect"
)]

#[path = "../tests/otp_lives/life.rs"]
mod life;

use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let lives = std::env::args().nth(1).map_or(1_000_000, |word| word.parse().unwrap());
    let threads = thread::available_parallelism().map_or(1, core::num::NonZero::get);
    let threads = u64::try_from(threads).unwrap();
    let share = u64::div_ceil(lives, threads);
    let sums: Vec<life::Counts> = thread::scope(|scope| {
        let run =
            |part: u64| scope.spawn(move || life::lives(life::Flash::Own, part * share, share));
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut sum = life::Counts::default();
    sums.iter().for_each(|counts| sum.add(counts));
    let set_back = life::lives(life::Flash::SetBack, 0, 256);
    println!("otp_lives: {sum}; {} accepted twice on flash that was set back", set_back.twice);
    let is_sound =
        sum.twice == 0 && set_back.twice > 0 && sum.accepted > sum.lives && sum.cuts > sum.lives;
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
