//! The people of the pump at the bed: who may what, and what each of them knows and has.

use infusion_pump::events::PatientNumber;
use infusion_pump::people::{
    AssignPatient, ChangeRate, ManagePeople, PumpPolicy, PumpRole, ReviewEmergency,
};
use infusion_pump::therapy::{Rate, Therapy};
use medsec::auth::authenticator::{Login, LoginError, Place, Reviewed, Situation};
use medsec::auth::credential::{Claim, Credentials, Flags};
use medsec::auth::factor::password::{Block, Knowledge, Passwords, Rules, Stretch, Words};
use medsec::auth::factor::token::{Intent, Request, Token};
use medsec::auth::hal::{HeldPepper, ReadLocked};
use medsec::auth::lockout::{AtCut, Config, Policy};
use medsec::auth::people::{Pending, PeopleError, PersonChange};
use medsec::auth::session::SessionId;
use medsec::core::Purpose;
use medsec::core::access::Grant;
use medsec::core::event::PrincipalId;
use medsec::core::flash::Region;
use medsec::core::flash::cell::Progress;
use medsec::core::key::{Context, DeviceKey};
use medsec::core::lifecycle::Change;
use medsec::core::rng::Random;
use medsec::{Pause, People, ResetCause, Secret, Staff};
use medsec_sim::adversary::Outcome;
use medsec_sim::adversary::heart::{Heart, TimedFlash};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{MODEL, PAGE_BYTES, PAGES};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;

use crate::ward::{Board, PAUSE_MS, Stay, Ward};

/// More turns of maintenance than anything takes.
const TURNS_MAX: u32 = 4_000;

/// Where the people of this pump are kept: behind its log.
pub(crate) enum PumpStaff {}

impl Staff for PumpStaff {
    type Policy = PumpPolicy;
    type Pepper = HeldPepper<ReadLocked>;

    const ATTEMPTS: Config = Config {
        region: Region::new(PAGES * PAGE_BYTES, 4 * PAGE_BYTES),
        policy: Policy::DEFAULT,
        at_cut: AtCut::KeepsPage,
    };
    const STORE: Region = Region::new((PAGES + 4) * PAGE_BYTES, 4 * PAGE_BYTES);
}

/// The people of one boot.
pub(crate) type Staffed<'a, 'e> = People<Board<'a, 'e, false>, PumpStaff>;

/// Somebody who is known to the pump, as he knows himself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) id: PrincipalId,
    pub(crate) role: PumpRole,
}

impl Member {
    /// What he knows.
    pub(crate) fn secret(&self) -> Vec<u8> {
        format!("{:02x?} keeps it to himself", self.id.bytes()).into_bytes()
    }

    /// His token. Its key never leaves it.
    pub(crate) fn token(&self) -> DeviceKey {
        let mut seed = [0x70; 32];
        seed[..8].copy_from_slice(self.id.bytes());
        DeviceKey::from_seed(&Secret::new(seed))
    }
}

/// One of each role.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Team {
    pub(crate) admin: Member,
    pub(crate) nurse: Member,
    pub(crate) clinician: Member,
    pub(crate) auditor: Member,
    pub(crate) technician: Member,
}

impl Team {
    pub(crate) const fn all(&self) -> [Member; 5] {
        [self.admin, self.nurse, self.clinician, self.auditor, self.technician]
    }
}

/// The pump's pepper. Each pump has one of its own.
fn pepper(seed: u64) -> HeldPepper<ReadLocked> {
    let mut pepper = [0x5E; 32];
    pepper[..8].copy_from_slice(&seed.to_le_bytes());
    HeldPepper::from_read_locked(Secret::new(pepper))
}

/// A pump that knows nobody yet, with place for people.
pub(crate) fn unstaffed(seed: u64) -> Result<Ward, Outcome> {
    let mut ward = Ward::new(seed)?;
    let mut flash =
        ward.owner.manufacture_with(PAGES + 8, Model::None, seed).map_err(Outcome::inconclusive)?;
    let nobody =
        Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([0; 32]) };
    let tick = || {};
    let heart = Heart::new(SimClock::new(), 10, &tick);
    let mut part = TimedFlash::new(&mut flash, &heart);
    Staffed::format(&mut part, &ward.owner.identity(), &nobody).map_err(Outcome::inconclusive)?;
    ward.flash = flash;
    Ok(ward)
}

/// A pump in service, and one person of each role.
pub(crate) fn staffed(seed: u64) -> Result<(Ward, Team), Outcome> {
    let mut ward = unstaffed(seed)?;
    let team = at_bed(&mut ward, |bed| {
        for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
            bed.live(change)?;
        }
        bed.staff()
    })?;
    Ok((ward, team))
}

/// A power cycle with people, in which `live` happens.
pub(crate) fn at_bed<T>(
    ward: &mut Ward,
    live: impl FnOnce(&mut Bed<'_, '_, '_>) -> Result<T, Outcome>,
) -> Result<T, Outcome> {
    let (identity, pepper) = (ward.owner.identity(), ward.seed);
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let people = Staffed::boot(stay.pump.device(), &identity, self::pepper(pepper));
        let people = people.map_err(Outcome::inconclusive)?;
        let memory = vec![Block::new(); 32];
        let mut bed = Bed { stay, people, memory, seed: pepper };
        if let Some(pending) = bed.people.settle() {
            bed.finish(pending)?;
        }
        bed.rest()?;
        live(&mut bed)
    })
}

/// Whether nobody can log in at a pump, as it finds when it boots.
pub(crate) fn knows_nobody(ward: &mut Ward) -> Result<bool, Outcome> {
    let (identity, seed) = (ward.owner.identity(), ward.seed);
    let (noise, therapy) = (Noise::good(seed), Therapy::new());
    let lived = ward.boot_with::<false, _>(ResetCause::PowerOn, noise, &therapy, |stay| {
        let people = Staffed::boot(stay.pump.device(), &identity, pepper(seed));
        people.map(|people| people.unmounted().is_some()).map_err(Outcome::inconclusive)
    })?;
    lived.map_err(Outcome::inconclusive)
}

/// A pump with people in one power cycle.
pub(crate) struct Bed<'s, 'a, 'e> {
    pub(crate) stay: &'s mut Stay<'a, 'e, false>,
    pub(crate) people: Staffed<'a, 'e>,
    memory: Vec<Block>,
    seed: u64,
}

impl Bed<'_, '_, '_> {
    /// Does all maintenance that is due, of the log and of people.
    pub(crate) fn rest(&mut self) -> Result<(), Outcome> {
        for _ in 0..TURNS_MAX {
            self.stay.rest();
            let mut lender = ();
            let pause = Pause::lend(&mut lender, PAUSE_MS);
            let done = self.people.maintain(self.stay.pump.device(), &pause);
            if done.map_err(Outcome::inconclusive)? == Progress::Done {
                return Ok(());
            }
        }
        Err(Outcome::inconclusive("maintenance does not end"))
    }

    /// Does a change of people to its end.
    pub(crate) fn finish(&mut self, mut pending: Pending) -> Result<Option<PrincipalId>, Outcome> {
        for _ in 0..TURNS_MAX {
            self.stay.heart.pass(2_000);
            let mut lender = ();
            let pause = Pause::lend(&mut lender, PAUSE_MS);
            let step = self.people.step_change(self.stay.pump.device(), &pause, &mut pending);
            if step.map_err(Outcome::inconclusive)? == Progress::Done {
                self.rest()?;
                return Ok(pending.person());
            }
        }
        Err(Outcome::inconclusive("a change of people does not end"))
    }

    /// Puts the next part of the pump's life in force.
    pub(crate) fn live(&mut self, change: Change) -> Result<(), Outcome> {
        let device = self.stay.pump.device();
        let life = self.people.lifecycle().change(change, PrincipalId::DEVICE);
        let life = life.map_err(Outcome::inconclusive)?;
        let recorded = if change.has_log() {
            life.record(device).map_err(Outcome::inconclusive)?
        } else {
            life.unlogged().ok_or_else(|| Outcome::inconclusive("a change needs a record"))?
        };
        self.people.begin_lifecycle(&recorded).map_err(Outcome::inconclusive)?;
        self.rest()?;
        let stored = self.people.stored_lifecycle();
        recorded.confirm(stored).map(|_| ()).map_err(Outcome::inconclusive)
    }

    /// The device's id.
    pub(crate) fn id(&mut self) -> [u8; 16] {
        medsec::device::device_id(MODEL, &self.stay.pump.device().public_key())
    }

    /// What is kept of what a member knows, and of what he has.
    fn credentials(&mut self, member: &Member) -> Result<Credentials, Outcome> {
        let mut random = Random::new(<Noise>::good(self.seed));
        let started = random.start(Secret::new([1; 32]), member.id.bytes());
        started.map_err(Outcome::inconclusive)?;
        let (device, stretch, pepper) = (self.id(), Stretch::DEFAULT, pepper(self.seed));
        let mut passwords = Passwords { device, stretch, pepper, memory: &mut self.memory };
        let rules = Rules::only_factor();
        let (secret, who) = (member.secret(), member.id.bytes());
        let knowledge = passwords.enroll(&secret, who, &rules, &Words(&[]), &mut random);
        let knowledge = knowledge.map_err(Outcome::inconclusive)?.encode();
        let token = Token::enroll(&member.token().public().to_bytes(), |_| false);
        let token = token.map_err(Outcome::inconclusive)?.encode();
        Ok(Credentials {
            knowledge: Some(knowledge),
            one_time: None,
            token: Some(Secret::new(token)),
        })
    }

    /// Makes one person of each role known: the first by the production line, the others by him.
    fn staff(&mut self) -> Result<Team, Outcome> {
        let role = PumpRole::Administrator;
        let first = self.people.enrol_first(self.stay.pump.device(), role.number());
        let id = self.finish(first.map_err(Outcome::inconclusive)?)?;
        let admin = Member { id: id.ok_or_else(nobody)?, role };
        let credentials = self.credentials(&admin)?;
        let equipped = self.people.equip_first(self.stay.pump.device(), admin.id, &credentials);
        self.finish(equipped.map_err(Outcome::inconclusive)?)?;
        let session = self.enter(&admin, Place::Local)?;
        let mut enrol = |role| self.enrol(session, role);
        Ok(Team {
            admin,
            nurse: enrol(PumpRole::Nurse)?,
            clinician: enrol(PumpRole::Clinician)?,
            auditor: enrol(PumpRole::Auditor)?,
            technician: enrol(PumpRole::Technician)?,
        })
    }

    /// The administrator makes somebody known, who then changes the secret that was set for him.
    pub(crate) fn enrol(&mut self, admin: SessionId, role: PumpRole) -> Result<Member, Outcome> {
        let change = PersonChange::Enrol { role: role.number(), flags: Flags::NONE };
        let pending = self.manage(admin, change, &Credentials::default());
        let id = self.finish(pending.map_err(Outcome::inconclusive)?)?;
        let member = Member { id: id.ok_or_else(nobody)?, role };
        let kept = self.credentials(&member)?;
        let change = PersonChange::Update { person: member.id, flags: Flags::NONE };
        let pending = self.manage(admin, change, &kept);
        self.finish(pending.map_err(Outcome::inconclusive)?)?;
        let own = self.password(&member, Place::Local, None, &member.secret());
        let own = own.map_err(Outcome::inconclusive)?;
        let secret = kept.knowledge.ok_or_else(nobody)?;
        let secret = Knowledge::parse(secret.expose()).map_err(Outcome::inconclusive)?;
        let pending = self.people.change_own(self.stay.pump.device(), own, &secret);
        self.finish(pending.map_err(Outcome::inconclusive)?)?;
        Ok(member)
    }

    /// Changes who is known, as far as a session may.
    pub(crate) fn manage(
        &mut self,
        session: SessionId,
        change: PersonChange,
        credentials: &Credentials,
    ) -> Result<Pending, PeopleError> {
        let situation = self.situation();
        let asked = (session, &situation);
        let device = self.stay.pump.device();
        self.people.manage::<ManagePeople, _>(device, asked, (change, credentials))
    }

    fn situation(&mut self) -> Situation {
        self.people.situation(self.stay.pump.device())
    }

    /// A session with both factors of a member.
    pub(crate) fn enter(
        &mut self,
        member: &Member,
        place: Place<'_>,
    ) -> Result<SessionId, Outcome> {
        let session = self.password(member, place, None, &member.secret());
        let session = session.map_err(Outcome::inconclusive)?;
        self.token(member, place, Some(session)).map_err(Outcome::inconclusive)
    }

    /// A login with a secret.
    pub(crate) fn password(
        &mut self,
        member: &Member,
        place: Place<'_>,
        session: Option<SessionId>,
        secret: &[u8],
    ) -> Result<SessionId, LoginError> {
        for _ in 0..3 {
            let now = self.stay.pump.device().now();
            let login = Login { who: member.id, place, session, now };
            let device = self.stay.pump.device();
            match self.people.password(device, &login, secret, &mut self.memory) {
                // A page has to be erased first.
                Err(LoginError::NotReady) => {
                    drop(self.rest());
                }
                other => return other,
            }
        }
        Err(LoginError::NotReady)
    }

    /// A login with a token, or another factor in a session.
    pub(crate) fn token(
        &mut self,
        member: &Member,
        place: Place<'_>,
        session: Option<SessionId>,
    ) -> Result<SessionId, LoginError> {
        let (device, now) = (self.id(), self.stay.pump.device().now());
        let login = Login { who: member.id, place, session, now };
        let intent = if session.is_some() { Intent::StepUp } else { Intent::LogIn };
        let nonce = self.people.ask_token(self.stay.pump.device(), &login, (intent, 0));
        let nonce = nonce.map_err(|_| LoginError::NotReady)?;
        let binding = match place {
            Place::Remote(peer) => *peer.handshake_hash(),
            Place::Local | _ => [0; 32],
        };
        let principal = *member.id.bytes();
        let request = Request { device, binding, principal, intent, permissions: 0 };
        let answer = member.token().sign(Context::AuthToken, &[&request.message(&nonce)]);
        let answer = answer.map_err(|_| LoginError::NotReady)?;
        self.people.token(self.stay.pump.device(), &login, &answer)
    }

    /// That the session may set this rate, if it may.
    pub(crate) fn rate(
        &mut self,
        session: SessionId,
        ul_per_hour: u32,
    ) -> Result<Option<Grant<ChangeRate>>, Outcome> {
        let rate = Rate::from_ul_per_hour(ul_per_hour).map_err(Outcome::inconclusive)?;
        let (change, situation) = (self.stay.pump.rate_change(rate), self.situation());
        let device = self.stay.pump.device();
        Ok(self.people.grant::<ChangeRate, _>(device, session, &situation, change).ok())
    }

    /// Sets the rate as far as the session may; whether it was set.
    pub(crate) fn set_rate(
        &mut self,
        session: SessionId,
        ul_per_hour: u32,
    ) -> Result<bool, Outcome> {
        let Some(grant) = self.rate(session, ul_per_hour)? else { return Ok(false) };
        Ok(self.stay.pump.change_rate(grant).is_ok())
    }

    /// Gives the pump to a patient as far as the session may; whether it was given.
    pub(crate) fn assign(
        &mut self,
        session: SessionId,
        patient: [u8; 16],
    ) -> Result<bool, Outcome> {
        let (number, situation) = (PatientNumber::new(patient), self.situation());
        let device = self.stay.pump.device();
        let grant = self.people.grant::<AssignPatient, _>(device, session, &situation, number);
        let Ok(grant) = grant else { return Ok(false) };
        let (by, now) = (grant.by(), self.stay.pump.device().now());
        let Ok(number) = grant.exercise(now) else { return Ok(false) };
        self.stay.pump.assign(by, number).map(|_| true).map_err(Outcome::inconclusive)
    }

    /// The patient at whose bed the pump stands.
    pub(crate) fn patient(&self) -> [u8; 16] {
        let change = self.stay.pump.rate_change(Rate::MIN);
        *change.patient.expose(&Purpose::TREATMENT)
    }

    /// Says that an emergency was looked at, as far as the session may; whether it is recorded so.
    pub(crate) fn review(&mut self, session: SessionId) -> bool {
        let situation = self.situation();
        let device = self.stay.pump.device();
        self.people.grant::<ReviewEmergency, _>(device, session, &situation, Reviewed).is_ok()
    }
}

fn nobody() -> Outcome {
    Outcome::inconclusive("nobody was made known")
}
