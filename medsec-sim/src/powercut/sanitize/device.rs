//! The device, and what must be true of it.

use medsec_core::Secret;
use medsec_core::event::PrincipalId;
use medsec_core::flash::cell::Progress as Worked;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::lifecycle::{Change, Lifecycle};
use medsec_core::sanitize::{
    Approved, Burial, ModuleId, MountFault, Order, Outcome, Progress, Receipt, Sanitizer, Tombstone,
};
use medsec_core::time::Pause;

use super::order::{self, Log};
use super::parts::{
    Bay, Bench, EVERY, IDENTITY, ITEMS, MODEL, MODULE, Map, NEEDLE, SEED, certified, identity, mac,
    needle, pages_of, words_in,
};
use super::{VARIANT_END, VARIANT_FAILURE, VARIANT_RECEIPT};
use crate::exhaust::{Case, Life, Stop, Violation};
use crate::flash::FaultFlash;
use crate::prng::Prng;

const RECORDS: u64 = 1_000;
/// The word of a device in service, as `docs/formats.md` has it.
const IN_SERVICE: u32 = 0xf02e_daa2;
/// Operations and reads of the longest work.
const WORK_MAX: u32 = 1_000;
const ARCHIVE: [u8; 32] = [0xa2; 32];

/// How far the device has come, in the order in which it does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Stage {
    round: u32,
    phase: u32,
}

const IDLE: u32 = 0;
const ERASING: u32 = 1;
const CERTIFIED: u32 = 2;

pub(super) struct Device<const PAGE: usize> {
    sanitizer: Option<Sanitizer<5>>,
    burial: Option<Burial<5>>,
    prng: Prng,
    bay: Bay,
    /// What a mount may find: from what was acknowledged to what is being stored.
    least: Stage,
    most: Stage,
    /// Rounds of secrets that a certificate covers.
    gone: Vec<u32>,
    ends_at: u32,
    has_receipt: bool,
    fails_at: Option<u32>,
    is_buried: bool,
}

impl<const PAGE: usize> Device<PAGE> {
    pub(super) fn new(case: &Case) -> Self {
        let mut prng = Prng::new(case.seed);
        let fails = case.variant & VARIANT_FAILURE != 0;
        let start = Stage { round: 1, phase: IDLE };
        Self {
            sanitizer: None,
            burial: None,
            fails_at: fails.then(|| 1 + prng.below_u32(60)),
            prng,
            bay: Bay::Module,
            least: start,
            most: start,
            gone: Vec::new(),
            ends_at: if case.variant & VARIANT_END == 0 { 2 } else { 1 },
            has_receipt: case.variant & VARIANT_RECEIPT != 0,
            is_buried: false,
        }
    }

    fn is_now(&mut self, stage: Stage) {
        (self.least, self.most) = (stage, stage);
    }

    /// Puts secrets and data of a round where they belong. A cut may leave some of them.
    fn provision<const READ: usize, const WRITE: usize>(
        &self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        round: u32,
    ) -> Result<(), Stop> {
        use embedded_storage::nor_flash::NorFlash;
        let page_bytes = Map::<PAGE>::PAGE_BYTES;
        for page in (0..ITEMS.len()).flat_map(pages_of) {
            let mut bytes = vec![0; PAGE];
            for place in bytes.chunks_mut(EVERY) {
                place[..NEEDLE].copy_from_slice(&needle(round, page));
            }
            let at = page * page_bytes;
            let write = |flash: &mut FaultFlash<READ, WRITE, PAGE>| {
                flash.erase(at, at + page_bytes).and_then(|()| flash.write(at, &bytes))
            };
            // One operation of a history may fail.
            write(flash)
                .or_else(|_| write(flash))
                .map_err(|error| Stop::of(flash, "provision", &error))?;
        }
        Ok(())
    }

    /// What must be true of the part whenever somebody reads it.
    fn inspect<const READ: usize, const WRITE: usize>(
        &self,
        flash: &FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<(), Violation> {
        let image = flash.image();
        let words = words_in(&image);
        let found =
            |round, item: usize| pages_of(item).any(|page| words.contains(&needle(round, page)));
        for round in &self.gone {
            if let Some(item) = (0..ITEMS.len()).find(|item| found(*round, *item)) {
                return Err(Violation::new(
                    "certified",
                    format!("round {round}: item {item} lives"),
                ));
            }
        }
        let round = self.most.round;
        if self.most.phase == CERTIFIED || self.gone.contains(&round) {
            return Ok(());
        }
        let is_whole = |item: usize| {
            pages_of(item).all(|page| {
                let at = usize::try_from(page).unwrap_or(0) * PAGE;
                let mut places = image[at..at + PAGE].chunks(EVERY);
                places.all(|place| place[..NEEDLE] == needle(round, page))
            })
        };
        let lost = (0..ITEMS.len()).find(|item| !is_whole(*item));
        if self.most.phase == IDLE && lost.is_some() {
            return Err(Violation::new("intent", format!("item {lost:?} before it")));
        }
        // Of what comes before an item that was touched, nothing is left.
        let last = (0..ITEMS.len()).rev().find(|item| !is_whole(*item)).unwrap_or(0);
        match (0..last).find(|item| found(round, *item)) {
            Some(item) => Err(Violation::new("order", format!("item {last} before {item}"))),
            None => Ok(()),
        }
    }

    /// The certificate that is stored is good.
    fn certificate<const READ: usize, const WRITE: usize>(
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        outcome: Outcome,
    ) -> Result<(), Violation> {
        let broken = |what| Violation::new("certificate", what);
        let tombstone = Tombstone::read(flash, Map::<PAGE>::PLAN);
        let certificate = *tombstone.ok_or_else(|| broken("is lost"))?.certificate();
        let device = certified().as_ref().ok_or_else(|| broken("of the device is none"))?;
        let verified = certificate.verify(device).map_err(|_| broken("is not signed"))?;
        let claims = verified.certificate().claims();
        if claims.outcome != outcome || verified.certificate().lines().count() != ITEMS.len() {
            return Err(broken("says something else"));
        }
        Ok(())
    }

    fn outcome(&self, round: u32) -> Outcome {
        if round == self.ends_at { Outcome::Decommission } else { Outcome::ChangeOfOwner }
    }

    fn order(&self, round: u32) -> Option<Approved> {
        let nonce = [round.to_le_bytes()[0]; 16];
        let order = Order { outcome: self.outcome(round), nonce };
        order::approved(order)
    }

    /// One step of the sanitizer, with what a step may do.
    fn step_of<const READ: usize, const WRITE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        sanitizer: &mut Sanitizer<5>,
    ) -> Result<Option<Progress>, Stop> {
        let (mut lender, before) = ((), flash.operations());
        let mut bench = Bench { flash, bay: self.bay };
        let progress = sanitizer.step(&mut bench, &Pause::lend(&mut lender, 1));
        if flash.is_off() {
            return Err(Stop::PowerCut);
        }
        if flash.operations() > before + 1 {
            return Err(Violation::new("step", "more than one operation").into());
        }
        // What failed is tried again.
        Ok(progress.ok())
    }

    /// Works until nothing is left to do in this boot, or until somebody pulls the plug.
    fn work<const READ: usize, const WRITE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        sanitizer: &mut Sanitizer<5>,
    ) -> Result<Progress, Stop> {
        let patience = if self.prng.one(1, 3) { self.prng.below_u32(60) } else { WORK_MAX };
        for step in 0..WORK_MAX {
            if step == patience {
                flash.power_off();
                return Err(Stop::PowerCut);
            }
            match self.step_of(flash, sanitizer)? {
                None | Some(Progress::More | Progress::Erased(_)) => {}
                Some(Progress::Missing(_)) => {
                    self.bay = self.prng.choose(&[Bay::Module, Bay::Stranger])
                }
                Some(progress) => return Ok(progress),
            }
            if self.prng.one(1, 40) {
                self.bay = self.prng.choose(&[Bay::Module, Bay::Empty, Bay::Stranger]);
            }
        }
        Err(Violation::new("work", "no end").into())
    }

    /// Goes on with whatever comes next.
    fn act<const READ: usize, const WRITE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        sanitizer: &mut Sanitizer<5>,
    ) -> Result<(), Stop> {
        let progress = self.work(flash, sanitizer)?;
        let (round, phase) = self.stage_of(sanitizer);
        self.is_legal((round, phase))?;
        self.is_now(Stage { round, phase });
        self.inspect(flash)?;
        let outcome = self.outcome(round);
        match (progress, phase) {
            (Progress::Restart, ERASING) => {
                flash.power_off();
                Err(Stop::PowerCut)
            }
            (Progress::Blank, ERASING) => {
                let blank = sanitizer.blank().ok_or_else(|| Violation::new("blank", "no proof"))?;
                blank
                    .sign(&identity(), MODEL)
                    .map_err(|error| Violation::new("sign", error.to_string()))?;
                self.gone.push(round);
                self.most.phase = CERTIFIED;
                self.inspect(flash)?;
                self.act(flash, sanitizer)
            }
            (Progress::Done, CERTIFIED) if outcome == Outcome::Decommission => {
                Self::certificate(flash, outcome)?;
                Ok(())
            }
            (Progress::Done, CERTIFIED) => {
                Self::certificate(flash, outcome)?;
                self.provision(flash, round + 1)?;
                let life = sanitizer.lifecycle().unwrap_or(Lifecycle::UNREADABLE);
                let change = life.change(Change::ReturnToClaim, PrincipalId::DEVICE);
                let recorded = change.ok().and_then(|change| change.record(&mut Log).ok());
                let recorded = recorded.ok_or_else(|| Violation::new("life", "no way back"))?;
                self.most = Stage { round: round + 1, phase: IDLE };
                sanitizer
                    .close(recorded)
                    .map_err(|error| Violation::new("close", error.to_string()))?;
                self.act(flash, sanitizer)
            }
            (Progress::Done, IDLE) => Ok(()),
            _ => Err(Violation::new("work", format!("{progress:?} in phase {phase}")).into()),
        }
    }

    /// Enrols the module if it is not known, then begins.
    fn begin<const READ: usize, const WRITE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        sanitizer: &mut Sanitizer<5>,
    ) -> Result<(), Stop> {
        let round = self.least.round;
        let busy =
            |error: medsec_core::sanitize::BeginError| Violation::new("begin", error.to_string());
        if sanitizer.modules().next().is_none() {
            let module = ModuleId::new(MODULE).ok_or_else(|| Violation::new("harness", "id"))?;
            sanitizer.enrol(module).map_err(busy)?;
            return self.act(flash, sanitizer);
        }
        let approved = self.order(round).ok_or_else(|| Violation::new("grant", "refused"))?;
        let device = device_id(MODEL, &identity().public());
        let archive = DeviceKey::from_seed(&Secret::new(ARCHIVE));
        let receipt = if self.has_receipt {
            let nonce = approved.order().nonce;
            let bytes = Receipt::sign(&archive, device, nonce, RECORDS).ok();
            bytes.and_then(|bytes| Receipt::verify(&bytes, &archive.public()).ok())
        } else {
            None
        };
        let life = (Lifecycle::of(IN_SERVICE), device);
        sanitizer.begin(approved, life, (RECORDS, receipt.as_ref()), &mut Log).map_err(busy)?;
        self.most = Stage { round, phase: ERASING };
        self.act(flash, sanitizer)
    }

    /// The journal is one of those that it may be.
    fn is_legal(&self, (round, phase): (u32, u32)) -> Result<(), Violation> {
        let stage = Stage { round, phase };
        if stage < self.least || stage > self.most {
            let legal = (self.least, self.most);
            return Err(Violation::new("journal", format!("{stage:?} of {legal:?}")));
        }
        Ok(())
    }

    /// The round and phase that a sanitizer shows.
    fn stage_of(&self, sanitizer: &Sanitizer<5>) -> (u32, u32) {
        let phase = match (sanitizer.is_idle(), sanitizer.certified()) {
            (true, _) => IDLE,
            (false, None) => ERASING,
            (false, Some(_)) => CERTIFIED,
        };
        let is_next = phase == IDLE && self.most.round > self.least.round;
        (if is_next { self.most.round } else { self.least.round }, phase)
    }

    fn bury<const READ: usize, const WRITE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        mut burial: Burial<5>,
    ) -> Result<(), Stop> {
        for _ in 0..WORK_MAX {
            let (mut lender, before) = ((), flash.operations());
            let worked = burial.step(flash, &Pause::lend(&mut lender, 1));
            if flash.is_off() {
                return Err(Stop::PowerCut);
            }
            if flash.operations() > before + 1 {
                return Err(Violation::new("step", "more than one operation").into());
            }
            if worked == Ok(Worked::Done) {
                self.is_buried = true;
                return Ok(self.end(flash)?);
            }
        }
        Err(Violation::new("bury", "no end").into())
    }

    /// Nothing of the device is left but its certificate.
    fn end<const READ: usize, const WRITE: usize>(
        &self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<(), Violation> {
        Self::certificate(flash, Outcome::Decommission)?;
        if self.is_buried && flash.image().windows(NEEDLE).any(|word| word == &SEED[..NEEDLE]) {
            return Err(Violation::new("identity", "lives"));
        }
        Ok(())
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Life<FaultFlash<READ, WRITE, PAGE>>
    for Device<PAGE>
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        use embedded_storage::nor_flash::NorFlash;
        self.provision(flash, 1)?;
        let at = IDENTITY * Map::<PAGE>::PAGE_BYTES;
        let mut bytes = [0; 256];
        bytes[..32].copy_from_slice(&SEED);
        flash.write(at, &bytes).map_err(|error| Stop::of(flash, "factory", &error))?;
        Sanitizer::format(flash, Map::<PAGE>::PLAN, mac(SEED))
            .map_err(|error| Stop::of(flash, "format", &error))?;
        if let Some(operation) = self.fails_at {
            flash.fail_after(operation);
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        use embedded_storage::nor_flash::ReadNorFlash;
        (self.sanitizer, self.burial) = (None, None);
        self.inspect(flash)?;
        let mut seed = [0; 32];
        if flash.read(IDENTITY * Map::<PAGE>::PAGE_BYTES, &mut seed).is_err() {
            // It goes on as a device that has none.
            seed = [0; 32];
        }
        let writes = flash.operations();
        let mounted = Sanitizer::mount(flash, Map::<PAGE>::PLAN, mac(seed));
        if flash.operations() != writes {
            return Err(Violation::new("mount", "wrote").into());
        }
        match mounted {
            Ok(sanitizer) => {
                // What a cut has left open is nothing to act upon, and is settled first.
                if sanitizer.lifecycle() != Some(Lifecycle::UNREADABLE) {
                    self.is_legal(self.stage_of(&sanitizer))?;
                }
                self.sanitizer = Some(sanitizer);
            }
            Err(MountFault::Lost(lost)) => {
                let burial = Burial::resume(flash, Map::<PAGE>::PLAN, lost);
                self.burial = Some(burial.ok_or_else(|| Violation::new("journal", "is lost"))?);
                self.end(flash)?;
            }
            Err(fault) => return Err(Violation::new("mount", format!("{fault:?}")).into()),
        }
        Ok(())
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, _: u32) -> Result<(), Stop> {
        if let Some(burial) = self.burial.take() {
            self.bury(flash, burial)?;
            flash.power_off();
            return Err(Stop::PowerCut);
        }
        let Some(mut sanitizer) = self.sanitizer.take() else {
            return Err(Violation::new("harness", "a step without a boot").into());
        };
        self.act(flash, &mut sanitizer)?;
        if sanitizer.is_idle() {
            self.begin(flash, &mut sanitizer)?;
        } else if sanitizer.certified() == Some(Outcome::Decommission) {
            let burial = sanitizer.bury().map_err(|_| Violation::new("bury", "refused"))?;
            self.bury(flash, burial)?;
            flash.power_off();
            return Err(Stop::PowerCut);
        }
        self.sanitizer = Some(sanitizer);
        Ok(())
    }
}
