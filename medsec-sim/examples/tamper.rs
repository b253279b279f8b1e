//! Runs the adversary: `cargo run --release -p medsec-sim --example tamper -- CHANGES HISTORIES SEED`.
#![expect(clippy::print_stdout, reason = "a command-line tool for developers")]

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let mut next = |default| numbers.next().unwrap_or(default);
    let (changes, histories, seed) = (next(20_000), next(500), next(1));
    println!("{}", medsec_sim::tamper::run(changes, histories, seed));
}
