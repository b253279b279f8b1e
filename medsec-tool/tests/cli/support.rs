//! A directory with input files, and a verifier that says what the test wants.

use core::cell::Cell;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use medsec_core::Secret;
use medsec_tool::error::Error;
use medsec_tool::exit::Exit;
use medsec_tool::keyfile::{Checkpoint, DeviceKey};
use medsec_tool::model::{
    Assurance, Class, ClockSource, Contents, Evidence, ForgeableWindow, Interval, LogReport,
    Outcome, Place, RangeRow, RecordRow, SessionEnd, SessionRow, Trust, Value, Verdict, Verify,
};
use medsec_tool::untrusted::Untrusted;
use medsec_tool::{Surroundings, run};

/// What the verifier of a test says.
pub(crate) enum Judge {
    Says(LogReport),
    Fails(Cell<Option<Error>>),
}

impl Verify for Judge {
    fn verify(&self, _evidence: &Evidence<'_>, _trust: &Trust) -> Result<LogReport, Error> {
        match self {
            Self::Says(report) => Ok(report.clone()),
            Self::Fails(error) => Err(error.take().unwrap()),
        }
    }
}

pub(crate) struct Run {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) struct Bench {
    dir: tempfile::TempDir,
    judge: Judge,
}

impl Bench {
    pub(crate) fn new(judge: Judge) -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap(), judge };
        bench.put("log", b"the bytes do not matter to this judge");
        let key = medsec_core::key::DeviceKey::from_seed(&Secret::new([7; 32])).public();
        bench.put("device", DeviceKey::from(key).to_file().as_bytes());
        let secret = format!("medsec-authority-secret-1 {}\n", "5a".repeat(32));
        bench.put("authority", secret.as_bytes());
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the tool; an argument with an at sign in front is a file of this bench.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let mut out = Vec::new();
        let (exit, err) = self.run_into(args, &mut out);
        Run { exit, out: String::from_utf8(out).unwrap(), err }
    }

    pub(crate) fn run_into(&self, args: &[&str], out: &mut dyn Write) -> (Exit, String) {
        let args = args.iter().map(|arg| match arg.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => OsString::from(arg),
        });
        let args = core::iter::once(OsString::from("medsec")).chain(args);
        let mut err = Vec::new();
        let exit = run(args, &self.judge, Surroundings::default(), out, &mut err);
        (exit, String::from_utf8(err).unwrap())
    }

    /// Runs a log verb on the bench's log with the bench's device key.
    pub(crate) fn log(&self, verb: &[&str], more: &[&str]) -> Run {
        let mut args = vec!["log"];
        args.extend(verb);
        args.extend(["@log", "--device-key", "@device"]);
        args.extend(more);
        self.run(&args)
    }

    pub(crate) fn verify(&self, more: &[&str]) -> Run {
        self.log(&["verify"], more)
    }
}

pub(crate) fn range(
    session: u32,
    first_seq: u64,
    last_seq: u64,
    verdict: Verdict,
    assurance: Assurance,
) -> RangeRow {
    let place = Place { page: session + 2, offset: 96 };
    RangeRow { session, first_seq, last_seq, verdict, assurance, place }
}

/// Two sessions of five records each, verified and signed.
pub(crate) fn good_log() -> LogReport {
    let records = (1..=10).map(|seq| record(seq, if seq <= 5 { 0 } else { 1 })).collect();
    LogReport {
        device_id: *b"PUMP-0000-000-01",
        contents: Contents::Opened,
        ranges: vec![
            range(0, 1, 5, Verdict::Verified, Assurance::Signed),
            range(1, 6, 10, Verdict::Verified, Assurance::Signed),
        ],
        records,
        sessions: vec![
            SessionRow { index: 0, first_seq: 1, last_seq: 5, end: SessionEnd::Complete },
            SessionRow { index: 1, first_seq: 6, last_seq: 10, end: SessionEnd::Newest },
        ],
        forgeable: Some(ForgeableWindow { first_seq: 9, last_seq: 10 }),
        checkpoint: Some(Checkpoint { signed: vec![1, 2, 3], signature: [9; 64] }),
        anchored: false,
        state_believed: true,
        misfits: 0,
        notes: Vec::new(),
    }
}

pub(crate) fn record(seq: u64, session: u32) -> RecordRow {
    let earliest_ms = 1_767_225_600_000 + seq * 1_000;
    RecordRow {
        seq,
        session,
        ticks_ms: seq * 250,
        wall: (seq != 3).then_some(Interval {
            earliest_ms,
            latest_ms: earliest_ms + 500,
            source: ClockSource::Authenticated,
        }),
        event: 0x0102,
        name: "dose changed".into(),
        category: "configuration change".into(),
        class: Class::Security,
        outcome: if seq == 4 { Outcome::MinorFailure } else { Outcome::Success },
        fields: vec![
            ("rate".into(), Value::Number(120)),
            ("step".into(), Value::Quantity(-5, "ms")),
            ("patient".into(), Value::Personal),
            ("comment".into(), Value::Omitted),
            ("actor".into(), Value::Bytes([0xab; 8])),
        ],
        place: Place { page: session + 2, offset: 96 },
    }
}

/// What a device under somebody else's control may call things.
pub(crate) const HOSTILE: [&str; 18] = [
    "</td></tr></table><script>alert(1)</script>",
    "<svg onload=alert(1)><title></title></svg>",
    "\" onmouseover=\"alert(1)",
    "' style='position:fixed;inset:0",
    "<!-- ",
    "</style><style>*{display:none}</style>",
    "&lt;script&gt; &#60;img src=x&#62;",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
    "abc\u{202e}gnp.exe\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
    "two\r\nlines\u{2028}three\u{2029}four\u{85}five\0",
    "=HYPERLINK(\"http://example.invalid\",\"x\")",
    "@SUM(1)\t\"quoted\", comma",
    "] [fake@1 a=\"b\"] \\",
    "+1+1",
    "-1+cmd|' /C calc'!A1",
    "\t=1+1",
    "\r\n=1+1",
    "{{ headline }} {% raw %} ${x}",
];

/// A log whose every text is hostile, with `count` records.
pub(crate) fn hostile_log(count: u64) -> LogReport {
    let mut log = good_log();
    log.ranges = vec![range(0, 1, count, Verdict::Verified, Assurance::Signed)];
    let text = |index: u64| HOSTILE[usize::try_from(index).unwrap() % HOSTILE.len()];
    log.records = (1..=count)
        .map(|seq| RecordRow {
            name: text(seq).into(),
            category: text(seq + 1).into(),
            fields: vec![(text(seq + 2).into(), Value::Text(text(seq + 3).into()))],
            ..record(seq, 0)
        })
        .collect();
    log.notes = HOSTILE.map(Untrusted::from).to_vec();
    log
}

/// No character that steers a terminal or reorders text; line feeds are the tool's own.
pub(crate) fn assert_harmless(text: &str) {
    for character in text.chars() {
        let steers = character != '\n' && character.is_control();
        let hides = matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        );
        assert!(!steers && !hides, "U+{:04X}", u32::from(character));
    }
}
