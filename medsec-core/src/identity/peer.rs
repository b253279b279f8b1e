//! Who is at the other end of a link, proven.

use super::certificate::Claims;
use super::trust::{Origin, Trusted};
use crate::hal::EntropySource;
use crate::rng::Random;

/// The right to say that a peer has proved its key. Each started [`Random`] gives it once, and it is handed to the link layer, which keeps
/// it.
///
/// # Security
/// A certificate is public and says nothing of who shows it. What acts for someone from afar takes a [`ProvenPeer`] and nothing
/// else. This keeps code between the crates from making one of a certificate it has parsed, by mistake; a maker who wants to, and builds a
/// second random source or keeps the right to himself, can.
#[derive(Debug)]
pub struct LinkAuthority(());

impl LinkAuthority {
    /// Takes it; there is none a second time, and none where there can be no keys.
    pub fn take<E: EntropySource>(random: &mut Random<E>) -> Option<Self> {
        (random.verdict().is_ok() && random.claim_links()).then_some(Self(()))
    }

    /// Says that the holder of a certificate is at the other end of the link with this handshake hash.
    ///
    /// `remote_static` is the key that the handshake proved.
    ///
    /// # Errors
    /// [`OtherKey`]: the certificate is for another key.
    pub fn prove(
        &self,
        trusted: &Trusted,
        remote_static: &[u8; 32],
        handshake_hash: [u8; 32],
    ) -> Result<ProvenPeer, OtherKey> {
        let certificate = trusted.certificate();
        let key = certificate.agreement_key().ok_or(OtherKey)?;
        if key.to_bytes() != *remote_static {
            return Err(OtherKey);
        }
        Ok(ProvenPeer { claims: *certificate.claims(), origin: trusted.origin(), handshake_hash })
    }
}

/// The certificate is for another key than the one that was proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OtherKey;

impl core::fmt::Display for OtherKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("certificate is for another key")
    }
}

impl core::error::Error for OtherKey {}

/// The holder of a certificate that was good when its key was proved in the handshake of a link. Only [`LinkAuthority`] makes one.
///
/// It is lent by the link and ends with it: there is no `Clone`.
/// ```compile_fail,E0451
/// fn glue(claims: medsec_core::identity::certificate::Claims) -> medsec_core::identity::peer::ProvenPeer {
///     let origin = medsec_core::identity::trust::Origin::Owner;
///     medsec_core::identity::peer::ProvenPeer { claims, origin, handshake_hash: [0; 32] }
/// }
/// ```
#[derive(PartialEq, Eq, Debug)]
pub struct ProvenPeer {
    claims: Claims,
    origin: Origin,
    handshake_hash: [u8; 32],
}

impl ProvenPeer {
    /// What its certificate says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whose anchor stands behind it.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// The hash over the handshake: names the link, and is another in each run. What a peer signs for this link binds to it.
    #[must_use]
    pub const fn handshake_hash(&self) -> &[u8; 32] {
        &self.handshake_hash
    }
}
