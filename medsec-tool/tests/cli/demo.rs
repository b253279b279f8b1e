//! The built program over the files that its own demo leaves: real logs, real keys, real tampering.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use medsec_audit::export::EXPORT_HEADER_BYTES;
use medsec_tool::catalogue::Catalogue;
use medsec_tool::keyfile::{AuthoritySecret, Checkpoint, DeviceKey};
use medsec_tool::model::{Evidence, LogReport, Trust, Verdict, Verify as _, Weight};
use medsec_tool::verifier::Verifier;
use serde_json::Value as Json;

use crate::report::structure;
use crate::schemas::validate;
use crate::support::{Bench, Judge, good_log};

struct Demo {
    dir: tempfile::TempDir,
    code: Option<i32>,
    out: String,
}

/// The demo, played once for all tests.
fn demo() -> &'static Demo {
    static DEMO: OnceLock<Demo> = OnceLock::new();
    DEMO.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let args = ["demo".as_ref(), "--out".as_ref(), dir.path().as_os_str()];
        let output = Command::new(env!("CARGO_BIN_EXE_medsec")).args(args).output().unwrap();
        Demo { dir, code: output.status.code(), out: String::from_utf8(output.stdout).unwrap() }
    })
}

fn medsec(dir: &Path, args: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medsec"));
    let output = command.args(args.split(' ')).current_dir(dir).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn copy(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(demo().dir.path().join(name)).unwrap();
    change(&mut bytes);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    file.keep().unwrap().1
}

#[test]
fn every_step_of_the_demo_is_checked() {
    let demo = demo();
    assert_eq!(demo.code, Some(0), "{}", demo.out);
    let lines: Vec<_> = demo.out.lines().collect();
    assert!(lines[0].starts_with("\u{2714} DEMO: "), "{}", lines[0]);
    assert!(lines[1].starts_with("  not in it yet: "), "{}", lines[1]);
    let steps = lines.iter().filter(|line| line.starts_with("  \u{2714} ")).count();
    let last = lines.last().unwrap();
    assert!(last.starts_with(&format!("demo: {steps} steps, ")), "{last}");
    assert!(steps >= 28, "{steps}");
    let (code, json) = medsec(demo.dir.path(), "demo --json --out again");
    assert_eq!(code, 0);
    let json = validate(&Bench::new(Judge::Says(good_log())), &json);
    assert_eq!(json["data"]["steps"].as_array().unwrap().len(), steps);
    let (code, _) = medsec(demo.dir.path(), "demo --out again");
    assert_eq!(code, 0, "an earlier demo's directory is used again");
}

/// A directory with somebody else's files is not touched.
#[test]
fn the_demo_leaves_other_files_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("report.html"), "mine").unwrap();
    assert_eq!(medsec(dir.path(), "demo --out .").0, 64);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// What is verified with what; exit code, verdict, and a finding that must be there.
const CASES: &[(&str, i32, &str, &str)] = &[
    ("pump.export DEVICE", 0, "verified", "E0215"),
    ("pump.export BOTH", 0, "verified", "E0206"),
    ("pump.export BOTH --anchor kept.checkpoint", 0, "verified", "E0218"),
    ("RAW DEVICE", 0, "verified", "E0215"),
    ("RAW BOTH --anchor newest.checkpoint", 0, "verified", "E0209"),
    ("pump.export BOTH --strict", 2, "undecided", "E0209"),
    ("earlier.export DEVICE --strict", 2, "undecided", "E0218"),
    ("earlier.export DEVICE --anchor kept.checkpoint --strict", 0, "verified", "E0218"),
    ("tampered.export BOTH", 1, "tampered", "E0203"),
    ("tampered.export DEVICE", 1, "tampered", "E0203"),
    ("cut.export BOTH --anchor newest.checkpoint", 1, "tampered", "E0202"),
    ("cut.export DEVICE --anchor newest.checkpoint", 1, "tampered", "E0202"),
    ("earlier.export DEVICE --anchor newest.checkpoint", 1, "tampered", "E0202"),
    ("pump.export", 2, "not-checked", "E0101"),
    ("pump.export --device-key other-device.key", 2, "not-checked", "E0211"),
    ("RAW --device-key other-device.key", 2, "not-checked", "E0211"),
    ("pump.export DEVICE --authority-key other-authority.key", 2, "not-checked", "E0213"),
    ("RAW DEVICE --authority-key other-authority.key", 2, "not-checked", "E0213"),
    ("flash.bin DEVICE", 4, "not-checked", "E0210"),
    ("pump.export --layout layout.txt DEVICE", 64, "not-checked", "E0303"),
    ("flash.bin --layout catalogue.txt DEVICE", 4, "not-checked", "E0110"),
    ("pump.export --catalogue layout.txt DEVICE", 4, "not-checked", "E0111"),
    ("layout.txt --layout layout.txt DEVICE", 4, "not-checked", "E0210"),
];

/// Each kind of evidence and trust gets its exit code and verdict, and JSON of the form that the schema promises.
#[test]
fn each_log_of_the_demo_gets_its_verdict() {
    let bench = Bench::new(Judge::Says(good_log()));
    for (words, code, verdict, finding) in CASES {
        let words = words
            .replace("BOTH", "DEVICE --authority-key authority.key")
            .replace("DEVICE", "--device-key device.key")
            .replace("RAW", "flash.bin --layout layout.txt");
        let (exit, out) = medsec(demo().dir.path(), &format!("log verify {words} --json"));
        let json = validate(&bench, &out);
        assert_eq!((exit, json["verdict"].as_str().unwrap()), (*code, *verdict), "{words}\n{out}");
        assert_eq!(json["code"], exit, "{words}");
        let codes: Vec<_> =
            json["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
        assert!(codes.contains(&&Json::from(*finding)), "{words}: {codes:?}");
    }
}

/// An anchor that another key signed, or that was changed, decides nothing.
#[test]
fn a_forged_anchor_is_refused() {
    let forged = copy("kept.checkpoint", |bytes| {
        let at = bytes.len() - 10;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    });
    let words =
        format!("log verify pump.export --device-key device.key --anchor {}", forged.display());
    let (code, out) = medsec(demo().dir.path(), &words);
    assert_eq!(code, 2);
    assert!(out.contains("NOT CHECKED: the anchor was not signed by this device"), "{out}");
    let lie = copy("kept.checkpoint", |bytes| {
        // The sequence number in the signed bytes.
        let at = "medsec-checkpoint-1 ".len() + 2 * 28;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    });
    let words =
        format!("log verify pump.export --device-key device.key --anchor {}", lie.display());
    assert_eq!(medsec(demo().dir.path(), &words).0, 2);
}

/// An export cut anywhere is malformed, not verified.
#[test]
fn a_short_export_is_no_log() {
    for length in [0, 4, 100, 167, 168, 4_264, 65_703] {
        let short = copy("pump.export", |bytes| bytes.truncate(length));
        let words = format!("log verify {} --device-key device.key", short.display());
        let (code, out) = medsec(demo().dir.path(), &words);
        assert_eq!(code, 4, "{length}: {out}");
    }
}

/// With a catalogue the maker's events and fields have names; without one, numbers and typed values; with a wrong one,
/// no wrong names.
#[test]
fn events_are_named_by_the_catalogue_only() {
    let dir = demo().dir.path();
    let words =
        "log export pump.export --device-key device.key --authority-key authority.key --format csv";
    let (_, plain) = medsec(dir, words);
    assert!(
        plain.contains(",16390,event 0x4006,control system,security,serious-failure,field 1=1,"),
        "{plain}"
    );
    assert!(plain.contains("BootCompleted") && !plain.contains("AlarmRaised"), "{plain}");
    let (_, named) = medsec(dir, &format!("{words} --catalogue catalogue.txt"));
    assert!(
        named.contains(",AlarmRaised,control system,security,serious-failure,cause=Occlusion,"),
        "{named}"
    );
    assert!(named.contains(
        "from=0 \u{b5}l/h; to=12500 \u{b5}l/h; by=1f8a55029c3371e0; patient=(personal, sealed)"
    ));
    let wrong = copy("catalogue.txt", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("from:metric to:metric", "dose:count to:metric").into_bytes();
    });
    let (_, misfit) = medsec(dir, &format!("{words} --catalogue {}", wrong.display()));
    assert!(misfit.contains("field 1=0 \u{b5}l/h; field 2=12500 \u{b5}l/h"), "{misfit}");
    assert!(!misfit.contains("dose"), "{misfit}");
}

/// Records of a session whose clock was set have a time; those of the other tell the boot.
#[test]
fn times_are_told_as_far_as_they_are_known() {
    let html = std::fs::read_to_string(demo().dir.path().join("report.html")).unwrap();
    assert!(html.contains("2026-06-01T08:00:08.499Z \u{b1} 60.4 s"), "the first session");
    assert!(html.contains("boot 2 + 0:10:05.000"), "the second session");
    structure(&html);
}

fn judge(bytes: &[u8]) -> Option<LogReport> {
    let dir = demo().dir.path();
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let trust = Trust {
        device: DeviceKey::parse(&read("device.key")).unwrap(),
        authority: Some(AuthoritySecret::parse(&read("authority.key")).unwrap()),
        anchor: Some(Checkpoint::parse(&read("newest.checkpoint")).unwrap()),
    };
    let evidence = Evidence { bytes, layout: None, catalogue: &Catalogue::default() };
    Verifier.verify(&evidence, &trust).ok()
}

/// Goal: no changed byte of what the device stored passes. Method: one bit of every seventh byte that was ever
/// programmed is flipped, and the newest checkpoint was kept; the log is then bad, or undecided, or has lost the record to
/// a torn tail, as the threat model says of the last record of a session. The torn record itself may change.
#[test]
fn no_flipped_bit_passes_for_the_whole_log() {
    let export = std::fs::read(demo().dir.path().join("pump.export")).unwrap();
    let whole = judge(&export).unwrap();
    let torn = whole.ranges.iter().find(|range| range.verdict == Verdict::TornTail).unwrap();
    let page = EXPORT_HEADER_BYTES + 4_096 * usize::try_from(torn.place.page).unwrap();
    let torn = page + usize::try_from(torn.place.offset).unwrap();
    let mut flipped = 0;
    let state = 44..EXPORT_HEADER_BYTES;
    for at in state.chain(EXPORT_HEADER_BYTES..export.len()).step_by(7) {
        if export[at] == 0xFF || (torn..torn + 140).contains(&at) {
            continue;
        }
        let mut changed = export.clone();
        changed[at] ^= 0x10;
        flipped += 1;
        let Some(report) = judge(&changed) else { continue };
        let is_bad = report.ranges.iter().any(|range| range.verdict.weight() == Weight::Bad);
        let is_less = report.readable().count() < whole.readable().count();
        assert!(is_bad || is_less, "byte {at}");
    }
    assert!(flipped > 150, "{flipped}");
}

/// Each bit of the export's own header, which nothing signs, flipped: no panic, and no good verdict. Retention and the
/// longest body are no part of what is verified: with them changed, the same bytes are found or none.
#[test]
fn a_changed_export_header_is_no_way_around() {
    const HINTS: [usize; 3] = [7, 40, 41];
    let export = std::fs::read(demo().dir.path().join("pump.export")).unwrap();
    let whole = judge(&export).unwrap();
    for at in 0..44 {
        for bit in 0..8 {
            let mut changed = export.clone();
            changed[at] ^= 1 << bit;
            let Some(report) = judge(&changed) else { continue };
            let is_bad = report.ranges.iter().any(|range| range.verdict.weight() == Weight::Bad);
            let is_less = report.readable().count() < whole.readable().count();
            let is_same = HINTS.contains(&at) && report.records == whole.records;
            assert!(is_bad || is_less || is_same, "byte {at}, bit {bit}");
        }
    }
}
