//! What is said of local ports, for people and machines.

use core::fmt;

use super::{LEASE_MS_MAX, LocalPort};
use crate::event::{PortKind, PortReason};
use crate::time::Ticks;

/// What the maker says of one port. [`super::Port::INFO`] is the only one there is of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortInfo {
    kind: PortKind,
    name: &'static str,
    purpose: &'static str,
    opener: &'static str,
    lease_ms_max: u32,
}

impl PortInfo {
    /// Evaluated in constants only, where a failed assertion is an error of the compiler.
    pub(super) const fn of<P: LocalPort>() -> Self {
        assert!(
            P::LEASE_MS_MAX >= 1 && P::LEASE_MS_MAX <= LEASE_MS_MAX,
            "a port is open for no time, or for longer than any may be",
        );
        assert!(
            is_plain(P::NAME) && is_plain(P::PURPOSE) && is_plain(P::OPENER),
            "a text about a port is empty or cannot stand in a report",
        );
        Self {
            kind: P::KIND,
            name: P::NAME,
            purpose: P::PURPOSE,
            opener: P::OPENER,
            lease_ms_max: P::LEASE_MS_MAX,
        }
    }

    /// Which port it is.
    #[must_use]
    pub const fn kind(&self) -> PortKind {
        self.kind
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Why the device has it.
    #[must_use]
    pub const fn purpose(&self) -> &'static str {
        self.purpose
    }

    /// Who may open it.
    #[must_use]
    pub const fn opener(&self) -> &'static str {
        self.opener
    }

    /// For how many milliseconds it is open at most.
    #[must_use]
    pub const fn lease_ms_max(&self) -> u32 {
        self.lease_ms_max
    }
}

/// Printable ASCII that needs no escape in JSON, and at least one of it.
const fn is_plain(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some((byte, others)) = rest.split_first() {
        if !matches!(*byte, b' '..=b'~') || matches!(*byte, b'"' | b'\\') {
            return false;
        }
        rest = others;
    }
    !text.is_empty()
}

/// Whether no kind of port stands in the list twice. For a `const` assertion over the list of a device's ports.
#[must_use]
pub const fn kinds_are_unique(ports: &[PortInfo]) -> bool {
    let mut rest = ports;
    while let Some((port, others)) = rest.split_first() {
        let mut tail = others;
        while let Some((other, more)) = tail.split_first() {
            if port.kind.code() == other.kind.code() {
                return false;
            }
            tail = more;
        }
        rest = others;
    }
    true
}

/// How a port stands, with what its maker says of it. It shows as one JSON object on one line:
/// ```json
/// {"port":"DebugUart","name":"console","purpose":"production test","opener":"service","lease_ms_max":60000,"state":"closed"}
/// ```
/// An open one has `"state":"open","reason":…,"until_ms":…`, in milliseconds of this boot.
///
/// # Security
/// A report tells an attacker where to look. It goes to those who may read the configuration, over a link or sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortStatus {
    info: PortInfo,
    open: Option<(PortReason, Ticks)>,
}

impl PortStatus {
    pub(super) const fn new(info: PortInfo, open: Option<(PortReason, Ticks)>) -> Self {
        Self { info, open }
    }

    /// What its maker says of it.
    #[must_use]
    pub const fn info(&self) -> &PortInfo {
        &self.info
    }

    /// What it is open for and until when, if it is.
    #[must_use]
    pub const fn open(&self) -> Option<(PortReason, Ticks)> {
        self.open
    }
}

impl fmt::Display for PortStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PortInfo { kind, name, purpose, opener, lease_ms_max } = self.info;
        write!(f, "{{\"port\":\"{}\",\"name\":\"{name}\",", kind.name())?;
        write!(f, "\"purpose\":\"{purpose}\",\"opener\":\"{opener}\",")?;
        write!(f, "\"lease_ms_max\":{lease_ms_max},\"state\":")?;
        match self.open {
            None => f.write_str("\"closed\"}"),
            Some((reason, until)) => {
                write!(f, "\"open\",\"reason\":\"{}\",", reason.name())?;
                write!(f, "\"until_ms\":{}}}", until.as_millis())
            }
        }
    }
}
