//! Detection: against a naive model over all small sequences, and under a flood.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

use medsec_audit::detect::{
    Detection, Detector, REPEAT_MS, RULES, RULES_MAX, Rule, Sight, THRESHOLD_MAX, Trigger, checked,
};
use medsec_audit::hal::Watcher;
use medsec_core::event::{Category, Outcome, Pattern, Severity};
use medsec_core::time::Ticks;
use medsec_sim::prng::Prng;

const WINDOW_MS: u32 = 10;

/// Hears everything.
#[derive(Default)]
struct Ear(Vec<Detection>);

impl Watcher for Ear {
    fn on_detection(&mut self, detection: &Detection) {
        self.0.push(*detection);
    }
}

/// One rule, as the documentation tells it, over all that ever happened.
#[derive(Default)]
struct Naive {
    fitted: Vec<u64>,
    spoke: Option<u64>,
    /// The last record, and how often the rule spoke since.
    recorded: Option<u64>,
    times: u32,
    due: bool,
}

impl Naive {
    /// An event fitted at `now`. Says whether the rule speaks.
    fn fit(&mut self, now: u64, threshold: usize, window: u64) -> bool {
        self.fitted.push(now);
        let repeat = u64::from(REPEAT_MS);
        let within = self.fitted.iter().filter(|at| now - **at <= window).count();
        let may_speak = self.spoke.is_none_or(|spoke| {
            let since: Vec<_> = self.fitted.iter().filter(|at| **at >= spoke).collect();
            now - spoke > repeat || since.windows(2).any(|pair| pair[1] - pair[0] > window)
        });
        if within < threshold || !may_speak {
            return false;
        }
        self.spoke = Some(now);
        self.due |= self.recorded.is_none_or(|recorded| now - recorded > repeat);
        self.times += 1;
        true
    }
}

const fn rule(threshold: u8) -> Rule {
    let trigger = Trigger::Event(7);
    Rule::new(Pattern::Maker1, trigger, threshold, WINDOW_MS, Severity::Warning)
}

/// A table of one rule for each count.
const ONE: [&[Rule]; 6] = [
    checked(&[rule(1)]),
    checked(&[rule(2)]),
    checked(&[rule(3)]),
    checked(&[rule(4)]),
    checked(&[rule(5)]),
    checked(&[rule(6)]),
];

const fn event(id: u16) -> Sight {
    Sight::Event { id, category: Category::ControlSystem, outcome: Outcome::Success }
}

/// Time before an event, whether it fits, what becomes of a record that is due behind it.
#[derive(Clone, Copy, Debug)]
struct Step {
    gap: u64,
    fits: bool,
    record: Option<bool>,
}

/// Shorter than the window, as long, longer; and the same of the hour.
const GAPS: [u64; 7] = [0, 1, 10, 11, 3_599_999, 3_600_000, 3_600_001];

/// Plays `steps` on a detector and on the model.
fn play(threshold: usize, steps: &[Step]) {
    let mut detector = Detector::new(ONE[threshold - 1]);
    let (mut naive, mut now) = (Naive::default(), 0);
    for step in steps {
        now += step.gap;
        let mut ear = Ear::default();
        let sight = event(if step.fits { 7 } else { 8 });
        detector.observe(&sight, Ticks::from_millis(now), &mut ear);
        let times_before = naive.times;
        let speaks = step.fits && naive.fit(now, threshold, u64::from(WINDOW_MS));
        assert_eq!(ear.0.len(), usize::from(speaks), "{threshold}: {steps:?}");
        if let Some(heard) = ear.0.first() {
            let said = (heard.pattern, heard.severity, usize::from(heard.events));
            assert_eq!(said, (Pattern::Maker1, Severity::Warning, threshold));
            assert_eq!(heard.unrecorded, times_before, "{threshold}: {steps:?}");
        }
        assert_eq!(detector.due().is_some(), naive.due, "{threshold}: {steps:?}");
        if let (Some(due), Some(is_taken)) = (detector.due(), step.record) {
            assert_eq!(due.unrecorded, naive.times - 1, "{threshold}: {steps:?}");
            naive.due = false;
            if is_taken {
                detector.recorded(&due);
                (naive.recorded, naive.times) = (Some(now), 0);
            } else {
                detector.refused(&due);
            }
            assert_eq!(detector.due(), None);
        }
    }
}

/// All sequences of `length` out of `alphabet`; gives their number.
fn exhaust(length: usize, alphabet: &[Step], mut act: impl FnMut(&[Step])) -> u32 {
    let mut count = 0;
    let mut places = vec![0; length];
    loop {
        let steps: Vec<_> = places.iter().map(|place: &usize| alphabet[*place]).collect();
        act(&steps);
        count += 1;
        let Some(next) = places.iter().rposition(|place| place + 1 < alphabet.len()) else {
            return count;
        };
        places[next] += 1;
        places[next + 1..].fill(0);
    }
}

#[test]
fn all_short_sequences_are_as_the_naive_model_has_them() {
    let mut alphabet = Vec::new();
    for gap in GAPS {
        alphabet.push(Step { gap, fits: false, record: Some(true) });
        for record in [None, Some(true), Some(false)] {
            alphabet.push(Step { gap, fits: true, record });
        }
    }
    let mut count = 0;
    for threshold in 1..=3 {
        count += exhaust(4, &alphabet, |steps| play(threshold, steps));
    }
    assert_eq!(count, 3 * 28_u32.pow(4));
}

#[test]
fn all_sequences_of_fitting_events_are_as_the_naive_model_has_them() {
    let mut alphabet = Vec::new();
    for gap in [0, 3, 10, 11, 3_600_001] {
        alphabet.push(Step { gap, fits: true, record: Some(true) });
    }
    let mut count = 0;
    for threshold in 1..=usize::from(THRESHOLD_MAX) {
        count += exhaust(8, &alphabet, |steps| play(threshold, steps));
    }
    assert_eq!(count, 6 * 5_u32.pow(8));
}

/// One rule of each kind beside each other: each sees its own events and no other's.
#[test]
fn rules_do_not_disturb_each_other() {
    let mut prng = Prng::new(11);
    let mut detector = Detector::new(RULES);
    let mut naive: Vec<_> = RULES.iter().map(|_| Naive::default()).collect();
    let mut now = 0;
    let mut spoken = [0_u32; RULES_MAX];
    for _ in 0..60_000 {
        now += match below(&mut prng, 200) {
            0 => 4_000_000,
            1 => 90_000,
            other => [0, 100, 300, 900][other % 4],
        };
        let id = [1, 2, 3, 4, 6, 8, 0x0101, 0x0104, 0x1001, 0x2001, 0x3FFF, 0x4001]
            [below(&mut prng, 12)];
        let category = [Category::AccessControl, Category::RequestError, Category::ControlSystem]
            [below(&mut prng, 3)];
        let outcome =
            [Outcome::Success, Outcome::MinorFailure, Outcome::MajorFailure][below(&mut prng, 3)];
        let failed = outcome != Outcome::Success;
        let sight = match below(&mut prng, 8) {
            0 => Sight::Refused,
            _ => Sight::Event { id, category, outcome },
        };
        let mut ear = Ear::default();
        detector.observe(&sight, Ticks::from_millis(now), &mut ear);
        let mut expected = Vec::new();
        for (index, rule) in RULES.iter().enumerate() {
            let is_event = sight != Sight::Refused;
            let (fits, threshold, window) = match rule.pattern() {
                Pattern::AccessFailures => (category == Category::AccessControl && failed, 5, 300),
                Pattern::RequestFailures => (category == Category::RequestError && failed, 6, 60),
                Pattern::ChangeFailures => (false, 3, 600),
                Pattern::UpdateFailures => (id == 0x2001 && failed, 1, 60),
                Pattern::LinkFailures => (id == 0x3FFF && failed, 6, 60),
                Pattern::SelfTestFailed => (id == 3, 1, 60),
                Pattern::BootStorm => (id == 2, 1, 60),
                Pattern::ClockWentBack => (id == 8, 1, 60),
                Pattern::NoiseFault => (id == 6, 1, 60),
                Pattern::FlashFault => (id == 4, 1, 60),
                Pattern::DamagedPage => (id == 0x0104, 1, 60),
                Pattern::LogNearlyFull => (id == 0x0101, 1, 60),
                Pattern::RecordsRefused => (!is_event, 1, 60),
                Pattern::Maker1 | Pattern::Maker2 | Pattern::Maker3 | Pattern::Maker4 | _ => {
                    panic!("{rule:?} is no rule of the house")
                }
            };
            let fits =
                if rule.pattern() == Pattern::RecordsRefused { fits } else { fits && is_event };
            if fits && naive[index].fit(now, threshold, window * 1_000) {
                expected.push(rule.pattern());
                spoken[index] += 1;
            }
        }
        let heard: Vec<_> = ear.0.iter().map(|detection| detection.pattern).collect();
        assert_eq!(heard, expected);
    }
    let silent: Vec<_> =
        RULES.iter().zip(spoken).filter(|(_, times)| *times == 0).map(|(rule, _)| rule).collect();
    assert_eq!(silent.len(), 1, "all spoke but the one whose category was not drawn: {silent:?}");
}

fn below(prng: &mut Prng, bound: usize) -> usize {
    let mut byte = [0];
    prng.fill(&mut byte);
    usize::from(byte[0]) % bound
}

/// Ten hours of every event that any rule takes, 100 a second: at most one record a rule and hour.
#[test]
fn a_flood_costs_one_record_per_rule_and_hour() {
    const HOURS: usize = 10;
    let mut detector = Detector::new(RULES);
    let (mut ear, mut records) = (Ear::default(), Vec::new());
    for second in 0..HOURS * 3_600 {
        for burst in 0..100 {
            let now = u64::try_from(second * 1_000 + burst).unwrap();
            let now = Ticks::from_millis(now);
            let id = [2, 3, 4, 6, 8, 0x0101, 0x0104, 0x2001, 0x3001, 0x4001][burst % 10];
            let category =
                [Category::AccessControl, Category::RequestError, Category::ConfigurationChange]
                    [burst % 3];
            let sight = match burst % 7 {
                0 => Sight::Refused,
                _ => Sight::Event { id, category, outcome: Outcome::MajorFailure },
            };
            detector.observe(&sight, now, &mut ear);
            while let Some(due) = detector.due() {
                records.push(due);
                detector.recorded(&due);
            }
        }
    }
    for rule in RULES {
        let count = records.iter().filter(|due| due.pattern == rule.pattern()).count();
        assert!((1..=HOURS).contains(&count), "{:?}: {count}", rule.pattern());
    }
    assert!(ear.0.len() <= RULES.len() * HOURS, "nor is the user told more often");
}

/// Bursts with pauses between, which each re-arm the rule: all are told, one an hour is recorded, none is lost count of.
#[test]
fn bursts_between_records_are_counted() {
    let mut detector = Detector::new(ONE[1]);
    let (mut ear, mut records) = (Ear::default(), Vec::new());
    for burst in 0..1_000_u64 {
        for _ in 0..2 {
            detector.observe(&event(7), Ticks::from_millis(burst * 10_000), &mut ear);
        }
        if let Some(due) = detector.due() {
            records.push(due);
            detector.recorded(&due);
        }
    }
    assert_eq!(ear.0.len(), 1_000);
    assert_eq!(records.len(), 3, "in 2 h 46 min");
    let told: Vec<_> = records.iter().map(|due| due.unrecorded).collect();
    assert_eq!(told, [0, 360, 360]);
}

/// Ticks that go back make nothing older or younger.
#[test]
fn ticks_that_go_back_stand_still() {
    let mut detector = Detector::new(ONE[2]);
    let mut ear = Ear::default();
    for now in [1_000, 0, 1_005] {
        detector.observe(&event(7), Ticks::from_millis(now), &mut ear);
    }
    assert_eq!(ear.0.len(), 1);
    let mut detector = Detector::new(ONE[2]);
    for now in [1_000, 2_000, 0, 1_500] {
        detector.observe(&event(7), Ticks::from_millis(now), &mut ear);
    }
    assert_eq!(ear.0.len(), 2, "three at tick 2,000");
    let last = Ticks::from_millis(u64::MAX);
    for _ in 0..3 {
        detector.observe(&event(7), last, &mut ear);
    }
    assert_eq!(ear.0.len(), 3);
    assert!(detector.due().unwrap().unrecorded == 1);
}
