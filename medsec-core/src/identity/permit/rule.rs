//! Who may allow what, as a table.
//!
//! A key that is in none of these rows signs nothing. A holder of a certificate never signs a permit, for himself or for
//! another: keys of anchors do, and for service those of issuers between.
//!
//! | action | signed by | challenge | holds at most | carries |
//! |---|---|---|---|---|
//! | service | 1 of the maker | 60 min | 8 h | certificate of the holder, roles, reason |
//! | recovery | 1 of the owner, or 2 of the maker if the owner delegated it | 10 min | 10 min | – |
//! | downgrade | 2 of the maker | 60 min | 60 min | manifest, security version |
//! | return to claim | 2 of the maker | 10 min | 10 min | – |

use super::Action;
use crate::identity::trust::Origin;

/// What a permit for an action holds beside its action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Carries {
    /// Nothing.
    Nothing,
    /// The digest of a certificate, roles, and a reason. It is used on a link, by the holder of that certificate.
    Access,
    /// The digest of a manifest and a security version.
    Image,
}

/// Keys that together allow an action. They come from one origin, and no others sign beside them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quorum {
    /// Whose they are.
    pub origin: Origin,
    /// How many, each another key.
    pub signatures: u8,
    /// Only where the owner has delegated the action to the maker.
    pub is_delegated: bool,
}

/// What an action asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Those who allow it; any row is enough.
    pub quorums: &'static [Quorum],
    /// Whether the key of an issuer between may sign; otherwise only those of anchors do.
    pub takes_issuers: bool,
    /// How long the device waits for the permit after its challenge.
    pub challenge_seconds: u16,
    /// Longest time for which it is given.
    pub ttl_seconds_max: u16,
    /// What it holds.
    pub carries: Carries,
}

const MAKER: Quorum = Quorum { origin: Origin::Maker, signatures: 1, is_delegated: false };
const TWO_OF_THE_MAKER: Quorum = Quorum { signatures: 2, ..MAKER };
const OWNER: Quorum = Quorum { origin: Origin::Owner, ..MAKER };

impl Rule {
    const SERVICE: Self = Self {
        quorums: &[MAKER],
        takes_issuers: true,
        challenge_seconds: 3_600,
        ttl_seconds_max: 28_800,
        carries: Carries::Access,
    };
    const RECOVERY: Self = Self {
        quorums: &[OWNER, Quorum { is_delegated: true, ..TWO_OF_THE_MAKER }],
        takes_issuers: false,
        challenge_seconds: 600,
        ttl_seconds_max: 600,
        carries: Carries::Nothing,
    };
    const DOWNGRADE: Self = Self {
        quorums: &[TWO_OF_THE_MAKER],
        takes_issuers: false,
        challenge_seconds: 3_600,
        ttl_seconds_max: 3_600,
        carries: Carries::Image,
    };
    const RETURN_TO_CLAIM: Self = Self {
        quorums: &[TWO_OF_THE_MAKER],
        takes_issuers: false,
        challenge_seconds: 600,
        ttl_seconds_max: 600,
        carries: Carries::Nothing,
    };

    /// What `action` asks for.
    #[must_use]
    pub const fn of(action: Action) -> &'static Self {
        match action {
            Action::Service => &Self::SERVICE,
            Action::Recovery => &Self::RECOVERY,
            Action::Downgrade => &Self::DOWNGRADE,
            Action::ReturnToClaim => &Self::RETURN_TO_CLAIM,
        }
    }
}

/// No rule is met by nobody, or asks for more signatures than a permit holds.
const _: () = {
    let mut actions: &[Action] = &Action::ALL;
    while let [action, others @ ..] = actions {
        let mut quorums = Rule::of(*action).quorums;
        assert!(!quorums.is_empty(), "an action that nobody can allow");
        while let [quorum, rest @ ..] = quorums {
            let is_sound = quorum.signatures == 1 || quorum.signatures == 2;
            assert!(is_sound, "a permit has one or two signatures");
            quorums = rest;
        }
        actions = others;
    }
};
