//! What a device says once it is made.

use medsec_core::codec::{DecodeError, Reader, Writer};
use medsec_core::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES, SignError};
use medsec_core::suite::NotAuthentic;

use super::message::{Debug, Hello};

const RECEIPT_BYTES: usize = 78;
const VERSION: u8 = 1;

/// Bytes of a receipt with its signature.
pub const SIGNED_RECEIPT_BYTES: usize = RECEIPT_BYTES + SIGNATURE_BYTES;

/// What a device says once it is made: it has this certificate, a code for its first owner, and takes no other. The same bytes each
/// time it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The run.
    pub hello: Hello,
    /// The device.
    pub device: [u8; 16],
    /// Digest of its certificate.
    pub certificate: [u8; 32],
    /// Its debug port.
    pub debug: Debug,
}

impl Receipt {
    /// The receipt with the device's signature.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, key: &DeviceKey) -> Result<[u8; SIGNED_RECEIPT_BYTES], SignError> {
        let body = self.to_bytes();
        let signature = key.sign(Context::ProvisionReceipt, &[&body])?;
        let mut bytes = [0; SIGNED_RECEIPT_BYTES];
        for (to, from) in bytes.iter_mut().zip(body.iter().chain(&signature)) {
            *to = *from;
        }
        Ok(bytes)
    }

    /// The receipt in these bytes, if the device signed it.
    ///
    /// # Errors
    /// [`NotAuthentic`].
    pub fn verify(
        bytes: &[u8; SIGNED_RECEIPT_BYTES],
        key: &PublicKey,
    ) -> Result<Self, NotAuthentic> {
        let (body, signature) = bytes.split_first_chunk::<RECEIPT_BYTES>().ok_or(NotAuthentic)?;
        let signature = signature.first_chunk().ok_or(NotAuthentic)?;
        key.verify(Context::ProvisionReceipt, &[body], signature)?;
        Self::parse(body).map_err(|_| NotAuthentic)
    }

    fn to_bytes(self) -> [u8; RECEIPT_BYTES] {
        let mut bytes = [0; RECEIPT_BYTES];
        let mut writer = Writer::new(&mut bytes);
        // The receipt is made for these fields, so they fit.
        writer
            .bytes(&[VERSION, self.debug.code()])
            .and_then(|()| writer.u32(self.hello.model))
            .and_then(|()| writer.u64(self.hello.serial))
            .and_then(|()| writer.bytes(&self.hello.transaction))
            .and_then(|()| writer.bytes(&self.device))
            .and_then(|()| writer.bytes(&self.certificate))
            .unwrap_or_default();
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(DecodeError::Reserved);
        }
        let debug = Debug::parse(reader.u8()?)?;
        let (model, serial, transaction) = (reader.u32()?, reader.u64()?, reader.array()?);
        let (device, certificate) = (reader.array()?, reader.array()?);
        reader.finish()?;
        Ok(Self { hello: Hello { transaction, model, serial }, device, certificate, debug })
    }
}
