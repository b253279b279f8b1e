//! People where the log is full, where their stores are gone, and what the log learns of them.

use medsec::auth::authenticator::{Login, LoginError, Place};
use medsec::auth::credential::{Claim, Credentials, Flags};
use medsec::auth::event::{EmergencyReason, LoginRefused};
use medsec::auth::factor::password::{Block, Knowledge, Passwords, Rules, Stretch, Words};
use medsec::auth::factor::token::{Intent, Request, Token};
use medsec::auth::hal::{HeldPepper, Panel, Presence, ReadLocked};
use medsec::auth::lockout::{AtCut, Config, Policy};
use medsec::auth::people::{Pending, PersonChange};
use medsec::auth::session::SessionId;
use medsec::core::access::Permission;
use medsec::core::event::{Count, Event, PrincipalId};
use medsec::core::flash::Region;
use medsec::core::flash::cell::Progress;
use medsec::core::key::{Context, DeviceKey, device_id};
use medsec::core::lifecycle::Change;
use medsec::core::rng::Random;
use medsec::{Pause, People, RecordError, Secret, Staff, SystemEvent, policy};
use medsec_sim::clock::SimClock;
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;

use crate::bench::{
    Blocking, Board, PAGE, Part, RING_PAGES, authority, boot, event, format, identity, maintain,
    records, times,
};

policy! {
    /// A ward's.
    pub policy Ward;

    /// Its roles.
    pub roles WardRole {
        /// Cares.
        Nurse = 0 may [Rate],
        /// Manages people.
        Administrator = 1 may [Manage] assigns [Nurse, Auditor],
        /// Reads the log.
        Auditor = 2 may [Export],
    }

    permissions {
        /// The rate.
        Rate = 0 [Clinical, OneFactor, Local] emergency,
        /// People.
        Manage = 1 [Administration, TwoFactors, Local] people,
        /// The log.
        Export = 2 [Evidence, OneFactor, Local],
    }

    apart { Rate and Export }
}

impl Permission for Rate {
    type Args = u32;

    fn event(rate: &u32, _: PrincipalId) -> impl Event {
        SystemEvent::RecordsSuppressed { count: Count::new(*rate) }
    }
}

impl Permission for Manage {
    type Args = PersonChange;

    fn event(change: &PersonChange, by: PrincipalId) -> impl Event {
        change.event(by)
    }
}

impl Permission for Export {
    type Args = u32;

    fn event(pages: &u32, _: PrincipalId) -> impl Event {
        SystemEvent::RecordsSuppressed { count: Count::new(*pages) }
    }
}

enum WardStaff {}

impl Staff for WardStaff {
    type Policy = Ward;
    type Pepper = HeldPepper<ReadLocked>;

    const ATTEMPTS: Config = Config {
        region: Region::new((4 + RING_PAGES) * PAGE, 4 * PAGE),
        policy: Policy::DEFAULT,
        at_cut: AtCut::KeepsPage,
    };
    const STORE: Region = Region::new((8 + RING_PAGES) * PAGE, 4 * PAGE);
}

type Staffed<'a> = People<Board<'a, true>, WardStaff>;

const SESSION_OPENED: u16 = 0x1001;
const LOGIN_FAILED: u16 = 0x1003;
const SESSION_LOCKED: u16 = 0x1005;
const ACCESS_DENIED: u16 = 0x1007;
const EMERGENCY_OPENED: u16 = 0x1008;
const SECRET: &[u8] = b"a secret of many words";

/// A key that somebody presses.
struct Key;

impl Panel for Key {
    fn take_press(&mut self) -> bool {
        true
    }
}

struct Hospital<'a> {
    device: Blocking<'a>,
    people: Staffed<'a>,
    memory: Vec<Block>,
}

fn pepper() -> HeldPepper<ReadLocked> {
    HeldPepper::from_read_locked(Secret::new([8; 32]))
}

fn token() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([9; 32]))
}

/// A part with an empty log, and place for people if `has_stores`.
fn part(has_stores: bool) -> Part {
    let mut part = Part::new(12 + RING_PAGES, Model::None, 1);
    format(&mut part);
    if has_stores {
        let claim =
            Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([0; 32]) };
        Staffed::format(&mut &mut part, &identity(1), &claim).unwrap();
    }
    part
}

fn open(part: &mut Part) -> Hospital<'_> {
    let noise = Noise::good(part.counts().reads);
    let mut device = boot::<true>(part, noise, &SimClock::new()).unwrap();
    maintain(&mut device).unwrap();
    let people = People::boot(&mut device, &identity(1), pepper()).unwrap();
    Hospital { device, people, memory: vec![Block::new(); 32] }
}

impl Hospital<'_> {
    fn rest(&mut self) {
        for _ in 0..500 {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            let people = self.people.maintain(&mut self.device, &pause).unwrap();
            if people == Progress::Done {
                return;
            }
        }
        panic!("never done");
    }

    fn finish(&mut self, mut pending: Pending) -> Option<PrincipalId> {
        for _ in 0..500 {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            let step = self.people.step_change(&mut self.device, &pause, &mut pending);
            if step.unwrap() == Progress::Done {
                return pending.person();
            }
        }
        panic!("never done");
    }

    fn in_service(&mut self) {
        for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
            let life = self.people.lifecycle().change(change, PrincipalId::DEVICE).unwrap();
            let recorded = match change.has_log() {
                true => life.record(&mut self.device).unwrap(),
                false => life.unlogged().unwrap(),
            };
            self.people.begin_lifecycle(&recorded).unwrap();
            self.rest();
            recorded.confirm(self.people.stored_lifecycle()).unwrap();
        }
    }

    fn id(&self) -> [u8; 16] {
        device_id(7, &self.device.public_key())
    }

    fn knowledge(&mut self, who: PrincipalId) -> Credentials {
        let mut random = Random::new(<Noise>::good(5));
        random.start(Secret::new([1; 32]), who.bytes()).unwrap();
        let (device, stretch) = (self.id(), Stretch::DEFAULT);
        let memory = &mut self.memory[..];
        let mut passwords = Passwords { device, stretch, pepper: pepper(), memory };
        let rules = Rules::only_factor();
        let kept = passwords.enroll(SECRET, who.bytes(), &rules, &Words(&[]), &mut random);
        Credentials { knowledge: Some(kept.unwrap().encode()), ..Credentials::default() }
    }

    fn login(&mut self, who: PrincipalId, secret: &[u8]) -> Result<SessionId, LoginError> {
        let now = self.device.now();
        let login = Login { who, place: Place::Local, session: None, now };
        for _ in 0..2 {
            let (device, memory) = (&mut self.device, &mut self.memory[..]);
            match self.people.password(device, &login, secret, memory) {
                Err(LoginError::NotReady) => self.rest(),
                other => return other,
            }
        }
        panic!("never ready");
    }

    /// Makes an administrator known, who makes a nurse and an auditor known.
    fn staff(&mut self) -> (PrincipalId, PrincipalId) {
        self.in_service();
        let role = WardRole::Administrator.number();
        let first = self.people.enrol_first(&mut self.device, role).unwrap();
        let admin = self.finish(first).unwrap();
        let key = Token::enroll(&token().public().to_bytes(), |_| false).unwrap();
        let both = Credentials { token: Some(Secret::new(key.encode())), ..self.knowledge(admin) };
        let equipped = self.people.equip_first(&mut self.device, admin, &both).unwrap();
        self.finish(equipped);
        let session = self.login(admin, SECRET).unwrap();
        self.step_up(admin, session);
        let mut enrol = |role: WardRole| {
            let change = PersonChange::Enrol { role: role.number(), flags: Flags::NONE };
            let pending = self.manage(session, change, &Credentials::default());
            let person = self.finish(pending).unwrap();
            let kept = self.knowledge(person);
            let change = PersonChange::Update { person, flags: Flags::NONE };
            let pending = self.manage(session, change, &kept);
            self.finish(pending);
            let own = self.login(person, SECRET).unwrap();
            let secret = Knowledge::parse(kept.knowledge.unwrap().expose()).unwrap();
            let pending = self.people.change_own(&mut self.device, own, &secret).unwrap();
            self.finish(pending);
            person
        };
        (enrol(WardRole::Nurse), enrol(WardRole::Auditor))
    }

    fn step_up(&mut self, who: PrincipalId, session: SessionId) {
        let now = self.device.now();
        let login = Login { who, place: Place::Local, session: Some(session), now };
        let asked = (Intent::StepUp, 0);
        let nonce = self.people.ask_token(&mut self.device, &login, asked).unwrap();
        let request = Request {
            device: self.id(),
            binding: [0; 32],
            principal: *who.bytes(),
            intent: Intent::StepUp,
            permissions: 0,
        };
        let answer = token().sign(Context::AuthToken, &[&request.message(&nonce)]).unwrap();
        self.people.token(&mut self.device, &login, &answer).unwrap();
    }

    fn manage(&mut self, session: SessionId, change: PersonChange, kept: &Credentials) -> Pending {
        let situation = self.people.situation(&mut self.device);
        let asked = (session, &situation);
        self.people.manage::<Manage, _>(&mut self.device, asked, (change, kept)).unwrap()
    }

    fn fill(&mut self) {
        for number in 0..5_000 {
            match self.device.log(&event(number)) {
                Ok(_) => {}
                Err(RecordError::NotReady) => maintain(&mut self.device).unwrap(),
                Err(error) => return assert_eq!(error, RecordError::Full),
            }
        }
        panic!("the log is never full");
    }
}

/// Goal: with a log that is full nobody has a session but who may empty it.
#[test]
fn a_full_log_lets_in_who_reads_evidence_and_nobody_else() {
    let mut part = part(true);
    let mut hospital = open(&mut part);
    let (nurse, auditor) = hospital.staff();
    hospital.fill();
    let refused = hospital.login(nurse, SECRET);
    assert_eq!(refused, Err(LoginError::Refused(LoginRefused::Fault)));
    let session = hospital.login(auditor, SECRET).unwrap();
    let ids: Vec<_> = hospital.people.sessions().list().map(|(id, ..)| id).collect();
    assert!(ids.contains(&session));
    assert!(hospital.people.sessions().list().all(|(_, person, _)| person.id != nurse));
}

/// Goal: whatever was called before, a full log can be taken away by who may. Method: emergencies, called again and again, take from the reserve
/// once; the auditor comes in and is granted the export, which the log has room to record.
#[test]
fn a_full_log_can_be_exported_however_often_an_emergency_was_called() {
    let mut part = part(true);
    {
        let mut hospital = open(&mut part);
        let (nurse, auditor) = hospital.staff();
        let treating = hospital.login(nurse, SECRET).unwrap();
        hospital.fill();
        for _ in 0..40 {
            let presence = Presence::ask(&mut Key, hospital.device.now()).unwrap();
            let (people, device) = (&mut hospital.people, &mut hospital.device);
            people.call_emergency(device, presence, EmergencyReason::Patient).unwrap();
        }
        assert!(hospital.people.needs_review());
        let session = hospital.login(auditor, SECRET).unwrap();
        let situation = hospital.people.situation(&mut hospital.device);
        let (people, device) = (&mut hospital.people, &mut hospital.device);
        let rate = people.grant::<Rate, _>(device, treating, &situation, 1);
        assert!(rate.is_err(), "the reserve is for evidence");
        let grant = people.grant::<Export, _>(device, session, &situation, 4).unwrap();
        assert_eq!(grant.exercise(device.now()), Ok(4));
    }
    assert_eq!(times(&part, EMERGENCY_OPENED), 1, "the others took from the reserve");
}

/// Goal: what was typed as a name is in no record, whatever became of the login.
#[test]
fn a_name_that_nobody_has_is_not_recorded() {
    let mut part = part(true);
    let typed = *b"pa55word";
    {
        let mut hospital = open(&mut part);
        let (nurse, _) = hospital.staff();
        // Refused as unknown at first, then told to wait.
        for _ in 0..7 {
            hospital.login(PrincipalId::new(typed), b"a wrong guess").unwrap_err();
        }
        hospital.login(nurse, b"a wrong guess").unwrap_err();
        hospital.login(nurse, SECRET).unwrap();
    }
    let (all, _) = records(&part, &authority());
    assert!(times(&part, LOGIN_FAILED) >= 3 && times(&part, SESSION_OPENED) >= 3);
    let holds = |fields: &[u8]| fields.windows(8).any(|eight| eight == typed);
    assert!(all.iter().all(|record| !holds(&record.fields)), "a secret typed as a name");
}

#[test]
fn what_is_denied_and_what_is_locked_is_recorded() {
    let mut part = part(true);
    {
        let mut hospital = open(&mut part);
        let (_, auditor) = hospital.staff();
        let session = hospital.login(auditor, SECRET).unwrap();
        let situation = hospital.people.situation(&mut hospital.device);
        let granted =
            hospital.people.grant::<Rate, _>(&mut hospital.device, session, &situation, 1);
        assert!(granted.is_err());
        hospital.people.lock(&mut hospital.device, session).unwrap();
    }
    assert_eq!((times(&part, ACCESS_DENIED), times(&part, SESSION_LOCKED)), (1, 1));
}

/// Goal: where nothing can be mounted and the log is full, whoever is at the device treats the patient, and the device says so.
#[test]
fn an_emergency_needs_neither_stores_nor_a_log() {
    let mut part = part(false);
    {
        let mut hospital = open(&mut part);
        assert!(hospital.people.unmounted().is_some());
        let nobody = hospital.login(PrincipalId::new([1; 8]), SECRET);
        assert_eq!(nobody, Err(LoginError::Refused(LoginRefused::Fault)));
        hospital.fill();
        while hospital.device.log_reserved(&event(0)).is_ok() {}
        let presence = Presence::ask(&mut Key, hospital.device.now()).unwrap();
        let (people, device) = (&mut hospital.people, &mut hospital.device);
        people.call_emergency(device, presence, EmergencyReason::Patient).unwrap();
        let grant = people.grant_in_emergency::<Rate, _>(device, 5).unwrap();
        assert_eq!(grant.exercise(device.now()), Ok(5));
        assert!(people.needs_review());
    }
    assert_eq!(times(&part, EMERGENCY_OPENED), 0, "it went on without a record");
}
