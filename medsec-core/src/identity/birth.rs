//! What a device is born with: the four secrets that all others come from, in a cell of their own.
//!
//! They are drawn once, on the production line, from a source that is good, and never leave the device. [`BirthCell`] keeps them until they
//! are erased for good.
//!
//! # Layout
//! The value of a [cell](crate::flash::cell) of kind [`CELL_KIND`], [`VALUE_BYTES`] bytes: version 1, three zeros, storage root, seed of the signing
//! key, secret of the agreement key, pepper, 32 each.
//!
//! # Trust
//! The MAC of the cell is under the secret that the *part* itself has: a fuse, a key store, a page that is locked before the application runs. On
//! a part that has none its unique number takes the place, which is no secret: damage is found then, and whoever writes to the flash is
//! not. He has the secrets in clear in any case.
//!
//! # Power loss
//! That of a cell. A cut while it is made leaves either nothing, or the secrets, which nothing has used yet; [`BirthCell::secrets`]
//! gives none that could still become others.

use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::flash::cell::{Cell, FormatError, MountError, Progress};
use crate::flash::{Error, Region};
use crate::hal::{EntropySource, Flash};
use crate::key::{Label, MacKey};
use crate::rng::{Random, RandomError};
use crate::secret::Secret;
use crate::time::Pause;

/// The kind of the cell.
pub const CELL_KIND: u8 = 3;
/// Bytes of its value.
pub const VALUE_BYTES: usize = 132;
const VERSION: u8 = 1;

/// The secrets that a device is born with. No two devices have one in common. Wiped on drop, prints nothing.
pub struct Birth {
    /// Root of the keys for data at rest.
    pub storage_root: Secret<32>,
    /// Seed of the key that signs. It makes the device's id.
    pub signing_seed: Secret<32>,
    /// Secret of the key for links.
    pub agreement: Secret<32>,
    /// Enters every verifier of a person's secret; of no use to a part that keeps a pepper elsewhere.
    pub pepper: Secret<32>,
}

impl Birth {
    /// Draws them.
    ///
    /// # Trust
    /// Where the noise of the part is weak, `random` was started with a seed from the station, over a line that nobody else reads. Two
    /// devices of one seed and no noise are the same device.
    ///
    /// # Errors
    /// [`RandomError`]: no device is made without randomness.
    pub fn draw<E: EntropySource>(random: &mut Random<E>) -> Result<Self, RandomError> {
        let mut draw = || {
            let mut secret = Secret::new([0; 32]);
            random.fill(secret.expose_mut()).map(|()| secret)
        };
        Ok(Self {
            storage_root: draw()?,
            signing_seed: draw()?,
            agreement: draw()?,
            pepper: draw()?,
        })
    }

    fn encode(&self) -> Secret<VALUE_BYTES> {
        let mut value = Secret::new([0; VALUE_BYTES]);
        let secrets = [&self.storage_root, &self.signing_seed, &self.agreement, &self.pepper];
        let mut writer = Writer::new(value.expose_mut());
        // The value is made for these fields, so they fit.
        let head = writer.bytes(&[VERSION, 0, 0, 0]);
        secrets
            .into_iter()
            .fold(head, |written: Result<(), Overflow>, secret| {
                written.and_then(|()| writer.bytes(secret.expose()))
            })
            .unwrap_or_default();
        value
    }

    fn parse(value: &Secret<VALUE_BYTES>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(value.expose());
        if reader.u8()? != VERSION {
            return Err(DecodeError::Reserved);
        }
        reader.zeros(3)?;
        let mut read = || {
            let mut secret = Secret::new([0; 32]);
            secret.expose_mut().copy_from_slice(reader.bytes(32)?);
            Ok(secret)
        };
        let birth = Self {
            storage_root: read()?,
            signing_seed: read()?,
            agreement: read()?,
            pepper: read()?,
        };
        reader.finish()?;
        Ok(birth)
    }
}

impl core::fmt::Debug for Birth {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Birth")
    }
}

/// The cell that keeps them.
pub struct BirthCell(Cell<VALUE_BYTES>);

impl BirthCell {
    /// Erases the region, and makes the device that these secrets are.
    ///
    /// # Security
    /// On the production line, and only because the line says so: whatever was there is gone, and with it all that hung on it. A device that
    /// does not find its secrets does not make new ones by itself.
    ///
    /// # Errors
    /// [`FormatError`]; format again.
    pub fn format<F: Flash>(
        flash: &mut F,
        region: Region,
        part: &Secret<32>,
        birth: &Birth,
    ) -> Result<Self, FormatError> {
        Cell::format(flash, region, CELL_KIND, mac(part), birth.encode()).map(Self)
    }

    /// Finds the secrets; reads only.
    ///
    /// # Errors
    /// [`MountError`].
    pub fn mount<F: Flash>(
        flash: &mut F,
        region: Region,
        part: &Secret<32>,
    ) -> Result<Self, MountError> {
        Cell::mount(flash, region, CELL_KIND, mac(part)).map(Self)
    }

    /// The secrets; none before [`BirthCell::settle`] is done where a cut has left something to do, and none of another version.
    #[must_use]
    pub fn secrets(&self) -> Option<Birth> {
        if self.0.needs_settle() { None } else { Birth::parse(self.0.value()).ok() }
    }

    /// Does one operation of what a cut has left to do, if anything.
    ///
    /// # Errors
    /// The part's; it is begun again.
    pub fn settle<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
    ) -> Result<Progress, Error> {
        if !self.0.is_busy() {
            if !self.0.needs_settle() {
                return Ok(Progress::Done);
            }
            self.0.begin_replace(self.0.value().duplicate());
        }
        self.0.step(flash, pause)
    }
}

impl core::fmt::Debug for BirthCell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BirthCell")
    }
}

fn mac(part: &Secret<32>) -> MacKey {
    MacKey::derive(part, Label::Birth)
}
