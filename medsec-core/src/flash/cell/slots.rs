//! Slots: small records behind the copies of the base, for what changes more often than a page may be erased.
//!
//! A slot belongs to the value it stands behind. It says how the value has changed since, to whoever mounts; the next
//! [`Cell::begin_replace`] takes all of that into a new value, and begins with blank slots. What a record means is its
//! owner's.
//!
//! # Layout
//! From the first byte behind the three copies to the end of the page, [`SLOT_BYTES`] each, rounded up to the part's unit:
//!
//! | offset | size | name | meaning |
//! |---|---|---|---|
//! | 0 | 8 | content | the owner's |
//! | 8 | 8 | tag | HMAC-SHA-256, cut, over `MSS1`, kind u8, tweak u8, page u8, epoch u32, slot u16, content |
//!
//! The tweak is 0, or 1 if the tag would read as erased or as zero: then a program that did not happen could show one.
//! The tag tells a record from what a cut left of one, and from records of other pages, values and cells. It is shorter
//! than a MAC of 16 bytes: who can program the part can as well put an old page back.
//!
//! # Rules
//! 1. Slots are programmed only behind a value that this boot wrote, one after the other, and none is tried twice: no
//!    word is ever programmed twice, and nothing is programmed into a page that an earlier power cycle began.
//! 2. A slot counts once it was read back twice. One that does not read back is given up, and the next is used.
//! 3. Only the slots of the base are read. What cannot be read, or has no valid tag, is no record.
//!
//! # Power loss
//! A record that was read back twice is found by every later mount, until a replace takes it over. One that was in flight
//! may be found by one mount and not by the next: who acts on what records say replaces the value first, and starts over.
//! On a part that loses the whole page at a cut program, the value goes with the slot: see [`Cell::has_whole_before`].

use core::hint::black_box;

use subtle::ConstantTimeEq;

use super::{COPIES, Cell, PAGES, PageState, slot_bytes};
use crate::flash::page;
use crate::flash::{Error, ErrorKind, Operation};
use crate::hal::Flash;

/// Bytes of content.
pub const CONTENT_BYTES: usize = 8;

/// Bytes of a slot, before it is rounded up.
pub const SLOT_BYTES: usize = CONTENT_BYTES + TAG_BYTES;

/// Most slots that are used behind one value.
pub const SLOTS_MAX: u32 = 256;

/// Bytes of a slot's tag.
const TAG_BYTES: usize = 8;

const MAGIC: [u8; 4] = *b"MSS1";

/// A record that is on the part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Programmed {
    /// The slot.
    pub index: u32,
    /// What each of two reads gave, XOR what was programmed: zero, if the program happened.
    ///
    /// Who computes with these instead of asking whether there was an error depends on the record itself, and not only on
    /// a branch that a disturbed core may skip.
    pub differences: [[u8; SLOT_BYTES]; 2],
}

impl<const VALUE: usize> Cell<VALUE> {
    /// Slots behind a value. 0 where the copies fill the page.
    #[must_use]
    pub fn slots(&self) -> u32 {
        let copies = slot_bytes::<VALUE>(&self.geometry).saturating_mul(COPIES);
        let free = self.geometry.page_bytes().saturating_sub(copies);
        free.checked_div(self.stride()).unwrap_or(0).min(SLOTS_MAX)
    }

    /// Slots that can still be programmed. 0 until this boot has replaced the value, and while it does.
    #[must_use]
    pub fn slots_left(&self) -> u32 {
        let is_ours = self.wrote && self.pending.is_none();
        if is_ours { self.slots().saturating_sub(self.used) } else { 0 }
    }

    /// The record in slot `index` behind the value that was mounted. Reads it once.
    pub fn slot<F: Flash>(&self, flash: &mut F, index: u32) -> Option<[u8; CONTENT_BYTES]> {
        if index >= self.slots() {
            return None;
        }
        let mut bytes = [0; SLOT_BYTES];
        page::read(flash, self.slot_offset(index), &mut bytes).ok()?;
        // A tag never reads so; most slots do.
        if bytes == [0xFF; SLOT_BYTES] {
            return None;
        }
        let (content, tag) = bytes.split_first_chunk()?;
        let is_valid = bool::from(self.slot_tag(index, content).as_slice().ct_eq(tag));
        is_valid.then_some(*content)
    }

    /// Programs the next slot and reads it back twice.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBounds`]: no slot is left, and nothing was programmed. Else the part's, or [`ErrorKind::ReadBack`]:
    /// this slot is given up; the next can be tried. A later mount may find the record all the same.
    pub fn program_slot<F: Flash>(
        &mut self,
        flash: &mut F,
        content: [u8; CONTENT_BYTES],
    ) -> Result<Programmed, Error> {
        let index = self.used;
        let offset = self.slot_offset(index);
        let error = |kind| Error { kind, operation: Operation::Program, offset };
        if self.slots_left() == 0 {
            return Err(error(ErrorKind::OutOfBounds));
        }
        self.used = self.used.saturating_add(1);
        let mut record = [0; SLOT_BYTES];
        let tag = self.slot_tag(index, &content);
        for (to, from) in record.iter_mut().zip(content.iter().chain(&tag)) {
            *to = *from;
        }
        page::program(flash, &self.geometry, offset, &record)?;
        // What the buffers hold before a read is never a record, and so it differs.
        let mut differences = [[0x00; SLOT_BYTES], [0xFF; SLOT_BYTES]];
        for back in &mut differences {
            page::read(flash, offset, back)?;
        }
        let mut differs = 0;
        for back in &mut differences {
            for (byte, programmed) in black_box(&mut *back).iter_mut().zip(record) {
                *byte ^= programmed;
                differs |= *byte;
            }
        }
        if black_box(differs) != 0 {
            return Err(error(ErrorKind::ReadBack));
        }
        Ok(Programmed { index, differences: black_box(differences) })
    }

    /// Whether the page before the base shows three copies of the value before: then, if a part loses the base at a cut
    /// program, that value is in force again.
    ///
    /// So on such a part a slot is programmed only where both values say the same: the base was written last by replacing
    /// the value by itself.
    #[must_use]
    pub fn has_whole_before(&self) -> bool {
        let before = self.base.wrapping_add(PAGES.saturating_sub(1)).checked_rem(PAGES);
        let states = (0..PAGES).zip(&self.pages);
        states.into_iter().any(|(page, state)| Some(page) == before && *state == PageState::Whole)
    }

    fn stride(&self) -> u32 {
        self.geometry.round_up(u32::try_from(SLOT_BYTES).unwrap_or(u32::MAX))
    }

    fn slot_offset(&self, index: u32) -> u32 {
        let copies = slot_bytes::<VALUE>(&self.geometry).saturating_mul(COPIES);
        let behind = self.stride().saturating_mul(index);
        self.geometry.at(self.base, copies.saturating_add(behind))
    }

    fn slot_tag(&self, index: u32, content: &[u8; CONTENT_BYTES]) -> [u8; TAG_BYTES] {
        let [page, ..] = self.base.to_le_bytes();
        let [low, high, ..] = index.to_le_bytes();
        let epoch = self.epoch.to_le_bytes();
        showing(|tweak| {
            let head = [self.kind, tweak, page];
            let full = self.mac.tag(&[&MAGIC, &head, &epoch, &[low, high], content]);
            let [tag @ .., _, _, _, _, _, _, _, _] = full;
            tag
        })
    }
}

/// The first tag that reads neither as erased nor as zero.
fn showing(mut tag_of: impl FnMut(u8) -> [u8; TAG_BYTES]) -> [u8; TAG_BYTES] {
    match tag_of(0) {
        [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]
        | [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] => tag_of(1),
        tag => tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_reads_as_erased_or_as_zero_is_derived_again() {
        for blank in [[0x00; TAG_BYTES], [0xFF; TAG_BYTES]] {
            let tag = |tweak| if tweak == 0 { blank } else { [tweak; TAG_BYTES] };
            assert_eq!(showing(tag), [1; TAG_BYTES]);
            let mut other = blank;
            other[3] ^= 1;
            assert_eq!(showing(|_| other), other);
        }
    }
}
