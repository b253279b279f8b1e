//! What the boards' console acknowledged, held against what the flash file proves.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Name, Told};
use super::machine::Run;

/// Everything acknowledged so far.
#[derive(Default)]
pub(crate) struct Journal {
    told: BTreeMap<Name, Told>,
}

/// What one look at the file found.
#[derive(Default)]
pub(crate) struct Finding {
    /// Acknowledged records that had to be there.
    pub(crate) checked: u64,
    /// What is wrong, in words.
    pub(crate) wrong: Vec<String>,
    /// Acknowledged records that are not there.
    pub(crate) missing: u64,
}

impl Journal {
    /// Takes over what a run told; returns how many records it acknowledged.
    pub(crate) fn take(&mut self, run: &Run) -> Result<u64, String> {
        let mut count = 0;
        for line in run.lines.iter().filter_map(|line| line.strip_prefix("ACK ")) {
            let unreadable = || format!("unreadable line {line:?}");
            let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [session, seq, page, event] = *numbers.as_slice() else {
                return Err(unreadable());
            };
            let narrow = |number: u64| u32::try_from(number).map_err(|_| unreadable());
            let event = u16::try_from(event).map_err(|_| unreadable())?;
            let told = Told { page: narrow(page)?, event };
            if self.told.insert((narrow(session)?, seq), told).is_some() {
                return Err(format!("acknowledged twice: {line:?}"));
            }
            count += 1;
        }
        Ok(count)
    }

    /// Holds the acknowledgements against a verified log.
    pub(crate) fn hold_against(&mut self, evidence: &Evidence) -> Finding {
        // What the log's policy gave up is never looked for again.
        self.told.retain(|_, told| told.page >= evidence.floor());
        let mut finding = Finding { wrong: evidence.bad.clone(), ..Finding::default() };
        for (name, told) in &self.told {
            finding.checked += 1;
            match evidence.records.get(name) {
                Some(found) if found == told => {}
                Some(found) => finding.wrong.push(format!("{name:?} is {found:?}, not {told:?}")),
                None => {
                    finding.missing += 1;
                    finding.wrong.push(format!("{name:?} {told:?} is missing"));
                }
            }
        }
        for (session, seq) in &evidence.torn {
            if evidence.last_of(*session).is_some_and(|last| last > *seq) {
                finding.wrong.push(format!("{session} {seq} is torn and not the last of its boot"));
            }
        }
        for (name, told) in evidence.by_pump() {
            let (session, seq) = name;
            // Stored, but the power went before the console told.
            let in_flight = evidence.last_of(*session) == Some(*seq);
            if told.page >= evidence.floor() && !self.told.contains_key(name) && !in_flight {
                finding.wrong.push(format!("{name:?} {told:?} was never acknowledged"));
            }
        }
        finding
    }

    /// Forgets nothing, and expects one record more than there was: the check must notice.
    pub(crate) fn invent(&mut self) {
        let last = self.told.last_key_value().map(|(name, told)| (*name, *told));
        if let Some(((session, seq), told)) = last {
            self.told.insert((session, seq + 1_000), told);
        }
    }
}
