//! Why a simulated part failed.

use core::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Why a flash operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FlashError {
    /// Offset or length is not a multiple of the part's unit.
    NotAligned,
    /// Beyond the end of the part.
    OutOfBounds,
    /// The supply failed during this operation, or has not come back since.
    PowerCut,
    /// A word cannot be read.
    Unreadable,
    /// The part could not program or erase.
    Worn,
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAligned => "not aligned to the part's unit",
            Self::OutOfBounds => "beyond the end of the part",
            Self::PowerCut => "no power",
            Self::Unreadable => "a word cannot be read",
            Self::Worn => "the part could not program or erase",
        })
    }
}

impl core::error::Error for FlashError {}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::PowerCut | Self::Unreadable | Self::Worn => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        match kind {
            NorFlashErrorKind::NotAligned => Self::NotAligned,
            NorFlashErrorKind::OutOfBounds => Self::OutOfBounds,
            NorFlashErrorKind::Other | _ => Self::Worn,
        }
    }
}
