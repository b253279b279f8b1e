//! Signed checkpoints: what anyone with the device's public key can verify without any secret.
//!
//! A checkpoint is an entry of class `C0` in the log. Its signature covers where it lies and the running hash
//! ([`Chain`](crate::segment::Chain)) over all that its session stored in the page before it. The page's header is part of
//! that, and holds the hash of the page before; so one checkpoint vouches for its whole session up to where it lies.
//!
//! | offset in the body | bytes | field |
//! |---|---|---|
//! | 0 | 8 | milliseconds since the boot |
//! | 8 | 64 | Ed25519 signature |
//!
//! Signed, after the context `medsec/v1/audit/checkpoint` padded with zeros to 32 bytes: device id 16, session u32, page
//! u32, offset u32, sequence number u64, milliseconds u64, running hash 32.

use medsec_core::codec::{DecodeError, Reader};
use medsec_core::flash::ring::Place;
use medsec_core::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES, SignError};
use medsec_core::suite::NotAuthentic;
use medsec_core::time::Ticks;

/// Bytes of a checkpoint's body.
pub const CHECKPOINT_BYTES: usize = 72;
/// Bytes that its signature covers, context aside.
pub const STATEMENT_BYTES: usize = 76;

/// What a checkpoint states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    /// Which device.
    pub device: [u8; 16],
    /// Which session.
    pub session: u32,
    /// Where the checkpoint lies.
    pub place: Place,
    /// When, since the boot.
    pub at: Ticks,
    /// Running hash up to the checkpoint.
    pub value: [u8; 32],
}

impl Statement {
    /// The bytes that are signed.
    #[must_use]
    pub fn encode(&self) -> [u8; STATEMENT_BYTES] {
        let mut bytes = [0; STATEMENT_BYTES];
        let parts: [&[u8]; 7] = [
            &self.device,
            &self.session.to_le_bytes(),
            &self.place.page.to_le_bytes(),
            &self.place.offset.to_le_bytes(),
            &self.place.seq.to_le_bytes(),
            &self.at.as_millis().to_le_bytes(),
            &self.value,
        ];
        for (to, from) in bytes.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// Parses what [`Statement::encode`] gave.
    ///
    /// # Errors
    /// [`DecodeError`]: another length.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let statement = Self {
            device: reader.array()?,
            session: reader.u32()?,
            place: Place { page: reader.u32()?, offset: reader.u32()?, seq: reader.u64()? },
            at: Ticks::from_millis(reader.u64()?),
            value: reader.array()?,
        };
        reader.finish()?;
        Ok(statement)
    }

    /// Signs the statement and gives the body of the entry.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, key: &DeviceKey) -> Result<[u8; CHECKPOINT_BYTES], SignError> {
        let signature = key.sign(Context::AuditCheckpoint, &[&self.encode()])?;
        let mut body = [0; CHECKPOINT_BYTES];
        let at = self.at.as_millis().to_le_bytes();
        let parts: [&[u8]; 2] = [&at, &signature];
        for (to, from) in body.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
        }
        Ok(body)
    }

    /// Checks that the device made this statement.
    ///
    /// # Errors
    /// [`NotAuthentic`].
    pub fn verify(
        &self,
        key: &PublicKey,
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), NotAuthentic> {
        key.verify(Context::AuditCheckpoint, &[&self.encode()], signature)
    }
}

/// The body of a checkpoint entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckpointBody {
    /// When, since the boot.
    pub at: Ticks,
    /// The signature.
    pub signature: [u8; SIGNATURE_BYTES],
}

impl CheckpointBody {
    /// Parses the body of an entry of class `C0`.
    ///
    /// # Errors
    /// [`DecodeError`]: another length.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let checkpoint = Self { at: Ticks::from_millis(reader.u64()?), signature: reader.array()? };
        reader.finish()?;
        Ok(checkpoint)
    }
}
