//! Two who guess and one who may, in every order of a few calls, against a naive model.

use medsec_auth::lockout::{
    Attempt, AttemptError, Class, Factor, Limits, Outcome, Policy, SettleError,
};

use crate::bench::{Bench, RIGHT, Who, row};

const CALLS: u32 = 5;
const LIMIT: u8 = 3;
const POLICY: Policy =
    Policy::of(Limits { free: 1, local: LIMIT, remote: LIMIT, ..Limits::DEFAULT });

/// Who holds an attempt: one guesses from outside, one at the device, and the owner is at the device too.
const PERSONS: usize = 3;
const OWNER: usize = 2;

fn who(person: usize) -> Who {
    let class = if person == 0 { Class::Remote } else { Class::Local };
    (row(0), class, Factor::Knowledge)
}

/// What must be true, in the simplest words.
#[derive(Default)]
struct Naive {
    /// Failures from outside and at the device: attempts since the last one that passed there.
    failures: [u8; 2],
    /// Who holds the open attempt, from outside and at the device.
    open: [Option<usize>; 2],
    /// Guesses that were judged since, of each class.
    judged: [u8; 2],
}

fn class(person: usize) -> usize {
    usize::from(person != 0)
}

struct Run {
    bench: Bench,
    naive: Naive,
    held: [Option<Attempt>; PERSONS],
    passes: u32,
    refusals: u32,
}

impl Run {
    fn begin(&mut self, person: usize) {
        self.bench.now += 1_000_000;
        let naive = &mut self.naive;
        naive.open[class(person)] = None;
        match self.bench.begin(who(person)) {
            Ok(attempt) => {
                assert!(naive.failures[class(person)] < LIMIT);
                naive.failures[class(person)] += 1;
                naive.open[class(person)] = Some(person);
                self.held[person] = Some(attempt);
            }
            Err(error) => {
                assert_eq!(error, AttemptError::Disabled);
                assert_eq!(naive.failures[class(person)], LIMIT);
                self.refusals += 1;
            }
        }
    }

    fn settle(&mut self, person: usize) {
        let Some(attempt) = self.held[person].take() else { return };
        let is_open = self.naive.open[class(person)] == Some(person);
        let outcome = if person == OWNER { RIGHT } else { Outcome::Wrong };
        let settled = self.bench.settle(attempt, outcome);
        if !is_open {
            assert_eq!(settled.unwrap_err(), SettleError::Stale);
            return;
        }
        self.naive.open[class(person)] = None;
        assert_eq!(settled.unwrap().is_some(), person == OWNER);
        if person == OWNER {
            self.naive.failures[class(person)] = 0;
            self.naive.judged[class(person)] = 0;
            self.passes += 1;
        } else {
            self.naive.judged[class(person)] += 1;
        }
    }

    fn call(&mut self, call: u32) {
        match call {
            0 => self.begin(0),
            1 => self.begin(1),
            2 => self.begin(2),
            3 => self.settle(0),
            4 => self.settle(1),
            5 => self.settle(2),
            6 => {
                self.bench.restart();
                self.naive.open = [None; 2];
                self.held = [const { None }; PERSONS];
            }
            _ => {
                self.bench.attempts.rebind(row(0), 0).unwrap();
                self.bench.finish();
                self.naive = Naive::default();
            }
        }
        for person in [0, OWNER] {
            let shown = self.bench.failures(who(person));
            assert_eq!(shown, self.naive.failures[class(person)]);
            assert!(shown >= self.naive.judged[class(person)], "a free guess");
        }
    }
}

#[test]
fn no_order_of_calls_gives_a_free_guess_or_locks_out_the_owner_elsewhere() {
    const KINDS: u32 = 8;
    let (mut runs, mut passes, mut refusals) = (0_u32, 0, 0);
    for number in 0..KINDS.pow(CALLS) {
        let bench = Bench::new(POLICY);
        let mut run = Run {
            bench,
            naive: Naive::default(),
            held: [const { None }; PERSONS],
            passes: 0,
            refusals: 0,
        };
        let mut rest = number;
        for _ in 0..CALLS {
            run.call(rest % KINDS);
            rest /= KINDS;
        }
        // What was counted is what the next boot finds.
        run.call(6);
        assert_eq!(run.bench.part.double_programs(), 0);
        runs += 1;
        passes += run.passes;
        refusals += run.refusals;
    }
    println!("interleaved: {runs} orders of {CALLS} calls, {passes} passes, {refusals} refusals");
    assert_eq!(runs, 32_768);
    assert!(passes >= 2_700 && refusals >= 500, "{passes}, {refusals}");
}
