//! The code by which a device's first owner claims it, and what is kept of it.

use medsec_core::Secret;
use medsec_core::key::{Label, MacKey, derive};
use medsec_core::suite::{NotAuthentic, TAG_BYTES};

use super::message::Run;

/// Bytes of a claim code: it is drawn by the device, and no two of them are alike.
pub const CODE_BYTES: usize = 16;

/// What a claim code is kept as. The code itself is nowhere but on its label.
pub struct ClaimKey(Secret<32>);

impl ClaimKey {
    /// That of a code: what a link by label takes too.
    #[must_use]
    pub fn of(code: &Secret<CODE_BYTES>) -> Self {
        let mut parent = Secret::new([0; 32]);
        for (to, from) in parent.expose_mut().iter_mut().zip(code.expose()) {
            *to = *from;
        }
        Self(derive(&parent, Label::LinkPair, &[]))
    }

    pub(super) const fn kept(key: Secret<32>) -> Self {
        Self(key)
    }

    /// The bytes to keep.
    pub(super) fn into_kept(self) -> Secret<32> {
        self.0
    }

    /// Shows that whoever makes it has the code, on this link and for this certificate.
    #[must_use]
    pub fn proof(&self, run: &Run<'_>, certificate: &[u8; 32]) -> [u8; TAG_BYTES] {
        self.mac().tag(&[run.handshake, &run.hello.transaction, certificate])
    }

    /// Checks such a proof.
    pub(super) fn check(
        &self,
        run: &Run<'_>,
        certificate: &[u8; 32],
        proof: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        self.mac().verify(&[run.handshake, &run.hello.transaction, certificate], proof)
    }

    fn mac(&self) -> MacKey {
        MacKey::derive(&self.0, Label::AuthClaim)
    }
}

impl core::fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ClaimKey")
    }
}
