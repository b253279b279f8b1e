//! The verdicts of ranges, and who vouches for them.

/// What holds for a range of records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Complete and unchanged.
    Verified,
    /// The last record of a session does not open: it was being written when the power went, or was changed since.
    TornTail,
    /// Records are missing inside the log.
    Gap,
    /// Records are missing at the end, which a checkpoint proves were there.
    Truncated,
    /// Stored bytes were changed.
    Modified,
    /// Pages are in another order or place than they were written.
    Reordered,
    /// The log is an older state of the device.
    RolledBack,
    /// A log that overwrites its oldest records did so, as its policy says.
    OverwrittenByPolicy,
    /// Nothing vouches for it, or for what may have followed.
    Unanchored,
}

/// What a verdict means for the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Weight {
    /// Nothing to object to.
    Good,
    /// Worth knowing, and no sign of tampering.
    Notice,
    /// Evidence is missing.
    Open,
    /// Somebody changed the log.
    Bad,
}

impl Verdict {
    /// All of them, in the order in which a legend lists them.
    pub const ALL: [Self; 9] = [
        Self::Verified,
        Self::TornTail,
        Self::OverwrittenByPolicy,
        Self::Unanchored,
        Self::Gap,
        Self::Truncated,
        Self::Modified,
        Self::Reordered,
        Self::RolledBack,
    ];

    /// The word in machine-readable output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::TornTail => "torn-tail",
            Self::Gap => "gap",
            Self::Truncated => "truncated",
            Self::Modified => "modified",
            Self::Reordered => "reordered",
            Self::RolledBack => "rolled-back",
            Self::OverwrittenByPolicy => "overwritten-by-policy",
            Self::Unanchored => "unanchored",
        }
    }

    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::TornTail => "torn, as by a power cut",
            Self::Gap => "missing",
            Self::Truncated => "cut off",
            Self::Modified => "modified",
            Self::Reordered => "reordered",
            Self::RolledBack => "rolled back",
            Self::OverwrittenByPolicy => "overwritten by policy",
            Self::Unanchored => "not anchored",
        }
    }

    /// What it means for whoever relies on the log.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Verified => "every byte, its place and its order are as the device stored them",
            Self::TornTail => {
                "the last record of a session does not open: most likely it was being written when \
                 the power went, and then it was never acknowledged; who holds the flash could make \
                 one record look like this"
            }
            Self::OverwrittenByPolicy => {
                "the log was full and gave up its oldest pages, as it is set up to do; older \
                 exports may still hold them"
            }
            Self::Unanchored => {
                "it may be genuine, cut or made up: no signature and no key vouches for it, or it lies \
                 behind a place where the log was changed"
            }
            Self::Gap => {
                "pages are missing that later records build on; somebody removed them, or \
                          the part has failed"
            }
            Self::Truncated => {
                "a checkpoint kept elsewhere proves records that are not here: the end was cut off"
            }
            Self::Modified => {
                "bytes differ from what the device stored, and no power cut explains it"
            }
            Self::Reordered => "a page lies where another belongs: pages were moved or copied",
            Self::RolledBack => {
                "log and stored state of the device contradict each other: one was set back to an \
                 older copy"
            }
        }
    }

    /// What the verdict means for the whole.
    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Self::Verified => Weight::Good,
            Self::TornTail | Self::OverwrittenByPolicy => Weight::Notice,
            Self::Unanchored => Weight::Open,
            Self::Gap | Self::Truncated | Self::Modified | Self::Reordered | Self::RolledBack => {
                Weight::Bad
            }
        }
    }
}

/// Who could have made a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Assurance {
    /// Covered by a checkpoint that the device signed.
    Signed,
    /// A holder of the log key could have made this.
    MacOnly,
    /// Nothing vouches for it.
    Unanchored,
}

impl Assurance {
    /// The word in machine-readable output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::MacOnly => "mac-only",
            Self::Unanchored => "unanchored",
        }
    }

    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Signed => "signed by the device",
            Self::MacOnly => "a holder of the log key could have made this",
            Self::Unanchored => "nothing vouches for it",
        }
    }
}
