//! What an attempt allows, and what comes of it.

use medsec_auth::lockout::{
    AtCut, AttemptError, Attempts, Busy, Class, Factor, OPEN_MAX, Outcome, SettleError, Settled,
};

use crate::bench::{Bench, RIGHT, SHORT, STATE, Who, local, row};

const fn code(step: u32) -> Outcome {
    Outcome::Right { step: Some(step) }
}

fn codes(index: u8) -> Who {
    (row(index), Class::Local, Factor::Code)
}

#[test]
fn an_attempt_that_is_right_passes_once_that_is_on_flash() {
    let mut bench = Bench::new(SHORT);
    bench.guess(local(4)).unwrap();
    let attempt = bench.begin(local(4)).unwrap();
    assert_eq!((attempt.class(), attempt.factor()), (Class::Local, Factor::Knowledge));
    assert_eq!(*attempt.blinds(), [[0; 32]; 2]);
    let programs = bench.part.counts().programs;
    let passed = bench.settle(attempt, RIGHT).unwrap().unwrap();
    assert_eq!(bench.part.counts().programs, programs + 1);
    assert_eq!((passed.row(), passed.class()), (row(4), Class::Local));
    assert_eq!((passed.factor(), passed.step()), (Factor::Knowledge, None));
    assert_eq!(*passed.blinds(), [[0; 32]; 2]);
    bench.restart();
    assert_eq!(bench.failures(local(4)), 0);
    assert_eq!(bench.attempts.lifetime_failures(row(4)), 1);
}

#[test]
fn a_failure_is_on_flash_before_its_verdict_and_needs_no_other_write() {
    let mut bench = Bench::new(SHORT);
    let attempt = bench.begin(local(4)).unwrap();
    let programs = bench.part.counts().programs;
    assert!(bench.settle(attempt, Outcome::Wrong).unwrap().is_none());
    assert_eq!(bench.part.counts().programs, programs);
    // Nor does one that nobody settles.
    drop(bench.begin(local(4)).unwrap());
    bench.restart();
    assert_eq!(bench.failures(local(4)), 2);
}

/// The first attempt of a power cycle asks for an erase, and nothing before does; the next attempts need none.
#[test]
fn a_power_cycle_with_attempts_costs_one_erase() {
    let mut bench = Bench::new(SHORT);
    for _ in 0..3 {
        bench.restart();
        bench.now = 100_000;
        let before = bench.part.counts();
        for _ in 0..2 {
            assert_eq!(bench.ask(local(0)).unwrap_err(), AttemptError::NotReady);
        }
        assert_eq!(bench.part.counts(), before);
        assert_eq!(bench.finish(), 4);
        for _ in 0..4 {
            drop(bench.ask(local(1)).unwrap());
            bench.now += 100_000;
        }
        let after = bench.part.counts();
        assert_eq!((after.erases - before.erases, after.programs - before.programs), (1, 3 + 4));
    }
    bench.restart();
    assert_eq!(bench.failures(local(1)), 12);
}

#[test]
fn a_full_page_is_turned_and_nothing_is_lost() {
    let mut bench = Bench::new(SHORT);
    let before = bench.part.counts().erases;
    for step in 1..=200 {
        bench.guess(codes(1)).unwrap();
        bench.login(codes(0), code(step)).unwrap();
        bench.login(codes(1), code(step)).unwrap();
    }
    let turns = bench.part.counts().erases - before;
    // 20 slots behind three copies of 232 bytes, 5 of them used in each round.
    assert!((48..=52).contains(&turns), "{turns} turns");
    bench.restart();
    assert_eq!((bench.failures(codes(0)), bench.failures(codes(1))), (0, 0));
    assert_eq!(bench.attempts.last_step(row(1)), 200);
    assert_eq!(bench.attempts.lifetime_failures(row(1)), 200);
    assert_eq!(bench.part.double_programs(), 0);
}

#[test]
fn a_later_attempt_of_the_same_row_and_class_settles_the_earlier_one() {
    let mut bench = Bench::new(SHORT);
    let first = bench.begin(local(0)).unwrap();
    let others = [(row(0), Class::Remote, Factor::Knowledge), local(1)].map(|who| {
        let other = bench.begin(who).unwrap();
        (who, other)
    });
    let second = bench.begin(codes(0)).unwrap();
    assert_eq!(bench.settle(first, RIGHT).unwrap_err(), SettleError::Stale);
    assert!(bench.settle(second, code(1)).unwrap().is_some());
    for (who, other) in others {
        assert!(bench.settle(other, RIGHT).unwrap().is_some());
        assert_eq!(bench.failures(who), 0);
    }
    assert_eq!((bench.failures(local(0)), bench.failures(codes(0))), (1, 0));
}

#[test]
fn one_attempt_too_many_settles_the_oldest() {
    let mut bench = Bench::new(SHORT);
    let begun: Vec<_> = (0..=u8::try_from(OPEN_MAX).unwrap())
        .map(|index| (index, bench.begin(local(index)).unwrap()))
        .collect();
    for (index, attempt) in begun {
        let settled = bench.settle(attempt, RIGHT);
        if index == 0 {
            assert_eq!(settled.unwrap_err(), SettleError::Stale);
        } else {
            assert!(settled.unwrap().is_some(), "{index}");
        }
    }
}

/// Whoever has an attempt in hand gets its verdict recorded, however many others fill the page meanwhile.
#[test]
fn an_outcome_has_room_in_its_page_or_in_the_next() {
    for others in 0..60 {
        let mut bench = Bench::new(SHORT);
        let attempt = bench.begin(local(0)).unwrap();
        for _ in 0..others {
            bench.now += 100_000;
            bench.login(local(1), RIGHT).unwrap();
        }
        assert!(bench.settle(attempt, RIGHT).unwrap().is_some());
        bench.restart();
        assert_eq!(bench.failures(local(0)), 0, "{others}");
    }
}

#[test]
fn a_verdict_that_needs_a_page_waits_for_it() {
    let mut bench = Bench::new(SHORT);
    let attempt = bench.begin(local(0)).unwrap();
    bench.attempts.set_state([9; 4]).unwrap();
    let settled = bench.attempts.settle(&mut bench.part, attempt, RIGHT).unwrap();
    let Settled::Later(attempt) = settled else { panic!("settled while a page is erased") };
    assert_eq!(bench.failures(local(0)), 1);
    bench.finish();
    assert!(bench.settle(attempt, RIGHT).unwrap().is_some());
    bench.restart();
    assert_eq!((bench.failures(local(0)), bench.attempts.state()), (0, [9; 4]));
}

#[test]
fn a_step_passes_once() {
    let mut bench = Bench::new(SHORT);
    bench.login(codes(0), code(7)).unwrap();
    for restarted in [false, true] {
        if restarted {
            bench.restart();
        }
        for step in [0, 6, 7] {
            assert_eq!(bench.login(codes(0), code(step)).unwrap_err(), SettleError::Step);
        }
    }
    assert_eq!(bench.failures(codes(0)), 6);
    // Neither another class nor another factor is a way around, and another row has steps of its own.
    let remote = (row(0), Class::Remote, Factor::Code);
    assert_eq!(bench.login(remote, code(7)).unwrap_err(), SettleError::Step);
    assert_eq!(bench.login(local(0), code(8)).unwrap_err(), SettleError::Step);
    bench.login(codes(1), code(7)).unwrap();
    bench.login(remote, code(8)).unwrap();
    assert_eq!(bench.login(codes(0), code(8)).unwrap_err(), SettleError::Step);
}

#[test]
fn a_code_without_a_step_does_not_pass() {
    let mut bench = Bench::new(SHORT);
    assert_eq!(bench.login(codes(0), RIGHT).unwrap_err(), SettleError::Step);
    assert_eq!(bench.failures(codes(0)), 1);
}

#[test]
fn a_row_that_is_opened_again_has_no_failures_and_no_open_attempt() {
    let mut bench = Bench::new(SHORT);
    bench.login(codes(0), code(7)).unwrap();
    while bench.guess(local(0)).is_ok() {}
    bench.guess(local(1)).unwrap();
    let open = bench.begin(codes(0)).unwrap();
    let other = bench.begin(local(1)).unwrap();
    bench.attempts.rebind(row(0), 3).unwrap();
    assert_eq!(bench.attempts.rebind(row(1), 0), Err(Busy));
    assert_eq!(bench.attempts.set_state([0; 4]), Err(Busy));
    assert_eq!(bench.ask(local(0)).unwrap_err(), AttemptError::Disabled);
    bench.finish();
    assert_eq!(bench.settle(open, code(8)).unwrap_err(), SettleError::Stale);
    assert!(bench.settle(other, RIGHT).unwrap().is_some());
    bench.restart();
    assert_eq!((bench.failures(local(0)), bench.failures(codes(0))), (0, 0));
    // The steps of the new secret begin where its owner says.
    assert_eq!(bench.login(codes(0), code(3)).unwrap_err(), SettleError::Step);
    bench.login(codes(0), code(4)).unwrap();
}

#[test]
fn the_state_changes_with_all_that_is_counted() {
    let mut bench = Bench::new(SHORT);
    assert_eq!(bench.attempts.state(), STATE);
    bench.login(codes(0), code(7)).unwrap();
    bench.guess(local(0)).unwrap();
    bench.attempts.set_state([5; 4]).unwrap();
    assert_eq!(bench.attempts.state(), STATE);
    bench.finish();
    assert_eq!(bench.attempts.state(), [5; 4]);
    bench.restart();
    assert_eq!(bench.attempts.state(), [5; 4]);
    assert!(!bench.attempts.needs_renewal());
    bench.attempts.begin_renewal();
    assert!(!bench.attempts.is_busy());
    assert_eq!((bench.failures(local(0)), bench.attempts.last_step(row(0))), (1, 7));
}

/// On a part that loses pages, each attempt has one of its own, and nobody else's verdict is programmed into it.
#[test]
fn attempts_have_pages_of_their_own_where_pages_are_lost() {
    let mut bench = Bench::of(SHORT, AtCut::LosesPage);
    let erases = |bench: &Bench| bench.part.counts().erases;
    for _ in 0..4 {
        let before = erases(&bench);
        bench.login(local(0), RIGHT).unwrap();
        bench.guess(local(1)).unwrap();
        assert_eq!(erases(&bench) - before, 2);
    }
    let first = bench.begin(local(0)).unwrap();
    let second = bench.begin(local(2)).unwrap();
    assert_eq!(bench.settle(first, RIGHT).unwrap_err(), SettleError::Stale);
    let before = erases(&bench);
    assert!(bench.settle(second, RIGHT).unwrap().is_some());
    assert_eq!(erases(&bench), before);
    // A page that was written for something else is followed by another one.
    bench.attempts.set_state([8; 4]).unwrap();
    bench.finish();
    let before = erases(&bench);
    bench.guess(local(1)).unwrap();
    assert_eq!(erases(&bench) - before, 1);
    bench.restart();
    assert_eq!((bench.failures(local(0)), bench.failures(local(1))), (1, 5));
}

#[test]
fn attempts_take_little_memory() {
    let bytes = size_of::<Attempts>();
    println!("attempts: {bytes} bytes of RAM on this host");
    assert!(bytes <= 1_228, "{bytes}");
}
