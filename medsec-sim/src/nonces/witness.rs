//! Who watches the programs that reach a part, and accounts for all of them.

use std::collections::HashMap;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use medsec_audit::record::{RecordHeader, is_clear};
use medsec_audit::segment::{
    SegmentKeys, entry_aad, next_audit, next_link, personal_number, session_link,
};
use medsec_audit::state::{Escrow, PUBLIC_BYTES, PublicState, STATE_BYTES};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{FieldValue, Fields};
use medsec_core::flash::ring::{
    CLASS_RESUME, ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, EntryHeader, HEADER_BYTES, Header,
    MAGIC, Place, RESUME_BYTES, Resume, committed, seq_low,
};
use medsec_core::hal::{EraseProgress, Flash};
use medsec_core::suite::{Opener, Suite, TAG_BYTES};

use super::{Kind, Ledger};
use crate::flash::{FaultFlash, FlashError};

pub(super) const PAGE: usize = 2048;
pub(super) type Part = FaultFlash<4, 4, PAGE>;

/// Programs of one boot, in their order.
#[derive(Default)]
pub(super) struct Programs {
    bytes: Vec<u8>,
    at: Vec<(u32, usize)>,
}

impl Programs {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.at.clear();
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let ends = self.at.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([self.bytes.len()]);
        self.at.iter().zip(ends).map(|((offset, start), end)| (*offset, &self.bytes[*start..end]))
    }
}

/// A part whose programs are noted before it sees them: what a cut tears counts in full.
pub(super) struct Watched<'a> {
    pub(super) part: &'a mut Part,
    pub(super) programs: &'a mut Programs,
}

impl ErrorType for Watched<'_> {
    type Error = FlashError;
}

impl ReadNorFlash for Watched<'_> {
    const READ_SIZE: usize = Part::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.part.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.part.capacity()
    }
}

impl NorFlash for Watched<'_> {
    const WRITE_SIZE: usize = Part::WRITE_SIZE;
    const ERASE_SIZE: usize = Part::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.part.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        if !self.part.is_off() {
            self.programs.at.push((offset, self.programs.bytes.len()));
            self.programs.bytes.extend_from_slice(bytes);
        }
        self.part.write(offset, bytes)
    }
}

impl Flash for Watched<'_> {
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, FlashError> {
        self.part.erase_step(offset, ms_max)
    }
}

/// The segment being written.
struct Segment {
    keys: SegmentKeys,
    page: u32,
    next_seq: u64,
}

/// Knows the log authority's secret, and so every key.
pub(super) struct Witness {
    authority: AgreementSecret,
    device: [u8; 16],
    ring_offset: u32,
    ring_pages: u32,
    /// The audit secrets of each chain, by its escrow.
    chains: HashMap<[u8; 80], Vec<Secret<32>>>,
    pub(super) ledger: Ledger,
    pub(super) unexplained: u64,
}

impl Witness {
    pub(super) fn new(
        authority: AgreementSecret,
        device: [u8; 16],
        ring_offset: u32,
        ring_pages: u32,
    ) -> Self {
        Self {
            authority,
            device,
            ring_offset,
            ring_pages,
            chains: HashMap::new(),
            ledger: Ledger::default(),
            unexplained: 0,
        }
    }

    /// Accounts for the programs of one boot.
    pub(super) fn account<S: Suite>(&mut self, programs: &Programs) {
        let mut session = None;
        let mut segment = None;
        for (offset, bytes) in programs.iter() {
            let known = match offset.checked_sub(self.ring_offset) {
                None => self.copy::<S>(bytes, &mut session),
                Some(at) => self.entry::<S>(at, bytes, session.as_ref(), &mut segment),
            };
            self.unexplained += u64::from(known.is_none());
        }
    }

    /// A copy of the cell's value, or a tomb.
    fn copy<S: Suite>(
        &mut self,
        bytes: &[u8],
        session: &mut Option<(u32, Secret<32>)>,
    ) -> Option<()> {
        let (head, rest) = bytes.split_at_checked(12)?;
        if head[..4] != *b"MSC1" {
            return None;
        }
        if head[6] == 2 {
            return Some(());
        }
        let value: &[u8; STATE_BYTES] = rest.first_chunk()?;
        let public: &[u8; PUBLIC_BYTES] = value.first_chunk()?;
        let state = PublicState::parse(public).ok()?;
        let (nonce, sealed) = value[PUBLIC_BYTES..].split_at(12);
        let nonce = nonce.iter().fold(0, |sum: u128, byte| (sum << 8) | u128::from(*byte));
        self.ledger.used(Kind::AtRest, [0; 32], nonce, &[public, sealed]);
        let Escrow { base, sealed, .. } = &state.escrow;
        let (enc, sealed) = sealed.split_first_chunk::<32>()?;
        self.ledger.used(Kind::Escrow, *enc, 0, &[&base.to_le_bytes(), sealed]);
        let audit = self.audit::<S>(&state.escrow, state.index)?;
        PublicState::verify_proof(public, &audit).ok()?;
        // The session whose index was spent by storing this one; a chain that begins with this one is for the next.
        let running = state.index.checked_sub(1)?;
        if running >= *base {
            *session = Some((running, self.audit::<S>(&state.escrow, running)?));
        }
        Some(())
    }

    fn audit<S: Suite>(&mut self, escrow: &Escrow, index: u32) -> Option<Secret<32>> {
        let chain = self.chains.entry(escrow.sealed).or_default();
        if chain.is_empty() {
            chain.push(escrow.open::<S>(&self.device, &self.authority).ok()?);
        }
        let steps = usize::try_from(index.checked_sub(escrow.base)?).ok()?;
        while chain.len() <= steps {
            chain.push(next_audit(chain.last()?));
        }
        chain.get(steps).map(Secret::duplicate)
    }

    /// A page header, a resume record or an entry, at byte `at` of the ring.
    fn entry<S: Suite>(
        &mut self,
        at: u32,
        bytes: &[u8],
        session: Option<&(u32, Secret<32>)>,
        segment: &mut Option<Segment>,
    ) -> Option<()> {
        let page_bytes = u32::try_from(PAGE).ok()?;
        let (slot, offset) = (at / page_bytes, at % page_bytes);
        if offset == 0 && bytes[..4] == MAGIC.to_le_bytes() {
            let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
            let header = Header::parse(bytes).ok()?;
            let origin = (header.session, header.ordinal, header.salt);
            let (page, next_seq) = (header.page, header.first_seq);
            let keys = self.keys::<S>(session?, origin, (page, 0), bytes, &header.commit)?;
            *segment = Some(Segment { keys, page, next_seq });
            return Some(());
        }
        if bytes[2] == CLASS_RESUME {
            let bytes: &[u8; RESUME_BYTES] = bytes.first_chunk()?;
            // The page it lies in: the one just opened, or that of the segment it goes on from.
            let adopted = u32::from_le_bytes(*bytes[40..].first_chunk()?);
            let pages = [segment.as_ref().map(|segment| segment.page), Some(adopted)];
            let here = |page: &u32| page % self.ring_pages == slot;
            let mut pages = pages.into_iter().flatten().filter(here);
            let parsed = |page| Some((page, Resume::parse(bytes, page, offset).ok()?));
            let (page, resume) = pages.find_map(parsed)?;
            let origin = (resume.session, resume.ordinal, resume.salt);
            let keys = self.keys::<S>(session?, origin, (page, offset), bytes, &resume.commit)?;
            *segment = Some(Segment { keys, page, next_seq: resume.seq + 1 });
            return Some(());
        }
        let segment = segment.as_mut().filter(|found| found.page % self.ring_pages == slot)?;
        let place = Place { page: segment.page, offset, seq: segment.next_seq };
        segment.next_seq += 1;
        self.record::<S>(&segment.keys, &place, bytes)
    }

    /// The keys of a segment, if its header commits to them.
    fn keys<S: Suite>(
        &mut self,
        (running, audit): &(u32, Secret<32>),
        (session, ordinal, salt): (u32, u32, [u8; 16]),
        (page, offset): (u32, u32),
        bytes: &[u8],
        commit: &[u8; 16],
    ) -> Option<SegmentKeys> {
        if session != *running {
            return None;
        }
        let mut link = session_link(audit, session, &salt, &self.device, S::ID);
        for _ in 0..ordinal {
            link = next_link(&link);
        }
        let committed = committed(bytes);
        let keys = SegmentKeys::derive(&link, page, offset, committed);
        let mut name = [0; 32];
        name[..16].copy_from_slice(commit);
        self.ledger.used(Kind::Commitment, name, 0, &[keys.page.expose(), committed]);
        (keys.commit == *commit).then_some(keys)
    }

    /// One entry, opened with the key it must have been sealed with.
    fn record<S: Suite>(&mut self, keys: &SegmentKeys, place: &Place, bytes: &[u8]) -> Option<()> {
        let head: &[u8; ENTRY_HEADER_BYTES] = bytes.first_chunk()?;
        let header = EntryHeader::parse(head, place.page, place.offset).ok()?;
        let length = usize::from(header.length);
        let entry = bytes.get(..length + ENTRY_OVERHEAD_BYTES)?;
        let (body, tag) = entry[ENTRY_HEADER_BYTES..].split_at(length);
        let tag: &[u8; TAG_BYTES] = tag.first_chunk()?;
        let nonce = u128::from(place.seq);
        self.ledger.used(Kind::Record, *keys.page.expose(), nonce, &[entry]);
        if header.seq_low != seq_low(place.seq) {
            return None;
        }
        let opener = Opener::<S>::new(&keys.page);
        let aad = entry_aad(place, head);
        if is_clear(header.class) {
            let covered = [&aad[..], body].concat();
            return opener.open(place.seq, &covered, &mut [], tag).ok();
        }
        let mut body = body.to_vec();
        opener.open(place.seq, &aad, &mut body, tag).ok()?;
        let (_, fields) = RecordHeader::parse(&body).ok()?;
        let mut index = 0;
        for field in Fields::new(fields) {
            if let FieldValue::Sealed { ciphertext, tag } = field.ok()? {
                let number = personal_number(place.seq, index);
                let opener = Opener::<S>::new(&keys.personal);
                opener.open(number, &[], &mut ciphertext.to_vec(), &tag).ok()?;
                let key = *keys.personal.expose();
                self.ledger.used(Kind::Personal, key, u128::from(number), &[ciphertext, &tag]);
                index += 1;
            }
        }
        Some(())
    }
}
