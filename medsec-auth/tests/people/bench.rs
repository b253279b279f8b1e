//! A device with people on it.

use medsec_auth::authenticator::{Authenticator, Login, LoginError, Place, Reviewed, Situation};
use medsec_auth::credential::{Claim, Credentials, Flags, Store};
use medsec_auth::emergency::EmergencyError;
use medsec_auth::event::EmergencyReason;
use medsec_auth::factor::otp::{Code, Digits, Hash, Moving, Otp, Settings};
use medsec_auth::factor::password::{Block, Knowledge, Passwords, Rules, Stretch, Words};
use medsec_auth::factor::token::{Intent, Request, Token};
use medsec_auth::hal::{HeldPepper, Presence, ReadLocked};
use medsec_auth::lockout::{AtCut, Attempts, Config, Policy};
use medsec_auth::people::{Pending, PeopleError, PersonChange};
use medsec_auth::session::SessionId;
use medsec_core::access::{Authority, Permission};
use medsec_core::event::{Count, Event, PrincipalId, RecordError, Recorder};
use medsec_core::flash::Region;
use medsec_core::flash::cell::Progress;
use medsec_core::key::{Context, DeviceKey};
use medsec_core::lifecycle::{BLANK_WORD, Change};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks, TimeSource, WallTime};
use medsec_core::{Secret, events, policy};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

policy! {
    /// Who may do what on a ward.
    pub policy Ward;

    /// The roles.
    pub roles WardRole {
        /// Cares.
        Nurse = 0 may [Rate],
        /// Decides.
        Clinician = 1 includes [Nurse] may [Limits],
        /// Manages people.
        Administrator = 2 may [People] assigns [Nurse, Clinician, Administrator, Auditor],
        /// Reviews.
        Auditor = 3 may [Review],
        /// Manages nurses only.
        Matron = 4 may [People] assigns [Nurse],
    }

    permissions {
        /// The rate.
        Rate = 0 [Clinical, OneFactor, Local, Remote] emergency,
        /// Its limits.
        Limits = 1 [Clinical, TwoFactors, Local, Remote],
        /// People.
        People = 2 [Administration, TwoFactors, Local, Remote] people,
        /// Emergencies.
        Review = 3 [Evidence, OneFactor, Local],
    }

    apart { Rate and Review }
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
            /// With what.
            public with: Count,
        },
    }
}

macro_rules! records {
    ($($permission:ident)*) => { $(
        impl Permission for $permission {
            type Args = u32;

            fn event(with: &u32, by: PrincipalId) -> impl Event {
                Done::It { by, with: Count::new(*with) }
            }
        }
    )* };
}
records! { Rate Limits }

impl Permission for People {
    type Args = PersonChange;

    fn event(change: &PersonChange, by: PrincipalId) -> impl Event {
        change.event(by)
    }
}

impl Permission for Review {
    type Args = Reviewed;

    fn event(_: &Reviewed, by: PrincipalId) -> impl Event {
        medsec_auth::event::AuthEvent::EmergencyReviewed { by }
    }
}

/// Keeps the ids of what is recorded; fails on demand.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) ids: Vec<u16>,
    pub(crate) is_dead: bool,
}

impl Recorder for Book {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        if self.is_dead {
            return Err(RecordError::Fault);
        }
        self.ids.push(event.id());
        Ok(())
    }
}

pub(crate) type Part = FaultFlash<4, 4, 4096>;
type Auth = Authenticator<Aes256Gcm>;

const ATTEMPTS: Config =
    Config { region: Region::new(0, 4 * 4096), policy: Policy::DEFAULT, at_cut: AtCut::KeepsPage };
const PEOPLE: Region = Region::new(4 * 4096, 4 * 4096);
pub(crate) const DEVICE: [u8; 16] = [0xD1; 16];
pub(crate) const ADMIN_SECRET: &[u8] = b"a long sentence of an administrator";
pub(crate) const NURSE_SECRET: &[u8] = b"tulips on wednesday";
/// What the administrator sets for somebody who changes it then.
pub(crate) const FIRST_SECRET: &[u8] = b"as on the yellow paper";

fn root() -> Secret<32> {
    Secret::new([3; 32])
}

fn pepper() -> HeldPepper<ReadLocked> {
    HeldPepper::from_read_locked(Secret::new([5; 32]))
}

/// A token's key.
pub(crate) fn token_key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([seed; 32]))
}

pub(crate) struct Device {
    pub(crate) part: Part,
    pub(crate) auth: Auth,
    pub(crate) random: Random<Noise>,
    pub(crate) book: Book,
    pub(crate) now: u64,
    memory: Vec<Block>,
}

/// An administrator with a secret and a token, and a nurse with a secret and a generator.
pub(crate) struct Staff {
    pub(crate) admin: PrincipalId,
    pub(crate) nurse: PrincipalId,
}

impl Device {
    pub(crate) fn new() -> Self {
        let mut part = Part::new(8, Model::None, 1);
        let mut random = Random::new(<Noise>::good(1));
        random.start(Secret::new([9; 32]), &DEVICE).unwrap();
        let state = BLANK_WORD.to_le_bytes();
        let attempts = Attempts::format(&mut part, &ATTEMPTS, &root(), state).unwrap();
        let claim =
            Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([0; 32]) };
        let people = Store::format(&mut part, PEOPLE, &root(), &claim).unwrap();
        let authority = Authority::take(&mut random).unwrap();
        let mut device = Self {
            part,
            auth: Auth::new(authority, Some(attempts), Some(people), DEVICE),
            random,
            book: Book::default(),
            now: 1_000,
            memory: vec![Block::new(); 32],
        };
        for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
            device.live(change);
        }
        device
    }

    /// As after a power cut: a new boot over the same part.
    pub(crate) fn restart(mut self) -> Self {
        self.part.power_off();
        self.part.power_on();
        let mut random = Random::new(<Noise>::good(2));
        random.start(Secret::new([8; 32]), &DEVICE).unwrap();
        let attempts = Attempts::mount(&mut self.part, &ATTEMPTS, &root()).unwrap();
        let people = Store::mount(&mut self.part, PEOPLE, &root()).unwrap();
        let authority = Authority::take(&mut random).unwrap();
        let auth = Auth::new(authority, Some(attempts), Some(people), DEVICE);
        let mut device = Self { auth, random, now: 0, ..self };
        if let Some(pending) = device.auth.settle() {
            device.finish(pending).unwrap();
        }
        device
    }

    pub(crate) fn at(&self) -> Ticks {
        Ticks::from_millis(self.now)
    }

    pub(crate) fn situation(&self) -> Situation {
        Situation { presence: None, approver: None, now: self.at() }
    }

    pub(crate) fn login(&self, who: PrincipalId, session: Option<SessionId>) -> Login<'static> {
        Login { who, place: Place::Local, session, now: self.at() }
    }

    /// Steps a change to its end.
    pub(crate) fn finish(
        &mut self,
        mut pending: Pending,
    ) -> Result<Option<PrincipalId>, PeopleError> {
        for _ in 0..400 {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            match self.auth.step_change(&mut self.part, &pause, &mut pending) {
                Ok(Progress::Done) => return Ok(pending.person()),
                Ok(_) => {}
                Err(medsec_auth::credential::ChangeError::Refused(why)) => {
                    return Err(PeopleError::Store(why));
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("never done");
    }

    /// Does what the flash asks for, then again what `act` does.
    fn ready<T>(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<T, LoginError>,
    ) -> Result<T, LoginError> {
        for _ in 0..50 {
            match act(self) {
                Err(LoginError::NotReady) => {
                    let mut lender = ();
                    let pause = Pause::lend(&mut lender, 1);
                    let _ = self.auth.step(&mut self.part, &pause).unwrap();
                }
                other => return other,
            }
        }
        Err(LoginError::NotReady)
    }

    pub(crate) fn password(
        &mut self,
        login: &Login<'_>,
        secret: &[u8],
    ) -> Result<SessionId, LoginError> {
        self.ready(|device| {
            let pepper = (pepper(), &mut device.memory[..]);
            device.auth.password(&mut device.part, pepper, login, secret)
        })
    }

    pub(crate) fn code(&mut self, login: &Login<'_>, code: &[u8]) -> Result<SessionId, LoginError> {
        let time =
            WallTime { unix_seconds: 0, source: TimeSource::Unknown, uncertainty_seconds: 0 };
        let code = Code::parse(code).unwrap();
        self.ready(|device| device.auth.code(&mut device.part, login, &code, time))
    }

    /// Asks the token with this seed, which answers for `who` at `binding`.
    pub(crate) fn token(&mut self, login: &Login<'_>, seed: u8) -> Result<SessionId, LoginError> {
        let binding = match login.place {
            Place::Remote(peer) => *peer.handshake_hash(),
            Place::Local | _ => [0; 32],
        };
        let intent = if login.session.is_some() { Intent::StepUp } else { Intent::LogIn };
        let nonce = self.auth.ask_token(&mut self.random, login, (intent, 0)).unwrap();
        let request = Request {
            device: DEVICE,
            binding,
            principal: *login.who.bytes(),
            intent,
            permissions: 0,
        };
        let message = request.message(&nonce);
        let answer = token_key(seed).sign(Context::AuthToken, &[&message]).unwrap();
        self.ready(|device| device.auth.token(&mut device.part, login, &answer))
    }

    /// What is kept of a secret of `who`.
    pub(crate) fn knowledge(&mut self, who: PrincipalId, secret: &[u8]) -> Credentials {
        let mut passwords = Passwords {
            device: DEVICE,
            stretch: Stretch::DEFAULT,
            pepper: pepper(),
            memory: &mut self.memory,
        };
        let rules = Rules::only_factor();
        let knowledge =
            passwords.enroll(secret, who.bytes(), &rules, &Words(&[]), &mut self.random).unwrap();
        Credentials { knowledge: Some(knowledge.encode()), ..Credentials::default() }
    }

    /// Enrols the first administrator, who enrols a nurse.
    pub(crate) fn staffed() -> (Self, Staff) {
        let mut device = Self::new();
        let role = WardRole::Administrator.number();
        let first =
            device.auth.enrol_first::<Ward, _>(&mut device.part, role, ([1; 4], 1)).unwrap();
        let admin = device.finish(first).unwrap().unwrap();
        let token = Token::enroll(&token_key(1).public().to_bytes(), |_| false).unwrap();
        let credentials = Credentials {
            token: Some(Secret::new(token.encode())),
            ..device.knowledge(admin, ADMIN_SECRET)
        };
        let equipped = device.auth.equip_first(&mut device.part, admin, &credentials).unwrap();
        device.finish(equipped).unwrap();
        let nurse = device.enrol(admin, WardRole::Nurse).unwrap();
        (device, Staff { admin, nurse })
    }

    /// A session of the administrator with two factors.
    pub(crate) fn admin_session(&mut self, admin: PrincipalId) -> SessionId {
        let session = self.password(&self.login(admin, None), ADMIN_SECRET).unwrap();
        self.token(&self.login(admin, Some(session)), 1).unwrap()
    }

    /// The administrator enrols somebody with [`NURSE_SECRET`] and a generator of codes.
    pub(crate) fn enrol(
        &mut self,
        admin: PrincipalId,
        role: WardRole,
    ) -> Result<PrincipalId, PeopleError> {
        let session = self.admin_session(admin);
        let change = PersonChange::Enrol { role: role.number(), flags: Flags::NONE };
        let none = Credentials::default();
        let pending = self.manage(session, change, &none)?;
        let person = self.finish(pending)?.unwrap();
        let settings = Settings::new(Moving::Counter { ahead: 10 }, Hash::Sha1, Digits::Six);
        let otp = Otp::import(settings.unwrap(), b"12345678901234567890").unwrap();
        let credentials =
            Credentials { one_time: Some(otp.encode()), ..self.knowledge(person, FIRST_SECRET) };
        let change = PersonChange::Update { person, flags: Flags::NONE };
        let pending = self.manage(session, change, &credentials)?;
        self.finish(pending)?;
        let session = self.password(&self.login(person, None), FIRST_SECRET).unwrap();
        let pending = self.change_own(session, person, NURSE_SECRET)?;
        self.finish(pending)?;
        Ok(person)
    }

    /// `who` gives himself another secret.
    pub(crate) fn change_own(
        &mut self,
        session: SessionId,
        who: PrincipalId,
        secret: &[u8],
    ) -> Result<Pending, PeopleError> {
        let kept = self.knowledge(who, secret).knowledge.unwrap();
        let own = Knowledge::parse(kept.expose()).unwrap();
        let now = self.at();
        let person = self.auth.own(&mut self.part, session, now)?;
        self.auth.change_own(person, &own, &mut self.book)
    }

    pub(crate) fn manage(
        &mut self,
        session: SessionId,
        change: PersonChange,
        credentials: &Credentials,
    ) -> Result<Pending, PeopleError> {
        let situation = self.situation();
        let target = self.auth.target(&mut self.part, change);
        let asked = (session, &situation);
        self.auth.manage::<People, _>(target, asked, credentials, ([7; 4], 1), &mut self.book)
    }

    /// Whether `session` gets a grant for `P` now.
    pub(crate) fn may<P: Permission<Args = u32>>(
        &mut self,
        session: SessionId,
    ) -> Result<u32, medsec_auth::authenticator::Refused> {
        let situation = self.situation();
        let granted = self.auth.grant::<P, _>(session, &situation, 1, &mut self.book)?;
        Ok(granted.exercise(situation.now).unwrap())
    }

    /// As after a boot at which nothing could be mounted.
    pub(crate) fn lose_stores(&mut self) {
        self.random = Random::new(<Noise>::good(3));
        self.random.start(Secret::new([7; 32]), &DEVICE).unwrap();
        let authority = Authority::take(&mut self.random).unwrap();
        self.auth = Auth::new(authority, None, None, DEVICE);
    }

    /// Somebody at the device calls an emergency.
    pub(crate) fn call_emergency(&mut self, presence: Presence) -> Result<(), EmergencyError> {
        let (reason, now) = (EmergencyReason::Patient, self.at());
        self.auth.call_emergency(presence, reason, &mut self.book, now)
    }

    /// What has ended and was not told yet.
    pub(crate) fn ended(&mut self) -> Option<medsec_auth::session::Ended> {
        let now = self.at();
        let ended = self.auth.sessions().poll(now)?;
        self.auth.sessions().told(&ended);
        Some(ended)
    }

    /// The life of the device goes on by `change`.
    pub(crate) fn live(&mut self, change: Change) {
        let transition = self.auth.lifecycle().change(change, PrincipalId::DEVICE).unwrap();
        let recorded = if change.has_log() {
            transition.record(&mut self.book).unwrap()
        } else {
            transition.unlogged().unwrap()
        };
        self.auth.begin_lifecycle(&recorded).unwrap();
        for _ in 0..50 {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            if self.auth.step(&mut self.part, &pause).unwrap() == Progress::Done {
                let _ = recorded.confirm(self.auth.stored_lifecycle()).unwrap();
                return;
            }
        }
        panic!("never done");
    }
}
