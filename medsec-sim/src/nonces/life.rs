//! One device, from the factory on, under some of the faults.

use std::collections::VecDeque;

use medsec_audit::log::{Birth, Config, FORGET_AFTER_MS, Log, Progress, Tools};
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, PrincipalId};
use medsec_core::flash::Region;
use medsec_core::flash::ring::Retention;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks};
use medsec_core::{Secret, Sensitive, events};

use super::witness::{PAGE, Part, Programs, Watched, Witness};
use super::{Fault, Outcome};
use crate::fault::Model;
use crate::prng::{Prng, mix};
use crate::rng::{Behaviour, Noise};

/// Boots of one device; more than a chain of audit secrets has sessions, so that one ends.
const BOOTS: u64 = 600;
/// Images that a rollback chooses from.
const HISTORY: usize = 6;
/// The longest history that a twin has of its own, in boots.
const TWIN_BOOTS: usize = 3;
/// Pages of the smallest ring there is.
const RING_PAGES: u32 = 3;
const CELL_PAGES: u32 = 4;
/// More calls than any start of a session, checkpoint or destruction of secrets takes.
const CALLS_MAX: u32 = 120;

events! {
    /// What the device records.
    enum BenchEvent {
        /// A person's number, and a count that differs from boot to boot.
        Seen = 0x4001 [ControlSystem, Security, Success] {
            public count: Count,
            public by: PrincipalId,
            encrypt person: Sensitive<[u8; 15]>,
        },
        /// A count only.
        Counted = 0x4002 [ControlSystem, Operational, Success] {
            public count: Count,
        },
    }
}

/// The device and who watches it.
struct Bench<'a> {
    faults: &'a [Fault],
    prng: Prng,
    config: Config,
    root: Secret<32>,
    key: DeviceKey,
    witness: Witness,
    programs: Programs,
    /// What a stuck source does in this life.
    stuck: Noise,
    outcome: Outcome,
}

/// Lives once, for at most `boots_max` boots.
pub(super) fn live<S: Suite>(faults: &[Fault], seed: u64, boots_max: u64) -> Outcome {
    let mut prng = Prng::new(seed);
    let mut secret = || {
        let mut bytes = [0; 32];
        prng.fill(&mut bytes);
        Secret::new(bytes)
    };
    let key = DeviceKey::from_seed(&secret());
    let authority = AgreementSecret::from_bytes(secret());
    let root = secret();
    let birth = Birth { audit: secret(), ephemeral: secret(), seed: secret() };
    let page = u32::try_from(PAGE).unwrap_or(u32::MAX);
    let ring = CELL_PAGES * page;
    let device = device_id(1, &key.public());
    let config = Config {
        cell: Region::new(0, ring),
        ring: Region::new(ring, RING_PAGES * page),
        retention: Retention::Overwrite,
        device,
        authority: authority.public(),
    };
    let stuck = match prng.below(4) {
        0 => Noise::new(Behaviour::Stuck(false), 0),
        1 => Noise::new(Behaviour::Stuck(true), 0),
        2 => Noise::new(Behaviour::FailingAfter(0), 0),
        // It passes every test there is, and is the same in each boot.
        _ => Noise::good(prng.word()),
    };
    let mut bench = Bench {
        faults,
        prng: Prng::new(mix(seed)),
        config,
        root,
        key,
        witness: Witness::new(authority, device, ring, RING_PAGES),
        programs: Programs::default(),
        stuck,
        outcome: Outcome::default(),
    };
    let mut part = Part::new(CELL_PAGES + RING_PAGES, Model::None, seed);
    let mut watched = Watched { part: &mut part, programs: &mut bench.programs };
    if Log::<S>::format(&mut watched, &bench.config, &bench.root, birth).is_err() {
        bench.outcome.failed += 1;
    }
    bench.account::<S>();
    bench.run::<S>(&mut part, boots_max.min(BOOTS));
    bench.outcome.pairs = bench.witness.ledger.pairs();
    bench.outcome.repeated = bench.witness.ledger.repeated();
    bench.outcome.unexplained = bench.witness.unexplained;
    bench.outcome
}

impl Bench<'_> {
    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn run<S: Suite>(&mut self, part: &mut Part, boots: u64) {
        let mut history = VecDeque::new();
        while self.outcome.boots < boots {
            if self.has(Fault::Rollback) && !history.is_empty() && self.prng.one(1, 16) {
                let older = self.prng.below(history.len());
                self.roll_back(part, &history[older]);
                self.outcome.faults += 1;
            }
            if history.len() == HISTORY {
                history.pop_front();
            }
            history.push_back(part.clone());
            if self.has(Fault::Clone) && self.prng.one(1, 8) {
                let mut twin = part.clone();
                for _ in 0..=self.prng.below(TWIN_BOOTS) {
                    self.boot::<S>(&mut twin);
                    self.outcome.faults += 1;
                }
            }
            self.boot::<S>(part);
        }
    }

    /// Puts older content back: all of it in one half of the cases, else only the cell or only the ring.
    fn roll_back(&mut self, part: &mut Part, older: &Part) {
        let half = usize::try_from(self.config.ring.offset()).unwrap_or(0);
        let (mut image, older_image) = (part.image(), older.image());
        match self.prng.below(4) {
            0 => image[..half].copy_from_slice(&older_image[..half]),
            1 => image[half..].copy_from_slice(&older_image[half..]),
            _ => {
                part.restore(older);
                return;
            }
        }
        *part = Part::from_image(image, Model::None, self.prng.word());
    }

    /// One power cycle.
    fn boot<S: Suite>(&mut self, part: &mut Part) {
        self.outcome.boots += 1;
        let is_stuck = self.has(Fault::Stuck);
        let noise = if is_stuck { self.stuck.clone() } else { Noise::good(self.prng.word()) };
        part.reseed(self.prng.word());
        part.set_model(Model::None);
        if self.has(Fault::Cut) && self.prng.one(3, 4) {
            let model = Model::CONTRACT[self.prng.below(Model::CONTRACT.len())];
            part.set_model(model);
            part.cut_after(1 + self.prng.below_u32(16));
        }
        let worked = self.power_cycle::<S>(part, noise);
        let was_cut = part.is_off();
        self.outcome.faults += u64::from(was_cut || is_stuck);
        self.outcome.failed += u64::from(worked.is_none() && !was_cut);
        part.cut_after(0);
        part.power_off();
        part.power_on();
        self.account::<S>();
    }

    fn account<S: Suite>(&mut self) {
        self.witness.account::<S>(&self.programs);
        self.programs.clear();
    }

    /// Boots, records some events, and asks for what else a log does now and then.
    fn power_cycle<S: Suite>(&mut self, part: &mut Part, noise: Noise) -> Option<()> {
        let mut flash = Watched { part, programs: &mut self.programs };
        let mut log = Log::<S>::mount(&mut flash, self.config, &self.root).ok()?;
        log.request_session();
        let mut random = Random::new(noise);
        let lasted = if self.prng.one(1, 16) { FORGET_AFTER_MS } else { 1 };
        let mut now = self.prng.word() % 1_000;
        for count in 0..=self.prng.below(4) {
            if count == 3 && self.prng.one(1, 4) {
                log.request_checkpoint();
            }
            for _ in 0..CALLS_MAX {
                now += lasted;
                let mut lender = ();
                let pause = Pause::lend(&mut lender, 100);
                let now = Ticks::from_millis(now);
                let mut tools = Tools { random: &mut random, key: &self.key, now, pause: &pause };
                if log.maintain(&mut flash, &mut tools).ok()? == Progress::Idle {
                    break;
                }
            }
            let event = draw(&mut self.prng);
            log.append(&mut flash, &event, Ticks::from_millis(now)).ok()?;
        }
        Some(())
    }
}

fn draw(prng: &mut Prng) -> BenchEvent {
    let count = Count::new(prng.below_u32(u32::MAX));
    if prng.one(1, 2) {
        return BenchEvent::Counted { count };
    }
    let (mut person, mut by) = ([b'0'; 15], [0; 8]);
    prng.fill(&mut person[..8]);
    prng.fill(&mut by);
    BenchEvent::Seen { count, by: PrincipalId::new(by), person: Sensitive::new(person) }
}
