//! Cuts power in the life of a device with an audit log: cell, ring and ciphers as they are.
//!
//! Records, checkpoints, the forgetting of secrets, clearing, and the change to a fresh chain of secrets come in any order,
//! and one step of maintenance at a time. After each boot a host verifies the image of the part (`host`): with the log
//! authority's secret and, of some, without, and at the end from an export. No verdict may be bad, a torn tail may only be
//! the record in flight at the end of a session, and each acknowledged record that policy did not give up must be there,
//! byte by byte. A run also fails if a mount fails or writes, a step of maintenance does more than one erase, an append
//! erases, a session index, salt or sequence number is used twice (`tap`), the log can neither record nor be cleared, or
//! a word is programmed twice.

mod host;
mod station;
mod tap;

use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305};

use self::station::Station;
use super::histories::{self, Histories, Task};
use crate::exhaust::{Case, Geometry, Ran, Tally, Violation};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;

/// The models that the log is claimed to survive: those within the contract of `NorFlash`.
pub const CLAIMED: [Model; Model::CONTRACT.len()] = Model::CONTRACT;

/// Variant bit: a full log blocks.
pub const VARIANT_BLOCK: u32 = 1;
/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 2;
/// Variant bit: once, an operation fails although the power is on.
pub const VARIANT_FAILURE: u32 = 4;
/// Variant bit: the second suite.
pub const VARIANT_CHACHA: u32 = 8;
/// Variant bit: the noise source is stuck.
pub const VARIANT_STUCK: u32 = 16;
/// Variant bit: the chain of secrets nears its end.
pub const VARIANT_CHAIN: u32 = 32;
const VARIANTS: u32 = 32;

/// Pages of the cell, before those of the ring.
const CELL_PAGES: u32 = 4;

/// Runs at least `runs` cases, under the claimed models: histories with a cut at every operation, again at operations of
/// the recovery, and with up to 10 cuts in a row. `seed` draws the histories.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    histories::run::<AuditLog>(runs, seed)
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    histories::replay::<AuditLog>(case)
}

struct AuditLog;

impl Histories for AuditLog {
    const PAGE_MIN: usize = 2048;
    const CLAIMED: &'static [Model] = &CLAIMED;
    const RUNS: u64 = 30_000;

    fn draw(geometry: Geometry, seed: u64) -> Case {
        let mut prng = Prng::new(seed);
        let pages = CELL_PAGES + 3 + prng.below_u32(2);
        let mut case = Case::new("audit", geometry, pages, seed >> 32);
        case.variant = prng.below_u32(VARIANTS);
        if prng.one(1, 6) {
            case.variant |= VARIANT_CHAIN;
        }
        case
    }

    fn perform<const READ: usize, const WRITE: usize, const PAGE: usize>(
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        task: Task<'_>,
    ) -> Result<Ran, Violation> {
        if case.variant & VARIANT_CHACHA == 0 {
            task.with(Station::<Aes256Gcm>::new(case, flash)?, case, flash)
        } else {
            task.with(Station::<ChaCha20Poly1305>::new(case, flash)?, case, flash)
        }
    }
}
