//! What is on the part, and what is made of a part that does not do as it is told.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use medsec_auth::lockout::{
    AtCut, AttemptError, Attempts, Class, Config, Factor, Outcome, SettleError, VALUE_BYTES,
};
use medsec_core::flash::cell::{FormatError, MountError, OVERHEAD_BYTES, PAGES, Progress};
use medsec_core::flash::page::GeometryError;
use medsec_core::flash::{ErrorKind, Region};
use medsec_core::hal::Flash;
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::{FaultFlash, FlashError};

use crate::bench::{Bench, Part, REGION, RIGHT, SHORT, STATE, local, root, row};

const COPY: usize = VALUE_BYTES + OVERHEAD_BYTES;
/// Where slots begin in a page, and their size.
const SLOTS: usize = 3 * COPY.next_multiple_of(4);
const SLOT: usize = 16;

fn mounted(image: &[u8]) -> Attempts {
    let mut part = Part::from_image(image.to_vec(), Model::None, 1);
    let config = Config { region: REGION, policy: SHORT, at_cut: AtCut::KeepsPage };
    Attempts::mount(&mut part, &config, &root()).unwrap()
}

/// An image in which row 0 failed twice, then used step 5, then failed once; the page in force.
fn image() -> (Vec<u8>, usize) {
    let mut bench = Bench::new(SHORT);
    let codes = (row(0), Class::Local, Factor::Code);
    bench.restart();
    bench.guess(codes).unwrap();
    bench.guess(codes).unwrap();
    bench.login(codes, Outcome::Right { step: Some(5) }).unwrap();
    bench.guess(codes).unwrap();
    (bench.part.image(), 1024)
}

fn shown(attempts: &Attempts) -> (u8, u32, u16) {
    let failures = attempts.failures(row(0), Class::Local, Factor::Code);
    (failures, attempts.last_step(row(0)), attempts.lifetime_failures(row(0)))
}

#[test]
fn a_mount_writes_nothing_and_reads_each_copy_and_slot_once() {
    let mut bench = Bench::new(SHORT);
    bench.guess(local(0)).unwrap();
    let before = bench.part.counts();
    bench.restart();
    let after = bench.part.counts();
    let slots = (1024 - SLOTS) / SLOT;
    assert_eq!(after.reads - before.reads, 12 + u64::try_from(slots).unwrap());
    assert_eq!((after.programs, after.erases), (before.programs, before.erases));
}

#[test]
fn a_record_with_a_changed_bit_is_none() {
    let (image, page) = image();
    assert_eq!(shown(&mounted(&image)), (1, 5, 3));
    // Attempts 1 and 2, the attempt that passed, its outcome, the last attempt.
    let without = [(1, 5, 2), (1, 5, 2), (1, 5, 2), (4, 0, 4), (0, 5, 2)];
    for (slot, expected) in without.into_iter().enumerate() {
        for byte in 0..SLOT {
            for bit in 0..8 {
                let mut changed = image.clone();
                changed[page + SLOTS + slot * SLOT + byte] ^= 1 << bit;
                assert_eq!(shown(&mounted(&changed)), expected, "slot {slot}, byte {byte}");
            }
        }
    }
}

#[test]
fn a_record_in_another_slot_page_or_epoch_is_none() {
    let (image, page) = image();
    let record = |slot: usize| {
        let at = page + SLOTS + slot * SLOT;
        at..at + SLOT
    };
    // The outcome, again behind the last attempt.
    let mut moved = image.clone();
    moved.copy_within(record(3), record(5).start);
    assert_eq!(shown(&mounted(&moved)), (1, 5, 3));
    // All of them, behind the next value; the same page, once around.
    let mut bench = Bench::new(SHORT);
    for _ in 0..5 {
        bench.restart();
        bench.guess(local(3)).unwrap();
    }
    let mut moved = bench.part.image();
    for slot in 1..5 {
        moved[record(slot)].copy_from_slice(&image[record(slot)]);
    }
    assert_eq!(shown(&mounted(&moved)), (0, 0, 0));
}

#[test]
fn a_part_that_reads_as_erased_lets_nobody_in() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let config = Config { region: REGION, policy: SHORT, at_cut: AtCut::KeepsPage };
    let mount = Attempts::mount(&mut part, &config, &root());
    assert_eq!(mount.err(), Some(MountError::Lost));
}

#[test]
fn pages_without_room_for_slots_are_refused() {
    let config = |page: u32| Config {
        region: Region::new(0, PAGES * page),
        policy: SHORT,
        at_cut: AtCut::KeepsPage,
    };
    // Seven slots of 256 bytes behind three copies fit 2,560 bytes; six do not.
    let mut part = FaultFlash::<4, 256, 2560>::new(PAGES, Model::None, 1);
    Attempts::format(&mut part, &config(2560), &root(), STATE).unwrap();
    Attempts::mount(&mut part, &config(2560), &root()).unwrap();
    let mut part = FaultFlash::<4, 256, 2304>::new(PAGES, Model::None, 1);
    let made = Attempts::format(&mut part, &config(2304), &root(), STATE);
    assert_eq!(made.err(), Some(FormatError::Geometry(GeometryError::Pages)));
    let mount = Attempts::mount(&mut part, &config(2304), &root());
    assert_eq!(mount.err(), Some(MountError::Geometry(GeometryError::Pages)));
}

/// A part that can be told to do nothing when it programs, and to say that all is well.
struct Deaf {
    part: Part,
    is_deaf: bool,
}

impl ErrorType for Deaf {
    type Error = FlashError;
}

impl ReadNorFlash for Deaf {
    const READ_SIZE: usize = Part::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.part.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.part.capacity()
    }
}

impl NorFlash for Deaf {
    const WRITE_SIZE: usize = Part::WRITE_SIZE;
    const ERASE_SIZE: usize = Part::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.part.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        if self.is_deaf { Ok(()) } else { self.part.write(offset, bytes) }
    }
}

impl Flash for Deaf {}

#[test]
fn a_write_that_did_not_happen_gives_no_attempt_and_no_pass() {
    let config = Config { region: REGION, policy: SHORT, at_cut: AtCut::KeepsPage };
    let mut deaf = Deaf { part: Part::new(PAGES, Model::None, 1), is_deaf: false };
    let mut attempts = Attempts::format(&mut deaf, &config, &root(), STATE).unwrap();
    let (class, factor, now) = (Class::Local, Factor::Knowledge, Ticks::from_millis(0));
    deaf.is_deaf = true;
    let begun = attempts.begin(&mut deaf, row(0), class, factor, now);
    let Err(AttemptError::Flash(error)) = begun else { panic!("{begun:?}") };
    assert_eq!(error.kind, ErrorKind::ReadBack);
    assert_eq!(attempts.failures(row(0), class, factor), 0);
    deaf.is_deaf = false;
    let attempt = attempts.begin(&mut deaf, row(0), class, factor, now).unwrap();
    deaf.is_deaf = true;
    let settled = attempts.settle(&mut deaf, attempt, RIGHT);
    let Err(SettleError::Flash(error)) = settled else { panic!("{settled:?}") };
    assert_eq!(error.kind, ErrorKind::ReadBack);
    assert_eq!(attempts.failures(row(0), class, factor), 1);
}

/// Slots that hold no data are passed over; what was tried twice counts once.
#[test]
fn a_slot_that_does_not_hold_data_costs_nobody_an_attempt() {
    let mut bench = Bench::new(SHORT);
    bench.restart();
    let mut slot = |slot: usize| {
        bench.part.break_word(u32::try_from(1024 + SLOTS + slot * SLOT).unwrap());
    };
    slot(0);
    slot(2);
    slot(3);
    bench.guess(local(0)).unwrap();
    bench.guess(local(0)).unwrap();
    bench.restart();
    assert_eq!(bench.failures(local(0)), 2);
    assert_eq!(bench.part.double_programs(), 0);
}

#[test]
fn a_page_that_fails_is_tried_again_and_loses_nothing() {
    for failing in 1..40 {
        let mut bench = Bench::new(SHORT);
        bench.guess(local(0)).unwrap();
        bench.restart();
        bench.part.fail_after(failing);
        let mut guesses = 1;
        for _ in 0..12 {
            bench.now += 100_000;
            let begun = bench.ask(local(0));
            match begun {
                Ok(attempt) => {
                    guesses += 1;
                    assert!(bench.settle(attempt, Outcome::Wrong).unwrap().is_none());
                }
                Err(AttemptError::NotReady) => {
                    while bench.attempts.is_busy() {
                        // What fails is asked for again by the next attempt.
                        let step = bench.attempts.step(&mut bench.part, &Pause::lend(&mut (), 1));
                        step.unwrap_or(Progress::More);
                    }
                }
                Err(error) => panic!("{failing}: {error}"),
            }
        }
        assert_eq!(bench.failures(local(0)), guesses);
        bench.restart();
        assert_eq!(bench.failures(local(0)), guesses, "operation {failing}");
        assert_eq!(bench.part.double_programs(), 0);
    }
}
