//! Reading a sealed file, in two passes.
//!
//! Neither pass reads by itself: [`due`](Checking::due) says how many bytes the next part has, and the owner of the medium brings them.

use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Reader};
use medsec_core::hpke::open_base;
use medsec_core::identity::certificate::{CERTIFICATE_BYTES, Certificate, CertificateError};
use medsec_core::identity::trust::Trusted;
use medsec_core::key::{Context, KID_BYTES, Label, PublicKey, derive, sha256};
use medsec_core::suite::{NotAuthentic, Opener, Suite, TAG_BYTES};

use super::{
    CHUNK_BYTES_MAX, Content, FIXED_BYTES, FRONT_BYTES, Front, HEAD_BYTES, INFO, LAST,
    RECIPIENT_BYTES, TRAILER_BYTES, chained, commitment, header_bytes,
};
use crate::link::{Judging, LinkError, Own};

/// Why a file is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// No sealed file, a byte that has no meaning, or bytes behind the end.
    Layout,
    /// A later version.
    Version,
    /// Another suite than this reader's.
    Suite,
    /// It holds something else than what is looked for.
    Content,
    /// The file ends before its end: it was cut, or its sender lost power.
    Torn,
    /// The sender is nobody whose files are read, as it would be no peer of a link.
    Sender(LinkError),
    /// It is for others.
    NotRecipient,
    /// Changed since the sender wrote it, or made by somebody else.
    NotAuthentic,
    /// The second pass saw another file than the first: the medium was changed in between.
    Changed,
}

impl core::fmt::Display for ReadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout => f.write_str("no sealed file, or bytes behind its end"),
            Self::Version => f.write_str("sealed file of a later version"),
            Self::Suite => f.write_str("sealed in another suite"),
            Self::Content => f.write_str("holds something else"),
            Self::Torn => f.write_str("file ends before its end"),
            Self::Sender(error) => error.fmt(f),
            Self::NotRecipient => f.write_str("sealed to others"),
            Self::NotAuthentic => f.write_str("not authentic"),
            Self::Changed => f.write_str("file changed while it was read"),
        }
    }
}

impl core::error::Error for ReadError {}

impl From<NotAuthentic> for ReadError {
    fn from(_: NotAuthentic) -> Self {
        Self::NotAuthentic
    }
}

impl From<DecodeError> for ReadError {
    fn from(_: DecodeError) -> Self {
        Self::Layout
    }
}

impl From<CertificateError> for ReadError {
    fn from(error: CertificateError) -> Self {
        Self::Sender(LinkError::Certificate(error))
    }
}

impl From<LinkError> for ReadError {
    fn from(error: LinkError) -> Self {
        Self::Sender(error)
    }
}

/// What comes next in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Front,
    /// The header behind its front.
    Header([u8; FRONT_BYTES]),
    Head,
    /// A chunk behind its head.
    Chunk([u8; HEAD_BYTES]),
    Trailer,
    /// It has ended.
    Nothing,
    /// It was refused.
    Refused,
}

impl Due {
    fn bytes(self) -> usize {
        match self {
            Self::Front => FRONT_BYTES,
            Self::Header([.., recipients]) => {
                header_bytes(usize::from(recipients)).saturating_sub(FRONT_BYTES)
            }
            Self::Head => HEAD_BYTES,
            Self::Chunk(head) => content_bytes(head).saturating_add(TAG_BYTES),
            Self::Trailer => TRAILER_BYTES,
            Self::Nothing | Self::Refused => 0,
        }
    }
}

/// The bytes of content that a head announces.
fn content_bytes(head: [u8; HEAD_BYTES]) -> usize {
    usize::from(u16::from_le_bytes(head) & !LAST)
}

/// What both passes know of the chunks.
struct Chunks<S: Suite> {
    opener: Opener<S>,
    /// The number of the next one.
    next: u64,
    /// The hash over all before it.
    digest: [u8; 32],
}

impl<S: Suite> Chunks<S> {
    /// What comes behind `head`.
    fn head(head: [u8; HEAD_BYTES]) -> Result<Due, ReadError> {
        if content_bytes(head) > CHUNK_BYTES_MAX {
            Err(ReadError::Layout)
        } else {
            Ok(Due::Chunk(head))
        }
    }

    /// Decrypts a chunk in place; its content, and what comes behind it.
    fn open<'b>(
        &mut self,
        head: [u8; HEAD_BYTES],
        bytes: &'b mut [u8],
    ) -> Result<(&'b mut [u8], Due), ReadError> {
        let (body, tag) = bytes.split_last_chunk_mut().ok_or(ReadError::Layout)?;
        self.digest = chained(&self.digest, head, body, tag);
        self.opener.open(self.next, &head, body, tag)?;
        self.next = self.next.saturating_add(1);
        let is_last = u16::from_le_bytes(head) & LAST != 0;
        Ok((body, if is_last { Due::Trailer } else { Due::Head }))
    }
}

/// The first pass: checks a file, and gives nothing of it out.
///
/// # Security
/// A file that was refused stays refused: the pass is over. Before the sender's signature of the header is verified, no secret key is
/// used. Nothing is allocated, and no part is longer than 4,112 bytes.
pub struct Checking<'a, S: Suite> {
    own: Own<'a>,
    judging: Judging<'a>,
    content: Content,
    due: Due,
    found: Option<Found<S>>,
}

/// What a header was found to say.
struct Found<S: Suite> {
    sender: Trusted,
    /// The hash over the header.
    header: [u8; 32],
    chunks: Chunks<S>,
}

impl<'a, S: Suite> Checking<'a, S> {
    /// A file is looked for that a peer whom `judging` would speak with has sealed to this side.
    #[must_use]
    pub const fn new(own: Own<'a>, judging: Judging<'a>, content: Content) -> Self {
        Self { own, judging, content, due: Due::Front, found: None }
    }

    /// How many bytes the next part has: 0 after the last, when the file has to end.
    #[must_use]
    pub fn due(&self) -> usize {
        self.due.bytes()
    }

    /// Takes the next part. What it held is wiped, or was never readable.
    ///
    /// # Errors
    /// [`ReadError`], as it says; the pass is then over, and takes no more. [`ReadError::Torn`] if these are fewer bytes than
    /// are due, [`ReadError::Layout`] if they are more.
    pub fn take(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        let due = core::mem::replace(&mut self.due, Due::Refused);
        let taken = self.step(due, bytes);
        bytes.fill(0);
        self.due = taken?;
        Ok(())
    }

    fn step(&mut self, due: Due, bytes: &mut [u8]) -> Result<Due, ReadError> {
        has_length(due, bytes)?;
        match due {
            Due::Front => self.front(bytes),
            Due::Header(front) => {
                self.found = Some(self.header(&front, bytes)?);
                Ok(Due::Head)
            }
            Due::Head => Chunks::<S>::head(head(bytes)?),
            Due::Chunk(head) => {
                let found = self.found.as_mut().ok_or(ReadError::Layout)?;
                found.chunks.open(head, bytes).map(|(_, due)| due)
            }
            Due::Trailer => {
                let found = self.found.as_ref().ok_or(ReadError::Layout)?;
                let signature = bytes.first_chunk().ok_or(ReadError::Torn)?;
                let key = signing_key(found.sender.certificate())?;
                key.verify(Context::FileContent, &[&found.chunks.digest], signature)?;
                Ok(Due::Nothing)
            }
            Due::Nothing | Due::Refused => Err(ReadError::Layout),
        }
    }

    fn front(&self, bytes: &[u8]) -> Result<Due, ReadError> {
        let front = bytes.first_chunk().ok_or(ReadError::Torn)?;
        let said = Front::parse(front)?;
        if said.suite != S::ID {
            return Err(ReadError::Suite);
        }
        if said.content != self.content {
            return Err(ReadError::Content);
        }
        Ok(Due::Header(*front))
    }

    fn header(&self, front: &[u8; FRONT_BYTES], bytes: &[u8]) -> Result<Found<S>, ReadError> {
        let (signed, signature) = bytes.split_last_chunk().ok_or(ReadError::Torn)?;
        let (fixed, stanzas) =
            signed.split_at_checked(FIXED_BYTES - FRONT_BYTES).ok_or(ReadError::Torn)?;
        let (certificate, committed) =
            fixed.split_at_checked(CERTIFICATE_BYTES).ok_or(ReadError::Torn)?;
        let certificate = Certificate::parse(certificate)?;
        let sender = self.judging.judge::<S>(&certificate)?;
        let header = sha256(&[front, signed]);
        signing_key(&certificate)?.verify(Context::FileHeader, &[&header], signature)?;

        let mut aad = [0; FIXED_BYTES];
        for (to, from) in aad.iter_mut().zip(front.iter().chain(fixed)) {
            *to = *from;
        }
        let kid = self.own.secret.public().kid();
        let mut stanzas = stanzas.chunks_exact(RECIPIENT_BYTES);
        let stanza = stanzas.find(|stanza| stanza.starts_with(&kid));
        let file = self.unseal(stanza.ok_or(ReadError::NotRecipient)?, &aad)?;
        if commitment(&file) != *committed {
            return Err(ReadError::NotAuthentic);
        }
        let opener = Opener::new(&derive(&file, Label::FileEncrypt, &[]));
        Ok(Found { sender, header, chunks: Chunks { opener, next: 0, digest: header } })
    }

    /// The key of the file, out of what was sealed to this side.
    fn unseal(&self, stanza: &[u8], aad: &[u8]) -> Result<Secret<32>, ReadError> {
        let mut reader = Reader::new(stanza);
        reader.bytes(KID_BYTES)?;
        let (enc, mut key, tag) = (reader.array()?, Secret::new(reader.array()?), reader.array()?);
        open_base::<S>(self.own.secret, &enc, INFO, aad, key.expose_mut(), &tag)?;
        Ok(key)
    }

    /// Ends the pass, once the file has ended.
    ///
    /// # Errors
    /// [`ReadError::Torn`]: there should be more of it, or it was refused.
    pub fn finish(self) -> Result<Checked<S>, ReadError> {
        match self.found {
            Some(found) if self.due == Due::Nothing => Ok(Checked(found)),
            Some(_) | None => Err(ReadError::Torn),
        }
    }
}

impl<S: Suite> core::fmt::Debug for Checking<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Checking").field("due", &self.due()).finish_non_exhaustive()
    }
}

/// A file of which every byte was checked.
pub struct Checked<S: Suite>(Found<S>);

impl<S: Suite> Checked<S> {
    /// Who signed it.
    #[must_use]
    pub const fn sender(&self) -> &Trusted {
        &self.0.sender
    }

    /// Begins the second pass, from the first byte of the file.
    #[must_use]
    pub fn open(self) -> Opening<S> {
        let Found { header, chunks: Chunks { opener, digest, .. }, .. } = self.0;
        let chunks = Chunks { opener, next: 0, digest: header };
        Opening { due: Due::Front, checked: digest, chunks }
    }
}

impl<S: Suite> core::fmt::Debug for Checked<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Checked")
    }
}

/// The second pass: gives the content out, chunk by chunk.
///
/// # Security
/// Another recipient of the file knows its key, and could have changed the medium since the first pass. So nothing of the content counts
/// before [`finish`](Self::finish): what is applied at once is applied to a copy, and what is written goes to a file of another name.
pub struct Opening<S: Suite> {
    due: Due,
    /// The hash over the whole file in the first pass.
    checked: [u8; 32],
    chunks: Chunks<S>,
}

impl<S: Suite> Opening<S> {
    /// As [`Checking::due`].
    #[must_use]
    pub fn due(&self) -> usize {
        self.due.bytes()
    }

    /// Takes the next part, and gives out its content, which is empty for most.
    ///
    /// # Errors
    /// [`ReadError::Changed`]: the first pass saw other bytes. The pass is then over.
    pub fn take<'b>(&mut self, bytes: &'b mut [u8]) -> Result<&'b [u8], ReadError> {
        let due = core::mem::replace(&mut self.due, Due::Refused);
        let (content, next) = self.step(due, bytes).map_err(|_| ReadError::Changed)?;
        self.due = next;
        Ok(content)
    }

    fn step<'b>(&mut self, due: Due, bytes: &'b mut [u8]) -> Result<(&'b [u8], Due), ReadError> {
        has_length(due, bytes)?;
        let next = match due {
            Due::Front => {
                let front = bytes.first_chunk().ok_or(ReadError::Torn)?;
                Front::parse(front)?;
                Due::Header(*front)
            }
            Due::Header(front) => {
                let (signed, _) =
                    bytes.split_last_chunk::<TRAILER_BYTES>().ok_or(ReadError::Torn)?;
                if sha256(&[&front, signed]) != self.chunks.digest {
                    return Err(ReadError::Changed);
                }
                Due::Head
            }
            Due::Head => Chunks::<S>::head(head(bytes)?)?,
            Due::Chunk(head) => {
                return self.chunks.open(head, bytes).map(|(content, due)| (&*content, due));
            }
            Due::Trailer if self.chunks.digest == self.checked => Due::Nothing,
            Due::Trailer => return Err(ReadError::Changed),
            Due::Nothing | Due::Refused => return Err(ReadError::Layout),
        };
        Ok((&[], next))
    }

    /// Ends the pass: what was given out is what the sender wrote.
    ///
    /// # Errors
    /// [`ReadError::Changed`]: the file is not the one of the first pass, or was not read to its end.
    pub fn finish(self) -> Result<(), ReadError> {
        if self.due == Due::Nothing { Ok(()) } else { Err(ReadError::Changed) }
    }
}

impl<S: Suite> core::fmt::Debug for Opening<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Opening").field("due", &self.due()).finish_non_exhaustive()
    }
}

fn has_length(due: Due, bytes: &[u8]) -> Result<(), ReadError> {
    match bytes.len().cmp(&due.bytes()) {
        core::cmp::Ordering::Less => Err(ReadError::Torn),
        core::cmp::Ordering::Equal => Ok(()),
        core::cmp::Ordering::Greater => Err(ReadError::Layout),
    }
}

fn signing_key(certificate: &Certificate) -> Result<PublicKey, CertificateError> {
    certificate.signing_key().ok_or(CertificateError::Key)
}

fn head(bytes: &[u8]) -> Result<[u8; HEAD_BYTES], ReadError> {
    bytes.first_chunk().copied().ok_or(ReadError::Torn)
}
