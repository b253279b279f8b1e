//! What somebody writes who knows the formats and the log authority's public key, and holds none of the device's.

use medsec_audit::record::{CLASS_ESCROW, RECORD_BYTES_MAX, RecordHeader, is_clear};
use medsec_audit::segment::{SegmentKeys, entry_aad, next_audit, next_link, session_link};
use medsec_audit::state::{Escrow, PublicState};
use medsec_core::Secret;
use medsec_core::agreement::AgreementKey;
use medsec_core::codec::Writer;
use medsec_core::event::{Category, Outcome};
use medsec_core::flash::ring::{
    Adopted, EntryHeader, Place, RESUME_BYTES, Resume, Void, committed, seq_low,
};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Sealer, Suite};
use medsec_core::time::Ticks;

use super::view::{Entry, Image, Segment};
use crate::prng::Prng;

/// A session with a chain of secrets of the attacker's own, in place of all that came after `last` of the segment at
/// `start`, which has `count` entries up to there and ends at byte `end`.
pub(super) struct Tail {
    pub(super) page: u32,
    pub(super) offset: u32,
    pub(super) count: u32,
    pub(super) end: u32,
    pub(super) last: Entry,
}

/// Writes the session behind `tail` and the state that goes with it.
pub(super) fn session(
    image: &mut Image,
    tail: &Tail,
    authority: &AgreementKey,
    prng: &mut Prng,
) -> Option<()> {
    match image.header.suite {
        1 => write::<Aes256Gcm>(image, tail, authority, prng),
        2 => write::<ChaCha20Poly1305>(image, tail, authority, prng),
        _ => None,
    }
}

fn write<S: Suite>(
    image: &mut Image,
    tail: &Tail,
    authority: &AgreementKey,
    prng: &mut Prng,
) -> Option<()> {
    let state = PublicState::parse(&image.header.state).ok()?;
    let newest = prng.one(1, 2);
    let index = if newest { state.index } else { tail.last.session + 1 };
    let audit = drawn(prng);
    let mut salt = [0; 16];
    prng.fill(&mut salt);
    let device = image.header.device;
    let offset = image.plan.resume_offset(tail.end, 0)?;
    let link = session_link(&audit, index, &salt, &device, S::ID);
    let adopted = Adopted {
        page: tail.page,
        offset: tail.offset,
        session: tail.last.session,
        count: tail.count,
        end: tail.end,
    };
    let seq = tail.last.seq + 2;
    let commit = [0; 16];
    let resume = Resume { session: index, ordinal: 0, seq, salt, adopted, suite: S::ID, commit };
    let mut bytes = resume.encode(tail.page, offset).ok()?;
    let keys = SegmentKeys::derive(&link, tail.page, offset, committed(&bytes));
    bytes[64..80].copy_from_slice(&keys.commit);
    put(image, tail.page, offset, &bytes)?;
    let mut sealer = Sealer::<S>::new(&keys.page);
    let mut at = offset + image.plan.geometry().round_up(96);
    // The genuine escrow, so that what the device wrote before can still be opened.
    let body = state.escrow.encode().ok()?;
    let mut place = Place { page: tail.page, offset: at, seq: seq + 1 };
    at = entry(image, &mut sealer, &place, CLASS_ESCROW, &body)?;
    for _ in 0..=prng.below(4) {
        place = Place { page: tail.page, offset: at, seq: place.seq + 1 };
        let Some(end) = entry(image, &mut sealer, &place, 1, &record()?) else { break };
        at = end;
    }
    let ephemeral = drawn(prng);
    let escrow = Escrow::seal::<S>(&audit, index, &device, authority, &ephemeral).ok()?;
    let void = Void { page: tail.page + 1, session: index };
    let next = PublicState { index: index + 1, void, lifecycle: 0, escrow, proof: [0; 16] };
    image.header.state = next.encode(&next_audit(&audit)).ok()?;
    Some(())
}

/// What somebody makes of a segment who holds the secret of a session: that of the segment's own, or a later one.
pub struct Holder<'a> {
    /// The secret.
    pub audit: &'a Secret<32>,
    /// The segment, which begins with a resume record.
    pub segment: &'a Segment,
}

impl Holder<'_> {
    /// The class and the body of each entry of the segment, if the secret opens them all.
    #[must_use]
    pub fn open<S: Suite>(&self, image: &Image) -> Option<Vec<(u8, Vec<u8>)>> {
        let (resume, keys) = self.keys::<S>(image)?;
        if resume.commit != keys.commit {
            return None;
        }
        let opener = Opener::<S>::new(&keys.page);
        let mut opened = Vec::new();
        for (entry, total) in &self.segment.entries {
            let start = image.at(image.plan.slot(entry.page), entry.offset);
            let stored = image.pages.get(start..start + total)?;
            let (header, rest) = stored.split_first_chunk::<8>()?;
            let (body, tag) = rest.split_last_chunk::<16>()?;
            let mut body = body.to_vec();
            if !is_clear(header[2]) {
                let place = Place { page: entry.page, offset: entry.offset, seq: entry.seq };
                opener.open(entry.seq, &entry_aad(&place, header), &mut body, tag).ok()?;
            }
            opened.push((header[2], body));
        }
        Some(opened)
    }

    /// Writes the segment anew with these entries, under keys of the secret, and commits its resume record to them.
    #[must_use]
    pub fn write<S: Suite>(&self, image: &mut Image, entries: &[(u8, Vec<u8>)]) -> Option<()> {
        let (page, offset) = (self.segment.page, self.segment.offset);
        let (resume, keys) = self.keys::<S>(image)?;
        let mut bytes = image.bytes::<RESUME_BYTES>(page, offset)?;
        bytes[64..80].copy_from_slice(&keys.commit);
        put(image, page, offset, &bytes)?;
        let mut sealer = Sealer::<S>::new(&keys.page);
        let mut at = offset + image.plan.geometry().round_up(96);
        for (seq, (class, body)) in (resume.seq + 1..).zip(entries) {
            at = entry(image, &mut sealer, &Place { page, offset: at, seq }, *class, body)?;
        }
        Some(())
    }

    fn keys<S: Suite>(&self, image: &Image) -> Option<(Resume, SegmentKeys)> {
        let (page, offset) = (self.segment.page, self.segment.offset);
        let bytes = image.bytes::<RESUME_BYTES>(page, offset)?;
        let resume = Resume::parse(&bytes, page, offset).ok()?;
        let device = image.header.device;
        let mut link = session_link(self.audit, resume.session, &resume.salt, &device, S::ID);
        for _ in 0..resume.ordinal {
            link = next_link(&link);
        }
        Some((resume, SegmentKeys::derive(&link, page, offset, committed(&bytes))))
    }
}

fn drawn(prng: &mut Prng) -> Secret<32> {
    let mut secret = Secret::new([0; 32]);
    prng.fill(secret.expose_mut());
    secret
}

fn record() -> Option<Vec<u8>> {
    let mut body = [0; RECORD_BYTES_MAX];
    let mut writer = Writer::new(&mut body);
    let header = RecordHeader {
        event: 0x0103,
        category: Category::AuditLog,
        outcome: Outcome::MinorFailure,
        at: Ticks::from_millis(5),
    };
    header.encode(&mut writer).ok()?;
    writer.bytes(&[3, 1, 2, 3, 4]).ok()?;
    let length = writer.written();
    Some(body[..length].to_vec())
}

/// Writes one entry; where the next one goes.
fn entry<S: Suite>(
    image: &mut Image,
    sealer: &mut Sealer<S>,
    place: &Place,
    class: u8,
    body: &[u8],
) -> Option<u32> {
    let length = u16::try_from(body.len()).ok()?;
    let header = EntryHeader { length, class, seq_low: seq_low(place.seq) };
    let header = header.encode(place.page, place.offset);
    let mut aad = entry_aad(place, &header).to_vec();
    let mut sealed = body.to_vec();
    let tag = if is_clear(class) {
        aad.extend_from_slice(body);
        sealer.seal(place.seq, &aad, &mut []).ok()?
    } else {
        sealer.seal(place.seq, &aad, &mut sealed).ok()?
    };
    put(image, place.page, place.offset, &[&header[..], &sealed, &tag].concat())?;
    Some(place.offset + image.plan.entry_bytes(u32::from(length)))
}

/// Writes `bytes` into page `page` if they fit.
#[must_use = "nothing is written if they do not"]
pub fn put(image: &mut Image, page: u32, offset: u32, bytes: &[u8]) -> Option<()> {
    let length = u32::try_from(bytes.len()).ok()?;
    if offset.checked_add(length)? > image.plan.geometry().page_bytes() {
        return None;
    }
    let start = image.at(image.plan.slot(page), offset);
    image.pages.get_mut(start..start + bytes.len())?.copy_from_slice(bytes);
    Some(())
}
