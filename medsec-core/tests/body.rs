//! A cell keeps its body across power cuts, in frames of any number of pages.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect; the sizes are evidence"
)]

use medsec_core::Secret;
use medsec_core::flash::cell::body::{BodyCell, FRAMES, LengthError, PIECE_BYTES_MAX, ReadError};
use medsec_core::flash::cell::{Cell, FormatError, MountError, Progress};
use medsec_core::flash::page::GeometryError;
use medsec_core::flash::{Error, ErrorKind, Operation, Region};
use medsec_core::hal::Flash;
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::powercut;

type Part = FaultFlash<4, 4, 1024>;

const KIND: u8 = 1;
/// Bytes of a head's copy, and where a body begins.
const COPY: usize = 68;
const BODY: usize = 3 * COPY;

/// Runs of the integration test. Lower it only with a reason: a driver that runs less finds less.
const RUNS_MIN: u64 = 3_000;

fn mac(byte: u8) -> MacKey {
    MacKey::derive(&Secret::new([byte; 32]), Label::StoreHead)
}

/// Of so many pages a frame.
fn region(each: u32) -> Region {
    Region::new(0, FRAMES * each * 1024)
}

fn part(each: u32) -> Part {
    Part::new(FRAMES * each, Model::None, 1)
}

fn formatted(part: &mut Part, each: u32, length: u32) -> BodyCell {
    BodyCell::format(part, region(each), KIND, mac(0), length, |_, piece| piece.fill(1)).unwrap()
}

fn mount(part: &mut Part, each: u32) -> BodyCell {
    BodyCell::mount(part, region(each), KIND, mac(0)).unwrap()
}

/// The body, in pieces of `bytes`, if it gives its digest.
fn read<F: Flash>(part: &mut F, cell: &BodyCell, bytes: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = vec![0; cell.length() as usize];
    let mut pass = cell.begin_pass();
    for piece in body.chunks_mut(bytes) {
        cell.read_on(part, &mut pass, piece)?;
    }
    cell.finish(pass)?;
    Ok(body)
}

fn finish(part: &mut Part, cell: &mut BodyCell, byte: u8) -> Result<u32, Error> {
    for steps in 1..400 {
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 1);
        if cell.step(part, &pause, |_, piece| piece.fill(byte))? == Progress::Done {
            return Ok(steps);
        }
        assert!(cell.is_busy());
    }
    panic!("never done");
}

fn replace(part: &mut Part, cell: &mut BodyCell, length: u32, byte: u8) -> Result<u32, Error> {
    cell.begin_replace(length).unwrap();
    finish(part, cell, byte)
}

#[test]
fn no_cut_breaks_a_rule() {
    let tally = powercut::store::run(RUNS_MIN, 1);
    assert!(tally.runs() >= RUNS_MIN && tally.cuts() >= tally.runs(), "{tally}");
    assert_eq!(tally.violations(), 0, "{tally}");
}

/// Bodies of every length that one page and a bit of the next can hold follow each other.
#[test]
fn a_body_of_any_length_is_read_back_after_a_reboot() {
    let mut part = part(2);
    let mut cell = formatted(&mut part, 2, 1);
    let capacity = cell.capacity();
    assert_eq!(capacity, 2 * 1024 - BODY as u32);
    let lengths = (1..300).chain([819, 820, 821, 1076, capacity - 1, capacity, 1, capacity]);
    let mut seen = 0_u32;
    for length in lengths {
        let byte = length.to_le_bytes()[0];
        cell.begin_replace(length).unwrap();
        assert!(cell.needs_settle() && cell.is_busy());
        finish(&mut part, &mut cell, byte).unwrap();
        cell = mount(&mut part, 2);
        assert!(!cell.needs_settle() && cell.is_whole());
        for bytes in [1, 7, 100, PIECE_BYTES_MAX] {
            assert_eq!(read(&mut part, &cell, bytes), Ok(vec![byte; length as usize]));
        }
        seen += 1;
        assert_eq!(cell.epoch(), 1 + seen);
    }
    assert_eq!((seen, part.double_programs()), (307, 0));
}

/// Pages of each erased, one program for each piece, and three heads; each page of a frame is erased once.
#[test]
fn a_replace_costs_what_is_stated() {
    for (each, length, pieces) in
        [(1, 256, 1), (1, 257, 2), (1, 820, 4), (2, 821, 5), (3, 2_868, 12)]
    {
        let mut part = part(each);
        let mut cell = formatted(&mut part, each, length);
        let before = part.counts();
        assert_eq!(replace(&mut part, &mut cell, length, 2), Ok(each + pieces + 3));
        let after = part.counts();
        assert_eq!(after.erases - before.erases, u64::from(each));
        assert_eq!(after.programs - before.programs, u64::from(pieces + 3));
        // The old body once, each program back once.
        assert_eq!(after.reads - before.reads, u64::from(2 * pieces + 3));
        mount(&mut part, each);
        assert_eq!(part.counts().reads - after.reads, u64::from(12 + pieces));
        let writes = (part.counts().programs, part.counts().erases);
        assert_eq!(writes, (after.programs, after.erases), "a mount writes nothing");
    }
}

#[test]
fn what_is_not_changed_is_carried_over() {
    let mut part = part(2);
    let mut cell = formatted(&mut part, 2, 1_000);
    let mut body = vec![1; 1_000];
    for at in [0, 255, 256, 819, 820, 999_usize] {
        cell.begin_replace(1_000).unwrap();
        loop {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            let progress = cell.step(&mut part, &pause, |from, piece| {
                assert_eq!(piece, &body[from as usize..][..piece.len()]);
                if let Some(byte) = at.checked_sub(from as usize).and_then(|at| piece.get_mut(at)) {
                    *byte = 9;
                }
            });
            if progress.unwrap() == Progress::Done {
                break;
            }
        }
        body[at] = 9;
        cell = mount(&mut part, 2);
        assert!(read(&mut part, &cell, 200).unwrap() == body);
    }
    cell.begin_settle();
    while cell.step(&mut part, &Pause::lend(&mut (), 1), |_, _| {}).unwrap() == Progress::More {}
    cell = mount(&mut part, 2);
    assert!(read(&mut part, &cell, 200).unwrap() == body);
}

/// What changed under the cell since its mount is not copied into a new frame with a good digest.
#[test]
fn a_base_that_changed_since_the_mount_is_not_carried_over() {
    let mut part = part(1);
    formatted(&mut part, 1, 600);
    let mut cell = mount(&mut part, 1);
    let mut image = part.image();
    image[BODY + 500] ^= 1;
    let mut changed = Part::from_image(image, Model::None, 1);
    assert_eq!(read(&mut changed, &cell, 256), Err(ReadError::NotWhole));
    cell.begin_replace(10).unwrap();
    let error = finish(&mut changed, &mut cell, 2).unwrap_err();
    assert_eq!((error.kind, error.operation), (ErrorKind::ReadBack, Operation::Read));
    assert!(cell.needs_settle() && !cell.is_busy());
}

#[test]
fn a_body_is_not_read_while_another_is_written() {
    let mut part = part(1);
    let mut cell = formatted(&mut part, 1, 600);
    let begun = cell.begin_pass();
    cell.begin_replace(300).unwrap();
    let mut pass = cell.begin_pass();
    assert_eq!(cell.read_on(&mut part, &mut pass, &mut [0; 4]), Err(ReadError::Busy));
    finish(&mut part, &mut cell, 2).unwrap();
    assert_eq!(cell.finish(begun), Err(ReadError::NotWhole));
    let mut pass = cell.begin_pass();
    assert_eq!(cell.read_on(&mut part, &mut pass, &mut [0; 257]), Err(ReadError::Range));
    cell.read_on(&mut part, &mut pass, &mut [0; 200]).unwrap();
    assert_eq!(cell.read_on(&mut part, &mut pass, &mut [0; 101]), Err(ReadError::Range));
    // Not all of it is not it.
    assert_eq!(cell.finish(pass), Err(ReadError::NotWhole));
}

/// Each byte of the body, changed on a part without older frames: damaged, and nothing that is trusted by its digest.
#[test]
fn a_changed_byte_makes_the_body_damaged() {
    let mut part = part(1);
    formatted(&mut part, 1, 300);
    let image = part.image();
    for byte in 0..300 {
        let mut changed = image.clone();
        changed[BODY + byte] ^= 1 << (byte % 8);
        let mut part = Part::from_image(changed.clone(), Model::None, 1);
        let mut cell = mount(&mut part, 1);
        assert!(!cell.is_whole() && cell.needs_settle());
        assert_eq!(read(&mut part, &cell, 256), Err(ReadError::NotWhole));
        let mut sealed = [0; 4];
        cell.read_sealed(&mut part, 0, &mut sealed).unwrap();
        assert_eq!(sealed[..], changed[BODY..BODY + 4]);
        if byte % 50 == 0 {
            replace(&mut part, &mut cell, 300, 5).unwrap();
            assert!(cell.is_whole() && mount(&mut part, 1).is_whole());
        }
    }
}

/// A frame that verifies is taken before a newer one that does not.
#[test]
fn an_older_body_comes_before_a_damaged_one() {
    let mut part = part(1);
    let mut cell = formatted(&mut part, 1, 300);
    replace(&mut part, &mut cell, 300, 2).unwrap();
    let mut image = part.image();
    image[1024 + BODY] ^= 1;
    let mut part = Part::from_image(image, Model::None, 1);
    let cell = mount(&mut part, 1);
    assert!(cell.is_whole() && cell.needs_settle());
    assert_eq!(read(&mut part, &cell, 256), Ok(vec![1; 300]));
}

#[test]
fn a_changed_head_moved_frame_or_other_key_is_not_this_cell() {
    let mut part = part(1);
    formatted(&mut part, 1, 300);
    let image = part.image();
    let lost = |image: Vec<u8>, kind, key| {
        let mut part = Part::from_image(image, Model::None, 1);
        let mounted = BodyCell::mount(&mut part, region(1), kind, mac(key));
        assert_eq!(mounted.err(), Some(MountError::Lost));
    };
    lost(image.clone(), KIND + 1, 0);
    lost(image.clone(), KIND, 1);
    lost(vec![0xFF; 4 * 1024], KIND, 0);
    for byte in 0..COPY {
        let mut one = image.clone();
        one[COPY..BODY].fill(0xFF);
        mount(&mut Part::from_image(one.clone(), Model::None, 1), 1);
        one[byte] ^= 1;
        lost(one, KIND, 0);
    }
    for frame in 1..4 {
        let mut moved = vec![0xFF; 4 * 1024];
        moved[frame * 1024..][..1024].copy_from_slice(&image[..1024]);
        lost(moved, KIND, 0);
    }
}

/// A head is the value of a copy; a cell of such values under the same key is still none with a body.
#[test]
fn a_value_that_is_no_head_is_no_body() {
    for (at, byte) in [(0, 0), (0, 2), (1, 1), (4, 0), (7, 255)] {
        let mut part = part(1);
        let mut value = [0; 40];
        (value[0], value[4]) = (1, 1);
        value[at] = byte;
        Cell::<40>::format(&mut part, region(1), KIND, mac(0), Secret::new(value)).unwrap();
        let Err(_) = BodyCell::mount(&mut part, region(1), KIND, mac(0)) else {
            let cell = mount(&mut part, 1);
            assert!(!cell.is_whole(), "byte {at} = {byte}");
            continue;
        };
    }
}

#[test]
fn forget_leaves_three_frames_blank_behind_their_tombs() {
    let mut part = part(2);
    let mut cell = formatted(&mut part, 2, 1_500);
    for byte in 2..6 {
        replace(&mut part, &mut cell, 1_500, byte).unwrap();
    }
    assert_eq!(cell.live_frames(), 4);
    cell.begin_forget();
    finish(&mut part, &mut cell, 0).unwrap();
    assert_eq!(cell.live_frames(), 1);
    let image = part.image();
    let blank = |frame: &&[u8]| frame[BODY..].iter().all(|byte| *byte == 0xFF);
    assert_eq!(image.chunks(2 * 1024).filter(blank).count(), 3);
    let mut cell = mount(&mut part, 2);
    assert_eq!(read(&mut part, &cell, 256), Ok(vec![5; 1_500]));
    // In a boot that wrote nothing, the body is first replaced by itself.
    cell.begin_forget();
    while cell.step(&mut part, &Pause::lend(&mut (), 1), |_, _| {}).unwrap() == Progress::More {}
    assert_eq!((cell.live_frames(), cell.epoch()), (1, 6));
    assert_eq!(read(&mut part, &cell, 256), Ok(vec![5; 1_500]));
}

#[test]
fn a_failed_operation_leaves_either_body_and_can_be_tried_again() {
    for failing in 1..20 {
        let mut part = part(2);
        formatted(&mut part, 2, 1_000);
        let mut cell = mount(&mut part, 2);
        part.fail_after(failing);
        if replace(&mut part, &mut cell, 1_000, 2).is_err() {
            assert!(cell.needs_settle() && !cell.is_busy());
            let found = read(&mut part, &cell, 256).unwrap();
            assert!(found == [1; 1_000] || found == [2; 1_000], "operation {failing}");
            replace(&mut part, &mut cell, 900, 3).unwrap();
            let cell = mount(&mut part, 2);
            assert_eq!(read(&mut part, &cell, 256), Ok(vec![3; 900]));
        }
        assert_eq!(part.double_programs(), 0);
    }
}

/// One copy of a head may not hold data; a piece of the body must.
#[test]
fn a_bad_word_in_a_head_is_tolerated_and_in_a_body_is_an_error() {
    let mut part = part(1);
    let mut cell = formatted(&mut part, 1, 300);
    part.break_word(1024);
    replace(&mut part, &mut cell, 300, 2).unwrap();
    let broken = 2 * 1024 + BODY as u32 + 256;
    part.break_word(broken);
    let error = replace(&mut part, &mut cell, 300, 3).unwrap_err();
    assert_eq!(error.offset, broken);
    assert_eq!(read(&mut part, &cell, 256), Ok(vec![2; 300]));
    let cell = mount(&mut part, 1);
    assert_eq!(read(&mut part, &cell, 256), Ok(vec![2; 300]));
}

#[test]
fn a_pause_bounds_each_erase() {
    let mut part = part(3);
    let mut cell = formatted(&mut part, 3, 100);
    part.set_erase_steps(5);
    assert_eq!(replace(&mut part, &mut cell, 100, 2), Ok(3 * 5 + 1 + 3));
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut part = part(1);
    let refused = |part: &mut Part, bytes| {
        let mounted = BodyCell::mount(part, Region::new(0, bytes), KIND, mac(0));
        let Some(MountError::Geometry(error)) = mounted.err() else { panic!("mounted") };
        error
    };
    assert_eq!(refused(&mut part, 3 * 1024), GeometryError::Pages);
    assert_eq!(refused(&mut part, 4 * 1024 - 4), GeometryError::Region);
    assert_eq!(refused(&mut Part::new(6, Model::None, 1), 6 * 1024), GeometryError::Pages);
    for (length, fits) in [(0, false), (820, true), (821, false), (u32::MAX, false)] {
        let made = BodyCell::format(&mut part, region(1), KIND, mac(0), length, |_, _| {});
        let pages = FormatError::Geometry(GeometryError::Pages);
        assert_eq!(made.err(), (!fits).then_some(pages), "{length}");
    }
    let mut cell = formatted(&mut part, 1, 820);
    assert_eq!(cell.begin_replace(821), Err(LengthError));
    assert_eq!(cell.begin_replace(0), Err(LengthError));
    assert!(!cell.is_busy() && !cell.needs_settle());
    // Three heads that do not fit into one page.
    let mut small = FaultFlash::<1, 256, 512>::new(8, Model::None, 1);
    let made = BodyCell::mount(&mut small, Region::new(0, 8 * 512), KIND, mac(0));
    assert_eq!(made.err(), Some(MountError::Geometry(GeometryError::Pages)));
}

/// A format that met a failure at any of its operations says so, or tolerated one copy.
#[test]
fn a_format_that_fails_is_reported() {
    let operations = {
        let mut part = part(1);
        formatted(&mut part, 1, 300);
        (part.counts().erases + part.counts().programs) as u32
    };
    assert_eq!(operations, 4 + 2 + 12);
    for failing in 1..=operations {
        let mut part = part(1);
        part.fail_after(failing);
        let made = BodyCell::format(&mut part, region(1), KIND, mac(0), 300, |_, _| {});
        // The erase of each frame, then the body, are followed by three copies.
        let is_copy = ![1, 2, 3, 7, 11, 15].contains(&failing);
        assert_eq!(made.is_ok(), is_copy, "operation {failing}");
    }
}

#[test]
fn the_size_is_as_stated() {
    println!("bytes: {}", size_of::<BodyCell>());
    assert!(size_of::<BodyCell>() <= 440);
}
