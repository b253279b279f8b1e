//! What core records of a device's life, of its end and of its local ports.
//!
//! Apart from [`SystemEvent`](super::SystemEvent), so that firmware without ports carries nothing of them.

use crate::event::field::{Count, Digest8, Duration, PrincipalId};
use crate::events;

events! {
    /// The part of its life a device is in; [`crate::lifecycle`] describes them.
    pub codes LifecycleState {
        /// Firmware, nothing else.
        Blank = 1,
        /// A station gives it keys and a certificate.
        Provisioning = 2,
        /// Waits for an owner.
        AwaitClaim = 3,
        /// Has an owner, and may have a patient.
        InService = 4,
        /// Has an owner, and no patient.
        Maintenance = 5,
        /// Erases what its owner left.
        Sanitizing = 6,
        /// The end.
        Decommissioned = 7,
        /// It could not be read.
        Unreadable = 0x7F,
    }
}

events! {
    /// A local port of the device. It has one of each at most.
    pub codes PortKind {
        /// A serial console on pins or pads of the board.
        DebugUart = 1,
        /// USB, for service.
        UsbService = 2,
        /// JTAG or SWD: the inside of the processor.
        DebugProbe = 3,
        /// A slot for memory cards.
        MemoryCard = 4,
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
    /// What a local port is opened for.
    pub codes PortReason {
        /// Yearly or other planned maintenance.
        Maintenance = 1,
        /// A fault is looked for.
        Diagnosis = 2,
        /// An output or a sensor is adjusted.
        Calibration = 3,
        /// Software is brought by hand.
        Update = 4,
        /// Records or settings are taken out.
        Export = 5,
        /// Somebody looks into an incident.
        Investigation = 6,
    }
}

events! {
    /// Why a local port was closed.
    pub codes PortClosing {
        /// Whoever opened it wanted it so.
        Asked = 1,
        /// Its time was over.
        Expired = 2,
        /// The session in which it was opened was.
        SessionEnded = 3,
        /// The device's ticks went back.
        ClockWentBack = 4,
        /// The part did not connect it.
        Fault = 5,
    }
}

events! {
    /// Why a local port was not opened.
    pub codes PortRefusal {
        /// What should permit it does not hold any more.
        Permission = 1,
        /// For no time, or for longer than this port may be open.
        Lease = 2,
        /// Not in this state of the device's life.
        Lifecycle = 3,
        /// The session is over.
        Session = 4,
        /// It is open.
        Open = 5,
        /// The device's ticks went back.
        ClockWentBack = 6,
    }
}

events! {
    /// What a device becomes once it was sanitized.
    pub codes SanitizeOutcome {
        /// It keeps its identity and waits for another owner.
        ChangeOfOwner = 1,
        /// It loses its identity, and is nobody's for ever.
        Decommission = 2,
    }
}

events! {
    /// What a region of flash holds, in the order in which regions are erased.
    pub codes ErasedKind {
        /// Secrets that others are derived from or sealed under.
        Secrets = 1,
        /// What persons and peers are known by.
        Credentials = 2,
        /// The log.
        Log = 3,
        /// Settings, therapy, copies of them.
        Settings = 4,
        /// What is kept on modules that can be taken off.
        Module = 5,
    }
}

events! { @system
    /// What core records of a device's life, of its end and of its local ports. Ids `0x0201..=0x02FF`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub enum DeviceEvent {
        /// The device is about to go over into another part of its life.
        LifecycleChange = 0x0201 [ConfigurationChange, Security, Success] {
            /// The state until now.
            public from: LifecycleState,
            /// The state it goes over to.
            public to: LifecycleState,
            /// Who wants it.
            public by: PrincipalId,
        },
        /// The part of its life could not be read; what needs a permission is refused.
        LifecycleUnreadable = 0x0202 [ControlSystem, Security, MajorFailure],
        /// The debug port was found open in a state in which it has to be locked.
        DebugPortOpen = 0x0203 [ControlSystem, Security, MajorFailure] {
            /// The state.
            public state: LifecycleState,
        },
        /// A local port is about to be opened.
        PortOpened = 0x0204 [AccessControl, Security, Success] {
            /// Which.
            public port: PortKind,
            /// What for.
            public reason: PortReason,
            /// For how long at most.
            public lease: Duration,
            /// By whom.
            public by: PrincipalId,
        },
        /// A local port was closed.
        PortClosed = 0x0205 [AccessControl, Security, Success] {
            /// Which.
            public port: PortKind,
            /// Why.
            public why: PortClosing,
            /// Who had opened it.
            public by: PrincipalId,
        },
        /// A local port was not opened.
        PortRefused = 0x0206 [AccessControl, Security, MinorFailure] {
            /// Which.
            public port: PortKind,
            /// Why not.
            public why: PortRefusal,
            /// Who wanted it.
            public by: PrincipalId,
        },
        /// All that an owner left is about to be erased.
        SanitizeBegun = 0x0207 [ConfigurationChange, Security, Success] {
            /// What the device becomes.
            public outcome: SanitizeOutcome,
            /// How often that was begun, this time included.
            public number: Count,
            /// Who wants it; a second person has approved, or the maker.
            public by: PrincipalId,
        },
        /// Records are about to be erased that nobody is known to have.
        EvidenceLost = 0x0208 [ConfigurationChange, Security, MinorFailure] {
            /// How many records somebody is known to have.
            public exported: Count,
            /// How many there are.
            public records: Count,
            /// Who accepts that.
            public by: PrincipalId,
        },
        /// A region was erased and read back. For whoever listens: the log of the device may be gone by then.
        RegionErased = 0x0209 [ControlSystem, Security, Success] {
            /// What it held.
            public kind: ErasedKind,
            /// Where it begins, in bytes.
            public start: Count,
            /// How many bytes were read back.
            public bytes: Count,
        },
        /// All was read back, and a certificate of it was signed.
        EraseCertified = 0x020A [ConfigurationChange, Security, Success] {
            /// What the device becomes.
            public outcome: SanitizeOutcome,
            /// How often the device was sanitized.
            public number: Count,
            /// Of the certificate.
            public digest: Digest8,
        },
    }
}
