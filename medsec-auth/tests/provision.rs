//! Messages between a station and a device that is being made, byte for byte.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]

use medsec_auth::provision::claim::ClaimKey;
use medsec_auth::provision::message::{
    Answer, Debug, Hello, Progress, Refused, Request, Run, Unit,
};
use medsec_auth::provision::receipt::Receipt;
use medsec_core::Secret;
use medsec_core::key::DeviceKey;

const HELLO: Hello = Hello { transaction: [0x41; 16], model: 0x5049_0001, serial: 0x11_2233_4455 };
const RUN: Run<'static> = Run { hello: &HELLO, handshake: &[0x42; 32], agreement: &[0x43; 32] };
const DIGEST: [u8; 32] = [0x47; 32];

fn lines() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let text = include_str!("golden/provision_v1.txt");
    text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, digits) = line.split_once(' ').unwrap();
        let bytes = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        (name, bytes)
    })
}

fn golden(name: &str) -> Vec<u8> {
    lines().find(|(other, _)| *other == name).unwrap().1
}

fn key() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([0x31; 32]))
}

fn unit() -> Unit {
    Unit {
        signing: key().public().to_bytes(),
        firmware: [0x44; 32],
        chip: [0x45; 8],
        revision: 0x0203,
        progress: Progress::Certified,
        debug: Debug::Open,
    }
}

fn receipt() -> Receipt {
    Receipt { hello: HELLO, device: [0x46; 16], certificate: DIGEST, debug: Debug::Locked }
}

#[test]
fn messages_are_those_of_the_second_implementation() {
    let proof = ClaimKey::of(&Secret::new([0x48; 16])).proof(&RUN, &DIGEST);
    let mut buffer = [0; 256];
    for (name, request) in [
        ("hello", Request::Hello(HELLO, [0x49; 32])),
        ("certificate", Request::Certificate(&[0x4a; 184])),
        ("code", Request::Code),
        ("seal", Request::Seal(proof, DIGEST)),
        ("finish", Request::Finish),
    ] {
        let bytes = golden(name);
        assert_eq!(request.encode(&mut buffer), Ok(&bytes[..]), "{name}");
        assert_eq!(Request::parse(&bytes), Ok(request), "{name}");
    }
    let signature = unit().sign(&RUN, &key()).unwrap();
    for (name, answer) in [
        ("unit", Answer::Unit(unit(), signature)),
        ("stored", Answer::Stored(DIGEST)),
        ("drawn", Answer::Code(Secret::new([0x48; 16]))),
        ("sealed", Answer::Sealed(receipt().sign(&key()).unwrap())),
        ("finished", Answer::Finished),
    ] {
        let bytes = golden(name);
        assert_eq!(answer.encode(&mut buffer), Ok(&bytes[..]), "{name}");
        let parsed = Answer::parse(&bytes).unwrap();
        assert_eq!(parsed.encode(&mut buffer), Ok(&bytes[..]), "{name}");
    }
    let refused: Vec<_> = lines().filter(|(name, _)| *name == "refused").collect();
    assert_eq!(refused.len(), Refused::ALL.len());
    for ((_, bytes), why) in refused.iter().zip(Refused::ALL) {
        assert_eq!(Answer::Refused(why).encode(&mut buffer), Ok(&bytes[..]), "{why:?}");
    }
}

#[test]
fn no_message_has_a_shorter_or_longer_form() {
    let mut tried = 0;
    for (name, bytes) in lines() {
        for length in 0..bytes.len() {
            let (cut, _) = bytes.split_at(length);
            assert!(Request::parse(cut).is_err() && Answer::parse(cut).is_err(), "{name}");
            tried += 1;
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Request::parse(&longer).is_err() && Answer::parse(&longer).is_err(), "{name}");
    }
    println!("provisioning: {tried} shorter messages, 0 taken");
    assert!(tried >= 600);
}

/// What the device has signed counts for this run on this link, and for nothing else.
#[test]
fn a_unit_and_a_receipt_are_what_was_signed() {
    let signature = unit().sign(&RUN, &key()).unwrap();
    unit().verify(&RUN, &signature).unwrap();
    let other = Hello { serial: HELLO.serial + 1, ..HELLO };
    let elsewhere = [
        Run { hello: &other, ..RUN },
        Run { hello: &Hello { transaction: [0; 16], ..HELLO }, ..RUN },
        Run { hello: &Hello { model: 1, ..HELLO }, ..RUN },
        Run { handshake: &[0; 32], ..RUN },
        Run { agreement: &[0; 32], ..RUN },
    ];
    for run in &elsewhere {
        unit().verify(run, &signature).unwrap_err();
    }
    let changed = [
        Unit { firmware: [0; 32], ..unit() },
        Unit { chip: [0; 8], ..unit() },
        Unit { revision: 0, ..unit() },
        Unit { progress: Progress::Sealed, ..unit() },
        Unit { debug: Debug::Locked, ..unit() },
        Unit { signing: DeviceKey::from_seed(&Secret::new([1; 32])).public().to_bytes(), ..unit() },
    ];
    for unit in &changed {
        unit.verify(&RUN, &signature).unwrap_err();
    }
    let signed = receipt().sign(&key()).unwrap();
    assert_eq!(Receipt::verify(&signed, &key().public()), Ok(receipt()));
    let mut flipped = 0;
    for bit in 0..8 * signed.len() {
        let mut changed = signed;
        if let Some(byte) = changed.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        Receipt::verify(&changed, &key().public()).unwrap_err();
        flipped += 1;
    }
    println!("receipts: {flipped} bits flipped, 0 taken");
    // A signature over the one is none over the other.
    let (_, of_receipt) = signed.split_at(78);
    unit().verify(&RUN, of_receipt.first_chunk().unwrap()).unwrap_err();
}
