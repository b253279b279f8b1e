//! Cuts power in the making of a device, on its side and on that of its station.
//!
//! A unit that was born, and a station with a book. Each step is one request and what the station writes down for it; at any of them the station
//! may fall too, before it, before or behind its entry, and then knows nothing but its book: not the code that it was told. The oracle is the book,
//! and what each side has said. A run fails if the device loses what it was born with, goes back in its life, shows another certificate than the
//! one it has acknowledged, is sealed with a code that is not on the last label, waits for its owner before the station has its receipt, answers
//! an honest request with a refusal that no cut explains, or cannot be made to the end (*wedged*); also if it comes to two rows, certificates or
//! receipts, or a word is programmed twice.

use medsec::Staff as _;
use medsec_auth::credential::Store;
use medsec_auth::provision::claim::ClaimKey;
use medsec_auth::provision::message::{Answer, NO_PROOF, Progress, Refused, Request, Run};
use medsec_auth::provision::receipt::Receipt;
use medsec_core::Secret;
use medsec_core::identity::certificate::{CERTIFICATE_BYTES, Certificate, Kind};
use medsec_core::identity::trust::Refusal;
use medsec_core::key::PublicKey;
use medsec_core::lifecycle::State;
use medsec_core::suite::Aes256Gcm;

use crate::exhaust::{
    self, Case, GEOMETRIES, Geometry, Life, Plan, Ran, Stop, Tally, Violation, every_cut, live,
    series,
};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::{Prng, mix};
use crate::production::{
    Chip, LineDebug, LineUnit, Maker, NoAnswer, Nobody, PAGES, StationKeys, StationLink, UnitKeys,
    bear, hello,
};

/// The models that it is claimed to survive.
pub const CLAIMED: [Model; Model::CONTRACT.len()] = Model::CONTRACT;

/// Variant bit: the debug port is locked from the next reset on.
pub const VARIANT_LATE_LOCK: u32 = 1;
/// Variant bit: the station falls now and then.
pub const VARIANT_STATION: u32 = 2;
/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 4;
const VARIANTS: u32 = 8;

const STEPS: u32 = 14;
const CUTS_MAX: u32 = 10;
/// The regions of a unit are made for pages of this size.
const PAGE_MIN: usize = 4_096;
/// What one history takes, roughly.
const RUNS_PER_HISTORY: u64 = 60_000;
/// What is enough of one, chosen by chance.
const RUNS_WANTED: u64 = 200;
/// Requests after which a device is made, whatever there was before.
const REQUESTS_MAX: u32 = 30;

const NUMBER: u64 = 5;
const RUN: u8 = 9;
const SERIAL: u64 = 7_001;

/// Runs at least `runs` cases, as the other drivers do.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    let share = runs / u64::try_from(geometries().count()).unwrap_or(1);
    let one_in = RUNS_PER_HISTORY / share.clamp(1, RUNS_WANTED);
    let one_in = u32::try_from(one_in).unwrap_or(u32::MAX);
    let mut tally = Tally::default();
    let mut seed = mix(seed);
    for geometry in geometries().collect::<Vec<_>>().into_iter().cycle() {
        if tally.runs() >= runs {
            break;
        }
        seed = mix(seed);
        let case = draw(geometry, seed);
        let plan = Plan { models: &CLAIMED, second_cuts: 9, more_cuts: true, one_in };
        let before = tally.runs();
        // An uncut run that breaks a rule is in the tally; cuts would only repeat it.
        if every_cut(&mut Units, &case, &plan, &mut tally).is_err() {
            continue;
        }
        let cut = u32::try_from(tally.runs() - before).unwrap_or(u32::MAX);
        // It breaks none uncut, or else it would not have come this far.
        drop(series(&mut Units, &case, &Model::SHARPEST, CUTS_MAX, cut / 2, &mut tally));
    }
    tally
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Units, case).map(|_| ())
}

fn geometries() -> impl Iterator<Item = Geometry> {
    let fits = |geometry: &Geometry| usize::try_from(geometry.page).unwrap_or(0) == PAGE_MIN;
    GEOMETRIES.into_iter().filter(fits)
}

fn draw(geometry: Geometry, seed: u64) -> Case {
    let mut case = Case::new("provision", geometry, PAGES, seed >> 32);
    case.variant = Prng::new(seed).below_u32(VARIANTS);
    case
}

struct Units;

impl exhaust::Subject for Units {
    const PAGE_MIN: usize = PAGE_MIN;

    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        live(&mut Line::new(case)?, case, flash, STEPS)
    }
}

/// What the station has written down of the unit.
#[derive(Default)]
struct Row {
    /// Its keys, for signing and for links.
    keys: Option<([u8; 32], [u8; 32])>,
    certificate: Option<[u8; CERTIFICATE_BYTES]>,
    /// What was printed, the last one last. On the line they are labels, not a list.
    labels: Vec<[u8; 16]>,
    receipt: Option<Receipt>,
    is_finished: bool,
}

/// What the station knows while it is on.
#[derive(Default)]
struct Memory {
    progress: Option<Progress>,
    has_certified: bool,
    code: Option<Secret<16>>,
}

struct Line {
    maker: Maker,
    station: StationKeys,
    debug: LineDebug,
    prng: Prng,
    falls: bool,
    row: Row,
    memory: Memory,
    /// What the unit was born with, by its key for links.
    born: Option<[u8; 32]>,
    /// What the unit has acknowledged.
    stored: Option<[u8; 32]>,
    least: State,
    boots: u64,
}

impl Line {
    fn new(case: &Case) -> Result<Self, Violation> {
        let maker = Maker::new(1);
        let station = StationKeys::new(&maker, Kind::Station, 30)
            .ok_or_else(|| Violation::new("harness", "no station"))?;
        Ok(Self {
            maker,
            station,
            debug: LineDebug::open(case.variant & VARIANT_LATE_LOCK == 0),
            prng: Prng::new(case.seed),
            falls: case.variant & VARIANT_STATION != 0,
            row: Row::default(),
            memory: Memory::default(),
            born: None,
            stored: None,
            least: State::Blank,
            boots: 0,
        })
    }
}

/// What one request led to.
enum Went {
    On,
    /// All is made, on both sides.
    Made,
    /// The unit wants a reset.
    Reset,
}

fn broken(rule: &'static str, detail: impl Into<String>) -> Stop {
    Stop::Violation(Violation::new(rule, detail))
}

fn order(state: State) -> u8 {
    match state {
        State::Blank => 0,
        State::Provisioning => 1,
        State::AwaitClaim => 2,
        State::InService | State::Maintenance | State::Sanitizing | State::Decommissioned | _ => 3,
    }
}

impl Line {
    /// A life goes on and not back. A change that a cut has left open cannot be read, until a station is let in.
    fn has_gone_on(&mut self, state: Option<State>) -> Result<(), Stop> {
        let Some(state) = state else { return Ok(()) };
        if order(state) < order(self.least) {
            return Err(broken("state", format!("{state:?} after {:?}", self.least)));
        }
        self.least = state;
        Ok(())
    }

    /// One boot of the unit with up to `requests` requests of the station, and what is stored then against what was said.
    fn turn<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        requests: u32,
    ) -> Result<Went, Stop> {
        self.boots += 1;
        let noise = mix(self.boots);
        let keys = match UnitKeys::find(flash, &self.maker.firmware(), &Chip::new(NUMBER)) {
            Ok(keys) => keys,
            Err(error) => return Err(Stop::of(flash, "birth", &error)),
        };
        let agreement = *keys.birth.agreement.expose();
        if *self.born.get_or_insert(agreement) != agreement {
            return Err(broken("birth", "other secrets"));
        }
        let mut debug = self.debug;
        let outcome = self.converse(flash, (&keys, &mut debug), noise, requests);
        self.debug = debug;
        // Without power nothing that fails is a failure; what was asked of the lock was.
        let outcome = match outcome {
            Ok(went) if !flash.is_off() => self.judge(flash, &keys).map(|()| went),
            other => other,
        };
        if flash.is_off() { Err(Stop::PowerCut) } else { outcome }
    }

    fn converse<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        (keys, debug): (&UnitKeys, &mut LineDebug),
        noise: u64,
        requests: u32,
    ) -> Result<Went, Stop> {
        let maker = Maker::new(1);
        let mut unit = LineUnit::boot(flash, (&maker.firmware(), keys), debug, noise)
            .map_err(|error| broken("boot", error))?;
        self.has_gone_on(unit.people.lifecycle().state().ok())?;
        if requests == 0 {
            return Ok(Went::On);
        }
        let opened =
            StationLink::open((&maker, &self.station), noise, &mut |message| unit.receive(message));
        let mut link = match opened {
            Ok(link) => link,
            Err(NoAnswer::Refused(Refusal::Stage)) => {
                let state = unit.people.lifecycle().state();
                return if self.row.receipt.is_some() && state == Ok(State::AwaitClaim) {
                    self.row.is_finished = true;
                    Ok(Went::Made)
                } else {
                    Err(broken("wedged", format!("no station is let in, in {state:?}")))
                };
            }
            Err(why) => return Err(broken("link", format!("{why:?}"))),
        };
        self.memory.progress = None;
        for _ in 0..requests {
            let falls = (self.falls && self.prng.one(1, 8)).then(|| self.prng.below_u32(3));
            let went = match falls {
                Some(0) => Went::On,
                _ => {
                    self.request(&mut link, falls != Some(1), &mut |message| unit.receive(message))?
                }
            };
            if falls.is_some() {
                self.memory = Memory::default();
                return Ok(Went::On);
            }
            if !matches!(went, Went::On) {
                return Ok(went);
            }
        }
        Ok(Went::On)
    }

    /// What is asked next.
    fn next<'r>(&'r self, run: &Run<'_>) -> Result<Request<'r>, Stop> {
        let Some(progress) = self.memory.progress else {
            return Ok(Request::Hello(*run.hello, [0xE0; 32]));
        };
        let Some(bytes) = &self.row.certificate else {
            return Err(broken("harness", "nothing to store"));
        };
        if !self.memory.has_certified {
            return Ok(Request::Certificate(bytes));
        }
        let digest = Certificate::parse(bytes).map_or([0; 32], |certificate| certificate.digest());
        Ok(match (progress, &self.memory.code) {
            (Progress::Sealed, _) if self.row.receipt.is_some() => Request::Finish,
            (Progress::Sealed, _) => Request::Seal(NO_PROOF, digest),
            (_, None) => Request::Code,
            (_, Some(code)) => Request::Seal(ClaimKey::of(code).proof(run, &digest), digest),
        })
    }

    /// The next request, and the entry for its answer, unless the station falls before it `writes`.
    fn request(
        &mut self,
        link: &mut StationLink,
        writes: bool,
        cable: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Went, Stop> {
        let said = hello(RUN, SERIAL);
        let (handshake, agreement) = (*link.handshake(), *link.agreement());
        let run = Run { hello: &said, handshake: &handshake, agreement: &agreement };
        let answer = link.ask(&self.next(&run)?, cable);
        let answer = answer.map_err(|why| broken("answer", format!("{why:?}")))?;
        if let Answer::Stored(stored) = answer {
            self.stored = Some(stored);
        }
        if writes { self.enter(&run, answer) } else { Ok(Went::On) }
    }

    /// Writes down what was answered.
    fn enter(&mut self, run: &Run<'_>, answer: Answer) -> Result<Went, Stop> {
        match answer {
            Answer::Unit(unit, signature) => {
                let key = unit
                    .verify(run, &signature)
                    .map_err(|_| broken("unit", "not signed by itself"))?;
                let now = (unit.signing, *run.agreement);
                if *self.row.keys.get_or_insert(now) != now {
                    return Err(broken("unit", "a second row"));
                }
                if self.row.certificate.is_none() {
                    let made = self.maker.certify(Kind::Device, 1, run.agreement, &key);
                    let made = made.ok_or_else(|| broken("harness", "no certificate"))?;
                    self.row.certificate = Some(made.to_bytes());
                }
                self.memory.progress = Some(unit.progress);
            }
            Answer::Stored(_) => {
                self.memory.has_certified = true;
                self.memory.progress =
                    self.memory.progress.map(|progress| progress.max(Progress::Certified));
            }
            Answer::Code(code) => {
                self.row.labels.push(*code.expose());
                self.memory.code = Some(code);
                self.memory.progress = Some(Progress::Coded);
            }
            Answer::Sealed(receipt) => {
                let (signing, _) = self.row.keys.unwrap_or_default();
                let key = PublicKey::parse(&signing).map_err(|_| broken("harness", "no key"))?;
                let receipt =
                    Receipt::verify(&receipt, &key).map_err(|_| broken("receipt", "not signed"))?;
                if *self.row.receipt.get_or_insert(receipt) != receipt {
                    return Err(broken("receipt", "a second one"));
                }
                self.memory.progress = Some(Progress::Sealed);
            }
            Answer::Finished => {
                self.row.is_finished = true;
                return Ok(Went::Made);
            }
            // Another code was drawn, and its answer was cut.
            Answer::Refused(Refused::Proof) => self.memory.code = None,
            Answer::Refused(Refused::Debug) if !self.debug.is_prompt => return Ok(Went::Reset),
            other @ (Answer::Refused(_) | _) => {
                return Err(broken("refused", format!("{other:?}")));
            }
        }
        Ok(Went::On)
    }

    /// What is stored, against what was said.
    fn judge<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        keys: &UnitKeys,
    ) -> Result<(), Stop> {
        let maker = Maker::new(1);
        let root = &keys.birth.storage_root;
        let mut debug = self.debug;
        let (state, shown) = {
            let unit = LineUnit::boot(&mut *flash, (&maker.firmware(), keys), &mut debug, 1)
                .map_err(|error| broken("boot", error))?;
            (unit.people.lifecycle().state(), unit.own.shown())
        };
        self.has_gone_on(state.ok())?;
        let shown = shown.map(|own| own.certificate.digest());
        if self.stored.is_some() && shown != self.stored {
            return Err(broken("certificate", "not the one that was acknowledged"));
        }
        if state == Ok(State::AwaitClaim) {
            if self.row.receipt.is_none() || shown.is_none() {
                return Err(broken("finished", "without a receipt or a certificate"));
            }
            let store = Store::<Aes256Gcm>::mount(flash, Nobody::STORE, root)
                .map_err(|error| broken("store", error.to_string()))?;
            let claim = store.claim(flash).map_err(|error| broken("claim", error.to_string()))?;
            let label = self.row.labels.last().map(|code| ClaimKey::of(&Secret::new(*code)));
            let opens = label.is_some_and(|key| {
                use medsec_core::key::{Label, MacKey};
                let kept = MacKey::derive(&claim.verifier, Label::AuthClaim);
                let said = hello(RUN, SERIAL);
                let run = Run { hello: &said, handshake: &[1; 32], agreement: &[2; 32] };
                kept.verify(&[&[1; 32], &said.transaction, &[3; 32]], &key.proof(&run, &[3; 32]))
                    .is_ok()
            });
            if !opens {
                return Err(broken("label", "the last one is not that of the device"));
            }
        }
        Ok(())
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Life<FaultFlash<READ, WRITE, PAGE>>
    for Line
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        bear(flash, &self.maker.firmware(), &Chip::new(NUMBER), NUMBER)
            .map_err(|error| Stop::of(flash, "factory", &error))
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        self.turn(flash, 0).map(|_| ())
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, index: u32) -> Result<(), Stop> {
        if index < STEPS {
            let requests = 1 + self.prng.below_u32(3);
            return self.turn(flash, requests).map(|_| ());
        }
        // Nothing is cut any more, and the station stands: now it has to come to an end.
        self.falls = false;
        for _ in 0..REQUESTS_MAX {
            if let Went::Made = self.turn(flash, REQUESTS_MAX)? {
                let is_waiting = self.least == State::AwaitClaim;
                return if is_waiting { Ok(()) } else { Err(broken("wedged", "not finished")) };
            }
        }
        Err(broken("wedged", "never made"))
    }
}
