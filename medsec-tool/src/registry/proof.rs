//! What a registry states of itself, signed: how many units and how many different keys, and where its chain of events ends.
//!
//! `proof.key` is one line: `medsec-registry-proof-key-1`, 64 digits: the public key, 32 digits: the salt, 24: the nonce, 64: the seed, 32: the
//! tag, encrypted as `ca.key` is. The key signs nothing but statements: who certifies devices has another one. `proof.pub` is
//! `medsec-registry-proof-1` and the public key. A statement is one line too: `medsec-registry-statement-1`, 224 digits, a space, 128 digits: the
//! signature (`docs/formats.md`, section 24).

use std::path::Path;

use medsec_core::Secret;
use medsec_core::key::{AtRest, Context, DeviceKey, Envelope, PublicKey};
use medsec_core::suite::Aes256Gcm;
use zeroize::Zeroizing;

use super::error::{Fault, RegistryError};
use super::tag::{read, write};
use super::verify::Report;
use super::{PROOF_KEY, PROOF_PUBLIC, Registry, chain};
use crate::ca::stretch;
use crate::keyfile::{KeyFileError, key, parts};
use crate::text::{hex, parse_hex};

const KEY_WORD: &str = "medsec-registry-proof-key-1";
const PUBLIC_WORD: &str = "medsec-registry-proof-1";
const STATEMENT_WORD: &str = "medsec-registry-statement-1";
const VERSION: u64 = 1;

/// Bytes of a statement, without its signature.
pub const STATEMENT_BYTES: usize = 112;

/// The key that signs what a registry states.
pub struct ProofKey(DeviceKey);

impl ProofKey {
    /// The key that is this one, from wherever it is kept.
    #[must_use]
    pub const fn new(key: DeviceKey) -> Self {
        Self(key)
    }

    /// Makes the key of the registry in a folder, under a passphrase.
    ///
    /// # Errors
    /// [`RegistryError::Exists`], [`RegistryError::NoRandomness`], or what the system says.
    pub fn create(folder: &Path, passphrase: &str) -> Result<Self, RegistryError> {
        let (mut seed, mut salt) = (Zeroizing::new([0; 32]), [0; 16]);
        for bytes in [&mut seed[..], &mut salt] {
            getrandom::fill(bytes).map_err(|_| RegistryError::NoRandomness)?;
        }
        let signs = Self(DeviceKey::from_seed(&Secret::new(*seed)));
        let public = hex(&signs.public().to_bytes());
        let front = format!("{KEY_WORD} {public} {}", hex(&salt));
        let failed = RegistryError::File(KeyFileError::Passphrase);
        let root = stretch(passphrase, &salt).ok_or_else(|| failed.clone())?;
        let sealed = AtRest::<Aes256Gcm>::derive(&root).seal(front.as_bytes(), &mut *seed);
        let Envelope { nonce, tag } = sealed.map_err(|_| failed)?;
        let text = format!("{front} {} {} {}\n", hex(&nonce), hex(&*seed), hex(&tag));
        write(&folder.join(PROOF_KEY), &text)?;
        write(&folder.join(PROOF_PUBLIC), &format!("{PUBLIC_WORD} {public}\n"))?;
        Ok(signs)
    }

    /// Opens the key of the registry in a folder.
    ///
    /// # Errors
    /// [`RegistryError::File`]: the passphrase is another, or the file was changed; or what the system says.
    pub fn open(folder: &Path, passphrase: &str) -> Result<Self, RegistryError> {
        let bytes = read(&folder.join(PROOF_KEY))?;
        decrypt(&bytes, passphrase).map_err(RegistryError::File)
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.0.public()
    }

    /// Reads the file of the public half, `proof.pub`.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse_public(bytes: &[u8]) -> Result<PublicKey, KeyFileError> {
        let [digits] = parts(bytes, PUBLIC_WORD)?;
        PublicKey::parse(&key(digits)?).map_err(|_| KeyFileError::NoKey)
    }
}

impl core::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ProofKey")
    }
}

fn decrypt(bytes: &[u8], passphrase: &str) -> Result<ProofKey, KeyFileError> {
    let [public, salt, nonce, body, tag] = parts(bytes, KEY_WORD)?;
    let digits = KeyFileError::Digits;
    let front = format!("{KEY_WORD} {public} {salt}");
    let salt: [u8; 16] = parse_hex(salt).ok_or(digits)?;
    let envelope =
        Envelope { nonce: parse_hex(nonce).ok_or(digits)?, tag: parse_hex(tag).ok_or(digits)? };
    let mut seed = Zeroizing::new(parse_hex::<32>(body).ok_or(digits)?);
    let root = stretch(passphrase, &salt).ok_or(KeyFileError::Passphrase)?;
    let opened = AtRest::<Aes256Gcm>::derive(&root).open(front.as_bytes(), &mut *seed, &envelope);
    opened.map_err(|_| KeyFileError::Passphrase)?;
    Ok(ProofKey(DeviceKey::from_seed(&Secret::new(*seed))))
}

/// What a registry stated, with a signature that was verified or just made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    body: [u8; STATEMENT_BYTES],
    signature: [u8; 64],
}

impl Statement {
    pub(super) fn sign(report: &Report, signs: &ProofKey) -> Result<Self, RegistryError> {
        let counts = &report.counts;
        let mut body = [0; STATEMENT_BYTES];
        let parts: [&[u8]; 11] = [
            &VERSION.to_le_bytes(),
            &report.registry,
            &counts.units().to_le_bytes(),
            &counts.keys.to_le_bytes(),
            &counts.certificates.to_le_bytes(),
            &counts.device_ids.to_le_bytes(),
            &counts.claim_tags.to_le_bytes(),
            &report.head.number.to_le_bytes(),
            &report.head.at.to_le_bytes(),
            &report.head.hash,
            &[],
        ];
        for (to, from) in body.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        let signature = signs.0.sign(Context::RegistryProof, &[&body]);
        let signature = signature.map_err(|_| RegistryError::File(KeyFileError::NoKey))?;
        Ok(Self { body, signature })
    }

    /// Reads the file of a statement that this key has signed.
    ///
    /// # Errors
    /// [`KeyFileError`]; [`KeyFileError::NoKey`] if another key signed it, or it was changed.
    pub fn parse(bytes: &[u8], key: &PublicKey) -> Result<Self, KeyFileError> {
        let [body, signature] = parts(bytes, STATEMENT_WORD)?;
        let body: [u8; STATEMENT_BYTES] = parse_hex(body).ok_or(KeyFileError::Digits)?;
        let signature = parse_hex(signature).ok_or(KeyFileError::Digits)?;
        let verified = key.verify(Context::RegistryProof, &[&body], &signature);
        verified.map_err(|_| KeyFileError::NoKey)?;
        let statement = Self { body, signature };
        if statement.number(0) != VERSION {
            return Err(KeyFileError::WrongKind);
        }
        Ok(statement)
    }

    /// The file that holds it.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!("{STATEMENT_WORD} {} {}\n", hex(&self.body), hex(&self.signature))
    }

    /// How many units it speaks of.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.number(24)
    }

    /// The number of the last event that it speaks of.
    #[must_use]
    pub fn event(&self) -> u64 {
        self.number(64)
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.part(at))
    }

    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut part = [0; N];
        for (to, from) in part.iter_mut().zip(self.body.iter().skip(at)) {
            *to = *from;
        }
        part
    }
}

impl Registry {
    /// Verifies everything, and states what was found.
    ///
    /// # Errors
    /// [`RegistryError::Changed`], or what the system says.
    pub fn state(&mut self, signs: &ProofKey) -> Result<(Report, Statement), RegistryError> {
        let report = self.verify()?;
        let statement = Statement::sign(&report, signs)?;
        Ok((report, statement))
    }

    /// That the chain of events still goes through the end that was stated once: nothing before it was cut off or replaced, and the registry is no
    /// older copy.
    ///
    /// # Errors
    /// [`Fault::Anchor`].
    pub fn check_anchor(&mut self, statement: &Statement) -> Result<(), RegistryError> {
        let id = self.id()?;
        let hash = chain::hash_of(&self.store.read()?, statement.event())?;
        if id != statement.part(8) || hash != Some(statement.part(80)) {
            return Err(RegistryError::Changed(Fault::Anchor));
        }
        Ok(())
    }
}
