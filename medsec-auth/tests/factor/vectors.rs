//! Vectors from outside: the standards' own, and what other implementations made.

use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
use medsec_auth::factor::otp::{Code, Digits, Hash, Moving, Otp, Settings};
use medsec_auth::factor::password::{Knowledge, Passwords, Stretch};
use medsec_auth::factor::token::{Intent, Request};
use medsec_auth::hal::HeldPepper;
use medsec_core::Secret;
use medsec_core::key::{Context, PublicKey};

use super::fixtures::{DEVICE, NURSE, ZERO, at, hex, is_accepted, rows};

const ARGON2_REFERENCE: &str = include_str!("../vectors/argon2_reference.txt");
const OATHTOOL: &str = include_str!("../vectors/oathtool.txt");
const OPENSSL_TOKEN: &str = include_str!("../vectors/openssl_token.txt");

/// A record of the factors' own test vectors, and whether exactly `code` matches at `step`.
fn matches(otp: &Otp, code: &str, step: u32, unix_seconds: u64) -> bool {
    let code = Code::parse(code.as_bytes()).unwrap();
    let matched = match step.checked_sub(1) {
        Some(last) => otp.match_step(&code, last, at(unix_seconds), &ZERO),
        None => otp.first_step(&code, at(unix_seconds)),
    };
    matched.unwrap().accept().is_ok_and(|matched| matched.number() == step)
}

fn counter(digits: Digits) -> Settings {
    Settings::new(Moving::Counter { ahead: 3 }, Hash::Sha1, digits).unwrap()
}

fn time(hash: Hash, digits: Digits, period_seconds: u8) -> Settings {
    Settings::new(Moving::Time { period_seconds, window: 1 }, hash, digits).unwrap()
}

fn digits(count: &str) -> Digits {
    match count {
        "6" => Digits::Six,
        "7" => Digits::Seven,
        "8" => Digits::Eight,
        other => panic!("{other} digits"),
    }
}

#[test]
fn hotp_is_that_of_rfc_4226_appendix_d() {
    let codes = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    let otp = Otp::import(counter(Digits::Six), b"12345678901234567890").unwrap();
    let mut compared = 0;
    for (step, code) in (0..).zip(codes) {
        assert!(matches(&otp, code, step, 0), "step {step}");
        compared += 1;
    }
    println!("rfc 4226: {compared} vectors");
    assert_eq!(compared, 10);
}

#[test]
fn totp_is_that_of_rfc_6238_appendix_b() {
    // Those with SHA-512 are left out: no record names it.
    let rows = [
        (59, "94287082", "46119246"),
        (1_111_111_109, "07081804", "68084774"),
        (1_111_111_111, "14050471", "67062674"),
        (1_234_567_890, "89005924", "91819424"),
        (2_000_000_000, "69279037", "90698825"),
        (20_000_000_000, "65353130", "77737706"),
    ];
    let sha1 = Otp::import(time(Hash::Sha1, Digits::Eight, 30), b"12345678901234567890").unwrap();
    let key = b"12345678901234567890123456789012";
    let sha256 = Otp::import(time(Hash::Sha256, Digits::Eight, 30), key).unwrap();
    let mut compared = 0;
    for (seconds, by_sha1, by_sha256) in rows {
        let step = u32::try_from(seconds / 30).unwrap();
        assert!(matches(&sha1, by_sha1, step, seconds), "{seconds}");
        assert!(matches(&sha256, by_sha256, step, seconds), "{seconds}");
        assert!(!matches(&sha1, by_sha256, step, seconds), "{seconds}");
        compared += 2;
    }
    println!("rfc 6238: {compared} vectors");
    assert_eq!(compared, 12);
}

#[test]
fn codes_are_those_of_oathtool() {
    let mut compared = 0;
    for row in rows(OATHTOOL) {
        let [kind, hash, count, period, key, moving, code] = row[..] else { panic!("{row:?}") };
        let hash = if hash == "sha1" { Hash::Sha1 } else { Hash::Sha256 };
        let moving: u64 = moving.parse().unwrap();
        let (settings, step) = if kind == "hotp" {
            (counter(digits(count)), moving)
        } else {
            let period: u8 = period.parse().unwrap();
            (time(hash, digits(count), period), moving / u64::from(period))
        };
        let otp = Otp::import(settings, &hex(key)).unwrap();
        assert!(matches(&otp, code, u32::try_from(step).unwrap(), moving), "{row:?}");
        compared += 1;
    }
    println!("oathtool: {compared} codes");
    assert_eq!(compared, 300);
}

#[test]
fn argon2id_is_that_of_rfc_9106_section_5_3() {
    let data = AssociatedData::new(&[4; 12]).unwrap();
    let mut params = ParamsBuilder::new();
    params.m_cost(32).t_cost(3).p_cost(4).output_len(32).data(data);
    let key = [3; 8];
    let argon2 =
        Argon2::new_with_secret(&key, Algorithm::Argon2id, Version::V0x13, params.build().unwrap());
    let mut tag = [0; 32];
    let mut memory = vec![Block::new(); 32];
    let memory = memory.as_mut_slice();
    argon2.unwrap().hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, memory).unwrap();
    let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
    assert_eq!(tag[..], hex(expected));
}

#[test]
fn records_made_by_the_reference_implementation_open() {
    let mut opened = 0;
    for row in rows(ARGON2_REFERENCE) {
        let [secret, record] = row[..] else { panic!("{row:?}") };
        let record = Knowledge::parse(&hex(record)).unwrap();
        let mut memory = vec![Block::new(); usize::from(record.stretch().m_kib())];
        let pepper = HeldPepper::from_same_flash(Secret::new([0x77; 32]));
        let mut passwords =
            Passwords { device: DEVICE, stretch: Stretch::DEFAULT, pepper, memory: &mut memory };
        let mut secret = hex(secret);
        let verdict = passwords.verify(Some(&record), &secret, &NURSE, &ZERO).unwrap();
        assert!(is_accepted(&verdict.accept().unwrap()));
        secret[0] ^= 1;
        let verdict = passwords.verify(Some(&record), &secret, &NURSE, &ZERO).unwrap();
        verdict.accept().unwrap_err();
        opened += 1;
    }
    println!("argon2 reference: {opened} records");
    assert_eq!(opened, 4);
}

#[test]
fn answers_of_openssl_are_to_our_message() {
    let intents = [Intent::LogIn, Intent::StepUp, Intent::Approve, Intent::Enroll];
    let mut verified = 0;
    for row in rows(OPENSSL_TOKEN) {
        let [key, device, nonce, binding, principal, intent, permissions, answer] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|at: usize| hex(row[at]));
        let intent = *intents.iter().find(|known| known.code() == intent[0]).unwrap();
        let request = Request {
            device: device.try_into().unwrap(),
            binding: binding.try_into().unwrap(),
            principal: principal.try_into().unwrap(),
            intent,
            permissions: u32::from_le_bytes(permissions.try_into().unwrap()),
        };
        let message = request.message(&nonce.try_into().unwrap());
        let key = PublicKey::parse(&key.try_into().unwrap()).unwrap();
        let answer = answer.try_into().unwrap();
        assert_eq!(key.verify(Context::AuthToken, &[&message], &answer), Ok(()));
        verified += 1;
    }
    println!("openssl: {verified} answers");
    assert_eq!(verified, 8);
}
