//! The key of the tags that stand for claim codes, and the files around a registry.
//!
//! `tag.key` is one line: `medsec-registry-tag-key-1`, a space, 64 digits.

use std::fs;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use medsec_core::key::sha256;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::RegistryError;
use crate::claim::ClaimCode;
use crate::error::Error;
use crate::files;
use crate::keyfile::{FILE_BYTES_MAX, key, parts};
use crate::text::hex;
use crate::untrusted::Untrusted;

const WORD: &str = "medsec-registry-tag-key-1";
const ID_TEXT: &[u8; 32] = b"medsec-registry-tag-id-1\0\0\0\0\0\0\0\0";

/// The key. Wiped on drop, prints nothing.
pub(super) struct TagKey(Zeroizing<[u8; 32]>);

impl TagKey {
    /// The key with these bytes.
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn draw() -> Result<Self, RegistryError> {
        let mut key = Self::new([0; 32]);
        getrandom::fill(&mut *key.0).map_err(|_| RegistryError::NoRandomness)?;
        Ok(key)
    }

    pub(super) fn read(path: &Path) -> Result<Self, RegistryError> {
        let bytes = read(path)?;
        let parsed = parts(&bytes, WORD).and_then(|[digits]| key(digits));
        parsed.map(Self::new).map_err(RegistryError::File)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), RegistryError> {
        let digits = Zeroizing::new(hex(&*self.0));
        write(path, &Zeroizing::new(format!("{WORD} {}\n", *digits)))
    }

    /// By what the database knows it: the first bytes of a hash.
    pub(super) fn id(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[ID_TEXT, &*self.0]);
        [a, b, c, d, e, f, g, h]
    }

    /// What stands for a code.
    pub(super) fn tag(&self, code: &ClaimCode) -> [u8; 32] {
        let mut tag = [0; 32];
        // A key of any length is accepted; the error arm cannot be reached.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) {
            mac.update(code.expose());
            tag.copy_from_slice(&mac.finalize().into_bytes());
        }
        tag
    }
}

/// The bytes of a small file of a registry.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, RegistryError> {
    let bytes = files::read(path, FILE_BYTES_MAX);
    bytes.map(Zeroizing::new).map_err(|error| unavailable(&error))
}

/// Writes a new file, for its owner alone.
pub(super) fn write(path: &Path, text: &str) -> Result<(), RegistryError> {
    files::write_secret(path, text).map_err(|error| {
        if matches!(error, Error::OverFile { .. }) {
            return RegistryError::Exists;
        }
        unavailable(&error)
    })
}

fn unavailable(error: &Error) -> RegistryError {
    RegistryError::Unavailable { reason: Untrusted::new(error.to_string()) }
}

/// Makes a folder for its owner alone, or takes an empty one.
pub(super) fn private_folder(path: &Path) -> Result<(), RegistryError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    if fs::read_dir(path)?.next().is_some() {
        return Err(RegistryError::Exists);
    }
    Ok(())
}

/// The path of a file in a folder, without links in it: SQLite follows none.
pub(super) fn inside(folder: &Path, name: &str) -> Result<PathBuf, RegistryError> {
    Ok(fs::canonicalize(folder)?.join(name))
}
