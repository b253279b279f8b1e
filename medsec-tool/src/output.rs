//! What a command hands back, and how it is printed.
//!
//! Standard output carries the result, standard error what is only for people. `--json` prints one object whose fields
//! are always present; see `medsec schema`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;

use crate::cli::Global;
use crate::code::Code;
use crate::error::Error;
use crate::exit::Exit;

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Error,
    Warning,
    Notice,
}

impl Severity {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// One thing to know about the result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    #[serde(rename = "where")]
    pub(crate) place: Option<String>,
    pub(crate) message: String,
    pub(crate) fix: &'static str,
}

impl Finding {
    pub(crate) fn new(code: &Code, severity: Severity, message: String) -> Self {
        Self { code: code.id, severity, place: None, message, fix: code.fix }
    }

    pub(crate) fn at(self, place: String) -> Self {
        Self { place: Some(place), ..self }
    }
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    /// The verdict in one word, for programs.
    pub(crate) verdict: &'static str,
    /// The verdict in one line, for people.
    pub(crate) headline: String,
    /// More lines for people.
    pub(crate) text: Vec<String>,
    /// Bytes that are themselves the result on standard output.
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) data: Json,
}

impl Outcome {
    /// `payload` is itself the result, and there is nothing to say about it.
    pub(crate) const fn printed(payload: Vec<u8>) -> Self {
        Self {
            exit: Exit::Ok,
            verdict: "ok",
            headline: String::new(),
            text: Vec::new(),
            payload: Some(payload),
            findings: Vec::new(),
            data: Json::Null,
        }
    }
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

/// This tool, as outputs name it.
const TOOL: Tool = Tool { name: "medsec", version: env!("CARGO_PKG_VERSION") };

#[derive(Serialize)]
struct Envelope<'a> {
    schema: &'a str,
    tool: Tool,
    verdict: &'a str,
    code: u8,
    findings: &'a [Finding],
    data: &'a Json,
}

/// Where output goes.
pub(crate) struct Console<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    pub(crate) global: Global,
    pub(crate) colored: bool,
}

impl Console<'_> {
    /// Prints `outcome`.
    pub(crate) fn show(&mut self, schema: &str, outcome: &Outcome) -> io::Result<()> {
        if let Some(payload) = &outcome.payload {
            self.out.write_all(payload)?;
            self.out.flush()?;
            return self.show_text(outcome, true);
        }
        if !self.global.json {
            return self.show_text(outcome, false);
        }
        self.show_json(&Envelope {
            schema,
            tool: TOOL,
            verdict: outcome.verdict,
            code: outcome.exit.code(),
            findings: &outcome.findings,
            data: &outcome.data,
        })
    }

    /// Prints `error`; `is_verdict` if the caller expects a verdict on standard output.
    pub(crate) fn show_error(
        &mut self,
        schema: &str,
        error: &Error,
        is_verdict: bool,
    ) -> io::Result<()> {
        let code = error.code();
        let finding = Finding::new(&code, Severity::Error, error.to_string());
        let verdict = if is_verdict { "not-checked" } else { "error" };
        if self.global.json {
            return self.show_json(&Envelope {
                schema,
                tool: TOOL,
                verdict,
                code: error.exit().code(),
                findings: &[finding],
                data: &Json::Null,
            });
        }
        if is_verdict {
            let line = self.headline(error.exit(), &format!("NOT CHECKED: {error}"));
            writeln!(self.out, "{line}")?;
            self.out.flush()?;
        } else {
            let line = self.headline(error.exit(), &format!("ERROR: {error}"));
            writeln!(self.err, "{line}")?;
        }
        if self.global.quiet {
            return Ok(());
        }
        writeln!(self.err, "  fix: {}\n  more: medsec explain {}", code.fix, code.id)
    }

    fn show_json(&mut self, envelope: &Envelope<'_>) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, envelope)?;
        writeln!(self.out)?;
        self.out.flush()
    }

    fn show_text(&mut self, outcome: &Outcome, beside_payload: bool) -> io::Result<()> {
        let headline = self.headline(outcome.exit, &outcome.headline);
        let quiet = self.global.quiet;
        let target: &mut dyn Write = if beside_payload { self.err } else { self.out };
        if beside_payload && (quiet || outcome.headline.is_empty()) {
            return Ok(());
        }
        writeln!(target, "{headline}")?;
        if !quiet {
            for line in &outcome.text {
                writeln!(target, "{line}")?;
            }
            for finding in &outcome.findings {
                let place = finding.place.as_deref().map(|place| format!(" ({place})"));
                let (code, severity) = (finding.code, finding.severity.word());
                let place = place.unwrap_or_default();
                writeln!(target, "  {severity} {code}: {}{place}", finding.message)?;
                if finding.severity != Severity::Notice {
                    writeln!(target, "    fix: {}", finding.fix)?;
                }
            }
        }
        target.flush()
    }

    fn headline(&self, exit: Exit, words: &str) -> String {
        let (mark, color) = match exit {
            Exit::Ok => ('\u{2714}', "32"),
            Exit::Undecided => ('?', "33"),
            Exit::Negative
            | Exit::Refused
            | Exit::Input
            | Exit::Device
            | Exit::Registry
            | Exit::Aborted
            | Exit::Usage
            | Exit::Bug => ('\u{2718}', "31"),
        };
        if self.colored {
            format!("\u{1b}[1;{color}m{mark} {words}\u{1b}[0m")
        } else {
            format!("{mark} {words}")
        }
    }
}
