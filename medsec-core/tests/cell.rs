//! A cell keeps its value across power cuts.
#![expect(
    clippy::as_conversions,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use embedded_storage::nor_flash::NorFlash;
use medsec_core::Secret;
use medsec_core::flash::cell::{Cell, FormatError, MountError, PAGES, Progress};
use medsec_core::flash::page::GeometryError;
use medsec_core::flash::{ErrorKind, Operation, Region};
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::powercut;

type Part = FaultFlash<4, 4, 1024>;

const REGION: Region = Region::new(0, 4 * 1024);
const KIND: u8 = 1;
/// Offset of the value in a copy, and bytes of a slot.
const VALUE: u32 = 12;
const SLOT: u32 = 60;

/// Runs of the integration test. Lower it only with a reason: a driver that runs less finds less.
const RUNS_MIN: u64 = 6_000;

fn mac(byte: u8) -> MacKey {
    MacKey::derive(&Secret::new([byte; 32]), Label::Lifecycle)
}

fn part() -> Part {
    Part::new(PAGES, Model::None, 1)
}

fn formatted(part: &mut Part) -> Cell<32> {
    Cell::format(part, REGION, KIND, mac(0), Secret::new([1; 32])).unwrap()
}

fn mount(part: &mut Part) -> Cell<32> {
    Cell::mount(part, REGION, KIND, mac(0)).unwrap()
}

fn lost(part: &mut Part, kind: u8, mac: MacKey) {
    let found = Cell::<32>::mount(part, REGION, kind, mac);
    assert_eq!(found.err(), Some(MountError::Lost));
}

/// Steps until done, and returns how many steps it took.
fn finish(part: &mut Part, cell: &mut Cell<32>) -> u32 {
    for steps in 1..100 {
        match cell.step(part, &Pause::lend(&mut (), 1)).unwrap() {
            Progress::Done => return steps,
            Progress::More | _ => assert!(cell.is_busy()),
        }
    }
    panic!("never done");
}

fn replace(part: &mut Part, cell: &mut Cell<32>, byte: u8) {
    cell.begin_replace(Secret::new([byte; 32]));
    finish(part, cell);
}

#[test]
fn no_cut_breaks_a_rule() {
    let tally = powercut::cell::run(RUNS_MIN, 1);
    assert!(tally.runs() >= RUNS_MIN && tally.cuts() >= tally.runs(), "{tally}");
    assert_eq!(tally.violations(), 0, "{tally}");
}

#[test]
fn the_last_acknowledged_value_is_in_force_after_a_reboot() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    for byte in 2..12 {
        cell.begin_replace(Secret::new([byte; 32]));
        assert!(cell.needs_settle() && cell.is_busy());
        assert_eq!(cell.value().expose(), &[byte - 1; 32]);
        // One erase and three programs, no more in a clean life.
        assert_eq!(finish(&mut part, &mut cell), 4);
        assert!(!cell.needs_settle() && !cell.is_busy());
        cell = mount(&mut part);
        assert_eq!(cell.value().expose(), &[byte; 32]);
        assert!(!cell.needs_settle());
        assert_eq!(cell.epoch(), u32::from(byte));
    }
    assert_eq!(part.double_programs(), 0);
    assert_eq!(cell.step(&mut part, &Pause::lend(&mut (), 1)), Ok(Progress::Done));
}

#[test]
fn a_mount_reads_each_copy_once_and_writes_nothing() {
    let mut part = part();
    formatted(&mut part);
    let before = part.counts();
    mount(&mut part);
    let after = part.counts();
    assert_eq!(after.reads - before.reads, 12);
    assert_eq!((after.programs, after.erases), (before.programs, before.erases));
}

#[test]
fn forget_destroys_every_older_value() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    for byte in 2..6 {
        replace(&mut part, &mut cell, byte);
    }
    assert_eq!(cell.live_pages(), 4);
    cell.begin_forget();
    finish(&mut part, &mut cell);
    assert_eq!(cell.live_pages(), 1);
    let copies = |byte: u8| part.image().windows(32).filter(|seen| *seen == [byte; 32]).count();
    assert_eq!((2..6).map(copies).collect::<Vec<_>>(), [0, 0, 0, 3]);
    let erases = part.counts().erases;
    cell.begin_forget();
    assert!(!cell.is_busy(), "nothing is left to forget");
    assert_eq!(part.counts().erases, erases);
}

#[test]
fn forget_in_a_boot_that_wrote_nothing_keeps_a_page_of_its_own() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    replace(&mut part, &mut cell, 2);
    let mut cell = mount(&mut part);
    let epoch = cell.epoch();
    cell.begin_forget();
    finish(&mut part, &mut cell);
    assert_eq!((cell.live_pages(), cell.epoch()), (1, epoch + 1));
    assert_eq!(mount(&mut part).value().expose(), &[2; 32]);
}

#[test]
fn another_key_kind_page_or_slot_is_not_this_cell() {
    let mut part = part();
    formatted(&mut part);
    lost(&mut part, KIND + 1, mac(0));
    lost(&mut part, KIND, mac(1));
    let copy = &part.image()[..SLOT as usize];
    for place in [SLOT, 2 * SLOT, 1024, 2 * 1024 + SLOT, 3 * 1024] {
        let mut moved = vec![0xFF; 4096];
        moved[place as usize..][..SLOT as usize].copy_from_slice(copy);
        lost(&mut Part::from_image(moved, Model::None, 1), KIND, mac(0));
    }
}

#[test]
fn a_changed_byte_makes_a_copy_invalid() {
    let mut part = part();
    formatted(&mut part);
    let image = part.image();
    for byte in 0..SLOT as usize {
        let mut changed = image.clone();
        // All copies but this one are gone, and so is the rest of the cell.
        changed[SLOT as usize..].fill(0xFF);
        mount(&mut Part::from_image(changed.clone(), Model::None, 1));
        changed[byte] ^= 1;
        lost(&mut Part::from_image(changed, Model::None, 1), KIND, mac(0));
    }
}

#[test]
fn a_blank_part_is_lost_and_not_a_default() {
    lost(&mut part(), KIND, mac(0));
}

#[test]
fn regions_that_do_not_fit_are_refused() {
    let refused = |bytes| {
        let mounted = Cell::<32>::mount(&mut part(), Region::new(0, bytes), KIND, mac(0));
        let Some(MountError::Geometry(error)) = mounted.err() else { panic!("mounted") };
        error
    };
    assert_eq!(refused(3 * 1024), GeometryError::Pages);
    assert_eq!(refused(4 * 1024 - 4), GeometryError::Region);
    assert_eq!(refused(8 * 1024), GeometryError::Region);
    let mut small = FaultFlash::<1, 256, 512>::new(4, Model::None, 1);
    let region = Region::new(0, 4 * 512);
    let made = Cell::<32>::format(&mut small, region, KIND, mac(0), Secret::new([0; 32]));
    assert_eq!(made.err(), Some(FormatError::Geometry(GeometryError::Pages)));
}

/// Three slots may fill a page to its last byte.
#[test]
fn a_page_of_exactly_three_slots_is_enough() {
    let mut part = FaultFlash::<4, 4, 180>::new(PAGES, Model::None, 1);
    let region = Region::new(0, PAGES * 3 * SLOT);
    Cell::<32>::format(&mut part, region, KIND, mac(0), Secret::new([1; 32])).unwrap();
    assert_eq!(
        Cell::<32>::mount(&mut part, region, KIND, mac(0)).unwrap().value().expose(),
        &[1; 32]
    );
}

/// What a fresh cell holds was written by this boot: it is settled, and its other pages need not be forgotten.
#[test]
fn a_formatted_cell_is_settled_and_has_nothing_to_forget() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    assert!(!cell.needs_settle());
    assert_eq!((cell.epoch(), cell.live_pages()), (1, 1));
    let erases = part.counts().erases;
    cell.begin_forget();
    assert!(!cell.is_busy());
    finish(&mut part, &mut cell);
    assert_eq!(part.counts().erases, erases);
    assert_eq!(mount(&mut part).epoch(), 1);
    replace(&mut part, &mut cell, 2);
    assert_eq!((cell.epoch(), mount(&mut part).epoch()), (2, 2));
}

/// A format that met a failure at any of its operations says so, and one behind it did not.
#[test]
fn a_format_that_fails_anywhere_is_reported() {
    let operations = {
        let mut part = part();
        formatted(&mut part);
        let counts = part.counts();
        counts.erases + counts.programs
    };
    for failing in 1..=u32::try_from(operations).unwrap() {
        let mut part = part();
        part.fail_after(failing);
        let made = Cell::<32>::format(&mut part, REGION, KIND, mac(0), Secret::new([1; 32]));
        let Some(FormatError::Flash(error)) = made.err() else { panic!("operation {failing}") };
        // The pages are erased first.
        let is_erase = failing <= PAGES;
        assert_eq!(error.operation == Operation::Erase, is_erase, "operation {failing}");
    }
}

/// A work that failed is dropped whole: neither its value nor its forget comes back with the next one.
#[test]
fn what_failed_is_not_taken_up_again() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    cell.begin_replace(Secret::new([2; 32]));
    cell.begin_forget();
    part.fail_after(1);
    cell.step(&mut part, &Pause::lend(&mut (), 1)).unwrap_err();
    assert!(!cell.is_busy());
    assert_eq!(cell.step(&mut part, &Pause::lend(&mut (), 1)), Ok(Progress::Done));
    assert_eq!(cell.value().expose(), &[1; 32]);
    let erases = part.counts().erases;
    replace(&mut part, &mut cell, 3);
    // The page written, whose erase had failed, and not the one that a forget would take too.
    assert_eq!(part.counts().erases - erases, 1);
    assert_eq!(mount(&mut part).value().expose(), &[3; 32]);
}

/// Wear is spread: each replace takes the page behind the one before it, in a circle.
#[test]
fn the_next_page_behind_the_base_is_the_one_written() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    for byte in 2..10 {
        let page = u32::from(byte - 1) % PAGES;
        let before = part.wear(page);
        replace(&mut part, &mut cell, byte);
        assert_eq!(part.wear(page), before + 1, "value {byte}");
    }
}

#[test]
fn a_pause_bounds_an_erase() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    part.set_erase_steps(5);
    cell.begin_replace(Secret::new([2; 32]));
    assert_eq!(finish(&mut part, &mut cell), 5 + 3);
}

/// A word that holds no data any more costs no erase at each boot.
#[test]
fn a_bad_word_does_not_wear_out_the_part() {
    for word in [VALUE, VALUE + SLOT, VALUE + 2 * SLOT, 1024 + VALUE, 2 * 1024 + VALUE] {
        let mut part = part();
        formatted(&mut part);
        part.break_word(word);
        let before = part.counts().erases;
        for _ in 0..1_000 {
            let mut cell = mount(&mut part);
            assert_eq!(cell.value().expose(), &[1; 32]);
            if cell.needs_settle() {
                replace(&mut part, &mut cell, 1);
            }
        }
        let erases = part.counts().erases - before;
        assert!(erases <= 2, "{erases} erases, word at {word}");
    }
}

#[test]
fn one_copy_that_does_not_read_back_is_tolerated_two_are_not() {
    let mut part = part();
    let mut cell = formatted(&mut part);
    part.break_word(1024 + VALUE);
    replace(&mut part, &mut cell, 2);
    assert_eq!(mount(&mut part).value().expose(), &[2; 32]);

    part.break_word(2 * 1024 + VALUE);
    part.break_word(2 * 1024 + SLOT);
    cell.begin_replace(Secret::new([3; 32]));
    let error = (0..4).find_map(|_| cell.step(&mut part, &Pause::lend(&mut (), 1)).err());
    assert_eq!(error.map(|error| error.offset), Some(2 * 1024 + SLOT));
    assert_eq!(cell.value().expose(), &[2; 32]);
    assert!(cell.needs_settle() && !cell.is_busy());
}

/// After an error a replace can be tried again in the same boot, and it never erases the only page with a value.
#[test]
fn a_failed_operation_can_be_tried_again() {
    for failing in 1..12 {
        let mut part = part();
        formatted(&mut part);
        // Two pages that a replace has to heal; one of them is the base.
        part.break_word(VALUE);
        part.erase(2 * 1024, 3 * 1024).unwrap();
        let mut cell = mount(&mut part);
        part.fail_after(failing);
        cell.begin_replace(Secret::new([2; 32]));
        let failed = (0..20).find_map(|_| cell.step(&mut part, &Pause::lend(&mut (), 1)).err());
        let found = mount(&mut part);
        assert!([1, 2].contains(&found.value().expose()[0]), "operation {failing}");
        if let Some(error) = failed {
            assert_ne!(error.kind, ErrorKind::ReadBack);
            assert_eq!(cell.value().expose(), &[1; 32]);
            cell.begin_replace(Secret::new([3; 32]));
            cell.step(&mut part, &Pause::lend(&mut (), 1)).unwrap();
            mount(&mut part);
            finish(&mut part, &mut cell);
            assert_eq!(mount(&mut part).value().expose(), &[3; 32]);
        }
        assert_eq!(part.double_programs(), 0);
    }
}
