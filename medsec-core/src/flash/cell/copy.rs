//! What a copy is, and what the copies of a page amount to.

use subtle::ConstantTimeEq;

use super::{COPIES, QUORUM};
use crate::codec::{Overflow, Reader, Writer};
use crate::flash::page::{self, Geometry, RECORD_BYTES_MAX};
use crate::hal::Flash;
use crate::key::MacKey;
use crate::secret::Secret;
use crate::suite::TAG_BYTES;

pub(super) const HEADER_BYTES: usize = 12;

const MAGIC: [u8; 4] = *b"MSC1";
const VERSION: u8 = 1;

/// What a copy stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Value,
    Tomb,
}

impl Role {
    const fn code(self) -> u8 {
        match self {
            Self::Value => 1,
            Self::Tomb => 2,
        }
    }
}

/// What a page showed at mount, or was given since.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PageState {
    /// Three equal copies of a value.
    Whole,
    /// Three tombs; two, if this boot wrote them and one slot does not hold data.
    Tombs,
    /// Anything else.
    Torn,
}

/// Where a copy is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) page: u32,
    pub(super) copy: u32,
}

impl Place {
    pub(super) fn offset<const VALUE: usize>(self, geometry: &Geometry) -> u32 {
        geometry.at(self.page, slot_bytes::<VALUE>(geometry).saturating_mul(self.copy))
    }

    /// What the MAC covers beside the copy: moved data is not valid.
    const fn bytes(self) -> [u8; 2] {
        [self.page.to_le_bytes()[0], self.copy.to_le_bytes()[0]]
    }
}

/// Bytes of a copy, rounded up to the unit.
pub(super) fn slot_bytes<const VALUE: usize>(geometry: &Geometry) -> u32 {
    let record = u32::try_from(VALUE.saturating_add(super::OVERHEAD_BYTES)).unwrap_or(u32::MAX);
    geometry.round_up(record)
}

/// The bytes before the value.
pub(super) const fn header(kind: u8, role: Role, epoch: u32) -> [u8; HEADER_BYTES] {
    let ([m0, m1, m2, m3], [e0, e1, e2, e3]) = (MAGIC, epoch.to_le_bytes());
    [m0, m1, m2, m3, VERSION, kind, role.code(), 0, e0, e1, e2, e3]
}

/// Puts a copy into `out`, and returns its length.
///
/// # Errors
/// [`Overflow`]: `out` is too small.
pub(super) fn encode<const VALUE: usize>(
    out: &mut [u8],
    header: [u8; HEADER_BYTES],
    value: &Secret<VALUE>,
    place: Place,
    mac: &MacKey,
) -> Result<usize, Overflow> {
    let tag = mac.tag(&[&header, value.expose(), &place.bytes()]);
    let mut writer = Writer::new(out);
    writer.bytes(&header)?;
    writer.bytes(value.expose())?;
    writer.bytes(&tag)?;
    Ok(writer.written())
}

/// A valid copy.
pub(super) struct Copy<const VALUE: usize> {
    role: Role,
    epoch: u32,
    value: Secret<VALUE>,
}

/// The copy at `place`, if it can be read and is valid. Reads it once.
pub(super) fn read<F: Flash, const VALUE: usize>(
    flash: &mut F,
    geometry: &Geometry,
    place: Place,
    kind: u8,
    mac: &MacKey,
) -> Option<Copy<VALUE>> {
    let slot = usize::try_from(slot_bytes::<VALUE>(geometry)).ok()?;
    let mut bytes = Secret::new([0; RECORD_BYTES_MAX]);
    let words = bytes.expose_mut().get_mut(..slot)?;
    page::read(flash, place.offset::<VALUE>(geometry), words).ok()?;
    let mut reader = Reader::new(words);
    let head: [u8; HEADER_BYTES] = reader.array().ok()?;
    let [_, _, _, _, _, _, role, _, e0, e1, e2, e3] = head;
    let role = match role {
        1 => Role::Value,
        2 => Role::Tomb,
        _ => return None,
    };
    let epoch = u32::from_le_bytes([e0, e1, e2, e3]);
    if head != header(kind, role, epoch) {
        return None;
    }
    let mut value = Secret::new([0; VALUE]);
    value.expose_mut().copy_from_slice(reader.bytes(VALUE).ok()?);
    let tag: [u8; TAG_BYTES] = reader.array().ok()?;
    mac.verify(&[&head, value.expose(), &place.bytes()], &tag).ok()?;
    Some(Copy { role, epoch, value })
}

/// What the copies of a page amount to.
pub(super) struct Shown<const VALUE: usize> {
    /// The highest epoch of a value, 0 if there is none.
    pub(super) epoch: u32,
    pub(super) value: Secret<VALUE>,
    /// Equal copies of that value.
    pub(super) copies: u32,
    tombs: u32,
}

impl<const VALUE: usize> Shown<VALUE> {
    pub(super) const fn nothing() -> Self {
        Self { epoch: 0, value: Secret::new([0; VALUE]), copies: 0, tombs: 0 }
    }

    pub(super) fn take(&mut self, read: Copy<VALUE>) {
        if read.role == Role::Tomb {
            self.tombs = self.tombs.saturating_add(1);
        } else if self.copies == 0 || read.epoch > self.epoch {
            (self.epoch, self.value, self.copies) = (read.epoch, read.value, 1);
        } else if read.epoch == self.epoch
            && bool::from(read.value.expose().ct_eq(self.value.expose()))
        {
            self.copies = self.copies.saturating_add(1);
        }
    }

    /// Orders pages with a value: what is believed before what is not, then by epoch.
    pub(super) const fn rank(&self) -> (bool, u32) {
        (self.copies >= QUORUM, self.epoch)
    }

    pub(super) const fn state(&self) -> PageState {
        match (self.copies, self.tombs) {
            (COPIES, _) => PageState::Whole,
            (_, COPIES) => PageState::Tombs,
            _ => PageState::Torn,
        }
    }

    /// Whether the page still shows what only a completed erase removes, and nothing newer than `base`: then no value
    /// newer than `base` was ever begun in it.
    pub(super) const fn is_behind(&self, base: u32) -> bool {
        if self.copies > 0 { self.epoch < base } else { self.tombs > 0 }
    }
}
