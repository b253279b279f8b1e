//! Lives of people with generators of codes, on a part that loses power: real codes, a real authenticator, and a naive oracle.

use hmac::{Hmac, KeyInit, Mac};
use medsec_auth::authenticator::{Authenticator, Login, LoginError, Place};
use medsec_auth::credential::{Claim, Credentials, Flags, Store};
use medsec_auth::factor::otp::{Code, Digits, Hash, Moving, Otp, Settings};
use medsec_auth::factor::password::{Block, Passwords, Rules, Stretch, Words};
use medsec_auth::hal::{HeldPepper, ReadLocked};
use medsec_auth::lockout::{AtCut, Attempts, Config, Policy};
use medsec_auth::people::{Pending, PersonChange};
use medsec_auth::session::SessionId;
use medsec_core::access::{Authority, Permission};
use medsec_core::event::{Event, PrincipalId, RecordError, Recorder};
use medsec_core::flash::Region;
use medsec_core::flash::cell::Progress;
use medsec_core::lifecycle::{BLANK_WORD, Change};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks, TimeSource, WallTime};
use medsec_core::{Secret, policy};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;
use sha1::Sha1;

policy! {
    /// Who may do what.
    pub policy Ward;

    /// The roles.
    pub roles WardRole {
        /// Makes people known.
        Administrator = 0 may [People] assigns [Administrator],
    }

    permissions {
        /// People.
        People = 0 [Administration, TwoFactors, Local] people,
    }

    apart {}
}

impl Permission for People {
    type Args = PersonChange;

    fn event(change: &PersonChange, by: PrincipalId) -> impl Event {
        change.event(by)
    }
}

/// A log that takes everything.
struct Book;

impl Recorder for Book {
    fn record<E: Event>(&mut self, _: &E) -> Result<(), RecordError> {
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
/// One after the other: a counter with a short look-ahead, one with a long one, and two by time.
const PERSONS: usize = 4;
/// Lives on one set of people.
const LIVES: u64 = 256;
/// What happens in a life.
const ACTS: u32 = 7;
const PERIOD: u64 = 30;
/// More than anything takes.
const CALLS_MAX: usize = 400;

/// What lives came to.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) lives: u64,
    pub(crate) accepted: u64,
    pub(crate) replays_refused: u64,
    pub(crate) cuts: u64,
    /// Codes that were accepted though a code of that step or a later one had been.
    pub(crate) twice: u64,
}

impl Counts {
    pub(crate) const fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        self.accepted += other.accepted;
        self.replays_refused += other.replays_refused;
        self.cuts += other.cuts;
        self.twice += other.twice;
    }
}

impl core::fmt::Display for Counts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { lives, accepted, replays_refused, cuts, twice } = self;
        write!(
            f,
            "{lives} lives, {accepted} codes accepted, {replays_refused} replays refused, {cuts} cuts, {twice} accepted twice"
        )
    }
}

fn root() -> Secret<32> {
    Secret::new([3; 32])
}

fn moving(person: usize) -> Moving {
    match person {
        0 => Moving::Counter { ahead: 3 },
        1 => Moving::Counter { ahead: 10 },
        2 => Moving::Time { period_seconds: 30, window: 1 },
        _ => Moving::Time { period_seconds: 30, window: 2 },
    }
}

/// The steps that may match: behind `last`, by the clock of the device or up to what was shown. A device that lost power may have used up a
/// step that was shown, so a counter may look ahead from there.
fn window(person: usize, last: u32, shown: u32, clock: u32) -> core::ops::RangeInclusive<u32> {
    match moving(person) {
        Moving::Counter { ahead } => last + 1..=last.max(shown) + u32::from(ahead),
        Moving::Time { window, .. } => {
            let (from, to) = (clock - u32::from(window), clock + u32::from(window));
            from.max(last + 1)..=to
        }
        other => panic!("{other:?}"),
    }
}

/// RFC 4226.
fn value(key: &[u8; 20], step: u32) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    mac.update(&u64::from(step).to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[19] & 0xF);
    let four: [u8; 4] = tag[offset..offset + 4].try_into().unwrap();
    (u32::from_be_bytes(four) & 0x7FFF_FFFF) % 1_000_000
}

/// Where people live.
struct Home {
    part: Part,
    auth: Auth,
    now: u64,
    memory: Vec<Block>,
    keys: [[u8; 20]; PERSONS],
    ids: [PrincipalId; PERSONS],
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

impl Home {
    /// Enrols everybody, with keys that `prng` draws.
    fn new(prng: &mut Prng) -> Self {
        let mut part = Part::new(8, Model::None, 1);
        let claim =
            Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([0; 32]) };
        let blank = BLANK_WORD.to_le_bytes();
        drop(Attempts::format(&mut part, &ATTEMPTS, &root(), blank).unwrap());
        drop(Store::<Aes256Gcm>::format(&mut part, PEOPLE, &root(), &claim).unwrap());
        let auth = boot(&mut part);
        let mut keys = [[0; 20]; PERSONS];
        keys.iter_mut().for_each(|key| prng.fill(key));
        let memory = (0..32).map(|_| Block::new()).collect();
        let ids = [PrincipalId::DEVICE; PERSONS];
        let mut home = Self { part, auth, now: 1_000_000_000_000, memory, keys, ids };
        for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
            home.live(change);
        }
        let role = WardRole::Administrator.number();
        let first = home.auth.enrol_first::<Ward, _>(&mut home.part, role, ([9; 4], 1)).unwrap();
        home.ids[0] = home.finish(first).unwrap();
        let both = home.credentials(0);
        let id = home.ids[0];
        let equipped = home.auth.equip_first(&mut home.part, id, &both).unwrap();
        home.finish(equipped);
        for person in 1..PERSONS {
            let enrol = PersonChange::Enrol { role, flags: Flags::NONE };
            home.ids[person] = home.manage(enrol, &Credentials::default(), person);
            let update = PersonChange::Update { person: home.ids[person], flags: Flags::NONE };
            let both = home.credentials(person);
            home.manage(update, &both, person);
        }
        home
    }

    fn live(&mut self, change: Change) {
        let transition = self.auth.lifecycle().change(change, PrincipalId::DEVICE).unwrap();
        let recorded = if change.has_log() {
            transition.record(&mut Book).unwrap()
        } else {
            transition.unlogged().unwrap()
        };
        self.auth.begin_lifecycle(&recorded).unwrap();
        self.rest();
    }

    /// Does what the flash asks for, until it is done or the power fails.
    fn rest(&mut self) {
        for _ in 0..CALLS_MAX {
            match self.auth.step(&mut self.part, &Pause::lend(&mut (), 1)) {
                Ok(Progress::Done) => return,
                Ok(_) => {}
                Err(_) => {
                    assert!(self.part.is_off(), "the part failed with the power on");
                    return;
                }
            }
        }
        panic!("never done");
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

    fn credentials(&mut self, person: usize) -> Credentials {
        let settings = Settings::new(moving(person), Hash::Sha1, Digits::Six).unwrap();
        let otp = Otp::import(settings, &self.keys[person]).unwrap();
        let mut random = Random::new(<Noise>::good(1));
        random.start(Secret::new([9; 32]), &DEVICE).unwrap();
        let (memory, stretch) = (&mut self.memory[..], Stretch::DEFAULT);
        let mut passwords = Passwords { device: DEVICE, stretch, pepper: pepper(), memory };
        let (id, rules, words) = (self.ids[person], Rules::only_factor(), Words(&[]));
        let knowledge = passwords.enroll(SECRET, id.bytes(), &rules, &words, &mut random).unwrap();
        Credentials {
            knowledge: Some(knowledge.encode()),
            one_time: Some(otp.encode()),
            ..Credentials::default()
        }
    }

    fn login(&self, person: usize, session: Option<SessionId>) -> Login<'static> {
        let now = Ticks::from_millis(self.now);
        Login { who: self.ids[person], place: Place::Local, session, now }
    }

    fn manage(
        &mut self,
        change: PersonChange,
        credentials: &Credentials,
        number: usize,
    ) -> PrincipalId {
        let login = self.login(0, None);
        let session = self
            .ready(|home| {
                let pepper = (pepper(), &mut home.memory[..]);
                home.auth.password(&mut home.part, pepper, &login, SECRET)
            })
            .unwrap();
        let step = u32::try_from(2 * number).unwrap() + u32::from(credentials.one_time.is_some());
        assert_eq!(self.show(0, step, 1_000, Some(session)), Ok(session));
        let situation = medsec_auth::authenticator::Situation {
            presence: None,
            approver: None,
            now: login.now,
        };
        let target = self.auth.target(&mut self.part, change);
        let random = ([u8::try_from(number).unwrap(); 4], 1);
        let asked = (session, &situation);
        let begun = self.auth.manage::<People, _>(target, asked, credentials, random, &mut Book);
        self.finish(begun.unwrap()).unwrap()
    }

    fn ready(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<SessionId, LoginError>,
    ) -> Result<SessionId, LoginError> {
        for _ in 0..CALLS_MAX {
            match act(self) {
                Err(LoginError::NotReady) if !self.part.is_off() => self.rest(),
                other => return other,
            }
        }
        panic!("never ready");
    }

    /// Shows the code of `step` while the clock of the device says `clock`.
    fn show(
        &mut self,
        person: usize,
        step: u32,
        clock: u32,
        session: Option<SessionId>,
    ) -> Result<SessionId, LoginError> {
        let login = self.login(person, session);
        let text = format!("{:06}", value(&self.keys[person], step));
        let code = Code::parse(text.as_bytes()).unwrap();
        let time = WallTime {
            unix_seconds: u64::from(clock) * PERIOD + 7,
            source: TimeSource::Authenticated,
            uncertainty_seconds: 1,
        };
        self.ready(|home| home.auth.code(&mut home.part, &login, &code, time))
    }

    /// The power comes back, and may fail again while the device finds its way.
    fn restart(&mut self, prng: &mut Prng) -> u64 {
        for cuts in 0..4 {
            self.part.power_off();
            self.part.power_on();
            self.auth = boot(&mut self.part);
            if cuts < 3 && prng.one(1, 4) {
                self.part.cut_after(1 + prng.below_u32(8));
            }
            drop(self.auth.settle());
            self.rest();
            if !self.part.is_off() {
                self.part.cut_after(0);
                return cuts;
            }
        }
        panic!("the power fails for ever");
    }
}

/// One life of one person. The oracle knows the newest step of which a code was accepted, and nothing of the device.
struct Life {
    person: usize,
    newest: u32,
    /// Where the person's generator is; by time, the true one.
    step: u32,
    shown: Vec<u32>,
}

impl Life {
    fn act(&mut self, home: &mut Home, prng: &mut Prng, counts: &mut Counts) {
        home.now += 1_000_000;
        self.step += 1 + prng.below_u32(2);
        let is_replay = !self.shown.is_empty() && prng.one(2, 5);
        let step = if is_replay { self.shown[prng.below(self.shown.len())] } else { self.step };
        // A clock can be set back to what was seen.
        let clock = if is_replay && prng.one(1, 2) { step } else { self.step };
        self.shown.push(step);
        if prng.one(1, 3) {
            home.part.cut_after(1 + prng.below_u32(6));
        }
        let shown = home.show(self.person, step, clock, None);
        let value_of = |step| value(&home.keys[self.person], step);
        if shown.is_ok() {
            counts.accepted += 1;
            // Of several steps with this code the newest; there has to be one behind all that were accepted.
            let most = self.shown.iter().max().copied().unwrap_or(0);
            let mut steps = window(self.person, self.newest, most, clock).rev();
            match steps.find(|other| value_of(*other) == value_of(step)) {
                Some(newest) => self.newest = newest,
                None => counts.twice += 1,
            }
        } else if is_replay && !home.part.is_off() && step <= self.newest {
            counts.replays_refused += 1;
        }
        if home.part.is_off() {
            counts.cuts += 1 + home.restart(prng);
        } else {
            home.part.cut_after(0);
            if prng.one(1, 8) {
                counts.cuts += home.restart(prng);
            }
        }
    }
}

/// Whose flash it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flash {
    /// The device's.
    Own,
    /// A thief's, who puts back what it was: then codes are good again, which the oracle has to see.
    SetBack,
}

/// Lives so many lives, the first with the number `from`.
pub(crate) fn lives(flash: Flash, from: u64, count: u64) -> Counts {
    let mut sum = Counts::default();
    let mut home: Option<(Home, Part)> = None;
    for number in from..from + count {
        let mut prng = Prng::new(number);
        if number % LIVES == 0 {
            home = None;
        }
        let (home, saved) = home.get_or_insert_with(|| {
            let home = Home::new(&mut prng);
            let saved = home.part.clone();
            (home, saved)
        });
        home.part.restore(saved);
        home.part.reseed(number);
        home.part.set_model(Model::CONTRACT[prng.below(Model::CONTRACT.len())]);
        home.auth = boot(&mut home.part);
        let person = prng.below(PERSONS);
        // The administrator's first codes were used to enrol the others.
        let step = if person < 2 { 10 } else { 50_000_000 + prng.below_u32(1_000_000) };
        let newest = if person == 0 { 7 } else { 0 };
        let mut life = Life { person, newest, step, shown: Vec::new() };
        if person < 2 {
            life.step = newest;
        }
        for _ in 0..ACTS {
            life.act(home, &mut prng, &mut sum);
            if flash == Flash::SetBack {
                home.part.restore(saved);
                home.auth = boot(&mut home.part);
            }
        }
        sum.lives += 1;
    }
    sum
}
