//! A clock that stands still or goes back.

use medsec_core::flash::ring::Retention;

use crate::bench::Bench;

#[test]
fn a_clock_that_stands_still_or_goes_back_changes_no_order() {
    let mut bench = Bench::new(Retention::Overwrite);
    bench.boot();
    bench.maintain().unwrap();
    let times = [5_000, 5_000, 5_000, 100, 0, u64::MAX, 1 << 47, 3];
    for now in times {
        bench.now = now;
        bench.append().unwrap();
        bench.maintain().unwrap();
    }
    let report = bench.check();
    assert_eq!(report.summary.unwrap().first_bad, None);
    assert!(report.places.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let stored: Vec<u64> = report.places.iter().map(|(.., at)| *at).collect();
    assert_eq!(stored, times.map(|now| now.min(0xFFFF_FFFF_FFFF)));
}
