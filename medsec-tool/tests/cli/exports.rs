//! Exports: authentic records only, in order, with their verdict; what is left out is said.

use medsec_tool::exit::Exit;
use medsec_tool::model::{Assurance, LogReport, Verdict};
use serde_json::Value as Json;

use crate::support::{Bench, Judge, assert_harmless, good_log, hostile_log, range};

/// Session 0 is verified, session 1 modified, session 2 behind the last checkpoint.
fn mixed_log() -> LogReport {
    let mut log = good_log();
    log.ranges[1] = range(1, 6, 8, Verdict::Modified, Assurance::Unanchored);
    log.ranges.push(range(1, 9, 10, Verdict::Unanchored, Assurance::MacOnly));
    log
}

fn export(log: LogReport, format: &str, more: &[&str]) -> String {
    let bench = Bench::new(Judge::Says(log));
    let run = bench.log(&["export", "--format", format], more);
    assert!(matches!(run.exit, Exit::Ok | Exit::Negative), "{}", run.err);
    run.out
}

#[test]
fn json_holds_authentic_records_in_order() {
    let json: Json = serde_json::from_str(&export(mixed_log(), "json", &[])).unwrap();
    let numbers: Vec<_> =
        json["records"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 9, 10]);
    assert_eq!(json["verdict"], "tampered");
    assert_eq!(json["ranges"][1]["verdict"], "modified");
    assert_eq!(json["records"][6]["assurance"], "mac-only");
    assert_eq!(json["records"][2]["wall"], Json::Null);
    assert_eq!(json["records"][0]["wall"]["earliest"], "2026-01-01T00:00:01.000Z");
    assert_eq!(json["records"][0]["fields"][2]["value"], "(personal, sealed)");
}

#[test]
fn csv_names_what_is_left_out_where_it_would_be() {
    let text = export(mixed_log(), "csv", &[]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let kinds: Vec<_> = rows.iter().map(|row| (&row[0], &row[1], &row[14])).collect();
    assert_eq!(kinds[0], ("verdict", "", "tampered"));
    assert_eq!(kinds[5], ("record", "5", "verified"));
    assert_eq!(kinds[6], ("range", "6", "modified"));
    assert_eq!(kinds[7], ("record", "9", "unanchored"));
    assert_eq!(kinds.len(), 9);
    assert!(rows[1][13].contains("step=-5 ms; patient=(personal, sealed)"), "{}", &rows[1][13]);
}

/// No cell of a hostile log begins as a formula, and every row still has its columns.
#[test]
fn csv_of_a_hostile_log_is_plain_text() {
    let text = export(hostile_log(280), "csv", &[]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut count = 0;
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(row.len(), 17);
        for cell in &row {
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            assert_harmless(cell);
        }
        count += 1;
    }
    assert_eq!(count, 281);
}

/// What a collector sees of one message: parts up to the structured data, and the words.
struct Message {
    head: Vec<String>,
    elements: Vec<(String, Vec<(String, String)>)>,
    words: String,
}

/// Takes a message apart by the grammar of RFC 5424 section 6.
fn take_apart(message: &str) -> Message {
    let mut parts = message.splitn(7, ' ');
    let head: Vec<_> = parts.by_ref().take(6).map(str::to_owned).collect();
    let mut rest = parts.next().unwrap();
    let mut elements = Vec::new();
    while let Some(inside) = rest.strip_prefix('[') {
        let name_end = inside.find([' ', ']']).unwrap();
        let (name, mut tail) = inside.split_at(name_end);
        let mut params = Vec::new();
        while let Some(param) = tail.strip_prefix(' ') {
            let (key, value) = param.split_once("=\"").unwrap();
            assert!(!key.contains([' ', ']', '"']), "{key}");
            let mut text = String::new();
            let mut characters = value.char_indices();
            let end = loop {
                match characters.next().unwrap() {
                    (_, '\\') => text.push(characters.next().unwrap().1),
                    (at, '"') => break at + 1,
                    (_, ']') => panic!("bare bracket in {message}"),
                    (_, character) => text.push(character),
                }
            };
            params.push((key.to_owned(), text));
            tail = &value[end..];
        }
        rest = tail.strip_prefix(']').unwrap();
        elements.push((name.to_owned(), params));
    }
    let words = rest.strip_prefix(" \u{feff}").unwrap().to_owned();
    Message { head, elements, words }
}

#[test]
fn syslog_messages_follow_the_grammar() {
    let text = export(mixed_log(), "syslog", &[]);
    let messages: Vec<_> = text.lines().map(take_apart).collect();
    assert_eq!(messages.len(), 9);
    for message in &messages {
        assert_eq!(message.head[2], "50554d502d303030302d3030302d3031");
        assert_eq!(message.head[3], "medsec");
        assert_eq!(message.elements[0].0, "timeQuality");
        assert_eq!(message.elements.len(), 2);
    }
    assert_eq!(messages[0].head[..2], ["<105>1", "-"]);
    assert_eq!(messages[1].head[..2], ["<110>1", "2026-01-01T00:00:01.250Z"]);
    assert_eq!(messages[4].head[0], "<108>1", "a denied action is a warning");
    assert_eq!(messages[3].head[1], "-", "no time is made up");
    assert_eq!(messages[6].head[5], "RANGE");
    assert!(messages[6].words.contains("left out: modified"), "{}", messages[6].words);
    let accuracy = ("syncAccuracy".to_owned(), "250000".to_owned());
    assert_eq!(messages[1].elements[0].1[2], accuracy);
}

/// Hostile text stays inside its parameter, in one line, for both framings.
#[test]
fn syslog_of_a_hostile_log_keeps_its_messages() {
    let text = export(hostile_log(140), "syslog", &[]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 141);
    for line in &lines {
        let message = take_apart(line);
        assert_eq!(message.elements.len(), 2);
        assert_harmless(&message.words);
        assert!(message.elements[1].0.ends_with("@32473"), "{}", message.elements[1].0);
    }
    let counted = export(hostile_log(140), "syslog", &["--framing", "counted"]);
    let (mut rest, mut count) = (counted.as_str(), 0);
    while let Some((length, tail)) = rest.split_once(' ') {
        let (message, tail) = tail.split_at(length.parse().unwrap());
        assert_eq!(message, lines[count]);
        (rest, count) = (tail, count + 1);
    }
    assert_eq!(count, 141);
}
