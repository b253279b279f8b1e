//! What an issuer has revoked, and what a device keeps of it.

use core::num::NonZeroU32;

use super::Day;
use super::certificate::Certificate;
use super::trust::Trusted;
use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::key::KID_BYTES;
use crate::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES, SignError};
use crate::suite::NotAuthentic;

/// Most serial numbers that a state revokes one by one. An issuer with more opens a new epoch.
pub const REVOKED_MAX: usize = 32;
/// Bytes of the longest state.
pub const STATE_BYTES_MAX: usize = HEAD_BYTES + 4 * REVOKED_MAX + SIGNATURE_BYTES;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 24;

/// Why bytes are no state, or a state was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StateError {
    /// Too short or too long.
    Layout(DecodeError),
    /// Another version.
    Version,
    /// More than [`REVOKED_MAX`] serials, serials that do not rise, a serial or number 0, or a day that does not exist.
    Claims,
    /// Signed by another key than that of the issuer it is kept for.
    NotAuthentic,
    /// Not newer than the state the device has.
    Old,
    /// It takes back what an older one said: a lower epoch or permit number, or a serial that is revoked no more.
    TakesBack,
}

impl core::fmt::Display for StateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Version => f.write_str("issuer state of another version"),
            Self::Claims => f.write_str("list that no issuer makes"),
            Self::NotAuthentic => f.write_str("not signed by this issuer"),
            Self::Old => f.write_str("not newer than the one in force"),
            Self::TakesBack => f.write_str("takes back a revocation"),
        }
    }
}

impl core::error::Error for StateError {}

impl From<DecodeError> for StateError {
    fn from(error: DecodeError) -> Self {
        Self::Layout(error)
    }
}

/// Serial numbers in rising order.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Serials {
    /// Those that are not used are `None`, behind all others.
    list: [Option<NonZeroU32>; REVOKED_MAX],
}

impl Serials {
    const NONE: Self = Self { list: [None; REVOKED_MAX] };

    /// Those of `rising`.
    fn of(rising: impl ExactSizeIterator<Item = u32>) -> Option<Self> {
        let mut serials = Self::NONE;
        if rising.len() > REVOKED_MAX {
            return None;
        }
        let mut last = 0;
        for (slot, serial) in serials.list.iter_mut().zip(rising) {
            // Serial 0 fails here too.
            if serial <= last {
                return None;
            }
            (*slot, last) = (NonZeroU32::new(serial), serial);
        }
        Some(serials)
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        self.list.iter().flatten().map(|serial| serial.get())
    }

    fn has(&self, serial: u32) -> bool {
        self.iter().any(|revoked| revoked == serial)
    }
}

/// What an issuer says of the certificates it made: signed, numbered, and handed on by anyone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssuerState {
    day: Day,
    number: u32,
    issuer: [u8; KID_BYTES],
    min_epoch: u32,
    min_permit: u32,
    revoked: Serials,
    signature: [u8; SIGNATURE_BYTES],
}

/// What goes into an [`IssuerState`].
#[derive(Clone, Copy, Debug)]
pub struct Revoking<'a> {
    /// The day on which it is made.
    pub day: Day,
    /// Rises with each state of an issuer's key; starts at 1.
    pub number: u32,
    /// Certificates of older epochs hold no more. Devices have no epoch.
    pub min_epoch: u32,
    /// Permits with lower numbers hold no more.
    pub min_permit: u32,
    /// Serial numbers of certificates that hold no more, in rising order.
    pub revoked: &'a [u32],
}

impl IssuerState {
    /// Signs a state with the issuer's key.
    ///
    /// # Errors
    /// [`StateError::Claims`]: the serials are too many, do not rise, or one is 0, or so is the number. A failed signature is
    /// [`StateError::NotAuthentic`].
    pub fn sign(revoking: &Revoking<'_>, key: &DeviceKey) -> Result<Self, StateError> {
        if revoking.number == 0 {
            return Err(StateError::Claims);
        }
        let mut state = Self {
            day: revoking.day,
            number: revoking.number,
            issuer: key.public().kid(),
            min_epoch: revoking.min_epoch,
            min_permit: revoking.min_permit,
            revoked: Serials::of(revoking.revoked.iter().copied()).ok_or(StateError::Claims)?,
            signature: [0; SIGNATURE_BYTES],
        };
        let mut buffer = [0; STATE_BYTES_MAX];
        let signed = state.signed(&mut buffer);
        state.signature = key
            .sign(Context::IssuerState, &[signed])
            .map_err(|_: SignError| StateError::NotAuthentic)?;
        Ok(state)
    }

    /// Parses 88 to [`STATE_BYTES_MAX`] bytes. The signature is not looked at.
    ///
    /// # Errors
    /// [`StateError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(StateError::Version);
        }
        let count = usize::from(reader.u8()?);
        let day = Day::of(reader.u16()?).ok_or(StateError::Claims)?;
        let (number, issuer) = (reader.u32()?, reader.array()?);
        let (min_epoch, min_permit) = (reader.u32()?, reader.u32()?);
        if count > REVOKED_MAX || number == 0 {
            return Err(StateError::Claims);
        }
        let listed = reader.bytes(count.saturating_mul(4))?;
        let (serials, _) = listed.as_chunks();
        let serials = serials.iter().copied().map(u32::from_le_bytes);
        let revoked = Serials::of(serials).ok_or(StateError::Claims)?;
        let signature = reader.array()?;
        reader.finish()?;
        Ok(Self { day, number, issuer, min_epoch, min_permit, revoked, signature })
    }

    /// Writes the bytes to the front of `buffer` and returns them.
    #[must_use]
    pub fn to_bytes<'b>(&self, buffer: &'b mut [u8; STATE_BYTES_MAX]) -> &'b [u8] {
        let mut writer = Writer::new(buffer);
        // The buffer has the length of the longest.
        self.write(&mut writer).and_then(|()| writer.bytes(&self.signature)).unwrap_or_default();
        let length = writer.written();
        buffer.get(..length).unwrap_or_default()
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        let count = self.revoked.iter().fold(0_u8, |count, _| count.saturating_add(1));
        writer.bytes(&[VERSION, count])?;
        writer.u16(self.day.number())?;
        writer.u32(self.number)?;
        writer.bytes(&self.issuer)?;
        writer.u32(self.min_epoch)?;
        writer.u32(self.min_permit)?;
        self.revoked.iter().try_for_each(|serial| writer.u32(serial))
    }

    fn signed<'b>(&self, buffer: &'b mut [u8; STATE_BYTES_MAX]) -> &'b [u8] {
        let length = self.to_bytes(buffer).len().saturating_sub(SIGNATURE_BYTES);
        buffer.get(..length).unwrap_or_default()
    }

    /// Whether the key that its issuer id names signed it.
    ///
    /// # Errors
    /// [`NotAuthentic`]: another key did, or something was changed.
    pub fn verify(&self, issuer: &PublicKey) -> Result<(), NotAuthentic> {
        if self.issuer != issuer.kid() {
            return Err(NotAuthentic);
        }
        let mut buffer = [0; STATE_BYTES_MAX];
        issuer.verify(Context::IssuerState, &[self.signed(&mut buffer)], &self.signature)
    }

    /// Id of the issuer's key.
    #[must_use]
    pub const fn issuer(&self) -> [u8; KID_BYTES] {
        self.issuer
    }

    /// The day on which it was made.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// Its number; the next one has a higher.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The epoch that the issuer wants certificates to have at least.
    #[must_use]
    pub const fn min_epoch(&self) -> u32 {
        self.min_epoch
    }

    /// The number that permits have at least.
    #[must_use]
    pub const fn min_permit(&self) -> u32 {
        self.min_permit
    }

    /// The serial numbers it revokes, in rising order.
    pub fn revoked(&self) -> impl Iterator<Item = u32> {
        self.revoked.iter()
    }
}

impl core::fmt::Debug for IssuerState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IssuerState")
            .field("number", &self.number)
            .field("min_epoch", &self.min_epoch)
            .finish_non_exhaustive()
    }
}

/// What a device keeps of an issuer: its newest state, and the epoch in force.
///
/// A list of serials counts at once, whoever brought it, if it holds all that the one before held. So an issuer drops no serial of a device, which
/// has no epoch, ever, and none of others before its new epoch is in force wherever it counts. The epoch rises only when a holder whom it leaves valid is
/// there to see it: a thief of the issuer's key could otherwise shut everyone out of a device that no one can reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssuerRecord {
    state: IssuerState,
    min_epoch: u32,
}

impl IssuerRecord {
    /// What is kept after `state` came in, when `stored` was kept before it.
    ///
    /// `witness` is the peer of the session in which it came. The epoch rises to what the state says if the same issuer
    /// made the witness's certificate, and the state leaves it valid.
    ///
    /// # Errors
    /// [`StateError`]; `stored` then stays in force.
    pub fn after(
        stored: Option<&Self>,
        state: &IssuerState,
        issuer: &PublicKey,
        witness: Option<&Trusted>,
    ) -> Result<Self, StateError> {
        state.verify(issuer).map_err(|NotAuthentic| StateError::NotAuthentic)?;
        let (number, min_epoch, min_permit) = stored.map_or((0, 0, 0), |record| {
            (record.state.number, record.min_epoch, record.state.min_permit)
        });
        if stored.is_some_and(|record| record.state.issuer != state.issuer) {
            return Err(StateError::NotAuthentic);
        }
        if state.number <= number {
            return Err(StateError::Old);
        }
        let is_witnessed = witness.is_some_and(|peer| {
            let claims = peer.certificate().claims();
            claims.issuer == state.issuer
                && state.min_epoch <= claims.epoch
                && !state.revoked.has(claims.serial)
        });
        let in_force = if is_witnessed { state.min_epoch } else { min_epoch };
        let is_kept = |serial: u32| state.revoked.has(serial);
        let keeps_all = stored.is_none_or(|record| record.state.revoked.iter().all(is_kept));
        if state.min_epoch < min_epoch
            || state.min_permit < min_permit
            || !(keeps_all || in_force > min_epoch)
        {
            return Err(StateError::TakesBack);
        }
        Ok(Self { state: *state, min_epoch: in_force })
    }

    /// The newest state.
    #[must_use]
    pub const fn state(&self) -> &IssuerState {
        &self.state
    }

    /// The epoch in force.
    #[must_use]
    pub const fn min_epoch(&self) -> u32 {
        self.min_epoch
    }

    /// Whether the certificate is revoked one by one.
    pub(super) fn revokes(&self, certificate: &Certificate) -> bool {
        self.state.revoked.has(certificate.claims().serial)
    }
}
