//! Values that must not be seen: keys, and what belongs to a person.
//!
//! | type | holds | shows | exits |
//! |---|---|---|---|
//! | [`Secret`] | a key, a seed, a password | its type name | [`Secret::expose`], for a cipher |
//! | [`Sensitive`] | what belongs to a person | nothing at all | omitted, encrypted into a record, [`Sensitive::expose`] |
//!
//! Both are wiped on drop. Neither has a feature, flag or environment variable that makes it talk (invariant 12). The
//! programs under `tests/compile_fail` show, one misuse each, that the exits [`Sensitive`] lacks do not compile.
//!
//! # Security
//! A wipe covers the place the value lies in when it is dropped. A move may leave bytes behind in a register or a stack
//! slot that the compiler chose; keep a value where it was made and lend it.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of `N` bytes. Wiped on drop, prints nothing, compares in constant time only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the secret over. The caller wipes its own copy.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a cipher or a key derivation.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes, to be filled in place.
    #[must_use]
    pub const fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }

    /// A second copy, wiped on its own drop. There is no `Clone`, so that each copy is seen in review.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl<const N: usize> ConstantTimeEq for Secret<N> {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a personal value is looked at. Naming it makes every look findable.
///
/// There is no constructor: a purpose that is not listed here does not exist, and a search for `Purpose::` finds every
/// place where a personal value leaves its wrapper.
#[derive(Debug)]
pub struct Purpose(());

impl Purpose {
    /// The value is used for the care of the patient it belongs to.
    pub const TREATMENT: Self = Self(());
    /// The value is handed to the person it belongs to, or to someone that person or the law lets have it.
    pub const DISCLOSURE: Self = Self(());
}

/// A personal value. It cannot be printed, serialised, compared, hashed, copied or logged.
///
/// Its only exits are to leave it out of a record, to have it encrypted into one (both by [`crate::events!`]), or
/// [`Sensitive::expose`]. There is no `Debug`, not even an empty one: a type that holds a personal value then cannot
/// derive `Debug` by accident, and says by hand what of it may be seen.
///
/// # Security
/// What was exposed is a plain reference again; the wrapper cannot follow it. Length is part of a type such as
/// `Sensitive<[u8; 16]>`, so it says nothing about the person.
///
/// # Example
/// ```
/// use medsec_core::{Purpose, Sensitive};
/// type PatientNumber = Sensitive<[u8; 8]>;
///
/// let patient = PatientNumber::new(*b"00471193");
/// assert_eq!(patient.expose(&Purpose::TREATMENT), b"00471193");
/// ```
/// ```compile_fail,E0277
/// let patient = medsec_core::Sensitive::new(*b"00471193");
/// println!("{patient:?}");
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Takes the value over.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for a stated purpose.
    #[must_use]
    pub const fn expose(&self, purpose: &Purpose) -> &T {
        let _ = purpose;
        &self.0
    }

    /// The value, to be encrypted at once. Used where events are encoded and nowhere else.
    pub(crate) const fn expose_to_seal(&self) -> &T {
        &self.0
    }
}
