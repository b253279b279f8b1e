//! The certificate of the device itself, and the number it is sold under, in a cell.
//!
//! # Layout
//! The value of a [cell](crate::flash::cell) of kind [`CELL_KIND`], [`VALUE_BYTES`] bytes: version 1, 1 if there is a certificate, two zeros, serial number
//! u64, certificate 184. Without one all behind the version is zero.
//!
//! # Power loss
//! That of a cell: the certificate is there, or it is not; which one of the two is settled before [`OwnCell::shown`] gives it. Once [`OwnCell::step`] is
//! done no page of before is left, which would count again where the newer one was erased.

use super::certificate::{CERTIFICATE_BYTES, Certificate};
use crate::codec::{DecodeError, Reader, Writer};
use crate::flash::cell::{Cell, FormatError, MountError, Progress};
use crate::flash::{Error, Region};
use crate::hal::Flash;
use crate::key::{Label, MacKey};
use crate::secret::Secret;
use crate::time::Pause;

/// The kind of the cell.
pub const CELL_KIND: u8 = 4;
/// Bytes of its value.
pub const VALUE_BYTES: usize = 12 + CERTIFICATE_BYTES;
const VERSION: u8 = 1;

/// What a device shows of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The serial number on its label, as its maker counts.
    pub serial: u64,
    /// What its issuer says of it.
    pub certificate: Certificate,
}

/// The cell that keeps it.
pub struct OwnCell(Cell<VALUE_BYTES>);

impl OwnCell {
    /// Erases the region, and makes a cell without a certificate. On the production line only.
    ///
    /// # Errors
    /// [`FormatError`]; format again.
    pub fn format<F: Flash>(
        flash: &mut F,
        region: Region,
        storage_root: &Secret<32>,
    ) -> Result<Self, FormatError> {
        let mut none = Secret::new([0; VALUE_BYTES]);
        if let Some(first) = none.expose_mut().first_mut() {
            *first = VERSION;
        }
        Cell::format(flash, region, CELL_KIND, mac(storage_root), none).map(Self)
    }

    /// Finds what is there; reads only.
    ///
    /// # Errors
    /// [`MountError`].
    pub fn mount<F: Flash>(
        flash: &mut F,
        region: Region,
        storage_root: &Secret<32>,
    ) -> Result<Self, MountError> {
        Cell::mount(flash, region, CELL_KIND, mac(storage_root)).map(Self)
    }

    /// What the device shows of itself; nothing before it has a certificate, while one is being stored, or where a cut has left
    /// something to do ([`OwnCell::step`]).
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        if self.0.needs_settle() { None } else { parse(self.0.value()).ok().flatten() }
    }

    /// Begins to store a certificate. Whether it is one of this device is for the caller.
    pub fn begin(&mut self, shown: &Shown) {
        let mut value = Secret::new([0; VALUE_BYTES]);
        let mut writer = Writer::new(value.expose_mut());
        // The value is made for these fields, so they fit.
        writer
            .bytes(&[VERSION, 1, 0, 0])
            .and_then(|()| writer.u64(shown.serial))
            .and_then(|()| writer.bytes(&shown.certificate.to_bytes()))
            .unwrap_or_default();
        self.0.begin_replace(value);
        // What was before is no certificate; a page of it would be one, if this one's page were erased.
        self.0.begin_forget();
    }

    /// Whether [`OwnCell::step`] has something to do before anything is shown.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.0.is_busy() || self.0.needs_settle() || self.0.live_pages() > 1
    }

    /// Does one operation of storing, or of what a cut has left to do.
    ///
    /// # Errors
    /// The part's. What was being stored is given up, and the cell settles on what there was, or on that.
    pub fn step<F: Flash>(&mut self, flash: &mut F, pause: &Pause<'_>) -> Result<Progress, Error> {
        // Also where a cut has left the page of before.
        if !self.0.is_busy() && self.is_due() {
            self.0.begin_forget();
        }
        self.0.step(flash, pause)
    }
}

impl core::fmt::Debug for OwnCell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OwnCell").field("shown", &self.shown()).finish()
    }
}

fn mac(storage_root: &Secret<32>) -> MacKey {
    MacKey::derive(storage_root, Label::OwnCertificate)
}

fn parse(value: &Secret<VALUE_BYTES>) -> Result<Option<Shown>, DecodeError> {
    let mut reader = Reader::new(value.expose());
    let [version, has_one, ..]: [u8; 4] = reader.array()?;
    if version != VERSION || has_one > 1 {
        return Err(DecodeError::Reserved);
    }
    let serial = reader.u64()?;
    let bytes = reader.bytes(CERTIFICATE_BYTES)?;
    if has_one == 0 {
        return Ok(None);
    }
    let certificate = Certificate::parse(bytes).map_err(|_| DecodeError::Reserved)?;
    Ok(Some(Shown { serial, certificate }))
}
