//! What is allowed from outside, once, to one device: service access, recovery, a downgrade, return to claim.
//!
//! | step | type | what it shows |
//! |---|---|---|
//! | asked | [`desk::Desk`] | the device made a challenge in this boot, for one action |
//! | written | [`Unsigned`] | outside, what is to be allowed, and who has to sign it |
//! | read | [`Permit`] | the bytes have the layout; anyone can write them |
//! | verified | [`desk::Permitted`] | keys of this device allow it, in answer to that challenge, and it was not used before |
//!
//! [`rule`] says who may sign what. A permit needs no clock and no counter on flash: it names a challenge, which is in RAM
//! only, and is used up by the first good permit.

pub mod desk;
pub mod rule;

use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::key::{Context, DeviceKey, KID_BYTES, PublicKey, SIGNATURE_BYTES};
use crate::suite::NotAuthentic;
use rule::{Carries, Rule};

/// Most signatures of a permit.
pub const SIGNERS_MAX: usize = 2;
/// Bytes that each signer signs.
pub const BODY_BYTES: usize = 116;
/// Bytes of the longest permit.
pub const PERMIT_BYTES_MAX: usize = BODY_BYTES + SIGNERS_MAX * SIGNATURE_BYTES;

const VERSION: u8 = 1;
/// The digest and the signer that are none.
const NO_DIGEST: [u8; 32] = [0; 32];
const NO_SIGNER: [u8; KID_BYTES] = [0; KID_BYTES];

const _: () = assert!(PERMIT_BYTES_MAX == 244 && BODY_BYTES <= crate::key::SIGNED_BYTES_MAX);

/// What a permit allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Action {
    /// A service person of the maker works on the device, with some of his roles, for some hours.
    Service,
    /// A new claim starts, because the owner's administrators are locked out. It opens no session.
    Recovery,
    /// One image is installed whose security version is below the floor.
    Downgrade,
    /// A device that erased its owner's data waits for an owner again.
    ReturnToClaim,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Service, Self::Recovery, Self::Downgrade, Self::ReturnToClaim];

    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Service => 1,
            Self::Recovery => 2,
            Self::Downgrade => 3,
            Self::ReturnToClaim => 4,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.code() == code)
    }
}

/// A set of actions: bit n is the action whose code is n.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Actions(u8);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);

    /// The actions of `list`.
    #[must_use]
    pub const fn of(list: &[Action]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            bits |= 1 << first.code();
            rest = others;
        }
        Self(bits)
    }

    /// Whether `action` is among them.
    #[must_use]
    pub const fn has(self, action: Action) -> bool {
        self.0 & (1 << action.code()) != 0
    }
}

/// What the run of a permit is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Binding {
    /// The device's challenge as it is.
    Challenge,
    /// [`permit_run`](crate::key::permit_run) of the challenge and of the handshake hash of the link on which it is used.
    Link,
}

impl Binding {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Challenge, Self::Link];

    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Challenge => 1,
            Self::Link => 2,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|binding| binding.code() == code)
    }
}

/// Why bytes are no permit, or none can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PermitError {
    /// Too short, too long, or a reserved byte is set.
    Layout(DecodeError),
    /// Another version.
    Version,
    /// An action or a binding that does not exist.
    Unknown,
    /// A number, binding, digest, mask, value or time to live that a permit for its action cannot have.
    Terms,
    /// More or fewer signers than its action asks for, one twice, in another order than that of their ids, or one who was
    /// not named.
    Signers,
    /// A signature is missing, or could not be made.
    Unsigned,
}

impl core::fmt::Display for PermitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Version => f.write_str("permit of another version"),
            Self::Unknown => f.write_str("unknown action or binding"),
            Self::Terms => f.write_str("terms that its action cannot have"),
            Self::Signers => f.write_str("signers that its action cannot have"),
            Self::Unsigned => f.write_str("a signature is missing"),
        }
    }
}

impl core::error::Error for PermitError {}

impl From<DecodeError> for PermitError {
    fn from(error: DecodeError) -> Self {
        Self::Layout(error)
    }
}

/// What a permit says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What it allows.
    pub action: Action,
    /// What [`run`](Self::run) is.
    pub binding: Binding,
    /// Number of the permit, at least 1. It rises with each permit of a signer; a state of his can end all below one.
    pub number: u32,
    /// The device that it is for.
    pub device: [u8; 16],
    /// The run that it answers.
    pub run: [u8; 32],
    /// Of service, the SHA-256 of the holder's certificate; of a downgrade, that of the manifest; zero for others.
    pub digest: [u8; 32],
    /// Of service, the roles that the holder has, one bit each, in the lowest 8; zero for others.
    pub mask: u32,
    /// Of service, the maker's number of the reason; of a downgrade, the security version to which the floor falls; zero for
    /// others.
    pub value: u32,
    /// How long it holds from when the device took it, in seconds. Each action has a longest.
    pub ttl_seconds: u16,
}

impl Terms {
    fn write(
        &self,
        signers: &[[u8; KID_BYTES]; SIGNERS_MAX],
        writer: &mut Writer<'_>,
    ) -> Result<(), Overflow> {
        let count = if signers.last() == Some(&NO_SIGNER) { 1 } else { 2 };
        writer.bytes(&[VERSION, self.action.code(), self.binding.code(), count])?;
        writer.u32(self.number)?;
        writer.bytes(&self.device)?;
        writer.bytes(&self.run)?;
        writer.bytes(&self.digest)?;
        writer.u32(self.mask)?;
        writer.u32(self.value)?;
        writer.u16(self.ttl_seconds)?;
        writer.u16(0)?;
        signers.iter().try_for_each(|signer| writer.bytes(signer))
    }

    /// Whether a permit for its action can say this.
    fn check(&self) -> Result<(), PermitError> {
        let rule = Rule::of(self.action);
        let has_digest = self.digest != NO_DIGEST;
        let carries_its_own = match rule.carries {
            Carries::Access => has_digest && self.mask != 0 && u8::try_from(self.mask).is_ok(),
            Carries::Image => has_digest && self.mask == 0,
            Carries::Nothing => !has_digest && self.mask == 0 && self.value == 0,
        };
        let is_sound = carries_its_own
            && self.number > 0
            && self.ttl_seconds > 0
            && self.ttl_seconds <= rule.ttl_seconds_max
            && (self.binding == Binding::Challenge || rule.carries == Carries::Access);
        if is_sound { Ok(()) } else { Err(PermitError::Terms) }
    }
}

impl core::fmt::Debug for Terms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Terms")
            .field("action", &self.action)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Ids of one or two keys in rising order, so that a permit has one encoding. The second is zero if there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Signers([[u8; KID_BYTES]; SIGNERS_MAX]);

impl Signers {
    /// Of a permit for `action`, which at least one group of signers of that number can allow.
    fn checked(self, action: Action) -> Result<Self, PermitError> {
        let [first, second] = self.0;
        let is_ordered = second == NO_SIGNER || first < second;
        let suits = |quorum: &rule::Quorum| usize::from(quorum.signatures) == self.count();
        let is_asked_for = Rule::of(action).quorums.iter().any(suits);
        if is_ordered && is_asked_for { Ok(self) } else { Err(PermitError::Signers) }
    }

    const fn count(&self) -> usize {
        if let [_, NO_SIGNER] = self.0 { 1 } else { SIGNERS_MAX }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8; KID_BYTES]> {
        self.0.iter().take(self.count())
    }
}

/// A permit that was parsed and not verified.
///
/// It has one encoding: what parses is written again byte for byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    terms: Terms,
    signers: Signers,
    /// That of a second signer is zero if there is none.
    signatures: [[u8; SIGNATURE_BYTES]; SIGNERS_MAX],
}

impl Permit {
    /// Parses 180 or [`PERMIT_BYTES_MAX`] bytes. The signatures are not looked at.
    ///
    /// # Errors
    /// [`PermitError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, PermitError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(PermitError::Version);
        }
        let action = Action::of(reader.u8()?).ok_or(PermitError::Unknown)?;
        let binding = Binding::of(reader.u8()?).ok_or(PermitError::Unknown)?;
        let count = usize::from(reader.u8()?);
        let number = reader.u32()?;
        let (device, run, digest) = (reader.array()?, reader.array()?, reader.array()?);
        let (mask, value, ttl_seconds) = (reader.u32()?, reader.u32()?, reader.u16()?);
        reader.zeros(2)?;
        let signers = Signers([reader.array()?, reader.array()?]);
        if signers.count() != count {
            return Err(PermitError::Signers);
        }
        let first = reader.array()?;
        let second = if count == SIGNERS_MAX { reader.array()? } else { [0; SIGNATURE_BYTES] };
        reader.finish()?;
        let terms =
            Terms { action, binding, number, device, run, digest, mask, value, ttl_seconds };
        terms.check()?;
        Ok(Self { terms, signers: signers.checked(action)?, signatures: [first, second] })
    }

    /// What it says, which nobody may have signed.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Ids of the keys that it says have signed it, in rising order.
    pub fn signers(&self) -> impl Iterator<Item = &[u8; KID_BYTES]> {
        self.signers.iter()
    }

    /// Writes the bytes to the front of `buffer` and returns them.
    #[must_use]
    pub fn to_bytes<'b>(&self, buffer: &'b mut [u8; PERMIT_BYTES_MAX]) -> &'b [u8] {
        let mut writer = Writer::new(buffer);
        let signatures = self.signatures.iter().take(self.signers.count());
        // The buffer has the length of the longest.
        self.terms
            .write(&self.signers.0, &mut writer)
            .and_then(|()| signatures.copied().try_for_each(|signature| writer.bytes(&signature)))
            .unwrap_or_default();
        let length = writer.written();
        buffer.get(..length).unwrap_or_default()
    }

    /// Ids of the signers, each with what is said to be his signature.
    fn signed(&self) -> impl Iterator<Item = (&[u8; KID_BYTES], &[u8; SIGNATURE_BYTES])> {
        self.signers.iter().zip(&self.signatures)
    }

    /// Whether `signature` is that of `signer` over this permit.
    fn verify(
        &self,
        signer: &PublicKey,
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), NotAuthentic> {
        signer.verify(Context::Permit, &[&body(&self.terms, &self.signers)], signature)
    }
}

impl core::fmt::Debug for Permit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Permit").field(&self.terms).finish()
    }
}

/// What each signer signs. It names all of them, so that no signature can be left out or exchanged.
fn body(terms: &Terms, signers: &Signers) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    // The buffer has the length of the layout.
    terms.write(&signers.0, &mut Writer::new(&mut body)).unwrap_or_default();
    body
}

/// A permit that is being signed, outside of the device.
///
/// # Security
/// Whoever signs reads the terms first. A service that signs for another asks him for proof of the key in his certificate, and
/// looks up whether that is still good: the device cannot.
#[derive(Clone)]
pub struct Unsigned {
    terms: Terms,
    signers: Signers,
    signatures: [Option<[u8; SIGNATURE_BYTES]>; SIGNERS_MAX],
}

impl Unsigned {
    /// The permit with these terms, to be signed by all of `signers`, who are named in any order.
    ///
    /// # Errors
    /// [`PermitError::Terms`] or [`PermitError::Signers`]: no device would take it. Whether one takes it from these signers, it
    /// decides by its anchors.
    pub fn new(terms: Terms, signers: &[PublicKey]) -> Result<Self, PermitError> {
        terms.check()?;
        let named = match signers {
            [only] => [only.kid(), NO_SIGNER],
            [one, other] => {
                let (one, other) = (one.kid(), other.kid());
                [one.min(other), one.max(other)]
            }
            _ => return Err(PermitError::Signers),
        };
        let signers = Signers(named).checked(terms.action)?;
        Ok(Self { terms, signers, signatures: [None; SIGNERS_MAX] })
    }

    /// The 116 bytes that each of them signs for [`Context::Permit`].
    #[must_use]
    pub fn to_be_signed(&self) -> [u8; BODY_BYTES] {
        body(&self.terms, &self.signers)
    }

    /// Adds a signature made elsewhere, by a module that keeps the signer's key.
    ///
    /// # Errors
    /// [`PermitError::Signers`]: `signer` is none of those who were named. [`PermitError::Unsigned`]: it is not his signature
    /// over this permit. Nothing was added.
    pub fn add_signature(
        &mut self,
        signature: [u8; SIGNATURE_BYTES],
        signer: &PublicKey,
    ) -> Result<(), PermitError> {
        let kid = signer.kid();
        let mut slots = self.signers.iter().zip(&mut self.signatures);
        let (_, slot) = slots.find(|(named, _)| **named == kid).ok_or(PermitError::Signers)?;
        signer
            .verify(Context::Permit, &[&body(&self.terms, &self.signers)], &signature)
            .map_err(|NotAuthentic| PermitError::Unsigned)?;
        *slot = Some(signature);
        Ok(())
    }

    /// Signs with a key in memory.
    ///
    /// # Errors
    /// As for [`add_signature`](Self::add_signature).
    pub fn sign(&mut self, signer: &DeviceKey) -> Result<(), PermitError> {
        let signature = signer
            .sign(Context::Permit, &[&self.to_be_signed()])
            .map_err(|_| PermitError::Unsigned)?;
        self.add_signature(signature, &signer.public())
    }

    /// The permit, once all have signed.
    ///
    /// # Errors
    /// [`PermitError::Unsigned`]: a signature is missing.
    pub fn finish(self) -> Result<Permit, PermitError> {
        let [first, second] = self.signatures;
        let first = first.ok_or(PermitError::Unsigned)?;
        let second = if self.signers.count() == SIGNERS_MAX {
            second.ok_or(PermitError::Unsigned)?
        } else {
            [0; SIGNATURE_BYTES]
        };
        Ok(Permit { terms: self.terms, signers: self.signers, signatures: [first, second] })
    }
}

impl core::fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Unsigned")
    }
}
