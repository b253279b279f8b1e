//! Cuts on one flash file, one after the other, each followed by a look at the file.

use core::fmt;
use std::collections::BTreeSet;

use super::EVENTS;
use super::SplitMix;
use super::evidence::{Evidence, Name};
use super::journal::{Finding, Journal};
use super::machine::{Cut, End, Extra, Machine, Options};
use super::tool::Tool;
use crate::record::thousands;

/// Of this many cuts, one comes while the board still boots.
const EARLY: u64 = 4;
/// After this many cuts the host tool verifies the file, too.
const TOOL_EVERY: u64 = 50;

/// What a campaign counted.
#[derive(Default)]
pub(crate) struct Counts {
    kills: u64,
    in_program: u64,
    in_erase: u64,
    words_torn: u64,
    acknowledged: u64,
    checked: u64,
    missing: u64,
    torn_tails: u64,
    words_again: u64,
    wrong: u64,
    pages: u64,
    /// Files that the tool verified, too.
    by_tool: u64,
    /// The first thing that was wrong, and after how many cuts.
    first_wrong: Option<(u64, String)>,
}

impl Counts {
    const fn inside(&self) -> u64 {
        self.in_program + self.in_erase
    }

    /// # Errors
    /// Something was wrong, or too little was tried to say so.
    pub(crate) fn judge(&self) -> Result<(), String> {
        if self.wrong != 0 || self.missing != 0 || self.words_again != 0 {
            Err(format!("{self}; {:?}", self.first_wrong))
        } else if self.inside() * 2 < self.kills {
            Err(format!("fewer than half inside flash calls: {self}"))
        } else {
            Ok(())
        }
    }

    /// What the first finding was, for a control that has to have one.
    pub(crate) fn finding(&self) -> Result<String, String> {
        let Some((kills, what)) = &self.first_wrong else {
            return Err(format!("nothing was wrong: {self}"));
        };
        println!("first finding: {what}");
        Ok(format!(
            "wrong after {kills} kills, {} acknowledged records missing, {} words programmed twice",
            self.missing, self.words_again
        ))
    }

    pub(crate) fn figures(&self) -> Vec<(String, u64)> {
        [
            ("kills", self.kills),
            ("kills inside flash calls", self.inside()),
            ("words torn", self.words_torn),
            ("records acknowledged", self.acknowledged),
            ("acknowledged records looked for", self.checked),
            ("torn tails", self.torn_tails),
            ("pages opened", self.pages),
            ("files verified by the tool", self.by_tool),
        ]
        .map(|(what, count)| (what.to_owned(), count))
        .to_vec()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, {} inside flash calls ({} programs, {} erases), {} words torn; {} records acknowledged, {} looked \
             for, {} missing, {} bad findings; {} torn tails, {} words programmed twice, {} pages opened, \
             {} files verified by the tool",
            thousands(self.kills),
            thousands(self.inside()),
            thousands(self.in_program),
            thousands(self.in_erase),
            thousands(self.words_torn),
            thousands(self.acknowledged),
            thousands(self.checked),
            self.missing,
            self.wrong,
            thousands(self.torn_tails),
            self.words_again,
            thousands(self.pages),
            self.by_tool,
        )
    }
}

/// A board, its flash file, and what was acknowledged on it.
pub(crate) struct Campaign<'a> {
    machine: &'a Machine,
    tool: Option<&'a Tool>,
    journal: Journal,
    random: SplitMix,
    counts: Counts,
    /// Records found torn, each counted once.
    torn: BTreeSet<Name>,
    /// Clock ticks of a run without a cut.
    span: u64,
}

impl<'a> Campaign<'a> {
    /// On a new part, after one run without a cut.
    pub(crate) fn new(
        machine: &'a Machine,
        tool: Option<&'a Tool>,
        seed: u64,
    ) -> Result<Self, String> {
        machine.format(seed)?;
        let (journal, counts) = (Journal::default(), Counts::default());
        let mut campaign = Self {
            machine,
            tool,
            journal,
            random: SplitMix(seed),
            counts,
            torn: BTreeSet::new(),
            span: 0,
        };
        campaign.boot(None)?;
        Ok(campaign)
    }

    /// Cuts the power until `kills` cuts are done.
    pub(crate) fn cut(&mut self, kills: u64) -> Result<(), String> {
        while self.counts.kills < kills {
            self.cut_once()?;
        }
        Ok(())
    }

    /// Cuts the power until something is wrong, but no more than `kills` times.
    pub(crate) fn cut_until_wrong(&mut self, kills: u64) -> Result<&Counts, String> {
        while self.counts.kills < kills && self.counts.first_wrong.is_none() {
            self.cut_once()?;
        }
        Ok(&self.counts)
    }

    fn cut_once(&mut self) -> Result<(), String> {
        if self.counts.kills.is_multiple_of(TOOL_EVERY) {
            self.ask_tool()?;
        }
        let early = self.random.below(EARLY) == 0;
        let span = if early { self.span / 8 } else { self.span };
        let kill = self.random.below(span).max(1);
        self.boot(Some(kill))
    }

    fn boot(&mut self, kill: Option<u64>) -> Result<(), String> {
        let seed = self.random.next() >> 1;
        let options = Options { kill, seed, events: EVENTS, extra: Extra::Nothing };
        let run = self.machine.boot(options)?;
        self.counts.acknowledged += self.journal.take(&run)?;
        let mut finding = Finding::default();
        match run.end() {
            Ok(End::Done) if kill.is_some() => {}
            Ok(End::Done) => self.span = run.figure("TIME ", 0)?,
            Ok(End::Cut(cut)) => self.count(cut),
            Ok(End::Panicked) => finding.wrong.push("the firmware panicked".to_owned()),
            Err(why) => finding.wrong.push(why),
        }
        let again = run.figure("FLASH words ", 2).unwrap_or(0);
        self.counts.words_again += again;
        if again != 0 {
            finding.wrong.push(format!("{again} words programmed twice"));
        }
        let evidence = Evidence::of(&self.machine.flash()?)?;
        self.counts.pages = evidence.head_page.into();
        let held = self.journal.hold_against(&evidence);
        finding.wrong.extend(held.wrong);
        self.counts.checked += held.checked;
        self.counts.missing += held.missing;
        self.torn.extend(&evidence.torn);
        self.counts.torn_tails = u64::try_from(self.torn.len()).map_err(|e| e.to_string())?;
        self.counts.wrong += u64::try_from(finding.wrong.len()).map_err(|e| e.to_string())?;
        if self.counts.first_wrong.is_none()
            && let Some(first) = finding.wrong.first()
        {
            self.machine.keep_flash("wrong.bin")?;
            self.counts.first_wrong = Some((self.counts.kills, format!("{first} ({options:?})")));
        }
        Ok(())
    }

    /// What the tool says of the file must be what was said here.
    fn ask_tool(&mut self) -> Result<(), String> {
        let Some(tool) = self.tool else { return Ok(()) };
        let said = tool.verify_flash()?;
        self.counts.by_tool += 1;
        println!("{} kills so far", self.counts.kills);
        let proven = Evidence::of(&self.machine.flash()?)?.records.len();
        if u64::try_from(proven).is_ok_and(|proven| proven == said) {
            Ok(())
        } else {
            Err(format!("the tool finds {said} records, the verifier {proven}"))
        }
    }

    const fn count(&mut self, cut: Cut) {
        self.counts.kills += 1;
        match cut {
            Cut::Outside => {}
            Cut::Program { torn } => {
                self.counts.in_program += 1;
                self.counts.words_torn += torn;
            }
            Cut::Erase { torn } => {
                self.counts.in_erase += 1;
                self.counts.words_torn += torn;
            }
        }
    }

    /// What was counted. Before, the check shows that it can fail: one more record is expected than was ever stored.
    pub(crate) fn finish(mut self) -> Result<Counts, String> {
        self.ask_tool()?;
        let evidence = Evidence::of(&self.machine.flash()?)?;
        self.journal.invent();
        match self.journal.hold_against(&evidence).missing {
            1 => Ok(self.counts),
            missing => Err(format!("control: 1 record invented, {missing} missed")),
        }
    }
}
