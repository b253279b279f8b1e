//! The file of a holder: its secrets and the certificate that its issuer gave it.
//!
//! Beside it lies the certificate by itself, for others: `medsec-certificate-1`, a space, 368 digits.
//!
//! One line: `medsec-holder-1`, a space, 64 digits: the X25519 secret for links, a space, 64 digits: the Ed25519 seed, a space, 368 digits: the
//! certificate. For the holder's eyes alone: who has it is the holder, until its issuer revokes it.

use core::fmt;

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::certificate::{CERTIFICATE_BYTES, Certificate, Kind};
use medsec_core::key::DeviceKey;
use zeroize::Zeroizing;

use crate::keyfile::{KeyFileError, key, parts};
use crate::text::{hex, parse_hex};

const WORD: &str = "medsec-holder-1";

const CERTIFICATE_WORD: &str = "medsec-certificate-1";

/// The file of a certificate alone.
#[must_use]
pub fn certificate_file(certificate: &Certificate) -> String {
    format!("{CERTIFICATE_WORD} {}\n", hex(&certificate.to_bytes()))
}

/// Reads the bytes of such a file.
///
/// # Errors
/// [`KeyFileError`].
pub fn parse_certificate(bytes: &[u8]) -> Result<Certificate, KeyFileError> {
    let [certificate] = parts(bytes, CERTIFICATE_WORD)?;
    certificate_of(certificate)
}

fn certificate_of(digits: &str) -> Result<Certificate, KeyFileError> {
    let bytes: [u8; CERTIFICATE_BYTES] = parse_hex(digits).ok_or(KeyFileError::Digits)?;
    Certificate::parse(&bytes).map_err(|_| KeyFileError::Certificate)
}

/// A holder of a certificate, with its secrets. Prints nothing.
pub struct Holder {
    agreement: Zeroizing<[u8; 32]>,
    signing: Zeroizing<[u8; 32]>,
    certificate: Certificate,
}

impl Holder {
    /// The holder with these secrets.
    ///
    /// # Errors
    /// [`KeyFileError::Certificate`]: it is for other keys.
    pub fn new(
        agreement: Zeroizing<[u8; 32]>,
        signing: Zeroizing<[u8; 32]>,
        certificate: Certificate,
    ) -> Result<Self, KeyFileError> {
        let holder = Self { agreement, signing, certificate };
        let agrees = Some(holder.secret().public()) == certificate.agreement_key();
        let signs = certificate.claims().kind == Kind::Recipient
            || Some(holder.signing_key().public()) == certificate.signing_key();
        if agrees && signs { Ok(holder) } else { Err(KeyFileError::Certificate) }
    }

    /// Reads the bytes of a holder's file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let [agreement, signing, certificate] = parts(bytes, WORD)?;
        let (agreement, signing) = (Zeroizing::new(key(agreement)?), Zeroizing::new(key(signing)?));
        let certificate = certificate_of(certificate)?;
        Self::new(agreement, signing, certificate)
    }

    /// The file, wiped on drop.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<String> {
        let (agreement, signing) =
            (Zeroizing::new(hex(&*self.agreement)), Zeroizing::new(hex(&*self.signing)));
        let certificate = hex(&self.certificate.to_bytes());
        Zeroizing::new(format!("{WORD} {} {} {certificate}\n", *agreement, *signing))
    }

    /// The secret of the key for links and sealed files.
    #[must_use]
    pub fn secret(&self) -> AgreementSecret {
        AgreementSecret::from_bytes(Secret::new(*self.agreement))
    }

    /// The seed of the key that signs.
    #[must_use]
    pub fn signing_seed(&self) -> Secret<32> {
        Secret::new(*self.signing)
    }

    fn signing_key(&self) -> DeviceKey {
        DeviceKey::from_seed(&self.signing_seed())
    }

    /// What its issuer says of it.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder")
    }
}
