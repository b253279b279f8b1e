//! The one verifier, for the device and for a host.
//!
//! It walks backwards from the newest segment, each segment naming the one it goes on from, and says for each stretch
//! whether it is whole and who vouches for it. It needs no memory that grows with the log.
//!
//! # Trust
//! All bytes of the image are attacker-controlled. Trusted are the device's public key, the log authority's secret (by way
//! of [`Keys`]) and an anchor, as far as they are given. Without the public key nothing is signed; without the authority's
//! secret nothing is read, and only what a checkpoint covers is verified.
//!
//! Anyone can seal a secret to the log authority's public key and write a log with it. So what only the log's own keys
//! vouch for counts as verified if a checkpoint somewhere in the log, with the same chain of secrets, shows that the
//! device had them; with the public key missing, nothing does.
//!
//! # Security
//! A range is [`Verdict::Verified`] only if every byte of its records, and their place and order, are as the device stored
//! them. What lies behind the first bad place is not called verified, even if each record in it is authentic. The newest
//! session's records can be cut off behind its last checkpoint without trace unless an anchor is given; so its end is
//! always reported as [`Verdict::Unanchored`].

mod authority;
mod ladder;
mod report;
mod scan;
mod segments;
mod walk;

pub use authority::{Authority, CHAINS_MAX};
pub use report::{Assurance, Observer, Opened, Range, Verdict};

use medsec_core::Secret;
use medsec_core::flash::ring::{Place, Plan};
use medsec_core::key::PublicKey;
use medsec_core::suite::Suite;

use crate::DeviceId;
use crate::checkpoint::Statement;
use crate::state::PUBLIC_BYTES;
use walk::{Ignore, Walk};

/// These bytes could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable;

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("image could not be read here")
    }
}

impl core::error::Error for Unreadable {}

/// The pages of a log, wherever they are.
pub trait Image {
    /// Reads `out.len()` bytes at byte `offset` of slot `slot`.
    ///
    /// # Errors
    /// [`Unreadable`]: outside the image, or the part gave an error.
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable>;
}

/// Pages one after the other in memory, page size first.
impl Image for (u32, &[u8]) {
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable> {
        let (page_bytes, bytes) = *self;
        let start = slot.checked_mul(page_bytes).and_then(|start| start.checked_add(offset));
        let start = usize::try_from(start.ok_or(Unreadable)?).map_err(|_| Unreadable)?;
        let end = start.checked_add(out.len()).ok_or(Unreadable)?;
        out.copy_from_slice(bytes.get(start..end).ok_or(Unreadable)?);
        Ok(())
    }
}

/// Who can open the log.
pub trait Keys {
    /// Whether records are opened at all. If so, a segment whose secret is missing does not count.
    fn is_keyed(&self) -> bool;

    /// The evolving audit secret that session `session` has in chain `chain`, if there is such a chain and it begins at or
    /// below the session. Anyone can add chains, so the verifier tries those from 0 to [`CHAINS_MAX`].
    fn audit(&mut self, session: u32, chain: usize) -> Option<Secret<32>>;

    /// Learns that the device signed something whose header commits to a secret of chain `chain`.
    fn vouch(&mut self, chain: usize);

    /// Whether the device vouched for a secret of chain `chain`.
    fn is_vouched(&self, chain: usize) -> bool;

    /// Forgets for which chains the device vouched: another log is verified.
    fn begin(&mut self);
}

/// Nobody: only signatures are checked.
#[derive(Debug)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn is_keyed(&self) -> bool {
        false
    }

    fn audit(&mut self, _session: u32, _chain: usize) -> Option<Secret<32>> {
        None
    }

    fn vouch(&mut self, _chain: usize) {}

    fn is_vouched(&self, _chain: usize) -> bool {
        false
    }

    fn begin(&mut self) {}
}

/// What is verified, and against what.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Where things lie in the image.
    pub plan: &'a Plan,
    /// Id of the ring.
    pub ring: u8,
    /// The device that should have written it.
    pub device: DeviceId,
    /// The device's public key.
    pub key: Option<&'a PublicKey>,
    /// The public part of the log's state in the device's cell, if it could be read.
    pub state: Option<&'a [u8; PUBLIC_BYTES]>,
    /// A checkpoint seen earlier. Its signature was verified by the caller.
    pub anchor: Option<&'a Statement>,
}

/// What the whole log comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The first bad place, in the order of the log, and what is wrong there.
    pub first_bad: Option<(Verdict, u32, u32)>,
    /// Records opened and verified.
    pub records: u64,
    /// Sessions that left records.
    pub sessions: u32,
    /// Sessions that left no record, where the log's order shows it. Power cuts leave some; so does whoever removes the end
    /// of a log before the device boots again, and this is then the only trace without an anchor.
    pub silent_sessions: u32,
    /// Whether the state in the cell was believed: with the authority's secret, the device must vouch for its chain.
    pub state_believed: bool,
    /// The newest segment's session, and where its last record lies.
    pub head: Option<(u32, Place)>,
    /// The newest place that a checkpoint covers.
    pub signed_to: Option<(u32, Place)>,
    /// Whether the anchor was found in the log.
    pub anchored: bool,
}

/// Verifies a log and reports its ranges and records.
///
/// Reads each page a few times, in up to three passes: the first finds what the device vouches for, the second the first bad
/// place by that, the last reports. The first two are one if the device vouches for the state in the cell.
#[must_use]
pub fn verify<S: Suite, I: Image, K: Keys, O: Observer>(
    image: &mut I,
    keys: &mut K,
    subject: &Subject<'_>,
    observer: &mut O,
) -> Summary {
    keys.begin();
    let (believed, mut findings) =
        Walk::<S, _, _, _>::new(image, keys, *subject, &mut Ignore, None, true).run();
    let believes = believed.state_believed;
    if !believes {
        (_, findings) =
            Walk::<S, _, _, _>::new(image, keys, *subject, &mut Ignore, None, false).run();
    }
    Walk::<S, _, _, _>::new(image, keys, *subject, observer, Some(findings), believes).run().0
}
