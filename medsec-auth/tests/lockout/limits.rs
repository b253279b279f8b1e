//! How many failures are allowed, and how long to wait.

use medsec_auth::lockout::{
    AttemptError, Class, Factor, Limits, NO_VERDICTS_MAX, Outcome, Policy, Row,
};

use crate::bench::{Bench, RIGHT, SHORT, Who, everybody, local, row};

fn at(bench: &mut Bench, who: Who, ms: u64) -> Result<(), AttemptError> {
    bench.now = ms;
    let attempt = bench.begin(who)?;
    assert!(bench.settle(attempt, Outcome::Wrong).unwrap().is_none());
    Ok(())
}

#[test]
fn four_failures_are_free_and_each_further_one_costs_twice_as_much() {
    let mut bench = Bench::new(Policy::DEFAULT);
    let mut now = 10_000;
    for _ in 0..5 {
        at(&mut bench, local(3), now).unwrap();
    }
    for failures in 5..20 {
        let wait = (1_000 << (failures - 4)).min(900_000);
        assert_eq!(bench.failures(local(3)), failures);
        for (early, ms) in [(0, wait), (1, wait - 1), (wait - 1, 1)] {
            let refused = at(&mut bench, local(3), now + u64::from(early));
            assert_eq!(refused, Err(AttemptError::Backoff { ms }), "{failures} failures");
        }
        now += u64::from(wait);
        at(&mut bench, local(3), now).unwrap();
    }
    assert_eq!(at(&mut bench, local(3), now * 2), Err(AttemptError::Disabled));
}

/// The wait begins with the second that is under way, so it is never shorter than said.
#[test]
fn a_wait_is_rounded_up() {
    let mut bench = Bench::new(Policy::DEFAULT);
    for _ in 0..5 {
        at(&mut bench, local(0), 10_001).unwrap();
    }
    let refused = |bench: &mut Bench, ms| at(bench, local(0), ms);
    assert_eq!(refused(&mut bench, 10_500), Err(AttemptError::Backoff { ms: 2_000 }));
    assert_eq!(refused(&mut bench, 12_999), Err(AttemptError::Backoff { ms: 1 }));
    assert_eq!(refused(&mut bench, 13_000), Ok(()));
}

/// One below the limit, at it, and above it.
#[test]
fn a_class_is_disabled_at_its_limit_and_not_before() {
    for (class, limit) in [(Class::Local, 20), (Class::Remote, 10), (Class::Service, 20)] {
        for factor in Factor::ALL {
            let mut bench = Bench::new(Policy::DEFAULT);
            let who = (row(1), class, factor);
            for _ in 0..limit - 1 {
                bench.guess(who).unwrap();
            }
            // The last one that is allowed is judged, and may be right.
            bench.restart();
            assert_eq!(bench.failures(who), limit - 1);
            let step = (factor == Factor::Code).then_some(1);
            bench.login(who, Outcome::Right { step }).unwrap();
            assert_eq!(bench.failures(who), 0);
            for _ in 0..limit {
                bench.guess(who).unwrap();
            }
            let before = bench.part.counts();
            for _ in 0..3 {
                assert_eq!(bench.guess(who), Err(AttemptError::Disabled));
            }
            assert_eq!(bench.part.counts(), before, "a refusal touches no flash");
            bench.restart();
            assert_eq!(bench.guess(who), Err(AttemptError::Disabled));
        }
    }
}

#[test]
fn failures_of_one_stop_nobody_else_nor_himself_elsewhere() {
    for attacked in everybody() {
        let mut bench = Bench::new(SHORT);
        while bench.guess(attacked).is_ok() {}
        for other in everybody() {
            let expected = if other == attacked { Err(AttemptError::Disabled) } else { Ok(()) };
            assert_eq!(bench.guess(other), expected, "{attacked:?}, {other:?}");
        }
    }
}

#[test]
fn a_success_clears_its_own_class_and_factor_only() {
    let mut bench = Bench::new(SHORT);
    for _ in 0..3 {
        everybody().for_each(|who| bench.guess(who).unwrap());
    }
    bench.login(local(5), RIGHT).unwrap();
    bench.restart();
    for who in everybody() {
        assert_eq!(bench.failures(who), if who == local(5) { 0 } else { 3 });
    }
}

/// Who knows the password cannot use it to get more tries at one-time passwords.
#[test]
fn a_password_buys_no_guesses_of_codes() {
    let mut bench = Bench::new(SHORT);
    let codes = (row(0), Class::Local, Factor::Code);
    let mut guesses = 0;
    while bench.guess(codes).is_ok() {
        guesses += 1;
        bench.login(local(0), RIGHT).unwrap();
    }
    assert_eq!(guesses, 20);
}

#[test]
fn a_restart_runs_the_whole_wait_again() {
    let mut bench = Bench::new(Policy::DEFAULT);
    for _ in 0..8 {
        bench.guess(local(0)).unwrap();
    }
    bench.now += 15_999;
    assert_eq!(bench.ask(local(0)).unwrap_err(), AttemptError::Backoff { ms: 1 });
    bench.restart();
    for (ms, left) in [(0, 16_000), (1, 15_999), (15_999, 1)] {
        bench.now = ms;
        assert_eq!(bench.ask(local(0)).unwrap_err(), AttemptError::Backoff { ms: left });
    }
    at(&mut bench, local(0), 16_000).unwrap();
    assert_eq!(at(&mut bench, local(0), 47_999), Err(AttemptError::Backoff { ms: 1 }));
}

#[test]
fn ticks_that_go_back_shorten_no_wait() {
    let mut bench = Bench::new(Policy::DEFAULT);
    for _ in 0..5 {
        at(&mut bench, local(0), 50_000).unwrap();
    }
    for ms in [0, 1, 2_000, 49_999, 50_000] {
        let refused = at(&mut bench, local(0), ms);
        assert_eq!(refused, Err(AttemptError::Backoff { ms: 2_000 }), "{ms}");
    }
    assert_eq!(at(&mut bench, local(0), 51_999), Err(AttemptError::Backoff { ms: 1 }));
    at(&mut bench, local(0), 52_000).unwrap();
    // Where nobody has to wait, they do nothing.
    at(&mut bench, local(1), 50_000).unwrap();
    at(&mut bench, local(1), 0).unwrap();
}

/// The ghost is refused when a principal would be, and costs the same operations.
#[test]
fn a_name_that_is_not_known_answers_as_one_that_is() {
    for class in Class::ALL {
        let answers = |who: Who| {
            let mut bench = Bench::new(Policy::DEFAULT);
            let mut answers = Vec::new();
            for ms in (0..).step_by(10_000).take(1_000) {
                let before = bench.part.counts();
                let answer = at(&mut bench, who, ms);
                let after = bench.part.counts();
                let cost = (after.programs - before.programs, after.erases - before.erases);
                answers.push((answer, cost, after.reads - before.reads));
            }
            assert!(answers.iter().any(|(answer, ..)| *answer == Err(AttemptError::Disabled)));
            answers
        };
        let factor = Factor::Knowledge;
        assert_eq!(answers((Row::GHOST, class, factor)), answers((row(9), class, factor)));
    }
}

#[test]
fn nobody_passes_as_the_ghost() {
    let mut bench = Bench::new(SHORT);
    for (factor, step) in [(Factor::Knowledge, None), (Factor::Code, Some(1))] {
        let attempt = bench.begin((Row::GHOST, Class::Local, factor)).unwrap();
        assert!(bench.settle(attempt, Outcome::Right { step }).unwrap().is_none());
        assert_eq!(bench.failures((Row::GHOST, Class::Local, factor)), 1);
    }
}

#[test]
fn faults_stop_after_three_in_a_row_and_count_as_failures() {
    let mut bench = Bench::new(SHORT);
    let fault = |bench: &mut Bench| {
        let attempt = bench.begin(local(0)).unwrap();
        assert!(bench.settle(attempt, Outcome::NoVerdict).unwrap().is_none());
    };
    // A verdict between them shows that the device is well.
    for _ in 0..NO_VERDICTS_MAX - 1 {
        fault(&mut bench);
    }
    bench.guess(local(1)).unwrap();
    for _ in 0..NO_VERDICTS_MAX - 1 {
        bench.now += 100_000;
        fault(&mut bench);
    }
    bench.login(local(1), RIGHT).unwrap();
    for _ in 0..NO_VERDICTS_MAX {
        bench.now += 100_000;
        fault(&mut bench);
    }
    assert_eq!(bench.ask(local(1)).unwrap_err(), AttemptError::StoreFault);
    bench.restart();
    assert_eq!(bench.failures(local(0)), 2 * (NO_VERDICTS_MAX - 1) + NO_VERDICTS_MAX);
    bench.guess(local(1)).unwrap();
}

/// Opening a row again does not give its lifetime back.
#[test]
fn a_lifetime_ends_at_its_limit_and_for_good() {
    const LIFETIME: u16 = 1_000;
    const POLICY: Policy = Policy::of(Limits { lifetime: LIFETIME, ..Limits::DEFAULT });
    let mut bench = Bench::new(POLICY);
    let mut guesses = 0;
    let mut rebound = 0;
    while guesses < 2 * LIFETIME {
        match bench.guess(local(2)) {
            Ok(()) => guesses += 1,
            Err(AttemptError::Disabled) if guesses < LIFETIME => {
                bench.attempts.rebind(row(2), 0).unwrap();
                bench.finish();
                rebound += 1;
                bench.restart();
            }
            Err(error) => {
                assert_eq!(error, AttemptError::Disabled);
                break;
            }
        }
        // A success is no failure of the lifetime.
        if guesses == 10 && rebound == 0 {
            bench.login(local(2), RIGHT).unwrap();
        }
        assert_eq!(bench.attempts.lifetime_failures(row(2)), guesses);
    }
    assert_eq!(guesses, LIFETIME);
    bench.attempts.rebind(row(2), 0).unwrap();
    bench.finish();
    assert_eq!(bench.failures(local(2)), 0);
    for (class, factor) in [(Class::Local, Factor::Knowledge), (Class::Remote, Factor::Code)] {
        assert_eq!(bench.guess((row(2), class, factor)), Err(AttemptError::Disabled));
    }
    bench.guess(local(3)).unwrap();
}
