//! An author whose tags anybody can repeat, and who notices when a number is used twice.

use medsec_core::flash::ring::{Author, ENTRY_HEADER_BYTES, Place};
use medsec_core::suite::SealError;

use crate::prng::mix;

/// The author of one session.
pub(super) struct Checksum {
    session: u32,
    chain: u64,
    /// Sequence numbers sealed under this session's key, and what of.
    used: Vec<(u64, u64)>,
    sealed: Option<(Place, Vec<u8>)>,
    reused: bool,
}

impl Checksum {
    pub(super) const fn new(session: u32) -> Self {
        Self { session, chain: 0, used: Vec::new(), sealed: None, reused: false }
    }

    pub(super) const fn session(&self) -> u32 {
        self.session
    }

    /// The entry sealed last, as it is to be stored.
    pub(super) fn take_sealed(&mut self) -> Option<(Place, Vec<u8>)> {
        self.sealed.take()
    }

    /// Whether one number met two bodies.
    pub(super) const fn is_reused(&self) -> bool {
        self.reused
    }
}

/// Mixes bytes into a word.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut sum = mix(u64::try_from(bytes.len()).unwrap_or(0));
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = mix(sum ^ u64::from_le_bytes(word));
    }
    sum
}

/// The tag of an entry.
pub(super) fn tag(session: u32, place: &Place, header: &[u8], body: &[u8]) -> [u8; 16] {
    let at = mix(u64::from(place.page) << 32 | u64::from(place.offset));
    let sum = mix(at ^ mix(place.seq) ^ mix(u64::from(session) << 8)) ^ hash(header) ^ hash(body);
    let mut tag = [0; 16];
    tag[..8].copy_from_slice(&mix(sum).to_le_bytes());
    tag[8..].copy_from_slice(&mix(!sum).to_le_bytes());
    tag
}

/// The commitment of a segment.
pub(super) fn commitment(page: u32, offset: u32, committed: &[u8]) -> [u8; 16] {
    let sum = hash(committed) ^ mix(u64::from(page) << 32 | u64::from(offset));
    let mut commit = [0; 16];
    commit[..8].copy_from_slice(&mix(sum).to_le_bytes());
    commit[8..].copy_from_slice(&mix(!sum).to_le_bytes());
    commit
}

impl Author for Checksum {
    fn turn(&mut self) -> [u8; 32] {
        let mut value = [0; 32];
        value[..8].copy_from_slice(&self.chain.to_le_bytes());
        value
    }

    fn segment(
        &mut self,
        page: u32,
        offset: u32,
        _ordinal: u32,
        committed: &[u8],
    ) -> Result<[u8; 16], SealError> {
        Ok(commitment(page, offset, committed))
    }

    fn seal(
        &mut self,
        place: &Place,
        header: &[u8; ENTRY_HEADER_BYTES],
        body: &mut [u8],
    ) -> Result<[u8; 16], SealError> {
        let (tag, sum) = (tag(self.session, place, header, body), hash(body));
        self.reused |= self.used.iter().any(|(seq, other)| *seq == place.seq && *other != sum);
        self.used.push((place.seq, sum));
        let mut bytes = header.to_vec();
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&tag);
        self.sealed = Some((*place, bytes));
        Ok(tag)
    }

    fn stored(&mut self, bytes: &[u8]) {
        self.chain = mix(self.chain ^ hash(bytes));
    }
}
