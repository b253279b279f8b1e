//! What a device is born with, and its certificate, on flash.

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::{MountError, Progress};
use medsec_core::identity::birth::{Birth, BirthCell};
use medsec_core::identity::certificate::Certificate;
use medsec_core::identity::own::{OwnCell, Shown};
use medsec_core::rng::{Random, RandomError};
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::{Behaviour, Noise};

type Part = FaultFlash<4, 4, 4096>;

const REGION: Region = Region::new(0, 4 * 4096);
const SERIAL: u64 = 0x11_2233_4455;

fn part() -> Part {
    Part::new(4, Model::None, 1)
}

fn secret(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

fn birth() -> Birth {
    Birth {
        storage_root: secret(0x21),
        signing_seed: secret(0x22),
        agreement: secret(0x23),
        pepper: secret(0x24),
    }
}

fn golden(name: &str) -> Vec<u8> {
    let line = include_str!("../golden/birth_v1.txt")
        .lines()
        .find_map(|line| line.strip_prefix(name).and_then(|line| line.strip_prefix(' ')));
    hex(line.unwrap())
}

fn hex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn shown() -> Shown {
    let line = include_str!("../golden/certificate_v1.txt")
        .lines()
        .find_map(|line| line.strip_prefix("1 "))
        .unwrap();
    Shown { serial: SERIAL, certificate: Certificate::parse(&hex(line)).unwrap() }
}

fn stored(part: &mut Part, own: &mut OwnCell) {
    let mut lender = ();
    while own.step(part, &Pause::lend(&mut lender, 1)).unwrap() != Progress::Done {}
}

#[test]
fn both_cells_are_those_of_the_second_implementation() {
    let mut flash = part();
    BirthCell::format(&mut flash, REGION, &secret(0x11), &birth()).unwrap();
    let written = golden("birth");
    assert_eq!(flash.image().get(..written.len()), Some(&written[..]));

    let mut flash = part();
    let mut own = OwnCell::format(&mut flash, REGION, &secret(0x21)).unwrap();
    let written = golden("none");
    assert_eq!(flash.image().get(..written.len()), Some(&written[..]));
    own.begin(&shown());
    stored(&mut flash, &mut own);
    let written = golden("own");
    assert_eq!(flash.image().get(4096..4096 + written.len()), Some(&written[..]));
}

#[test]
fn what_a_device_is_born_with_is_found_by_the_part_that_has_it() {
    let mut flash = part();
    BirthCell::format(&mut flash, REGION, &secret(0x11), &birth()).unwrap();
    let found = BirthCell::mount(&mut flash, REGION, &secret(0x11)).unwrap().secrets().unwrap();
    assert_eq!(found.storage_root.expose(), birth().storage_root.expose());
    assert_eq!(found.signing_seed.expose(), birth().signing_seed.expose());
    assert_eq!(found.agreement.expose(), birth().agreement.expose());
    assert_eq!(found.pepper.expose(), birth().pepper.expose());
    // Moved to another part it is nothing.
    let other = BirthCell::mount(&mut flash, REGION, &secret(0x12));
    assert_eq!(other.unwrap_err(), MountError::Lost);
    assert_eq!(format!("{:?} {found:?}", birth()), "Birth Birth");
}

/// Dead or stuck noise makes no device, and no two draws make the same one.
#[test]
fn no_device_is_born_without_randomness_and_no_two_are_alike() {
    let mut dead = Random::new(<Noise>::new(Behaviour::Stuck(true), 1));
    let _latched = dead.start(secret(1), b"line");
    assert!(matches!(Birth::draw(&mut dead), Err(RandomError::Fault(_))));
    assert_eq!(
        Birth::draw(&mut Random::new(<Noise>::good(1))).unwrap_err(),
        RandomError::NotStarted
    );
    let mut seen = std::collections::HashSet::new();
    for number in 0..200 {
        let mut random = Random::new(<Noise>::good(number));
        if random.start(secret(1), &number.to_le_bytes()).is_err() {
            continue;
        }
        let birth = Birth::draw(&mut random).unwrap();
        for secret in [birth.storage_root, birth.signing_seed, birth.agreement, birth.pepper] {
            assert!(seen.insert(*secret.expose()), "drawn twice");
        }
    }
    println!("birth: {} secrets drawn, 0 twice", seen.len());
    assert!(seen.len() >= 760);
}

#[test]
fn a_certificate_is_shown_once_it_is_stored_and_only_by_its_device() {
    let mut flash = part();
    let mut own = OwnCell::format(&mut flash, REGION, &secret(0x21)).unwrap();
    assert!(own.shown().is_none() && !own.is_due());
    own.begin(&shown());
    assert!(own.shown().is_none() && own.is_due());
    stored(&mut flash, &mut own);
    assert_eq!(own.shown(), Some(shown()));
    let mounted = OwnCell::mount(&mut flash, REGION, &secret(0x21)).unwrap();
    assert_eq!(mounted.shown(), Some(shown()));
    let other = OwnCell::mount(&mut flash, REGION, &secret(0x22));
    assert_eq!(other.unwrap_err(), MountError::Lost);
}
