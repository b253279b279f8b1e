//! Detection of attacks and failures: rules over what is recorded, in bounded memory.
//!
//! # Purpose
//! A log tells afterwards. A [`Detector`] sees each event as it is recorded, and tells a [`Watcher`] when a rule is met:
//! five failed logins within five minutes, a noise source that failed, a record that the log refused. It decides nothing:
//! medsec does the same before and after a detection.
//!
//! # When a rule is met
//! A rule names what it looks for, a count and a window. With each event that fits:
//! 1. A rule that has spoken may speak again when no event fitted for longer than its window, or [`REPEAT_MS`] after it
//!    spoke. So a burst is told of once, and one without an end once an hour.
//! 2. If the rule may speak and at least that count of events, this one among them, lie within the window, it speaks.
//!
//! Windows are exact, not buckets: a burst is not missed because it lies across a border.
//!
//! # What is recorded
//! A detection is due for a record ([`Detector::due`]), at most one per rule in [`REPEAT_MS`]; what was found in between
//! is counted in the next. So a flood of events costs at most [`RULES_MAX`] records an hour, and cannot wear the flash
//! out. All is in RAM: a boot begins anew. What outlasts boots is an event by itself, such as
//! [`medsec_core::event::SystemEvent::BootStorm`].
//!
//! # Limits
//! A [`Detector`] takes at most [`STATE_BYTES_MAX`] bytes. A call takes [`RULES_MAX`] ×
//! [`THRESHOLD_MAX`] steps at most; there is no allocation and no flash access.
//!
//! # Source
//! IEC 62443-4-2 CR 6.2 (continuous monitoring); FDA premarket cybersecurity guidance, appendix 1 F and G.

use medsec_core::event::{
    Category, Count, Event, Outcome, Pattern, RecordError, Severity, SystemEvent,
};
use medsec_core::time::Ticks;

use crate::hal::Watcher;

/// Most rules of one table.
pub const RULES_MAX: usize = 16;
/// Most events that a rule counts.
pub const THRESHOLD_MAX: u8 = 6;
/// As many events as [`THRESHOLD_MAX`], for an array.
const EVENTS_KEPT: usize = 6;
/// A rule is recorded at most once in this time, in milliseconds, and a burst without an end is told of anew.
pub const REPEAT_MS: u32 = 3_600_000;
/// Most bytes of a detector's state.
pub const STATE_BYTES_MAX: usize = 640;

/// What a rule looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Trigger {
    /// The event with this id, however it ended.
    Event(u16),
    /// An event of this category that did not end in success.
    Failure(Category),
    /// An event with an id from the first to the last, both included, that did not end in success.
    FailureWithin(u16, u16),
    /// The log refused a record for good.
    Refused,
}

/// One rule: so many events of a kind within a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    pattern: Pattern,
    trigger: Trigger,
    threshold: u8,
    window_ms: u32,
    severity: Severity,
}

impl Rule {
    /// `threshold` events that `trigger` takes, within `window_ms`, are `pattern`.
    ///
    /// # Panics
    /// In a `const`, which then does not compile, when `threshold` is 0 or above [`THRESHOLD_MAX`], or `window_ms` is 0 or
    /// above [`REPEAT_MS`]. It is not for use at run time.
    #[must_use]
    pub const fn new(
        pattern: Pattern,
        trigger: Trigger,
        threshold: u8,
        window_ms: u32,
        severity: Severity,
    ) -> Self {
        assert!(threshold > 0, "a rule counts no event");
        assert!(threshold <= THRESHOLD_MAX, "a rule counts more events than there is room for");
        assert!(window_ms > 0 && window_ms <= REPEAT_MS, "a rule's window is empty or too long");
        Self { pattern, trigger, threshold, window_ms, severity }
    }

    /// What it is called in records.
    #[must_use]
    pub const fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    fn takes(&self, sight: &Sight) -> bool {
        match (self.trigger, sight) {
            (Trigger::Event(id), Sight::Event { id: seen, .. }) => id == *seen,
            (Trigger::Failure(category), Sight::Event { category: seen, outcome, .. }) => {
                category == *seen && *outcome != Outcome::Success
            }
            (Trigger::FailureWithin(first, last), Sight::Event { id, outcome, .. }) => {
                first <= *id && *id <= last && *outcome != Outcome::Success
            }
            (Trigger::Refused, Sight::Refused) => true,
            (
                Trigger::Event(_) | Trigger::Failure(_) | Trigger::FailureWithin(..),
                Sight::Refused,
            )
            | (Trigger::Refused, Sight::Event { .. }) => false,
        }
    }
}

/// The rules of a device whose maker states none. A maker's own table may take them over with others beside them.
///
/// Bursts are those of a person who tries, and of a program that tries; single events are what must not happen at all.
pub const RULES: &[Rule] = checked(&[
    Rule::new(
        Pattern::AccessFailures,
        Trigger::Failure(Category::AccessControl),
        5,
        300_000,
        Severity::Warning,
    ),
    Rule::new(
        Pattern::RequestFailures,
        Trigger::Failure(Category::RequestError),
        6,
        60_000,
        Severity::Warning,
    ),
    Rule::new(
        Pattern::ChangeFailures,
        Trigger::Failure(Category::ConfigurationChange),
        3,
        600_000,
        Severity::Warning,
    ),
    Rule::new(
        Pattern::UpdateFailures,
        Trigger::FailureWithin(0x2000, 0x2FFF),
        1,
        60_000,
        Severity::Alert,
    ),
    Rule::new(
        Pattern::LinkFailures,
        Trigger::FailureWithin(0x3000, 0x3FFF),
        6,
        60_000,
        Severity::Warning,
    ),
    Rule::new(Pattern::SelfTestFailed, Trigger::Event(0x0003), 1, 60_000, Severity::Alert),
    Rule::new(Pattern::BootStorm, Trigger::Event(0x0002), 1, 60_000, Severity::Alert),
    Rule::new(Pattern::ClockWentBack, Trigger::Event(0x0008), 1, 60_000, Severity::Warning),
    Rule::new(Pattern::NoiseFault, Trigger::Event(0x0006), 1, 60_000, Severity::Alert),
    Rule::new(Pattern::FlashFault, Trigger::Event(0x0004), 1, 60_000, Severity::Alert),
    Rule::new(Pattern::DamagedPage, Trigger::Event(0x0104), 1, 60_000, Severity::Alert),
    Rule::new(Pattern::LogNearlyFull, Trigger::Event(0x0101), 1, 60_000, Severity::Notice),
    Rule::new(Pattern::RecordsRefused, Trigger::Refused, 1, 60_000, Severity::Alert),
]);

/// Refuses a table that is too long, or in which two rules have one pattern. Called in a `const`, so that the table does
/// not compile.
///
/// ```compile_fail,E0080
/// use medsec_audit::detect::{RULES, Rule, checked};
/// const TWICE: &[Rule] = checked(&[RULES[0], RULES[0]]);
/// # let _ = TWICE;
/// ```
///
/// # Panics
/// In a `const`, which then does not compile. It is not for use at run time.
#[must_use]
pub const fn checked(rules: &'static [Rule]) -> &'static [Rule] {
    assert!(rules.len() <= RULES_MAX, "there are more rules than there is room for");
    let mut rest = rules;
    while let Some((first, others)) = rest.split_first() {
        let mut tail = others;
        while let Some((other, more)) = tail.split_first() {
            assert!(first.pattern.code() != other.pattern.code(), "two rules have one pattern");
            tail = more;
        }
        rest = others;
    }
    rules
}

/// What a detector is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Sight {
    /// An event, as it was handed to the log.
    Event {
        /// Its id.
        id: u16,
        /// Its category.
        category: Category,
        /// How it ended.
        outcome: Outcome,
    },
    /// A record that the log refused for good.
    Refused,
}

impl Sight {
    /// `event`, whatever became of its record.
    #[must_use]
    pub fn of<E: Event>(event: &E) -> Self {
        Self::Event { id: event.id(), category: event.category(), outcome: event.outcome() }
    }
}

/// A rule was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Detection {
    /// What was found.
    pub pattern: Pattern,
    /// How much it matters.
    pub severity: Severity,
    /// Events that were counted: the rule's threshold.
    pub events: u8,
    /// How often the rule spoke since its last record, this time not counted.
    pub unrecorded: u32,
}

impl Detection {
    /// The event that records it.
    #[must_use]
    pub fn event(&self) -> SystemEvent {
        SystemEvent::Detected {
            pattern: self.pattern,
            severity: self.severity,
            events: Count::new(u32::from(self.events)),
            unrecorded: Count::new(self.unrecorded),
        }
    }
}

/// Longer ago than anything that counts, or never.
const LONG_AGO: u32 = u32::MAX;

/// What is kept of one rule. Ages are milliseconds before the detector's present.
#[derive(Clone, Copy)]
struct Memory {
    /// Of the newest events that fitted, newest first.
    events: [u32; EVENTS_KEPT],
    /// Since it spoke, if it may not speak again yet.
    spoke: u32,
    /// Since it was recorded.
    recorded: u32,
    /// How often it spoke since it was recorded.
    times: u16,
    due: bool,
    silent: bool,
}

impl Memory {
    const NEW: Self = Self {
        events: [LONG_AGO; EVENTS_KEPT],
        spoke: LONG_AGO,
        recorded: LONG_AGO,
        times: 0,
        due: false,
        silent: false,
    };

    fn age(&mut self, elapsed_ms: u32) {
        for age in &mut self.events {
            *age = age.saturating_add(elapsed_ms);
        }
        self.spoke = self.spoke.saturating_add(elapsed_ms);
        self.recorded = self.recorded.saturating_add(elapsed_ms);
    }

    /// Takes an event that fits `rule`, now. Says whether the rule is met and may speak.
    fn take(&mut self, rule: &Rule) -> bool {
        let newest = self.events.first().copied().unwrap_or(LONG_AGO);
        if newest > rule.window_ms || self.spoke > REPEAT_MS {
            self.silent = false;
        }
        self.events.rotate_right(1);
        if let Some(first) = self.events.first_mut() {
            *first = 0;
        }
        let oldest = usize::from(rule.threshold).checked_sub(1);
        let oldest = oldest.and_then(|index| self.events.get(index)).copied().unwrap_or(LONG_AGO);
        if self.silent || oldest > rule.window_ms {
            return false;
        }
        self.silent = true;
        self.spoke = 0;
        self.due = self.due || self.recorded > REPEAT_MS;
        true
    }

    fn detection(&self, rule: &Rule) -> Detection {
        Detection {
            pattern: rule.pattern,
            severity: rule.severity,
            events: rule.threshold,
            unrecorded: u32::from(self.times),
        }
    }
}

/// Watches what is recorded, by a table of rules.
pub struct Detector {
    rules: &'static [Rule],
    memories: [Memory; RULES_MAX],
    now: Ticks,
}

const _: () = assert!(size_of::<Detector>() <= STATE_BYTES_MAX);

impl Detector {
    /// A detector that has seen nothing yet. Of a table longer than [`RULES_MAX`] it takes the first rules; [`checked`]
    /// does not let one compile.
    #[must_use]
    pub const fn new(rules: &'static [Rule]) -> Self {
        Self { rules, memories: [Memory::NEW; RULES_MAX], now: Ticks::from_millis(0) }
    }

    /// Sees `sight` at `now`, and tells `watcher` what follows. Ticks that go back count as standing still.
    pub fn observe<W: Watcher>(&mut self, sight: &Sight, now: Ticks, watcher: &mut W) {
        let elapsed = u32::try_from(now.millis_since(self.now)).unwrap_or(u32::MAX);
        self.now = self.now.max(now);
        for (rule, memory) in self.rules.iter().zip(&mut self.memories) {
            memory.age(elapsed);
            if rule.takes(sight) && memory.take(rule) {
                watcher.on_detection(&memory.detection(rule));
                memory.times = memory.times.saturating_add(1);
            }
        }
    }

    /// Sees what became of an append of `event` at `now`, and tells `watcher` what follows. An event that is to be
    /// appended again ([`RecordError::NotReady`]) counts when it is.
    pub fn observe_append<E: Event, T, W: Watcher>(
        &mut self,
        event: &E,
        result: &Result<T, RecordError>,
        now: Ticks,
        watcher: &mut W,
    ) {
        match result {
            Ok(_) => self.observe(&Sight::of(event), now, watcher),
            Err(RecordError::NotReady) => {}
            Err(_) => {
                self.observe(&Sight::of(event), now, watcher);
                self.observe(&Sight::Refused, now, watcher);
            }
        }
    }

    /// A detection that is due for a record. It stays due until [`Detector::recorded`] or [`Detector::refused`].
    #[must_use]
    pub fn due(&self) -> Option<Detection> {
        let mut all = self.rules.iter().zip(&self.memories);
        let (rule, memory) = all.find(|(_, memory)| memory.due)?;
        let unrecorded = u32::from(memory.times.saturating_sub(1));
        Some(Detection { unrecorded, ..memory.detection(rule) })
    }

    /// `detection` was recorded just now.
    pub fn recorded(&mut self, detection: &Detection) {
        if let Some(memory) = self.memory(detection) {
            (memory.due, memory.recorded, memory.times) = (false, 0, 0);
        }
    }

    /// The log refused `detection` for good. It is not tried again; the next of its rule counts it.
    pub fn refused(&mut self, detection: &Detection) {
        if let Some(memory) = self.memory(detection) {
            memory.due = false;
        }
    }

    fn memory(&mut self, detection: &Detection) -> Option<&mut Memory> {
        let mut all = self.rules.iter().zip(&mut self.memories);
        all.find(|(rule, _)| rule.pattern == detection.pattern).map(|(_, memory)| memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_the_rules_are_those_of_the_catalogue() {
        for (pattern, name) in [
            (Pattern::SelfTestFailed, "SelfTestFailed"),
            (Pattern::BootStorm, "BootStorm"),
            (Pattern::ClockWentBack, "ClockWentBack"),
            (Pattern::NoiseFault, "RngFault"),
            (Pattern::FlashFault, "FlashFault"),
            (Pattern::DamagedPage, "DamagedPage"),
            (Pattern::LogNearlyFull, "LogNearlyFull"),
        ] {
            let info = SystemEvent::CATALOGUE.iter().find(|info| info.name == name).unwrap();
            let rule = RULES.iter().find(|rule| rule.pattern == pattern).unwrap();
            assert_eq!(rule.trigger, Trigger::Event(info.id), "{name}");
        }
    }

    #[test]
    fn there_is_room_for_as_many_events_as_a_rule_may_count() {
        assert_eq!(usize::from(THRESHOLD_MAX), EVENTS_KEPT);
    }
}
