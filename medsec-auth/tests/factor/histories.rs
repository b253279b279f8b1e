//! A million lives of one-time password devices, with replays, clocks that jump and power that fails.

use std::collections::BTreeSet;
use std::thread;

use medsec_auth::factor::otp::{Code, Digits, Hash, MatchError, Matched, Moving, Otp, Settings};
use medsec_sim::prng::Prng;

use super::fixtures::{ZERO, at, is_accepted};
use super::otp::{code, naive};

const HISTORIES: u64 = 1_000_000;
const THREADS: u64 = 4;
/// What a person, an attacker, or the supply does.
const ACTS: usize = 4;

#[derive(Default)]
struct Counts {
    histories: u64,
    accepted: u64,
    honest: u64,
    replays_refused: u64,
    cuts: u64,
    twice: u64,
}

/// The device's flash, as far as it is needed: the last step. A write that is cut has happened or has not.
struct Flash {
    last: u32,
}

/// One life. The oracle keeps every step that was ever accepted, and no rule of ours.
struct Life {
    prng: Prng,
    key: [u8; 20],
    otp: Otp,
    is_counter: bool,
    flash: Flash,
    accepted: BTreeSet<u32>,
    shown: Vec<u32>,
    /// The step the person's device is at; the true time, or how often its button was pressed.
    true_step: u32,
    counts: Counts,
}

impl Life {
    fn begin(seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        let mut key = [0; 20];
        prng.fill(&mut key);
        let is_counter = seed.is_multiple_of(2);
        // The long look-ahead in one of eight: it costs three times as much to try.
        let settings = match seed % 16 {
            0 => Some(Settings::HOTP),
            _ if is_counter => Settings::new(Moving::Counter { ahead: 3 }, Hash::Sha1, Digits::Six),
            _ => Some(Settings::TOTP),
        };
        let true_step = if is_counter { 0 } else { 50_000_000 + prng.below_u32(1_000_000) };
        Self {
            otp: Otp::import(settings.unwrap(), &key).unwrap(),
            key,
            prng,
            is_counter,
            flash: Flash { last: 0 },
            accepted: BTreeSet::new(),
            shown: Vec::new(),
            true_step,
            counts: Counts::default(),
        }
    }

    fn matched(&self, code: &Code, clock: u32) -> Result<Matched, MatchError> {
        let now = at(u64::from(clock) * 30 + 7);
        if self.accepted.is_empty() {
            self.otp.first_step(code, now)
        } else {
            self.otp.match_step(code, self.flash.last, now, &ZERO)
        }
    }

    /// Shows the code of `step` while the device's clock says `clock`; whether it was taken.
    fn show(&mut self, step: u32, clock: u32) -> bool {
        let value = naive(&self.key, step);
        let Ok(taken) = self.matched(&code(value), clock).unwrap().accept() else {
            return false;
        };
        // The power may fail before, or after, the step is on the flash; either way nobody is let in.
        let cut = if self.prng.one(1, 10) { 1 + self.prng.below(2) } else { 0 };
        let flash = &mut self.flash;
        let number = taken.number();
        let accepted = taken.record(|step| {
            if cut != 1 {
                flash.last = step;
            }
            if cut == 0 { Ok(()) } else { Err(()) }
        });
        let Ok(accepted) = accepted else {
            self.counts.cuts += 1;
            return false;
        };
        assert!(is_accepted(&accepted));
        // What was taken has the code that was shown.
        assert!(number == step || naive(&self.key, number) == value, "{step} {number}");
        self.counts.accepted += 1;
        self.counts.twice += u64::from(!self.accepted.insert(number));
        true
    }

    fn act(&mut self) {
        self.true_step += 1 + self.prng.below_u32(3);
        let clock = self.true_step;
        match self.prng.below(5) {
            // An honest login, with a device a little off.
            0 | 1 => {
                let drift = if self.is_counter { 0 } else { self.prng.below_u32(3) };
                let step = (clock + drift).saturating_sub(u32::from(!self.is_counter));
                self.shown.push(step);
                self.counts.honest += u64::from(self.show(step, clock));
            }
            // A code that was seen is shown again, at once and with the clock set back to it.
            2 | 3 if !self.shown.is_empty() => {
                let step = self.shown[self.prng.below(self.shown.len())];
                let clock = if self.prng.one(1, 2) { step } else { clock };
                let was_taken = self.accepted.contains(&step);
                if !self.show(step, clock) && was_taken {
                    self.counts.replays_refused += 1;
                }
            }
            // The clock, or the counter, jumps.
            _ => self.true_step += self.prng.below_u32(8),
        }
    }
}

fn lives(from: u64, to: u64) -> Counts {
    let mut sum = Counts::default();
    for seed in from..to {
        let mut life = Life::begin(seed);
        for _ in 0..ACTS {
            life.act();
        }
        let counts = life.counts;
        sum.histories += 1;
        sum.accepted += counts.accepted;
        sum.honest += counts.honest;
        sum.replays_refused += counts.replays_refused;
        sum.cuts += counts.cuts;
        sum.twice += counts.twice;
    }
    sum
}

#[test]
fn no_code_is_accepted_twice_in_a_million_histories() {
    let share = HISTORIES / THREADS;
    let sums: Vec<Counts> = thread::scope(|scope| {
        let run = |part: u64| scope.spawn(move || lives(part * share, (part + 1) * share));
        let running: Vec<_> = (0..THREADS).map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |of: fn(&Counts) -> u64| sums.iter().map(of).sum::<u64>();
    let (histories, accepted) = (sum(|c| c.histories), sum(|c| c.accepted));
    let (honest, refused) = (sum(|c| c.honest), sum(|c| c.replays_refused));
    let (cuts, twice) = (sum(|c| c.cuts), sum(|c| c.twice));
    println!(
        "otp histories: {histories}, {accepted} codes accepted ({honest} honest), {refused} replays refused, \
         {cuts} cuts, {twice} accepted twice"
    );
    assert_eq!((histories, twice), (HISTORIES, 0));
    assert!(honest > 900_000 && refused > 450_000 && cuts > 100_000);
}
