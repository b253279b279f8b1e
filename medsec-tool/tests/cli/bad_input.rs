//! Every verb on every kind of bad input: the exit code of the table, and never a word of praise.
//!
//! The verifier is the tool's own, the log one of the golden ones.

use std::path::PathBuf;

use medsec_tool::exit::Exit;
use medsec_tool::verifier::Verifier;
use medsec_tool::{Surroundings, run};
use serde_json::Value as Json;

use crate::support::Run;

/// A directory with a golden log and its keys.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vectors");
        let golden = |name: &str| std::fs::read(format!("{vectors}/{name}")).unwrap();
        let json: Json = serde_json::from_slice(&golden("log-v1.json")).unwrap();
        let keys = |suite: usize| {
            let suite = &json["suites"][suite];
            let word = |name: &str| suite[name].as_str().unwrap().to_owned();
            (word("device_public_key"), word("authority_secret"))
        };
        let (device, authority) = keys(0);
        desk.put("device", format!("medsec-device-key-1 {device}\n").as_bytes());
        desk.put("authority", format!("medsec-authority-secret-1 {authority}\n").as_bytes());
        let stranger = medsec_core::key::DeviceKey::from_seed(&medsec_core::Secret::new([9; 32]));
        let stranger = medsec_tool::keyfile::DeviceKey::from(stranger.public()).to_file();
        desk.put("stranger", stranger.as_bytes());
        let secret = format!("medsec-authority-secret-1 {}\n", "5a".repeat(32));
        desk.put("other-authority", secret.as_bytes());
        for name in ["whole", "modified", "torn"] {
            desk.put(name, &golden(&format!("log-v1-suite1-{name}.msexport")));
        }
        let log = std::fs::read(desk.path("whole")).unwrap();
        desk.put("empty", b"");
        desk.put("cut", &log[..log.len() - 1]);
        desk.put("longer", &[&log[..], &[0]].concat());
        desk.put("header", &log[..168]);
        desk.put("garbage", &vec![0x5a; 5_000]);
        desk.put("version", &flipped(&log, 4));
        desk.put("suite", &flipped(&log, 5));
        desk.put("text", b"medsec-device-key-1 00\n");
        desk.put("long", &vec![b'a'; 4_096]);
        desk.put("layout", b"medsec-layout-1\nsuite 1\n");
        let sound =
            "medsec-layout-1\nsuite 1\nmodel 1\npage 4096\nunit 4\ncell 0\nlog 16384 65536\n";
        desk.put("sound-layout", sound.as_bytes());
        let anchor = format!("medsec-checkpoint-1 {} {}\n", "00".repeat(100), "11".repeat(64));
        desk.put("foreign-anchor", anchor.as_bytes());
        std::fs::create_dir(desk.path("dir")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs the tool; an argument with an at sign in front is a file on this desk.
    fn run(&self, args: &[&str]) -> Run {
        let args = args.iter().map(|arg| match arg.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => arg.into(),
        });
        let args = core::iter::once("medsec".into()).chain(args);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(args, &Verifier, Surroundings::default(), &mut out, &mut err);
        Run { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }
}

fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 0x55;
    bytes
}

/// The verbs that read a log, with what each needs to write its result.
const LOG_VERBS: [&[&str]; 8] = [
    &["verify"],
    &["verify", "--strict"],
    &["report", "-o", "@out"],
    &["export", "--format", "json", "-o", "@out"],
    &["export", "--format", "csv", "-o", "@out"],
    &["export", "--format", "syslog", "-o", "@out"],
    &["export", "--format", "json", "--de-identified", "-o", "@out"],
    &["checkpoint", "-o", "@out"],
];

/// What is wrong, and how every verb ends.
const KINDS: [(&[&str], Exit); 29] = [
    // No trust anchor: nothing is even read.
    (&["@whole"], Exit::Undecided),
    (&["@absent"], Exit::Undecided),
    (&["@whole", "--authority-key", "@authority"], Exit::Undecided),
    // A trust anchor that does not fit.
    (&["@whole", "--device-key", "@stranger"], Exit::Undecided),
    (
        &["@whole", "--device-key", "@device", "--authority-key", "@other-authority"],
        Exit::Undecided,
    ),
    (&["@whole", "--device-key", "@device", "--anchor", "@foreign-anchor"], Exit::Undecided),
    // Files that cannot be read, or are not what they should be.
    (&["@absent", "--device-key", "@device"], Exit::Input),
    (&["@dir", "--device-key", "@device"], Exit::Input),
    (&["@empty", "--device-key", "@device"], Exit::Input),
    (&["@cut", "--device-key", "@device"], Exit::Input),
    (&["@longer", "--device-key", "@device"], Exit::Input),
    (&["@header", "--device-key", "@device"], Exit::Input),
    (&["@garbage", "--device-key", "@device"], Exit::Input),
    (&["@version", "--device-key", "@device"], Exit::Input),
    (&["@suite", "--device-key", "@device"], Exit::Input),
    (&["@whole", "--device-key", "@absent"], Exit::Input),
    (&["@whole", "--device-key", "@dir"], Exit::Input),
    (&["@whole", "--device-key", "@empty"], Exit::Input),
    (&["@whole", "--device-key", "@text"], Exit::Input),
    (&["@whole", "--device-key", "@long"], Exit::Input),
    (&["@whole", "--device-key", "@authority"], Exit::Input),
    (&["@whole", "--device-key", "@device", "--authority-key", "@device"], Exit::Input),
    (&["@whole", "--device-key", "@device", "--anchor", "@text"], Exit::Input),
    (&["@whole", "--device-key", "@device", "--catalogue", "@text"], Exit::Input),
    (&["@whole", "--device-key", "@device", "--layout", "@layout"], Exit::Input),
    (&["@garbage", "--device-key", "@device", "--layout", "@sound-layout"], Exit::Input),
    // Command lines that make no sense.
    (&["@whole", "--device-key", "@device", "--layout", "@sound-layout"], Exit::Usage),
    (&["@whole", "--device-key", "@device", "--frobnicate"], Exit::Usage),
    (&["--device-key", "@device"], Exit::Usage),
];

fn log_verb<'a>(verb: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [&["log"], verb, rest].concat()
}

fn assert_no_praise(run: &Run, args: &[&str]) {
    let all = format!("{}{}", run.out, run.err);
    assert!(!all.contains("VERIFIED") && !all.contains("\"verified\""), "{args:?}: {all}");
    if run.exit == Exit::Undecided {
        let all = all.replace("invalid", "").replace("E0101", "");
        assert!(!all.contains("valid") && !all.contains("\u{2714}"), "{args:?}: {all}");
    }
}

#[test]
fn every_verb_ends_as_the_table_says() {
    let desk = Desk::new();
    for verb in LOG_VERBS {
        for (rest, exit) in KINDS {
            for form in [&[][..], &["--json"], &["--quiet"]] {
                let mut args = log_verb(verb, rest);
                args.extend(form);
                let run = desk.run(&args);
                assert_eq!(run.exit, exit, "{args:?}: {}{}", run.out, run.err);
                assert_no_praise(&run, &args);
                assert!(!desk.path("out").exists(), "{args:?}");
                if form == ["--json"] {
                    let json: Json = serde_json::from_str(&run.out).unwrap();
                    assert_eq!(json["code"], exit.code(), "{args:?}");
                    assert!(json["findings"][0]["code"].is_string(), "{args:?}");
                }
            }
        }
    }
}

/// Good and tampered logs end as they must, or the table above would prove nothing.
#[test]
fn every_verb_ends_well_on_a_good_log_and_in_1_on_a_tampered_one() {
    let desk = Desk::new();
    for verb in LOG_VERBS.into_iter().filter(|verb| *verb != ["verify", "--strict"]) {
        for (log, exit) in
            [("@whole", Exit::Ok), ("@torn", Exit::Ok), ("@modified", Exit::Negative)]
        {
            let args =
                log_verb(verb, &[log, "--device-key", "@device", "--authority-key", "@authority"]);
            let run = desk.run(&args);
            assert_eq!(run.exit, exit, "{args:?}: {}{}", run.out, run.err);
        }
    }
}

#[test]
fn outputs_are_refused_or_fail_as_the_table_says() {
    let desk = Desk::new();
    for (output, exit) in [
        ("@whole", Exit::Refused),
        ("@device", Exit::Refused),
        ("@dir/../whole", Exit::Refused),
        ("@absent/out", Exit::Device),
        ("@dir", Exit::Device),
        ("/dev/full", Exit::Device),
    ] {
        for verb in [&["report"][..], &["export", "--format", "csv"], &["checkpoint"]] {
            let mut args = log_verb(verb, &["@whole", "--device-key", "@device"]);
            args.extend(["-o", output]);
            let run = desk.run(&args);
            assert_eq!(run.exit, exit, "{args:?}: {}{}", run.out, run.err);
            assert_no_praise(&run, &args);
        }
    }
}

#[test]
fn the_other_verbs_end_as_the_table_says() {
    let desk = Desk::new();
    let id = "abababababababab";
    for (args, exit) in [
        (&["explain", "E9999"][..], Exit::Usage),
        (&["explain"], Exit::Usage),
        (&["schema", "nothing"], Exit::Usage),
        (&["completions", "tcsh"], Exit::Usage),
        (&["man", "--out", "@whole"], Exit::Device),
        (&["demo", "--out", "@whole"], Exit::Device),
        (&["log", "pseudonym", "--pseudonym-key", "@absent", id], Exit::Input),
        (&["log", "pseudonym", "--pseudonym-key", "@device", id], Exit::Input),
        (&["log", "pseudonym", "--pseudonym-key", "@long", id], Exit::Input),
        (&["log", "pseudonym", "--pseudonym-key", "@device"], Exit::Usage),
        (&["log", "pseudonym", id], Exit::Usage),
        (&["log"], Exit::Usage),
        (&["frobnicate"], Exit::Usage),
        (&["", ""], Exit::Usage),
        (&["--color", "sometimes", "log"], Exit::Usage),
        (&[], Exit::Usage),
    ] {
        for form in [&[][..], &["--json"]] {
            let args = [args, form].concat();
            let run = desk.run(&args);
            assert_eq!(run.exit, exit, "{args:?}: {}{}", run.out, run.err);
            assert_no_praise(&run, &args);
        }
    }
}

/// An export cut at any byte is no log, and one with any byte of its header changed never passes for more than it is.
#[test]
fn no_cut_and_no_change_of_a_header_is_praised() {
    let desk = Desk::new();
    let log = std::fs::read(desk.path("whole")).unwrap();
    let lengths = (0..400).chain((400..log.len()).step_by(997));
    for length in lengths {
        desk.put("log", &log[..length]);
        let args = ["log", "verify", "@log", "--device-key", "@device"];
        let run = desk.run(&args);
        assert_eq!(run.exit, Exit::Input, "{length}: {}", run.out);
        assert_no_praise(&run, &args);
    }
    let mut praised: Vec<usize> = Vec::new();
    for place in 0..168 {
        desk.put("log", &flipped(&log, place));
        let keys = ["--device-key", "@device", "--authority-key", "@authority"];
        let args = [&["log", "verify", "@log"][..], &keys].concat();
        let run = desk.run(&args);
        if run.exit == Exit::Ok {
            praised.push(place);
        } else {
            assert_no_praise(&run, &args);
        }
    }
    assert!(praised.is_empty(), "{praised:?}");
}
