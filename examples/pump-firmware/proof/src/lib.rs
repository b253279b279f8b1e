//! One function for each public entry of medsec that firmware calls.
//!
//! The panic handler calls a symbol that is defined nowhere. An entry that links alone, after optimisation and with all
//! that it does not reach left out, cannot panic. Arguments come from outside, so nothing is known of them; the part's
//! answers are hidden from the optimiser.
#![no_std]

mod audit_entries;
mod core_entries;
mod detect_entries;
mod device_entries;
mod identity_entries;
mod opaque;
mod ring_entries;
mod transport_entries;

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Defined nowhere.
    fn medsec_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: an image that contains this call does not link.
    unsafe { medsec_panic_can_be_reached() }
}

/// Control: must link.
#[unsafe(no_mangle)]
pub fn control_links(bytes: &[u8]) -> [u8; 32] {
    medsec_core::key::sha256(&[bytes])
}

/// Control: must not link.
#[unsafe(no_mangle)]
pub fn control_panics(bytes: &[u8], index: usize) -> u8 {
    bytes[index]
}
