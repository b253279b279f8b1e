//! Keys of a session and of its segments, and who seals entries with them.
//!
//! ```text
//! A_K ─ session(K, salt, device, suite) → link 0 ─ link → link 1 ─ link → …
//!                                           │               │
//!                                 segment(place, header)    …  → page key, personal key, commitment
//! ```
//! The present link is all that stays in RAM; links and keys of earlier segments are wiped, so what was written cannot be
//! read or forged from a device taken later.

use medsec_core::Secret;
use medsec_core::event::PersonalSealer;
use medsec_core::flash::ring::{Author, ENTRY_HEADER_BYTES, Place};
use medsec_core::key::{Label, derive};
use medsec_core::suite::{SealError, Sealer, Suite, TAG_BYTES};
use sha2::{Digest, Sha256};

use crate::record::is_clear;

/// The secret of session `index`, from which all its links come.
#[must_use]
pub fn session_link(
    audit: &Secret<32>,
    index: u32,
    salt: &[u8; 16],
    device: &[u8; 16],
    suite: u8,
) -> Secret<32> {
    derive(audit, Label::AuditSession, &[&index.to_le_bytes(), salt, device, &[suite]])
}

/// The link of the segment after the one with link `link`.
#[must_use]
pub fn next_link(link: &Secret<32>) -> Secret<32> {
    derive(link, Label::AuditLink, &[])
}

/// The evolving audit secret of the session after the one with secret `audit`.
#[must_use]
pub fn next_audit(audit: &Secret<32>) -> Secret<32> {
    derive(audit, Label::AuditNext, &[])
}

/// The keys of one segment.
pub struct SegmentKeys {
    /// Seals its records.
    pub page: Secret<32>,
    /// Seals the personal fields in its records.
    pub personal: Secret<32>,
    /// Commits its header to these keys.
    pub commit: [u8; 16],
}

impl SegmentKeys {
    /// The keys of the segment with link `link` whose header at `offset` of `page` begins with `committed`.
    #[must_use]
    pub fn derive(link: &Secret<32>, page: u32, offset: u32, committed: &[u8]) -> Self {
        let place = [page.to_le_bytes(), offset.to_le_bytes()];
        let segment = derive(link, Label::AuditSegment, &[place.as_flattened(), committed]);
        Self {
            page: derive(&segment, Label::AuditPage, &[]),
            personal: derive(&segment, Label::AuditPersonal, &[]),
            commit: head(&derive(&segment, Label::AuditCommit, &[])),
        }
    }
}

/// The first 16 bytes of a derived value.
#[must_use]
pub(crate) fn head(secret: &Secret<32>) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(secret.expose()) {
        *to = *from;
    }
    out
}

/// What an entry's tag covers beside its body: header, page, offset, sequence number.
#[must_use]
pub fn entry_aad(place: &Place, header: &[u8; ENTRY_HEADER_BYTES]) -> [u8; 24] {
    let mut aad = [0; 24];
    let parts: [&[u8]; 4] =
        [header, &place.page.to_le_bytes(), &place.offset.to_le_bytes(), &place.seq.to_le_bytes()];
    for (to, from) in aad.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    aad
}

/// The number under which personal field `index` of the entry `seq` is sealed.
#[must_use]
pub fn personal_number(seq: u64, index: u8) -> u64 {
    seq.saturating_mul(256).saturating_add(u64::from(index))
}

/// The running hash of a session over what it stored, as page headers and checkpoints hold it.
///
/// `h(page) = SHA-256(h(page before) || stored bytes)`; a session starts from 32 zero bytes. Stored bytes are the page
/// header, the resume record and the entries, without their padding.
#[derive(Clone)]
pub struct Chain(Sha256);

impl Chain {
    /// The chain at the start of a page, given its value at the end of the session's page before.
    #[must_use]
    pub fn new(previous: &[u8; 32]) -> Self {
        let mut running = Sha256::new();
        running.update(previous);
        Self(running)
    }

    /// Takes in stored bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The value up to here.
    #[must_use]
    pub fn value(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

/// Seals what the running session writes.
pub(crate) struct SessionAuthor<S: Suite> {
    link: Secret<32>,
    ordinal: u32,
    sealer: Option<Sealer<S>>,
    personal: Secret<32>,
    chain: Chain,
}

impl<S: Suite> SessionAuthor<S> {
    pub(crate) fn new(link: Secret<32>) -> Self {
        Self {
            link,
            ordinal: 0,
            sealer: None,
            personal: Secret::new([0; 32]),
            chain: Chain::new(&[0; 32]),
        }
    }

    pub(crate) const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Seals the personal fields of the entry `seq` of the present segment.
    pub(crate) fn personal(&self, seq: u64) -> FieldSealer<S> {
        FieldSealer { key: self.personal.duplicate(), sealer: None, seq, index: 0 }
    }
}

impl<S: Suite> Author for SessionAuthor<S> {
    fn turn(&mut self) -> [u8; 32] {
        let value = self.chain.value();
        self.chain = Chain::new(&value);
        value
    }

    fn segment(
        &mut self,
        page: u32,
        offset: u32,
        ordinal: u32,
        committed: &[u8],
    ) -> Result<[u8; 16], SealError> {
        if ordinal != self.ordinal {
            self.link = next_link(&self.link);
            self.ordinal = ordinal;
        }
        let keys = SegmentKeys::derive(&self.link, page, offset, committed);
        self.sealer = Some(Sealer::new(&keys.page));
        self.personal = keys.personal.duplicate();
        Ok(keys.commit)
    }

    fn seal(
        &mut self,
        place: &Place,
        header: &[u8; ENTRY_HEADER_BYTES],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        let sealer = self.sealer.as_mut().ok_or(SealError::NumberUsed)?;
        let aad = entry_aad(place, header);
        let [_, _, class, ..] = *header;
        if !is_clear(class) {
            return sealer.seal(place.seq, &aad, body);
        }
        let mut covered = [0; 24 + crate::record::CLEAR_BYTES_MAX];
        let covered = clear_aad(&aad, body, &mut covered).ok_or(SealError::TooLong)?;
        sealer.seal(place.seq, covered, &mut [])
    }

    fn stored(&mut self, bytes: &[u8]) {
        self.chain.update(bytes);
    }
}

/// What the tag of an entry in clear covers: the usual, then the body.
pub(crate) fn clear_aad<'a>(
    aad: &[u8; 24],
    body: &[u8],
    buffer: &'a mut [u8; 24 + crate::record::CLEAR_BYTES_MAX],
) -> Option<&'a [u8]> {
    let length = body.len().checked_add(24)?;
    let covered = buffer.get_mut(..length)?;
    for (to, from) in covered.iter_mut().zip(aad.iter().chain(body)) {
        *to = *from;
    }
    Some(covered)
}

/// Seals the personal fields of one record.
///
/// The first of them sets up the cipher: suite 1's key schedule costs half as much as sealing a record, and most records
/// have no personal field.
pub(crate) struct FieldSealer<S: Suite> {
    key: Secret<32>,
    sealer: Option<Sealer<S>>,
    seq: u64,
    index: u8,
}

impl<S: Suite> PersonalSealer for FieldSealer<S> {
    fn seal(&mut self, padded: &mut [u8]) -> Result<[u8; TAG_BYTES], SealError> {
        let number = personal_number(self.seq, self.index);
        self.index = self.index.checked_add(1).ok_or(SealError::NumberUsed)?;
        let sealer = self.sealer.get_or_insert_with(|| Sealer::new(&self.key));
        sealer.seal(number, &[], padded)
    }
}

/// Learns how long a record gets, and encrypts nothing because nothing is kept.
pub(crate) struct Measure;

impl PersonalSealer for Measure {
    fn seal(&mut self, padded: &mut [u8]) -> Result<[u8; TAG_BYTES], SealError> {
        padded.fill(0);
        Ok([0; TAG_BYTES])
    }
}
