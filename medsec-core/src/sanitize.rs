//! Erasing what an owner left: keys first, then all else, read back, with a signed certificate.
//!
//! # Purpose
//! A device that changes hands, or ends, holds secrets, people, a log and settings. [`Sanitizer`] destroys them in an order in which a cut never
//! leaves data behind a living key, says so in a [`Certificate`], and goes on after any cut. It erases flash; what flash cells remember
//! below what can be read is not claimed, and the certificate says that ([`certificate::NotShown`]).
//!
//! # Use
//! 1. The maker lists in a `const` [`Plan`] what is erased: which region holds what, and which keys. Overlaps do not compile.
//! 2. At each boot the device mounts the journal before anything else ([`Sanitizer::mount`]), and lets [`Sanitizer::step`] settle what a cut has left
//!    of it. Unless [`Sanitizer::is_idle`], it loads no secret and opens nothing.
//! 3. Modules that can be taken off are enrolled before anything is written to them ([`Sanitizer::enrol`]).
//! 4. Two persons approve, by a grant of a permission that asks for two ([`Approved::by_two`]), or the maker does by a permit
//!    ([`Approved::by_permit`]). [`Sanitizer::begin`] records that, and whether somebody else has the log.
//! 5. [`Sanitizer::step`] stores the intent. Then the device restarts: no key is left in RAM, and locked pages can be erased.
//! 6. [`Sanitizer::step`] erases, one page a call, until [`Progress::Blank`]. A module that is not there is waited for.
//! 7. [`Sanitizer::blank`] and [`Blank::sign`] make the certificate; further steps store it. It is handed out from there.
//! 8. Change of owner: the device makes new secrets and a new log, records the change of its life, and hands that to [`Sanitizer::close`].
//!    Decommission: [`Sanitizer::bury`] destroys the identity too. The certificate is the tombstone.
//!
//! # Invariants
//! 1. Nothing is erased before the intent is stored, nor in the boot that stored it.
//! 2. No page of a later region is touched before the erase of an earlier one was completed and read back, and that is in the journal.
//! 3. What an earlier boot began to erase is erased again, whatever it reads as: it may read blank now and not later.
//! 4. A certificate is signed only in a boot that has read all regions after the last erase, and every byte of them was erased.
//! 5. What cannot be read or erased is an error that stays, and there is no certificate.
//! 6. The identity dies after the certificate is stored, and the journal after the identity.
//!
//! # Power loss
//! At any instant: the next boot finds the journal's last acknowledged step or the one being written, and goes on from there. A region is
//! what is begun again. Signing again gives the same bytes.
//!
//! # Trust
//! The journal is authentic under a key of the device's identity; an older copy of the whole flash brings back an older journal, and the
//! secrets with it. A module is known by the id that its port reads. Of what was copied before, nothing can be said.
//!
//! # Source
//! NIST SP 800-88 revision 2 (sanitization, cryptographic erase, certificate), IEEE 2883 (techniques of media), ISO/IEC 19790 (zeroisation).

pub mod burial;
pub mod certificate;
mod erase;
mod journal;
mod place;
pub mod plan;
pub mod receipt;
mod tombstone;

pub use crate::event::{ErasedKind as Kind, SanitizeOutcome as Outcome};
pub use burial::{Burial, NoJournal};
pub use certificate::{Certificate, Verified};
pub use erase::{Blank, MountFault, Sanitizer};
pub use journal::Evidence;
pub use plan::{Item, KeyName, Keys, Plan};
pub use receipt::Receipt;
pub use tombstone::Tombstone;

use crate::access::check::Declared;
use crate::access::{Class, Expired, Grant, Need, Permission, PermissionInfo, Policy};
use crate::event::{DeviceEvent, PrincipalId, RecordError};
use crate::flash;
use crate::flash::page::GeometryError;
use crate::hal::Flash;
use crate::identity::permit::desk::{Allowed, Permitted};
use crate::lifecycle::ChangeError;
use crate::time::Ticks;

/// Bytes that whoever asks for a certificate gives, so that no older one can stand for it.
pub const NONCE_BYTES: usize = 16;

/// Most modules that a device knows.
pub const MODULES_MAX: usize = 4;

/// What two persons approve: the arguments of their permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// What the device becomes.
    pub outcome: Outcome,
    /// From whoever asks for the certificate; random.
    pub nonce: [u8; NONCE_BYTES],
}

/// That sanitizing was approved, once. There is no `Clone`.
///
/// ```compile_fail,E0451
/// use medsec_core::event::PrincipalId;
/// use medsec_core::sanitize::{Approved, Order};
/// fn forge(order: Order) -> Approved {
///     Approved { order, by: PrincipalId::DEVICE }
/// }
/// ```
#[derive(PartialEq, Eq, Debug)]
#[must_use = "what was approved was not begun yet"]
pub struct Approved {
    order: Order,
    by: PrincipalId,
}

impl Approved {
    /// By two persons: the permission asks for a second one and for two factors, or this does not compile.
    ///
    /// ```compile_fail,E0080
    /// # use medsec_core::{access::{Grant, Permission}, event::{Event, PrincipalId}, events, policy, time::Ticks};
    /// # use medsec_core::sanitize::{Approved, Order};
    /// policy! {
    /// #   /// Who may do what.
    ///     policy PumpPolicy;
    /// #   /// What people are to the pump.
    ///     roles Role {
    /// #       /// Knows people.
    ///         Administrator = 0 may [Sanitize, People] assigns [Administrator],
    ///     }
    ///     permissions {
    /// #       /// Erases all.
    ///         Sanitize = 0 [Administration, TwoFactors, Local], // one person
    /// #       /// Makes people known.
    ///         People = 1 [Administration, TwoFactors, Local] people,
    ///     }
    ///     apart {}
    /// }
    /// # events! {
    /// #     /// What the pump records.
    /// #     enum Asked {
    /// #         /// Somebody wants it erased.
    /// #         Erase = 0x4001 [ConfigurationChange, Security, Success] { public by: PrincipalId },
    /// #     }
    /// # }
    /// # impl Permission for Sanitize {
    /// #     type Args = Order;
    /// #     fn event(_: &Order, by: PrincipalId) -> impl Event { Asked::Erase { by } }
    /// # }
    /// # fn main() { let _ = act as fn(_, _) -> _; }
    /// fn act(grant: Grant<Sanitize>, now: Ticks) -> bool {
    ///     Approved::by_two(grant, now).is_ok()
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Expired`]: the grant was not used in time.
    pub fn by_two<P: Permission<Args = Order>>(
        grant: Grant<P>,
        now: Ticks,
    ) -> Result<Self, Expired> {
        const { assert!(takes_two::<P>(), "sanitizing needs two persons with two factors each") };
        let by = grant.by();
        Ok(Self { order: grant.exercise(now)?, by })
    }

    /// By the maker, for a device whose people cannot, or whose state cannot be read: a permit to return to claim. The device keeps its
    /// identity.
    ///
    /// # Errors
    /// [`Expired`]: its time is over, or it allows something else. It is gone all the same.
    pub fn by_permit(
        permitted: Permitted,
        nonce: [u8; NONCE_BYTES],
        now: Ticks,
    ) -> Result<Self, Expired> {
        match permitted.exercise(now) {
            Ok(Allowed::ReturnToClaim) => {
                let order = Order { outcome: Outcome::ChangeOfOwner, nonce };
                Ok(Self { order, by: PrincipalId::DEVICE })
            }
            Ok(_) | Err(_) => Err(Expired),
        }
    }

    /// What was approved.
    #[must_use]
    pub const fn order(&self) -> &Order {
        &self.order
    }
}

/// Whether a permission is administration that asks for a second person and for two factors.
const fn takes_two<P: Permission>() -> bool {
    let mut infos: &[PermissionInfo] = <P::Policy as Policy>::PERMISSIONS;
    while let [info, others @ ..] = infos {
        if info.number == <P as Declared>::NUMBER {
            return info.two_persons
                && matches!(info.need, Need::TwoFactors)
                && matches!(info.class, Class::Administration);
        }
        infos = others;
    }
    false
}

/// Who a module is: what its port reads from it, such as the number of its chip. Not zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModuleId([u8; 8]);

impl ModuleId {
    /// The id with these bytes; zeros are none.
    #[must_use]
    pub const fn new(bytes: [u8; 8]) -> Option<Self> {
        if u64::from_le_bytes(bytes) == 0 { None } else { Some(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// The parts that are erased. Implemented by the maker.
pub trait Parts {
    /// The device's own flash.
    fn own(&mut self) -> impl Flash;

    /// The module that is there now, if one is. Its id is read from it each time.
    fn module(&mut self) -> Option<(ModuleId, impl Flash)>;
}

/// What a call of [`Sanitizer::step`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// More steps are needed.
    More,
    /// A region was erased and read back. More steps are needed.
    Erased(DeviceEvent),
    /// This module is not there, and all else is erased. Steps go on once it is.
    Missing(ModuleId),
    /// The intent is stored. The device has to restart before anything is erased.
    Restart,
    /// All was erased and read back in this boot: [`Sanitizer::blank`] gives the proof.
    Blank,
    /// Nothing is to be done: idle, or the certificate is stored.
    Done,
}

/// Why a step failed. What was to be done is tried again by the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SanitizeError {
    /// A region does not suit its part.
    Geometry(GeometryError),
    /// The part failed to read, to erase or to program, or the certificate did not read back.
    Flash(flash::Error),
    /// A byte was not erased, at this byte of its part.
    NotBlank(u32),
    /// The certificate does not fit its region, or the journal cannot be written.
    Layout,
}

impl core::fmt::Display for SanitizeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Geometry(error) => error.fmt(f),
            Self::Flash(error) => error.fmt(f),
            Self::NotBlank(offset) => write!(f, "byte {offset} was not erased"),
            Self::Layout => f.write_str("certificate or journal cannot be written"),
        }
    }
}

impl core::error::Error for SanitizeError {}

impl From<flash::Error> for SanitizeError {
    fn from(error: flash::Error) -> Self {
        Self::Flash(error)
    }
}

/// Why sanitizing was not begun, or a change was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BeginError {
    /// Something else is under way, or the journal is not settled: steps come first.
    Busy,
    /// Not in this part of the device's life.
    Life(ChangeError),
    /// It could not be recorded. Nothing was begun.
    NotRecorded(RecordError),
    /// The receipt is not for this device or for this order.
    Receipt,
    /// As many modules are known as there can be, or as often sanitized as can be counted.
    Full,
}

impl core::fmt::Display for BeginError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Busy => "something else is under way",
            Self::Life(error) => return error.fmt(f),
            Self::NotRecorded(error) => return error.fmt(f),
            Self::Receipt => "receipt is for another device or order",
            Self::Full => "no more modules, or numbers, are left",
        })
    }
}

impl core::error::Error for BeginError {}
