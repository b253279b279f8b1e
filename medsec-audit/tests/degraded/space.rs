//! A log that is full.

use medsec_core::event::RecordError;
use medsec_core::flash::ring::Retention;
use medsec_core::time::Ticks;

use crate::bench::{Bench, RING, event, export};

#[test]
fn a_full_log_refuses_keeps_a_reserve_can_be_exported_and_recovers_when_cleared() {
    let mut bench = Bench::new(Retention::Block);
    bench.boot();
    bench.maintain().unwrap();
    while bench.append() != Err(RecordError::Full) {
        bench.maintain().unwrap();
    }
    let kept = bench.acknowledged.clone();
    assert!(bench.log.as_ref().unwrap().health().used_per_mille > 700);
    // Full stays full, also after boots, each of which begins a session if there is room for one.
    for _ in 0..40 {
        let before = bench.flash.counts().erases;
        assert_eq!(bench.append(), Err(RecordError::Full));
        bench.maintain().unwrap_or_default();
        assert!(bench.flash.counts().erases - before <= 6);
        bench.boot();
        bench.maintain().unwrap_or_default();
    }
    assert!(bench.check().numbers.starts_with(&kept));

    let log = bench.log.as_ref().unwrap();
    let export = export(log, &mut bench.flash);
    assert!(export[168..] == bench.flash.image()[RING..]);

    bench.acknowledged.clear();
    bench.log.as_mut().unwrap().request_clear();
    bench.maintain().unwrap();
    for _ in 0..20 {
        bench.append().unwrap();
        bench.maintain().unwrap();
    }
    assert_eq!(bench.check().summary.unwrap().first_bad, None);
}

#[test]
fn the_reserve_of_a_full_log_takes_what_gets_it_emptied() {
    let mut bench = Bench::new(Retention::Block);
    bench.boot();
    bench.maintain().unwrap();
    while bench.append() != Err(RecordError::Full) {
        bench.maintain().unwrap();
    }
    let mut reserved = 0;
    for number in 5_000..5_100 {
        let log = bench.log.as_mut().unwrap();
        let now = Ticks::from_millis(bench.now);
        match log.append_reserved(&mut bench.flash, &event(number), now) {
            Ok(_) => {
                reserved += 1;
                bench.acknowledged.push(number);
            }
            Err(error) => {
                assert_eq!(error, RecordError::Full);
                break;
            }
        }
        bench.maintain().unwrap();
    }
    assert!((16..100).contains(&reserved), "{reserved}");
    bench.check();
}

#[test]
fn a_log_that_overwrites_keeps_the_newest() {
    let mut bench = Bench::new(Retention::Overwrite);
    bench.boot();
    bench.maintain().unwrap();
    for _ in 0..2_000 {
        bench.append().unwrap();
        bench.maintain().unwrap();
    }
    let report = bench.check();
    assert_eq!(report.summary.unwrap().first_bad, None);
    assert!(report.numbers.len() > 100 && report.numbers.len() < 400, "{}", report.numbers.len());
    assert_eq!(report.numbers.last(), Some(&1_999));
}
