//! The changes: each kind takes an honest export and gives one that somebody changed who knows every format, and can make
//! every checksum, but holds no key of the device and none of the log authority.

mod headers;

use medsec_core::agreement::AgreementKey;
use medsec_core::flash::ring::{EntryHeader, HEADER_BYTES, RESUME_BYTES, Resume, seq_low};

use super::forge::{self, put};
use super::view::{Entry, Image, Segment};
use crate::prng::Prng;

/// An honest log, and what is needed to change it.
pub struct Base {
    /// The export.
    pub image: Image,
    /// Earlier exports of the same device.
    pub older: Vec<Image>,
    /// The log authority's public key.
    pub authority: AgreementKey,
    segments: Vec<Segment>,
}

impl Base {
    /// Finds what there is to change in `image`.
    #[must_use]
    pub fn new(image: Image, older: Vec<Image>, authority: AgreementKey) -> Self {
        let segments = image.segments();
        Self { image, older, authority, segments }
    }

    /// Entries that the pages hold.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.segments.iter().map(|segment| segment.entries.len()).sum()
    }

    fn segment(&self, prng: &mut Prng) -> Option<&Segment> {
        self.segments.get(prng.below(self.segments.len()))
    }

    /// A segment and the place of one of its entries.
    fn entry(&self, prng: &mut Prng) -> Option<(&Segment, usize)> {
        let segment = self.segment(prng)?;
        Some((segment, prng.below(segment.entries.len())))
    }

    fn slot(&self, prng: &mut Prng) -> u32 {
        prng.below_u32(self.image.plan.geometry().pages())
    }

    /// The stored bytes of an entry, padding included.
    fn stored(&self, (entry, total): &(Entry, usize)) -> Vec<u8> {
        let start = self.image.at(self.image.plan.slot(entry.page), entry.offset);
        let padded = self.padded(*total);
        self.image.pages[start..start + padded].to_vec()
    }

    fn padded(&self, total: usize) -> usize {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        usize::try_from(self.image.plan.geometry().round_up(total)).unwrap_or(usize::MAX)
    }
}

/// Writes an entry's bytes to a place, with the checksum and number that belong there.
fn refit(image: &mut Image, page: u32, offset: u32, seq: u64, bytes: &[u8]) -> Option<()> {
    let mut bytes = bytes.to_vec();
    let [a, b, class, ..] = *bytes.first_chunk::<8>()?;
    let length = u16::from_le_bytes([a, b]);
    let header = EntryHeader { length, class, seq_low: seq_low(seq) }.encode(page, offset);
    bytes[..8].copy_from_slice(&header);
    put(image, page, offset, &bytes)
}

/// A kind of change.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What it is called in tables.
    pub name: &'static str,
    make: fn(&Base, &mut Prng) -> Option<Image>,
}

/// The kind called `name`.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind.name == name)
}

impl Kind {
    /// Makes one change of this kind; `None` if the log has no place for it.
    #[must_use]
    pub fn make(&self, base: &Base, prng: &mut Prng) -> Option<Image> {
        (self.make)(base, prng)
    }

    /// Whether it puts the whole image back to an earlier state of the device: what no reader can see without an anchor.
    #[must_use]
    pub fn is_image_replay(&self) -> bool {
        self.name == "replay image"
    }
}

/// All kinds.
pub const KINDS: [Kind; 28] = [
    Kind { name: "bit anywhere", make: bit_anywhere },
    Kind { name: "bit in an entry", make: bit_in_entry },
    Kind { name: "bit in a header", make: bit_in_header },
    Kind { name: "burst", make: burst },
    Kind { name: "entry header, sum right", make: entry_header },
    Kind { name: "blank entry", make: |base, prng| fill_entry(base, prng, 0xFF) },
    Kind { name: "zero entry", make: |base, prng| fill_entry(base, prng, 0) },
    Kind { name: "drop entry", make: drop_entry },
    Kind { name: "drop last entry", make: drop_last },
    Kind { name: "swap entries", make: swap_entries },
    Kind { name: "repeat entry", make: repeat_entry },
    Kind { name: "move entry", make: move_entry },
    Kind { name: "wipe page", make: wipe_page },
    Kind { name: "wipe header", make: wipe_header },
    Kind { name: "swap pages", make: swap_pages },
    Kind { name: "copy page", make: copy_page },
    Kind { name: "copy page, sums right", make: renumber_page },
    Kind { name: "replay page", make: replay_page },
    Kind { name: "replay ring", make: |base, prng| replay(base, prng, true, false) },
    Kind { name: "replay state", make: |base, prng| replay(base, prng, false, true) },
    Kind { name: "replay image", make: |base, prng| replay(base, prng, true, true) },
    Kind { name: "truncate page", make: truncate_page },
    Kind { name: "truncate log", make: truncate_log },
    Kind { name: "forge header", make: headers::forge_header },
    Kind { name: "forge resume record", make: headers::forge_resume },
    Kind { name: "forge page", make: headers::forge_page },
    Kind { name: "forge state", make: headers::forge_state },
    Kind { name: "forge session", make: forge_session },
];

fn flip(image: &mut Image, from: usize, bytes: usize, prng: &mut Prng) -> Option<()> {
    *image.pages.get_mut(from + prng.below(bytes))? ^= 1 << prng.below(8);
    Some(())
}

fn bit_anywhere(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let length = image.pages.len();
    flip(&mut image, 0, length, prng)?;
    Some(image)
}

fn bit_in_entry(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let (segment, at) = base.entry(prng)?;
    let (entry, total) = segment.entries[at];
    let start = image.at(image.plan.slot(entry.page), entry.offset);
    flip(&mut image, start, total, prng)?;
    Some(image)
}

fn bit_in_header(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let segment = base.segment(prng)?;
    let start = image.at(image.plan.slot(segment.page), segment.offset);
    let bytes = if segment.offset == 0 { HEADER_BYTES } else { RESUME_BYTES };
    flip(&mut image, start, bytes, prng)?;
    Some(image)
}

fn burst(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let length = 1 + prng.below(64);
    let start = prng.below(image.pages.len() - length);
    prng.fill(&mut image.pages[start..start + length]);
    Some(image)
}

fn entry_header(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let (segment, at) = base.entry(prng)?;
    let entry = segment.entries[at].0;
    let mut bytes = base.stored(&segment.entries[at]);
    match prng.below(3) {
        0 => bytes[0] ^= 1 << prng.below(6),
        1 => bytes[2] = prng.choose(&[0, 1, 2, 0xB0, 0xC0, 0xC1]),
        _ => bytes[0] = prng.choose(&[0, 4, 72, 92, 114]),
    }
    let seq = if prng.one(1, 2) { entry.seq } else { entry.seq ^ (1 << prng.below(16)) };
    refit(&mut image, entry.page, entry.offset, seq, &bytes)?;
    Some(image)
}

fn fill_entry(base: &Base, prng: &mut Prng, with: u8) -> Option<Image> {
    let mut image = base.image.clone();
    let (segment, at) = base.entry(prng)?;
    let (entry, total) = segment.entries[at];
    put(&mut image, entry.page, entry.offset, &vec![with; total])?;
    Some(image)
}

/// Writes the entries `list` one after the other from the place of entry `from` of `segment` on, and blanks what is left.
fn rewrite(base: &Base, segment: &Segment, from: usize, list: &[&(Entry, usize)]) -> Option<Image> {
    let mut image = base.image.clone();
    let (first, last) = (segment.entries[from].0, segment.entries.last()?);
    let end = last.0.offset + u32::try_from(base.padded(last.1)).ok()?;
    let room = usize::try_from(end - first.offset).ok()?;
    put(&mut image, segment.page, first.offset, &vec![0xFF; room])?;
    let (mut at, mut seq) = (first.offset, first.seq);
    for entry in list {
        let bytes = base.stored(entry);
        refit(&mut image, segment.page, at, seq, &bytes)?;
        at += u32::try_from(bytes.len()).ok()?;
        seq += 1;
    }
    Some(image)
}

fn drop_entry(base: &Base, prng: &mut Prng) -> Option<Image> {
    let (segment, at) = base.entry(prng)?;
    let list: Vec<_> = segment.entries.iter().skip(at + 1).collect();
    rewrite(base, segment, at, &list)
}

fn drop_last(base: &Base, prng: &mut Prng) -> Option<Image> {
    let segment = base.segment(prng)?;
    let many = (1 + prng.below(3)).min(segment.entries.len());
    rewrite(base, segment, segment.entries.len() - many, &[])
}

fn swap_entries(base: &Base, prng: &mut Prng) -> Option<Image> {
    let (segment, at) = base.entry(prng)?;
    let mut list: Vec<_> = segment.entries.iter().skip(at).collect();
    let other = prng.below(list.len());
    list.swap(0, other);
    if other == 0 {
        return None;
    }
    rewrite(base, segment, at, &list)
}

fn repeat_entry(base: &Base, prng: &mut Prng) -> Option<Image> {
    let (segment, at) = base.entry(prng)?;
    let mut list: Vec<_> = segment.entries.iter().skip(at).collect();
    let whole = list.len();
    list.insert(prng.below(2), list[prng.below(list.len())]);
    // The last gives way, or the segment grows by one.
    if prng.one(1, 2) {
        list.truncate(whole);
    }
    rewrite(base, segment, at, &list)
}

fn move_entry(base: &Base, prng: &mut Prng) -> Option<Image> {
    let (from, source) = base.entry(prng)?;
    let (segment, at) = base.entry(prng)?;
    if (from.page, from.offset, source) == (segment.page, segment.offset, at) {
        return None;
    }
    let mut list: Vec<_> = segment.entries.iter().skip(at + 1).collect();
    list.insert(0, &from.entries[source]);
    rewrite(base, segment, at, &list)
}

fn slot_bytes(image: &Image, slot: u32) -> core::ops::Range<usize> {
    image.at(slot, 0)..image.at(slot + 1, 0)
}

fn wipe_page(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let range = slot_bytes(&image, base.slot(prng));
    match prng.below(3) {
        0 => image.pages[range].fill(0xFF),
        1 => image.pages[range].fill(0),
        _ => prng.fill(&mut image.pages[range]),
    }
    Some(image)
}

fn wipe_header(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let start = image.at(base.slot(prng), 0);
    image.pages[start..start + HEADER_BYTES].fill(prng.choose(&[0xFF, 0]));
    Some(image)
}

fn swap_pages(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let (a, b) = (slot_bytes(&image, base.slot(prng)), slot_bytes(&image, base.slot(prng)));
    let old = image.pages[a.clone()].to_vec();
    image.pages.copy_within(b.clone(), a.start);
    image.pages[b].copy_from_slice(&old);
    Some(image)
}

fn copy_page(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let (from, to) = (slot_bytes(&image, base.slot(prng)), slot_bytes(&image, base.slot(prng)));
    image.pages.copy_within(from, to.start);
    Some(image)
}

/// A page under another page's number, with every checksum right.
fn renumber_page(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let from = base.segment(prng)?.page;
    let to = match prng.below(3) {
        0 => base.segment(prng)?.page,
        1 => base.segments.last()?.page + 1,
        _ => from + image.plan.geometry().pages(),
    };
    let range = slot_bytes(&image, image.plan.slot(from));
    let target = image.at(image.plan.slot(to), 0);
    image.pages.copy_within(range, target);
    image.pages[target + 8..target + 12].copy_from_slice(&to.to_le_bytes());
    for segment in base.segments.iter().filter(|segment| segment.page == from) {
        if segment.offset != 0 {
            let bytes = base.image.bytes::<RESUME_BYTES>(from, segment.offset)?;
            let seq = Resume::parse(&bytes, from, segment.offset).ok()?.seq;
            refit(&mut image, to, segment.offset, seq, &bytes)?;
        }
        for entry in &segment.entries {
            refit(&mut image, to, entry.0.offset, entry.0.seq, &base.stored(entry))?;
        }
    }
    Some(image)
}

fn replay_page(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let older = base.older.get(prng.below(base.older.len()))?;
    let range = slot_bytes(&image, base.slot(prng));
    image.pages[range.clone()].copy_from_slice(&older.pages[range]);
    Some(image)
}

fn replay(base: &Base, prng: &mut Prng, ring: bool, state: bool) -> Option<Image> {
    let mut image = base.image.clone();
    let older = base.older.get(prng.below(base.older.len()))?;
    if ring {
        image.pages.clone_from(&older.pages);
    }
    if state {
        image.header.state = older.header.state;
    }
    Some(image)
}

fn truncate_page(base: &Base, prng: &mut Prng) -> Option<Image> {
    let mut image = base.image.clone();
    let (segment, at) = base.entry(prng)?;
    let start = image.at(image.plan.slot(segment.page), segment.entries[at].0.offset);
    let end = slot_bytes(&image, image.plan.slot(segment.page)).end;
    image.pages[start..end].fill(0xFF);
    Some(image)
}

/// The log up to entry `at` of `segment`, all behind it blank.
fn truncated(base: &Base, segment: &Segment, at: usize) -> Image {
    let mut image = base.image.clone();
    let start = image.at(image.plan.slot(segment.page), segment.entries[at].0.offset);
    let end = slot_bytes(&image, image.plan.slot(segment.page)).end;
    image.pages[start..end].fill(0xFF);
    for slot in 0..image.plan.geometry().pages() {
        if image.page_in(slot).is_some_and(|page| page > segment.page) {
            let range = slot_bytes(&image, slot);
            image.pages[range].fill(0xFF);
        }
    }
    image
}

fn truncate_log(base: &Base, prng: &mut Prng) -> Option<Image> {
    let (segment, at) = base.entry(prng)?;
    Some(truncated(base, segment, at))
}

/// The log up to some entry, then a session under secrets of the attacker's own, sealed to the log authority.
fn forge_session(base: &Base, prng: &mut Prng) -> Option<Image> {
    let newest = prng.below(base.segments.len().min(6));
    let segment = base.segments.get(base.segments.len() - 1 - newest)?;
    let count = 1 + prng.below(segment.entries.len());
    let mut image = if count < segment.entries.len() {
        truncated(base, segment, count)
    } else {
        truncated_behind(base, segment)?
    };
    let (last, total) = segment.entries[count - 1];
    let tail = forge::Tail {
        page: segment.page,
        offset: segment.offset.max(image.plan.header_bytes()),
        count: u32::try_from(count).ok()?,
        end: last.offset + u32::try_from(base.padded(total)).ok()?,
        last,
    };
    forge::session(&mut image, &tail, &base.authority, prng)?;
    Some(image)
}

/// The log up to the end of `segment`, all behind it blank.
fn truncated_behind(base: &Base, segment: &Segment) -> Option<Image> {
    let mut image = truncated(base, segment, segment.entries.len() - 1);
    let last = segment.entries.last()?;
    put(&mut image, segment.page, last.0.offset, &base.stored(last))?;
    Some(image)
}
