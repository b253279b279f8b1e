//! Completions and manual pages: every verb appears in each.

use medsec_tool::exit::Exit;

use crate::support::{Bench, Judge, good_log};

/// Every verb there is, as a person types it.
const VERBS: [&str; 45] = [
    "ca init",
    "ca show",
    "ca issue",
    "ca revoke",
    "ca rotate",
    "ca log-key",
    "ca",
    "permit sign",
    "permit countersign",
    "permit inspect",
    "permit",
    "registry init",
    "registry backup",
    "registry restore",
    "registry verify",
    "registry",
    "erase verify-certificate",
    "erase",
    "device show",
    "device list",
    "device enroll",
    "device label",
    "device revoke",
    "device decommission",
    "device check-unique",
    "device",
    "export inspect",
    "export open",
    "export",
    "sim run",
    "sim line",
    "sim export",
    "sim",
    "log fetch",
    "demo",
    "explain",
    "schema",
    "completions",
    "man",
    "log verify",
    "log report",
    "log export",
    "log checkpoint",
    "log pseudonym",
    "log",
];

/// The verbs that `--help` lists are those of the table, so that none can be missing from it.
#[test]
fn the_table_of_verbs_is_whole() {
    let bench = Bench::new(Judge::Says(good_log()));
    for (args, prefix, least) in [
        (&["--help"][..], "", 11),
        (&["log", "--help"], "log ", 6),
        (&["ca", "--help"], "ca ", 6),
        (&["permit", "--help"], "permit ", 3),
        (&["erase", "--help"], "erase ", 1),
        (&["registry", "--help"], "registry ", 4),
        (&["device", "--help"], "device ", 7),
        (&["export", "--help"], "export ", 2),
        (&["sim", "--help"], "sim ", 3),
    ] {
        let help = bench.run(args).out;
        let (_, list) = help.split_once("Commands:\n").unwrap();
        let (list, _) = list.split_once("\n\n").unwrap();
        let listed: Vec<_> = list
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|verb| *verb != "help")
            .map(|verb| format!("{prefix}{verb}"))
            .collect();
        assert!(listed.len() >= least, "{help}");
        for verb in listed {
            assert!(VERBS.contains(&verb.as_str()), "{verb}");
        }
    }
}

#[test]
fn every_verb_is_completed_in_every_shell() {
    let bench = Bench::new(Judge::Says(good_log()));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = bench.run(&["completions", shell]);
        assert_eq!((run.exit, run.err.as_str()), (Exit::Ok, ""));
        for verb in VERBS.iter().flat_map(|verb| verb.split(' ')) {
            assert!(run.out.contains(verb), "{shell}: {verb}");
        }
        for option in ["device-key", "de-identified", "authority-key", "framing"] {
            assert!(run.out.contains(option), "{shell}: {option}");
        }
    }
    assert_eq!(bench.run(&["completions", "tcsh"]).exit, Exit::Usage);
}

/// A shell takes the script without a complaint, where it is at hand.
#[test]
fn bash_reads_its_completions() {
    let bench = Bench::new(Judge::Says(good_log()));
    bench.put("script", bench.run(&["completions", "bash"]).out.as_bytes());
    let checked = std::process::Command::new("bash").arg("-n").arg(bench.path("script")).output();
    let output = checked.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_verb_has_its_page() {
    let bench = Bench::new(Judge::Says(good_log()));
    let run = bench.run(&["man", "--out", "@pages"]);
    assert_eq!(run.exit, Exit::Ok, "{}", run.err);
    let mut pages: Vec<_> = std::fs::read_dir(bench.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected: Vec<_> =
        VERBS.iter().map(|verb| format!("medsec-{}.1", verb.replace(' ', "-"))).collect();
    expected.push("medsec.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    for page in &pages {
        let text = bench.text(&format!("pages/{page}"));
        let name = page.strip_suffix(".1").unwrap();
        assert!(text.contains(&format!("\n.TH {name} 1 ")), "{page}: {text}");
        assert!(text.contains("\n.SH OPTIONS\n"), "{page}");
    }
    let whole = bench.run(&["man"]).out;
    assert_eq!(whole, bench.text("pages/medsec.1"));
    for verb in ["demo", "explain", "schema", "completions", "man", "log"] {
        assert!(whole.contains(&format!("medsec\\-{verb}(1)")), "{verb}: {whole}");
    }
    assert!(whole.contains("Exit codes: 0 ok; 1 negative verdict; 2 could not decide"), "{whole}");
    let verify = bench.text("pages/medsec-log-verify.1");
    for option in ["device\\-key", "authority\\-key", "anchor", "layout", "catalogue", "strict"] {
        assert!(verify.contains(option), "{option}");
    }
}
