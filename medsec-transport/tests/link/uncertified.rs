//! Links of a station with a device that has no certificate yet.

use medsec_core::identity::certificate::{Kind, Kinds};
use medsec_core::identity::trust::{Refusal, Stage};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_transport::link::{Handshake, Link, LinkError, Method, Own, Received};

use crate::parties::{Attempt, Party, Setting, device, key, station, tool};
use crate::said;

/// A station on the one side, a device that is being made on the other.
fn setting() -> Setting {
    let mut setting = Setting::new(station(), device(), Attempt::Certified);
    setting.wanted = Kinds::of(&[Kind::Station]);
    setting.stage = Stage::Production;
    setting
}

type Begun<'s, S> = (Handshake<'s, S, 0>, Vec<u8>);

fn begin<S: Suite>(setting: &Setting) -> Begun<'_, S> {
    let mut out = [0; 300];
    let (handshake, first) = Handshake::begin(
        Own { secret: &setting.initiator.secret, certificate: &setting.initiator.certificate },
        setting.judging(Kinds::NONE, Stage::Production, None),
        Method::Uncertified,
        &[0; 32],
        &mut setting.random(1),
        &mut out,
    )
    .unwrap();
    (handshake, first.bytes().to_vec())
}

fn accept<'s, S: Suite>(setting: &'s Setting, first: &[u8]) -> Result<Begun<'s, S>, LinkError> {
    let mut out = [0; 300];
    let (handshake, second) = Handshake::accept_uncertified(
        &setting.responder.secret,
        setting.judging(setting.wanted, setting.stage, None),
        &[0; 32],
        &mut setting.random(2),
        &mut first.to_vec(),
        &mut out,
    )?;
    Ok((handshake, second.bytes().to_vec()))
}

fn third<S: Suite>(initiator: &mut Handshake<'_, S, 0>, second: &[u8]) -> Vec<u8> {
    let mut out = [0; 300];
    let third = initiator.receive(&mut second.to_vec(), &mut out).unwrap();
    third.unwrap().bytes().to_vec()
}

fn ends<S: Suite>(setting: &Setting) -> [Link<S, 0>; 2] {
    let (mut initiator, first) = begin(setting);
    let (mut responder, second) = accept(setting, &first).unwrap();
    let third = third(&mut initiator, &second);
    assert_eq!([first.len(), second.len(), third.len()], [36, 97, 217]);
    responder.receive(&mut third.clone(), &mut []).unwrap();
    [setting.establish(initiator), setting.establish(responder)]
}

#[test]
fn the_device_knows_the_station_and_the_station_a_key() {
    fn with<S: Suite>() {
        let setting = setting();
        let [mut at_station, mut at_device] = ends::<S>(&setting);
        assert_eq!(at_station.handshake_hash(), at_device.handshake_hash());
        assert!(at_station.peer().is_none());
        assert_eq!(at_station.remote_static(), &setting.responder.secret.public().to_bytes());
        assert_eq!(at_device.peer().map(|peer| peer.claims().kind), Some(Kind::Station));
        assert_eq!(said(&mut at_station, &mut at_device, b"hello"), b"hello");
        assert_eq!(said(&mut at_device, &mut at_station, b"unit"), b"unit");
    }
    with::<Aes256Gcm>();
    with::<ChaCha20Poly1305>();
}

#[test]
fn no_changed_bit_makes_a_link() {
    let setting = setting();
    let (_, first) = begin::<Aes256Gcm>(&setting);
    let mut flipped = 0;
    for bit in 0..first.len() * 8 {
        let mut changed = first.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok((_, second)) = accept::<Aes256Gcm>(&setting, &changed) {
            assert!(bit >= 32, "the header is refused at once");
            let (mut initiator, _) = begin::<Aes256Gcm>(&setting);
            let refused = initiator.receive(&mut second.clone(), &mut [0; 300]).unwrap_err();
            assert_eq!(refused, LinkError::NotAuthentic);
        }
        flipped += 1;
    }
    let (mut initiator, first) = begin::<Aes256Gcm>(&setting);
    let (mut responder, second) = accept::<Aes256Gcm>(&setting, &first).unwrap();
    for bit in 0..second.len() * 8 {
        let mut changed = second.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        initiator.receive(&mut changed, &mut [0; 300]).unwrap_err();
        flipped += 1;
    }
    let third = third(&mut initiator, &second);
    for bit in 0..third.len() * 8 {
        let mut changed = third.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        responder.receive(&mut changed, &mut []).unwrap_err();
        flipped += 1;
    }
    responder.receive(&mut third.clone(), &mut []).unwrap();
    assert!(responder.is_complete());
    println!("links: {flipped} bits of a handshake without a certificate flipped, 0 links");
    assert_eq!(flipped, 8 * (36 + 97 + 217));
}

/// Of all who have a certificate, only a station; and no station once the device is made.
#[test]
fn only_a_station_and_only_while_the_device_is_being_made() {
    let mut person = setting();
    person.initiator = tool();
    let (_, first) = begin::<Aes256Gcm>(&person);
    assert_eq!(accept::<Aes256Gcm>(&person, &first).err(), Some(LinkError::Kind));
    let mut made = setting();
    made.stage = Stage::Service;
    let mut unknown = setting();
    unknown.initiator.by_nobody();
    // A certificate for a key that the sender does not have.
    let mut foreign = setting();
    foreign.initiator = Party::new(Kind::Station, 1, 31);
    foreign.initiator.with_key(key(32));
    is_refused(&made, Refusal::Stage, true);
    is_refused(&unknown, Refusal::Issuer, false);
    is_refused(&foreign, Refusal::Signature, false);
}

fn is_refused(setting: &Setting, refusal: Refusal, is_told: bool) {
    let (mut initiator, first) = begin::<Aes256Gcm>(setting);
    let (mut responder, second) = accept::<Aes256Gcm>(setting, &first).unwrap();
    let third = third(&mut initiator, &second);
    let refused = responder.receive(&mut third.clone(), &mut []).unwrap_err();
    assert_eq!(refused, LinkError::Refused(refusal));
    let mut out = [0; 300];
    let alert = responder.alert(&mut out).map(|alert| alert.bytes().to_vec());
    assert_eq!(alert.is_ok(), is_told);
    if let Ok(mut alert) = alert {
        let mut link = setting.establish(initiator);
        assert_eq!(link.open(&mut alert).unwrap(), Received::Refused(refusal));
    }
}

/// A device that has a certificate does not do as if it had none, and the methods are not each other's.
#[test]
fn the_methods_are_apart() {
    let setting = setting();
    let (_, first) = begin::<Aes256Gcm>(&setting);
    let refused = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap_err();
    assert_eq!(refused, LinkError::Method);
    let (_, certified) = setting.begin::<Aes256Gcm, 0>(0);
    assert_eq!(accept::<Aes256Gcm>(&setting, &certified).err(), Some(LinkError::Method));
    let own =
        Own { secret: &setting.responder.secret, certificate: &setting.responder.certificate };
    let mut out = [0; 300];
    let accepted = Handshake::<Aes256Gcm, 0>::accept(
        own,
        setting.judging(setting.wanted, setting.stage, None),
        Method::Uncertified,
        &[0; 32],
        &mut setting.random(2),
        &mut first.clone(),
        &mut out,
    );
    assert_eq!(accepted.err(), Some(LinkError::Method));
    // Nor has the station a link with itself.
    let mut mirrored = setting;
    mirrored.responder = station();
    let (mut initiator, first) = begin::<Aes256Gcm>(&mirrored);
    let (_, second) = accept::<Aes256Gcm>(&mirrored, &first).unwrap();
    let refused = initiator.receive(&mut second.clone(), &mut [0; 300]).unwrap_err();
    assert_eq!(refused, LinkError::Subject);
}
