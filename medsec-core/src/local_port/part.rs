//! The part behind a local port.

use core::fmt;

use crate::event::PortKind;

/// The part did not connect its port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortFault;

impl fmt::Display for PortFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("part did not connect its port")
    }
}

impl core::error::Error for PortFault {}

/// The part behind a local port, and what its maker says of it.
///
/// Names and texts are printable ASCII without `"` and `\`, and not empty; otherwise [`super::Port::INFO`] does not compile.
///
/// # Example
/// ```
/// use medsec_core::event::PortKind;
/// use medsec_core::local_port::{LocalPort, Port, PortFault, PortInfo};
/// struct Console;
/// impl LocalPort for Console {
///     const KIND: PortKind = PortKind::DebugUart;
///     const NAME: &'static str = "console";
///     const PURPOSE: &'static str = "production test";
///     const OPENER: &'static str = "service";
///     const LEASE_MS_MAX: u32 = 3_600_000;
///     fn connect(&mut self) -> Result<(), PortFault> {
///         Ok(())
///     }
///     fn disconnect(&mut self) {}
/// }
/// const PORTS: [PortInfo; 1] = [Port::<Console>::INFO];
/// const _: () = assert!(medsec_core::local_port::kinds_are_unique(&PORTS));
/// assert!(Port::new(Console).status().to_string().ends_with("\"state\":\"closed\"}"));
/// ```
/// A port that would be open for longer than any may be does not compile:
/// ```compile_fail,E0080
/// use medsec_core::event::PortKind;
/// use medsec_core::local_port::{LocalPort, Port, PortFault, PortInfo};
/// struct Console;
/// impl LocalPort for Console {
///     const KIND: PortKind = PortKind::DebugUart;
///     const NAME: &'static str = "console";
///     const PURPOSE: &'static str = "production test";
///     const OPENER: &'static str = "service";
///     const LEASE_MS_MAX: u32 = 3_600_001;
///     fn connect(&mut self) -> Result<(), PortFault> {
///         Ok(())
///     }
///     fn disconnect(&mut self) {}
/// }
/// const PORTS: [PortInfo; 1] = [Port::<Console>::INFO];
/// # let _ = PORTS;
/// ```
/// Nor does a name that would be read as the end of a text:
/// ```compile_fail,E0080
/// use medsec_core::event::PortKind;
/// use medsec_core::local_port::{LocalPort, Port, PortFault, PortInfo};
/// struct Console;
/// impl LocalPort for Console {
///     const KIND: PortKind = PortKind::DebugUart;
///     const NAME: &'static str = "console\",\"state\":\"closed";
///     const PURPOSE: &'static str = "production test";
///     const OPENER: &'static str = "service";
///     const LEASE_MS_MAX: u32 = 60_000;
///     fn connect(&mut self) -> Result<(), PortFault> {
///         Ok(())
///     }
///     fn disconnect(&mut self) {}
/// }
/// const PORTS: [PortInfo; 1] = [Port::<Console>::INFO];
/// # let _ = PORTS;
/// ```
pub trait LocalPort {
    /// Which port it is.
    const KIND: PortKind;
    /// Its name in reports.
    const NAME: &'static str;
    /// Why the device has it.
    const PURPOSE: &'static str;
    /// Who may open it, in the words of the maker's roles.
    const OPENER: &'static str;
    /// For how many milliseconds it is open at most: 1 to [`super::LEASE_MS_MAX`].
    const LEASE_MS_MAX: u32;

    /// Connects it to the outside.
    ///
    /// # Errors
    /// [`PortFault`]; [`LocalPort::disconnect`] follows.
    fn connect(&mut self) -> Result<(), PortFault>;

    /// Disconnects it: its lines carry nothing in either direction, and what it had received is gone. Harmless where it is disconnected.
    fn disconnect(&mut self);
}
