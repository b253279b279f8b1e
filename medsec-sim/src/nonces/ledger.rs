//! What every (key, nonce) pair was used for.

use core::hash::{Hash, Hasher};
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};

/// What a pair is used for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// An entry of the log.
    Record,
    /// A personal field within one.
    Personal,
    /// The secrets in the cell.
    AtRest,
    /// The audit secret, sealed to the log authority.
    Escrow,
    /// A header's commitment to its keys.
    Commitment,
}

impl Kind {
    /// Number of kinds.
    pub const COUNT: usize = 5;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Record, Self::Personal, Self::AtRest, Self::Escrow, Self::Commitment];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "records",
            Self::Personal => "personal fields",
            Self::AtRest => "states at rest",
            Self::Escrow => "escrows",
            Self::Commitment => "commitments",
        }
    }

    /// Its place in [`Kind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Record => 0,
            Self::Personal => 1,
            Self::AtRest => 2,
            Self::Escrow => 3,
            Self::Commitment => 4,
        }
    }
}

/// The uses of the keys of one device and its clones.
#[derive(Default)]
pub(super) struct Ledger {
    uses: HashMap<(Kind, [u8; 32], u128), (u64, bool)>,
    pairs: [u64; Kind::COUNT],
    repeated: [u64; Kind::COUNT],
}

impl Ledger {
    /// Notes that `key` with `nonce` was used for `bytes`.
    ///
    /// Bytes are kept as a hash: two uses that differ show as equal once in 2^64.
    pub(super) fn used(&mut self, kind: Kind, key: [u8; 32], nonce: u128, bytes: &[&[u8]]) {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        match self.uses.entry((kind, key, nonce)) {
            Entry::Vacant(entry) => {
                entry.insert((hash, false));
                self.pairs[kind.index()] += 1;
            }
            Entry::Occupied(mut entry) => {
                let (first, counted) = *entry.get();
                if first != hash && !counted {
                    entry.insert((first, true));
                    self.repeated[kind.index()] += 1;
                }
            }
        }
    }

    /// Pairs that met a second plaintext.
    pub(super) const fn repeated(&self) -> [u64; Kind::COUNT] {
        self.repeated
    }

    /// Pairs used.
    pub(super) const fn pairs(&self) -> [u64; Kind::COUNT] {
        self.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_counts_once_and_only_if_what_it_met_differs() {
        let mut ledger = Ledger::default();
        for bytes in [b"a", b"a", b"b", b"c"] {
            ledger.used(Kind::Record, [1; 32], 5, &[bytes]);
        }
        ledger.used(Kind::Record, [1; 32], 6, &[b"b"]);
        ledger.used(Kind::Record, [2; 32], 5, &[b"b"]);
        ledger.used(Kind::Personal, [1; 32], 5, &[b"b"]);
        assert_eq!((ledger.repeated(), ledger.pairs()), ([1, 0, 0, 0, 0], [3, 1, 0, 0, 0]));
    }
}
