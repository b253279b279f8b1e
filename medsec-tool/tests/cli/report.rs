//! The report holds its structure against whatever a device calls things.

use std::rc::Rc;

use html5ever::tendril::TendrilSink as _;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use medsec_tool::exit::Exit;
use medsec_tool::model::{Assurance, LogReport, Value, Verdict};

use crate::support::{
    Bench, HOSTILE, Judge, assert_harmless, good_log, hostile_log, range, record,
};

fn report(log: LogReport) -> String {
    let bench = Bench::new(Judge::Says(log));
    let run = bench.log(&["report"], &["-o", "@out.html"]);
    assert!(matches!(run.exit, Exit::Ok | Exit::Negative), "{}", run.err);
    bench.text("out.html")
}

fn parse(html: &str) -> RcDom {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    assert_eq!(dom.errors.borrow().len(), 0, "{:?}", dom.errors.borrow());
    dom
}

/// Names and attribute names of all elements, in order, and all text.
fn flatten(node: &Handle, elements: &mut Vec<String>, text: &mut String) {
    let mut nodes = vec![Rc::clone(node)];
    while let Some(node) = nodes.pop() {
        match &node.data {
            NodeData::Element { name, attrs, .. } => {
                let attrs: Vec<_> =
                    attrs.borrow().iter().map(|attr| attr.name.local.to_string()).collect();
                elements.push(format!("{} {}", name.local, attrs.join(" ")));
            }
            NodeData::Text { contents } => text.push_str(&contents.borrow()),
            NodeData::Comment { .. } => elements.push("comment".to_owned()),
            NodeData::Document
            | NodeData::Doctype { .. }
            | NodeData::ProcessingInstruction { .. } => {}
        }
        nodes.extend(node.children.borrow().iter().rev().map(Rc::clone));
    }
}

pub(crate) fn structure(html: &str) -> (Vec<String>, String) {
    let (mut elements, mut text) = (Vec::new(), String::new());
    flatten(&parse(html).document, &mut elements, &mut text);
    (elements, text)
}

/// The same log with harmless words has the same elements with the same attributes, none of which runs or loads anything.
#[test]
fn thousands_of_hostile_names_do_not_change_the_structure() {
    let hostile = hostile_log(3_000);
    let mut harmless = hostile.clone();
    for record in &mut harmless.records {
        (record.name, record.category) = ("name".into(), "category".into());
        record.fields = vec![("field".into(), Value::Text("value".into()))];
    }
    harmless.notes = vec!["note".into(); HOSTILE.len()];
    let html = report(hostile);
    let (elements, text) = structure(&html);
    let (expected, _) = structure(&report(harmless));
    assert!(elements == expected, "the structure changed");
    assert!(elements.len() > 30_000);
    for word in ["script ", "iframe ", "img ", "link ", "object ", "comment", "a "] {
        assert!(!elements.iter().any(|element| element.starts_with(word)), "{word}");
    }
    assert!(!elements.iter().any(|element| element.contains(" on")), "an event handler");
    assert_harmless(&html);
    assert_harmless(&text);
    assert!(text.contains("</td></tr></table><script>alert(1)</script>"), "the text is shown");
    assert!(text.contains("abc[U+202E]gnp.exe"));
}

/// One file: no address, no source, no import.
#[test]
fn the_report_loads_nothing() {
    let html = report(good_log());
    for word in ["http:", "https:", " src=", " href=", "@import", "url("] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'"));
}

/// The verdict is the first text of the page, in words; tables have captions and column heads; the page has landmarks.
#[test]
fn the_report_can_be_read_without_eyes() {
    let mut log = good_log();
    log.ranges.push(range(2, 11, 12, Verdict::Gap, Assurance::Unanchored));
    let html = report(log);
    let (elements, _) = structure(&html);
    let count = |name: &str| {
        elements.iter().filter(|element| element.split(' ').next() == Some(name)).count()
    };
    assert_eq!(["main", "header", "footer", "h1", "figcaption"].map(count), [1; 5]);
    assert_eq!(count("table"), count("caption"));
    assert!(html.contains("role=\"img\" aria-labelledby=\"line-title line-text\""));
    let body = html.find("<body>").unwrap();
    let verdict = html.find("TAMPERED: records 11 to 12 missing (page 4, byte 96)</h1>").unwrap();
    assert!(body < verdict && !html[body..verdict].contains("<p"));
    assert!(html.contains("lang=\"en\"") && html.contains("@media print"));
}

/// Records of ranges that are not authentic are not shown; personal fields are shown as sealed.
#[test]
fn only_authentic_records_are_shown() {
    let mut log = good_log();
    log.ranges[1].verdict = Verdict::Modified;
    log.records[7].name = "planted".into();
    log.records.push(record(99, 7));
    log.records[10].name = "unplaced".into();
    let html = report(log);
    assert!(!html.contains("planted") && !html.contains("unplaced"));
    assert!(html.contains("E0216"));
    assert!(html.contains("<small>patient</small> (personal, sealed)"));
}

/// The same log gives the same bytes.
#[test]
fn reports_are_reproducible() {
    let bench = Bench::new(Judge::Says(good_log()));
    for name in ["@a.html", "@b.html"] {
        assert_eq!(bench.log(&["report"], &["-o", name]).exit, Exit::Ok);
    }
    assert_eq!(bench.text("a.html"), bench.text("b.html"));
}

/// No template switches the escaping off.
#[test]
fn no_template_escapes_escaping() {
    let mut count = 0;
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    for entry in std::fs::read_dir(templates).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "html", "escaping goes by the name's ending");
        let text = std::fs::read_to_string(path).unwrap();
        // Filters, `safe` among them, begin with a bar.
        for word in ["|", "escape", "{% filter", "<script"] {
            assert!(!text.contains(word), "{word}");
        }
        count += 1;
    }
    assert!(count > 0);
    let source = include_str!("../../src/report.rs");
    assert!(!source.contains("escape =") && !source.contains("Safe") && !source.contains("ext ="));
}

/// A log in ten thousand pieces is drawn in a bounded number of bars.
#[test]
fn the_time_line_is_bounded() {
    let mut log = good_log();
    log.ranges = (0..10_000_u32)
        .map(|index| {
            let verdict = if index % 2 == 0 { Verdict::Verified } else { Verdict::Gap };
            range(0, u64::from(index) + 1, u64::from(index) + 1, verdict, Assurance::Signed)
        })
        .collect();
    let html = report(log);
    assert!(html.matches("<rect").count() <= 1_600);
}
