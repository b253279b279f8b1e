//! Flash that survives a power cut at any instant.
//!
//! Two structures are enough: [`cell`] (one value, replaced atomically) and [`ring`] (append-only pages). Both rest on
//! one rule: **the first program of a power cycle goes to a page erased in that power cycle** (invariants 6 and 7).

pub mod cell;
pub mod page;
pub mod ring;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

/// What the part said was wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operation lies outside the part.
    OutOfBounds,
    /// The operation is not aligned to the part's units.
    NotAligned,
    /// The part failed.
    Other,
    /// The words read back differ from those programmed.
    ReadBack,
}

/// What was being done when the part failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// A read.
    Read,
    /// A program.
    Program,
    /// An erase, or a step of one.
    Erase,
}

/// A part's error, without the part's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// What the part said.
    pub kind: ErrorKind,
    /// What was being done.
    pub operation: Operation,
    /// Where: bytes from the start of the part.
    pub offset: u32,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let operation = match self.operation {
            Operation::Read => "read",
            Operation::Program => "program",
            Operation::Erase => "erase",
        };
        write!(f, "flash {operation} failed at byte {}", self.offset)
    }
}

impl core::error::Error for Error {}

impl Error {
    pub(crate) fn new<E: NorFlashError>(error: &E, operation: Operation, offset: u32) -> Self {
        let kind = match error.kind() {
            NorFlashErrorKind::OutOfBounds => ErrorKind::OutOfBounds,
            NorFlashErrorKind::NotAligned => ErrorKind::NotAligned,
            NorFlashErrorKind::Other | _ => ErrorKind::Other,
        };
        Self { kind, operation, offset }
    }
}

/// A stretch of whole pages of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    offset: u32,
    bytes: u32,
}

impl Region {
    /// The region of `bytes` bytes at `offset`. Both are multiples of the part's page; `mount` checks it.
    #[must_use]
    pub const fn new(offset: u32, bytes: u32) -> Self {
        Self { offset, bytes }
    }

    /// Bytes from the start of the part.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    pub(crate) const fn overlaps(&self, other: &Self) -> bool {
        let end = self.offset.saturating_add(self.bytes);
        let other_end = other.offset.saturating_add(other.bytes);
        self.offset < other_end && other.offset < end
    }
}

/// Refuses a map in which two regions overlap or one is empty. Called in a `const`, so that the map does not compile.
///
/// ```
/// use medsec_core::flash::{Region, checked_map};
/// const MAP: [Region; 2] = checked_map([Region::new(0, 16_384), Region::new(16_384, 65_536)]);
/// assert_eq!(MAP[1].offset(), 16_384);
/// ```
/// ```compile_fail,E0080
/// use medsec_core::flash::{Region, checked_map};
/// const MAP: [Region; 2] = checked_map([Region::new(0, 16_384), Region::new(12_288, 65_536)]);
/// # let _ = MAP;
/// ```
///
/// # Panics
/// In a `const`, which then does not compile. It is not for use at run time.
#[must_use]
pub const fn checked_map<const N: usize>(map: [Region; N]) -> [Region; N] {
    let mut rest: &[Region] = &map;
    while let Some((first, others)) = rest.split_first() {
        assert!(first.bytes != 0, "a flash region is empty");
        assert!(first.offset.checked_add(first.bytes).is_some(), "a flash region ends past 4 GiB");
        let mut tail = others;
        while let Some((other, more)) = tail.split_first() {
            assert!(!first.overlaps(other), "two flash regions overlap");
            tail = more;
        }
        rest = others;
    }
    map
}
