//! Erase certificates, as a device signed them.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::trust::Origin;
use medsec_core::key::{DeviceKey, device_id};
use medsec_tool::erase::{erase_file, parse_erase};
use medsec_tool::exit::Exit;
use medsec_tool::holder::certificate_file;
use medsec_tool::trust::TrustFile;
use serde_json::Value as Json;

use crate::schemas::validate;
use crate::support::{Bench, Judge, good_log};

/// `nonce of 16 byte`, which the certificates answer.
const NONCE: &str = "6e6f6e6365206f662031362062797465";

/// The certificate called `name` in the golden file.
fn golden(name: &str) -> Vec<u8> {
    let golden = include_str!("../../../medsec-core/tests/golden/erase_v1.txt");
    let line = golden.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let digits = line.trim().as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

/// What a maker certified of the device with this key.
fn device(byte: u8) -> Certificate {
    let public = key(byte).public();
    let claims = Claims {
        kind: Kind::Device,
        suites: 1,
        is_test: false,
        serial: 1,
        issuer: key(1).public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 0,
        may_issue: Kinds::NONE,
        model: 7,
        scope: NO_SCOPE,
        subject: device_id(7, &public),
    };
    let agreement = AgreementSecret::from_bytes(Secret::new([5; 32])).public();
    Unsigned::new(claims, Some(&agreement), Some(&public)).unwrap().sign(&key(1)).unwrap()
}

fn bench() -> Bench {
    let bench = Bench::new(Judge::Says(good_log()));
    bench.put("own", certificate_file(&device(30)).as_bytes());
    bench.put("other", certificate_file(&device(31)).as_bytes());
    for (name, byte) in [("trust", 1), ("elsewhere", 2)] {
        let trust = TrustFile::new(&[(Origin::Maker, key(byte).public())], None);
        bench.put(name, trust.to_file().as_bytes());
    }
    for name in ["owner", "end"] {
        bench.put(name, &golden(name));
        let parsed = parse_erase(&golden(name)).unwrap();
        bench.put(&format!("{name}.txt"), erase_file(&parsed).as_bytes());
    }
    bench
}

fn judged(bench: &Bench, file: &str, device: &str, more: &[&str]) -> (Exit, Json) {
    let args = ["erase", "verify-certificate", file, "--device", device, "--json"];
    let trust = ["--trust", "@trust"];
    let trust = if more.contains(&"--trust") { &[][..] } else { &trust };
    let run = bench.run(&[&args[..], trust, more].concat());
    (run.exit, validate(bench, &run.out))
}

#[test]
fn a_certificate_of_the_device_says_what_was_erased_and_what_is_not_shown() {
    let bench = bench();
    for (file, outcome, evidence, open) in [
        ("@owner", "change of owner", "exported", 4),
        ("@owner.txt", "change of owner", "exported", 4),
        ("@end", "decommission", "lost", 5),
        ("@end.txt", "decommission", "lost", 5),
    ] {
        let (exit, json) = judged(&bench, file, "@own", &["--nonce", NONCE]);
        assert_eq!((exit, &json["verdict"]), (Exit::Ok, &Json::from("erased")));
        let data = &json["data"];
        assert_eq!((&data["outcome"], &data["evidence"]), (&outcome.into(), &evidence.into()));
        assert_eq!(data["not_shown"].as_array().unwrap().len(), open);
        assert_eq!(data["regions"].as_array().unwrap().len(), 5);
        assert_eq!(data["keys"][0], "storage root");
        assert_eq!((&data["fresh"], &data["records"]), (&true.into(), &1_000.into()));
        let warned = json["findings"].as_array().unwrap().iter().any(|one| one["code"] == "E0513");
        assert_eq!(warned, evidence == "lost");
    }
    let args = ["erase", "verify-certificate", "@end", "--device", "@own", "--trust", "@trust"];
    let words = bench.run(&args).out;
    for expected in ["NOT CHECKED: it may be", "storage root", "not shown: remanence", "--nonce"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
}

/// Whoever draws a key can write a device's certificate and let it sign; and a true certificate may be of an earlier time.
#[test]
fn nothing_is_proven_without_who_certifies_and_without_the_request() {
    let bench = bench();
    let nonce = ["--nonce", NONCE];
    let args = ["erase", "verify-certificate", "@end", "--device", "@own", "--json"];
    let run = bench.run(&[&args[..], &nonce].concat());
    let json = validate(&bench, &run.out);
    assert_eq!((run.exit, &json["verdict"]), (Exit::Undecided, &Json::from("unjudged")));
    assert_eq!(json["findings"][0]["code"], "E0101");
    let foreign = ["--trust", "@elsewhere", "--nonce", NONCE];
    let (exit, json) = judged(&bench, "@end", "@own", &foreign);
    assert_eq!((exit, &json["verdict"]), (Exit::Negative, &Json::from("foreign")));
    // As an issuer would, but for one bit of its signature.
    let mut forged = device(30).to_bytes();
    forged[183] ^= 1;
    let forged = Certificate::parse(&forged).unwrap();
    bench.put("forged", certificate_file(&forged).as_bytes());
    let (exit, json) = judged(&bench, "@end", "@forged", &nonce);
    assert_eq!((exit, &json["verdict"]), (Exit::Negative, &Json::from("foreign")));
    let (exit, json) = judged(&bench, "@end", "@own", &[]);
    assert_eq!((exit, &json["verdict"]), (Exit::Undecided, &Json::from("not-fresh")));
}

#[test]
fn what_the_device_did_not_sign_or_not_now_is_refused() {
    let bench = bench();
    let (exit, json) = judged(&bench, "@end", "@other", &[]);
    assert_eq!((exit, &json["verdict"]), (Exit::Negative, &Json::from("foreign")));
    assert_eq!(json["findings"][0]["code"], "E0511");
    let zeros = "0".repeat(32);
    let (exit, json) = judged(&bench, "@end", "@own", &["--nonce", &zeros]);
    assert_eq!((exit, &json["verdict"]), (Exit::Negative, &Json::from("other-request")));
    assert_eq!(json["findings"][0]["code"], "E0512");
    let whole = golden("end");
    let mut refused = 0;
    for byte in 0..whole.len() {
        let mut changed = whole.clone();
        changed[byte] ^= 0x10;
        bench.put("changed", &changed);
        let (exit, _) = judged(&bench, "@changed", "@own", &[]);
        assert!(matches!(exit, Exit::Negative | Exit::Input), "byte {byte}: {exit:?}");
        refused += 1;
    }
    assert_eq!(refused, 64 + 5 * 32 + 64);
    let (exit, json) = judged(&bench, "@own", "@own", &[]);
    assert_eq!((exit, &json["findings"][0]["code"]), (Exit::Input, &Json::from("E0115")));
    assert_eq!(judged(&bench, "@end", "@end", &[]).0, Exit::Input);
    assert_eq!(judged(&bench, "@end", "@own", &["--nonce", "00"]).0, Exit::Usage);
}
