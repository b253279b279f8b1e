//! Key files and checkpoint files: one line of text each, read strictly.
//!
//! | file | line |
//! |---|---|
//! | device key | `medsec-device-key-1`, space, 64 digits: the device's Ed25519 public key |
//! | authority secret | `medsec-authority-secret-1`, space, 64 digits: the log authority's X25519 secret |
//! | checkpoint | `medsec-checkpoint-1`, space, digits of the signed bytes, space, 128 digits: the signature |
//! | pseudonym key | `medsec-pseudonym-key-1`, space, 64 digits: the key of one export's pseudonyms |
//!
//! Digits are hexadecimal in lower case. The line may end in a line feed; nothing may follow it.

use core::fmt;

use medsec_core::key::PublicKey;
use zeroize::{Zeroize as _, Zeroizing};

use crate::text::{hex, parse_hex, parse_hex_vec};

const DEVICE_WORD: &str = "medsec-device-key-1";
const AUTHORITY_WORD: &str = "medsec-authority-secret-1";
const PSEUDONYM_WORD: &str = "medsec-pseudonym-key-1";
const CHECKPOINT_WORD: &str = "medsec-checkpoint-1";
/// Bytes that a device may sign as one checkpoint.
const CHECKPOINT_BYTES_MAX: usize = 512;

/// Bytes of the longest file of this kind.
pub const FILE_BYTES_MAX: u64 = 2_048;

/// What is wrong with a file of this kind. It never repeats what stands in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// There are bytes other than printable ASCII.
    #[error("the file holds bytes that are no plain text")]
    NotText,
    /// There is more than one line.
    #[error("there is more than one line")]
    MoreLines,
    /// It begins with another word.
    #[error("the line does not begin with the word for this kind of file, version 1")]
    WrongKind,
    /// The number of parts is wrong.
    #[error("the line has too few or too many parts, or more than one space between them")]
    Parts,
    /// The digits are not right.
    #[error("the digits are not the right number of hexadecimal digits in lower case")]
    Digits,
    /// All digits are zero.
    #[error("a key of zeros is no key")]
    Zero,
    /// The passphrase is another one, or the file was changed.
    #[error("the passphrase does not open it, or it was changed")]
    Passphrase,
    /// The book beside it is of another authority.
    #[error("the book beside it is of another authority")]
    Book,
    /// A line is missing, or is another than belongs there.
    #[error("a line is missing, repeated, malformed or out of order")]
    Line,
    /// The digits are no certificate, or one for other keys.
    #[error("the digits are no certificate, or one for other keys")]
    Certificate,
    /// The digits are no permit.
    #[error("the digits are no permit, or one that no device would take")]
    Permit,
    /// The bytes are no erase certificate.
    #[error("the bytes are no erase certificate, or one that no device would sign")]
    Erase,
    /// The digits are no public key.
    #[error("the digits are no Ed25519 public key, or one that would vouch for anything")]
    NoKey,
}

/// A device's Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceKey(PublicKey);

impl DeviceKey {
    /// Reads the bytes of a device key file.
    ///
    /// # Errors
    /// Each [`KeyFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let [digits] = parts(bytes, DEVICE_WORD)?;
        let key = key(digits)?;
        PublicKey::parse(&key).map(Self).map_err(|_| KeyFileError::NoKey)
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.0
    }

    /// The file that holds this key.
    #[must_use]
    pub fn to_file(self) -> String {
        format!("{DEVICE_WORD} {}\n", hex(&self.0.to_bytes()))
    }

    /// The key, for people to compare.
    #[must_use]
    pub fn fingerprint(self) -> String {
        hex(&self.0.to_bytes())
    }
}

impl From<PublicKey> for DeviceKey {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

/// A log authority's X25519 secret. Wiped on drop, prints nothing.
pub struct AuthoritySecret(Zeroizing<[u8; 32]>);

impl AuthoritySecret {
    /// Reads the bytes of an authority's key file.
    ///
    /// # Errors
    /// Each [`KeyFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let [digits] = parts(bytes, AUTHORITY_WORD)?;
        let mut secret = key(digits)?;
        let held = Self(Zeroizing::new(secret));
        secret.zeroize();
        Ok(held)
    }

    /// The file that holds `secret`, wiped on drop.
    #[must_use]
    pub fn file_of(secret: &[u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(format!("{AUTHORITY_WORD} {}\n", hex(secret)))
    }

    /// The secret, for the verifier.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AuthoritySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthoritySecret")
    }
}

/// The key of one export's pseudonyms. Wiped on drop, prints nothing.
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

impl PseudonymKey {
    /// A new key from the system's random source.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key)?;
        Ok(Self(key))
    }

    /// Reads the bytes of a pseudonym key file.
    ///
    /// # Errors
    /// Each [`KeyFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let [digits] = parts(bytes, PSEUDONYM_WORD)?;
        key(digits).map(|key| Self(Zeroizing::new(key)))
    }

    /// The file that holds this key, wiped on drop.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PSEUDONYM_WORD} {}\n", hex(&*self.0)))
    }

    /// The key, to make pseudonyms with.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}

/// A checkpoint as the device signed it. Holding one proves nothing until its signature is verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The bytes under the signature.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// Reads the bytes of a checkpoint file.
    ///
    /// # Errors
    /// Each [`KeyFileError`] but [`KeyFileError::Zero`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let [signed, signature] = parts(bytes, CHECKPOINT_WORD)?;
        let signed = parse_hex_vec(signed).ok_or(KeyFileError::Digits)?;
        if signed.is_empty() || signed.len() > CHECKPOINT_BYTES_MAX {
            return Err(KeyFileError::Digits);
        }
        let signature = parse_hex(signature).ok_or(KeyFileError::Digits)?;
        Ok(Self { signed, signature })
    }

    /// The file that holds this checkpoint.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!("{CHECKPOINT_WORD} {} {}\n", hex(&self.signed), hex(&self.signature))
    }
}

/// The `N` parts behind `word`.
pub(crate) fn parts<'a, const N: usize>(
    bytes: &'a [u8],
    word: &str,
) -> Result<[&'a str; N], KeyFileError> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if line.is_empty() {
        return Err(KeyFileError::Empty);
    }
    if line.contains(&b'\n') {
        return Err(KeyFileError::MoreLines);
    }
    if !line.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(KeyFileError::NotText);
    }
    let line = str::from_utf8(line).map_err(|_| KeyFileError::NotText)?;
    let mut words = line.split(' ');
    if words.next() != Some(word) {
        return Err(KeyFileError::WrongKind);
    }
    words.collect::<Vec<_>>().try_into().map_err(|_| KeyFileError::Parts)
}

pub(crate) fn key(digits: &str) -> Result<[u8; 32], KeyFileError> {
    let key = parse_hex(digits).ok_or(KeyFileError::Digits)?;
    if key == [0; 32] { Err(KeyFileError::Zero) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn files_are_read_back() {
        let seed = medsec_core::Secret::new([7; 32]);
        let key = DeviceKey::from(medsec_core::key::DeviceKey::from_seed(&seed).public());
        assert_eq!(DeviceKey::parse(key.to_file().as_bytes()), Ok(key));
        let line = format!("{AUTHORITY_WORD} {DIGITS}");
        assert_eq!(AuthoritySecret::parse(line.as_bytes()).unwrap().expose()[2], 0x22);
        let checkpoint = Checkpoint { signed: vec![1, 2, 3], signature: [9; 64] };
        assert_eq!(Checkpoint::parse(checkpoint.to_file().as_bytes()), Ok(checkpoint));
    }

    #[test]
    fn each_malformed_file_is_refused_for_its_own_reason() {
        let upper = DIGITS.to_uppercase();
        for (line, error) in [
            (String::new(), KeyFileError::Empty),
            ("\n".to_owned(), KeyFileError::Empty),
            (format!("{DEVICE_WORD} {DIGITS}\n\n"), KeyFileError::MoreLines),
            (format!("{DEVICE_WORD} {DIGITS}\r\n"), KeyFileError::NotText),
            (format!("\u{feff}{DEVICE_WORD} {DIGITS}"), KeyFileError::NotText),
            (format!("medsec-device-key-2 {DIGITS}"), KeyFileError::WrongKind),
            (format!("{AUTHORITY_WORD} {DIGITS}"), KeyFileError::WrongKind),
            (format!(" {DEVICE_WORD} {DIGITS}"), KeyFileError::WrongKind),
            (DEVICE_WORD.to_owned(), KeyFileError::Parts),
            (format!("{DEVICE_WORD} {DIGITS} "), KeyFileError::Parts),
            (format!("{DEVICE_WORD}  {DIGITS}"), KeyFileError::Parts),
            (format!("{DEVICE_WORD} {upper}"), KeyFileError::Digits),
            (format!("{DEVICE_WORD} {DIGITS}0"), KeyFileError::Digits),
            (format!("{DEVICE_WORD} {DIGITS}00"), KeyFileError::Digits),
            (format!("{DEVICE_WORD} {}", "0".repeat(64)), KeyFileError::Zero),
            (format!("{DEVICE_WORD} 01{}", "0".repeat(62)), KeyFileError::NoKey),
            (format!("{DEVICE_WORD} 02{}", "0".repeat(62)), KeyFileError::NoKey),
        ] {
            assert_eq!(DeviceKey::parse(line.as_bytes()), Err(error), "{line:?}");
        }
        let long = format!("{CHECKPOINT_WORD} {} {}", "00".repeat(513), "00".repeat(64));
        assert_eq!(Checkpoint::parse(long.as_bytes()), Err(KeyFileError::Digits));
    }

    /// The secret is in no error text and in no debug text.
    #[test]
    fn nothing_prints_the_secret() {
        let secret = AuthoritySecret::parse(format!("{AUTHORITY_WORD} {DIGITS}").as_bytes());
        assert_eq!(format!("{:?}", secret.unwrap()), "AuthoritySecret");
        let error = AuthoritySecret::parse(format!("{AUTHORITY_WORD} {DIGITS}0").as_bytes());
        assert!(!error.unwrap_err().to_string().contains("0011"));
    }
}
