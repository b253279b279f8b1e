//! What the host tool reads besides logs, its command line, and what it writes with hostile texts in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use medsec_core::Secret;
use medsec_core::time::{TimeSource, WallTime};
use medsec_tool::catalogue::Catalogue;
use medsec_tool::error::Error;
use medsec_tool::exit::Exit;
use medsec_tool::keyfile::{Checkpoint, DeviceKey};
use medsec_tool::layout::Layout;
use medsec_tool::model::{
    Assurance, Class, ClockSource, Contents, Evidence, ForgeableWindow, Interval, LogReport,
    Outcome, Place, RangeRow, RecordRow, SessionEnd, SessionRow, Trust, Value, Verdict, Verify,
};
use medsec_tool::untrusted::Untrusted;
use medsec_tool::{Surroundings, run};

use crate::input::Input;

/// A line with or without its line feed.
pub(crate) fn line(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}

/// Layout files: one file for one layout, and sizes that fit together.
pub(crate) fn layout(data: &[u8]) {
    let Ok(layout) = Layout::parse(data) else { return };
    assert_eq!(line(layout.to_file().as_bytes()), line(data));
    let (plan, cell) =
        (layout.plan().expect("it was checked"), layout.cell().expect("it was checked"));
    assert_eq!(plan.geometry().pages() * layout.page_bytes, layout.log_bytes);
    assert_eq!(cell.pages() * layout.page_bytes, layout.cell_bytes());
    let log = layout.log_offset..layout.log_offset + layout.log_bytes;
    let cells = layout.cell_offset..layout.cell_offset + layout.cell_bytes();
    assert!(!log.contains(&cells.start) && !cells.contains(&log.start));
    // Each figure has one form: with a zero or a sign in front the file is refused.
    let words = data.windows(2).enumerate().filter(|(_, pair)| {
        let [before, first] = [pair[0], pair[1]];
        before == b' ' && first.is_ascii_digit()
    });
    for (at, _) in words {
        for front in [b'0', b'+'] {
            let mut other = data.to_vec();
            other.insert(at + 1, front);
            assert!(Layout::parse(&other).is_err(), "a figure in two forms");
        }
    }
}

/// Catalogue files: plain text, ascending, and nothing of the system's own is replaced.
pub(crate) fn catalogue(data: &[u8]) {
    let Ok(catalogue) = Catalogue::parse(data) else { return };
    assert!(data.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    let plain = catalogue == Catalogue::default();
    assert_eq!(plain, lines == 1, "events from nowhere, or lost");
    let mut longer = line(data).to_vec();
    longer.extend(b"\n0x3fff Own ControlSystem Security Success");
    assert!(Catalogue::parse(&longer).is_err(), "an event of the system's own was replaced");
}

/// Whether a character could steer what shows it.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{AD}' | '\u{61C}' | '\u{E0000}'..='\u{E007F}')
}

/// Texts of others: nothing that steers a terminal, page, sheet or collector passes.
pub(crate) fn untrusted(data: &[u8]) {
    let lossy = String::from_utf8_lossy(data);
    let texts = [
        Untrusted::from_bytes(data),
        Untrusted::new(lossy.clone()),
        Untrusted::from(&*lossy),
        Untrusted::from_path(Path::new(&*lossy)),
    ];
    for text in texts {
        let shown = text.to_string();
        assert!(!shown.chars().any(steers), "{shown:?}");
        assert!(shown.len() <= 4_096 * 12 + 64);
        assert_eq!(format!("{text:?}"), format!("\"{shown}\""));
        let json = serde_json::to_string(&text).expect("a text");
        assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(shown));
    }
}

/// A verifier that says what the fuzzer wants.
struct Says(Option<LogReport>);

impl Verify for Says {
    fn verify(&self, _: &Evidence<'_>, _: &Trust) -> Result<LogReport, Error> {
        self.0.clone().ok_or_else(|| Error::NotALog { reason: Untrusted::from("\u{1b}[2J") })
    }
}

/// A folder of this process's own, in memory where there is one, which is also where it works from then on.
fn bench() -> &'static PathBuf {
    static BENCH: OnceLock<PathBuf> = OnceLock::new();
    BENCH.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let above = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let bench = above.join(format!("medsec-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&bench).expect("a folder of our own");
        std::env::set_current_dir(&bench).expect("a folder to work in");
        let key = medsec_core::key::DeviceKey::from_seed(&Secret::new([7; 32])).public();
        std::fs::write("log", b"the bytes do not matter").expect("a file");
        std::fs::write("key", DeviceKey::from(key).to_file()).expect("a file");
        std::fs::write("secret", format!("medsec-authority-secret-1 {}\n", "5a".repeat(32)))
            .expect("a file");
        std::fs::write("catalogue", "medsec-catalogue-1\n").expect("a file");
        std::fs::write(
            "layout",
            "medsec-layout-1\nsuite 1\nmodel 7\npage 4096\nunit 4\ncell 0\nlog 16384 65536\n",
        )
        .expect("a file");
        std::fs::write(
            "anchor",
            format!("medsec-checkpoint-1 {} {}\n", "00".repeat(76), "01".repeat(64)),
        )
        .expect("a file");
        bench
    })
}

/// A text: what the input says, or one of those that have hurt others.
fn text(input: &mut Input<'_>) -> Untrusted {
    const HOSTILE: [&str; 8] = [
        "</script><script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "\" onmouseover=\"alert(1)",
        "\u{202e}gpj.exe",
        "\r\n<1>1 - - - - - -",
        "\u{1b}]0;x\u{7}",
        "a]b\\c\"d",
        "{{ 7*7 }}&amp;",
    ];
    match input.u8() {
        choice @ 0..=7 => Untrusted::from(HOSTILE[usize::from(choice)]),
        length => Untrusted::from_bytes(input.take(usize::from(length) % 48)),
    }
}

fn number(input: &mut Input<'_>) -> u64 {
    match input.u8() {
        0xFF => input.u64(),
        0xFE => u64::MAX - u64::from(input.u8()),
        small => u64::from(small),
    }
}

fn place(input: &mut Input<'_>) -> Place {
    Place { page: input.number(), offset: input.number() }
}

fn range(input: &mut Input<'_>) -> RangeRow {
    const VERDICTS: [Verdict; 9] = [
        Verdict::Verified,
        Verdict::TornTail,
        Verdict::Gap,
        Verdict::Truncated,
        Verdict::Modified,
        Verdict::Reordered,
        Verdict::RolledBack,
        Verdict::OverwrittenByPolicy,
        Verdict::Unanchored,
    ];
    let assurances = [Assurance::Signed, Assurance::MacOnly, Assurance::Unanchored];
    let choice = input.u8();
    RangeRow {
        session: input.number(),
        first_seq: number(input),
        last_seq: number(input),
        verdict: VERDICTS[usize::from(choice & 15) % 9],
        assurance: assurances[usize::from(choice >> 4) % 3],
        place: place(input),
    }
}

fn value(input: &mut Input<'_>) -> Value {
    match input.u8() % 8 {
        0 => Value::Number(number(input)),
        1 => Value::Quantity(i64::from_le_bytes(input.array()), "ml/h"),
        2 => Value::Text(text(input)),
        3 => Value::Bytes(input.array()),
        4 => Value::Personal,
        6 => Value::Time(WallTime {
            unix_seconds: number(input),
            source: TimeSource::Person,
            uncertainty_seconds: input.u16(),
        }),
        7 => Value::Pseudonym(input.array()),
        _ => Value::Omitted,
    }
}

fn record(input: &mut Input<'_>) -> RecordRow {
    let choice = input.u8();
    let wall = (choice & 1 == 1).then(|| {
        let earliest_ms = number(input);
        let latest_ms = earliest_ms.saturating_add(number(input));
        Interval { earliest_ms, latest_ms, source: ClockSource::Person }
    });
    let outcomes =
        [Outcome::Success, Outcome::MinorFailure, Outcome::SeriousFailure, Outcome::MajorFailure];
    RecordRow {
        seq: number(input),
        session: input.number(),
        ticks_ms: number(input),
        wall,
        event: input.u16(),
        name: text(input),
        category: text(input),
        class: if choice & 2 == 2 { Class::Security } else { Class::Operational },
        outcome: outcomes[usize::from(choice >> 2 & 3)],
        fields: (0..choice >> 5).map(|_| (text(input), value(input))).collect(),
        place: place(input),
    }
}

/// A verified range that holds one record.
const fn alone(record: &RecordRow) -> RangeRow {
    RangeRow {
        session: record.session,
        first_seq: record.seq,
        last_seq: record.seq,
        verdict: Verdict::Verified,
        assurance: Assurance::Signed,
        place: record.place,
    }
}

fn log_report(input: &mut Input<'_>) -> LogReport {
    let choice = input.u8();
    let ends = [SessionEnd::Complete, SessionEnd::Torn, SessionEnd::Newest, SessionEnd::Unknown];
    let (ranges, records) = (input.below(6), input.below(8));
    let records: Vec<RecordRow> = (0..records).map(|_| record(input)).collect();
    let mut ranges: Vec<RangeRow> = (0..ranges).map(|_| range(input)).collect();
    if input.bool() {
        // Each record in a range of its own, so that it is shown.
        ranges = records.iter().map(alone).collect();
    }
    LogReport {
        device_id: [choice; 16],
        contents: if choice & 1 == 1 { Contents::Sealed } else { Contents::Opened },
        ranges,
        records,
        sessions: (0..choice >> 5)
            .map(|turn| SessionRow {
                index: input.number(),
                first_seq: number(input),
                last_seq: number(input),
                end: ends[usize::from(turn & 3)],
            })
            .collect(),
        forgeable: (choice & 2 == 2)
            .then(|| ForgeableWindow { first_seq: number(input), last_seq: number(input) }),
        checkpoint: (choice & 4 == 4)
            .then(|| Checkpoint { signed: input.take(76).to_vec(), signature: [3; 64] }),
        anchored: choice & 8 == 8,
        state_believed: choice & 16 == 16,
        misfits: number(input),
        notes: (0..choice & 3).map(|_| text(input)).collect(),
    }
}

/// One run of the tool: its exit, what it printed, and that it was never a bug of its own.
fn tool(args: &[&str], says: &Says) -> (Exit, String, String) {
    bench();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = core::iter::once("medsec").chain(args.iter().copied()).map(OsString::from);
    let exit = run(words, says, Surroundings::default(), &mut out, &mut err);
    assert_ne!(exit, Exit::Bug);
    (exit, String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"))
}

/// Everything the tool writes about a log whose every text and number is hostile.
pub(crate) fn report(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let says = Says(Some(log_report(&mut input)));
    let subject = ["log", "--device-key", "key"];
    let with = |verb: &str, more: &[&str]| -> (Exit, String, String) {
        let hides = choice & 8 == 8 && verb == "export";
        let hidden: &[&str] = if hides { &["--de-identified"] } else { &[] };
        tool(&[&["log", verb][..], &subject, more, hidden].concat(), &says)
    };
    match choice & 7 {
        0 => {
            let (_, out, err) = with("verify", &[]);
            for shown in [out, err] {
                assert!(!shown.chars().any(|c| c != '\n' && steers(c)), "{shown:?}");
            }
        }
        1 => {
            let (_, out, _) = with("verify", &["--json"]);
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
        }
        2 => {
            let (_, out, _) = with("export", &["--format", "json"]);
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
        }
        3 => {
            let (_, out, _) = with("export", &["--format", "csv"]);
            let mut rows = csv::ReaderBuilder::new().flexible(false).from_reader(out.as_bytes());
            for row in rows.records() {
                for cell in &row.expect("a row of as many cells") {
                    assert!(
                        !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
                            || cell.parse::<i64>().is_ok(),
                        "{cell:?}"
                    );
                    assert!(!cell.chars().any(steers), "{cell:?}");
                }
            }
        }
        4 => {
            let (_, out, _) = with("export", &["--format", "syslog"]);
            for line in out.lines() {
                // RFC 5424 wants one byte order mark, before the text.
                let bare = line.replacen('\u{feff}', "", 1);
                assert!(bare.starts_with('<') && !bare.chars().any(steers), "{line:?}");
            }
        }
        5 => {
            let (_, out, _) = with("export", &["--format", "syslog", "--framing", "counted"]);
            let mut rest = out.as_bytes();
            while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
                let count =
                    str::from_utf8(&rest[..space]).ok().and_then(|text| text.parse::<usize>().ok());
                rest = &rest[space + 1 + count.expect("a count before each message")..];
            }
            assert!(rest.is_empty());
        }
        6 => {
            with("checkpoint", &[]);
        }
        _ => {
            let (exit, ..) = with("report", &["-o", "report.html"]);
            let page = std::fs::read_to_string("report.html").unwrap_or_default();
            std::fs::remove_file("report.html").ok();
            assert!(page.is_empty() || !page.to_lowercase().contains("<script"), "{page}");
            assert!(!page.contains("onmouseover=\""), "{page}");
            assert!(exit != Exit::Ok || !page.is_empty());
        }
    }
}

/// Any command line, over files that are there: an exit code and a reason.
pub(crate) fn cli(data: &[u8]) {
    const WORDS: [&str; 49] = [
        "log",
        "verify",
        "report",
        "export",
        "checkpoint",
        "explain",
        "schema",
        "--json",
        "--quiet",
        "--color",
        "always",
        "never",
        "--device-key",
        "--authority-key",
        "--anchor",
        "--layout",
        "--catalogue",
        "--strict",
        "--format",
        "json",
        "csv",
        "syslog",
        "--framing",
        "counted",
        "lines",
        "-o",
        "--output",
        "--help",
        "-h",
        "--version",
        "-V",
        "--",
        "key",
        "secret",
        "anchor",
        "layout",
        "catalogue",
        "E0101",
        "medsec.error/1",
        "help",
        "--de-identified",
        "--times",
        "kept",
        "--pseudonym-key",
        "pseudonym",
        "completions",
        "bash",
        "man",
        "--out",
    ];
    let mut input = Input::new(data);
    let choice = input.u8();
    let mut args: Vec<OsString> = vec![OsString::from("medsec")];
    while !input.is_empty() && args.len() < 24 {
        let word = input.u8();
        let arg = match WORDS.get(usize::from(word)) {
            Some(known) => OsString::from(known),
            None => own(input.take(usize::from(word) % 24)),
        };
        // The demonstration writes many files, a simulated device runs on, authorities and registries take their time, an address leads to others, and a path
        // may lead out of the bench.
        let shown = arg.to_string_lossy();
        if ["demo", "sim", "ca", "registry"].contains(&&*shown)
            || shown.contains("tcp:")
            || shown.contains("tty:")
            || shown.contains('/') && !shown.starts_with("medsec.")
            || shown.contains("..")
        {
            return;
        }
        args.push(arg);
    }
    let asks_json = args.iter().any(|arg| arg == "--json");
    let report = (choice & 1 == 1).then(|| log_report(&mut Input::new(data)));
    bench();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let surroundings = Surroundings {
        terminal: choice & 2 == 2,
        no_color: choice & 4 == 4,
        force_color: choice & 8 == 8,
    };
    let exit = run(args.clone(), &Says(report), surroundings, &mut out, &mut err);
    assert_ne!(exit, Exit::Bug, "{args:?}");
    let (out, err) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    let colour = |text: &str| text.replace('\u{1b}', "");
    assert!(!colour(&err).chars().any(|c| c != '\n' && steers(c)), "{args:?} {err:?}");
    if asks_json && exit == Exit::Usage && !out.is_empty() {
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{args:?} {out}");
    }
    for entry in std::fs::read_dir(".").into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !["log", "key", "secret", "catalogue", "layout", "anchor"]
            .iter()
            .any(|known| name == *known)
        {
            std::fs::remove_file(entry.path()).ok();
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(unix)]
fn own(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    OsString::from_vec(bytes)
}
