//! Writes the exports of a log whose every text is hostile, for other programs to read, and the same texts as they are for
//! controls: `hostile_exports RECORDS DIRECTORY`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench tool on a host: what is not as it must be has to stop it"
)]

#[path = "../tests/cli/support.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod support;

use std::path::Path;

use medsec_tool::exit::Exit;
use support::{Bench, HOSTILE, Judge, hostile_log};

/// Name, form and further arguments of each export.
const EXPORTS: [(&str, &str, &[&str]); 7] = [
    ("records.json", "json", &[]),
    ("records.csv", "csv", &[]),
    ("records.lines", "syslog", &[]),
    ("records.counted", "syslog", &["--framing", "counted"]),
    ("de-identified.json", "json", &["--de-identified"]),
    ("de-identified.csv", "csv", &["--de-identified"]),
    ("de-identified.lines", "syslog", &["--de-identified"]),
];

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let (records, dir) = (&args[0], Path::new(&args[1]));
    std::fs::create_dir_all(dir).unwrap();
    let bench = Bench::new(Judge::Says(hostile_log(records.parse().unwrap())));
    for (name, format, more) in EXPORTS {
        let run = bench.log(&["export", "--format", format], more);
        assert_eq!(run.exit, Exit::Ok, "{}", run.err);
        std::fs::write(dir.join(name), run.out).unwrap();
    }
    let mut cells = csv::Writer::from_path(dir.join("unescaped.csv")).unwrap();
    let mut lines = String::new();
    for text in HOSTILE {
        cells.write_record([text]).unwrap();
        lines.push_str(&format!("<110>1 - host medsec - CONTROL - {text}\n"));
    }
    cells.flush().unwrap();
    std::fs::write(dir.join("unescaped.lines"), lines).unwrap();
}
