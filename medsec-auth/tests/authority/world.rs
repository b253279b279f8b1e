//! What the model knows of a device, and what can happen to it.

use medsec_core::lifecycle::{Change, State};

/// Who there is: two nurses and an auditor. An administrator removes people, from outside of the model.
pub(crate) type Who = usize;
pub(crate) const AUDITOR: Who = 2;
pub(crate) const EVERYBODY: [Who; 3] = [0, 1, AUDITOR];
/// Who may be removed: the other nurse is as the first.
const REMOVED: [Who; 2] = [0, AUDITOR];
/// Sessions at a time.
pub(crate) const SESSIONS: usize = 2;

/// Records that the reserve of a full log takes.
pub(crate) const RESERVE: u8 = 3;

/// A session, as far as it is looked at: how often it has become later since the last act in it, and whether it is locked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Seen {
    pub(crate) age: u8,
    pub(crate) is_locked: bool,
}

/// What a log has room for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Room {
    /// All that comes.
    Plenty,
    /// One record, and the reserve.
    Near,
    /// So many records, which are the reserve.
    Full(u8),
}

/// The whole of the model at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Node {
    pub(crate) life: Life,
    pub(crate) sessions: [Option<Seen>; 3],
    /// Who was removed.
    pub(crate) gone: Option<Who>,
    pub(crate) room: Room,
    pub(crate) is_dead: bool,
    /// How often it has become later since an emergency was called.
    pub(crate) emergency: Option<u8>,
    pub(crate) is_review_due: bool,
    pub(crate) is_unrecorded: bool,
}

/// A part of a device's life, by its place in [`State::ALL`].
pub(crate) type Life = u8;

pub(crate) const fn place(state: State) -> Life {
    match state {
        State::Blank => 0,
        State::Provisioning => 1,
        State::AwaitClaim => 2,
        State::InService => 3,
        State::Maintenance => 4,
        State::Sanitizing => 5,
        State::Decommissioned | _ => 6,
    }
}

impl Node {
    pub(crate) const fn new(life: State) -> Self {
        Self {
            life: place(life),
            sessions: [None; 3],
            gone: None,
            room: Room::Plenty,
            is_dead: false,
            emergency: None,
            is_review_due: false,
            is_unrecorded: false,
        }
    }

    pub(crate) const fn state(&self) -> State {
        State::ALL[self.life as usize]
    }

    /// Whether somebody has a session that is not locked.
    pub(crate) fn is_there(&self, who: Who) -> bool {
        self.sessions[who].is_some_and(|seen| !seen.is_locked)
    }
}

/// Who else approves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Second {
    Nobody,
    By(Who),
}

/// What somebody asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum What {
    /// Clinical, also in an emergency.
    Rate,
    /// Clinical, also without a record.
    Stop,
    /// Clinical, by two persons.
    Double(Second),
    /// Evidence: the log is taken away, and empty then.
    Export,
    /// Evidence: an emergency was looked at.
    Review,
}

impl What {
    /// Whether it is treatment.
    pub(crate) const fn is_clinical(self) -> bool {
        matches!(self, Self::Rate | Self::Stop | Self::Double(_))
    }
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Somebody logs in, or goes on in a session that is locked.
    Login(Who),
    Lock(Who),
    LogOut(Who),
    Ask(Who, What),
    /// Somebody at the device calls an emergency.
    Call,
    /// In it he changes the rate.
    Rescue,
    Close,
    /// The life of the device goes on.
    Change(Change),
    /// An administrator removes somebody.
    Remove(Who),
    /// Other records come: the log is nearly full, then full.
    Fill,
    Die,
    Heal,
    /// Six minutes.
    Later,
    /// The ticks go back.
    Back,
    /// The power fails.
    Cut,
}

/// What comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Reply {
    /// It was granted, or done.
    pub(crate) is_done: bool,
    /// Records that were made of it.
    pub(crate) records: u8,
}

impl Node {
    /// All that can happen here.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Later, Step::Back, Step::Cut, Step::Call, Step::Rescue];
        let is_one_left = |who: Who| {
            let others = EVERYBODY.iter().filter(|other| **other != who);
            others.filter(|other| self.sessions[**other].is_some()).count() < SESSIONS
        };
        for who in EVERYBODY {
            match self.sessions[who] {
                None if is_one_left(who) => steps.push(Step::Login(who)),
                None => {}
                Some(seen) => {
                    steps.push(if seen.is_locked { Step::Login(who) } else { Step::Lock(who) });
                    steps.push(Step::LogOut(who));
                    let twice = EVERYBODY.iter().filter(|other| self.sessions[**other].is_some());
                    let seconds = twice.map(|other| Second::By(*other)).chain([Second::Nobody]);
                    let asked = [What::Rate, What::Stop, What::Export, What::Review];
                    let asked = asked.into_iter().chain(seconds.map(What::Double));
                    steps.extend(asked.map(|what| Step::Ask(who, what)));
                }
            }
            if self.gone.is_none() && REMOVED.contains(&who) {
                steps.push(Step::Remove(who));
            }
        }
        if self.emergency.is_some() {
            steps.push(Step::Close);
        }
        steps.extend(Change::ALL.into_iter().map(Step::Change));
        if !matches!(self.room, Room::Full(_)) {
            steps.push(Step::Fill);
        }
        steps.push(if self.is_dead { Step::Heal } else { Step::Die });
        steps
    }
}
