//! What is erased, as a table of the maker's that is checked when it is compiled.

use super::{Kind, MODULES_MAX};
use crate::flash::Region;

/// Most lines of a certificate: a plan with one line for each item, those of modules for each module, has no more.
pub const LINES_MAX: usize = 16;

/// The secrets of a device, by name. What is derived from one dies with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeyName {
    /// The parent of all keys for what the device keeps.
    StorageRoot,
    /// What verifiers of persons' secrets are made with.
    Pepper,
    /// The evolving secret of the log.
    AuditSecret,
    /// The seed of the random generator.
    RandomSeed,
    /// The key that links agree with.
    Agreement,
    /// The code of the first owner, and what links by it know.
    Pairing,
    /// What first messages of links are admitted by.
    Admission,
    /// Verifiers of what persons know.
    Verifiers,
    /// Secrets of one-time passwords.
    OneTime,
    /// Keys of patients' data.
    Data,
    /// The maker's own.
    Maker1,
    /// The maker's own.
    Maker2,
    /// The maker's own.
    Maker3,
    /// The maker's own.
    Maker4,
}

impl KeyName {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 14] = [
        Self::StorageRoot,
        Self::Pepper,
        Self::AuditSecret,
        Self::RandomSeed,
        Self::Agreement,
        Self::Pairing,
        Self::Admission,
        Self::Verifiers,
        Self::OneTime,
        Self::Data,
        Self::Maker1,
        Self::Maker2,
        Self::Maker3,
        Self::Maker4,
    ];

    const fn bit(self) -> u32 {
        match self {
            Self::StorageRoot => 0x0001,
            Self::Pepper => 0x0002,
            Self::AuditSecret => 0x0004,
            Self::RandomSeed => 0x0008,
            Self::Agreement => 0x0010,
            Self::Pairing => 0x0020,
            Self::Admission => 0x0040,
            Self::Verifiers => 0x0080,
            Self::OneTime => 0x0100,
            Self::Data => 0x0200,
            Self::Maker1 => 0x0100_0000,
            Self::Maker2 => 0x0200_0000,
            Self::Maker3 => 0x0400_0000,
            Self::Maker4 => 0x0800_0000,
        }
    }

    /// Its name in a report.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::StorageRoot => "storage root",
            Self::Pepper => "pepper",
            Self::AuditSecret => "audit secret",
            Self::RandomSeed => "random seed",
            Self::Agreement => "agreement key",
            Self::Pairing => "pairing code",
            Self::Admission => "admission secret",
            Self::Verifiers => "verifiers",
            Self::OneTime => "one-time secrets",
            Self::Data => "data keys",
            Self::Maker1 => "maker's key 1",
            Self::Maker2 => "maker's key 2",
            Self::Maker3 => "maker's key 3",
            Self::Maker4 => "maker's key 4",
        }
    }
}

/// A set of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Keys(u32);

impl Keys {
    /// No key.
    pub const NONE: Self = Self(0);

    /// The keys of `list`.
    #[must_use]
    pub const fn of(list: &[KeyName]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            bits |= first.bit();
            rest = others;
        }
        Self(bits)
    }

    /// Whether `key` is among them.
    #[must_use]
    pub const fn has(self, key: KeyName) -> bool {
        self.0 & key.bit() != 0
    }

    /// The keys with these bits; nothing if one of them is no key's.
    pub(super) const fn parse(bits: u32) -> Option<Self> {
        if bits & !Self::of(&KeyName::ALL).0 == 0 { Some(Self(bits)) } else { None }
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

/// A region that is erased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    kind: Kind,
    region: Region,
    keys: Keys,
}

impl Item {
    /// A region of this kind, on the device's own flash, or of each module if it is [`Kind::Module`]; and which keys it holds.
    #[must_use]
    pub const fn new(kind: Kind, region: Region, keys: Keys) -> Self {
        Self { kind, region, keys }
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }

    /// The keys that it holds.
    #[must_use]
    pub const fn keys(&self) -> Keys {
        self.keys
    }

    pub(super) const fn is_of_module(&self) -> bool {
        matches!(self.kind, Kind::Module)
    }
}

/// What is erased, and where the journal, the certificate and the identity are. Made in a `const`.
///
/// The journal is a cell of four pages; the certificate takes up to 768 bytes. Neither lies in what is erased. Modules are all alike.
/// ```
/// use medsec_core::flash::Region;
/// use medsec_core::sanitize::{Item, KeyName, Keys, Kind, Plan};
/// const PLAN: Plan<2> = Plan::new(
///     Region::new(0, 0x4000),
///     Region::new(0x4000, 0x1000),
///     Region::new(0x5000, 0x1000),
///     [
///         Item::new(Kind::Secrets, Region::new(0x6000, 0x4000), Keys::of(&[KeyName::StorageRoot])),
///         Item::new(Kind::Log, Region::new(0xa000, 0x8000), Keys::NONE),
///     ],
/// );
/// assert_eq!(PLAN.items().len(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Plan<const N: usize> {
    journal: Region,
    certificate: Region,
    identity: Region,
    items: [Item; N],
}

impl<const N: usize> Plan<N> {
    /// The plan with the regions of the journal, of the certificate and of the identity, and with `items`, keys first.
    ///
    /// # Panics
    /// In a `const`, which then does not compile: regions overlap or are empty, items are not in the order of their kinds, none holds the
    /// storage root among the secrets, or a certificate has too few lines.
    #[must_use]
    pub const fn new(
        journal: Region,
        certificate: Region,
        identity: Region,
        items: [Item; N],
    ) -> Self {
        let plan = Self { journal, certificate, identity, items };
        plan.check();
        plan
    }

    const fn check(&self) {
        let fixed = [self.journal, self.certificate, self.identity];
        let mut rest: &[Region] = &fixed;
        while let [region, others @ ..] = rest {
            assert!(region.bytes() != 0, "a region is empty");
            assert!(region.offset().checked_add(region.bytes()).is_some(), "a region has no end");
            let mut tail = others;
            while let [other, more @ ..] = tail {
                assert!(!region.overlaps(other), "two regions overlap");
                tail = more;
            }
            rest = others;
        }
        let mut items: &[Item] = &self.items;
        let (mut lines, mut has_root) = (0_usize, false);
        while let [item, others @ ..] = items {
            let region = item.region;
            assert!(region.bytes() != 0, "a region is empty");
            assert!(region.offset().checked_add(region.bytes()).is_some(), "a region has no end");
            let mut rest: &[Region] = &fixed;
            while let [other, more @ ..] = rest {
                let is_apart = item.is_of_module() || !region.overlaps(other);
                assert!(is_apart, "an item overlaps with what outlives it");
                rest = more;
            }
            let mut tail = others;
            while let [other, more @ ..] = tail {
                let is_apart =
                    item.is_of_module() != other.is_of_module() || !region.overlaps(&other.region);
                assert!(is_apart, "two items overlap");
                assert!(item.kind.code() <= other.kind.code(), "keys come before data");
                tail = more;
            }
            has_root = has_root
                || (matches!(item.kind, Kind::Secrets) && item.keys.has(KeyName::StorageRoot));
            lines = lines.saturating_add(if item.is_of_module() { MODULES_MAX } else { 1 });
            items = others;
        }
        assert!(has_root, "no secret is the storage root");
        assert!(lines <= LINES_MAX, "a certificate has too few lines for it");
    }

    /// Where the journal is.
    #[must_use]
    pub const fn journal(&self) -> Region {
        self.journal
    }

    /// Where the certificate is stored.
    #[must_use]
    pub const fn certificate(&self) -> Region {
        self.certificate
    }

    /// Where the identity is.
    #[must_use]
    pub const fn identity(&self) -> Region {
        self.identity
    }

    /// What is erased, in order.
    #[must_use]
    pub const fn items(&self) -> &[Item; N] {
        &self.items
    }

    /// How many items are on the device's own flash; those of modules are behind them.
    pub(super) fn own_items(&self) -> usize {
        self.items.iter().take_while(|item| !item.is_of_module()).count()
    }
}
