//! Sessions: who is there, since when, and with what he has shown who he is.
//!
//! # Rules
//! 1. A session has one person, one role and one interface, from its beginning to its end. It begins with one factor; others
//!    are added.
//! 2. From afar and for service it is *half open* until there are two factors, one of them a token; after
//!    [`HALF_OPEN_MS`] without them it ends. Nothing is permitted in it before that: the decision asks for them.
//! 3. It ends when nothing was done in it for a time, and when it has lasted for a time ([`Bounds`]); when the clock of this
//!    boot goes behind the last act of one, all end. Nothing is permitted in a session that has ended or is locked.
//! 4. One person has one session at an interface: a new one ends the one before. There is one session for service at a time.
//! 5. There are [`SESSIONS_MAX`]. Who is at the device always gets one: if need be, the session in which nothing was done for the
//!    longest time ends, one from afar first, then a locked one.
//!
//! All end at a restart: nothing of them is stored.
//!
//! # Source
//! IEC 62443-4-2 CR 2.5 (lock), CR 2.6 (remote termination), CR 2.7 (number of sessions); NIST SP 800-63B-4 (limits).

use medsec_core::access::{Approver, Classes, Factors, Facts, Interface};
use medsec_core::event::PrincipalId;
use medsec_core::time::Ticks;

use crate::event::SessionEnd;

/// Most sessions at a time.
pub const SESSIONS_MAX: usize = 4;

/// How long a session from afar waits for what it lacks, in milliseconds.
pub const HALF_OPEN_MS: u64 = 60_000;

/// How long a session lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Milliseconds without an act.
    pub idle_ms: u64,
    /// Milliseconds in all.
    pub whole_ms: u64,
}

const MINUTE_MS: u64 = 60_000;

impl Bounds {
    /// Those of an interface.
    #[must_use]
    pub const fn of(interface: Interface) -> Self {
        match interface {
            Interface::Local => Self { idle_ms: 10 * MINUTE_MS, whole_ms: 8 * 60 * MINUTE_MS },
            Interface::Service => Self { idle_ms: 15 * MINUTE_MS, whole_ms: 2 * 60 * MINUTE_MS },
            Interface::Remote | _ => Self { idle_ms: 10 * MINUTE_MS, whole_ms: 60 * MINUTE_MS },
        }
    }
}

/// Names a session of this boot. No two have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionId(u32);

/// Who has a session, and from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person {
    /// Who.
    pub id: PrincipalId,
    /// The number of his role.
    pub role: u8,
    /// From where.
    pub interface: Interface,
    /// Names the link it is on, which ends it when it ends; zeros at the device.
    pub link: [u8; 8],
}

/// What was shown, and what is left of it if it was right: 0. It is made where a factor agreed, and nowhere else.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) factor: Factors,
    /// All bits that are wrong in the word of the verdict, and in what the flash holds of the attempt.
    pub(crate) residue: u32,
}

/// There is no such session, or it is locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSession;

impl core::fmt::Display for NoSession {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no session, or a locked one")
    }
}

impl core::error::Error for NoSession {}

/// A session that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub by: PrincipalId,
    /// Why.
    pub why: SessionEnd,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    id: SessionId,
    person: Person,
    factors: Factors,
    residue: u32,
    from: Ticks,
    last: Ticks,
    is_locked: bool,
}

impl Session {
    /// Why it is over, if it is.
    fn is_over(&self, now: Ticks) -> Option<SessionEnd> {
        let bounds = Bounds::of(self.person.interface);
        if now < self.last {
            Some(SessionEnd::Clock)
        } else if now.millis_since(self.from) >= bounds.whole_ms {
            Some(SessionEnd::Over)
        } else if now.millis_since(self.last) >= bounds.idle_ms {
            Some(SessionEnd::Idle)
        } else if self.is_half_open() && now.millis_since(self.from) >= HALF_OPEN_MS {
            Some(SessionEnd::HalfOpen)
        } else {
            None
        }
    }

    fn is_half_open(&self) -> bool {
        let is_enough = self.factors.are_two() && self.factors.has(Factors::TOKEN);
        self.person.interface != Interface::Local && !is_enough
    }

    const fn ended(&self, why: SessionEnd) -> Ended {
        Ended { id: self.id, by: self.person.id, why }
    }
}

/// The sessions of this boot.
///
/// # Limits
/// [`SESSIONS_MAX`] of them in at most 512 bytes. No call loops over more.
#[derive(Debug)]
pub struct Sessions {
    all: [Option<Session>; SESSIONS_MAX],
    serial: u32,
    /// What has ended and was not told yet: [`Sessions::poll`] tells one at a time.
    untold: [Option<Ended>; SESSIONS_MAX],
}

impl Sessions {
    pub(crate) const fn new() -> Self {
        Self { all: [None; SESSIONS_MAX], serial: 0, untold: [None; SESSIONS_MAX] }
    }

    /// Begins a session with what was shown. `None`: there is no place.
    pub(crate) fn open(&mut self, person: Person, shown: Shown, now: Ticks) -> Option<SessionId> {
        self.end_over(now);
        let is_same = |other: &Session| {
            other.person.interface == person.interface
                && (other.person.id == person.id || person.interface == Interface::Service)
        };
        self.end_if(SessionEnd::Terminated, is_same);
        if self.all.iter().all(Option::is_some) && person.interface == Interface::Local {
            let rank = |session: &&Session| {
                let is_local = session.person.interface == Interface::Local;
                (is_local, !session.is_locked, session.last)
            };
            let least = self.all.iter().flatten().min_by_key(rank).map(|session| session.id);
            self.end_if(SessionEnd::Terminated, |session| Some(session.id) == least);
        }
        let place = self.all.iter_mut().find(|place| place.is_none())?;
        self.serial = self.serial.checked_add(1)?;
        let id = SessionId(self.serial);
        *place = Some(Session {
            id,
            person,
            factors: shown.factor,
            residue: shown.residue,
            from: now,
            last: now,
            is_locked: false,
        });
        Some(id)
    }

    /// Adds what was shown to a session, which goes on if it was locked.
    pub(crate) fn add(
        &mut self,
        id: SessionId,
        shown: &Shown,
        now: Ticks,
    ) -> Result<(), NoSession> {
        self.end_over(now);
        let session = self.find(id).ok_or(NoSession)?;
        session.factors = session.factors.and(shown.factor);
        session.residue |= shown.residue;
        session.is_locked = false;
        session.last = now;
        Ok(())
    }

    /// Whose session it is, also of a locked one.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn person(&mut self, id: SessionId, now: Ticks) -> Result<Person, NoSession> {
        self.end_over(now);
        self.find(id).map(|session| session.person).ok_or(NoSession)
    }

    /// What a decision needs to know of a session. It counts as an act in it.
    ///
    /// # Errors
    /// [`NoSession`]: it has ended, or is locked.
    pub fn facts(
        &mut self,
        id: SessionId,
        present: bool,
        classes: Classes,
        approver: Option<SessionId>,
        now: Ticks,
    ) -> Result<Facts, NoSession> {
        self.end_over(now);
        let approver = match approver {
            None => None,
            Some(other) => {
                // He lives by his own acts: to be named by another is none.
                let is_there =
                    |session: &&mut Session| !session.is_locked && !session.is_half_open();
                let second = self.find(other).filter(is_there).ok_or(NoSession)?;
                let (role, interface) = (role(second), second.person.interface);
                Some(Approver { by: second.person.id, role, factors: second.factors, interface })
            }
        };
        let session = self.find(id).filter(|session| !session.is_locked).ok_or(NoSession)?;
        session.last = now;
        Ok(Facts {
            by: session.person.id,
            role: role(session),
            factors: session.factors,
            present,
            interface: session.person.interface,
            classes,
            approver,
        })
    }

    /// Who may change his own secret: he has shown it in this session, which lacks nothing and is not locked.
    pub(crate) fn own(&mut self, id: SessionId, now: Ticks) -> Result<PrincipalId, NoSession> {
        self.end_over(now);
        let session = self.find(id).ok_or(NoSession)?;
        let is_whole = !session.is_locked && !session.is_half_open() && session.residue == 0;
        let knows = session.factors.has(Factors::KNOWLEDGE);
        if is_whole && knows { Ok(session.person.id) } else { Err(NoSession) }
    }

    /// Locks a session: it goes on when its person shows one factor again.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn lock(&mut self, id: SessionId, now: Ticks) -> Result<PrincipalId, NoSession> {
        self.end_over(now);
        let session = self.find(id).ok_or(NoSession)?;
        session.is_locked = true;
        Ok(session.person.id)
    }

    /// Ends a session. Who is at the device may end any.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn end(&mut self, id: SessionId, why: SessionEnd) -> Result<(), NoSession> {
        self.find(id).ok_or(NoSession)?;
        self.end_if(why, |session| session.id == id);
        Ok(())
    }

    /// Ends those from afar and for service: an emergency has begun.
    pub fn end_away(&mut self, why: SessionEnd) {
        self.end_if(why, |session| session.person.interface != Interface::Local);
    }

    /// Ends those on a link.
    pub fn end_link(&mut self, link: &[u8; 8]) {
        let is_on = |session: &Session| {
            session.person.interface != Interface::Local && session.person.link == *link
        };
        self.end_if(SessionEnd::Link, is_on);
    }

    /// Ends those of a person, who was removed or changed.
    pub fn end_person(&mut self, id: PrincipalId) {
        self.end_if(SessionEnd::Person, |session| session.person.id == id);
    }

    /// Ends all.
    pub fn end_all(&mut self, why: SessionEnd) {
        self.end_if(why, |_| true);
    }

    /// Ends what is over, and tells of one session that has ended, until [`Sessions::told`].
    pub fn poll(&mut self, now: Ticks) -> Option<Ended> {
        self.end_over(now);
        self.untold.iter().flatten().next().copied()
    }

    /// It was recorded that this one has ended.
    pub fn told(&mut self, ended: &Ended) {
        for place in &mut self.untold {
            if place.as_ref() == Some(ended) {
                *place = None;
            }
        }
    }

    /// The sessions that there are, with whether each is locked: for the display that says who has one.
    pub fn list(&self) -> impl Iterator<Item = (SessionId, Person, bool)> {
        self.all.iter().flatten().map(|session| (session.id, session.person, session.is_locked))
    }

    fn find(&mut self, id: SessionId) -> Option<&mut Session> {
        self.all.iter_mut().flatten().find(|session| session.id == id)
    }

    /// Ends what is over. A clock that went back ends all: nothing that has ended begins again.
    fn end_over(&mut self, now: Ticks) {
        if self.all.iter().flatten().any(|session| now < session.last) {
            self.end_if(SessionEnd::Clock, |_| true);
        }
        for place in &mut self.all {
            if let Some((session, why)) =
                place.and_then(|session| Some((session, session.is_over(now)?)))
            {
                *place = None;
                tell(&mut self.untold, session.ended(why));
            }
        }
    }

    fn end_if(&mut self, why: SessionEnd, which: impl Fn(&Session) -> bool) {
        for place in &mut self.all {
            if let Some(session) = place.filter(|session| which(session)) {
                *place = None;
                tell(&mut self.untold, session.ended(why));
            }
        }
    }
}

/// Keeps what is to be told. If nobody listens the oldest is lost, and the session has ended all the same.
fn tell(untold: &mut [Option<Ended>; SESSIONS_MAX], ended: Ended) {
    if untold.iter().all(Option::is_some) {
        untold.rotate_left(1);
        if let Some(last) = untold.last_mut() {
            *last = None;
        }
    }
    if let Some(free) = untold.iter_mut().find(|place| place.is_none()) {
        *free = Some(ended);
    }
}

/// The role of a session, or one that there is not, if something was wrong with what was shown: then a branch was skipped on the way
/// here, and nothing is permitted.
const fn role(session: &Session) -> u8 {
    let residue = session.residue;
    let [any, ..] = ((residue | residue.wrapping_neg()) >> 31).wrapping_neg().to_le_bytes();
    session.person.role | any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_take_at_most_512_bytes() {
        let bytes = size_of::<Sessions>();
        assert!(bytes <= 512, "{bytes}");
    }

    #[test]
    fn who_is_half_open_approves_nothing_and_lives_by_his_own_acts() {
        let mut sessions = Sessions::new();
        let person = |byte, interface| Person {
            id: PrincipalId::new([byte; 8]),
            role: 0,
            interface,
            link: [byte; 8],
        };
        let shown = || Shown { factor: Factors::KNOWLEDGE, residue: 0 };
        let at = Ticks::from_millis;
        let one = sessions.open(person(1, Interface::Local), shown(), at(0)).unwrap();
        let other = sessions.open(person(2, Interface::Remote), shown(), at(0)).unwrap();
        let facts = sessions.facts(one, false, Classes::NONE, Some(other), at(1));
        assert!(
            facts.is_err() || facts.unwrap().approver.is_none(),
            "a half-open session approves"
        );
    }

    #[test]
    fn an_approver_who_went_away_approves_no_more() {
        let mut sessions = Sessions::new();
        let person = |byte| Person {
            id: PrincipalId::new([byte; 8]),
            role: 0,
            interface: Interface::Local,
            link: [0; 8],
        };
        let shown = || Shown { factor: Factors::KNOWLEDGE, residue: 0 };
        let at = Ticks::from_millis;
        let one = sessions.open(person(1), shown(), at(0)).unwrap();
        let other = sessions.open(person(2), shown(), at(0)).unwrap();
        for minutes in (0..120).step_by(9) {
            let facts =
                sessions.facts(one, false, Classes::NONE, Some(other), at(minutes * 60_000));
            assert!(minutes < 10 || facts.is_err(), "approved at minute {minutes}, idle since 0");
        }
    }
}
