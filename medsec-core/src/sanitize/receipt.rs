//! That somebody else has the log, by the word of the one whom the owner has named for it.

use super::NONCE_BYTES;
use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES, SignError};
use crate::suite::NotAuthentic;

/// Bytes of a receipt.
pub const RECEIPT_BYTES: usize = BODY_BYTES + SIGNATURE_BYTES;

const BODY_BYTES: usize = 44;
const VERSION: u8 = 1;

/// That an archive has the first so many records of a device. Only [`Receipt::verify`] and its signer make one.
///
/// # Trust
/// It is as good as the key it was verified with: that of an archive which the owner named, never one of those who approve the erase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    device: [u8; 16],
    nonce: [u8; NONCE_BYTES],
    records: u64,
}

impl Receipt {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        writer.bytes(&[VERSION, 0, 0, 0])?;
        writer.u64(self.records)?;
        writer.bytes(&self.device)?;
        writer.bytes(&self.nonce)
    }

    fn body(&self) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        // The buffer has the length of the layout.
        self.write(&mut Writer::new(&mut body)).unwrap_or_default();
        body
    }

    /// Signs, outside of the device, that the archive has the first `records` records of `device`, for the order with this nonce.
    ///
    /// # Errors
    /// [`SignError`]: there is no receipt.
    pub fn sign(
        archive: &DeviceKey,
        device: [u8; 16],
        nonce: [u8; NONCE_BYTES],
        records: u64,
    ) -> Result<[u8; RECEIPT_BYTES], SignError> {
        let body = Self { device, nonce, records }.body();
        let signature = archive.sign(Context::EraseReceipt, &[&body])?;
        let mut bytes = [0; RECEIPT_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer
            .bytes(&body)
            .and_then(|()| writer.bytes(&signature))
            .map_err(|Overflow| SignError::TooLong)?;
        Ok(bytes)
    }

    /// Parses `bytes`, and finds them signed by `archive`.
    ///
    /// # Errors
    /// [`NotAuthentic`]: no receipt, or not of this archive.
    pub fn verify(bytes: &[u8], archive: &PublicKey) -> Result<Self, NotAuthentic> {
        let (receipt, signature) = Self::read(bytes).map_err(|_| NotAuthentic)?;
        archive.verify(Context::EraseReceipt, &[&receipt.body()], &signature)?;
        Ok(receipt)
    }

    fn read(bytes: &[u8]) -> Result<(Self, [u8; SIGNATURE_BYTES]), DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(DecodeError::Reserved);
        }
        reader.zeros(3)?;
        let records = reader.u64()?;
        let receipt = Self { records, device: reader.array()?, nonce: reader.array()? };
        let signature = reader.array()?;
        reader.finish()?;
        Ok((receipt, signature))
    }

    /// How many records the archive has.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Whether it is for this device and this order.
    pub(super) fn is_for(&self, device: &[u8; 16], nonce: &[u8; NONCE_BYTES]) -> bool {
        self.device == *device && self.nonce == *nonce
    }
}
