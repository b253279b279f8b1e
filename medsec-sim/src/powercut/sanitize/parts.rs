//! What the device is made of, and the words by which its pages are known.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::flash::Region;
use medsec_core::hal::Flash;
use medsec_core::identity::certificate::{
    Certificate, Claims, Kind as Holder, Kinds, NO_SCOPE, Unsigned,
};
use medsec_core::key::{DeviceKey, Label, MacKey, device_id};
use medsec_core::sanitize::{Item, KeyName, Keys, Kind, ModuleId, Parts, Plan};

use crate::flash::FaultFlash;
use crate::prng::Prng;
use crate::window::Window;

/// Pages of the part: the journal, the certificate, the identity, and what [`ITEMS`] says, the module behind.
pub(super) const PAGES: u32 = OWN_PAGES + MODULE_PAGES;
pub(super) const OWN_PAGES: u32 = 13;
pub(super) const MODULE_PAGES: u32 = 2;
pub(super) const IDENTITY: u32 = 6;
/// Of each item, its first page and how many it has.
pub(super) const ITEMS: [(u32, u32); 5] = [(7, 2), (9, 1), (10, 2), (12, 1), (0, MODULE_PAGES)];

pub(super) const SEED: [u8; 32] = [0x1d; 32];
pub(super) const MODEL: u32 = 7;
pub(super) const MODULE: [u8; 8] = *b"module 1";
pub(super) const STRANGER: [u8; 8] = *b"module 2";
/// Bytes of a word that is looked for.
pub(super) const NEEDLE: usize = 8;
/// What such a word begins with.
pub(super) const MARK: u8 = 0xc7;
/// How far apart they lie.
pub(super) const EVERY: usize = 64;

pub(super) const fn size(bytes: usize) -> u32 {
    let [a, b, c, d, ..] = bytes.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The plan for pages of a size.
pub(super) struct Map<const PAGE: usize>;

impl<const PAGE: usize> Map<PAGE> {
    pub(super) const PAGE_BYTES: u32 = size(PAGE);
    pub(super) const PLAN: &'static Plan<5> = &Plan::new(
        Self::region((0, 4)),
        Self::region((4, 2)),
        Self::region((IDENTITY, 1)),
        [
            Item::new(Kind::Secrets, Self::region(ITEMS[0]), Keys::of(&[KeyName::StorageRoot])),
            Item::new(Kind::Credentials, Self::region(ITEMS[1]), Keys::of(&[KeyName::Verifiers])),
            Item::new(Kind::Log, Self::region(ITEMS[2]), Keys::NONE),
            Item::new(Kind::Settings, Self::region(ITEMS[3]), Keys::NONE),
            Item::new(Kind::Module, Self::region(ITEMS[4]), Keys::of(&[KeyName::Data])),
        ],
    );

    const fn region((page, pages): (u32, u32)) -> Region {
        Region::new(page * Self::PAGE_BYTES, pages * Self::PAGE_BYTES)
    }
}

/// What is in the bay.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Bay {
    Module,
    #[default]
    Empty,
    Stranger,
}

pub(super) struct Bench<'f, const READ: usize, const WRITE: usize, const PAGE: usize> {
    pub(super) flash: &'f mut FaultFlash<READ, WRITE, PAGE>,
    pub(super) bay: Bay,
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Parts
    for Bench<'_, READ, WRITE, PAGE>
{
    fn own(&mut self) -> impl Flash {
        Window::new(&mut *self.flash, 0, OWN_PAGES * Map::<PAGE>::PAGE_BYTES)
    }

    fn module(&mut self) -> Option<(ModuleId, impl Flash)> {
        let id = match self.bay {
            Bay::Module => MODULE,
            Bay::Stranger => STRANGER,
            Bay::Empty => return None,
        };
        let page = Map::<PAGE>::PAGE_BYTES;
        let window = Window::new(&mut *self.flash, OWN_PAGES * page, MODULE_PAGES * page);
        ModuleId::new(id).map(|id| (id, window))
    }
}

pub(super) fn mac(seed: [u8; 32]) -> MacKey {
    MacKey::derive(&Secret::new(seed), Label::Sanitize)
}

pub(super) fn identity() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new(SEED))
}

/// What the maker certified.
pub(super) fn certified() -> &'static Option<Certificate> {
    static CERTIFICATE: OnceLock<Option<Certificate>> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let maker = DeviceKey::from_seed(&Secret::new([0x3a; 32]));
        let key = identity().public();
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
            model: MODEL,
            scope: NO_SCOPE,
            subject: device_id(MODEL, &key),
        };
        let agreement = AgreementSecret::from_bytes(Secret::new([5; 32])).public();
        let unsigned = Unsigned::new(claims, Some(&agreement), Some(&key)).ok()?;
        unsigned.sign(&maker).ok()
    })
}

/// The word that is found on a page of a round, and nowhere else.
pub(super) fn needle(round: u32, page: u32) -> [u8; NEEDLE] {
    let seed = u64::from(round) << 32 | u64::from(page);
    let [_, rest @ ..] = Prng::new(seed ^ 0x5a17_71e5).word().to_le_bytes();
    let mut word = [MARK; NEEDLE];
    word[1..].copy_from_slice(&rest);
    word
}

/// All that could be such words, wherever they lie.
pub(super) fn words_in(image: &[u8]) -> BTreeSet<[u8; NEEDLE]> {
    let begins = image.iter().enumerate().filter(|(_, byte)| **byte == MARK);
    begins.filter_map(|(at, _)| image[at..].first_chunk().copied()).collect()
}

/// The pages of an item in the whole part.
pub(super) fn pages_of(item: usize) -> core::ops::Range<u32> {
    let (first, pages) = ITEMS[item];
    let first = if item == ITEMS.len() - 1 { OWN_PAGES } else { first };
    first..first + pages
}
