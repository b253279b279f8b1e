//! What a mount of a ring makes of pages put together by hand, from the layouts in its documentation: each condition by
//! itself, also those that no power cut leaves behind.

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::ring::{
    Adopted, CLASS_RESUME, Config, EntryHeader, Header, Resume, Retention, Ring, Segment, Void,
    seq_low,
};
use medsec_core::hal::Flash;
use medsec_core::key::{Label, MacKey};
use medsec_sim::fault::Model;

use super::parts::{Odd, Part};

const PAGES: u32 = 4;
const PAGE: u32 = 1024;
const HEADER: u32 = 112;
const CELL: u32 = 96;
const RING: u8 = 1;
const BODY: u16 = 72;

fn mac() -> MacKey {
    MacKey::derive(&Secret::new([1; 32]), Label::AuditMount)
}

/// An image in the making.
struct Image(Vec<u8>);

impl Image {
    fn blank() -> Self {
        Self(vec![0xFF; (PAGES * PAGE) as usize])
    }

    fn put(&mut self, page: u32, offset: u32, bytes: &[u8]) {
        let at = (page % PAGES * PAGE + offset) as usize;
        self.0[at..][..bytes.len()].copy_from_slice(bytes);
    }

    fn flip(&mut self, page: u32, offset: u32) {
        self.0[(page % PAGES * PAGE + offset) as usize] ^= 1;
    }

    fn header_of(&mut self, header: &Header, slot: u32) {
        let mut bytes = header.encode().unwrap();
        let tag = mac().tag(&[&bytes[..96]]);
        bytes[96..].copy_from_slice(&tag);
        self.put(slot, 0, &bytes);
    }

    fn header(&mut self, page: u32, session: u32, first_seq: u64) {
        self.header_of(&header(page, session, first_seq), page);
    }

    /// An entry with a body of `length` bytes; returns the offset behind it.
    fn entry(&mut self, page: u32, offset: u32, seq: u64, length: u16) -> u32 {
        self.entry_of(page, offset, EntryHeader { length, class: 1, seq_low: seq_low(seq) })
    }

    fn entry_of(&mut self, page: u32, offset: u32, header: EntryHeader) -> u32 {
        let end = offset + u32::from(header.length) + 24;
        let body = vec![5; (end.min(PAGE) - offset - 8) as usize];
        self.put(page, offset, &[&header.encode(page, offset)[..], &body].concat());
        end
    }

    /// `count` entries of 64 bytes.
    fn entries(&mut self, page: u32, offset: u32, first_seq: u64, count: u32) -> u32 {
        (0..count).fold(offset, |at, nth| self.entry(page, at, first_seq + u64::from(nth), 40))
    }

    fn resume(&mut self, page: u32, offset: u32, session: u32, seq: u64) -> u32 {
        let resume = Resume {
            session,
            ordinal: 1,
            seq,
            salt: [1; 16],
            adopted: Adopted::default(),
            suite: 1,
            commit: [2; 16],
        };
        let mut bytes = resume.encode(page, offset).unwrap();
        let tag = mac().tag(&[&page.to_le_bytes(), &offset.to_le_bytes(), &bytes[..80]]);
        bytes[80..].copy_from_slice(&tag);
        self.put(page, offset, &bytes);
        offset + 96
    }

    fn part(&self) -> Part {
        Part::from_image(self.0.clone(), Model::None, 1)
    }

    fn tail_with(&self, void: Void) -> Option<Segment> {
        mount(&mut self.part(), void).tail().copied()
    }

    fn tail(&self) -> Option<Segment> {
        self.tail_with(Void::default())
    }

    /// Page, offset, session and entries of the tail.
    fn shown(&self) -> Option<(u32, u32, u32, u32)> {
        self.tail().map(|tail| (tail.page, tail.offset, tail.session, tail.count))
    }

    fn damaged(&self, index: u32) -> Option<u32> {
        let mut part = self.part();
        mount(&mut part, Void::default()).damaged_slot(&mut part, index)
    }
}

fn header(page: u32, session: u32, first_seq: u64) -> Header {
    Header {
        ring: RING,
        floor: page.saturating_sub(2),
        page,
        session,
        ordinal: 1,
        suite: 1,
        first_seq,
        salt: [1; 16],
        previous: [3; 32],
        commit: [2; 16],
    }
}

fn mount<F: Flash>(part: &mut F, void: Void) -> Ring {
    let region = Region::new(0, PAGES * PAGE);
    let retention = Retention::Overwrite;
    let config = Config { region, id: RING, body_bytes_max: BODY, retention };
    Ring::mount(part, &config, mac(), void).unwrap()
}

/// A page with three entries of session 3.
fn one_page() -> Image {
    let mut image = Image::blank();
    image.header(5, 3, 70_000);
    image.entries(5, HEADER, 70_000, 3);
    image
}

#[test]
fn a_segment_is_all_that_its_entries_say() {
    let expected = Segment {
        page: 5,
        offset: HEADER,
        session: 3,
        count: 3,
        last_seq: 70_002,
        end: HEADER + 3 * 64,
        floor: 3,
    };
    assert_eq!(one_page().tail(), Some(expected));
    assert_eq!(Image::blank().tail(), None);
    let mut opened = Image::blank();
    opened.header(5, 3, 70_000);
    assert_eq!(opened.tail(), None);
}

/// Also in the second header of a segment, so that the page before it takes its place.
#[test]
fn a_header_counts_if_it_is_whole_in_its_place_and_of_this_ring() {
    let both = || {
        let mut image = one_page();
        image.header(6, 3, 70_003);
        image.entries(6, HEADER, 70_003, 1);
        image
    };
    assert_eq!(both().shown(), Some((6, HEADER, 3, 1)));
    for byte in 0..HEADER {
        let mut changed = both();
        changed.flip(6, byte);
        assert_eq!(changed.shown(), Some((5, HEADER, 3, 3)), "byte {byte}");
    }
    let first = header(6, 3, 70_003);
    for (other, slot) in
        [(Header { ring: 2, ..first }, 6), (Header { page: 7, floor: 6, ..first }, 6)]
    {
        let mut changed = both();
        changed.header_of(&other, slot);
        assert_eq!(changed.shown(), Some((5, HEADER, 3, 3)), "{other:?}");
    }
    // In the slot of page 5 is page 1, which the ring has turned over.
    let mut older = Image::blank();
    older.header(1, 1, 10);
    older.entries(1, HEADER, 10, 2);
    older.header(6, 3, 70_003);
    assert_eq!(older.shown(), None);
}

#[test]
fn a_walk_ends_where_an_entry_is_not_the_next_one() {
    let good = EntryHeader { length: 40, class: 1, seq_low: seq_low(70_003) };
    let behind = HEADER + 3 * 64;
    for (next, counts) in [
        (good, true),
        (EntryHeader { class: 0xFF, ..good }, true),
        (EntryHeader { length: BODY, ..good }, true),
        (EntryHeader { length: BODY + 1, ..good }, false),
        (EntryHeader { class: CLASS_RESUME, ..good }, false),
        (EntryHeader { seq_low: good.seq_low + 1, ..good }, false),
        (EntryHeader { seq_low: good.seq_low - 1, ..good }, false),
    ] {
        let mut image = one_page();
        image.entry_of(5, behind, next);
        let tail = image.tail().unwrap();
        let (count, end) =
            if counts { (4, behind + u32::from(next.length) + 24) } else { (3, behind) };
        assert_eq!((tail.count, tail.end), (count, end.next_multiple_of(4)), "{next:?}");
    }
    let mut torn = one_page();
    torn.entry_of(5, behind, good);
    torn.flip(5, behind + 6);
    assert_eq!(torn.tail().unwrap().count, 3);
}

/// To the last byte of the page, and not behind it.
#[test]
fn an_entry_lies_in_its_page() {
    for (last, count) in [(16, 15), (20, 14)] {
        let mut image = Image::blank();
        image.header(5, 3, 1);
        // Fourteen of 64 bytes leave 16; one shorter by 24 leaves room for a body of 16.
        let end = image.entries(5, HEADER, 1, 13);
        let end = image.entry(5, end, 14, 16);
        assert_eq!(PAGE - end, 40);
        image.entry(5, end, 15, last);
        assert_eq!(image.tail().unwrap().count, count, "a body of {last}");
    }
}

/// Two sessions that resumed in one page, and a third whose record has no entry behind it.
fn resumed() -> (Image, [u32; 3]) {
    let mut image = one_page();
    let offsets = [4, 6, 7].map(|cell| HEADER + cell * CELL);
    let end = image.resume(5, offsets[0], 4, 70_004);
    image.entries(5, end, 70_005, 1);
    let end = image.resume(5, offsets[1], 5, 70_008);
    assert_eq!(end, offsets[2]);
    (image, offsets)
}

#[test]
fn the_last_session_with_an_entry_is_the_newest_one() {
    let (mut image, offsets) = resumed();
    assert_eq!(image.shown(), Some((5, offsets[0], 4, 1)));
    let expected = Segment {
        page: 5,
        offset: offsets[1],
        session: 5,
        count: 2,
        last_seq: 70_010,
        end: offsets[2] + 128,
        floor: 3,
    };
    image.entries(5, offsets[2], 70_009, 2);
    assert_eq!(image.tail(), Some(expected));
    for byte in 0..96 {
        let mut changed = Image(image.0.clone());
        changed.flip(5, offsets[1] + byte);
        assert_eq!(changed.shown(), Some((5, offsets[0], 4, 1)), "byte {byte}");
    }
}

/// In the first cell, right behind the header, and in the last one that leaves room for an entry.
#[test]
fn sessions_are_found_in_the_first_and_in_the_last_cell() {
    for cell in [0, 7, 8] {
        let mut image = Image::blank();
        image.header(5, 3, 1);
        let offset = HEADER + cell * CELL;
        let end = image.resume(5, offset, 4, 20);
        image.entry(5, end, 21, if cell == 8 { 0 } else { 40 });
        let found = (PAGE - end >= 24).then_some((5, offset, 4, 1));
        assert_eq!(image.shown(), found, "cell {cell}");
    }
}

/// A void takes what sessions before one wrote into pages from one on, and no more.
#[test]
fn what_a_void_covers_does_not_exist() {
    let (mut image, offsets) = resumed();
    image.entries(5, offsets[2], 70_009, 2);
    for (page, session, found) in
        [(5, 3, Some(5)), (5, 5, Some(5)), (5, 6, None), (6, 9, Some(5)), (0, 6, None)]
    {
        let tail = image.tail_with(Void { page, session });
        assert_eq!(tail.map(|tail| tail.session), found, "{page}, {session}");
    }
    let mut before = one_page();
    let end = before.resume(5, offsets[0], 9, 70_004);
    before.entries(5, end, 70_005, 1);
    let tail = |session| before.tail_with(Void { page: 5, session }).map(|tail| tail.session);
    assert_eq!((tail(4), tail(9), tail(10)), (Some(9), Some(9), None));
    let first = one_page();
    let tail = |session| first.tail_with(Void { page: 5, session }).map(|tail| tail.session);
    assert_eq!((tail(3), tail(4)), (Some(3), None));
}

/// A page that was opened late by an older session stays behind the newer one that resumed in the page below.
#[test]
fn the_page_below_is_the_newest_if_a_later_session_wrote_there() {
    for (session, newest) in [(2, (6, HEADER, 3, 1)), (3, (6, HEADER, 3, 1)), (4, (5, 496, 4, 1))] {
        let mut image = one_page();
        let end = image.resume(5, HEADER + 4 * CELL, session, 70_004);
        image.entries(5, end, 70_005, 1);
        image.header(6, 3, 70_003);
        image.entries(6, HEADER, 70_003, 1);
        assert_eq!(image.shown(), Some(newest), "session {session}");
    }
    let mut first = Image::blank();
    first.header(0, 1, 1);
    first.entries(0, HEADER, 1, 1);
    assert_eq!(first.shown(), Some((0, HEADER, 1, 1)));
}

/// Pages from the newest down to the lowest there can be; the one below all that is not looked for.
#[test]
fn pages_without_entries_are_passed_over() {
    for opened in 0..4 {
        let mut image = one_page();
        (6..6 + opened).for_each(|page| image.header(page, 3, 70_003));
        let expected = (opened < 4).then_some((5, HEADER, 3, 3));
        assert_eq!(image.shown(), expected, "{opened}");
    }
    let mut written_over = Image::blank();
    (6..10).for_each(|page| written_over.header(page, 3, 70_003));
    assert_eq!(written_over.shown(), None);
}

/// What the next page's slot or the rest of the newest page holds when a session starts.
#[test]
fn a_slot_is_damaged_if_entries_can_be_hidden_in_it() {
    // The next page is 6, in slot 2.
    assert_eq!((Image::blank().damaged(1), one_page().damaged(4)), (None, None));
    let mut first = Image::blank();
    first.put(1, 0, &[0]);
    assert_eq!(first.damaged(1), Some(1));
    for byte in 0..HEADER {
        let mut image = one_page();
        image.put(6, byte, &[0xFE]);
        assert_eq!(image.damaged(4), Some(2), "byte {byte}");
    }
    let mut behind = one_page();
    behind.put(6, HEADER, &[0]);
    assert_eq!(behind.damaged(4), None, "only the header is looked at");
    let mut older = one_page();
    older.header(2, 1, 1);
    assert_eq!(older.damaged(4), None, "a page of an earlier round");
    let mut broken = one_page().part();
    broken.break_word(2 * PAGE);
    assert_eq!(mount(&mut broken, Void::default()).damaged_slot(&mut broken, 4), Some(2));
}

/// The tail ends at 304: session 4 resumes at 400, session 5 at 688, and session 6 in the next page.
#[test]
fn a_page_is_damaged_if_it_holds_something_where_a_session_resumes() {
    for (offset, silent_0, silent_1) in
        [(304, None, None), (399, None, None), (400, Some(1), None), (687, Some(1), None)]
            .into_iter()
            .chain([(688, Some(1), Some(1)), (1_023, Some(1), Some(1))])
    {
        let mut image = one_page();
        image.put(5, offset, &[0]);
        assert_eq!((image.damaged(4), image.damaged(5)), (silent_0, silent_1), "byte {offset}");
        assert_eq!(image.damaged(6), None, "byte {offset}");
    }
    let mut broken = one_page().part();
    broken.break_word(PAGE + 1_020);
    assert_eq!(mount(&mut broken, Void::default()).damaged_slot(&mut broken, 4), Some(1));
}

#[test]
fn what_is_read_with_an_error_does_not_count() {
    let (mut image, offsets) = resumed();
    image.entries(5, offsets[2], 70_009, 2);
    for (length, session) in [(0, Some(5)), (112, None), (96, Some(3)), (8, None)] {
        let mut part = Odd { unsure: Some(length), ..Odd::of(image.part()) };
        let ring = mount(&mut part, Void::default());
        assert_eq!(ring.tail().map(|tail| tail.session), session, "{length} bytes");
    }
}
