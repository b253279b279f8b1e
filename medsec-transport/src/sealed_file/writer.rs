//! Writing a sealed file, front to end.

use medsec_core::Secret;
use medsec_core::codec::{Overflow, Writer};
use medsec_core::hal::EntropySource;
use medsec_core::hpke::{HpkeError, seal_base};
use medsec_core::identity::certificate::Certificate;
use medsec_core::key::{Context, DeviceKey, KID_BYTES, Label, SignError, derive, sha256};
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::{SealError, Sealer, Suite};

use super::{
    CHUNK_BYTES_MAX, CHUNK_OVERHEAD, Content, FIXED_BYTES, HEAD_BYTES, INFO, LAST, MAGIC,
    RECIPIENT_BYTES, Recipients, TRAILER_BYTES, VERSION, chained, commitment, header_bytes,
};
use crate::frame::Outgoing;
use crate::link::has_suite;

/// Why nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The content is longer than a chunk, or the buffer is too short. A longer buffer still does.
    Length,
    /// The certificate is for another key, or does not have the suite.
    Certificate,
    /// No randomness, so no key.
    Random(RandomError),
    /// The signature was not released.
    Sign(SignError),
    /// No key could be sealed to a recipient, or there are more chunks than one key takes.
    Seal,
}

impl core::fmt::Display for WriteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("does not fit"),
            Self::Certificate => f.write_str("certificate of another key, or without the suite"),
            Self::Random(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
            Self::Seal => f.write_str("could not seal"),
        }
    }
}

impl core::error::Error for WriteError {}

impl From<Overflow> for WriteError {
    fn from(_: Overflow) -> Self {
        Self::Length
    }
}

impl From<RandomError> for WriteError {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

impl From<SignError> for WriteError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}

impl From<HpkeError> for WriteError {
    fn from(_: HpkeError) -> Self {
        Self::Seal
    }
}

impl From<SealError> for WriteError {
    fn from(_: SealError) -> Self {
        Self::Seal
    }
}

/// Who signs a file.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The signing key in the certificate.
    pub key: &'a DeviceKey,
    /// The certificate that goes into the file.
    pub certificate: &'a Certificate,
}

/// Writes a file, chunk by chunk.
///
/// # Limits
/// RAM: a cipher and about 64 bytes. Of the content it holds nothing: each chunk is encrypted in the buffer that it leaves from.
pub struct FileWriter<S: Suite> {
    /// The id of the key that has signed the header, and signs the end.
    signer: [u8; KID_BYTES],
    sealer: Sealer<S>,
    /// The number of the next chunk.
    next: u64,
    /// The hash over all that was written.
    digest: [u8; 32],
}

impl<S: Suite> FileWriter<S> {
    /// Begins a file under a key of its own, and writes its header to `out`.
    ///
    /// Costs two agreements for each recipient, a signature and its verification.
    ///
    /// # Errors
    /// [`WriteError`], as it says.
    pub fn begin<'m, E: EntropySource>(
        sender: Sender<'_>,
        content: Content,
        recipients: &Recipients,
        random: &mut Random<E>,
        out: &'m mut [u8],
    ) -> Result<(Self, Outgoing<'m>), WriteError> {
        let is_own = sender.certificate.signing_key() == Some(sender.key.public());
        if !is_own || !has_suite::<S>(sender.certificate) {
            return Err(WriteError::Certificate);
        }
        let count = recipients.count();
        let out = out.get_mut(..header_bytes(count)).ok_or(WriteError::Length)?;
        let count = u8::try_from(count).map_err(|_| WriteError::Length)?;
        let key = fresh(random)?;
        let mut fixed = [0; FIXED_BYTES];
        let mut writer = Writer::new(&mut fixed);
        writer.bytes(&MAGIC)?;
        writer.bytes(&[VERSION, S::ID, content.code(), count])?;
        writer.bytes(&sender.certificate.to_bytes())?;
        writer.bytes(&commitment(&key))?;
        let (front, rest) = out.split_at_mut_checked(FIXED_BYTES).ok_or(WriteError::Length)?;
        front.copy_from_slice(&fixed);
        let mut stanzas = rest.chunks_exact_mut(RECIPIENT_BYTES);
        for recipient in recipients.keys() {
            let stanza = stanzas.next().ok_or(WriteError::Length)?;
            let mut sealed_key = key.duplicate();
            let sealed =
                seal_base::<S>(recipient, INFO, &fixed, sealed_key.expose_mut(), &fresh(random)?)?;
            let mut writer = Writer::new(stanza);
            writer.bytes(&recipient.kid())?;
            writer.bytes(&sealed.enc)?;
            writer.bytes(sealed_key.expose())?;
            writer.bytes(&sealed.tag)?;
        }
        let (signed, signature) = out.split_last_chunk_mut().ok_or(WriteError::Length)?;
        let digest = sha256(&[signed]);
        *signature = sender.key.sign(Context::FileHeader, &[&digest])?;
        let sealer = Sealer::new(&derive(&key, Label::FileEncrypt, &[]));
        let signer = sender.key.public().kid();
        Ok((Self { signer, sealer, next: 0, digest }, Outgoing(out)))
    }

    /// Encrypts up to 4,096 bytes of content, which are not the last.
    ///
    /// # Errors
    /// [`WriteError::Length`]: it did not fit, and nothing changed. [`WriteError::Seal`]: the file can only be given up.
    pub fn chunk<'m>(
        &mut self,
        content: &[u8],
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, WriteError> {
        self.put(content, 0, out)
    }

    /// Encrypts the last of the content, which may be none, and signs the file with the key that it was begun with.
    ///
    /// # Errors
    /// [`WriteError`], as it says; the file then has no end and is worth nothing. [`WriteError::Certificate`]: another key.
    pub fn finish<'m>(
        mut self,
        key: &DeviceKey,
        content: &[u8],
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, WriteError> {
        if key.public().kid() != self.signer {
            return Err(WriteError::Certificate);
        }
        let bytes = content.len().saturating_add(CHUNK_OVERHEAD).saturating_add(TRAILER_BYTES);
        let out = out.get_mut(..bytes).ok_or(WriteError::Length)?;
        let (chunk, trailer) =
            out.split_last_chunk_mut::<TRAILER_BYTES>().ok_or(WriteError::Length)?;
        self.put(content, LAST, chunk)?;
        *trailer = key.sign(Context::FileContent, &[&self.digest])?;
        Ok(Outgoing(out))
    }

    fn put<'m>(
        &mut self,
        content: &[u8],
        flag: u16,
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, WriteError> {
        let length = u16::try_from(content.len()).map_err(|_| WriteError::Length)?;
        if content.len() > CHUNK_BYTES_MAX {
            return Err(WriteError::Length);
        }
        let bytes = content.len().saturating_add(CHUNK_OVERHEAD);
        let out = out.get_mut(..bytes).ok_or(WriteError::Length)?;
        let (head, rest) = out.split_first_chunk_mut::<HEAD_BYTES>().ok_or(WriteError::Length)?;
        let (body, tag) = rest.split_last_chunk_mut().ok_or(WriteError::Length)?;
        *head = (length | flag).to_le_bytes();
        body.copy_from_slice(content);
        match self.sealer.seal(self.next, head, body) {
            Ok(sealed) => *tag = sealed,
            Err(error) => {
                body.fill(0);
                return Err(error.into());
            }
        }
        self.next = self.next.saturating_add(1);
        self.digest = chained(&self.digest, *head, body, tag);
        Ok(Outgoing(out))
    }
}

impl<S: Suite> core::fmt::Debug for FileWriter<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FileWriter").field("chunks", &self.next).finish_non_exhaustive()
    }
}

/// A secret that was never there before.
fn fresh<E: EntropySource>(random: &mut Random<E>) -> Result<Secret<32>, RandomError> {
    let mut secret = Secret::new([0; 32]);
    random.fill_with(INFO, secret.expose_mut())?;
    Ok(secret)
}
