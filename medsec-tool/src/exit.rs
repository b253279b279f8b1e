//! Exit codes. They are frozen: scripts rely on them.

use std::process::ExitCode;

/// How a run of the tool ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Exit {
    /// Done, and the verdict, if there is one, is good.
    Ok,
    /// Negative verdict: the log was changed.
    Negative,
    /// Could not decide: no trust anchor, missing evidence, or with `--strict` a range that is not signed.
    Undecided,
    /// Refused by policy or permission.
    Refused,
    /// An input is unreadable or malformed.
    Input,
    /// A device or the output failed; trying again may help.
    Device,
    /// The registry or the hardware security module is not available.
    Registry,
    /// The user broke off.
    Aborted,
    /// The command line is wrong.
    Usage,
    /// A bug of this tool.
    Bug,
}

impl Exit {
    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Negative => 1,
            Self::Undecided => 2,
            Self::Refused => 3,
            Self::Input => 4,
            Self::Device => 5,
            Self::Registry => 6,
            Self::Aborted => 7,
            Self::Usage => 64,
            Self::Bug => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
