//! What a port implements for people: where the pepper is kept, and how the device knows that somebody stands before it.

use medsec_core::Secret;
use medsec_core::key::{Label, derive};
use medsec_core::time::Ticks;

/// How well the pepper is kept from who reads out the flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PepperStrength {
    /// It lies in the flash that holds the records: a dump has both.
    SameFlash,
    /// In a page or fuse that is locked against reading before the application runs.
    ReadLocked,
    /// In a part of its own that does not give it away.
    SecureElement,
}

mod sealed {
    pub trait Sealed {}
}

/// Where a pepper is kept: [`SameFlash`], [`ReadLocked`] or [`SecureElement`].
pub trait Keeping: sealed::Sealed {
    /// How well it is kept there.
    const STRENGTH: PepperStrength;
}

/// A pepper that a dump of the records does not have with it.
#[diagnostic::on_unimplemented(
    message = "a pepper kept as `{Self}` is read out with the records, so a short secret is guessed",
    note = "ask for a long secret (`Rules::only_factor`), or keep the pepper where the flash's reader has it not"
)]
pub trait Apart: Keeping {}

/// See [`PepperStrength::SameFlash`].
#[derive(Clone, Copy, Debug)]
pub struct SameFlash(());

/// See [`PepperStrength::ReadLocked`].
#[derive(Clone, Copy, Debug)]
pub struct ReadLocked(());

/// See [`PepperStrength::SecureElement`].
#[derive(Clone, Copy, Debug)]
pub struct SecureElement(());

impl sealed::Sealed for SameFlash {}
impl sealed::Sealed for ReadLocked {}
impl sealed::Sealed for SecureElement {}

impl Keeping for SameFlash {
    const STRENGTH: PepperStrength = PepperStrength::SameFlash;
}

impl Keeping for ReadLocked {
    const STRENGTH: PepperStrength = PepperStrength::ReadLocked;
}

impl Keeping for SecureElement {
    const STRENGTH: PepperStrength = PepperStrength::SecureElement;
}

impl Apart for ReadLocked {}
impl Apart for SecureElement {}

/// The part that keeps the pepper did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PepperFault;

impl core::fmt::Display for PepperFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("what keeps the pepper gave no answer")
    }
}

impl core::error::Error for PepperFault {}

/// What the pepper is applied to: a person's secret after it was stretched, and whose it is, where.
#[derive(Debug)]
pub struct Stretched<'a> {
    /// The device's id.
    pub device: &'a [u8; 16],
    /// Whose secret it is.
    pub principal: &'a [u8; 8],
    /// The salt it was stretched with.
    pub salt: &'a [u8; 16],
    /// What the stretch gave.
    pub output: &'a Secret<32>,
}

/// The device's pepper: a secret that enters every verifier, so that records alone are worth no guess.
pub trait Pepper {
    /// Where it is kept. A port that says better than it is breaks what [`crate::factor::password`] relies on.
    type Kept: Keeping;

    /// How well it is kept. It follows from [`Pepper::Kept`] and is not set by a port.
    const STRENGTH: PepperStrength = <Self::Kept as Keeping>::STRENGTH;

    /// The verifier: [`derive()`] from the pepper, with [`Label::AuthVerifier`] and the four fields of `input` in their order.
    ///
    /// A secure element computes it inside: HMAC-SHA-256 of label, 0x00, fields, 0x01.
    ///
    /// # Errors
    /// [`PepperFault`]: there is no verifier, and so no verdict.
    fn prf(&mut self, input: &Stretched<'_>) -> Result<Secret<32>, PepperFault>;
}

impl<P: Pepper> Pepper for &mut P {
    type Kept = P::Kept;

    fn prf(&mut self, input: &Stretched<'_>) -> Result<Secret<32>, PepperFault> {
        P::prf(self, input)
    }
}

/// A pepper that the firmware holds, as `K` says where. For [`SecureElement`] the port implements [`Pepper`] itself.
pub struct HeldPepper<K: Keeping> {
    pepper: Secret<32>,
    kept: core::marker::PhantomData<K>,
}

impl HeldPepper<SameFlash> {
    /// The pepper, from the flash that holds the records.
    #[must_use]
    pub const fn from_same_flash(pepper: Secret<32>) -> Self {
        Self { pepper, kept: core::marker::PhantomData }
    }
}

impl HeldPepper<ReadLocked> {
    /// The pepper, from a place that is locked against reading before the application runs.
    ///
    /// # Trust
    /// The early stage that reads it locks the place first, and hands it over in RAM that a dump of the flash has not.
    #[must_use]
    pub const fn from_read_locked(pepper: Secret<32>) -> Self {
        Self { pepper, kept: core::marker::PhantomData }
    }
}

impl<K: Keeping> Pepper for HeldPepper<K> {
    type Kept = K;

    fn prf(&mut self, input: &Stretched<'_>) -> Result<Secret<32>, PepperFault> {
        let fields: [&[u8]; 4] = [input.device, input.principal, input.salt, input.output.expose()];
        Ok(derive(&self.pepper, Label::AuthVerifier, &fields))
    }
}

impl<K: Keeping> core::fmt::Debug for HeldPepper<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HeldPepper")
    }
}

/// An input on the device that nobody works from afar: a key of the front panel, a switch behind a cover.
///
/// # Trust
/// A port that answers for a key which a link, a debug port or a script can press too gives emergency access to whoever
/// holds the link.
pub trait Panel {
    /// Whether the key was pressed since it was asked last. One press answers once.
    fn take_press(&mut self) -> bool;
}

impl<T: Panel> Panel for &mut T {
    fn take_press(&mut self) -> bool {
        T::take_press(self)
    }
}

/// Somebody is at the device. Only a [`Panel`] gives one; it is used once, soon, and there is no `Clone`. It is no factor.
///
/// ```compile_fail,E0451
/// use medsec_core::time::Ticks;
/// let forged = medsec_auth::hal::Presence { at: Ticks::from_millis(0) };
/// ```
#[derive(Debug)]
pub struct Presence {
    at: Ticks,
}

/// For how long a press counts, in milliseconds.
pub const PRESENCE_MS_MAX: u64 = 30_000;

impl Presence {
    /// Asks the panel; none if nobody pressed.
    #[must_use]
    pub fn ask<P: Panel>(panel: &mut P, now: Ticks) -> Option<Self> {
        panel.take_press().then_some(Self { at: now })
    }

    /// Whether the press still counts. Ticks that went back are no time that is left.
    #[must_use]
    pub fn is_fresh(&self, now: Ticks) -> bool {
        now >= self.at && now.millis_since(self.at) < PRESENCE_MS_MAX
    }
}
