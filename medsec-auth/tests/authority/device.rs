//! The product: an authenticator over a simulated part, asked what the model asks.

use hmac::{Hmac, KeyInit, Mac};
use medsec_auth::authenticator::{Authenticator, Login, LoginError, Place, Reviewed, Situation};
use medsec_auth::credential::{Claim, Credentials, Flags, Store};
use medsec_auth::event::{AuthEvent, EmergencyReason, SessionEnd};
use medsec_auth::factor::otp::{Code, Digits, Hash, Moving, Otp, Settings};
use medsec_auth::factor::password::{Block, Passwords, Rules, Stretch, Words};
use medsec_auth::hal::{HeldPepper, Panel, Presence, ReadLocked};
use medsec_auth::lockout::{AtCut, Attempts, Config, Policy};
use medsec_auth::people::{Pending, PersonChange};
use medsec_auth::session::SessionId;
use medsec_core::access::{Authority, Permission};
use medsec_core::event::{Count, Event, PrincipalId, RecordError, Recorder};
use medsec_core::flash::Region;
use medsec_core::flash::cell::Progress;
use medsec_core::lifecycle::{BLANK_WORD, Change, State};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks, TimeSource, WallTime};
use medsec_core::{Secret, events, policy};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;
use sha1::Sha1;

use crate::world::{
    AUDITOR, EVERYBODY, Node, RESERVE, Reply, Room, Second, Step, What, Who, place,
};

policy! {
    /// Who may do what.
    pub policy Ward;

    /// The roles.
    pub roles WardRole {
        /// Treats.
        Nurse = 0 may [Rate, Stop, Double],
        /// Makes people known.
        Administrator = 1 may [People] assigns [Nurse, Administrator, Auditor],
        /// Takes the log away, and reviews emergencies.
        Auditor = 2 may [Export, Review],
    }

    permissions {
        /// Also in an emergency.
        Rate = 0 [Clinical, OneFactor, Local] emergency,
        /// Also without a record.
        Stop = 1 [Clinical, OneFactor, Local] essential,
        /// By two.
        Double = 2 [Clinical, OneFactor, Local] two_persons,
        /// People.
        People = 3 [Administration, TwoFactors, Local] people,
        /// The log.
        Export = 4 [Evidence, OneFactor, Local],
        /// Emergencies.
        Review = 5 [Evidence, OneFactor, Local],
    }

    apart {
        Rate and Export,
        Stop and Export,
        Double and Review,
        People and Rate,
    }
}

events! {
    /// What is recorded.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub enum Done {
        /// Something was done.
        It = 0x4001 [ControlSystem, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// What.
            public what: Count,
        },
    }
}

macro_rules! records {
    ($($permission:ident)*) => { $(
        impl Permission for $permission {
            type Args = u32;

            fn event(what: &u32, by: PrincipalId) -> impl Event {
                Done::It { by, what: Count::new(*what) }
            }
        }
    )* };
}
records! { Rate Stop Double Export }

impl Permission for People {
    type Args = PersonChange;

    fn event(change: &PersonChange, by: PrincipalId) -> impl Event {
        change.event(by)
    }
}

impl Permission for Review {
    type Args = Reviewed;

    fn event(_: &Reviewed, by: PrincipalId) -> impl Event {
        AuthEvent::EmergencyReviewed { by }
    }
}

/// A log with room for so much, as a hub uses it.
struct Book {
    room: Room,
    is_dead: bool,
    /// What is recorded now may take from the reserve.
    takes_reserve: bool,
    records: u8,
}

impl Recorder for Book {
    fn record<E: Event>(&mut self, _: &E) -> Result<(), RecordError> {
        if self.is_dead {
            return Err(RecordError::Fault);
        }
        self.room = match self.room {
            Room::Plenty => Room::Plenty,
            Room::Near => Room::Full(RESERVE),
            Room::Full(left) if self.takes_reserve && left > 0 => Room::Full(left - 1),
            Room::Full(_) => return Err(RecordError::Full),
        };
        self.records += 1;
        Ok(())
    }
}

type Part = FaultFlash<4, 4, 4096>;
type Auth = Authenticator<Aes256Gcm>;

const ATTEMPTS: Config =
    Config { region: Region::new(0, 4 * 4096), policy: Policy::DEFAULT, at_cut: AtCut::KeepsPage };
const PEOPLE: Region = Region::new(4 * 4096, 4 * 4096);
const DEVICE: [u8; 16] = [0xD1; 16];
const SECRET: &[u8] = b"a long sentence of an administrator";
const ADMIN: usize = 3;
const START_MS: u64 = 1_000_000_000_000;
const MINUTE_MS: u64 = 60_000;
/// More than anything takes.
const CALLS_MAX: usize = 400;

/// A key that somebody presses.
struct Key;

impl Panel for Key {
    fn take_press(&mut self) -> bool {
        true
    }
}

fn root() -> Secret<32> {
    Secret::new([3; 32])
}

fn key_of(who: Who) -> [u8; 20] {
    let mut key = *b"a key for one of us.";
    key[0] = u8::try_from(who).unwrap();
    key
}

/// RFC 4226.
fn code_of(who: Who, counter: u64) -> Code {
    let mut mac = Hmac::<Sha1>::new_from_slice(&key_of(who)).unwrap();
    mac.update(&counter.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[19] & 0xF);
    let four: [u8; 4] = tag[offset..offset + 4].try_into().unwrap();
    let value = (u32::from_be_bytes(four) & 0x7FFF_FFFF) % 1_000_000;
    Code::parse(format!("{value:06}").as_bytes()).unwrap()
}

/// The device that is asked.
pub(crate) struct Device {
    part: Part,
    auth: Auth,
    book: Book,
    now: u64,
    memory: Vec<Block>,
    people: [PrincipalId; 4],
    sessions: [Option<SessionId>; 3],
    /// Ids of sessions that have ended in this boot.
    stale: Vec<SessionId>,
    stale_refused: usize,
    codes: [u64; 4],
    /// People or the part of life were changed since it began.
    is_changed: bool,
    /// Parts with people on them, by the part of life, and the next code of each person.
    saved: Vec<(State, Part, [u64; 4])>,
}

impl Device {
    /// Enrols everybody, on a device in service and on one that is blank.
    pub(crate) fn new() -> Self {
        let mut part = Part::new(8, Model::None, 1);
        let claim =
            Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([0; 32]) };
        let blank = BLANK_WORD.to_le_bytes();
        drop(Attempts::format(&mut part, &ATTEMPTS, &root(), blank).unwrap());
        drop(Store::<Aes256Gcm>::format(&mut part, PEOPLE, &root(), &claim).unwrap());
        let mut device = Self {
            auth: boot(&mut part),
            part,
            book: Book { room: Room::Plenty, is_dead: false, takes_reserve: false, records: 0 },
            now: START_MS,
            memory: (0..32).map(|_| Block::new()).collect(),
            people: [PrincipalId::DEVICE; 4],
            sessions: [None; 3],
            stale: Vec::new(),
            stale_refused: 0,
            codes: [0; 4],
            is_changed: true,
            saved: Vec::new(),
        };
        for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
            assert!(device.change(change));
        }
        device.enrol();
        device.save(State::InService);
        // The counts of a new device under the people of a used one.
        drop(Attempts::format(&mut device.part, &ATTEMPTS, &root(), blank).unwrap());
        device.codes = [0; 4];
        device.save(State::Blank);
        device
    }

    fn save(&mut self, life: State) {
        self.saved.push((life, self.part.clone(), self.codes));
    }

    /// Begins anew in this part of life, with nobody there.
    pub(crate) fn begin(&mut self, life: State) {
        if self.is_changed || self.auth.lifecycle().state() != Ok(life) {
            let (_, part, codes) = self.saved.iter().find(|saved| saved.0 == life).unwrap();
            self.part.restore(part);
            (self.codes, self.is_changed) = (*codes, false);
        }
        self.book = Book { room: Room::Plenty, is_dead: false, takes_reserve: false, records: 0 };
        self.now = START_MS;
        self.restart();
    }

    fn restart(&mut self) {
        self.part.power_off();
        self.part.power_on();
        self.auth = boot(&mut self.part);
        (self.sessions, self.stale) = ([None; 3], Vec::new());
        if let Some(pending) = self.auth.settle() {
            self.finish(pending);
        }
    }

    fn at(&self) -> Ticks {
        Ticks::from_millis(self.now)
    }

    fn enrol(&mut self) {
        let role = WardRole::Administrator.number();
        let first = self.auth.enrol_first::<Ward, _>(&mut self.part, role, ([1; 4], 1)).unwrap();
        self.people[ADMIN] = self.finish(first).unwrap();
        let credentials = self.credentials(ADMIN);
        let admin = self.people[ADMIN];
        let equipped = self.auth.equip_first(&mut self.part, admin, &credentials).unwrap();
        self.finish(equipped);
        for who in EVERYBODY {
            let role = if who == AUDITOR { WardRole::Auditor } else { WardRole::Nurse };
            let change = PersonChange::Enrol { role: role.number(), flags: Flags::NONE };
            let byte = u8::try_from(who).unwrap();
            let none = Credentials::default();
            self.people[who] = self.manage(change, &none, [byte; 4]).unwrap();
            let change = PersonChange::Update { person: self.people[who], flags: Flags::NONE };
            let credentials = self.credentials(who);
            self.manage(change, &credentials, [byte; 4]).unwrap();
        }
    }

    /// A generator of codes; an administrator has a secret besides.
    fn credentials(&mut self, who: Who) -> Credentials {
        let settings = Settings::new(Moving::Counter { ahead: 3 }, Hash::Sha1, Digits::Six);
        let otp = Otp::import(settings.unwrap(), &key_of(who)).unwrap();
        let mut credentials =
            Credentials { one_time: Some(otp.encode()), ..Credentials::default() };
        if who == ADMIN {
            let mut random = Random::new(<Noise>::good(1));
            random.start(Secret::new([9; 32]), &DEVICE).unwrap();
            let (memory, stretch) = (&mut self.memory[..], Stretch::DEFAULT);
            let mut passwords = Passwords { device: DEVICE, stretch, pepper: pepper(), memory };
            let id = self.people[ADMIN];
            let (rules, words) = (Rules::only_factor(), Words(&[]));
            let knowledge = passwords.enroll(SECRET, id.bytes(), &rules, &words, &mut random);
            credentials.knowledge = Some(knowledge.unwrap().encode());
        }
        credentials
    }

    /// Does what the flash asks for, then again what `act` does.
    fn ready(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<SessionId, LoginError>,
    ) -> Result<SessionId, LoginError> {
        for _ in 0..CALLS_MAX {
            match act(self) {
                Err(LoginError::NotReady) => {
                    let progress = self.auth.step(&mut self.part, &Pause::lend(&mut (), 1));
                    let _ = progress.unwrap();
                }
                other => return other,
            }
        }
        panic!("never ready");
    }

    fn code(&mut self, who: Who, session: Option<SessionId>) -> Result<SessionId, LoginError> {
        self.codes[who] += 1;
        let code = code_of(who, self.codes[who]);
        let login = Login { who: self.people[who], place: Place::Local, session, now: self.at() };
        let time =
            WallTime { unix_seconds: 0, source: TimeSource::Unknown, uncertainty_seconds: 0 };
        self.ready(|device| device.auth.code(&mut device.part, &login, &code, time))
    }

    /// A change of people, by the administrator, who logs in for it and out. `None`: nothing was changed.
    fn manage(
        &mut self,
        change: PersonChange,
        credentials: &Credentials,
        random: [u8; 4],
    ) -> Option<PrincipalId> {
        let who = self.people[ADMIN];
        let login = Login { who, place: Place::Local, session: None, now: self.at() };
        let session = self
            .ready(|device| {
                let pepper = (pepper(), &mut device.memory[..]);
                device.auth.password(&mut device.part, pepper, &login, SECRET)
            })
            .unwrap();
        assert_eq!(self.code(ADMIN, Some(session)), Ok(session));
        let situation = Situation { presence: None, approver: None, now: self.at() };
        let target = self.auth.target(&mut self.part, change);
        let (asked, random) = ((session, &situation), (random, 1));
        let book = &mut self.book;
        let begun = self.auth.manage::<People, _>(target, asked, credentials, random, book);
        let person = begun.ok().map(|pending| self.finish(pending).unwrap());
        // A change of his own has ended his session.
        let _ = self.auth.sessions().end(session, SessionEnd::LoggedOut);
        person
    }

    fn finish(&mut self, mut pending: Pending) -> Option<PrincipalId> {
        for _ in 0..CALLS_MAX {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            let step = self.auth.step_change(&mut self.part, &pause, &mut pending);
            if step.unwrap() == Progress::Done {
                return pending.person();
            }
        }
        panic!("never done");
    }

    fn change(&mut self, change: Change) -> bool {
        let Ok(transition) = self.auth.lifecycle().change(change, PrincipalId::DEVICE) else {
            return false;
        };
        self.is_changed = true;
        let recorded = if change.has_log() {
            transition.record(&mut self.book).ok()
        } else {
            transition.unlogged()
        };
        let Some(recorded) = recorded else { return false };
        self.auth.begin_lifecycle(&recorded).unwrap();
        for _ in 0..CALLS_MAX {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            if self.auth.step(&mut self.part, &pause).unwrap() == Progress::Done {
                let _ = recorded.confirm(self.auth.stored_lifecycle()).unwrap();
                return true;
            }
        }
        panic!("never done");
    }

    fn login(&mut self, who: Who) -> bool {
        let Ok(session) = self.code(who, self.sessions[who]) else { return false };
        // As a hub does it: a session that could not be recorded ends.
        self.book.takes_reserve = who == AUDITOR;
        let by = self.people[who];
        let (from, with) = (medsec_auth::event::From::Local, medsec_auth::event::With::OneTime);
        let recorded = self.book.record(&AuthEvent::SessionOpened { by, from, with });
        self.sessions[who] = Some(session);
        if recorded.is_err() {
            self.auth.sessions().end(session, SessionEnd::Terminated).unwrap();
        }
        recorded.is_ok()
    }

    fn ask(&mut self, session: SessionId, what: What) -> bool {
        let approver = match what {
            What::Double(Second::By(other)) => self.sessions[other],
            What::Double(Second::Nobody) => None,
            What::Rate | What::Stop | What::Export | What::Review => None,
        };
        let now = self.at();
        let situation = Situation { presence: None, approver, now };
        // As a hub does it: what empties a full log takes from its reserve.
        self.book.takes_reserve = !what.is_clinical();
        let (auth, book) = (&mut self.auth, &mut self.book);
        macro_rules! granted {
            ($permission:ident) => {
                auth.grant::<$permission, _>(session, &situation, 7, book)
                    .is_ok_and(|grant| grant.exercise(now) == Ok(7))
            };
        }
        match what {
            What::Rate => granted!(Rate),
            What::Stop => granted!(Stop),
            What::Double(_) => granted!(Double),
            What::Export => {
                let is_granted = granted!(Export);
                if is_granted {
                    self.book.room = Room::Plenty;
                }
                is_granted
            }
            What::Review => {
                let grant = auth.grant::<Review, _>(session, &situation, Reviewed, book);
                grant.is_ok_and(|grant| auth.reviewed(grant, now).is_ok())
            }
        }
    }

    /// Does one step.
    pub(crate) fn step(&mut self, step: Step) -> Reply {
        (self.book.records, self.book.takes_reserve) = (0, false);
        let is_done = match step {
            Step::Login(who) => self.login(who),
            Step::Lock(who) => {
                let (session, now) = (self.sessions[who].unwrap(), self.at());
                self.auth.sessions().lock(session, now).is_ok()
            }
            Step::LogOut(who) => {
                let session = self.sessions[who].unwrap();
                self.auth.sessions().end(session, SessionEnd::LoggedOut).is_ok()
            }
            Step::Ask(who, what) => self.ask(self.sessions[who].unwrap(), what),
            Step::Call => {
                let (presence, now) = (Presence::ask(&mut Key, self.at()).unwrap(), self.at());
                // As a hub does it: one that is called again takes nothing from the reserve.
                self.book.takes_reserve = !self.auth.emergencies().is_review_due();
                let (reason, book) = (EmergencyReason::Patient, &mut self.book);
                self.auth.call_emergency(presence, reason, book, now).is_ok()
            }
            Step::Rescue => {
                let now = self.at();
                let granted = self.auth.grant_in_emergency::<Rate, _>(9, &mut self.book, now);
                granted.is_ok_and(|grant| grant.exercise(now) == Ok(9))
            }
            Step::Close => {
                self.auth.emergencies().close();
                true
            }
            Step::Change(change) => self.change(change),
            Step::Remove(who) if self.owns() => {
                self.is_changed = true;
                let change = PersonChange::Remove { person: self.people[who] };
                self.manage(change, &Credentials::default(), [0; 4]).is_some()
            }
            Step::Remove(_) => false,
            Step::Fill => {
                let is_near = self.book.room == Room::Near;
                self.book.room = if is_near { Room::Full(RESERVE) } else { Room::Near };
                true
            }
            Step::Die | Step::Heal => {
                self.book.is_dead = step == Step::Die;
                true
            }
            Step::Later => {
                self.now += 6 * MINUTE_MS;
                true
            }
            Step::Back => {
                self.now -= 20 * MINUTE_MS;
                true
            }
            Step::Cut => {
                self.restart();
                true
            }
        };
        let reply = Reply { is_done, records: self.book.records };
        self.settle_sessions();
        reply
    }

    fn owns(&self) -> bool {
        self.auth.lifecycle().runs_administration()
    }

    /// Lets go of the sessions that have ended, and asks in their names.
    fn settle_sessions(&mut self) {
        let now = self.at();
        while let Some(ended) = self.auth.sessions().poll(now) {
            self.auth.sessions().told(&ended);
        }
        let _ = self.auth.emergencies().poll(now);
        self.auth.emergencies().told();
        for who in EVERYBODY {
            let sessions = self.auth.sessions();
            let has_ended = |id: &mut SessionId| sessions.person(*id, now).is_err();
            if let Some(id) = self.sessions[who].take_if(has_ended) {
                self.stale.push(id);
            }
        }
        let mut nothing =
            Book { room: Room::Plenty, is_dead: false, takes_reserve: true, records: 0 };
        let situation = Situation { presence: None, approver: None, now };
        for id in self.stale.iter().rev().take(3) {
            let stop = self.auth.grant::<Stop, _>(*id, &situation, 7, &mut nothing);
            let export = self.auth.grant::<Export, _>(*id, &situation, 7, &mut nothing);
            assert!(stop.is_err() && export.is_err(), "a session that has ended acts");
            self.stale_refused += 2;
        }
        assert_eq!(nothing.records, 0);
    }

    /// How often the id of a session that had ended was refused.
    pub(crate) const fn stale_refused(&self) -> usize {
        self.stale_refused
    }

    /// Compares all that can be seen with what the rules say.
    pub(crate) fn check(&mut self, node: &Node, trace: &dyn Fn() -> String) {
        let now = self.at();
        let state = self.auth.lifecycle().state().unwrap();
        assert_eq!(place(state), node.life, "{}", trace());
        let mut seen = [None; 3];
        for (_, person, is_locked) in self.auth.sessions().list() {
            let who = self.people.iter().position(|id| *id == person.id).unwrap();
            seen[who] = Some(is_locked);
        }
        let expected = node.sessions.map(|seen| seen.map(|seen| seen.is_locked));
        assert_eq!(seen, expected, "{}", trace());
        assert_eq!((self.book.room, self.book.is_dead), (node.room, node.is_dead), "{}", trace());
        let is_open = self.auth.emergencies().is_open(now);
        assert_eq!(is_open, node.emergency.is_some(), "{}", trace());
        let is_due = self.auth.emergencies().is_review_due();
        let told = (is_due, self.auth.is_unrecorded());
        assert_eq!(told, (node.is_review_due, node.is_unrecorded), "{}", trace());
    }
}

fn boot(part: &mut Part) -> Auth {
    let attempts = Attempts::mount(part, &ATTEMPTS, &root()).unwrap();
    let people = Store::mount(part, PEOPLE, &root()).unwrap();
    let authority = Authority::take(&mut Random::new(<Noise>::good(2))).unwrap();
    Auth::new(authority, Some(attempts), Some(people), DEVICE)
}

fn pepper() -> HeldPepper<ReadLocked> {
    HeldPepper::from_read_locked(Secret::new([5; 32]))
}
