//! Who may say that a peer is proven, and of whom.

use medsec_core::Secret;
use medsec_core::identity::certificate::Kind;
use medsec_core::identity::peer::{LinkAuthority, OtherKey};
use medsec_core::identity::trust::Origin;
use medsec_core::rng::Random;
use medsec_sim::rng::{Behaviour, Noise};

use crate::fixtures::{HOLDER, OWNER, agreement, claims, judge, signed};

fn started(behaviour: Behaviour) -> Random<Noise> {
    let mut random = Random::new(Noise::new(behaviour, 1));
    random.start(Secret::new([1; 32]), b"").unwrap_or_default();
    random
}

#[test]
fn the_right_to_say_who_is_there_is_taken_once() {
    let mut random = started(Behaviour::Good);
    assert!(LinkAuthority::take(&mut random).is_some());
    assert!(LinkAuthority::take(&mut random).is_none());
    assert!(LinkAuthority::take(&mut started(Behaviour::Good)).is_some(), "another part");
    // Where there can be no keys there is nobody to prove.
    assert!(LinkAuthority::take(&mut started(Behaviour::Stuck(true))).is_none());
    let mut late = Random::new(Noise::<1000>::good(1));
    assert!(LinkAuthority::take(&mut late).is_none());
    late.start(Secret::new([1; 32]), b"").unwrap();
    assert!(LinkAuthority::take(&mut late).is_some());
}

#[test]
fn a_peer_is_proven_by_the_key_of_its_certificate() {
    let authority = LinkAuthority::take(&mut started(Behaviour::Good)).unwrap();
    let trusted = judge(&signed(claims(Kind::Person, OWNER), HOLDER, OWNER)).unwrap();
    let (own, other) = (agreement(HOLDER).to_bytes(), agreement(HOLDER + 1).to_bytes());
    let peer = authority.prove(&trusted, &own, [5; 32]).unwrap();
    assert_eq!(peer.claims(), trusted.certificate().claims());
    assert_eq!((peer.origin(), peer.handshake_hash()), (Origin::Owner, &[5; 32]));
    assert_eq!(authority.prove(&trusted, &other, [5; 32]), Err(OtherKey));
    assert_eq!(OtherKey.to_string(), "certificate is for another key");
}
