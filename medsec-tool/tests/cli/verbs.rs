//! The tool as a user meets it, over logs whose verdicts are given: what is printed, what is written, which exit code.

use crate::support::{Bench, Judge, assert_harmless, good_log, hostile_log, range};
use medsec_tool::error::Error;
use medsec_tool::exit::Exit;
use medsec_tool::model::{Assurance, Contents, Verdict};

/// Every verdict has its exit code, with and without `--strict`.
#[test]
fn each_verdict_has_its_exit_code() {
    for (verdict, assurance, exit, strict) in [
        (Verdict::Verified, Assurance::Signed, Exit::Ok, Exit::Ok),
        (Verdict::Verified, Assurance::MacOnly, Exit::Ok, Exit::Undecided),
        (Verdict::TornTail, Assurance::Unanchored, Exit::Ok, Exit::Ok),
        (Verdict::OverwrittenByPolicy, Assurance::Unanchored, Exit::Ok, Exit::Ok),
        (Verdict::Unanchored, Assurance::MacOnly, Exit::Ok, Exit::Undecided),
        (Verdict::Unanchored, Assurance::Unanchored, Exit::Ok, Exit::Undecided),
        (Verdict::Gap, Assurance::Unanchored, Exit::Negative, Exit::Negative),
        (Verdict::Truncated, Assurance::Unanchored, Exit::Negative, Exit::Negative),
        (Verdict::Modified, Assurance::Unanchored, Exit::Negative, Exit::Negative),
        (Verdict::Reordered, Assurance::Unanchored, Exit::Negative, Exit::Negative),
        (Verdict::RolledBack, Assurance::Unanchored, Exit::Negative, Exit::Negative),
    ] {
        let mut log = good_log();
        log.ranges.push(range(2, 11, 12, verdict, assurance));
        let bench = Bench::new(Judge::Says(log));
        let run = bench.verify(&[]);
        assert_eq!(run.exit, exit, "{verdict:?} {assurance:?}: {}", run.out);
        let first = run.out.lines().next().unwrap();
        assert_eq!(first.contains("VERIFIED"), exit == Exit::Ok, "{first}");
        assert_eq!(first.contains("TAMPERED"), exit == Exit::Negative, "{first}");
        let run = bench.verify(&["--strict"]);
        assert_eq!(run.exit, strict, "{verdict:?} {assurance:?} strict: {}", run.out);
        assert_eq!(run.out.contains("NOT DECIDED"), strict == Exit::Undecided, "{}", run.out);
        for verb in [&["report"][..], &["export", "--format", "csv"], &["checkpoint"]] {
            assert_eq!(bench.log(verb, &["-o", "@out"]).exit, exit, "{verb:?} {verdict:?}");
        }
    }
}

/// A verdict on a place without records is told by the record in front of it, and an open end is no range left out.
#[test]
fn places_between_records_are_told() {
    let mut log = good_log();
    log.ranges.insert(1, range(0, 6, 5, Verdict::Gap, Assurance::Unanchored));
    let run = Bench::new(Judge::Says(log)).verify(&[]);
    assert_eq!(run.exit, Exit::Negative);
    let line = "\u{2718} TAMPERED: what follows record 5 missing (page 2, byte 96)";
    assert_eq!(run.out.lines().next(), Some(line));
    let mut log = good_log();
    log.ranges.push(range(1, 11, 10, Verdict::Unanchored, Assurance::Unanchored));
    let bench = Bench::new(Judge::Says(log));
    let run = bench.verify(&[]);
    assert!(run.out.starts_with("\u{2714} VERIFIED: records 1 to 10, signed by the device\n"));
    let line = "notice E0218: nothing vouches for what may have followed record 10";
    assert!(run.out.contains(line), "{}", run.out);
    let run = bench.log(&["export", "--format", "csv"], &[]);
    assert!(!run.out.contains("\nrange,"), "{}", run.out);
}

/// A strict reader takes the open end of a log if the anchor is in it and its newest record is signed, not otherwise.
#[test]
fn a_strict_reader_wants_the_end_closed() {
    for (anchored, is_signed, state_believed, exit) in [
        (false, false, true, Exit::Undecided),
        (true, false, true, Exit::Undecided),
        (false, true, true, Exit::Undecided),
        (true, true, false, Exit::Undecided),
        (true, true, true, Exit::Ok),
    ] {
        let mut log = good_log();
        log.ranges.push(range(1, 11, 10, Verdict::Unanchored, Assurance::Unanchored));
        (log.anchored, log.state_believed) = (anchored, state_believed);
        if is_signed {
            log.forgeable = None;
        }
        let bench = Bench::new(Judge::Says(log));
        let run = bench.verify(&["--strict"]);
        assert_eq!(run.exit, exit, "{anchored} {is_signed}: {}", run.out);
        assert!(run.out.contains("E0218"), "{}", run.out);
        assert_eq!(run.out.contains("E0221"), !state_believed, "{}", run.out);
        assert_eq!(bench.verify(&[]).exit, Exit::Ok);
    }
}

/// A log without one verified range is no verified log, however harmless its ranges are.
#[test]
fn nothing_verified_is_undecided() {
    for ranges in [vec![], vec![range(0, 1, 5, Verdict::OverwrittenByPolicy, Assurance::Signed)]] {
        let mut log = good_log();
        log.ranges = ranges;
        let run = Bench::new(Judge::Says(log)).verify(&[]);
        assert_eq!(run.exit, Exit::Undecided);
        assert!(run.out.starts_with("? NOT DECIDED: no range could be verified"), "{}", run.out);
    }
}

/// Without a trust anchor nothing is read, nothing is written, and no word suggests otherwise.
#[test]
fn without_a_trust_anchor_nothing_is_checked() {
    let bench = Bench::new(Judge::Says(good_log()));
    for verb in [&["verify"][..], &["report"], &["export", "--format", "json"], &["checkpoint"]] {
        let output: &[&str] = if verb == ["verify"] { &[] } else { &["-o", "@out"] };
        for json in [&[][..], &["--json"]] {
            let mut args = vec!["log"];
            args.extend(verb);
            args.extend(["no-such-file"]);
            args.extend(output);
            args.extend(json);
            let run = bench.run(&args);
            assert_eq!(run.exit, Exit::Undecided, "{args:?}");
            let all = format!("{}{}", run.out, run.err).to_lowercase();
            assert!(all.contains("no trust anchor"), "{all}");
            assert!(!all.contains("valid") && !all.contains("verified"), "{all}");
        }
    }
    assert!(!bench.path("out").exists());
    let run = bench.run(&["log", "verify", "no-such-file"]);
    assert_eq!(run.out, "? NOT CHECKED: no trust anchor\n");
}

/// Every error of the verifier reaches the user with its exit code, and says NOT CHECKED.
#[test]
fn an_error_of_the_verifier_is_not_a_verdict() {
    for (error, exit) in [
        (Error::NotALog { reason: "no page".into() }, Exit::Input),
        (Error::OtherDevice, Exit::Undecided),
        (Error::NoneSigned, Exit::Undecided),
        (Error::ForeignAnchor, Exit::Undecided),
        (Error::ForeignAuthority, Exit::Undecided),
        (Error::Bug { what: "a test" }, Exit::Bug),
    ] {
        let id = error.code().id;
        let bench = Bench::new(Judge::Fails(core::cell::Cell::new(Some(error))));
        let run = bench.verify(&[]);
        assert_eq!(run.exit, exit, "{id}");
        assert!(
            run.out.contains("NOT CHECKED: ") && run.err.contains(id),
            "{}{}",
            run.out,
            run.err
        );
    }
}

/// Unreadable, too long and malformed inputs are told apart.
#[test]
fn bad_inputs_are_refused() {
    let bench = Bench::new(Judge::Says(good_log()));
    bench.put("long", "a".repeat(4_096).as_bytes());
    bench.put("bad", b"medsec-device-key-1 00\n");
    for (args, code) in [
        (&["verify", "@log", "--device-key", "@absent"][..], "E0102"),
        (&["verify", "@absent", "--device-key", "@device"], "E0102"),
        (&["verify", "@log", "--device-key", "@long"], "E0103"),
        (&["verify", "@log", "--device-key", "@bad"], "E0104"),
        (&["verify", "@log", "--device-key", "@log"], "E0104"),
        (&["verify", "@log", "--device-key", "@device", "--authority-key", "@device"], "E0105"),
        (&["verify", "@log", "--device-key", "@device", "--anchor", "@device"], "E0106"),
    ] {
        let mut all = vec!["log"];
        all.extend(args);
        let run = bench.run(&all);
        assert_eq!(run.exit, Exit::Input, "{args:?}");
        assert!(run.err.contains(code), "{args:?}: {}", run.err);
    }
}

/// The secret of the log authority is refused nowhere, but a file that others can read is warned about.
#[cfg(unix)]
#[test]
fn a_wide_authority_key_file_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new(Judge::Says(good_log()));
    for (mode, is_warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        let path = bench.path("authority");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let run = bench.verify(&["--authority-key", "@authority"]);
        assert_eq!(run.exit, Exit::Ok);
        assert_eq!(run.out.contains("E0109"), is_warned, "{mode:o}: {}", run.out);
    }
}

/// An output never replaces an input, also not by another name.
#[test]
fn evidence_is_not_overwritten() {
    let bench = Bench::new(Judge::Says(good_log()));
    let before = std::fs::read(bench.path("log")).unwrap();
    std::fs::create_dir(bench.path("dir")).unwrap();
    for output in ["@log", "@device", "@dir/../log"] {
        for verb in [&["report"][..], &["export", "--format", "csv"], &["checkpoint"]] {
            let run = bench.log(verb, &["-o", output]);
            assert_eq!(run.exit, Exit::Refused, "{verb:?} {output}");
            assert!(run.err.contains("E0108"), "{}", run.err);
        }
    }
    assert_eq!(std::fs::read(bench.path("log")).unwrap(), before);
    let run = bench.log(&["report"], &["-o", "@absent/out"]);
    assert_eq!(run.exit, Exit::Device);
    assert!(run.err.contains("E0107"), "{}", run.err);
}

/// A checkpoint taken out of a good log is read back as an anchor; a tampered log gives none.
#[test]
fn a_checkpoint_is_taken_from_good_logs_only() {
    let bench = Bench::new(Judge::Says(good_log()));
    let printed = bench.log(&["checkpoint"], &[]);
    assert!(printed.out.starts_with("medsec-checkpoint-1 "), "{}", printed.out);
    assert_eq!(bench.log(&["checkpoint"], &["-o", "@kept"]).exit, Exit::Ok);
    assert_eq!(std::fs::read_to_string(bench.path("kept")).unwrap(), printed.out);
    assert_eq!(bench.verify(&["--anchor", "@kept"]).exit, Exit::Ok);
    let mut log = good_log();
    log.ranges[0].verdict = Verdict::Modified;
    let run = Bench::new(Judge::Says(log)).log(&["checkpoint"], &[]);
    assert_eq!(run.exit, Exit::Negative);
    assert!(!run.out.contains("medsec-checkpoint-1"), "{}", run.out);
    let mut log = good_log();
    log.checkpoint = None;
    let run = Bench::new(Judge::Says(log)).log(&["checkpoint"], &[]);
    assert_eq!(run.exit, Exit::Undecided);
    assert!(run.err.contains("E0214"), "{}", run.err);
}

/// The verdict comes first, in words; colour is added only where it was asked for.
#[test]
fn the_verdict_is_the_first_line_and_colour_only_decorates() {
    let bench = Bench::new(Judge::Says(good_log()));
    let plain = bench.verify(&["--color", "never"]).out;
    assert!(plain.starts_with("\u{2714} VERIFIED: records 1 to 10"), "{plain}");
    let colored = bench.verify(&["--color", "always"]).out;
    assert_eq!(colored.replace("\u{1b}[1;32m", "").replace("\u{1b}[0m", ""), plain);
    assert_eq!(bench.verify(&[]).out, plain);
    assert_eq!(bench.verify(&["--quiet"]).out.lines().count(), 1);
    let mut log = good_log();
    log.ranges[1].verdict = Verdict::Modified;
    let run = Bench::new(Judge::Says(log)).verify(&["--quiet"]);
    let line = "\u{2718} TAMPERED: records 6 to 10 modified (page 3, byte 96)\n";
    assert_eq!(run.out, line);
}

/// The terminal shows hostile names without a control or reordering character.
#[test]
fn a_terminal_is_not_steered() {
    let bench = Bench::new(Judge::Says(hostile_log(50)));
    let run = bench.verify(&[]);
    assert_harmless(&run.out);
    let run = bench.run(&["log", "verify", "a\u{1b}[2J\u{202e}b", "--device-key", "@device"]);
    assert_harmless(&run.err);
    assert_harmless(&run.out);
    let run = bench.run(&["log", "veri\u{1b}[2Jfy"]);
    assert_eq!(run.exit, Exit::Usage);
    assert_harmless(&run.err);
}

/// Help, version, `explain` for every code, `schema` for every name; mistakes end in 64.
#[test]
fn help_explain_and_schema() {
    let bench = Bench::new(Judge::Says(good_log()));
    assert_eq!(bench.run(&["--help"]).exit, Exit::Ok);
    assert_eq!(bench.run(&["--version"]).exit, Exit::Ok);
    for code in medsec_tool::code::Code::ALL {
        let run = bench.run(&["explain", &code.id.to_lowercase()]);
        assert_eq!(run.exit, Exit::Ok);
        for part in [code.id, code.cause, code.risk, code.fix] {
            assert!(run.out.contains(part), "{}: {}", code.id, run.out);
        }
    }
    for args in [
        &["explain", "E9999"][..],
        &["schema", "nothing"],
        &["frobnicate"],
        &["log", "verify"],
        &["log", "export", "@log", "--device-key", "@device"],
        &["log", "export", "@log", "--format", "csv", "--json", "--device-key", "@device"],
        &[
            "log",
            "export",
            "@log",
            "--format",
            "csv",
            "--framing",
            "counted",
            "--device-key",
            "@device",
        ],
        &[],
    ] {
        assert_eq!(bench.run(args).exit, Exit::Usage, "{args:?}");
    }
}

/// Records stay sealed without the authority's key, and the verdict still stands.
#[test]
fn a_stranger_verifies_without_reading() {
    let mut log = good_log();
    log.contents = Contents::Sealed;
    log.records.clear();
    let run = Bench::new(Judge::Says(log)).verify(&[]);
    assert_eq!(run.exit, Exit::Ok);
    assert!(run.out.contains("E0215"), "{}", run.out);
}

/// A standard output that is full is an error; one that was closed is not.
#[test]
fn output_that_cannot_be_written() {
    struct Broken(std::io::ErrorKind);
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bench = Bench::new(Judge::Says(good_log()));
    for (kind, exit) in [
        (std::io::ErrorKind::StorageFull, Exit::Device),
        (std::io::ErrorKind::BrokenPipe, Exit::Ok),
    ] {
        let mut out = Broken(kind);
        let args = ["log", "verify", "@log", "--device-key", "@device"];
        assert_eq!(bench.run_into(&args, &mut out).0, exit);
    }
}
