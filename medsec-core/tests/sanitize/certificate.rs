//! Bytes of an erase certificate and of a receipt: one encoding, and nothing that was changed.

use core::fmt::Write as _;

use medsec_core::codec::DecodeError;
use medsec_core::sanitize::certificate::{
    CERTIFICATE_BYTES_MAX, Certificate, CertificateError, HEAD_BYTES, LINE_BYTES, NotShown,
};
use medsec_core::sanitize::receipt::RECEIPT_BYTES;
use medsec_core::sanitize::{KeyName, Keys, Outcome, Receipt};
use medsec_sim::fault::Model;

use crate::bench::{Bench, MODEL, NONCE, RECORDS, certificate_of, device, identity, key, receipt};

/// The certificate of a device that was sanitized so.
fn made(outcome: Outcome, records: Option<u64>) -> Vec<u8> {
    let receipt = records.map(receipt);
    let mut bench = Bench::begun(outcome, receipt.as_ref(), Model::None);
    let mut sanitizer = bench.mount().unwrap();
    bench.certify(&mut sanitizer);
    bench.tombstone().certificate().to_bytes(&mut [0; CERTIFICATE_BYTES_MAX]).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_bytes_are_those_of_version_1() {
    let lines = [
        format!("owner {}", hex(&made(Outcome::ChangeOfOwner, Some(RECORDS)))),
        format!("end {}", hex(&made(Outcome::Decommission, Some(250)))),
        format!("receipt {}", hex(&Receipt::sign(&key(8), device(), NONCE, RECORDS).unwrap())),
    ];
    let golden = include_str!("../golden/erase_v1.txt");
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(golden, lines, "\n{}", lines.join("\n"));
}

/// Goal: nothing that was changed is taken. Method: each bit of two certificates and of a receipt flipped.
#[test]
fn no_changed_bit_is_taken() {
    let device = certificate_of(&identity(), MODEL);
    let mut bits = 0;
    for bytes in [made(Outcome::ChangeOfOwner, None), made(Outcome::Decommission, Some(RECORDS))] {
        let good = Certificate::parse(&bytes).unwrap();
        assert!(good.verify(&device).is_ok());
        assert_eq!(good.to_bytes(&mut [0; CERTIFICATE_BYTES_MAX]), &bytes[..]);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let parsed = Certificate::parse(&changed);
            assert!(parsed.is_err() || parsed.unwrap().verify(&device).is_err(), "bit {bit}");
            bits += 1;
        }
    }
    let bytes = Receipt::sign(&key(8), [7; 16], NONCE, RECORDS).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Receipt::verify(&changed, &key(8).public()).is_err(), "bit {bit}");
        bits += 1;
    }
    println!("sanitize: {bits} flipped bits, 0 taken");
    assert_eq!(bits, 8 * (2 * (64 + 5 * 32 + 64) + RECEIPT_BYTES));
}

#[test]
fn no_other_length_and_no_other_device_is_taken() {
    let bytes = made(Outcome::ChangeOfOwner, None);
    for length in 0..bytes.len() {
        let short = Certificate::parse(&bytes[..length]);
        assert_eq!(short, Err(CertificateError::Layout(DecodeError::Short)), "{length}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let trailing = CertificateError::Layout(DecodeError::Trailing);
    assert_eq!(Certificate::parse(&longer), Err(trailing));
    let certificate = Certificate::parse(&bytes).unwrap();
    assert!(certificate.verify(&certificate_of(&key(31), MODEL)).is_err());
    assert!(certificate.verify(&certificate_of(&identity(), MODEL + 1)).is_err());
    let receipt = Receipt::sign(&key(8), device(), NONCE, 1).unwrap();
    assert!(Receipt::verify(&receipt, &key(9).public()).is_err());
    assert!(Receipt::verify(&receipt[1..], &key(8).public()).is_err());
}

/// Goal: a certificate cannot say what no device can mean. Method: a table of single changes to a good one.
#[test]
fn claims_that_do_not_go_together_do_not_parse() {
    use CertificateError::{Claims, Layout, Line, Unknown, Version};
    let bytes = made(Outcome::ChangeOfOwner, Some(RECORDS));
    let reserved = Layout(DecodeError::Reserved);
    let line = |index: usize, at: usize| HEAD_BYTES + index * LINE_BYTES + at;
    let table = [
        ("version", 0, 2, Version),
        ("outcome", 1, 3, Unknown),
        ("other outcome", 1, 2, Claims),
        ("state before", 2, 0x20, Unknown),
        ("from blank", 2, 1, Claims),
        ("from sanitizing", 2, 6, Claims),
        ("state after", 3, 7, Claims),
        ("evidence", 4, 2, Claims),
        ("shows remanence", 5, 0x0e, Claims),
        ("no lines", 6, 0, Line),
        ("too many lines", 6, 17, Line),
        ("reserved", 7, 1, reserved),
        ("never", 8, 0, Claims),
        ("more than there were", 55, 1, Claims),
        ("kind", line(0, 0), 9, Unknown),
        ("not the first kind", line(1, 0), 1, Line),
        ("order", line(1, 0), 4, Line),
        ("reserved of a line", line(2, 1), 1, reserved),
        ("no key", line(0, 4 + 2), 0x80, Unknown),
        ("no storage root", line(0, 4), 0x06, Line),
        ("over another", line(1, 8 + 1), 0x10, Line),
        ("read in part", line(3, 16), 1, Line),
        ("a module of its own", line(2, 24), 1, Line),
        ("no module", line(4, 24), 1, Line),
    ];
    let mut refused = 0;
    for (what, at, value, error) in table {
        let mut changed = bytes.clone();
        changed[at] = value;
        match what {
            // These two are no faults: the first kind again, on another place, and another module.
            "not the first kind" | "no module" => {
                assert!(Certificate::parse(&changed).is_ok(), "{what}");
            }
            _ => {
                assert_eq!(Certificate::parse(&changed), Err(error), "{what}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 22);
}

#[test]
fn what_is_not_shown_is_said() {
    for not in NotShown::ALL {
        assert!(not.is_open(Outcome::Decommission) && !not.text().is_empty());
        let is_of_both = not != NotShown::IdentityEnd;
        assert_eq!(not.is_open(Outcome::ChangeOfOwner), is_of_both);
    }
    let one_each = KeyName::ALL
        .into_iter()
        .all(|key| KeyName::ALL.into_iter().filter(|other| Keys::of(&[*other]).has(key)).eq([key]));
    assert!(one_each);
}
