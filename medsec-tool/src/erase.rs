//! Files of erase certificates (`docs/formats.md`, section 25).
//!
//! One line, `medsec-erase-1`, a space, and the certificate in hexadecimal digits; or the certificate's bytes as the device hands them out. It
//! is no secret.

use medsec_core::sanitize::Certificate;
use medsec_core::sanitize::certificate::CERTIFICATE_BYTES_MAX;

use crate::keyfile::{KeyFileError, parts};
use crate::text::{hex, parse_hex_vec};

const WORD: &str = "medsec-erase-1";

/// The file of an erase certificate.
#[must_use]
pub fn erase_file(certificate: &Certificate) -> String {
    format!("{WORD} {}\n", hex(certificate.to_bytes(&mut [0; CERTIFICATE_BYTES_MAX])))
}

/// Reads the bytes of such a file. The signature is not looked at.
///
/// # Errors
/// [`KeyFileError`].
pub fn parse_erase(bytes: &[u8]) -> Result<Certificate, KeyFileError> {
    let parse = |bytes: &[u8]| Certificate::parse(bytes).map_err(|_| KeyFileError::Erase);
    if !bytes.starts_with(WORD.as_bytes()) {
        return parse(bytes);
    }
    let [digits] = parts(bytes, WORD)?;
    parse(&parse_hex_vec(digits).ok_or(KeyFileError::Digits)?)
}
