//! Local ports: closed, unless somebody who may has opened one, for a while.
//!
//! # Purpose
//! A console on the board, USB for service, a debug probe, a slot for cards: each is a way in for whoever stands at the device. A [`Port`] owns the
//! part that is its port. It starts closed at each boot, is opened by a proof of permission that is used up ([`OpensPort`]), and closes when
//! its lease is over, when the session in which it was opened is, when ticks go back, when it is dropped, and when it is asked to. To open it
//! again takes another proof.
//!
//! # Use
//! 1. The maker implements [`LocalPort`] for the part, and lists all ports in one `const` ([`kinds_are_unique`]).
//! 2. At boot he moves each part into [`Port::new`], which disconnects it, and lets [`debug::check`] look at the debug port.
//! 3. Each transfer asks [`Port::enabled`] for an [`Enabled`], and each of its steps [`Enabled::part`] for the part: both look at the
//!    lease. A driver that keeps its registers elsewhere takes `&Enabled` in its constructor.
//! 4. The main loop calls [`Port::poll`], so that a port of which nobody reads is closed as well. A timer's interrupt calls [`Port::expire`], in
//!    case the main loop hangs; where a hung transfer may hold the port, a timer of the part that was set to [`Port::until`] cuts the line.
//!
//! # Invariants
//! 1. A part is connected only while its port is open.
//! 2. A port is open only after that was recorded, and for [`LEASE_MS_MAX`] at most.
//! 3. A port that was closed is not open to anybody who had it before.
//! 4. That it was closed is recorded before it is opened again; it is closed whether or not there is a log.
//!
//! # Security
//! Safe code reaches the part through the port alone once it was moved there. What the maker's code does before that, or by way of
//! registers of its own, is not seen. A line that the part itself opens at reset, such as a boot loader in ROM, is not a port in this sense:
//! the profile of the part says so.
//!
//! # Source
//! IEC 62443-4-2 CR 2.13 and EDR 2.13, use of physical diagnostic and test interfaces.

use core::fmt;

use crate::event::{
    Duration, PortClosing, PortKind, PortReason, PortRefusal, PrincipalId, RecordError, Recorder,
    SystemEvent,
};
use crate::lifecycle::Lifecycle;
use crate::time::Ticks;

pub mod debug;
mod part;
mod report;

pub use part::{LocalPort, PortFault};
pub use report::{PortInfo, PortStatus, kinds_are_unique};

/// The longest that any port may be open: an hour.
pub const LEASE_MS_MAX: u32 = 3_600_000;

/// Which sessions there are. Implemented by whoever keeps them.
pub trait Sessions {
    /// Whether the session with this id is open now. One that is locked is not.
    fn is_open(&self, session: [u8; 8], now: Ticks) -> bool;
}

impl<S: Sessions + ?Sized> Sessions for &S {
    fn is_open(&self, session: [u8; 8], now: Ticks) -> bool {
        S::is_open(self, session, now)
    }
}

/// What a proof of permission to open a port says, once it was exercised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// What for.
    pub reason: PortReason,
    /// For how many milliseconds.
    pub lease_ms: u32,
    /// The session in which it was permitted.
    pub session: [u8; 8],
}

/// What should permit it does not hold any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lapsed;

impl fmt::Display for Lapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permission to open the port is over")
    }
}

impl core::error::Error for Lapsed {}

/// Implemented in this crate only, for proofs that only it can make.
pub(crate) mod sealed {
    pub trait Proof {}
}

/// A proof that somebody may open the port `P`, once. Sealed: nobody outside makes a proof of a type of his own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no proof that somebody may open `{P}`",
    label = "not a permission to open this port"
)]
pub trait OpensPort<P: LocalPort>: sealed::Proof {
    /// Whose it is.
    fn by(&self) -> PrincipalId;

    /// Uses it up.
    ///
    /// # Errors
    /// [`Lapsed`]; it is gone all the same.
    fn exercise(self, now: Ticks) -> Result<Opening, Lapsed>;
}

/// Why a port was not opened. The proof is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// It may not be opened; that is recorded.
    Refused(PortRefusal),
    /// It could not be recorded, so nothing was done.
    Record(RecordError),
    /// The part did not connect it. It is closed.
    Fault,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(PortRefusal::Permission) => return Lapsed.fmt(f),
            Self::Refused(PortRefusal::Lease) => "port may not be open for so long",
            Self::Refused(PortRefusal::Lifecycle) => "port is not opened in this state",
            Self::Refused(PortRefusal::Session) => "session is over",
            Self::Refused(PortRefusal::Open) => "port is open",
            Self::Refused(PortRefusal::ClockWentBack) => "ticks went back",
            Self::Record(error) => return error.fmt(f),
            Self::Fault => return PortFault.fmt(f),
        })
    }
}

impl core::error::Error for OpenError {}

impl From<RecordError> for OpenError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// The port is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortClosed;

impl fmt::Display for PortClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("port is closed")
    }
}

impl core::error::Error for PortClosed {}

/// By whom, for what and how long a port is open.
#[derive(Clone, Copy)]
struct Lease {
    by: PrincipalId,
    reason: PortReason,
    session: [u8; 8],
    until: Ticks,
}

/// A local port with its part: closed, or open for a while.
///
/// # Limits
/// 72 bytes of RAM beside the part. No call waits. One record at most for a call that closes, two for one that opens.
///
/// # Power loss
/// Nothing of it is stored. The next boot starts with the port closed; that it was open stands in the log, with no word of its end but
/// that of the boot.
pub struct Port<P: LocalPort> {
    part: P,
    lease: Option<Lease>,
    /// That it was closed, why, and who had it: not recorded yet.
    unrecorded: Option<(PortClosing, PrincipalId)>,
    /// The latest ticks it was shown.
    latest: Ticks,
}

impl<P: LocalPort> Port<P> {
    /// What its maker says of it. Does not compile for a lease that is 0 or longer than [`LEASE_MS_MAX`], and for texts that are empty or cannot
    /// stand in a report.
    pub const INFO: PortInfo = PortInfo::of::<P>();

    /// Takes over the part, and disconnects it.
    pub fn new(mut part: P) -> Self {
        const { assert!(Self::INFO.lease_ms_max() <= LEASE_MS_MAX) };
        part.disconnect();
        Self { part, lease: None, unrecorded: None, latest: Ticks::from_millis(0) }
    }

    /// Opens it, once that is recorded.
    ///
    /// # Errors
    /// [`OpenError`]: it is as it was, or closed. The proof is used up in every case.
    pub fn open<G: OpensPort<P>, R: Recorder>(
        &mut self,
        proof: G,
        lifecycle: Lifecycle,
        sessions: &dyn Sessions,
        now: Ticks,
        log: &mut R,
    ) -> Result<(), OpenError> {
        let (port, by) = (P::KIND, proof.by());
        let is_later = now >= self.latest;
        self.expire(sessions, now);
        self.report(log)?;
        let lease = match self.lease_for(proof, lifecycle, sessions, now, is_later) {
            Ok(lease) => lease,
            Err(why) => {
                log.record(&SystemEvent::PortRefused { port, why, by })?;
                return Err(OpenError::Refused(why));
            }
        };
        let (until, reason) = (lease.until, lease.reason);
        // At most LEASE_MS_MAX, so it fits.
        let lease_ms = u32::try_from(until.millis_since(now)).unwrap_or(u32::MAX);
        let lease_for = Duration::from_millis(lease_ms);
        log.record(&SystemEvent::PortOpened { port, reason, lease: lease_for, by })?;
        self.lease = Some(lease);
        if self.part.connect().is_err() {
            self.shut(PortClosing::Fault);
            self.report(log)?;
            return Err(OpenError::Fault);
        }
        Ok(())
    }

    /// Whether the proof opens it, and how.
    fn lease_for<G: OpensPort<P>>(
        &self,
        proof: G,
        lifecycle: Lifecycle,
        sessions: &dyn Sessions,
        now: Ticks,
        is_later: bool,
    ) -> Result<Lease, PortRefusal> {
        let by = proof.by();
        // Used up, whatever else is wrong.
        let opening = proof.exercise(now);
        if !is_later {
            return Err(PortRefusal::ClockWentBack);
        }
        let Opening { reason, lease_ms, session } =
            opening.map_err(|Lapsed| PortRefusal::Permission)?;
        let is_allowed = match P::KIND {
            PortKind::DebugProbe | PortKind::DebugUart => lifecycle.opens_debug_ports(),
            PortKind::UsbService
            | PortKind::MemoryCard
            | PortKind::Maker1
            | PortKind::Maker2
            | PortKind::Maker3
            | PortKind::Maker4 => lifecycle.opens_ports(),
        };
        if !is_allowed {
            return Err(PortRefusal::Lifecycle);
        }
        if self.lease.is_some() {
            return Err(PortRefusal::Open);
        }
        if lease_ms == 0 || lease_ms > Self::INFO.lease_ms_max() {
            return Err(PortRefusal::Lease);
        }
        let until = now.as_millis().checked_add(u64::from(lease_ms)).map(Ticks::from_millis);
        let until = until.ok_or(PortRefusal::Lease)?;
        if !sessions.is_open(session, now) {
            return Err(PortRefusal::Session);
        }
        Ok(Lease { by, reason, session, until })
    }

    /// The port for one transfer. Nobody logs off and nothing closes it while this is held; its end in time holds all the same.
    ///
    /// # Errors
    /// [`PortClosed`]: it is closed, perhaps by this call. [`Port::poll`] records that.
    pub fn enabled<'a>(
        &'a mut self,
        sessions: &'a dyn Sessions,
        now: Ticks,
    ) -> Result<Enabled<'a, P>, PortClosed> {
        self.expire(sessions, now);
        if self.lease.is_none() {
            return Err(PortClosed);
        }
        Ok(Enabled { port: self, sessions })
    }

    /// Closes it if its time or its session is over, and records what is not recorded yet. For a timer, and for whoever ends a session.
    ///
    /// # Errors
    /// [`RecordError`]: it is closed if it should be, and the next call records it.
    pub fn poll<R: Recorder>(
        &mut self,
        sessions: &dyn Sessions,
        now: Ticks,
        log: &mut R,
    ) -> Result<(), RecordError> {
        self.expire(sessions, now);
        self.report(log)
    }

    /// Closes it if its time or its session is over, without a record: for an interrupt, where nothing can be recorded. The next
    /// [`Port::poll`] records it.
    pub fn expire(&mut self, sessions: &dyn Sessions, now: Ticks) {
        if let Some(why) = self.over(sessions, now) {
            self.shut(why);
        }
        self.latest = self.latest.max(now);
    }

    /// Closes it.
    ///
    /// # Errors
    /// [`RecordError`]: it is closed, and the next call records it.
    pub fn close<R: Recorder>(&mut self, log: &mut R) -> Result<(), RecordError> {
        self.shut(PortClosing::Asked);
        self.report(log)
    }

    /// When its lease is over, if it is open. A timer of the part that runs without the processor can be set to that.
    #[must_use]
    pub fn until(&self) -> Option<Ticks> {
        self.lease.as_ref().map(|lease| lease.until)
    }

    /// How it stands, for a report.
    #[must_use]
    pub fn status(&self) -> PortStatus {
        PortStatus::new(Self::INFO, self.lease.as_ref().map(|lease| (lease.reason, lease.until)))
    }

    fn over(&self, sessions: &dyn Sessions, now: Ticks) -> Option<PortClosing> {
        let lease = self.lease.as_ref()?;
        if now < self.latest {
            return Some(PortClosing::ClockWentBack);
        }
        if now >= lease.until {
            return Some(PortClosing::Expired);
        }
        (!sessions.is_open(lease.session, now)).then_some(PortClosing::SessionEnded)
    }

    fn shut(&mut self, why: PortClosing) {
        if let Some(lease) = self.lease.take() {
            self.part.disconnect();
            self.unrecorded = Some((why, lease.by));
        }
    }

    fn report<R: Recorder>(&mut self, log: &mut R) -> Result<(), RecordError> {
        if let Some((why, by)) = self.unrecorded {
            log.record(&SystemEvent::PortClosed { port: P::KIND, why, by })?;
            self.unrecorded = None;
        }
        Ok(())
    }
}

impl<P: LocalPort> Drop for Port<P> {
    fn drop(&mut self) {
        self.part.disconnect();
    }
}

impl<P: LocalPort> fmt::Debug for Port<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Port")
    }
}

/// A port that is open, for one transfer. Only [`Port::enabled`] makes one, and there is no `Clone`.
///
/// ```compile_fail,E0451
/// use medsec_core::local_port::{Enabled, LocalPort, Port, Sessions};
/// fn glue<'a, P: LocalPort>(port: &'a mut Port<P>, sessions: &'a dyn Sessions) -> Enabled<'a, P> {
///     Enabled { port, sessions }
/// }
/// ```
pub struct Enabled<'a, P: LocalPort> {
    port: &'a mut Port<P>,
    sessions: &'a dyn Sessions,
}

impl<P: LocalPort> Enabled<'_, P> {
    /// The part, for one step of the transfer. A loop that hangs in a transfer does not keep the port beyond its lease, if it asks the clock.
    ///
    /// # Errors
    /// [`PortClosed`]: it is closed by now, and stays so.
    pub fn part(&mut self, now: Ticks) -> Result<&mut P, PortClosed> {
        self.port.expire(self.sessions, now);
        if self.port.lease.is_none() {
            return Err(PortClosed);
        }
        Ok(&mut self.port.part)
    }
}

impl<P: LocalPort> fmt::Debug for Enabled<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enabled")
    }
}

#[cfg(test)]
mod tests;
