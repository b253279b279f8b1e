//! The knowledge factor: a secret that a person remembers (SP 800-63B-4 §3.1.1 and §3.2.10).
//!
//! `verifier = prf(pepper; device id, principal, salt, Argon2id(secret, salt, header))`: the record alone is worth no guess,
//! and the pepper with the record is worth one stretch a guess.
//!
//! # Only Argon2id
//! Argon2id (RFC 9106) is the one algorithm: a choice would have to be named by the record, and the weaker one would be
//! what an attacker of the store asks for. PBKDF2 needs no memory, and so graphics processors guess it
//! faster at equal time on the device. A part without 16 KiB to lend uses a token.
//!
//! # What a stretch is worth
//! No stretch that a microcontroller can afford protects six digits from who has the record and the pepper: all of them are tried
//! in minutes. So a short secret asks for a pepper that is kept apart from the records ([`crate::hal::Apart`]), and beside it for another
//! factor; this is a bound of [`Rules`], so that a weaker policy does not compile.
//!
//! # Rules of a secret
//! At least 15 characters if it stands alone, 8 beside another factor, 6 as a keypad's; at most [`SECRET_BYTES_MAX`] bytes. No rule
//! says which characters. A secret on the maker's list, or one of equal or consecutive characters, is refused. Secrets are bytes: whoever
//! takes the keystrokes normalises them (NFC), so that they are the same at each input. A character is a code point of UTF-8.

mod record;
mod stretch;

pub use argon2::Block;

pub use record::{KNOWLEDGE_BYTES, Knowledge, KnowledgeError, LengthClass};
pub use stretch::{M_KIB_MAX, M_KIB_MIN, PASSES_MAX, PASSES_MIN, Stretch};

use medsec_core::Secret;
use medsec_core::hal::EntropySource;
use medsec_core::rng::{Random, RandomError};

use crate::hal::{Apart, Pepper, PepperFault, Stretched};
use crate::verdict::{Verdict, compare};

/// Longest secret: 64 characters of whatever script.
pub const SECRET_BYTES_MAX: usize = 256;

/// What a secret has to be, under a pepper `P`.
///
/// ```compile_fail,E0277
/// use medsec_auth::factor::password::Rules;
/// use medsec_auth::hal::{HeldPepper, SameFlash};
/// let rules = Rules::<HeldPepper<SameFlash>>::pin();
/// ```
pub struct Rules<P> {
    class: LengthClass,
    must_change: bool,
    pepper: core::marker::PhantomData<fn() -> P>,
}

impl<P: Pepper> Rules<P> {
    /// A secret that may stand alone.
    #[must_use]
    pub const fn only_factor() -> Self {
        Self::of(LengthClass::OnlyFactor)
    }

    /// A secret beside a factor of another kind.
    #[must_use]
    pub const fn beside_another() -> Self
    where
        P::Kept: Apart,
    {
        Self::of(LengthClass::BesideAnother)
    }

    /// A secret of a keypad, beside a factor of another kind: what SP 800-63B-4 §3.2.10 calls an activation secret.
    #[must_use]
    pub const fn pin() -> Self
    where
        P::Kept: Apart,
    {
        Self::of(LengthClass::Pin)
    }

    /// As it is, of a secret that opens nothing but its own change: the first one, which another person knows.
    #[must_use]
    pub const fn to_be_changed(self) -> Self {
        Self { must_change: true, ..self }
    }

    const fn of(class: LengthClass) -> Self {
        Self { class, must_change: false, pepper: core::marker::PhantomData }
    }

    /// Whether the secret is long enough, not too long, and not one that is tried first.
    fn judge<L: Blocklist>(&self, secret: &[u8], list: &L) -> Result<(), EnrollError> {
        if secret.len() > SECRET_BYTES_MAX {
            return Err(EnrollError::TooLong);
        }
        if characters(secret) < self.class.characters_min() {
            return Err(EnrollError::TooShort);
        }
        if is_run(secret) || list.is_listed(secret) {
            return Err(EnrollError::Listed);
        }
        Ok(())
    }
}

/// Code points of UTF-8. Bytes that go on a code point do not count, so that no other bytes count as more.
fn characters(secret: &[u8]) -> usize {
    secret.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

/// Whether all bytes are equal, or each is one above, or one below, the byte before it.
fn is_run(secret: &[u8]) -> bool {
    [0, 1, u8::MAX].iter().any(|step| {
        let mut pairs = secret.iter().zip(secret.iter().skip(1));
        pairs.all(|(byte, next)| byte.wrapping_add(*step) == *next)
    })
}

/// Secrets that are known or tried first: those of leaks, the device's name, the hospital's, the person's.
///
/// SP 800-63B-4 §3.1.1.2 asks for one; what is on it is the maker's and the owner's. A filter that is now and then wrong about a
/// secret that is not on it (Bloom) does, since the person chooses another.
pub trait Blocklist {
    /// Whether the secret is on it.
    fn is_listed(&self, secret: &[u8]) -> bool;
}

impl<B: Blocklist> Blocklist for &B {
    fn is_listed(&self, secret: &[u8]) -> bool {
        B::is_listed(self, secret)
    }
}

/// A list of words. A secret is on it if it is one of them, whatever the case of ASCII letters.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(pub &'a [&'a [u8]]);

impl Blocklist for Words<'_> {
    fn is_listed(&self, secret: &[u8]) -> bool {
        self.0.iter().any(|word| word.eq_ignore_ascii_case(secret))
    }
}

/// Why a secret was not enrolled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EnrollError {
    /// Fewer characters than the rules ask for.
    TooShort,
    /// More than [`SECRET_BYTES_MAX`] bytes.
    TooLong,
    /// On the list, or a run of characters: the person chooses another.
    Listed,
    /// Fewer blocks were lent than the stretch needs.
    Memory,
    /// There is no fresh salt.
    Random(RandomError),
    /// The part that keeps the pepper did not answer.
    Pepper(PepperFault),
}

impl core::fmt::Display for EnrollError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooShort => f.write_str("secret is too short"),
            Self::TooLong => f.write_str("secret is too long"),
            Self::Listed => f.write_str("secret is one that is tried first"),
            Self::Memory => f.write_str("too little memory was lent for the stretch"),
            Self::Random(error) => error.fmt(f),
            Self::Pepper(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for EnrollError {}

/// Why there is no verdict on a secret. It is a fault of the device, not of the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// Fewer blocks were lent than the record asks for.
    Memory,
    /// The part that keeps the pepper did not answer.
    Pepper(PepperFault),
}

impl core::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Memory => f.write_str("too little memory was lent for the stretch"),
            Self::Pepper(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for VerifyError {}

/// Enrols and verifies secrets on one device.
///
/// # Limits
/// One block of 1 KiB is lent for each KiB of the stretch and wiped after each use. One stretch a call, for a principal that is not
/// known as well: by far the longest call of a login. What it costs on a core is not counted by a gate yet.
pub struct Passwords<'a, P: Pepper> {
    /// The device's id.
    pub device: [u8; 16],
    /// The work of secrets that are enrolled, and of the secrets of unknown principals.
    pub stretch: Stretch,
    /// Where the pepper is.
    pub pepper: P,
    /// Memory to stretch in.
    pub memory: &'a mut [Block],
}

impl<P: Pepper> Passwords<'_, P> {
    /// Makes the record of a new secret of `principal`, with a fresh salt.
    ///
    /// # Errors
    /// [`EnrollError`], as it says; nothing is kept.
    pub fn enroll<E: EntropySource, L: Blocklist>(
        &mut self,
        secret: &[u8],
        principal: &[u8; 8],
        rules: &Rules<P>,
        list: &L,
        random: &mut Random<E>,
    ) -> Result<Knowledge, EnrollError> {
        rules.judge(secret, list)?;
        let mut knowledge = Knowledge {
            class: rules.class,
            must_change: rules.must_change,
            ..Knowledge::nobody(self.stretch)
        };
        random.fill(&mut knowledge.salt).map_err(EnrollError::Random)?;
        let verifier =
            self.computed(&knowledge, secret, principal).map_err(|error| match error {
                VerifyError::Memory => EnrollError::Memory,
                VerifyError::Pepper(fault) => EnrollError::Pepper(fault),
            })?;
        knowledge.verifier = verifier;
        Ok(knowledge)
    }

    /// Whether `secret` is that of `principal`, whose record is `record`; none is a principal that is not known.
    ///
    /// The attempt is on the flash before this is called, and `blind` says whether it is ([the module above](super)).
    ///
    /// # Trust
    /// The secret and the principal's name are the attacker's. The record comes from a store that has authenticated it.
    ///
    /// # Security
    /// A principal that is not known costs the same stretch, if all records were made with [`Passwords::stretch`]. A secret that is too long
    /// for any record costs none, which says nothing of the record.
    ///
    /// # Errors
    /// [`VerifyError`]: there is no verdict. It is neither a failure of the person nor a success.
    pub fn verify(
        &mut self,
        record: Option<&Knowledge>,
        secret: &[u8],
        principal: &[u8; 8],
        blind: &[u8; 32],
    ) -> Result<Verdict, VerifyError> {
        if secret.len() > SECRET_BYTES_MAX {
            return Ok(Verdict::no());
        }
        let nobody = Knowledge::nobody(self.stretch);
        // Nobody has no secret: his attempt is blinded besides.
        let (record, mask) = record.map_or((&nobody, u8::MAX), |record| (record, 0));
        let blind = blind.map(|byte| byte | mask);
        let computed = self.computed(record, secret, principal)?;
        Ok(compare(&record.verifier, &blind, &computed))
    }

    fn computed(
        &mut self,
        record: &Knowledge,
        secret: &[u8],
        principal: &[u8; 8],
    ) -> Result<Secret<32>, VerifyError> {
        let output =
            stretch::argon2id(self.memory, record.stretch, secret, &record.salt, &record.header())
                .map_err(|_: stretch::NotStretched| VerifyError::Memory)?;
        let input =
            Stretched { device: &self.device, principal, salt: &record.salt, output: &output };
        self.pepper.prf(&input).map_err(VerifyError::Pepper)
    }
}

impl<P: Pepper> core::fmt::Debug for Passwords<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Passwords")
    }
}
