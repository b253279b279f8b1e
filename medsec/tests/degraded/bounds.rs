//! What a call may do at most.

use medsec::core::event::{EVENT_FIELDS_BYTES_MAX, PrincipalId};
use medsec::{RecordError, Sensitive, events};
use medsec_sim::clock::SimClock;
use medsec_sim::rng::Noise;

use crate::bench::{
    Blocking, authority, boot, event, maintain, manufactured, mark, records, spent, started, step,
};

events! {
    /// As large as an event gets; a larger one does not compile.
    enum Large {
        /// All there is room for.
        Largest = 0x4001 [AccessControl, Security, Success] {
            public first: PrincipalId,
            public second: PrincipalId,
            public third: PrincipalId,
            public fourth: PrincipalId,
            encrypt name: Sensitive<[u8; 47]>,
        },
    }
}

fn largest() -> Large {
    let id = PrincipalId::new([9; 8]);
    let name = Sensitive::new([b'n'; 47]);
    Large::Largest { first: id, second: id, third: id, fourth: id, name }
}

#[test]
fn no_call_exceeds_its_bound_with_erases_in_slices_over_hundreds_of_boots() {
    let mut flash = manufactured();
    flash.set_erase_steps(20);
    let (mut logged, mut most, mut steps) = ((0, 0), (0, 0), 0);
    for number in 0..300 {
        let clock = SimClock::new();
        let noise = Noise::good(number);
        let before = mark(&flash);
        let mut device: Blocking<'_> = boot(&mut flash, noise, &clock).unwrap();
        assert_eq!(spent(device.log_mut().1, before), (0, 0), "a boot reads only");
        for call in 0..150 {
            clock.set(call * if number % 10 == 0 { 10_000 } else { 10 });
            let before = mark(device.log_mut().1);
            let full = device.log(&largest()) == Err(RecordError::Full);
            let (programs, erases) = spent(device.log_mut().1, before);
            logged = (programs.max(logged.0), erases.max(logged.1));
            if full {
                device.log_mut().0.request_clear();
            }
            let before = mark(device.log_mut().1);
            step(&mut device).map(|_| ()).unwrap_or_default();
            let (programs, erases) = spent(device.log_mut().1, before);
            most = (programs.max(most.0), erases.max(most.1));
            steps += erases;
        }
        drop(device);
        flash.power_off();
        flash.power_on();
    }
    assert_eq!(logged, (2, 0), "log");
    assert_eq!(most.1, 1, "maintain: erase steps");
    assert!(most.0 <= 4, "maintain: {most:?}");
    assert!(steps > 5_000);
    assert_eq!(flash.double_programs(), 0);
}

#[test]
fn the_largest_event_is_recorded_and_is_as_large_as_it_may_be() {
    let mut flash = manufactured();
    let mut device = started::<false>(&mut flash);
    device.log(&largest()).unwrap();
    maintain(&mut device).unwrap();
    device.log(&event(3)).unwrap();
    drop(device);
    let (records, summary) = records(&flash, &authority());
    let record = records.iter().find(|record| record.event == 0x4001).unwrap();
    assert!(record.fields.len() <= EVENT_FIELDS_BYTES_MAX && record.fields.len() > 95);
    assert!(!record.fields.windows(4).any(|bytes| bytes == b"nnnn"), "personal, so encrypted");
    assert_eq!(summary.first_bad, None);
}
