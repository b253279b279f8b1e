//! What core and audit themselves record.

use crate::event::field::{Count, Digest8, PrincipalId};
use crate::events;
use crate::time::WallTime;

events! {
    /// Why the device started.
    pub codes ResetCause {
        /// The part does not say.
        Unknown = 0,
        /// Power came on.
        PowerOn = 1,
        /// Supply voltage fell too low.
        BrownOut = 2,
        /// The reset pin.
        Pin = 3,
        /// The watchdog was not fed.
        Watchdog = 4,
        /// The firmware asked for it.
        Software = 5,
        /// The core locked up in a fault handler.
        LockUp = 6,
        /// Woken from a sleep without memory.
        Wake = 7,
        /// A debugger.
        Debug = 8,
    }
}

events! {
    /// What was being done when the flash failed.
    pub codes FlashOperation {
        /// A read.
        Read = 1,
        /// A program.
        Program = 2,
        /// An erase, or a step of one.
        Erase = 3,
    }
}

events! {
    /// The health test that the noise source failed; [`crate::rng`] describes them.
    pub codes RandomTest {
        /// The part delivered no samples.
        Source = 1,
        /// One sample came too often in a row.
        Repetition = 2,
        /// One sample came too often in a short window.
        Proportion = 3,
        /// Samples followed those a few places before too closely.
        Lag = 4,
        /// One sample came too often in a long window.
        Bias = 5,
        /// A block came again.
        Block = 6,
    }
}

events! {
    /// The self-test that failed.
    pub codes SelfTest {
        /// A cipher gave a wrong answer to a known question.
        Cipher = 1,
        /// A hash or a message authentication code did.
        Hash = 2,
        /// A signature check did.
        Signature = 3,
        /// The random generator did.
        Random = 4,
        /// Program memory differs from what was installed.
        Image = 5,
        /// Working memory.
        Memory = 6,
        /// Stored settings.
        Settings = 7,
        /// A part of the device outside the processor.
        Peripheral = 8,
    }
}

events! {
    /// What a rule of detection found; the rules are in `medsec_audit::detect`.
    pub codes Pattern {
        /// Attempts to log in, or to do what is not permitted, failed one after the other.
        AccessFailures = 1,
        /// Requests that were malformed or could not be served came one after the other.
        RequestFailures = 2,
        /// Changes of settings or software failed one after the other.
        ChangeFailures = 3,
        /// An update was refused: not authentic, for another device, or older than it may be.
        UpdateFailures = 4,
        /// Messages of a link were refused one after the other: replayed, reordered or not authentic.
        LinkFailures = 5,
        /// A self-test failed.
        SelfTestFailed = 6,
        /// The device starts again and again.
        BootStorm = 7,
        /// The wall clock was set back.
        ClockWentBack = 8,
        /// The noise source failed.
        NoiseFault = 9,
        /// The flash failed.
        FlashFault = 10,
        /// A page of the log was damaged.
        DamagedPage = 11,
        /// The log is nearly full.
        LogNearlyFull = 12,
        /// The log refused a record.
        RecordsRefused = 13,
        /// The maker's own.
        Maker1 = 0x41,
        /// The maker's own.
        Maker2 = 0x42,
        /// The maker's own.
        Maker3 = 0x43,
        /// The maker's own.
        Maker4 = 0x44,
    }
}

events! {
    /// How much a detection matters. None of them stops therapy.
    pub codes Severity {
        /// For whoever reads the log.
        Notice = 1,
        /// For the user, when there is time.
        Warning = 2,
        /// For the user, now.
        Alert = 3,
    }
}

events! { @system
    /// What core and audit themselves record. Ids `0x0001..=0x0FFF`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub enum SystemEvent {
        /// The device started and its log is open.
        BootCompleted = 0x0001 [ControlSystem, Security, Success] {
            /// Why it started.
            public cause: ResetCause,
        },
        /// The device starts again and again; records of boots are thinned out from here.
        BootStorm = 0x0002 [ControlSystem, Security, SeriousFailure] {
            /// Boots since the last one that lasted.
            public boots: Count,
        },
        /// A self-test failed.
        SelfTestFailed = 0x0003 [ControlSystem, Security, MajorFailure] {
            /// Which one.
            public what: SelfTest,
        },
        /// The flash failed.
        FlashFault = 0x0004 [ControlSystem, Security, MajorFailure] {
            /// What was being done.
            public operation: FlashOperation,
            /// Bytes from the start of the part.
            public offset: Count,
        },
        /// A page nears the number of erases it is made for.
        WearWarning = 0x0005 [ControlSystem, Security, MinorFailure] {
            /// Erases of the most worn page.
            public erases: Count,
        },
        /// The noise source failed a health test; no keys are made until it passes.
        RngFault = 0x0006 [ControlSystem, Security, MajorFailure] {
            /// Which test.
            public test: RandomTest,
        },
        /// The wall clock was set: times before and after are joined here.
        ClockSet = 0x0007 [ConfigurationChange, Security, Success] {
            /// The time until now.
            public from: WallTime,
            /// The time from now on.
            public to: WallTime,
        },
        /// The wall clock gives an earlier time than before.
        ClockWentBack = 0x0008 [ControlSystem, Security, MinorFailure] {
            /// The latest time seen.
            public from: WallTime,
            /// The time it gives.
            public to: WallTime,
        },
        /// The log is nearly full and will soon refuse or overwrite (IEC 62443-4-2 CR 2.9).
        LogNearlyFull = 0x0101 [AuditLog, Security, MinorFailure] {
            /// Pages still free.
            public pages_free: Count,
        },
        /// Exported records were released, and their pages are used again.
        LogCleared = 0x0102 [AuditLog, Security, Success] {
            /// Who released them.
            public by: PrincipalId,
        },
        /// Events came faster than they may be recorded.
        RecordsSuppressed = 0x0103 [AuditLog, Security, MinorFailure] {
            /// How many were not recorded.
            public count: Count,
        },
        /// A page could not be read, and is about to be used again.
        DamagedPage = 0x0104 [AuditLog, Security, SeriousFailure] {
            /// The hash of its bytes as read.
            public digest: Digest8,
        },
        /// The log is being read out.
        ExportStarted = 0x0105 [AuditLog, Security, Success] {
            /// By whom.
            public by: PrincipalId,
        },
        /// The log was read out to its end.
        ExportCompleted = 0x0106 [AuditLog, Security, Success] {
            /// Records given out.
            public records: Count,
        },
        /// A rule of detection was met.
        Detected = 0x0107 [ControlSystem, Security, MinorFailure] {
            /// What was found.
            public pattern: Pattern,
            /// How much it matters.
            public severity: Severity,
            /// Events that were counted.
            public events: Count,
            /// How often the rule was met since its last record, this time not counted.
            public unrecorded: Count,
        },
    }
}
