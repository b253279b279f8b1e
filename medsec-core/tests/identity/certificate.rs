//! Bytes of a certificate: one encoding, and nothing changed is taken.

use core::fmt::Write as _;

use medsec_core::codec::DecodeError;
use medsec_core::identity::certificate::{
    CERTIFICATE_BYTES, Certificate, CertificateError, Claims, Kind, Kinds, NO_SCOPE, Unsigned,
    WIRE_BYTES, WireCertificate,
};
use medsec_core::identity::issuer_state::{IssuerState, Revoking, STATE_BYTES_MAX};
use medsec_core::identity::trust::Refusal;
use medsec_core::key::Context;
use medsec_core::suite::NotAuthentic;

use crate::fixtures::{
    HOLDER, MAKER, OWNER, agreement, claims, day, issuer_of, judge, key, signed, unsigned,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_bytes_are_those_of_version_1() {
    let mut now = String::new();
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        writeln!(now, "{} {}", kind.code(), hex(&certificate.to_bytes())).unwrap();
    }
    for revoked in [&[][..], &[1, 5, 0xffff_ffff]] {
        let revoking =
            Revoking { day: day(2_500), number: 4, min_epoch: 3, min_permit: 2, revoked };
        let state = IssuerState::sign(&revoking, &key(MAKER)).unwrap();
        let mut buffer = [0; STATE_BYTES_MAX];
        writeln!(now, "state {}", hex(state.to_bytes(&mut buffer))).unwrap();
    }
    let golden = include_str!("../golden/certificate_v1.txt");
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(golden, now.lines().collect::<Vec<_>>(), "\n{now}");
}

#[test]
fn a_certificate_is_read_as_it_was_written() {
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        let bytes = certificate.to_bytes();
        let parsed = Certificate::parse(&bytes).unwrap();
        assert_eq!((parsed, parsed.to_bytes()), (certificate, bytes));
        assert_eq!(*parsed.claims(), claims(kind, issuer_of(kind)));
        assert_eq!(parsed.agreement_key(), (kind != Kind::Issuer).then(|| agreement(HOLDER)));
        assert_eq!(parsed.signing_key(), (kind != Kind::Recipient).then(|| key(HOLDER).public()));
        assert_eq!(judge(&parsed).map(|trusted| *trusted.certificate()), Ok(parsed));
    }
}

/// A judgement that the certificate of another key gets is none for the key that was proved.
#[test]
fn the_wire_form_takes_the_proven_key() {
    let proven = agreement(HOLDER).to_bytes();
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        let wire = certificate.to_wire();
        assert_eq!(wire.len(), WIRE_BYTES);
        let wire = WireCertificate::parse(&wire).unwrap();
        if kind == Kind::Issuer {
            for key in [proven, [0; 32]] {
                assert_eq!(wire.complete(&key), Err(CertificateError::Key));
            }
            continue;
        }
        assert_eq!(wire.complete(&proven), Ok(certificate));
        let other = wire.complete(&agreement(8).to_bytes()).unwrap();
        assert_eq!(judge(&other), Err(Refusal::Signature));
        assert_eq!(wire.complete(&[0; 32]), Err(CertificateError::Key));
    }
    for length in (0..WIRE_BYTES).chain([WIRE_BYTES + 1, CERTIFICATE_BYTES]) {
        let error = WireCertificate::parse(&vec![0; length]).unwrap_err();
        assert!(matches!(error, CertificateError::Layout(_)), "{length}");
    }
}

#[test]
fn no_changed_bit_and_no_other_length_is_taken() {
    let (mut unparsed, mut refused) = (0, 0);
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        let bytes = certificate.to_bytes();
        for bit in 0..8 * CERTIFICATE_BYTES {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            match Certificate::parse(&changed) {
                Err(_) => unparsed += 1,
                Ok(other) => {
                    assert!(judge(&other).is_err(), "{kind:?}: bit {bit}");
                    assert_eq!(other.to_bytes(), changed);
                    refused += 1;
                }
            }
        }
        for length in 0..CERTIFICATE_BYTES {
            assert!(Certificate::parse(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        let trailing = CertificateError::Layout(DecodeError::Trailing);
        assert_eq!(Certificate::parse(&longer), Err(trailing));
    }
    println!("certificates: {unparsed} flipped bits do not parse, {refused} are refused, 0 taken");
    assert_eq!(unparsed + refused, 6 * 8 * CERTIFICATE_BYTES);
    assert!(unparsed > 1_000 && refused > 1_000);
}

#[test]
fn what_a_kind_cannot_have_does_not_parse() {
    let make = |kind, change: fn(&mut Claims)| {
        let mut claims = claims(kind, MAKER);
        change(&mut claims);
        unsigned(claims, HOLDER).map(|_| ())
    };
    let unknown = Err(CertificateError::Unknown);
    let wrong = Err(CertificateError::Claims);
    for kind in Kind::ALL {
        assert_eq!(make(kind, |_| ()), Ok(()));
        assert_eq!(make(kind, |claims| claims.suites = 0), unknown);
        assert_eq!(make(kind, |claims| claims.suites = 0b100), unknown);
        assert_eq!(make(kind, |claims| claims.suites = 0b01), Ok(()));
        assert_eq!(make(kind, |claims| claims.serial = 0), wrong);
        assert_eq!(make(kind, |claims| claims.not_before = Some(day(3_001))), wrong);
        assert_eq!(make(kind, |claims| claims.not_before = Some(day(3_000))), Ok(()));
        assert_eq!(make(kind, |claims| claims.not_before = None), Ok(()));
        assert_eq!(make(kind, |claims| claims.not_after = None), Ok(()));
        let is_device = kind == Kind::Device;
        assert_eq!(make(kind, |claims| claims.epoch = 1), if is_device { wrong } else { Ok(()) });
        let is_service = kind == Kind::Service;
        let no_scope = make(kind, |claims| claims.scope = NO_SCOPE);
        assert_eq!(no_scope, if is_service { wrong } else { Ok(()) });
        let is_issuer = kind == Kind::Issuer;
        let issues = make(kind, |claims| claims.may_issue = Kinds::of(&[Kind::Person]));
        assert_eq!(issues, if is_issuer { Ok(()) } else { wrong });
        let issues_none = make(kind, |claims| claims.may_issue = Kinds::NONE);
        assert_eq!(issues_none, if is_issuer { wrong } else { Ok(()) });
        let subject = make(kind, |claims| claims.subject[0] ^= 1);
        assert_eq!(subject, if is_device { Err(CertificateError::Subject) } else { Ok(()) });
        let model = make(kind, |claims| claims.model = 8);
        assert_eq!(model, if is_device { Err(CertificateError::Subject) } else { Ok(()) });
    }
}

#[test]
fn a_kind_has_its_keys_and_no_others() {
    let (agrees, signs) = (agreement(HOLDER), key(HOLDER).public());
    for kind in Kind::ALL {
        for (agrees_too, signs_too) in [(true, true), (true, false), (false, true), (false, false)]
        {
            let made = Unsigned::new(
                claims(kind, MAKER),
                agrees_too.then_some(&agrees),
                signs_too.then_some(&signs),
            );
            let wanted = (kind != Kind::Issuer, kind != Kind::Recipient);
            let is_right = (agrees_too, signs_too) == wanted;
            let made = made.map(|_| ());
            assert_eq!(made, if is_right { Ok(()) } else { Err(CertificateError::Key) });
        }
    }
    // Keys of small order and other encodings, in bytes that nobody signed.
    let bytes = signed(claims(Kind::Person, OWNER), HOLDER, OWNER).to_bytes();
    for (at, bad) in [(56, 1_u8), (88, 1)] {
        let mut changed = bytes;
        changed[at..at + 32].fill(0);
        changed[at] = bad;
        assert_eq!(Certificate::parse(&changed), Err(CertificateError::Key));
        changed[at..at + 32].fill(0xff);
        assert_eq!(Certificate::parse(&changed), Err(CertificateError::Key));
    }
}

#[test]
fn bytes_that_no_version_1_has_are_refused() {
    let bytes = signed(claims(Kind::Person, OWNER), HOLDER, OWNER).to_bytes();
    let with = |at: usize, byte: u8| {
        let mut changed = bytes;
        changed[at] = byte;
        Certificate::parse(&changed).err()
    };
    for version in (0..=255).filter(|version| *version != 1) {
        assert_eq!(with(0, version), Some(CertificateError::Version));
    }
    for kind in (0..=255).filter(|code| Kind::ALL.iter().all(|kind| kind.code() != *code)) {
        assert_eq!(with(1, kind), Some(CertificateError::Unknown));
    }
    for flags in 2..=255 {
        assert_eq!(with(3, flags), Some(CertificateError::Layout(DecodeError::Reserved)));
    }
    for byte in 1..=255 {
        assert_eq!(with(25, byte), Some(CertificateError::Layout(DecodeError::Reserved)));
    }
    // A list of kinds that names an issuer, or a kind that does not exist.
    let bytes = signed(claims(Kind::Issuer, MAKER), HOLDER, MAKER).to_bytes();
    let known = [1, 2, 3, 6, 7];
    for bit in 0..16 {
        let mut changed = bytes;
        changed[26..28].copy_from_slice(&(1_u16 << bit).to_le_bytes());
        let parsed = Certificate::parse(&changed);
        assert_eq!(parsed.err() == Some(CertificateError::Unknown), !known.contains(&bit), "{bit}");
    }
}

#[test]
fn a_signature_made_elsewhere_is_checked() {
    let body = unsigned(claims(Kind::Person, OWNER), HOLDER).unwrap().to_be_signed();
    let signature = key(OWNER).sign(Context::Certificate, &[&body]).unwrap();
    let make = |signature, issuer| {
        unsigned(claims(Kind::Person, OWNER), HOLDER)
            .unwrap()
            .with_signature(signature, &key(issuer).public())
    };
    let made = make(signature, OWNER).unwrap();
    assert_eq!(made, signed(claims(Kind::Person, OWNER), HOLDER, OWNER));
    assert_eq!(make(signature, MAKER), Err(NotAuthentic));
    let for_another = key(OWNER).sign(Context::IssuerState, &[&body]).unwrap();
    assert_eq!(make(for_another, OWNER), Err(NotAuthentic));
}

#[test]
fn nothing_personal_is_printed() {
    let certificate = signed(claims(Kind::Person, OWNER), HOLDER, OWNER);
    let printed = format!("{certificate:?} {:?}", judge(&certificate));
    assert!(!printed.contains("115, 117, 98"), "{printed}");
    assert!(!printed.contains("subject"), "{printed}");
}
