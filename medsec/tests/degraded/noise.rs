//! A noise source that is dead, or dies.

use medsec::core::event::{FieldValue, Fields, RandomTest};
use medsec::core::rng::{RandomError, RngFault};
use medsec_sim::clock::SimClock;
use medsec_sim::rng::{Behaviour, Noise};

use crate::bench::{
    Overwriting, authority, boot, event, maintain, manufactured, records, started, times,
};

const RNG_FAULT: u16 = 0x0006;
const BOOT_COMPLETED: u16 = 0x0001;

#[test]
fn the_log_goes_on_and_says_once_that_the_source_is_dead() {
    let cases = [
        (Behaviour::Stuck(true), RngFault::Repetition, RandomTest::Repetition),
        (Behaviour::FailingAfter(0), RngFault::Source, RandomTest::Source),
        (Behaviour::Alternating, RngFault::Block, RandomTest::Block),
    ];
    for (behaviour, fault, test) in cases {
        let mut flash = manufactured();
        let noise = Noise::new(behaviour, 1);
        let mut device: Overwriting<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
        assert_eq!(device.health().random, Err(RandomError::NotStarted));
        for number in 0..50 {
            maintain(&mut device).unwrap();
            device.log(&event(number)).unwrap();
        }
        assert_eq!(device.health().random, Err(RandomError::Fault(fault)));
        drop(device);
        assert_eq!((times(&flash, RNG_FAULT), times(&flash, BOOT_COMPLETED)), (1, 1));
        let (found, summary) = records(&flash, &authority());
        let said = found.iter().find(|record| record.event == RNG_FAULT).unwrap();
        let test = FieldValue::Code(test.code());
        assert_eq!(Fields::new(&said.fields).next(), Some(Ok(test)));
        assert_eq!(summary.first_bad, None);

        let mut device = started::<false>(&mut flash);
        device.log(&event(99)).unwrap();
        assert_eq!(device.health().random, Ok(()), "a boot with a good source is as before");
        drop(device);
        assert_eq!(times(&flash, RNG_FAULT), 1);
    }
}

#[test]
fn a_boot_without_a_fault_says_nothing_of_the_kind() {
    let mut flash = manufactured();
    let mut device = started::<false>(&mut flash);
    device.log(&event(1)).unwrap();
    maintain(&mut device).unwrap();
    assert_eq!(device.health().random, Ok(()));
    drop(device);
    assert_eq!((times(&flash, RNG_FAULT), times(&flash, BOOT_COMPLETED)), (0, 1));
}

#[test]
fn salts_differ_from_boot_to_boot_even_if_the_source_is_dead() {
    let mut flash = manufactured();
    let mut images = Vec::new();
    for _ in 0..4 {
        let noise = Noise::new(Behaviour::Stuck(true), 1);
        let mut device: Overwriting<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
        maintain(&mut device).unwrap();
        device.log(&event(1)).unwrap();
        drop(device);
        images.push(flash.image());
    }
    // What each boot added: its resume record, with the salt, and sealed records of equal content.
    for (before, after) in images.iter().zip(&images[1..]) {
        let added: Vec<u8> =
            before.iter().zip(after).filter(|(old, new)| old != new).map(|(_, new)| *new).collect();
        assert!(added.len() > 100);
        let elsewhere = images.iter().filter(|image| *image != after);
        let head = &added[..16];
        assert!(elsewhere.flat_map(|image| image.windows(16)).filter(|w| *w == head).count() <= 3);
    }
}
