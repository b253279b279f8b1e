//! Headers, resume records, pages and states of the attacker's.

use medsec_core::flash::ring::{Adopted, HEADER_BYTES, Header, RESUME_BYTES, Resume};

use super::{Base, put, refit, slot_bytes, truncated};
use crate::prng::Prng;
use crate::tamper::view::Image;

pub(super) fn forge_header(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let start = image.at(image.plan.slot(base.segment(prng)?.page), 0);
    let header = &mut image.pages[start..start + HEADER_BYTES];
    match prng.below(7) {
        0 => header[6] = prng.choose(&[0, 1, 2, 255]),
        1 => header[12] ^= 1 << prng.below(4),
        2 => header[16] ^= 1 << prng.below(4),
        3 => header[24] ^= 1 << prng.below(4),
        4 => prng.fill(&mut header[32..48]),
        5 => prng.fill(&mut header[48..80]),
        _ => prng.fill(&mut header[80..112]),
    }
    Some(image)
}

pub(super) fn forge_resume(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let resumed = base.segments.iter().filter(|segment| segment.offset != 0);
    let resumed: Vec<_> = resumed.collect();
    let segment = resumed.get(prng.below(resumed.len()))?;
    let other = base.segment(prng)?;
    let bytes = image.bytes::<RESUME_BYTES>(segment.page, segment.offset)?;
    let mut resume = Resume::parse(&bytes, segment.page, segment.offset).ok()?;
    match prng.below(6) {
        0 => resume.adopted.count = prng.below_u32(resume.adopted.count + 2),
        1 => resume.adopted = Adopted::default(),
        2 => {
            resume.adopted.page = other.page;
            resume.adopted.offset = other.offset.max(image.plan.header_bytes());
            resume.adopted.session = other.entries.first()?.0.session;
            resume.adopted.count = u32::try_from(other.entries.len()).ok()?;
            let last = other.entries.last()?;
            resume.adopted.end = last.0.offset + u32::try_from(base.padded(last.1)).ok()?;
        }
        3 => resume.seq += 1 + prng.word() % 9,
        4 => resume.session += 1 + prng.below_u32(9),
        _ => resume.ordinal ^= 1,
    }
    let mut forged = resume.encode(segment.page, segment.offset).ok()?;
    forged[80..].copy_from_slice(&bytes[80..]);
    put(&mut image, segment.page, segment.offset, &forged)?;
    Some(image)
}

/// A page of the attacker's above the newest, with a floor that excuses all below it.
pub(super) fn forge_page(base: &Base, prng: &mut Prng) -> Option<Image> {
    let newest = base.segments.last()?;
    let cut = prng.below(base.segments.len());
    let mut image =
        if prng.one(1, 2) { base.image.clone() } else { truncated(base, &base.segments[cut], 0) };
    let page = newest.page + 1 + prng.below_u32(3) * image.plan.geometry().pages();
    let bytes = image.bytes::<HEADER_BYTES>(newest.page, 0)?;
    let mut header = Header::parse(&bytes).ok()?;
    header.page = page;
    header.floor = page.saturating_sub(prng.below_u32(3));
    header.ordinal += 1;
    header.first_seq = newest.entries.last()?.0.seq + 1;
    if prng.one(1, 2) {
        header.session = newest.entries.last()?.0.session + 1;
    }
    let bytes = header.encode().ok()?;
    let range = slot_bytes(&image, image.plan.slot(page));
    image.pages[range].fill(0xFF);
    put(&mut image, page, 0, &bytes)?;
    let (mut at, mut seq) = (image.plan.header_bytes(), header.first_seq);
    for entry in base.segment(prng)?.entries.iter().take(prng.below(5)) {
        let bytes = base.stored(entry);
        refit(&mut image, page, at, seq, &bytes)?;
        at += u32::try_from(bytes.len()).ok()?;
        seq += 1;
    }
    if prng.one(1, 2) {
        image.header.state[..4].copy_from_slice(&(header.session + 1).to_le_bytes());
    }
    Some(image)
}

pub(super) fn forge_state(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let state = &mut image.header.state;
    match prng.below(5) {
        0 => state[prng.below(124)] ^= 1 << prng.below(8),
        1 => state[0] = state[0].wrapping_add(1 + prng.choose(&[0, 1, 0xFE, 0xFD])),
        2 => state[8..12].copy_from_slice(&base.segment(prng)?.page.to_le_bytes()),
        3 => state[4] ^= 1 << prng.below(8),
        _ => {
            state[8..12].copy_from_slice(&base.segment(prng)?.page.to_le_bytes());
            let session = base.segment(prng)?.entries.first()?.0.session;
            state[12..16].copy_from_slice(&session.to_le_bytes());
        }
    }
    Some(image)
}
