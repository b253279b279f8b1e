//! De-identified exports: who, whose and when is gone; what belongs together stays together, within one export only.

use std::collections::BTreeSet;

use medsec_core::time::{TimeSource, WallTime};
use medsec_tool::exit::Exit;
use medsec_tool::model::{Assurance, LogReport, Value, Verdict};
use serde_json::Value as Json;

use crate::support::{Bench, Judge, good_log, hostile_log, range};

const FORMATS: [&str; 3] = ["json", "csv", "syslog"];
/// In hexadecimal, as an export that is not de-identified has them.
const DEVICE: &str = "50554d502d303030302d3030302d3031";
const ACTOR: &str = "abababababababab";
const OTHER: &str = "cdcdcdcdcdcdcdcd";

/// Two people at one device, in numbers that do not begin at 1.
fn log() -> LogReport {
    let mut log = good_log();
    for range in &mut log.ranges {
        (range.session, range.first_seq, range.last_seq) =
            (range.session + 70, range.first_seq + 4_000, range.last_seq + 4_000);
        (range.place.page, range.place.offset) = (31_337, 2_718);
    }
    for record in &mut log.records {
        (record.session, record.seq) = (record.session + 70, record.seq + 4_000);
        record.ticks_ms = 7_654_321;
        (record.place.page, record.place.offset) = (31_337, 2_718);
        if record.seq == 4_002 {
            record.fields[4].1 = Value::Bytes([0xcd; 8]);
        }
        let (source, uncertainty_seconds) = (TimeSource::Person, 60);
        let time = WallTime { unix_seconds: 1_767_312_000, source, uncertainty_seconds };
        record.fields.push(("set to".into(), Value::Time(time)));
    }
    log
}

fn export(bench: &Bench, format: &str, more: &[&str]) -> String {
    let mut args = vec!["--de-identified"];
    args.extend(more);
    let run = bench.log(&["export", "--format", format], &args);
    assert!(matches!(run.exit, Exit::Ok | Exit::Negative), "{}", run.err);
    run.out
}

/// All runs of 24 hexadecimal digits: the pseudonyms.
fn pseudonyms(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_ascii_hexdigit())
        .filter(|word| word.len() == 24 && word.chars().all(|letter| !letter.is_uppercase()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_says_who_whose_and_when_is_gone() {
    let bench = Bench::new(Judge::Says(log()));
    for format in FORMATS {
        let whole = bench.log(&["export", "--format", format], &[]).out;
        let mut text = export(&bench, format, &[]);
        // A pseudonym may hold any digits.
        for pseudonym in pseudonyms(&text) {
            text = text.replace(&pseudonym, "");
        }
        // Each is in the whole export, or the search would prove nothing.
        for (told, in_whole) in [
            (DEVICE, true),
            (ACTOR, true),
            (OTHER, true),
            ("2026-01-01T00:00:01", true),
            ("2026-01-02T00:00:00", true),
            ("patient", true),
            ("(personal", true),
            ("comment", true),
            ("7654321", true),
            ("4001", true),
            ("31337", true),
            ("4,001", true),
            ("logSha256", format == "syslog"),
            ("log_sha256", format == "json"),
        ] {
            if in_whole {
                assert!(whole.contains(told), "{format}: {told}\n{whole}");
            }
            assert!(!text.contains(told), "{format}: {told}\n{text}");
        }
        assert!(text.contains("2026") && text.contains("7620000"), "{format}: {text}");
        assert!(text.contains("dose changed") && text.contains("120"), "{format}");
        assert!(text.contains("-5 ms"), "{format}: a measured value stays");
    }
}

/// Within an export an id is one pseudonym throughout, and two ids are two; in the next export none of them is the same.
#[test]
fn what_belongs_together_stays_together_within_an_export_only() {
    let bench = Bench::new(Judge::Says(log()));
    let mut all = BTreeSet::new();
    let mut count = 0;
    for format in FORMATS {
        for _ in 0..3 {
            let text = export(&bench, format, &[]);
            let found = pseudonyms(&text);
            assert_eq!(found.len(), 3, "the device and two people: {text}");
            count += found.len();
            all.extend(found);
        }
    }
    assert_eq!(all.len(), count, "a pseudonym came twice");
    let json: Json = serde_json::from_str(&export(&bench, "json", &[])).unwrap();
    let actor = |index: usize| json["records"][index]["fields"][2]["value"].as_str().unwrap();
    assert_eq!(json["records"][0]["fields"][2]["kind"], "pseudonym");
    for index in [2, 3, 9] {
        assert_eq!(actor(0), actor(index));
    }
    assert_ne!(actor(0), actor(1));
    assert_ne!(actor(0), json["device"].as_str().unwrap());
}

#[test]
fn times_are_whole_years_or_kept_by_choice() {
    let bench = Bench::new(Judge::Says(log()));
    let json: Json = serde_json::from_str(&export(&bench, "json", &[])).unwrap();
    let record = &json["records"][0];
    assert_eq!(json["times"], "year");
    assert_eq!(record["wall"]["earliest"], "2026-01-01T00:00:00.000Z");
    assert_eq!(record["wall"]["latest"], "2026-12-31T23:59:59.999Z");
    assert_eq!(record["ticks_ms"], 7_620_000);
    assert_eq!(record["fields"][3]["value"], "2026");
    assert_eq!((&record["seq"], &record["session"]), (&1.into(), &1.into()));
    assert_eq!(json["records"][9]["seq"], 10);
    assert_eq!(json["ranges"][1]["first_seq"], 6);
    for line in export(&bench, "syslog", &[]).lines() {
        assert_eq!(line.split(' ').nth(1), Some("-"), "a year is no time of a message: {line}");
    }
    for format in FORMATS {
        let text = export(&bench, format, &["--times", "kept"]);
        assert!(text.contains("2026-01-01T00:00:01"), "{format}: {text}");
        assert!(text.contains("2026-01-02T00:00:00") && text.contains("7654321"), "{format}");
        assert!(!text.contains(ACTOR) && !text.contains(DEVICE), "{format}");
    }
}

/// The key of one export tells its pseudonyms to whoever holds it, and those of no other export.
#[test]
fn a_key_that_is_kept_tells_the_pseudonyms_of_its_export() {
    let bench = Bench::new(Judge::Says(log()));
    let text = export(&bench, "csv", &["--pseudonym-key", "@key"]);
    let run = bench.run(&["log", "pseudonym", "--pseudonym-key", "@key", DEVICE, ACTOR, OTHER]);
    assert_eq!(run.exit, Exit::Ok, "{}", run.err);
    assert_eq!(pseudonyms(&run.out), pseudonyms(&text));
    let other = export(&bench, "csv", &["--pseudonym-key", "@other"]);
    assert!(pseudonyms(&other).is_disjoint(&pseudonyms(&text)));
    let json = ["log", "pseudonym", "--pseudonym-key", "@key", ACTOR, "--json"];
    let json: Json = serde_json::from_str(&bench.run(&json).out).unwrap();
    assert_eq!(json["data"]["pseudonyms"][0]["id"], ACTOR);
    for bad in ["", "ab", "ABABABABABABABAB", "abababababababababab"] {
        let run = bench.run(&["log", "pseudonym", "--pseudonym-key", "@key", bad]);
        assert_eq!(run.exit, Exit::Usage, "{bad}");
    }
}

/// A key is for its holder alone, replaces no file, and stays nowhere if it was not asked for or not used.
#[test]
fn a_key_is_kept_with_care_or_not_at_all() {
    let bench = Bench::new(Judge::Says(log()));
    let count = || std::fs::read_dir(bench.path("")).unwrap().count();
    let before = count();
    export(&bench, "json", &[]);
    assert_eq!(count(), before, "nothing is left");
    export(&bench, "json", &["--pseudonym-key", "@key"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(bench.path("key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let wide = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(bench.path("key"), wide).unwrap();
        let run = bench.run(&["log", "pseudonym", "--pseudonym-key", "@key", ACTOR]);
        assert!(run.out.contains("E0109"), "{}", run.out);
    }
    let key = bench.text("key");
    let again = ["--de-identified", "--pseudonym-key", "@key"];
    let run = bench.log(&["export", "--format", "json"], &again);
    assert_eq!(run.exit, Exit::Refused);
    assert!(run.out.is_empty() && run.err.contains("E0113"), "{}{}", run.out, run.err);
    assert_eq!(bench.text("key"), key);
    let same = ["--de-identified", "--pseudonym-key", "@new", "-o", "@new"];
    let run = bench.log(&["export", "--format", "json"], &same);
    assert_eq!(run.exit, Exit::Refused, "the export does not replace its key");
    assert!(!bench.path("new").exists());
    let lost = ["--de-identified", "--pseudonym-key", "@new", "-o", "@absent/out"];
    let run = bench.log(&["export", "--format", "json"], &lost);
    assert_eq!((run.exit, bench.path("new").exists()), (Exit::Device, false));
    for alone in [&["--pseudonym-key", "@new"][..], &["--times", "kept"]] {
        let run = bench.log(&["export", "--format", "json"], alone);
        assert_eq!(run.exit, Exit::Usage, "{alone:?}");
    }
}

/// What is not authentic is left out of a de-identified export as of any other, and hostile text stays text.
#[test]
fn it_is_an_export_like_any_other() {
    let mut tampered = log();
    tampered.ranges[1] = range(71, 4_006, 4_008, Verdict::Modified, Assurance::Unanchored);
    let bench = Bench::new(Judge::Says(tampered));
    for format in FORMATS {
        let text = export(&bench, format, &[]);
        let count = text.matches("dose changed").count();
        assert_eq!(count, 5, "{format}");
        assert!(text.contains("modified") && text.contains("TAMPERED"), "{format}: {text}");
    }
    let bench = Bench::new(Judge::Says(hostile_log(90)));
    for format in FORMATS {
        let text = export(&bench, format, &[]).replace("\r\n", "\n").replace('\u{feff}', "");
        crate::support::assert_harmless(&text);
    }
}
