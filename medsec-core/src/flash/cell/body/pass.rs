//! Reading a body: piece by piece, with its digest over what was read.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{BodyCell, Head, PIECE_BYTES_MAX, body_at, piece_bytes};
use crate::flash::page::{self, Geometry};
use crate::flash::{Error, ErrorKind, Operation};
use crate::hal::Flash;
use crate::secret::Secret;

/// Largest read size of a part; [`Geometry::of`] checks it.
const READ_BYTES_MAX: usize = 8;

/// Why bytes of a body are not to be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// A replace is pending: what is there may be either body.
    Busy,
    /// The body does not have so many bytes, or they are more than one step reads.
    Range,
    /// The part failed to read.
    Flash(Error),
    /// What was read does not give the digest of the head, or was not all of the body.
    NotWhole,
}

impl core::fmt::Display for ReadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Busy => f.write_str("body is being replaced"),
            Self::Range => f.write_str("beyond the end of the body"),
            Self::Flash(error) => error.fmt(f),
            Self::NotWhole => f.write_str("body does not give its digest"),
        }
    }
}

impl core::error::Error for ReadError {}

/// One reading of the whole body, from its first byte to its last.
pub struct Pass {
    at: u32,
    hash: Sha256,
}

/// The hash of a body, before its first byte.
pub(super) fn begun(kind: u8, head: &Head) -> Sha256 {
    let mut hash = Sha256::new();
    let [frame, ..] = head.frame.to_le_bytes();
    hash.update([b'M', b'S', b'B', b'1', 1, kind, frame, 0]);
    hash.update(head.epoch.to_le_bytes());
    hash.update(head.length.to_le_bytes());
    hash
}

/// Reads `out.len()` bytes at byte `at` of the body of `frame`, in whole reads of the part.
pub(super) fn read_at<F: Flash>(
    flash: &mut F,
    frames: &Geometry,
    (frame, at): (u32, u32),
    out: &mut [u8],
) -> Result<(), Error> {
    let offset = frames.at(frame, body_at(frames).saturating_add(at));
    let error = Error { kind: ErrorKind::OutOfBounds, operation: Operation::Read, offset };
    let into = offset.checked_rem(u32::try_from(F::READ_SIZE).map_err(|_| error)?).ok_or(error)?;
    let start = offset.saturating_sub(into);
    let into = usize::try_from(into).map_err(|_| error)?;
    let end = into.saturating_add(out.len());
    let mut buffer = Secret::new([0; PIECE_BYTES_MAX + 2 * READ_BYTES_MAX]);
    let whole = end.checked_next_multiple_of(F::READ_SIZE).ok_or(error)?;
    page::read(flash, start, buffer.expose_mut().get_mut(..whole).ok_or(error)?)?;
    out.copy_from_slice(buffer.expose().get(into..end).ok_or(error)?);
    Ok(())
}

/// Whether the body under `head` is there. Reads it once.
pub(super) fn verifies<F: Flash>(
    flash: &mut F,
    (part, frames): (&Geometry, &Geometry),
    kind: u8,
    head: &Head,
) -> bool {
    if head.length > frames.page_bytes().saturating_sub(body_at(frames)) {
        return false;
    }
    let mut hash = begun(kind, head);
    let mut buffer = Secret::new([0; PIECE_BYTES_MAX]);
    let mut at = 0;
    while at < head.length {
        let bytes = piece_bytes(part, frames, at, head.length);
        let piece = usize::try_from(bytes).ok().and_then(|n| buffer.expose_mut().get_mut(..n));
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return false };
        if read_at(flash, frames, (head.frame, at), piece).is_err() {
            return false;
        }
        hash.update(&*piece);
        at = at.saturating_add(bytes);
    }
    is_digest(hash, head)
}

pub(super) fn is_digest(hash: Sha256, head: &Head) -> bool {
    bool::from(hash.finalize().as_slice().ct_eq(&head.digest))
}

impl BodyCell {
    /// Begins to read the body. Nothing is to be done with what [`Self::read_on`] gives before [`Self::finish`] took it.
    #[must_use]
    pub fn begin_pass(&self) -> Pass {
        Pass { at: 0, hash: self.head.map_or_else(Sha256::new, |head| begun(self.kind, &head)) }
    }

    /// Reads the next `out.len()` bytes, at most [`PIECE_BYTES_MAX`].
    ///
    /// # Errors
    /// [`ReadError`], but not [`ReadError::NotWhole`]. The pass stays where it was.
    pub fn read_on<F: Flash>(
        &self,
        flash: &mut F,
        pass: &mut Pass,
        out: &mut [u8],
    ) -> Result<(), ReadError> {
        self.read_sealed(flash, pass.at, out)?;
        pass.hash.update(&*out);
        pass.at = u32::try_from(out.len()).map_or(u32::MAX, |bytes| pass.at.saturating_add(bytes));
        Ok(())
    }

    /// Ends a reading: what it gave was the body in force, if this says so.
    ///
    /// # Errors
    /// [`ReadError::NotWhole`]: the pass did not read all, the body was replaced since it began, or it is damaged.
    pub fn finish(&self, pass: Pass) -> Result<(), ReadError> {
        match self.head {
            Some(head) if pass.at == head.length && is_digest(pass.hash, &head) => Ok(()),
            Some(_) | None => Err(ReadError::NotWhole),
        }
    }

    /// Reads `out.len()` bytes, at most [`PIECE_BYTES_MAX`], at byte `at` of the body, and checks nothing.
    ///
    /// # Security
    /// Only for bytes that carry a seal of their own, which is opened over the very bytes that were read.
    ///
    /// # Errors
    /// [`ReadError`], but not [`ReadError::NotWhole`].
    pub fn read_sealed<F: Flash>(
        &self,
        flash: &mut F,
        at: u32,
        out: &mut [u8],
    ) -> Result<(), ReadError> {
        if self.writing.is_some() {
            return Err(ReadError::Busy);
        }
        let head = self.head.ok_or(ReadError::Range)?;
        let end = u32::try_from(out.len()).ok().and_then(|bytes| at.checked_add(bytes));
        if out.len() > PIECE_BYTES_MAX || end.is_none_or(|end| end > head.length) {
            return Err(ReadError::Range);
        }
        read_at(flash, &self.frames, (head.frame, at), out).map_err(ReadError::Flash)
    }
}
