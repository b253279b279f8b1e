//! A noise source that is dead.

use medsec_core::flash::ring::Retention;
use medsec_core::rng::Random;
use medsec_core::rng::RandomError;
use medsec_sim::rng::Behaviour;
use medsec_sim::rng::Noise;

use crate::bench::Bench;

#[test]
fn a_dead_noise_source_stops_keys_and_not_the_log() {
    let kinds = [Behaviour::Stuck(true), Behaviour::FailingAfter(0), Behaviour::Alternating];
    for behaviour in kinds {
        let mut bench = Bench::new(Retention::Overwrite);
        // Sessions enough for a chain of audit secrets to end, which draws a key.
        for _ in 0..260 {
            bench.boot();
            bench.random = Random::new(Noise::new(behaviour.clone(), 1));
            bench.maintain().unwrap();
            bench.append().unwrap();
            assert!(matches!(bench.random.fill(&mut [0; 4]), Err(RandomError::Fault(_))));
        }
        assert_eq!(bench.check().summary.unwrap().first_bad, None);
    }
}
