//! A device with an identity, secrets, data and a module, and two persons who want it sanitized.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use medsec_core::access::{
    Approver, Authority, Class, Classes, Factors, Facts, Grant, Interface, Permission,
};
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, Event, PrincipalId, RecordError, Recorder};
use medsec_core::flash::Region;
use medsec_core::flash::cell::Progress as Worked;
use medsec_core::hal::Flash;
use medsec_core::identity::certificate::{
    Certificate as DeviceCertificate, Claims, Kind as Holder, Kinds, NO_SCOPE, Unsigned,
};
use medsec_core::key::{DeviceKey, Label, MacKey, device_id};
use medsec_core::lifecycle::Lifecycle;
use medsec_core::rng::Random;
use medsec_core::sanitize::{
    Approved, BeginError, Burial, Item, KeyName, Keys, Kind, ModuleId, MountFault, Order, Outcome,
    Parts, Plan, Progress, Receipt, SanitizeError, Sanitizer, Tombstone,
};
use medsec_core::time::{Pause, Ticks};
use medsec_core::{Secret, events, policy};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

pub(crate) const PAGE: u32 = 512;
pub(crate) const MODEL: u32 = 7;
pub(crate) const SEED: [u8; 32] = [30; 32];
pub(crate) const NONCE: [u8; 16] = *b"nonce of 16 byte";
pub(crate) const IN_SERVICE: u32 = 0xf02e_daa2;
pub(crate) const RECORDS: u64 = 1_000;
const IDENTITY: u32 = 6 * PAGE;

/// Pages of the device, and where its items are.
pub(crate) const OWN_PAGES: u32 = 12;
pub(crate) const PLAN: Plan<5> = Plan::new(
    Region::new(0, 4 * PAGE),
    Region::new(4 * PAGE, 2 * PAGE),
    Region::new(IDENTITY, PAGE),
    [
        Item::new(
            Kind::Secrets,
            Region::new(7 * PAGE, 2 * PAGE),
            Keys::of(&[KeyName::StorageRoot, KeyName::Pepper, KeyName::AuditSecret]),
        ),
        Item::new(Kind::Credentials, Region::new(9 * PAGE, PAGE), Keys::of(&[KeyName::Verifiers])),
        Item::new(Kind::Log, Region::new(10 * PAGE, PAGE), Keys::NONE),
        Item::new(Kind::Settings, Region::new(11 * PAGE, PAGE), Keys::NONE),
        Item::new(Kind::Module, Region::new(PAGE, PAGE), Keys::of(&[KeyName::Data])),
    ],
);

policy! {
    /// Who may sanitize.
    pub(crate) policy Hospital;

    pub(crate) roles Role {
        /// May, with another one.
        Owner = 0 may [Sanitize, People] assigns [Owner],
    }

    permissions {
        /// With a second one.
        Sanitize = 0 [Administration, TwoFactors, Local] two_persons,
        /// Every policy has it.
        People = 1 [Administration, TwoFactors, Local] people,
    }

    apart {}
}

events! {
    /// What the maker records.
    enum Asked {
        /// Somebody wants the device sanitized.
        Sanitizing = 0x4001 [ConfigurationChange, Security, Success] {
            public by: PrincipalId,
            public outcome: Count,
        },
    }
}

impl Permission for Sanitize {
    type Args = Order;

    fn event(order: &Order, by: PrincipalId) -> impl Event {
        Asked::Sanitizing { by, outcome: Count::new(order.outcome.code().into()) }
    }
}

/// A log that notes ids, or refuses.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) ids: Vec<u16>,
    pub(crate) refuses: bool,
}

impl Recorder for Log {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        if self.refuses {
            return Err(RecordError::Full);
        }
        self.ids.push(event.id());
        Ok(())
    }
}

pub(crate) fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

pub(crate) fn identity() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new(SEED))
}

pub(crate) fn device() -> [u8; 16] {
    device_id(MODEL, &identity().public())
}

/// What the maker certified of the device with this key.
pub(crate) fn certificate_of(key: &DeviceKey, model: u32) -> DeviceCertificate {
    let maker = self::key(1);
    let claims = Claims {
        kind: Holder::Device,
        suites: 1,
        is_test: false,
        serial: 1,
        issuer: maker.public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 0,
        may_issue: Kinds::NONE,
        model,
        scope: NO_SCOPE,
        subject: device_id(model, &key.public()),
    };
    let agreement = AgreementSecret::from_bytes(Secret::new([5; 32])).public();
    Unsigned::new(claims, Some(&agreement), Some(&key.public())).unwrap().sign(&maker).unwrap()
}

/// A grant of two owners; with `false`, what one of them gets.
pub(crate) fn grant(order: Order, is_approved: bool) -> Option<Grant<Sanitize>> {
    let mut authority = Authority::take(&mut Random::new(<Noise>::good(1))).unwrap();
    let factors = Factors::KNOWLEDGE.and(Factors::TOKEN);
    let (role, interface) = (Role::Owner.number(), Interface::Local);
    let second = Approver { by: PrincipalId::new([2; 8]), role, factors, interface };
    let facts = Facts {
        by: PrincipalId::new([1; 8]),
        role,
        factors,
        present: true,
        interface,
        classes: Class::ALL.into_iter().fold(Classes::NONE, Classes::with),
        approver: is_approved.then_some(second),
    };
    authority.grant(&facts, order, &mut Log::default(), Ticks::from_millis(1)).ok()
}

pub(crate) fn approved(outcome: Outcome) -> Approved {
    let grant = grant(Order { outcome, nonce: NONCE }, true).unwrap();
    Approved::by_two(grant, Ticks::from_millis(2)).unwrap()
}

/// A receipt of the archive for so many records.
pub(crate) fn receipt(records: u64) -> Receipt {
    let bytes = Receipt::sign(&key(8), device(), NONCE, records).unwrap();
    Receipt::verify(&bytes, &key(8).public()).unwrap()
}

pub(crate) fn module(byte: u8) -> ModuleId {
    ModuleId::new([byte; 8]).unwrap()
}

/// The word on a page of the device, or of a module, and nowhere else.
pub(crate) fn word(page: u32) -> [u8; 12] {
    let mut word = *b"CANARY..KEY.";
    word[6..8].copy_from_slice(&page.to_le_bytes()[..2]);
    word
}

/// Pages behind those of the device are the module's.
pub(crate) const MODULE_PAGE: u32 = OWN_PAGES + 1;
pub(crate) const STRANGER_PAGE: u32 = OWN_PAGES + 21;

/// A part whose pages from `first` on hold the words of `names` and so on.
fn part(pages: u32, first: u32, names: u32, model: Model) -> FaultFlash<1, 4, 512> {
    let mut flash = FaultFlash::new(pages, model, 9);
    for page in first..pages {
        let bytes = word(names + page).repeat(42);
        flash.write(page * PAGE, &bytes[..504]).unwrap();
    }
    flash
}

/// The device and what is in its bay.
pub(crate) struct Bench {
    pub(crate) own: FaultFlash<1, 4, 512>,
    pub(crate) module: FaultFlash<1, 4, 512>,
    pub(crate) stranger: FaultFlash<1, 4, 512>,
    /// 1 the module, 2 another one, 0 nothing.
    pub(crate) bay: u8,
}

impl Parts for Bench {
    fn own(&mut self) -> impl Flash {
        &mut self.own
    }

    fn module(&mut self) -> Option<(ModuleId, impl Flash)> {
        match self.bay {
            1 => Some((module(1), &mut self.module)),
            2 => Some((module(2), &mut self.stranger)),
            _ => None,
        }
    }
}

pub(crate) fn mac(seed: [u8; 32]) -> MacKey {
    MacKey::derive(&Secret::new(seed), Label::Sanitize)
}

impl Bench {
    pub(crate) fn new(model: Model) -> Self {
        let mut own = part(OWN_PAGES, 7, 0, model);
        own.write(IDENTITY, &SEED).unwrap();
        Sanitizer::format(&mut own, &PLAN, mac(SEED)).unwrap();
        let module = part(2, 1, OWN_PAGES, Model::None);
        Self { own, module, stranger: part(2, 1, OWN_PAGES + 20, Model::None), bay: 1 }
    }

    /// One with the module enrolled and the intent stored, after the restart.
    pub(crate) fn begun(outcome: Outcome, receipt: Option<&Receipt>, model: Model) -> Self {
        let mut bench = Self::new(model);
        let mut sanitizer = bench.mount().unwrap();
        sanitizer.enrol(module(1)).unwrap();
        assert_eq!(bench.run(&mut sanitizer), Ok(Progress::Done));
        bench.begin(&mut sanitizer, outcome, receipt, &mut Log::default()).unwrap();
        assert_eq!(bench.run(&mut sanitizer), Ok(Progress::Restart));
        bench.restart();
        bench
    }

    pub(crate) fn begin(
        &mut self,
        sanitizer: &mut Sanitizer<5>,
        outcome: Outcome,
        receipt: Option<&Receipt>,
        log: &mut Log,
    ) -> Result<(), BeginError> {
        let life = (Lifecycle::of(IN_SERVICE), device());
        sanitizer.begin(approved(outcome), life, (RECORDS, receipt), log)
    }

    pub(crate) fn restart(&mut self) {
        self.own.power_off();
        self.own.power_on();
    }

    /// As a device boots: with whatever is read as its identity.
    pub(crate) fn mount(&mut self) -> Result<Sanitizer<5>, MountFault> {
        let mut seed = [0; 32];
        if self.own.read(IDENTITY, &mut seed).is_err() {
            // It goes on as a device that has none.
            seed = [0; 32];
        }
        Sanitizer::mount(&mut self.own, &PLAN, mac(seed))
    }

    pub(crate) fn step(&mut self, sanitizer: &mut Sanitizer<5>) -> Result<Progress, SanitizeError> {
        sanitizer.step(self, &Pause::lend(&mut (), 1))
    }

    /// Steps until there is something else to do, or an error.
    pub(crate) fn run(&mut self, sanitizer: &mut Sanitizer<5>) -> Result<Progress, SanitizeError> {
        for _ in 0..500 {
            match self.step(sanitizer)? {
                Progress::More | Progress::Erased(_) => {}
                progress => return Ok(progress),
            }
        }
        panic!("never done");
    }

    /// Erases, signs, and stores the certificate.
    pub(crate) fn certify(&mut self, sanitizer: &mut Sanitizer<5>) {
        assert_eq!(self.run(sanitizer), Ok(Progress::Blank));
        sanitizer.blank().unwrap().sign(&identity(), MODEL).unwrap();
        assert_eq!(self.run(sanitizer), Ok(Progress::Done));
    }

    /// Whether it came to its end; the power may fail.
    pub(crate) fn bury(&mut self, mut burial: Burial<5>) -> bool {
        for _ in 0..100 {
            let worked = burial.step(&mut self.own, &Pause::lend(&mut (), 1));
            if self.own.is_off() {
                return false;
            }
            if worked.unwrap() == Worked::Done {
                return true;
            }
        }
        panic!("never done");
    }

    pub(crate) fn tombstone(&mut self) -> Tombstone {
        Tombstone::read(&mut self.own, &PLAN).unwrap()
    }

    /// How often words of the device or its module are found, in whole images.
    pub(crate) fn hits(&self) -> usize {
        let images = [self.own.image(), self.module.image()];
        (7..OWN_PAGES).chain([MODULE_PAGE]).map(|page| found(&images, &word(page))).sum()
    }
}

/// How often `word` is in the images.
pub(crate) fn found(images: &[Vec<u8>], word: &[u8]) -> usize {
    let windows = images.iter().flat_map(|image| image.windows(word.len()));
    windows.filter(|window| *window == word).count()
}
