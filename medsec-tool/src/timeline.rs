//! The time line of a report: where in the log each verdict holds.
//!
//! Lanes, one for each verdict that occurs, keep verdicts apart without colour. The axis counts records: it is the one
//! order that a log always has. All figures are whole units of the drawing, so that a report is the same everywhere.

use crate::model::{Assurance, LogReport, RangeRow, Verdict};
use crate::text::{grouped, record_span};

/// Width of the plotted part.
const WIDTH: u64 = 800;
/// Left of the plotted part, for the names of the lanes.
const LEFT: u64 = 190;
const LANE_HEIGHT: u64 = 26;
/// A bar is never narrower, so that one record among millions is still seen.
const BAR_WIDTH_MIN: u64 = 3;
/// Marks of session starts; with more they would blacken the drawing and are left out.
const SESSION_MARKS_MAX: usize = 200;

/// One bar.
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) width: u64,
    pub(crate) title: String,
}

/// All bars of one verdict.
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
    pub(crate) y: u64,
    pub(crate) text_y: u64,
    pub(crate) bars: Vec<Bar>,
}

/// The drawing.
pub(crate) struct Timeline {
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) left: u64,
    pub(crate) axis_y: u64,
    pub(crate) label_y: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) session_marks: Vec<u64>,
    pub(crate) description: String,
}

/// Draws `report`; nothing if it has no ranges.
pub(crate) fn draw(report: &LogReport) -> Option<Timeline> {
    let records = || report.ranges.iter().filter(|range| !range.is_place());
    let first = records().map(|range| range.first_seq).min()?;
    let last = records().map(|range| range.last_seq).max()?;
    let scale = Scale { first, span: last.saturating_sub(first).saturating_add(1) };
    let lanes = lanes(report, scale);
    let axis_y = LANE_HEIGHT * u64::try_from(lanes.len()).unwrap_or(0);
    let session_marks = if report.sessions.len() > SESSION_MARKS_MAX {
        Vec::new()
    } else {
        report.sessions.iter().map(|session| scale.x(session.first_seq)).collect()
    };
    Some(Timeline {
        width: LEFT + WIDTH + BAR_WIDTH_MIN,
        height: axis_y + LANE_HEIGHT,
        left: LEFT,
        axis_y,
        label_y: axis_y + 18,
        first: grouped(first),
        last: grouped(last),
        description: describe(&lanes),
        lanes,
        session_marks,
    })
}

#[derive(Clone, Copy)]
struct Scale {
    first: u64,
    span: u64,
}

impl Scale {
    fn x(self, seq: u64) -> u64 {
        let part = u128::from(seq.saturating_sub(self.first)) * u128::from(WIDTH);
        LEFT + u64::try_from(part / u128::from(self.span.max(1))).unwrap_or(WIDTH).min(WIDTH)
    }
}

fn lanes(report: &LogReport, scale: Scale) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for verdict in Verdict::ALL {
        // What the log key alone vouches for is not drawn as if the device had signed it.
        let is_mac = |range: &RangeRow| range.assurance == Assurance::MacOnly;
        let split =
            [("verified, signed", "verified", false), ("verified, log key", "mac-only", true)];
        let one = [(verdict.words(), verdict.id(), false)];
        let kinds = if verdict == Verdict::Verified { &split[..] } else { &one[..] };
        for (name, class, mac) in kinds {
            let bars = bars(report, scale, |range| {
                let is_kind = verdict != Verdict::Verified || is_mac(range) == *mac;
                range.verdict == verdict && is_kind && !range.is_end()
            });
            if bars.is_empty() {
                continue;
            }
            let y = LANE_HEIGHT * u64::try_from(lanes.len()).unwrap_or(0);
            lanes.push(Lane { name, class, y: y + 4, text_y: y + 17, bars });
        }
    }
    lanes
}

/// Bars of one lane. Ranges that would be drawn over each other become one bar that names them all.
fn bars(report: &LogReport, scale: Scale, belongs: impl Fn(&RangeRow) -> bool) -> Vec<Bar> {
    let mut bars: Vec<(Bar, u64, u64)> = Vec::new();
    for range in report.ranges.iter().filter(|range| belongs(range)) {
        let x = scale.x(range.first_seq);
        let end = scale.x(range.last_seq.saturating_add(1)).max(x + BAR_WIDTH_MIN);
        match bars.last_mut() {
            Some((bar, first, last)) if x <= bar.x + bar.width && x >= bar.x => {
                bar.width = bar.width.max(end - bar.x);
                *last = range.last_seq.max(*last);
                bar.title = format!("{}, several ranges", record_span(*first, *last));
            }
            Some(_) | None => {
                let title = record_span(range.first_seq, range.last_seq);
                let bar = Bar { x, width: end - x, title };
                bars.push((bar, range.first_seq, range.last_seq));
            }
        }
    }
    bars.into_iter().map(|(bar, _, _)| bar).collect()
}

fn describe(lanes: &[Lane]) -> String {
    let lanes: Vec<_> = lanes
        .iter()
        .map(|lane| match lane.bars.as_slice() {
            [bar] => format!("{}: {}", lane.name, bar.title),
            bars => format!("{}: {} places", lane.name, bars.len()),
        })
        .collect();
    lanes.join("; ")
}
