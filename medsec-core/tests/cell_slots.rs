//! Slots behind a cell's value are programmed once, and read as they were written or not at all.
#![expect(
    clippy::as_conversions,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use medsec_core::Secret;
use medsec_core::flash::cell::slots::{CONTENT_BYTES, SLOT_BYTES, SLOTS_MAX};
use medsec_core::flash::cell::{Cell, PAGES, Progress};
use medsec_core::flash::{ErrorKind, Region};
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;

type Part = FaultFlash<4, 4, 1024>;

const REGION: Region = Region::new(0, 4 * 1024);
/// Bytes of the three copies.
const COPIES: u32 = 3 * 60;
const SLOTS: u32 = (1024 - COPIES) / 16;

fn content(index: u32) -> [u8; CONTENT_BYTES] {
    [index.to_le_bytes()[0]; CONTENT_BYTES]
}

fn mac() -> MacKey {
    MacKey::derive(&Secret::new([0; 32]), Label::Lifecycle)
}

fn formatted(part: &mut Part) -> Cell<32> {
    Cell::format(part, REGION, 1, mac(), Secret::new([1; 32])).unwrap()
}

fn mount(part: &mut Part, kind: u8) -> Cell<32> {
    Cell::mount(part, REGION, kind, mac()).unwrap()
}

fn finish(part: &mut Part, cell: &mut Cell<32>) {
    for _ in 0..20 {
        if cell.step(part, &Pause::lend(&mut (), 1)).unwrap() == Progress::Done {
            return;
        }
    }
    panic!("never done");
}

fn replace(part: &mut Part, cell: &mut Cell<32>) {
    cell.begin_replace(cell.value().duplicate());
    finish(part, cell);
}

fn shown(part: &mut Part, cell: &Cell<32>) -> Vec<(u32, [u8; CONTENT_BYTES])> {
    (0..cell.slots()).filter_map(|index| Some((index, cell.slot(part, index)?))).collect()
}

#[test]
fn records_are_found_in_their_order_after_a_reboot_and_the_page_takes_no_more() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut cell = formatted(&mut part);
    assert_eq!((cell.slots(), cell.slots_left()), (SLOTS, SLOTS));
    for index in 0..SLOTS {
        let programmed = cell.program_slot(&mut part, content(index)).unwrap();
        assert_eq!((programmed.index, programmed.differences), (index, [[0; SLOT_BYTES]; 2]));
    }
    let counts = part.counts();
    let full = cell.program_slot(&mut part, [0; CONTENT_BYTES]).unwrap_err();
    assert_eq!((full.kind, part.counts()), (ErrorKind::OutOfBounds, counts));
    let cell = mount(&mut part, 1);
    let expected: Vec<_> = (0..SLOTS).map(|index| (index, content(index))).collect();
    assert_eq!(shown(&mut part, &cell), expected);
    assert_eq!(cell.slot(&mut part, SLOTS), None);
}

#[test]
fn only_who_wrote_the_value_in_this_boot_programs_behind_it() {
    let mut part = Part::new(PAGES, Model::None, 1);
    formatted(&mut part).program_slot(&mut part, [1; CONTENT_BYTES]).unwrap();
    let mut cell = mount(&mut part, 1);
    let before = part.counts().programs;
    assert_eq!(cell.slots_left(), 0);
    cell.program_slot(&mut part, [2; CONTENT_BYTES]).unwrap_err();
    cell.begin_replace(cell.value().duplicate());
    for _ in 0..3 {
        assert_eq!(cell.slots_left(), 0);
        cell.program_slot(&mut part, [2; CONTENT_BYTES]).unwrap_err();
        cell.step(&mut part, &Pause::lend(&mut (), 1)).unwrap();
    }
    assert_eq!(part.counts().programs - before, 2);
    finish(&mut part, &mut cell);
    assert_eq!((cell.slots_left(), shown(&mut part, &cell).len()), (SLOTS, 0));
    cell.program_slot(&mut part, [2; CONTENT_BYTES]).unwrap();
    // Forgetting older values leaves the page in force alone.
    cell.begin_forget();
    cell.program_slot(&mut part, [3; CONTENT_BYTES]).unwrap();
    finish(&mut part, &mut cell);
    let cell = mount(&mut part, 1);
    assert_eq!(shown(&mut part, &cell), [(0, [2; 8]), (1, [3; 8])]);
}

#[test]
fn a_slot_that_does_not_read_back_is_given_up_and_none_is_tried_twice() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut cell = formatted(&mut part);
    part.break_word(COPIES + 4);
    cell.program_slot(&mut part, [1; CONTENT_BYTES]).unwrap_err();
    part.fail_after(1);
    cell.program_slot(&mut part, [2; CONTENT_BYTES]).unwrap_err();
    assert_eq!(cell.program_slot(&mut part, [3; CONTENT_BYTES]).unwrap().index, 2);
    assert_eq!(part.double_programs(), 0);
    assert_eq!(mount(&mut part, 1).slot(&mut part, 2), Some([3; 8]));
}

/// A record says the same only in its slot, its page, behind its value, and in its cell.
#[test]
fn a_record_is_of_one_place() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut cell = formatted(&mut part);
    for _ in 0..3 {
        cell.program_slot(&mut part, [7; CONTENT_BYTES]).unwrap();
    }
    let first = part.image()[COPIES as usize..][..SLOT_BYTES].to_vec();
    // Page 0 again, four values later; then every slot of every page.
    for _ in 0..4 {
        replace(&mut part, &mut cell);
    }
    let mut image = part.image();
    for page in 0..4 {
        for slot in 0..SLOTS as usize {
            let at = page * 1024 + COPIES as usize + slot * 16;
            image[at..at + SLOT_BYTES].copy_from_slice(&first);
        }
    }
    let mut forged = Part::from_image(image, Model::None, 1);
    let cell = mount(&mut forged, 1);
    assert_eq!(shown(&mut forged, &cell), []);
    // Another slot of the page and value that it is of.
    let mut part = Part::new(PAGES, Model::None, 1);
    formatted(&mut part).program_slot(&mut part, [7; CONTENT_BYTES]).unwrap();
    let mut image = part.image();
    let at = COPIES as usize;
    image.copy_within(at..at + SLOT_BYTES, at + 5 * SLOT_BYTES);
    let mut moved = Part::from_image(image, Model::None, 1);
    let cell = mount(&mut moved, 1);
    assert_eq!(shown(&mut moved, &cell), [(0, [7; 8])]);
}

#[test]
fn whether_the_page_before_would_do_is_known() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut cell = formatted(&mut part);
    assert!(!cell.has_whole_before());
    replace(&mut part, &mut cell);
    assert!(cell.has_whole_before());
    cell.begin_forget();
    finish(&mut part, &mut cell);
    assert!(!cell.has_whole_before());
}

#[test]
fn a_large_page_has_no_more_slots_than_are_read() {
    let mut part = FaultFlash::<4, 4, 8192>::new(PAGES, Model::None, 1);
    let region = Region::new(0, 4 * 8192);
    let cell: Cell<32> = Cell::format(&mut part, region, 1, mac(), Secret::new([1; 32])).unwrap();
    assert_eq!(cell.slots(), SLOTS_MAX);
    let mut part = FaultFlash::<4, 4, 180>::new(PAGES, Model::None, 1);
    let region = Region::new(0, 4 * 180);
    let cell: Cell<32> = Cell::format(&mut part, region, 1, mac(), Secret::new([1; 32])).unwrap();
    assert_eq!((cell.slots(), cell.slots_left()), (0, 0));
}
