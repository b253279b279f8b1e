//! The certificate on flash: where it is handed out from, and what stands for a device that has no identity any more.

use super::certificate::{CERTIFICATE_BYTES_MAX, Certificate};
use super::place;
use super::plan::Plan;
use super::{Outcome, SanitizeError};
use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::flash::page::{self, Geometry};
use crate::hal::Flash;
use crate::key::sha256;

/// Bytes that are programmed at once.
pub(super) const PIECE_BYTES: usize = 256;
/// Bytes that are stored: whole pieces.
pub(super) const STORED_BYTES: usize = 3 * PIECE_BYTES;

const HEAD_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"MSEC";
const VERSION: u8 = 1;

const _: () = assert!(HEAD_BYTES + CERTIFICATE_BYTES_MAX <= STORED_BYTES);

/// A certificate as it is stored.
pub(super) type Stored = [u8; STORED_BYTES];

/// The bytes to store for a certificate.
pub(super) fn encode(certificate: &Certificate) -> Result<Stored, Overflow> {
    let mut buffer = [0; CERTIFICATE_BYTES_MAX];
    let bytes = certificate.to_bytes(&mut buffer);
    let mut stored = [0xff; STORED_BYTES];
    let mut writer = Writer::new(&mut stored);
    writer.bytes(&MAGIC)?;
    writer.bytes(&[VERSION, 0])?;
    writer.u16(u16::try_from(bytes.len()).map_err(|_| Overflow)?)?;
    writer.bytes(head(&sha256(&[bytes])))?;
    writer.bytes(bytes)?;
    Ok(stored)
}

fn head(hash: &[u8; 32]) -> &[u8] {
    hash.first_chunk::<8>().map_or(&[], |head| head)
}

fn decode(stored: &Stored) -> Result<Option<Certificate>, DecodeError> {
    let mut reader = Reader::new(stored);
    let (magic, version): ([u8; 4], u8) = (reader.array()?, reader.u8()?);
    reader.zeros(1)?;
    let length = usize::from(reader.u16()?);
    let digest: [u8; 8] = reader.array()?;
    let bytes = reader.bytes(length)?;
    let is_whole = magic == MAGIC && version == VERSION && head(&sha256(&[bytes])) == digest;
    Ok(if is_whole { Certificate::parse(bytes).ok() } else { None })
}

/// The geometry of the region, if a certificate fits.
pub(super) fn geometry<F: Flash, const N: usize>(
    flash: &F,
    plan: &Plan<N>,
) -> Result<Geometry, SanitizeError> {
    let geometry = place::geometry(flash, plan.certificate())?;
    let fits = usize::try_from(plan.certificate().bytes()).is_ok_and(|all| all >= STORED_BYTES);
    if fits { Ok(geometry) } else { Err(SanitizeError::Layout) }
}

/// What is stored, read once.
pub(super) fn read_stored<F: Flash, const N: usize>(
    flash: &mut F,
    plan: &Plan<N>,
) -> Result<Stored, SanitizeError> {
    let mut offset = geometry(flash, plan)?.at(0, 0);
    let mut stored = [0; STORED_BYTES];
    for piece in stored.chunks_mut(PIECE_BYTES) {
        page::read(flash, offset, piece)?;
        offset = offset.saturating_add(u32::try_from(PIECE_BYTES).unwrap_or(u32::MAX));
    }
    Ok(stored)
}

/// A certificate that is stored on the device.
///
/// # Trust
/// Nobody has looked at its signature. Whoever can write to the flash can put one there, as he can erase the identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tombstone(Certificate);

impl Tombstone {
    /// The one that is stored, if one is whole. Writes nothing.
    #[must_use]
    pub fn read<F: Flash, const N: usize>(flash: &mut F, plan: &Plan<N>) -> Option<Self> {
        let stored = read_stored(flash, plan).ok()?;
        decode(&stored).ok().flatten().map(Self)
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// Whether it is the end of the device.
    #[must_use]
    pub fn is_the_end(&self) -> bool {
        self.0.claims().outcome == Outcome::Decommission
    }
}
