//! What a cell makes of pages put together by hand, from the layout in its documentation: also of those that no power
//! cut leaves behind.
use medsec_core::Secret;
use medsec_core::flash::cell::{Cell, MountError, PAGES, Progress};
use medsec_core::flash::{Error, ErrorKind, Region};
use medsec_core::hal::Flash;
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;
use medsec_sim::fault::Model;

use super::parts::{Odd, Part};

const REGION: Region = Region::new(0, 4 * 1024);
const KIND: u8 = 1;
const VALUE: u8 = 1;
const TOMB: u8 = 2;
const SLOT: usize = 60;
const PAGE: usize = 1024;
/// A word of the value in the second copy of a page.
const WORD: u32 = 72;

fn mac() -> MacKey {
    MacKey::derive(&Secret::new([0; 32]), Label::Lifecycle)
}

/// Page, copy, role, epoch and each byte of the value.
type Copy = (u8, u8, u8, u32, u8);

/// A part with these copies.
fn part(copies: &[Copy]) -> Part {
    let mut image = vec![0xFF; PAGES as usize * PAGE];
    for (page, copy, role, epoch, byte) in copies {
        let mut bytes = [b"MSC1".as_slice(), &[1, KIND, *role, 0], &epoch.to_le_bytes()].concat();
        bytes.extend([*byte; 32]);
        let tag = mac().tag(&[&bytes, &[*page, *copy]]);
        bytes.extend(tag);
        assert_eq!(bytes.len(), SLOT);
        image[usize::from(*page) * PAGE + usize::from(*copy) * SLOT..][..SLOT]
            .copy_from_slice(&bytes);
    }
    Part::from_image(image, Model::None, 1)
}

/// A page with three copies.
fn page(page: u8, role: u8, epoch: u32, byte: u8) -> Vec<Copy> {
    (0..3).map(|copy| (page, copy, role, epoch, byte)).collect()
}

fn tombs(at: u8) -> Vec<Copy> {
    page(at, TOMB, 1, 0)
}

fn mount<F: Flash>(part: &mut F) -> Result<Cell<32>, MountError> {
    Cell::mount(part, REGION, KIND, mac())
}

fn finish(part: &mut Part, cell: &mut Cell<32>) -> Result<(), Error> {
    while cell.step(part, &Pause::lend(&mut (), 1))? == Progress::More {}
    Ok(())
}

fn replace(part: &mut Part, cell: &mut Cell<32>, byte: u8) -> Result<(), Error> {
    cell.begin_replace(Secret::new([byte; 32]));
    finish(part, cell)
}

/// The value in force, its epoch, and whether it may be acted upon.
fn found(copies: &[Vec<Copy>]) -> (u8, u32, bool) {
    let cell = mount(&mut part(&copies.concat())).unwrap();
    (cell.value().expose()[0], cell.epoch(), !cell.needs_settle())
}

#[test]
fn a_cell_writes_what_its_layout_says() {
    let mut made = Part::new(PAGES, Model::None, 1);
    Cell::format(&mut made, REGION, KIND, mac(), Secret::new([9; 32])).unwrap();
    let by_hand = [page(0, VALUE, 1, 9), tombs(1), tombs(2), tombs(3)].concat();
    assert!(made.image() == part(&by_hand).image(), "a formatted part");
}

/// Also an epoch of which a single copy is left, in a page that the next replace does not take.
#[test]
fn an_epoch_that_was_seen_is_not_used_again() {
    for other in [
        vec![(2, 1, VALUE, 9, 7)],
        vec![(2, 0, VALUE, 4, 7), (2, 1, VALUE, 9, 7)],
        vec![(2, 0, VALUE, 9, 7), (2, 1, VALUE, 4, 7)],
    ] {
        let mut part = part(&[page(0, VALUE, 5, 1), other, tombs(1), tombs(3)].concat());
        let mut cell = mount(&mut part).unwrap();
        assert_eq!(cell.epoch(), 5);
        replace(&mut part, &mut cell, 2).unwrap();
        assert_eq!((cell.epoch(), mount(&mut part).unwrap().epoch()), (10, 10));
    }
}

#[test]
fn the_last_epoch_is_not_used_twice() {
    let last = [page(0, VALUE, u32::MAX, 1), tombs(1), tombs(2), tombs(3)];
    let mut part = part(&last.concat());
    let mut cell = mount(&mut part).unwrap();
    let error = replace(&mut part, &mut cell, 2).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutOfBounds);
    assert_eq!(mount(&mut part).unwrap().value().expose(), &[1; 32]);
}

#[test]
fn copies_agree_only_if_epoch_and_value_do() {
    let rest = [page(1, VALUE, 6, 1), tombs(2), tombs(3)].concat();
    for second in [(0, 1, VALUE, 5, 7), (0, 1, VALUE, 9, 8), (0, 1, TOMB, 9, 7)] {
        let first = (0, 0, VALUE, 9, 7);
        assert_eq!(found(&[vec![first, second], rest.clone()]), (1, 6, false), "{second:?}");
    }
    let equal = vec![(0, 0, VALUE, 9, 7), (0, 1, VALUE, 9, 7)];
    assert_eq!(found(&[equal, rest]), (7, 9, false));
}

/// What another page shows beside a whole one, and whether the value may be acted upon at once.
#[test]
fn a_value_is_settled_if_nothing_newer_can_have_been_begun() {
    for (other, is_settled) in [
        (vec![], false),
        (vec![(2, 0, TOMB, 5, 0)], true),
        (vec![(2, 0, VALUE, 4, 7)], true),
        (page(2, VALUE, 4, 7), true),
        (vec![(2, 0, VALUE, 5, 7)], false),
        (vec![(2, 0, VALUE, 6, 7)], false),
    ] {
        let said = format!("{other:?}");
        let shown = found(&[page(0, VALUE, 5, 1), tombs(1), other, tombs(3)]);
        assert_eq!(shown, (1, 5, is_settled), "{said}");
    }
}

#[test]
fn a_copy_read_with_an_error_is_not_valid() {
    let copies = [page(0, VALUE, 5, 1), tombs(1), tombs(2), tombs(3)].concat();
    mount(&mut part(&copies)).unwrap();
    assert_eq!(
        mount(&mut Odd { unsure: Some(SLOT), ..Odd::of(part(&copies)) }).err(),
        Some(MountError::Lost)
    );
}

#[test]
fn copies_that_did_not_take_are_not_acknowledged() {
    for (slots, is_done) in [(1, true), (2, false), (3, false)] {
        let copies = [page(0, VALUE, 5, 1), tombs(1), tombs(2), tombs(3)].concat();
        let to = 1024 + 60 * slots;
        let mut part = Odd { sticks: 1024..to, ..Odd::of(part(&copies)) };
        let mut cell = mount(&mut part).unwrap();
        cell.begin_replace(Secret::new([2; 32]));
        let failed = (0..8).find_map(|_| cell.step(&mut part, &Pause::lend(&mut (), 1)).err());
        let expected = (ErrorKind::ReadBack, 1024 + 60);
        let said = failed.map(|error| (error.kind, error.offset));
        assert_eq!(said, (!is_done).then_some(expected), "{slots}");
        assert_eq!(cell.value().expose()[0], if is_done { 2 } else { 1 });
    }
}

/// A forget that failed in the midst of a page left it in no state to be relied upon: the next replace gives it tombs.
#[test]
fn a_page_whose_erase_failed_gets_tombs_before_the_next_value() {
    let values: Vec<_> = (0..4).map(|at| page(at, VALUE, 2 + u32::from(at), 1)).collect();
    let mut part = part(&values.concat());
    let mut cell = mount(&mut part).unwrap();
    replace(&mut part, &mut cell, 2).unwrap();
    cell.begin_forget();
    // An erase and three programs are one page; the next erase fails.
    part.fail_after(5);
    finish(&mut part, &mut cell).unwrap_err();
    let (erases, live) = (part.counts().erases, cell.live_pages());
    replace(&mut part, &mut cell, 3).unwrap();
    assert_eq!(part.counts().erases - erases, 2, "the value's page and the torn one");
    assert_eq!((live, cell.live_pages()), (3, 3));
    assert_eq!(mount(&mut part).unwrap().value().expose(), &[3; 32]);
}

/// Two copies are a value; but once there is another, the page with two is given tombs.
#[test]
fn a_page_with_a_bad_copy_does_not_stay_behind() {
    let mut part = part(&[page(0, VALUE, 5, 1), tombs(1), tombs(2), tombs(3)].concat());
    let mut cell = mount(&mut part).unwrap();
    part.break_word(1024 + WORD);
    replace(&mut part, &mut cell, 2).unwrap();
    let erases = part.counts().erases;
    replace(&mut part, &mut cell, 3).unwrap();
    assert_eq!(part.counts().erases - erases, 2);
}

#[test]
fn two_tombs_are_enough_and_one_is_not() {
    for (broken, is_done) in [(vec![], true), (vec![0], true), (vec![0, 60], false)] {
        let mut part = part(&[page(0, VALUE, 5, 1), tombs(1), tombs(3)].concat());
        let mut cell = mount(&mut part).unwrap();
        broken.iter().for_each(|word| part.break_word(2 * 1024 + word));
        assert_eq!(replace(&mut part, &mut cell, 2).is_ok(), is_done, "{broken:?}");
        // The value was read back, so it is what the next mount finds.
        assert_eq!(mount(&mut part).unwrap().value().expose(), &[2; 32]);
    }
}
