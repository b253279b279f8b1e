//! A device that is made to begin again and again, by a peer that says what it said before.

use std::collections::HashSet;

use medsec_core::Secret;
use medsec_core::rng::{Random, ratchet};
use medsec_core::suite::ChaCha20Poly1305;
use medsec_sim::rng::Noise;

use crate::parties::{Attempt, Setting, device, tool};

/// What goes wrong at each boot.
#[derive(Clone, Copy, Debug)]
struct Faults {
    /// The noise source gives what it gave at the boot before.
    noise: bool,
    /// The flash is set back, and with it the seed.
    flash: bool,
    /// The first message is a recording.
    replay: bool,
}

/// Ephemeral keys that come twice in so many boots. With the same first message, each is a key of a link that meets a nonce twice.
fn repeated(faults: Faults, boots: u64) -> u64 {
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let recorded = setting.begin::<ChaCha20Poly1305, 0>(0).1;
    let mut seed = Secret::new([3; 32]);
    let mut keys = HashSet::new();
    let (mut repeated, mut refused) = (0, 0);
    for boot in 0..boots {
        if !faults.flash {
            seed = ratchet(&seed);
        }
        let noise = if faults.noise { 0 } else { boot };
        let mut random = Random::new(Noise::<1000>::good(noise));
        if random.start(seed.duplicate(), b"a device").is_err() {
            // Of honest noise, too, a health test refuses some in a million boots: such a device has no links.
            refused += 1;
            continue;
        }
        // A peer that is itself says something new each time.
        let mut first = recorded.clone();
        if !faults.replay {
            first = setting.begin::<ChaCha20Poly1305, 0>(boot).1;
        }
        let second = setting.accept_with::<ChaCha20Poly1305, 0>(&first, &mut random).unwrap().1;
        repeated += u64::from(!keys.insert(second.split_at(33).0.to_vec()));
    }
    assert!(refused <= boots / 10_000, "{refused} of {boots} without randomness");
    repeated
}

/// Boots under each set of faults; `cargo xtask nonces` asks for more.
fn boots() -> u64 {
    std::env::var("MEDSEC_REBOOTS").map_or(500, |boots| boots.parse().unwrap())
}

#[test]
fn no_one_fault_gives_a_key_twice() {
    let (boots, mut sum) = (boots(), 0);
    for bits in 0..8 {
        let faults = Faults { noise: bits & 1 != 0, flash: bits & 2 != 0, replay: bits & 4 != 0 };
        let both = faults.noise && faults.flash;
        let expected = if both && faults.replay { boots - 1 } else { 0 };
        assert_eq!(repeated(faults, boots), expected, "{faults:?}");
        sum += boots;
    }
    println!(
        "links: {sum} boots, no key twice but with noise, flash and first message repeated at once"
    );
}
