//! Values that must not be seen: keys, and what belongs to a person.

use core::fmt;

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

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a personal value is looked at. Naming it makes every look findable.
#[derive(Debug)]
pub struct Purpose(());

impl Purpose {
    /// The value is used for the care of the patient it belongs to.
    pub const TREATMENT: Self = Self(());
}

/// A personal value. It cannot be printed, serialised, compared, hashed or logged.
///
/// Its only exits are to leave it out of a record, to have it encrypted into one, or [`Sensitive::expose`].
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
}
