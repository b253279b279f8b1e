//! What people show, and what is kept of it: records from anywhere, and secrets, codes and answers of any bytes.

use medsec_auth::factor::otp::{Code, Digits, Hash, Moving, Otp, SECRET_BYTES_MIN, Settings};
use medsec_auth::factor::password::{
    Block, Knowledge, M_KIB_MIN, PASSES_MIN, Passwords, Rules, SECRET_BYTES_MAX, Stretch, Words,
};
use medsec_auth::factor::token::{Challenge, Intent, Request, Token};
use medsec_auth::hal::{HeldPepper, ReadLocked};
use medsec_core::Secret;
use medsec_core::key::{Context, DeviceKey};
use medsec_core::rng::Random;
use medsec_core::time::{Ticks, TimeSource, WallTime};
use medsec_sim::rng::{Behaviour, Noise};

use crate::input::Input;

/// Codes of the key of RFC 4226, appendix D, of steps 0 to 9.
pub(crate) const CODES: [&[u8; 6]; 10] = [
    b"755224", b"287082", b"359152", b"969429", b"338314", b"254676", b"287922", b"162583",
    b"399871", b"520489",
];

/// The key.
pub(crate) const CODES_KEY: &[u8] = b"12345678901234567890";

/// The least work.
pub(crate) const STRETCH: Stretch = match Stretch::new(M_KIB_MIN, PASSES_MIN) {
    Some(stretch) => stretch,
    None => panic!("the least is legal"),
};

pub(crate) fn pepper() -> HeldPepper<ReadLocked> {
    HeldPepper::from_read_locked(Secret::new([5; 32]))
}

pub(crate) fn random() -> Random<Noise> {
    let mut random = Random::new(Noise::new(Behaviour::Good, 1));
    random.start(Secret::new([1; 32]), b"").expect("the noise is good");
    random
}

/// One encoding of each record; only what is right is accepted, and not if the attempt is not on the flash.
pub(crate) fn credential(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(6) {
        0 => knowledge(input.rest()),
        1 => one_time(input.rest()),
        2 => token(input.rest()),
        3 => codes(&mut input),
        4 => secrets(&mut input),
        _ => answers(&mut input),
    }
}

fn knowledge(bytes: &[u8]) {
    let Ok(parsed) = Knowledge::parse(bytes) else { return };
    assert_eq!(parsed.encode().expose().as_slice(), bytes);
    let stretch = parsed.stretch();
    assert_eq!(
        Stretch::new(stretch.m_kib(), stretch.passes()),
        Some(stretch),
        "work out of bounds"
    );
    if u32::from(stretch.m_kib()) * u32::from(stretch.passes()) <= 256 {
        let mut memory = vec![Block::new(); usize::from(stretch.m_kib())];
        let mut passwords =
            Passwords { device: [2; 16], stretch, pepper: pepper(), memory: &mut memory };
        let verdict = passwords.verify(Some(&parsed), bytes, &[3; 8], &[0; 32]);
        assert!(verdict.expect("there is memory").accept().is_err(), "nobody enrolled it");
    }
}

fn one_time(bytes: &[u8]) {
    let Ok(parsed) = Otp::parse(bytes) else { return };
    assert_eq!(parsed.encode().expose().as_slice(), bytes);
    let made = Otp::import(parsed.settings(), parsed.key()).expect("what is kept is imported");
    assert_eq!(made.encode().expose(), parsed.encode().expose());
}

fn token(bytes: &[u8]) {
    let Ok(parsed) = Token::parse(bytes) else { return };
    assert_eq!(parsed.encode().as_slice(), bytes);
    let key = bytes[12..].first_chunk().expect("a record has a key");
    assert_eq!(Token::enroll(key, |_| false).map(|token| token.kid()), Ok(parsed.kid()));
    assert!(Token::enroll(key, |_| true).is_err(), "it is known");
}

/// A generator, and codes of steps that were published, so that it is known which are right.
fn codes(input: &mut Input<'_>) {
    let ahead = input.u8();
    let digits = [Digits::Six, Digits::Seven, Digits::Eight][input.below(3) as usize];
    let moving = if input.bool() {
        Moving::Counter { ahead }
    } else {
        Moving::Time { period_seconds: ahead, window: input.u8() }
    };
    let hash = if input.bool() { Hash::Sha256 } else { Hash::Sha1 };
    let drawn = Settings::new(moving, hash, digits);
    let key = input.chunk();
    if let Some(settings) = drawn
        && let Ok(otp) = Otp::import(settings, key)
    {
        assert!((SECRET_BYTES_MIN..=settings.hash().secret_bytes()).contains(&key.len()));
        assert_eq!(&otp.key()[..key.len()], key);
        let again = Otp::parse(otp.encode().expose()).expect("what was imported is a record");
        assert_eq!(again.settings(), settings);
    }
    let otp = Otp::import(Settings::HOTP, CODES_KEY).expect("a key of its hash");
    let (chosen, last) = (input.below(10), input.below(12));
    let text = *CODES[chosen as usize];
    let now = WallTime {
        unix_seconds: input.u64(),
        source: TimeSource::Authenticated,
        uncertainty_seconds: 0,
    };
    let code = Code::parse(&text).expect("digits");
    let mut blind = [0; 32];
    blind[usize::from(input.u8()) % 32] = input.u8();
    let is_on_flash = blind == [0; 32];
    let step = otp.match_step(&code, last, now, &blind).expect("a counter").accept();
    let is_right = chosen > last && is_on_flash;
    assert_eq!(step.map(|step| step.number()).ok(), is_right.then_some(chosen), "{chosen} {last}");
    let first = otp.first_step(&code, now).expect("a counter").accept().map(|step| step.number());
    assert_eq!(first.ok(), Some(chosen).filter(|step| *step < 10));
    let before = input.below(10);
    let shown = Code::parse(CODES[before as usize]).expect("digits");
    let found = otp.resync(&shown, &code, last, &blind).expect("a counter").accept();
    let is_right = is_on_flash && before > last && before + 1 == chosen;
    assert_eq!(found.map(|step| step.number()).ok(), is_right.then_some(chosen));
    // Any text, by time and by counter: no panic, and never a step that was used.
    let Some(code) = Code::parse(input.take(8)) else { return };
    let last = input.u32();
    for settings in [Settings::HOTP, Settings::TOTP] {
        let otp = Otp::import(settings, CODES_KEY).expect("a key of its hash");
        let Ok(matched) = otp.match_step(&code, last, now, &[0; 32]) else { continue };
        if let Ok(step) = matched.accept() {
            assert!(step.number() > last, "a step was used twice");
        }
    }
}

fn secrets(input: &mut Input<'_>) {
    let mut memory = vec![Block::new(); usize::from(M_KIB_MIN)];
    let mut passwords =
        Passwords { device: [2; 16], stretch: STRETCH, pepper: pepper(), memory: &mut memory };
    let rules = match input.below(3) {
        0 => Rules::only_factor(),
        1 => Rules::beside_another(),
        _ => Rules::pin(),
    };
    let (at, change) = (usize::from(input.u8()), input.u8());
    let secret = input.take(SECRET_BYTES_MAX + 9);
    let list = Words(&[b"password1234567", b"medsec"]);
    let made = passwords.enroll(secret, &[3; 8], &rules, &list, &mut random());
    let Ok(record) = made else { return };
    assert!(secret.len() <= SECRET_BYTES_MAX && secret.len() >= record.class().characters_min());
    let again = Knowledge::parse(record.encode().expose()).expect("what was enrolled is a record");
    let mut shown = secret.to_vec();
    shown[at % secret.len()] ^= change;
    let verdict = passwords.verify(Some(&again), &shown, &[3; 8], &[0; 32]);
    assert_eq!(verdict.expect("there is memory").accept().is_ok(), change == 0);
    // Whose it is not, and an attempt that is not on the flash.
    let (principal, blind) = if at & 1 == 0 { ([4; 8], [0; 32]) } else { ([3; 8], [1; 32]) };
    let verdict = passwords.verify(Some(&again), secret, &principal, &blind);
    assert!(verdict.expect("there is memory").accept().is_err());
}

fn answers(input: &mut Input<'_>) {
    let key = DeviceKey::from_seed(&Secret::new([6; 32]));
    let token = Token::enroll(&key.public().to_bytes(), |_| false).expect("a key of a token");
    let intents = [Intent::LogIn, Intent::StepUp, Intent::Approve, Intent::Enroll];
    let intent = intents[input.below(4) as usize];
    let asked =
        Request { device: [2; 16], binding: [7; 32], principal: [3; 8], intent, permissions: 9 };
    let challenge =
        Challenge::ask(asked, &mut random(), Ticks::from_millis(5)).expect("it is started");
    let mut message = asked.message(challenge.nonce());
    let (at, change) = (usize::from(input.u8()), input.u8());
    let bytes = message.len();
    message[at % bytes] ^= change;
    let mut answer = key.sign(Context::AuthToken, &[&message]).expect("it is short");
    let (at, forged) = (usize::from(input.u8()), input.u8());
    answer[at % 64] ^= forged;
    let is_drawn = input.u8() == 0xFF;
    if is_drawn {
        answer = input.array();
    }
    let (request, blind) = match input.below(4) {
        1 => (Request { binding: [8; 32], ..asked }, [0; 32]),
        2 => (asked, [1; 32]),
        _ => (asked, [0; 32]),
    };
    let token = (input.u8() != 1).then_some(&token);
    let is_asked = request == asked && blind == [0; 32] && change == 0;
    let is_right = is_asked && forged == 0 && !is_drawn && token.is_some();
    let verdict = challenge.verify(token, &answer, &request, Ticks::from_millis(6), &blind);
    assert_eq!(verdict.accept().is_ok(), is_right, "not what was asked");
}
