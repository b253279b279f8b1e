//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Verify, report and export the audit logs of medical devices. Works without a network.
#[derive(Parser, Debug)]
#[command(name = "medsec", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const AFTER_HELP: &str = "\
Exit codes: 0 ok; 1 negative verdict; 2 could not decide; 3 refused; 4 input unreadable or malformed;
5 device or output error; 6 registry or HSM unavailable; 7 user abort; 64 usage; 70 bug.";

#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Global {
    /// Print one JSON object; `medsec schema` tells its form
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the verdict line and nothing else
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Colour the verdict
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColorChoice {
    /// If the output is a terminal; NO_COLOR and CLICOLOR_FORCE are honoured
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Play a part of the life of a simulated pump, and check every step with this tool's own verbs
    Demo {
        /// Where to leave the files: a new or empty directory, or one of an earlier demo
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Verify, report and export a device's audit log
    #[command(subcommand)]
    Log(LogVerb),
    /// Explain the code of an error or a finding: cause, risk, fix
    Explain {
        /// The code as it was printed, such as E0203
        code: String,
    },
    /// Print the JSON Schema of an output
    Schema {
        /// Name of the output, such as log.verify
        name: String,
    },
    /// Print what a shell needs to complete this command
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write a page for each verb
    Man {
        /// A directory for the pages of all verbs
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum LogVerb {
    /// Say which ranges of a log are complete and unchanged, and who vouches for them
    Verify(Subject),
    /// Write one HTML file with verdicts, time line and records
    Report {
        #[command(flatten)]
        subject: Subject,
        /// The HTML file to write
        #[arg(short, long, value_name = "HTML")]
        output: PathBuf,
    },
    /// Write the verified records for another program
    Export(ExportArgs),
    /// Take the newest signed checkpoint out of a log, to keep as a later --anchor
    Checkpoint {
        #[command(flatten)]
        subject: Subject,
        /// The checkpoint file to write; standard output if left out
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
    },
    /// Tell which pseudonyms stand for ids, by the key that an export kept
    Pseudonym {
        /// The key, from --pseudonym-key of an export
        #[arg(long, value_name = "FILE")]
        pseudonym_key: PathBuf,
        /// Ids in hexadecimal, as an export that is not de-identified shows them
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// What is exported, and how.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// The form to write
    #[arg(long)]
    pub(crate) format: Format,
    /// How messages are told apart (syslog only): a line feed, or a count of bytes in front
    #[arg(long, value_name = "FRAMING", default_value = "lines")]
    pub(crate) framing: Framing,
    /// The file to write; standard output if left out
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Replace ids by pseudonyms of this export alone, leave personal fields out, and make times coarse
    #[arg(long)]
    pub(crate) de_identified: bool,
    /// What becomes of times in a de-identified export
    #[arg(long, value_name = "TIMES", default_value = "year", requires = "de_identified")]
    pub(crate) times: Times,
    /// Keep the key of the pseudonyms in this new file, for its holder alone; left out, it is destroyed
    #[arg(long, value_name = "FILE", requires = "de_identified")]
    pub(crate) pseudonym_key: Option<PathBuf>,
}

/// What becomes of times in a de-identified export.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// Dates become their year; time since power-on, whole minutes
    Year,
    /// As they are: not for data that must be free of dates
    Kept,
}

impl Times {
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Kept => "kept",
        }
    }
}

/// A log and what it is verified against.
#[derive(Args, Debug)]
pub(crate) struct Subject {
    /// The log: an export, or a raw image of the flash together with --layout
    pub(crate) file: PathBuf,
    /// The device's public key, from its provisioning record: the trust anchor
    #[arg(long, value_name = "FILE")]
    pub(crate) device_key: Option<PathBuf>,
    /// The log authority's secret, which opens the records
    #[arg(long, value_name = "FILE")]
    pub(crate) authority_key: Option<PathBuf>,
    /// A checkpoint kept from earlier; a log that ends before it was cut off
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor: Option<PathBuf>,
    /// Where the log lies in a raw image of the flash
    #[arg(long, value_name = "FILE")]
    pub(crate) layout: Option<PathBuf>,
    /// Names of the maker's events; without it they are shown by their numbers
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Option<PathBuf>,
    /// Do not decide (exit 2) unless the device's signature covers every record that is whole and the log reaches the anchor
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object, schema log.records
    Json,
    /// Comma-separated values; no cell is taken for a formula
    Csv,
    /// Messages of RFC 5424 with structured data
    Syslog,
}

impl Format {
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Syslog => "syslog",
        }
    }
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One message a line
    Lines,
    /// RFC 6587 octet counting, for a TCP stream
    Counted,
}

impl Verb {
    /// The schema of this verb's `--json` output.
    pub(crate) const fn schema(&self) -> &'static str {
        match self {
            Self::Demo { .. } => "medsec.demo/1",
            Self::Log(LogVerb::Verify(_)) => "medsec.log.verify/1",
            Self::Log(LogVerb::Report { .. }) => "medsec.log.report/1",
            Self::Log(LogVerb::Export(_)) => "medsec.log.export/1",
            Self::Log(LogVerb::Checkpoint { .. }) => "medsec.log.checkpoint/1",
            Self::Explain { .. } => "medsec.explain/1",
            Self::Log(LogVerb::Pseudonym { .. }) => "medsec.log.pseudonym/1",
            // They print no object; what there is to say about them is an error.
            Self::Schema { .. } | Self::Completions { .. } | Self::Man { .. } => "medsec.error/1",
        }
    }
}
