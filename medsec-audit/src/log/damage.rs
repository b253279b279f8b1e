//! What is said of a page that does not read as it should, before it is used again.

use medsec_core::event::Digest8;
use medsec_core::flash::page;
use medsec_core::flash::ring::Ring;
use medsec_core::hal::Flash;
use sha2::{Digest, Sha256};

/// The hash of the damaged page, if session `index` finds one. Words that cannot be read count as zeros.
pub(super) fn find<F: Flash>(flash: &mut F, ring: &Ring, index: u32) -> Option<Digest8> {
    let slot = ring.damaged_slot(flash, index)?;
    let geometry = ring.plan().geometry();
    let step = usize::try_from(geometry.unit()).ok()?;
    let mut hash = Sha256::new();
    let mut offset = 0;
    // Each turn moves `offset` on by one unit of the page.
    while offset < geometry.page_bytes() {
        let mut unit = [0; page::UNIT_BYTES_MAX];
        let words = unit.get_mut(..step)?;
        if page::read(flash, geometry.at(slot, offset), words).is_err() {
            words.fill(0);
        }
        hash.update(words);
        offset = offset.checked_add(geometry.unit())?;
    }
    Some(Digest8::of(&hash.finalize().into()))
}
