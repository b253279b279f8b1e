//! Each fault model leaves what its description says, and over many seeds all of it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test helpers"
)]

use std::collections::BTreeSet;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use medsec_sim::fault::Model;
use medsec_sim::flash::{FaultFlash, FlashError};

const WORD: usize = 4;
const PAGE: usize = 512;
const RECORD: usize = 128;
const AT: usize = 64;
const SEEDS: u64 = 400;

type Part = FaultFlash<1, WORD, PAGE>;

/// What a page holds before an erase of it is cut. No byte is blank, none is zero.
fn old_page() -> Vec<u8> {
    (0..PAGE).map(|place| u8::try_from(place % 253).unwrap() | 1).map(|byte| byte & 0x7F).collect()
}

fn record() -> [u8; RECORD] {
    core::array::from_fn(|place| u8::try_from(place % 96).unwrap() + 1)
}

/// A part with page 0 blank but for its first 64 bytes, and page 1 full.
fn prepared(model: Model, seed: u64) -> Part {
    let mut flash = Part::new(3, model, seed);
    flash.write(0, &[0x5A; AT]).unwrap();
    flash.write(512, &old_page()).unwrap();
    flash
}

fn program_cut(model: Model, seed: u64) -> Part {
    let mut flash = prepared(model, seed);
    flash.cut_after(1);
    flash.write(64, &record()).unwrap_err();
    flash.power_on();
    flash
}

fn erase_cut(model: Model, seed: u64) -> Part {
    let mut flash = prepared(model, seed);
    flash.cut_after(1);
    flash.erase(512, 1024).unwrap_err();
    flash.power_on();
    flash
}

/// The 32 words of the record at one cut.
fn torn_record(model: Model, seed: u64) -> Vec<u8> {
    program_cut(model, seed).image()[AT..AT + RECORD].to_vec()
}

fn torn_page(model: Model, seed: u64) -> Vec<u8> {
    erase_cut(model, seed).image()[PAGE..2 * PAGE].to_vec()
}

fn prefix(record: &[u8], of: &[u8], rest: &[u8]) -> Option<usize> {
    (0..=record.len())
        .rev()
        .find(|kept| record[..*kept] == of[..*kept] && record[*kept..] == rest[*kept..])
}

#[test]
fn within_the_contract_nothing_else_changes() {
    for model in Model::CONTRACT {
        for seed in 0..SEEDS {
            let before = prepared(model, seed).image();
            let after = program_cut(model, seed).image();
            assert_eq!(after[..AT], before[..AT], "{model}, seed {seed}");
            assert_eq!(after[AT + RECORD..], before[AT + RECORD..], "{model}, seed {seed}");
            let after = erase_cut(model, seed).image();
            assert_eq!(after[..PAGE], before[..PAGE], "{model}, seed {seed}");
            assert_eq!(after[2 * PAGE..], before[2 * PAGE..], "{model}, seed {seed}");
        }
    }
}

#[test]
fn none_is_complete_or_untouched() {
    let records: BTreeSet<_> = (0..SEEDS).map(|seed| torn_record(Model::None, seed)).collect();
    assert_eq!(records, BTreeSet::from([record().to_vec(), vec![0xFF; RECORD]]));
    let pages: BTreeSet<_> = (0..SEEDS).map(|seed| torn_page(Model::None, seed)).collect();
    assert_eq!(pages, BTreeSet::from([old_page(), vec![0xFF; PAGE]]));
}

#[test]
fn byte_prefix_stops_at_any_byte() {
    let blank = [0xFF; PAGE];
    let mut stops = BTreeSet::new();
    for seed in 0..SEEDS * 4 {
        let left = torn_record(Model::BytePrefix, seed);
        stops.insert(prefix(&left, &record(), &blank[..RECORD]).unwrap());
        prefix(&torn_page(Model::BytePrefix, seed), &blank, &old_page()).unwrap();
    }
    assert_eq!(stops.len(), RECORD + 1);
}

#[test]
fn half_erase_leaves_either_half_and_whole_words() {
    let mut halves = BTreeSet::new();
    for seed in 0..SEEDS {
        let kept = prefix(&torn_record(Model::HalfErase, seed), &record(), &[0xFF; RECORD]);
        assert_eq!(kept.unwrap() % WORD, 0);
        let page = torn_page(Model::HalfErase, seed);
        let erased = |half: &[u8]| half.iter().all(|byte| *byte == 0xFF);
        halves.insert((erased(&page[..PAGE / 2]), erased(&page[PAGE / 2..])));
    }
    assert_eq!(halves, BTreeSet::from([(true, false), (false, true)]));
}

#[test]
fn random_bits_change_only_bits_that_were_to_change() {
    let mut torn = 0;
    for seed in 0..SEEDS {
        let left = torn_record(Model::RandomBits, seed);
        assert!(left.iter().zip(record()).all(|(left, new)| left & new == new));
        torn += usize::from(prefix(&left, &record(), &[0xFF; RECORD]).is_none());
        let page = torn_page(Model::RandomBits, seed);
        assert!(page.iter().zip(old_page()).all(|(left, old)| left & old == old));
    }
    assert!(torn > 100);
}

/// Words of `left` that are neither what was to be there nor what was there.
fn foreign(left: &[u8], old: &[u8], new: &[u8]) -> usize {
    let words = left.chunks(WORD).zip(old.chunks(WORD).zip(new.chunks(WORD)));
    words.filter(|(left, (old, new))| left != old && left != new).count()
}

#[test]
fn random_words_and_partly_old_leave_old_new_and_foreign_words() {
    for model in [Model::RandomWords, Model::PartlyOld] {
        let mut records = BTreeSet::new();
        let mut pages = BTreeSet::new();
        for seed in 0..SEEDS {
            let left = torn_record(model, seed);
            records.insert(foreign(&left, &[0xFF; RECORD], &record()));
            pages.insert(foreign(&torn_page(model, seed), &old_page(), &[0xFF; PAGE]));
        }
        assert!(records.contains(&1) && records.len() > 8, "{model}: {records:?}");
        assert!(pages.contains(&(PAGE / WORD)) && pages.len() > 8, "{model}: {pages:?}");
    }
}

/// Reads `length` bytes at `offset` in each of `boots` boots, `times` times each.
fn readings(
    flash: &mut Part,
    offset: u32,
    length: usize,
    boots: usize,
    times: usize,
) -> Vec<Vec<Vec<u8>>> {
    (0..boots)
        .map(|_| {
            flash.power_on();
            let read = |_| {
                let mut out = vec![0; length];
                flash.read(offset, &mut out).unwrap();
                out
            };
            (0..times).map(read).collect()
        })
        .collect()
}

#[test]
fn metastable_content_flickers_between_old_and_new_until_erased() {
    for model in [Model::Metastable, Model::Ecc] {
        let (mut across_boots, mut within_a_boot, mut whole_records) = (0, 0, 0);
        for seed in 0..SEEDS {
            let mut flash = program_cut(model, seed);
            let seen = readings(&mut flash, 64, RECORD, 8, 3);
            for byte in seen.iter().flatten().flat_map(|left| left.iter().zip(record())) {
                assert_eq!(*byte.0 & byte.1, byte.1, "neither old nor new");
            }
            let kinds: BTreeSet<_> = seen.iter().flatten().cloned().collect();
            let unsteady = seen.iter().filter(|boot| boot[0] != boot[1] || boot[0] != boot[2]);
            across_boots += usize::from(kinds.len() > 1);
            within_a_boot += usize::from(unsteady.count() != 0);
            let whole = BTreeSet::from([record().to_vec(), vec![0xFF; RECORD]]);
            whole_records += usize::from(kinds == whole);
            flash.erase(0, 512).unwrap();
            let blank = readings(&mut flash, 0, PAGE, 4, 1);
            assert!(blank.iter().flatten().flatten().all(|byte| *byte == 0xFF));
        }
        assert!(across_boots > 250, "{model}: {across_boots} differ between boots");
        assert!((20..200).contains(&within_a_boot), "{model}: {within_a_boot} within one");
        assert!(whole_records > 50, "{model}: {whole_records} come and go as a whole");
    }
}

#[test]
fn a_metastable_erase_shows_old_and_blank_by_bit_word_record_and_page() {
    let mut grains = [0; 4];
    for seed in 0..SEEDS {
        let mut flash = erase_cut(Model::Metastable, seed);
        let blank = |chunk: &[u8]| chunk.iter().all(|byte| *byte == 0xFF);
        let old = old_page();
        let mut coarsest = 3;
        for page in readings(&mut flash, 512, PAGE, 6, 1).into_iter().flatten() {
            let settled = |size: usize| {
                page.chunks(size).zip(old.chunks(size)).all(|(now, old)| blank(now) || now == old)
            };
            let grain = [WORD, 64, PAGE].into_iter().take_while(|size| settled(*size)).count();
            coarsest = coarsest.min(grain);
        }
        grains[coarsest] += 1;
    }
    assert!(grains.iter().all(|count| *count > 20), "{grains:?}");
}

#[test]
fn read_errors_come_always_or_at_times_until_erased() {
    let (mut always, mut at_times) = (0, 0);
    for seed in 0..SEEDS {
        let mut flash = program_cut(Model::ReadError, seed);
        let mut failed = 0;
        for _ in 0..16 {
            flash.power_on();
            match flash.read(64, &mut [0; RECORD]) {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error, FlashError::Unreadable);
                    failed += 1;
                }
            }
            flash.read(0, &mut [0; AT]).unwrap();
            flash.read(192, &mut [0; 320]).unwrap();
        }
        always += usize::from(failed == 16);
        at_times += usize::from((1..16).contains(&failed));
        flash.erase(0, 512).unwrap();
        flash.read(0, &mut [0; PAGE]).unwrap();
    }
    assert!(always > 50 && at_times > 50, "{always} always, {at_times} at times");
}

#[test]
fn a_second_program_makes_an_ecc_word_unreadable_until_erased() {
    let mut flash = prepared(Model::Ecc, 1);
    flash.write(60, &[0; 8]).unwrap();
    flash.read(0, &mut [0; 60]).unwrap();
    for _ in 0..4 {
        assert_eq!(flash.read(60, &mut [0; 1]), Err(FlashError::Unreadable));
        flash.power_on();
    }
    flash.read(64, &mut [0; 64]).unwrap();
    flash.erase(0, 512).unwrap();
    flash.read(0, &mut [0; PAGE]).unwrap();
}

#[test]
fn early_erased_words_read_blank_for_ever() {
    let mut blank = 0;
    for seed in 0..SEEDS {
        let mut flash = program_cut(Model::EarlyErased, seed);
        let seen = readings(&mut flash, 64, RECORD, 3, 2);
        let first = seen[0][0].clone();
        assert!(seen.iter().flatten().all(|left| *left == first));
        assert_eq!(foreign(&first, &[0xFF; RECORD], &record()), 0);
        blank += usize::from(first == [0xFF; RECORD]);
        assert_eq!(torn_page(Model::EarlyErased, seed), [0xFF; PAGE]);
    }
    assert!(blank > 100);
}

#[test]
fn sector_loss_takes_the_page_and_only_the_page() {
    for seed in 0..SEEDS {
        let before = prepared(Model::SectorLoss, seed).image();
        let after = program_cut(Model::SectorLoss, seed).image();
        let same = before[..PAGE].iter().zip(&after[..PAGE]).filter(|(old, new)| old == new);
        assert!(same.count() < 20);
        assert_eq!(after[PAGE..], before[PAGE..]);
    }
}

#[test]
fn a_neighbour_loses_bits_of_one_word_in_another_page() {
    for seed in 0..SEEDS {
        let before = prepared(Model::Neighbour, seed).image();
        for (own, after) in [
            (0..PAGE, program_cut(Model::Neighbour, seed).image()),
            (PAGE..2 * PAGE, erase_cut(Model::Neighbour, seed).image()),
        ] {
            let words = before.chunks(WORD).zip(after.chunks(WORD)).enumerate();
            let changed: Vec<_> = words
                .filter(|(index, (old, new))| old != new && !own.contains(&(index * WORD)))
                .collect();
            assert!(changed.len() <= 1, "seed {seed}");
        }
    }
    let hit = |seed| {
        let before = prepared(Model::Neighbour, seed).image();
        program_cut(Model::Neighbour, seed).image()[PAGE..] != before[PAGE..]
    };
    assert!((0..SEEDS).filter(|seed| hit(*seed)).count() > 300);
}

#[test]
fn names_are_read_back() {
    for model in Model::ALL {
        assert_eq!(model.name().parse(), Ok(model));
        assert_eq!(Model::ALL[model.index()], model);
    }
    "metastabil".parse::<Model>().unwrap_err();
}
