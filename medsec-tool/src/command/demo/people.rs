//! Who may: people of the pump log in, act and are refused.

use infusion_pump::application::Pump;
use infusion_pump::people::{ChangeRate, ManagePeople, PumpPolicy, PumpRole};
use infusion_pump::therapy::{Rate, Therapy};
use medsec::auth::authenticator::{Login, LoginError, Place};
use medsec::auth::credential::{Claim, Credentials, Flags};
use medsec::auth::event::EmergencyReason;
use medsec::auth::factor::password::{Block, Knowledge, Passwords, Rules, Stretch, Words};
use medsec::auth::factor::token::{Intent, Request, Token};
use medsec::auth::hal::{HeldPepper, Panel, Presence, ReadLocked};
use medsec::auth::lockout::{AtCut, Config, Policy};
use medsec::auth::people::{Pending, PersonChange};
use medsec::auth::session::SessionId;
use medsec::core::event::PrincipalId;
use medsec::core::flash::Region;
use medsec::core::flash::cell::Progress;
use medsec::core::key::{Context, DeviceKey};
use medsec::core::lifecycle::Change;
use medsec::core::rng::Random;
use medsec::{Device, Pause, People, ResetCause, Secret, Staff};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{MODEL, PAGE_BYTES, PAGES, SimBoard, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;

use super::{Script, Stop, claim};

const SEED: u64 = 21;
/// What the nurse knows.
const NURSE_SECRET: &[u8] = b"tulips on wednesday morning";
/// What the administrator sets for her.
const FIRST_SECRET: &[u8] = b"as on the yellow paper";
/// What the administrator knows.
const ADMIN_SECRET: &[u8] = b"a cellar full of old radios";
const TURNS_MAX: u32 = 2_000;

/// The people of the demo's pump, behind its log.
enum PumpStaff {}

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

type Board<'a> = SimBoard<'a>;
type Staffed<'a> = People<Board<'a>, PumpStaff>;

/// A key of the front panel that somebody presses.
struct EmergencyKey;

impl Panel for EmergencyKey {
    fn take_press(&mut self) -> bool {
        true
    }
}

/// A pump with people, for one boot.
struct Ward<'a> {
    pump: Pump<'a, Board<'a>>,
    people: Staffed<'a>,
    memory: Vec<Block>,
}

fn pepper() -> HeldPepper<ReadLocked> {
    HeldPepper::from_read_locked(Secret::new([0x5E; 32]))
}

/// The administrator's token. Its key never leaves it; here it is a number.
fn token() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([0x70; 32]))
}

pub(super) fn play(script: &mut Script) -> Result<(), Stop> {
    let owner = SimOwner::new(SEED);
    let mut flash =
        owner.manufacture_with(PAGES + 8, Model::BytePrefix, SEED).map_err(failed("production"))?;
    let no_claim =
        Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([0; 32]) };
    Staffed::format(&mut &mut flash, &owner.identity(), &no_claim).map_err(failed("production"))?;
    let (therapy, clock) = (Therapy::new(), SimClock::new());
    let nurse = {
        let mut ward = boot(&mut flash, &owner, &therapy, &clock)?;
        let nurse = staff(&mut ward, script)?;
        treat(&mut ward, &therapy, nurse, script)?;
        guess(&mut ward, nurse, script)?;
        nurse
    };
    flash.power_off();
    flash.power_on();
    let clock = SimClock::new();
    let mut ward = boot(&mut flash, &owner, &therapy, &clock)?;
    outlive(&mut ward, &clock, nurse, script)?;
    emergency(&mut ward, &therapy, &clock, script)
}

fn boot<'a>(
    flash: &'a mut SimFlash,
    owner: &SimOwner,
    therapy: &'a Therapy,
    clock: &SimClock,
) -> Result<Ward<'a>, Stop> {
    let noise = Noise::good(SEED);
    let board = SimBoard { flash, noise, clock: clock.clone() };
    let identity = owner.identity();
    let mut device =
        Device::boot(board, &identity, ResetCause::PowerOn).map_err(failed("the boot"))?;
    let people = People::boot(&mut device, &identity, pepper()).map_err(failed("the people"))?;
    let memory = vec![Block::new(); 32];
    let mut ward = Ward { pump: Pump::new(device, therapy), people, memory };
    ward.rest()?;
    if let Some(pending) = ward.people.settle() {
        ward.finish(pending)?;
    }
    Ok(ward)
}

/// The life of the pump goes on to service, with an administrator and a nurse.
fn staff(ward: &mut Ward<'_>, script: &mut Script) -> Result<PrincipalId, Stop> {
    for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
        ward.live(change)?;
    }
    let first = ward
        .people
        .enrol_first(ward.pump.device(), PumpRole::Administrator.number())
        .map_err(failed("the first person"))?;
    let admin = ward.finish(first)?.ok_or_else(unnamed)?;
    let key = token().public().to_bytes();
    let token = Token::enroll(&key, |_| false).map_err(failed("the token"))?;
    let credentials = Credentials {
        token: Some(Secret::new(token.encode())),
        ..ward.knowledge(admin, ADMIN_SECRET)?
    };
    let equipped = ward
        .people
        .equip_first(ward.pump.device(), admin, &credentials)
        .map_err(failed("the first person"))?;
    ward.finish(equipped)?;
    script.step("a pump with people: its first is an administrator, with a secret and a token");
    let one = ward.password(admin, None, ADMIN_SECRET).map_err(failed("the login"))?;
    let enrol = PersonChange::Enrol { role: PumpRole::Nurse.number(), flags: Flags::NONE };
    let refused = ward.manage(one, enrol, &Credentials::default());
    claim(refused.is_err(), "with one factor nobody manages people")?;
    let session = ward.token(admin, one)?;
    let pending = ward.manage(session, enrol, &Credentials::default())?;
    let nurse = ward.finish(pending)?.ok_or_else(unnamed)?;
    let knows = ward.knowledge(nurse, FIRST_SECRET)?;
    let change = PersonChange::Update { person: nurse, flags: Flags::NONE };
    let pending = ward.manage(session, change, &knows)?;
    ward.finish(pending)?;
    script.step("with one factor he may not, with two he makes a nurse known, whose secret only a verifier is kept of");
    let session = ward.password(nurse, None, FIRST_SECRET).map_err(failed("the login"))?;
    claim(
        ward.set_rate(Some(session), 25_000).is_err(),
        "a secret that another set is changed first",
    )?;
    let kept = ward.knowledge(nurse, NURSE_SECRET)?.knowledge.ok_or_else(unnamed)?;
    let own = Knowledge::parse(kept.expose()).map_err(failed("the secret"))?;
    let pending =
        ward.people.change_own(ward.pump.device(), session, &own).map_err(failed("the secret"))?;
    ward.finish(pending)?;
    script.step("the secret that he has set opens nothing but its change, which she makes");
    Ok(nurse)
}

/// The nurse changes the rate, and nothing else.
fn treat(
    ward: &mut Ward<'_>,
    therapy: &Therapy,
    nurse: PrincipalId,
    script: &mut Script,
) -> Result<(), Stop> {
    let session = ward.password(nurse, None, NURSE_SECRET).map_err(failed("the login"))?;
    ward.set_rate(Some(session), 25_000)?;
    claim(therapy.ul_per_hour() == 25_000, "the granted rate is delivered")?;
    script
        .step("the nurse logs in; 25.0 ml/h are granted to her, recorded, and set from the grant");
    let remove = PersonChange::Remove { person: nurse };
    let refused = ward.manage(session, remove, &Credentials::default());
    claim(refused.is_err(), "a nurse manages nobody")?;
    ward.pump.device().now();
    script.step("she is refused what her role does not hold, and that is recorded");
    Ok(())
}

/// Somebody guesses.
fn guess(ward: &mut Ward<'_>, nurse: PrincipalId, script: &mut Script) -> Result<(), Stop> {
    for guess in ["tulips", "tulips on", "wednesday", "tulips on monday", "tulips in may"] {
        let refused = ward.password(nurse, None, guess.as_bytes());
        claim(matches!(refused, Err(LoginError::Refused(_))), "a wrong secret is refused")?;
    }
    let waits = ward.password(nurse, None, NURSE_SECRET);
    claim(matches!(waits, Err(LoginError::Wait { .. })), "who guessed has to wait")?;
    script.step("somebody guesses five times, each recorded before it was judged, and has to wait");
    Ok(())
}

/// The wait is not over because the plug was pulled.
fn outlive(
    ward: &mut Ward<'_>,
    clock: &SimClock,
    nurse: PrincipalId,
    script: &mut Script,
) -> Result<(), Stop> {
    let waits = ward.password(nurse, None, NURSE_SECRET);
    claim(matches!(waits, Err(LoginError::Wait { .. })), "pulling the plug forgets no failure")?;
    clock.advance(5_000);
    ward.password(nurse, None, NURSE_SECRET).map_err(failed("the login"))?;
    script.step("the plug is pulled: the wait begins anew, and then the right secret is taken");
    Ok(())
}

/// Nobody who may is there.
fn emergency(
    ward: &mut Ward<'_>,
    therapy: &Therapy,
    clock: &SimClock,
    script: &mut Script,
) -> Result<(), Stop> {
    claim(ward.set_rate(None, 40_000).is_err(), "without an emergency nothing is granted")?;
    let presence = Presence::ask(&mut EmergencyKey, ward.pump.device().now())
        .ok_or_else(|| Stop::Failed("nobody pressed".to_owned()))?;
    ward.people
        .call_emergency(ward.pump.device(), presence, EmergencyReason::Absent)
        .map_err(failed("the emergency"))?;
    ward.set_rate(None, 40_000)?;
    claim(therapy.ul_per_hour() == 40_000, "in an emergency the rate can be set")?;
    clock.advance(15 * 60_000);
    claim(ward.set_rate(None, 50_000).is_err(), "an emergency ends")?;
    claim(ward.people.needs_review(), "an emergency is to be reviewed")?;
    ward.rest()?;
    script.step("in an emergency whoever is there sets 40.0 ml/h without a credential; it ends after 15 minutes and is to be reviewed");
    Ok(())
}

impl Ward<'_> {
    /// Does what is due until nothing is.
    fn rest(&mut self) -> Result<(), Stop> {
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 100);
        for _ in 0..TURNS_MAX {
            let log = self.pump.idle(&pause).map_err(failed("maintenance"))?;
            let people =
                self.people.maintain(self.pump.device(), &pause).map_err(failed("maintenance"))?;
            if log == medsec_audit::log::Progress::Idle && people == Progress::Done {
                return Ok(());
            }
        }
        Err(Stop::Failed("maintenance does not end".to_owned()))
    }

    fn finish(&mut self, mut pending: Pending) -> Result<Option<PrincipalId>, Stop> {
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 100);
        for _ in 0..TURNS_MAX {
            let progress = self
                .people
                .step_change(self.pump.device(), &pause, &mut pending)
                .map_err(failed("the change"))?;
            if progress == Progress::Done {
                self.rest()?;
                return Ok(pending.person());
            }
        }
        Err(Stop::Failed("a change does not end".to_owned()))
    }

    fn live(&mut self, change: Change) -> Result<(), Stop> {
        let transition = self
            .people
            .lifecycle()
            .change(change, PrincipalId::DEVICE)
            .map_err(failed("the lifecycle"))?;
        let recorded = if change.has_log() {
            transition.record(self.pump.device()).map_err(failed("the record"))?
        } else {
            transition.unlogged().ok_or_else(unnamed)?
        };
        self.people.begin_lifecycle(&recorded).map_err(failed("the lifecycle"))?;
        self.rest()?;
        let stored = self.people.stored_lifecycle();
        recorded.confirm(stored).map_err(failed("the lifecycle")).map(|_| ())
    }

    /// What is kept of a secret.
    fn knowledge(&mut self, who: PrincipalId, secret: &[u8]) -> Result<Credentials, Stop> {
        let mut passwords = Passwords {
            device: self.id(),
            stretch: Stretch::DEFAULT,
            pepper: pepper(),
            memory: &mut self.memory,
        };
        let mut random = Random::new(<Noise>::good(SEED));
        random.start(Secret::new([1; 32]), who.bytes()).map_err(failed("the noise"))?;
        let (rules, list) = (Rules::only_factor(), Words(&[]));
        let knowledge = passwords
            .enroll(secret, who.bytes(), &rules, &list, &mut random)
            .map_err(failed("the secret"))?;
        Ok(Credentials { knowledge: Some(knowledge.encode()), ..Credentials::default() })
    }

    fn id(&mut self) -> [u8; 16] {
        medsec::device::device_id(MODEL, &self.pump.device().public_key())
    }

    fn login(&mut self, who: PrincipalId, session: Option<SessionId>) -> Login<'static> {
        Login { who, place: Place::Local, session, now: self.pump.device().now() }
    }

    fn password(
        &mut self,
        who: PrincipalId,
        session: Option<SessionId>,
        secret: &[u8],
    ) -> Result<SessionId, LoginError> {
        let login = self.login(who, session);
        let (people, memory) = (&mut self.people, &mut self.memory);
        let first = people.password(self.pump.device(), &login, secret, memory);
        if first != Err(LoginError::NotReady) {
            return first;
        }
        // A page for attempts has to be erased first.
        self.rest().map_err(|_| LoginError::NotReady)?;
        self.people.password(self.pump.device(), &login, secret, &mut self.memory)
    }

    /// Adds the answer of the administrator's token to his session.
    fn token(&mut self, who: PrincipalId, session: SessionId) -> Result<SessionId, Stop> {
        let login = self.login(who, Some(session));
        let nonce = self
            .people
            .ask_token(self.pump.device(), &login, (Intent::StepUp, 0))
            .map_err(failed("the token"))?;
        let request = Request {
            device: self.id(),
            binding: [0; 32],
            principal: *who.bytes(),
            intent: Intent::StepUp,
            permissions: 0,
        };
        let message = request.message(&nonce);
        let answer = token().sign(Context::AuthToken, &[&message]).map_err(failed("the token"))?;
        self.people.token(self.pump.device(), &login, &answer).map_err(failed("the token"))
    }

    fn manage(
        &mut self,
        session: SessionId,
        change: PersonChange,
        credentials: &Credentials,
    ) -> Result<Pending, Stop> {
        let situation = self.people.situation(self.pump.device());
        self.people
            .manage::<ManagePeople, _>(
                self.pump.device(),
                (session, &situation),
                (change, credentials),
            )
            .map_err(failed("managing people"))
    }

    /// Sets the rate by a grant: of a session, or of an emergency.
    fn set_rate(&mut self, session: Option<SessionId>, ul_per_hour: u32) -> Result<(), Stop> {
        let rate = Rate::from_ul_per_hour(ul_per_hour).map_err(failed("the rate"))?;
        let change = self.pump.rate_change(rate);
        let device = self.pump.device();
        let grant = match session {
            Some(session) => {
                let situation = self.people.situation(device);
                self.people.grant::<ChangeRate, _>(device, session, &situation, change)
            }
            None => self.people.grant_in_emergency::<ChangeRate, _>(device, change),
        };
        let grant = grant.map_err(failed("the grant"))?;
        self.pump.change_rate(grant).map_err(failed("the grant"))
    }
}

fn unnamed() -> Stop {
    Stop::Failed("a change is not what it was".to_owned())
}

fn failed<E: core::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Stop {
    move |error| Stop::Failed(format!("{what}: {error}"))
}
