//! Files of permits: what is allowed from outside, once, to one device (`docs/formats.md`, section 16).
//!
//! | file | line |
//! |---|---|
//! | permit | `medsec-permit-1`, space, 360 or 488 digits: the permit |
//! | draft | `medsec-permit-draft-1`, space, 232 digits: what two have to sign, space, 64 digits: the key of the first, space, 128 digits: his signature |
//!
//! Neither is a secret: a permit answers one challenge of one device.

use medsec_core::identity::permit::{
    BODY_BYTES, PERMIT_BYTES_MAX, Permit, PermitError, Terms, Unsigned,
};
use medsec_core::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES};

use crate::keyfile::{KeyFileError, key, parts};
use crate::text::{hex, parse_hex, parse_hex_vec};

const WORD: &str = "medsec-permit-1";
const DRAFT_WORD: &str = "medsec-permit-draft-1";

/// The file of a permit.
#[must_use]
pub fn permit_file(permit: &Permit) -> String {
    format!("{WORD} {}\n", hex(permit.to_bytes(&mut [0; PERMIT_BYTES_MAX])))
}

/// Reads the bytes of such a file. Its signatures are not looked at.
///
/// # Errors
/// [`KeyFileError`].
pub fn parse_permit(bytes: &[u8]) -> Result<Permit, KeyFileError> {
    let [digits] = parts(bytes, WORD)?;
    let bytes = parse_hex_vec(digits).ok_or(KeyFileError::Digits)?;
    Permit::parse(&bytes).map_err(|_| KeyFileError::Permit)
}

/// A permit that one of two has signed.
#[derive(Clone, Debug)]
pub struct Draft {
    body: [u8; BODY_BYTES],
    /// With signatures of zeros: who has to sign, and what it says.
    permit: Permit,
    first: PublicKey,
    signature: [u8; SIGNATURE_BYTES],
}

impl Draft {
    /// Signs as the first of two.
    ///
    /// # Errors
    /// [`PermitError`]: no permit can say that, or these two are not who signs it.
    pub(crate) fn sign(
        terms: Terms,
        first: &DeviceKey,
        second: &PublicKey,
    ) -> Result<Self, PermitError> {
        let public = first.public();
        let body = Unsigned::new(terms, &[public, *second])?.to_be_signed();
        let signature = first.sign(Context::Permit, &[&body]).map_err(|_| PermitError::Unsigned)?;
        Ok(Self { body, permit: unsigned(&body)?, first: public, signature })
    }

    /// Signs as the second of two.
    ///
    /// # Errors
    /// [`PermitError`]: the key is not the one that was named, or the first has not signed this.
    pub(crate) fn countersign(&self, second: &DeviceKey) -> Result<Permit, PermitError> {
        let mut permit = Unsigned::new(*self.terms(), &[self.first, second.public()])?;
        if permit.to_be_signed() != self.body {
            return Err(PermitError::Signers);
        }
        permit.add_signature(self.signature, &self.first)?;
        permit.sign(second)?;
        permit.finish()
    }

    /// Reads the bytes of a file. The signature is looked at when the second signs.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let [body, first, signature] = parts(bytes, DRAFT_WORD)?;
        let digits = KeyFileError::Digits;
        let body = parse_hex(body).ok_or(digits)?;
        let first = PublicKey::parse(&key(first)?).map_err(|_| KeyFileError::NoKey)?;
        let signature = parse_hex(signature).ok_or(digits)?;
        let permit = unsigned(&body).map_err(|_| KeyFileError::Permit)?;
        Ok(Self { body, permit, first, signature })
    }

    /// The file.
    #[must_use]
    pub fn to_file(&self) -> String {
        let (body, first) = (hex(&self.body), hex(&self.first.to_bytes()));
        format!("{DRAFT_WORD} {body} {first} {}\n", hex(&self.signature))
    }

    /// What it says.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        self.permit.terms()
    }

    /// The permit that it is to be, with signatures of zeros.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }
}

/// The permit with this body that two have to sign.
fn unsigned(body: &[u8; BODY_BYTES]) -> Result<Permit, PermitError> {
    let mut bytes = [0; PERMIT_BYTES_MAX];
    bytes[..BODY_BYTES].copy_from_slice(body);
    Permit::parse(&bytes)
}
