//! What a call may take.

use medsec_audit::log::MaintainError;
use medsec_core::event::RecordError;
use medsec_core::flash::ring::Retention;

use crate::bench::{Bench, mark, spent};

#[test]
fn nothing_is_recorded_before_maintenance() {
    let mut bench = Bench::new(Retention::Overwrite);
    bench.boot();
    let before = mark(&bench.flash);
    for _ in 0..3 {
        assert_eq!(bench.append(), Err(RecordError::NotReady));
    }
    assert_eq!(spent(&bench.flash, before), (0, 0));
    bench.maintain().unwrap();
    bench.append().unwrap();
    assert_eq!(
        bench.log.as_ref().unwrap().health().refused,
        0,
        "asking to try again loses nothing"
    );
    bench.check();
}

#[test]
fn no_call_exceeds_its_stated_bound_over_a_long_history() {
    for retention in [Retention::Overwrite, Retention::Block] {
        let mut bench = Bench::new(retention);
        bench.flash.set_erase_steps(8);
        let (mut most_appending, mut most_maintaining, mut steps) = ((0, 0), (0, 0), 0);
        for boot in 0..60 {
            bench.boot();
            bench.now = if boot % 5 == 0 { 700_000 } else { boot };
            if boot % 7 == 0 {
                bench.log.as_mut().unwrap().request_checkpoint();
            }
            for _ in 0..120 {
                let before = mark(&bench.flash);
                let full = bench.append() == Err(RecordError::Full);
                let (programs, erases) = spent(&bench.flash, before);
                most_appending = (programs.max(most_appending.0), erases.max(most_appending.1));
                if full {
                    bench.log.as_mut().unwrap().request_clear();
                }
                let before = mark(&bench.flash);
                match bench.step() {
                    Ok(_) | Err(MaintainError::Full) => {}
                    Err(error) => assert_eq!(error, MaintainError::Full),
                }
                let (programs, erases) = spent(&bench.flash, before);
                assert!(programs == 0 || erases == 0, "erases and programs in one call");
                most_maintaining =
                    (programs.max(most_maintaining.0), erases.max(most_maintaining.1));
                steps += erases;
            }
        }
        assert_eq!(most_appending, (2, 0), "append");
        assert_eq!(most_maintaining.1, 1, "maintain: one erase step");
        assert!(most_maintaining.0 <= 3, "maintain: {most_maintaining:?}");
        assert!(steps > 1_000 && bench.acknowledged.len() > 2_000);
        assert_eq!(bench.flash.double_programs(), 0);
        if retention == Retention::Overwrite {
            bench.check();
        }
    }
}
