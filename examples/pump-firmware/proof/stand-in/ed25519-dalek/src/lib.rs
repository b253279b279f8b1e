//! The signature as medsec sees it: any bytes, any verdict. It signs nothing.
#![no_std]

use core::hint::black_box;

/// The verdict against a signature.
#[derive(Debug)]
pub struct SignatureError;

/// A signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature([u8; 64]);

impl Signature {
    /// From its bytes.
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        Self(*bytes)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }
}

/// The public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// From its bytes.
    #[inline(never)]
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        black_box(Ok(Self(*bytes)))
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Of small order, or not.
    pub fn is_weak(&self) -> bool {
        black_box(false)
    }

    /// Valid, or not.
    #[inline(never)]
    pub fn verify_strict(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        black_box((message, signature));
        black_box(Err(SignatureError))
    }
}

/// Makes signatures.
pub trait Signer<S> {
    /// Some signature.
    fn sign(&self, message: &[u8]) -> S;
}

/// The secret key.
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// From its seed.
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(*seed)
    }

    /// Its public half.
    #[inline(never)]
    pub fn verifying_key(&self) -> VerifyingKey {
        black_box(VerifyingKey(self.0))
    }
}

impl Signer<Signature> for SigningKey {
    #[inline(never)]
    fn sign(&self, message: &[u8]) -> Signature {
        black_box((message, &self.0));
        black_box(Signature([0; 64]))
    }
}
