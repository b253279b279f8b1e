//! The key agreement as medsec sees it: any bytes. It agrees on nothing.
#![no_std]

use core::hint::black_box;

/// The public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for PublicKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<&StaticSecret> for PublicKey {
    #[inline(never)]
    fn from(secret: &StaticSecret) -> Self {
        black_box(Self(secret.0))
    }
}

/// The secret key.
pub struct StaticSecret([u8; 32]);

impl From<[u8; 32]> for StaticSecret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl StaticSecret {
    /// Some secret.
    #[inline(never)]
    pub fn diffie_hellman(&self, public: &PublicKey) -> SharedSecret {
        black_box(public);
        black_box(SharedSecret(self.0))
    }
}

/// What was agreed on.
pub struct SharedSecret([u8; 32]);

impl SharedSecret {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
