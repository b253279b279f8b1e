//! `benches/budgets.toml`: what the images may take, and what the design aims at.

use crate::record::thousands;
use crate::shell::Shell;

const FILE: &str = "benches/budgets.toml";

/// By so much a figure may be over its budget, in per cent: less than any change that was meant.
const SLACK_PERCENT: u64 = 3;

/// A row.
#[derive(PartialEq, Eq, Debug)]
struct Row {
    target: String,
    what: String,
    maximum: u64,
}

/// The rows of the file.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Budgets {
    /// Over these, a gate fails.
    budgets: Vec<Row>,
    /// These are said to be met or missed.
    goals: Vec<Row>,
}

/// A figure that was measured on a target.
pub(crate) struct Figure {
    pub(crate) target: &'static str,
    pub(crate) what: String,
    pub(crate) value: u64,
}

impl Budgets {
    pub(crate) fn read(shell: &Shell) -> Result<Self, String> {
        let text = std::fs::read_to_string(shell.root().join(FILE));
        Self::parse(&text.map_err(|e| format!("{FILE}: {e}"))?)
    }

    /// Takes the one form that the file has: two arrays, one row to a line. Anything else is an error.
    fn parse(text: &str) -> Result<Self, String> {
        let mut read = Self::default();
        let mut rows = None;
        for line in text.lines().map(str::trim) {
            match line {
                "" => {}
                "budget = [" => rows = Some(&mut read.budgets),
                "goal = [" => rows = Some(&mut read.goals),
                "]" => rows = None,
                comment if comment.starts_with('#') => {}
                row => {
                    let row = Row::parse(row);
                    let (Some(rows), Some(row)) = (rows.as_mut(), row) else {
                        return Err(format!("{FILE}: not a row: {line}"));
                    };
                    rows.push(row);
                }
            }
        }
        Ok(read)
    }

    /// Holds the figures of a gate against the budgets: each has one, and each of the budgets whose subject (the word
    /// before the colon) was measured has a figure. Prints what can be tightened.
    pub(crate) fn judge(&self, figures: &[Figure]) -> Result<(), String> {
        let mut wrong = Vec::new();
        for Figure { target, what, value } in figures {
            let Some(row) = self.budgets.iter().find(|row| row.is(target, what)) else {
                wrong.push(format!("{what} on {target} has no budget; it is {value}"));
                continue;
            };
            let maximum = row.maximum;
            if *value > with_slack(maximum) {
                wrong.push(format!("{what} on {target}: {value}, the budget is {maximum}"));
            } else if *value < maximum {
                println!("budget: {what} on {target} can be tightened: maximum = {value}");
            }
        }
        for row in &self.budgets {
            let subject = row.what.split(':').next();
            let of_subject = |figure: &&Figure| figure.what.split(':').next() == subject;
            let measured = figures.iter().any(|figure| row.is(figure.target, &figure.what));
            if figures.iter().any(|figure| of_subject(&figure)) && !measured {
                wrong.push(format!("{} on {} has a budget and no figure", row.what, row.target));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    /// Whether a figure is so far over its budget that the gate fails.
    pub(crate) fn refuses(&self, figure: &Figure) -> bool {
        let row = self.budgets.iter().find(|row| row.is(figure.target, &figure.what));
        row.is_some_and(|row| figure.value > with_slack(row.maximum))
    }

    /// Prints which of the design's aims the figures reach; returns how many, of how many.
    pub(crate) fn goals(&self, figures: &[Figure]) -> (usize, usize) {
        let (mut met, mut all) = (0, 0);
        for Figure { target, what, value } in figures {
            if let Some(row) = self.goals.iter().find(|row| row.is(target, what)) {
                let verdict = if *value <= row.maximum { "met" } else { "MISSED" };
                let (value, maximum) = (thousands(*value), thousands(row.maximum));
                println!("goal {verdict}: {what} on {target}: {value} of at most {maximum}");
                all += 1;
                met += usize::from(verdict == "met");
            }
        }
        (met, all)
    }
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("{ target = \"")?;
        let (target, rest) = rest.split_once("\", what = \"")?;
        let (what, rest) = rest.split_once("\", maximum = ")?;
        let maximum = rest.strip_suffix(" },")?.parse().ok()?;
        Some(Self { target: target.to_owned(), what: what.to_owned(), maximum })
    }

    fn is(&self, target: &str, what: &str) -> bool {
        self.target == target && self.what == what
    }
}

const fn with_slack(maximum: u64) -> u64 {
    maximum + maximum * SLACK_PERCENT / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# why\nbudget = [\n    { target = \"t\", what = \"pump: bytes\", maximum = 1000 },\n]\n\
                        goal = [\n    { target = \"t\", what = \"pump: goal\", maximum = 10 },\n]\n";

    fn figures(value: u64) -> [Figure; 1] {
        [Figure { target: "t", what: "pump: bytes".to_owned(), value }]
    }

    #[test]
    fn three_per_cent_over_a_budget_pass_and_more_fail() {
        let budgets = Budgets::parse(TEXT).unwrap();
        for (value, passes) in [(0, true), (1000, true), (1030, true), (1031, false)] {
            assert_eq!(budgets.judge(&figures(value)).is_ok(), passes, "{value}");
            assert_eq!(budgets.refuses(&figures(value)[0]), !passes, "{value}");
        }
    }

    #[test]
    fn a_figure_without_a_budget_and_a_budget_without_a_figure_fail() {
        let none = Budgets::parse("budget = [\n]\n").unwrap();
        assert!(none.judge(&figures(1)).is_err());
        let budgets = Budgets::parse(TEXT).unwrap();
        let other = [Figure { target: "u", what: "pump: bytes".to_owned(), value: 1 }];
        assert!(budgets.judge(&other).is_err());
        // The figures of another gate are not asked of this one.
        assert_eq!(budgets.judge(&[]), Ok(()));
    }

    #[test]
    fn a_goal_is_met_at_its_figure_and_missed_above() {
        let budgets = Budgets::parse(TEXT).unwrap();
        let goal = |value| [Figure { target: "t", what: "pump: goal".to_owned(), value }];
        assert_eq!(budgets.goals(&goal(10)), (1, 1));
        assert_eq!(budgets.goals(&goal(11)), (0, 1));
        assert_eq!(budgets.goals(&figures(1)), (0, 0));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for text in ["budget = [\n{ target = \"t\", maximum = 1 },\n]\n", "maximum = 1\n"] {
            assert_eq!(Budgets::parse(text).ok(), None, "{text}");
        }
    }
}
