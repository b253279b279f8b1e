//! Why a device has nobody who can log in.

use medsec_auth::credential;
use medsec_core::flash::cell::MountError;

/// Why nobody can log in. Emergencies work all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unmounted {
    /// The attempts cannot be read: nobody can be judged, nor can the part of life.
    Attempts(MountError),
    /// The people cannot be read.
    Store(credential::MountError),
}

impl core::fmt::Display for Unmounted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Attempts(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Unmounted {}

/// There were people in this boot already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Twice;

impl core::fmt::Display for Twice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("people were taken before")
    }
}

impl core::error::Error for Twice {}
