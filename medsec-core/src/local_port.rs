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
    DeviceEvent, Duration, PortClosing, PortKind, PortReason, PortRefusal, PrincipalId,
    RecordError, Recorder,
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
                log.record(&DeviceEvent::PortRefused { port, why, by })?;
                return Err(OpenError::Refused(why));
            }
        };
        let (until, reason) = (lease.until, lease.reason);
        // At most LEASE_MS_MAX, so it fits.
        let lease_ms = u32::try_from(until.millis_since(now)).unwrap_or(u32::MAX);
        let lease_for = Duration::from_millis(lease_ms);
        log.record(&DeviceEvent::PortOpened { port, reason, lease: lease_for, by })?;
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
            log.record(&DeviceEvent::PortClosed { port: P::KIND, why, by })?;
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
mod tests {
    //! When a port is open, and each way in which it is not.
    #![expect(
        clippy::arithmetic_side_effects,
        clippy::mem_forget,
        clippy::print_stdout,
        reason = "a test stops where it overflows; a reset runs no destructor; counts are what a reader wants to see"
    )]

    extern crate std;

    use core::cell::Cell;
    use std::boxed::Box;
    use std::collections::BTreeSet;
    use std::rc::Rc;
    use std::string::ToString as _;
    use std::vec::Vec;
    use std::{format, println, vec};

    use super::debug::{DebugPort, check};
    use super::*;
    use crate::event::{Event, LifecycleState};
    use crate::hal::{DebugLock, DebugState};
    use crate::lifecycle::State;

    const LEASE_MS: u32 = 4_000;
    const BY: PrincipalId = PrincipalId::new([0xb1; 8]);
    const SESSION: [u8; 8] = [0x51; 8];
    const AT: Ticks = Ticks::from_millis(10_000);

    /// The lines outside the processor: they stay as they are over a reset.
    #[derive(Clone, Default)]
    struct Lines {
        connected: Rc<Cell<bool>>,
        broken: Rc<Cell<bool>>,
    }

    macro_rules! ports {
    ($($name:ident, $kind:ident, $max:expr;)*) => { $(
        struct $name(Lines);

        impl LocalPort for $name {
            const KIND: PortKind = PortKind::$kind;
            const NAME: &'static str = stringify!($name);
            const PURPOSE: &'static str = "production test (it's there)";
            const OPENER: &'static str = "service, two persons";
            const LEASE_MS_MAX: u32 = $max;

            fn connect(&mut self) -> Result<(), PortFault> {
                // Half of it came up.
                self.0.connected.set(true);
                if self.0.broken.get() { Err(PortFault) } else { Ok(()) }
            }

            fn disconnect(&mut self) {
                self.0.connected.set(false);
            }
        }
    )* };
}

    ports! {
        Usb, UsbService, LEASE_MS;
        Console, DebugUart, LEASE_MS_MAX;
        Probe, DebugProbe, 1;
        Card, MemoryCard, 60_000;
        Other, Maker4, 60_000;
    }

    const PORTS: [PortInfo; 5] = [
        Port::<Usb>::INFO,
        Port::<Console>::INFO,
        Port::<Probe>::INFO,
        Port::<Card>::INFO,
        Port::<Other>::INFO,
    ];
    const _: () = assert!(kinds_are_unique(&PORTS));

    /// A permission as `access` will make them: of somebody, for one port, until it lapses.
    struct Permit {
        opening: Opening,
        until: Ticks,
    }

    impl sealed::Proof for Permit {}

    impl<P: LocalPort> OpensPort<P> for Permit {
        fn by(&self) -> PrincipalId {
            BY
        }

        fn exercise(self, now: Ticks) -> Result<Opening, Lapsed> {
            if now < self.until { Ok(self.opening) } else { Err(Lapsed) }
        }
    }

    fn permit(lease_ms: u32) -> Permit {
        let opening = Opening { reason: PortReason::Diagnosis, lease_ms, session: SESSION };
        Permit { opening, until: later(AT, u64::MAX) }
    }

    fn later(at: Ticks, ms: u64) -> Ticks {
        Ticks::from_millis(at.as_millis().saturating_add(ms))
    }

    /// The sessions of the device: this one, or none.
    struct Table(Option<[u8; 8]>);

    impl Sessions for Table {
        fn is_open(&self, session: [u8; 8], _: Ticks) -> bool {
            self.0 == Some(session)
        }
    }

    const OPEN: Table = Table(Some(SESSION));
    const ENDED: Table = Table(None);

    #[derive(Default)]
    struct Log {
        /// Id, and the code of why or what for.
        events: Vec<(u16, u8)>,
        refuses: bool,
        /// What the lines were when the last event came.
        lines: Option<Lines>,
        connected_at_record: Vec<bool>,
    }

    struct NoSealer;

    impl crate::event::PersonalSealer for NoSealer {
        fn seal(&mut self, _: &mut [u8]) -> Result<[u8; 16], crate::suite::SealError> {
            Err(crate::suite::SealError::NumberUsed)
        }
    }

    impl Recorder for Log {
        fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
            if self.refuses {
                return Err(RecordError::Full);
            }
            let mut fields = [0; 64];
            crate::event::encode(event, &mut fields, &mut NoSealer)?;
            // Kind and port, then kind and the code.
            self.events.push((event.id(), fields[3]));
            if let Some(lines) = &self.lines {
                self.connected_at_record.push(lines.connected.get());
            }
            Ok(())
        }
    }

    const OPENED: u16 = 0x0204;
    const CLOSED: u16 = 0x0205;
    const REFUSED: u16 = 0x0206;

    fn in_service() -> Lifecycle {
        Lifecycle::of(0xf02e_daa2)
    }

    /// A port that was opened at [`AT`].
    fn opened() -> (Port<Usb>, Lines, Log) {
        let lines = Lines::default();
        let mut port = Port::new(Usb(lines.clone()));
        let mut log = Log::default();
        port.open(permit(LEASE_MS), in_service(), &OPEN, AT, &mut log).unwrap();
        (port, lines, log)
    }

    fn is_usable(port: &mut Port<Usb>, sessions: &Table, now: Ticks) -> bool {
        port.enabled(sessions, now).is_ok_and(|mut enabled| enabled.part(now).is_ok())
    }

    #[test]
    fn a_port_is_closed_until_it_is_opened_and_open_until_it_is_closed() {
        let lines = Lines::default();
        lines.connected.set(true);
        let mut port = Port::new(Usb(lines.clone()));
        assert!(!lines.connected.get(), "a part that came up connected");
        assert_eq!((is_usable(&mut port, &OPEN, AT), port.until()), (false, None));
        let mut log = Log { lines: Some(lines.clone()), ..Log::default() };
        port.open(permit(LEASE_MS), in_service(), &OPEN, AT, &mut log).unwrap();
        assert!(is_usable(&mut port, &OPEN, AT) && lines.connected.get());
        assert_eq!(port.until(), Some(later(AT, 4_000)));
        port.close(&mut log).unwrap();
        assert!(!is_usable(&mut port, &OPEN, AT) && !lines.connected.get());
        port.close(&mut log).unwrap();
        // Recorded before it was connected, and once it was not any more.
        assert_eq!(log.events, [(OPENED, 2), (CLOSED, 1)]);
        assert_eq!(log.connected_at_record, [false, false]);
    }

    /// Nobody polls: the loop that should do it hangs, in the middle of a transfer or without one.
    #[test]
    fn a_loop_that_hangs_does_not_keep_the_port() {
        let (mut port, lines, _) = opened();
        let mut enabled = port.enabled(&OPEN, AT).unwrap();
        let mut served = 0;
        for ms in 0..10_000 {
            served += usize::from(enabled.part(later(AT, ms)).is_ok());
        }
        assert_eq!(served, 4_000);
        assert!(!lines.connected.get());
        assert_eq!(
            enabled.part(AT).err(),
            Some(PortClosed),
            "the time before does not open it again"
        );

        let (mut port, lines, mut log) = opened();
        assert_eq!(port.enabled(&OPEN, later(AT, 4_000)).err(), Some(PortClosed));
        assert!(!lines.connected.get());
        port.poll(&OPEN, later(AT, 5_000), &mut log).unwrap();
        assert_eq!(log.events, [(OPENED, 2), (CLOSED, 2)]);

        // The timer's interrupt closes it without a record, which comes later.
        let (mut port, lines, mut log) = opened();
        port.expire(&OPEN, later(AT, 3_999));
        assert!(lines.connected.get());
        port.expire(&OPEN, later(AT, 4_000));
        assert_eq!((lines.connected.get(), log.events.len()), (false, 1));
        port.poll(&OPEN, later(AT, 9_000), &mut log).unwrap();
        assert_eq!(log.events, [(OPENED, 2), (CLOSED, 2)]);
    }

    #[test]
    fn a_reset_inside_the_lease_closes_it() {
        let (port, lines, _) = opened();
        // A reset runs no destructor.
        let _still = core::mem::ManuallyDrop::new(port);
        assert!(lines.connected.get());
        let mut port = Port::new(Usb(lines.clone()));
        assert!(!lines.connected.get() && !is_usable(&mut port, &OPEN, Ticks::from_millis(0)));
        // So does dropping it.
        let (port, lines, _) = opened();
        drop(port);
        assert!(!lines.connected.get());
    }

    #[test]
    fn it_ends_with_its_session_and_when_ticks_go_back() {
        let (mut port, lines, mut log) = opened();
        port.poll(&ENDED, AT, &mut log).unwrap();
        assert!(!lines.connected.get() && !is_usable(&mut port, &OPEN, AT));
        assert_eq!(log.events.pop(), Some((CLOSED, 3)));
        let (mut port, _, mut log) = opened();
        assert!(!is_usable(&mut port, &Table(Some([0x52; 8])), AT), "another session");
        port.poll(&OPEN, AT, &mut log).unwrap();
        assert_eq!(log.events.pop(), Some((CLOSED, 3)));

        let (mut port, lines, mut log) = opened();
        assert!(is_usable(&mut port, &OPEN, later(AT, 2)));
        assert!(!is_usable(&mut port, &OPEN, later(AT, 1)), "ticks went back");
        assert!(!is_usable(&mut port, &OPEN, later(AT, 3)) && !lines.connected.get());
        port.poll(&OPEN, later(AT, 1), &mut log).unwrap();
        assert_eq!(log.events.pop(), Some((CLOSED, 4)));
        let again = port.open(permit(1), in_service(), &OPEN, later(AT, 1), &mut log);
        assert_eq!(again, Err(OpenError::Refused(PortRefusal::ClockWentBack)));
        assert_eq!(port.open(permit(1), in_service(), &OPEN, later(AT, 3), &mut log), Ok(()));
    }

    #[test]
    fn a_lease_is_of_some_time_and_of_no_more_than_the_port_allows() {
        let open = |lease_ms, at| {
            let mut port = Port::new(Usb(Lines::default()));
            port.open(permit(lease_ms), in_service(), &OPEN, at, &mut Log::default())
        };
        let refused = Err(OpenError::Refused(PortRefusal::Lease));
        for (lease_ms, expected) in
            [(0, refused), (1, Ok(())), (4_000, Ok(())), (4_001, refused), (u32::MAX, refused)]
        {
            assert_eq!(open(lease_ms, AT), expected, "{lease_ms}");
        }
        // One that would end after the last of all ticks.
        let last = Ticks::from_millis(u64::MAX - 4_000);
        let open = |at, lease_ms| {
            let mut port = Port::new(Usb(Lines::default()));
            let forever = Permit { until: Ticks::from_millis(u64::MAX), ..permit(lease_ms) };
            port.open(forever, in_service(), &OPEN, at, &mut Log::default())
        };
        assert_eq!((open(last, 4_000), open(later(last, 1), 4_000)), (Ok(()), refused));
        assert!(PORTS.iter().all(|info| info.lease_ms_max() <= 3_600_000));
    }

    /// Each reason to refuse beside what is taken, with its record; a refused proof is gone as well.
    #[test]
    fn whoever_may_not_open_it_does_not_and_that_is_recorded() {
        let try_with = |change: &dyn Fn(&mut Permit), lifecycle, sessions: &Table, at| {
            let lines = Lines::default();
            let mut port = Port::new(Usb(lines.clone()));
            let (mut log, mut permit) = (Log::default(), permit(LEASE_MS));
            change(&mut permit);
            let opened = port.open(permit, lifecycle, sessions, at, &mut log);
            assert_eq!(lines.connected.get(), opened.is_ok());
            (opened, log.events)
        };
        let same = |_: &mut Permit| ();
        let refused =
            |why: PortRefusal| (Err(OpenError::Refused(why)), vec![(REFUSED, why.code())]);
        assert_eq!(try_with(&same, in_service(), &OPEN, AT), (Ok(()), vec![(OPENED, 2)]));
        let lapsed = |permit: &mut Permit| permit.until = AT;
        assert_eq!(try_with(&lapsed, in_service(), &OPEN, AT), refused(PortRefusal::Permission));
        let long = |permit: &mut Permit| permit.opening.lease_ms += 1;
        assert_eq!(try_with(&long, in_service(), &OPEN, AT), refused(PortRefusal::Lease));
        assert_eq!(try_with(&same, in_service(), &ENDED, AT), refused(PortRefusal::Session));
        let other = |permit: &mut Permit| permit.opening.session = [0; 8];
        assert_eq!(try_with(&other, in_service(), &OPEN, AT), refused(PortRefusal::Session));
        assert_eq!(
            try_with(&same, Lifecycle::UNREADABLE, &OPEN, AT),
            refused(PortRefusal::Lifecycle)
        );
        let (mut port, _, mut log) = opened();
        let again = port.open(permit(LEASE_MS), in_service(), &OPEN, AT, &mut log);
        assert_eq!(again, Err(OpenError::Refused(PortRefusal::Open)));
        assert_eq!(log.events, [(OPENED, 2), (REFUSED, 5)]);
        assert_eq!(port.until(), Some(later(AT, 4_000)), "and it is no longer for that");
    }

    /// Goal: each port opens in the states of the table only. Method: all ports in all states.
    #[test]
    fn ports_open_in_service_and_those_into_the_processor_in_maintenance() {
        fn states<P: LocalPort>(
            part: impl Fn(Lines) -> P,
        ) -> Vec<Result<State, crate::lifecycle::Tamper>> {
            let words = [
                0xcd3a_2972,
                0x9ce3_6cc1,
                0xf580_c5bc,
                0xf02e_daa2,
                0x35ac_265b,
                0x8511_de9b,
                0xaa27_85ce,
                0,
            ];
            let opens = |lifecycle: &Lifecycle| {
                let mut port = Port::new(part(Lines::default()));
                port.open(permit(1), *lifecycle, &OPEN, AT, &mut Log::default()).is_ok()
            };
            words.into_iter().map(Lifecycle::of).filter(opens).map(Lifecycle::state).collect()
        }
        let both = [Ok(State::InService), Ok(State::Maintenance)];
        assert_eq!(states(Usb), both);
        assert_eq!(states(Card), both);
        assert_eq!(states(Other), both);
        assert_eq!(states(Console), [Ok(State::Maintenance)]);
        assert_eq!(states(Probe), [Ok(State::Maintenance)]);
    }

    #[test]
    fn without_a_log_nothing_opens_and_everything_closes() {
        let mut full = Log { refuses: true, ..Log::default() };
        let lines = Lines::default();
        let mut port = Port::new(Usb(lines.clone()));
        let record = OpenError::Record(RecordError::Full);
        assert_eq!(port.open(permit(1), in_service(), &OPEN, AT, &mut full), Err(record));
        assert!(!lines.connected.get() && !is_usable(&mut port, &OPEN, AT));

        let (mut port, lines, mut log) = opened();
        assert_eq!(port.close(&mut full), Err(RecordError::Full));
        assert!(!lines.connected.get() && !is_usable(&mut port, &OPEN, AT));
        // What ended is recorded before it opens again, and not twice.
        assert_eq!(port.open(permit(1), in_service(), &OPEN, AT, &mut full), Err(record));
        port.open(permit(1), in_service(), &OPEN, AT, &mut log).unwrap();
        assert_eq!(log.events, [(OPENED, 2), (CLOSED, 1), (OPENED, 2)]);
    }

    #[test]
    fn a_part_that_does_not_connect_is_disconnected_and_recorded() {
        let lines = Lines::default();
        lines.broken.set(true);
        let mut port = Port::new(Usb(lines.clone()));
        let mut log = Log::default();
        let opened = port.open(permit(1), in_service(), &OPEN, AT, &mut log);
        assert_eq!((opened, lines.connected.get()), (Err(OpenError::Fault), false));
        assert_eq!(log.events, [(OPENED, 2), (CLOSED, 5)]);
        assert!(!is_usable(&mut port, &OPEN, AT));
    }

    #[test]
    fn reports_say_what_each_port_is_for_and_how_it_stands() {
        let (mut port, _, mut log) = opened();
        assert_eq!(
            port.status().to_string(),
            "{\"port\":\"UsbService\",\"name\":\"Usb\",\"purpose\":\"production test (it's there)\",\
         \"opener\":\"service, two persons\",\"lease_ms_max\":4000,\"state\":\"open\",\
         \"reason\":\"Diagnosis\",\"until_ms\":14000}"
        );
        port.close(&mut log).unwrap();
        assert_eq!(
            port.status().to_string(),
            "{\"port\":\"UsbService\",\"name\":\"Usb\",\"purpose\":\"production test (it's there)\",\
         \"opener\":\"service, two persons\",\"lease_ms_max\":4000,\"state\":\"closed\"}"
        );
        assert!(!kinds_are_unique(&[PORTS[0], PORTS[1], PORTS[0]]));
        assert!(!kinds_are_unique(&[PORTS[2], PORTS[2]]) && kinds_are_unique(&[]));
        let names: BTreeSet<_> = PORTS.iter().map(PortInfo::name).collect();
        assert_eq!(names.len(), PORTS.len());
        // Neither shows what is inside.
        assert_eq!(format!("{port:?}"), "Port");
        let bytes = size_of::<Port<Usb>>() - size_of::<Usb>();
        assert!(bytes <= 72, "{bytes}");
    }

    /// A call on a port, or what happens around it.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Call {
        Open,
        Transfer,
        Poll,
        Close,
        Tick,
        TickBack,
        EndSession,
        LogIn,
        Reboot,
        /// The log refuses, or serves again.
        TurnLog,
    }

    /// What must be true, from all that was seen since the boot: a list of times and sessions, looked through from its start.
    #[derive(Default)]
    struct Model {
        /// Each time somebody looked at the port: when, in which session, whether it was opened there or closed.
        seen: Vec<(u64, u8, Look)>,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Look {
        Only,
        Opened,
        Closed,
    }

    impl Model {
        /// Whether it is open: it was opened, and each later look found it in time, in its session, after the look before.
        fn is_open(&self) -> bool {
            let Some(at) = self.seen.iter().rposition(|(.., look)| *look == Look::Opened) else {
                return false;
            };
            let (from, session, _) = self.seen[at];
            self.seen[at..].windows(2).all(|pair| {
                let ((before, ..), (now, whose, look)) = (pair[0], pair[1]);
                before <= now
                    && now < from + u64::from(LEASE_MS)
                    && whose == session
                    && look != Look::Closed
            })
        }

        fn is_before_what_was_seen(&self, now: u64) -> bool {
            self.seen.iter().any(|(time, ..)| now < *time)
        }
    }

    struct Bench {
        port: Option<Port<Usb>>,
        lines: Lines,
        log: Log,
        model: Model,
        now: u64,
        /// The number of the session that is open; even numbers are none.
        session: u8,
        /// Events of opening without one of closing that are owed to the log.
        unclosed: bool,
        opened: usize,
    }

    impl Bench {
        fn new() -> Self {
            let lines = Lines::default();
            Self {
                port: Some(Port::new(Usb(lines.clone()))),
                lines,
                log: Log::default(),
                model: Model::default(),
                now: 10_000,
                session: 1,
                unclosed: false,
                opened: 0,
            }
        }

        fn table(&self) -> Table {
            Table((self.session % 2 == 1).then_some([self.session; 8]))
        }

        fn look(&mut self, look: Look) {
            self.model.seen.push((self.now, self.session, look));
        }

        fn open(&mut self) {
            let (table, now) = (self.table(), Ticks::from_millis(self.now));
            let went_back = self.model.is_before_what_was_seen(self.now);
            self.look(Look::Only);
            // What ended before is recorded first.
            let is_open = self.model.is_open();
            let may = !went_back && !is_open && self.session % 2 == 1 && !self.log.refuses;
            let mut permit = permit(LEASE_MS);
            permit.opening.session = [self.session; 8];
            let opened =
                self.port.as_mut().unwrap().open(permit, in_service(), &table, now, &mut self.log);
            assert_eq!(opened.is_ok(), may, "{opened:?}");
            if may {
                self.look(Look::Opened);
                self.opened += 1;
            }
        }

        fn call(&mut self, call: Call) {
            let (table, now) = (self.table(), Ticks::from_millis(self.now));
            match call {
                Call::Open => self.open(),
                Call::Transfer => {
                    self.look(Look::Only);
                    let usable = is_usable(self.port.as_mut().unwrap(), &table, now);
                    assert_eq!(usable, self.model.is_open());
                }
                Call::Poll => {
                    self.look(Look::Only);
                    let polled = self.port.as_mut().unwrap().poll(&table, now, &mut self.log);
                    assert!(polled.is_ok() || self.log.refuses);
                }
                Call::Close => {
                    // It asks nobody, and is shown no time.
                    let last = self.model.seen.last().copied();
                    if let Some((time, session, _)) = last {
                        self.model.seen.push((time, session, Look::Closed));
                    }
                    let closed = self.port.as_mut().unwrap().close(&mut self.log);
                    assert!(closed.is_ok() || self.log.refuses);
                }
                Call::Tick => self.now += 1_500,
                Call::TickBack => self.now -= 1_000,
                Call::EndSession => self.session += self.session % 2,
                Call::LogIn => self.session += 1 - self.session % 2,
                Call::Reboot => {
                    // No destructor runs, the lines stay as they were; ticks and sessions begin again.
                    core::mem::forget(self.port.replace(Port::new(Usb(self.lines.clone()))));
                    (self.model, self.now) = (Model::default(), 10_000);
                    self.session += self.session % 2;
                    self.unclosed = false;
                    self.log.events.push((0x0001, 0));
                }
                Call::TurnLog => self.log.refuses = !self.log.refuses,
            }
            assert_eq!(self.lines.connected.get(), self.model.is_open(), "{call:?}");
            assert_eq!(self.port.as_ref().unwrap().until().is_some(), self.model.is_open());
        }

        /// In the log each opening is followed by its closing, or a boot, before the next; and none is missing once the log serves.
        fn end(mut self) -> usize {
            self.log.refuses = false;
            self.call(Call::Poll);
            let mut is_open = false;
            for (id, _) in &self.log.events {
                match *id {
                    OPENED => assert!(!core::mem::replace(&mut is_open, true)),
                    CLOSED => assert!(core::mem::replace(&mut is_open, false)),
                    REFUSED => (),
                    _ => is_open = false,
                }
            }
            assert_eq!(is_open, self.model.is_open());
            let recorded = self.log.events.iter().filter(|(id, _)| *id == OPENED).count();
            assert_eq!(recorded, self.opened);
            self.opened
        }
    }

    /// Goal: no order of calls leaves a port open that should be closed, or closes one that should be open, or is not in the log. Method: all
    /// sequences, against a model that looks through all that was seen.
    #[test]
    fn every_sequence_of_calls_leaves_the_port_as_the_model_says() {
        const ALL: [Call; 9] = [
            Call::Open,
            Call::Transfer,
            Call::Poll,
            Call::Close,
            Call::Tick,
            Call::TickBack,
            Call::EndSession,
            Call::LogIn,
            Call::Reboot,
        ];
        const WITH_LOG: [Call; 10] =
            [ALL[0], ALL[1], ALL[2], ALL[3], ALL[4], ALL[5], ALL[6], ALL[7], ALL[8], Call::TurnLog];
        let run = |calls: &[Call], length: u32| {
            let (mut sequences, mut opened) = (0_usize, 0_usize);
            for number in 0..calls.len().pow(length) {
                let mut bench = Bench::new();
                let mut rest = number;
                for _ in 0..length {
                    bench.call(calls[rest % calls.len()]);
                    rest /= calls.len();
                }
                opened += bench.end();
                sequences += 1;
            }
            (sequences, opened)
        };
        let (mut sequences, mut opened) = (0, 0);
        let runs = (1..=6).map(|length| run(&ALL, length));
        for (more, times) in runs.chain((1..=5).map(|length| run(&WITH_LOG, length))) {
            (sequences, opened) = (sequences + more, opened + times);
        }
        println!("ports: {sequences} sequences of calls, {opened} times open");
        assert_eq!(sequences, 597_870 + 111_110);
        assert_eq!(opened, 222_952);
    }

    /// The lock of a processor, with what it will say.
    struct Lock {
        says: Vec<DebugState>,
        locked: usize,
    }

    impl DebugLock for Lock {
        const LOCKABLE: bool = true;

        fn read_state(&mut self) -> DebugState {
            self.says.remove(0)
        }

        fn lock(&mut self) {
            self.locked += 1;
        }
    }

    /// A part that has none.
    struct NoLock;

    impl DebugLock for NoLock {
        const LOCKABLE: bool = false;

        fn read_state(&mut self) -> DebugState {
            DebugState::Open
        }

        fn lock(&mut self) {}
    }

    /// Goal: from the moment it waits for an owner, an open debug port is found. Method: all states, each answer of the part, also one that changes.
    #[test]
    fn a_debug_port_that_should_be_locked_and_is_open_is_found() {
        let states = [
            (0xcd3a_2972, false),
            (0x9ce3_6cc1, false),
            (0xf580_c5bc, true),
            (0xf02e_daa2, true),
            (0x35ac_265b, true),
            (0x8511_de9b, true),
            (0xaa27_85ce, true),
            (0xffff_ffff, true),
        ];
        let (mut good, mut found) = (0, 0);
        for (word, has_to_be) in states {
            let lifecycle = Lifecycle::of(word);
            for says in [
                [DebugState::Locked; 2],
                [DebugState::Locked, DebugState::Open],
                [DebugState::Open, DebugState::Locked],
                [DebugState::Open; 2],
            ] {
                let is_locked = says == [DebugState::Locked; 2];
                let mut lock = Lock { says: says.to_vec(), locked: 0 };
                match check(&mut &mut lock, lifecycle) {
                    Ok(checked) => {
                        let expected =
                            if has_to_be { DebugPort::Locked } else { DebugPort::InProduction };
                        assert_eq!(checked.found(), expected);
                        assert!(is_locked || !has_to_be);
                        assert_eq!(lock.locked, 0);
                        good += 1;
                    }
                    Err(open) => {
                        assert!(has_to_be && !is_locked);
                        assert_eq!(
                            open.event(),
                            DeviceEvent::DebugPortOpen { state: lifecycle.code() }
                        );
                        // Locked for the next boot, and refused in this one.
                        assert_eq!(lock.locked, 1);
                        found += 1;
                    }
                }
            }
            let honest = check(&mut NoLock, lifecycle).unwrap().found();
            let expected = if has_to_be { DebugPort::Unlockable } else { DebugPort::InProduction };
            assert_eq!(honest, expected);
        }
        assert_eq!((good, found), (2 * 4 + 6, 6 * 3));
        assert_eq!(Lifecycle::UNREADABLE.code(), LifecycleState::Unreadable);
    }

    #[test]
    fn errors_say_why_without_saying_more() {
        let texts: BTreeSet<_> = [
            OpenError::Refused(PortRefusal::Permission),
            OpenError::Refused(PortRefusal::Lease),
            OpenError::Refused(PortRefusal::Lifecycle),
            OpenError::Refused(PortRefusal::Session),
            OpenError::Refused(PortRefusal::Open),
            OpenError::Refused(PortRefusal::ClockWentBack),
            OpenError::Record(RecordError::Full),
            OpenError::Fault,
        ]
        .into_iter()
        .map(|error| error.to_string())
        .collect();
        assert_eq!(texts.len(), 8);
        let boxed: Box<dyn core::error::Error> = Box::new(PortClosed);
        assert_eq!(boxed.to_string(), "port is closed");
    }
}
