//! Who holds which key, and what that lets the holder do: certificates, anchors and revocation.
//!
//! | step | type | what it shows |
//! |---|---|---|
//! | read | [`certificate::Certificate`] | the bytes have the layout; anyone can write them |
//! | judged | [`trust::Trusted`] | an anchor of this device stands behind it, today |
//! | proved | [`peer::ProvenPeer`] | its holder is at the other end of a link |
//! | permitted | [`permit::desk::Permitted`] | one thing is allowed from outside, once |
//!
//! A device has anchors of two origins. The maker's issue devices, service and stations; the owner's issue persons,
//! recipients and devices of his own. Neither can issue what is the other's.

pub mod birth;
pub mod certificate;
pub mod issuer_state;
pub mod own;
pub mod peer;
pub mod permit;
pub mod trust;

/// A day, counted from 2020-01-01 (UTC), up to 2199-06-05.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Day(u16);

impl Day {
    /// The first day there is: 2020-01-01.
    pub const FIRST: Self = Self(0);

    /// The day with this number; 0xFFFF is none.
    #[must_use]
    pub const fn of(number: u16) -> Option<Self> {
        if number == u16::MAX { None } else { Some(Self(number)) }
    }

    /// The day in which a time lies, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn of_unix(seconds: u64) -> Option<Self> {
        let since = seconds.checked_sub(FIRST_UNIX_SECONDS)? / SECONDS_OF_A_DAY;
        u16::try_from(since).ok().and_then(Self::of)
    }

    /// Days since 2020-01-01.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// 2020-01-01T00:00:00Z.
const FIRST_UNIX_SECONDS: u64 = 1_577_836_800;
const SECONDS_OF_A_DAY: u64 = 86_400;
