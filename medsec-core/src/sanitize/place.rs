//! A page that is erased and read back.

use super::plan::{Item, Plan};
use super::{ModuleId, Parts, SanitizeError};
use crate::flash::page::{self, Geometry};
use crate::flash::{self, Operation, Region};
use crate::hal::{EraseProgress, Flash};
use crate::secret::Secret;
use crate::time::Pause;

/// Bytes read at once.
const PIECE_BYTES: usize = 256;

/// What an erased byte reads as.
const ERASED: u8 = 0xff;

/// A page of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The module, or the device's own flash.
    pub(super) module: Option<ModuleId>,
    pub(super) item: usize,
    pub(super) page: u32,
}

/// How far a page has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Paged {
    More,
    Done,
    /// And it was the last of its item.
    Last,
    /// The module is not there.
    Away,
}

/// What is done to a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Erase,
    ReadBack,
}

impl Place {
    pub(super) const fn of_own(item: usize) -> Self {
        Self { module: None, item, page: 0 }
    }

    pub(super) const fn next_page(self) -> Self {
        Self { page: self.page.saturating_add(1), ..self }
    }

    pub(super) const fn next_item(self) -> Self {
        Self { page: 0, item: self.item.saturating_add(1), ..self }
    }

    /// One step of an erase, or one page read back.
    pub(super) fn act<const N: usize, P: Parts>(
        self,
        act: Act,
        plan: &Plan<N>,
        parts: &mut P,
        pause: &Pause<'_>,
    ) -> Result<Paged, SanitizeError> {
        // There is one: whoever asks has looked.
        let item = plan.items().get(self.item).ok_or(SanitizeError::Layout)?;
        let Some(wanted) = self.module else {
            return on(&mut parts.own(), self.page, item, act, pause);
        };
        match parts.module() {
            Some((id, mut flash)) if id == wanted => on(&mut flash, self.page, item, act, pause),
            Some(_) | None => Ok(Paged::Away),
        }
    }
}

fn on<F: Flash>(
    flash: &mut F,
    page: u32,
    item: &Item,
    act: Act,
    pause: &Pause<'_>,
) -> Result<Paged, SanitizeError> {
    let geometry = geometry(flash, item.region())?;
    if act == Act::Erase {
        return match page::erase_step(flash, &geometry, page, pause.ms_max())? {
            EraseProgress::Done => Ok(Paged::Done),
            EraseProgress::More => Ok(Paged::More),
        };
    }
    read_blank(flash, &geometry, page)?;
    let is_last = page.saturating_add(1) >= geometry.pages();
    Ok(if is_last { Paged::Last } else { Paged::Done })
}

pub(super) fn geometry<F: Flash>(flash: &F, region: Region) -> Result<Geometry, SanitizeError> {
    Geometry::of(flash, region).map_err(SanitizeError::Geometry)
}

/// Reads a page and finds it erased. The buffer is wiped: it may have held a key.
pub(super) fn read_blank<F: Flash>(
    flash: &mut F,
    geometry: &Geometry,
    page: u32,
) -> Result<(), SanitizeError> {
    let mut piece = Secret::new([0; PIECE_BYTES]);
    let (mut offset, end) = (geometry.at(page, 0), geometry.at(page, geometry.page_bytes()));
    let out_of_bounds = |offset| {
        let kind = flash::ErrorKind::OutOfBounds;
        SanitizeError::Flash(flash::Error { kind, operation: Operation::Read, offset })
    };
    while offset < end {
        let bytes = usize::try_from(end.saturating_sub(offset)).unwrap_or(PIECE_BYTES);
        let piece = piece.expose_mut().get_mut(..bytes.min(PIECE_BYTES));
        let piece = piece.ok_or_else(|| out_of_bounds(offset))?;
        page::read(flash, offset, piece)?;
        for byte in piece.iter() {
            if *byte != ERASED {
                return Err(SanitizeError::NotBlank(offset));
            }
            offset = offset.saturating_add(1);
        }
    }
    Ok(())
}
