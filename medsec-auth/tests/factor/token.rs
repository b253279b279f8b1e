//! Tokens that sign a challenge.

use medsec_auth::factor::token::{
    CHALLENGE_MS_MAX, Challenge, EnrollError, Intent, MESSAGE_BYTES, Request, Token, TokenError,
};
use medsec_auth::hal::{PRESENCE_MS_MAX, Panel, Presence};
use medsec_core::Secret;
use medsec_core::key::{Context, DeviceKey, SIGNATURE_BYTES};
use medsec_core::rng::{Random, RandomError};
use medsec_core::time::Ticks;
use medsec_sim::rng::{Behaviour, Noise};

use super::fixtures::{DEVICE, NURSE, ZERO, flipped, is_accepted, one_bit, random};

const START: Ticks = Ticks::from_millis(5_000);

/// A person's token, as far as it signs.
fn key() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([0x42; 32]))
}

fn token() -> Token {
    Token::enroll(&key().public().to_bytes(), |_| false).unwrap()
}

const fn request() -> Request {
    Request {
        device: DEVICE,
        binding: [0xB1; 32],
        principal: NURSE,
        intent: Intent::LogIn,
        permissions: 0x8000_0001,
    }
}

fn answer_of(key: &DeviceKey, request: &Request, nonce: &[u8; 32]) -> [u8; SIGNATURE_BYTES] {
    key.sign(Context::AuthToken, &[&request.message(nonce)]).unwrap()
}

/// Whether an answer counts to a challenge for `asked`, when what was signed and what is done are `signed` and `done`.
fn counts(asked: Request, signed: &Request, done: &Request, after_ms: u64) -> bool {
    let challenge = Challenge::ask(asked, &mut random(21), START).unwrap();
    let answer = answer_of(&key(), signed, challenge.nonce());
    let now = Ticks::from_millis(START.as_millis() + after_ms);
    let verdict = challenge.verify(Some(&token()), &answer, done, now, &ZERO);
    verdict.accept().is_ok_and(|accepted| is_accepted(&accepted))
}

#[test]
fn the_answer_of_the_token_counts_and_no_other() {
    assert!(counts(request(), &request(), &request(), 10));
    let challenge = Challenge::ask(request(), &mut random(22), START).unwrap();
    let other = DeviceKey::from_seed(&Secret::new([0x43; 32]));
    let answer = answer_of(&other, &request(), challenge.nonce());
    let verdict = challenge.verify(Some(&token()), &answer, &request(), START, &ZERO);
    verdict.accept().unwrap_err();
    let challenge = Challenge::ask(request(), &mut random(22), START).unwrap();
    let verdict = challenge.verify(Some(&token()), &[0; 64], &request(), START, &ZERO);
    verdict.accept().unwrap_err();
}

#[test]
fn each_bit_of_an_answer_counts() {
    let mut random = random(23);
    let mut refused = 0;
    for bit in 0..8 * SIGNATURE_BYTES {
        let challenge = Challenge::ask(request(), &mut random, START).unwrap();
        let answer = answer_of(&key(), &request(), challenge.nonce());
        let changed = flipped(&answer, bit);
        let verdict = challenge.verify(Some(&token()), &changed, &request(), START, &ZERO);
        verdict.accept().unwrap_err();
        refused += 1;
    }
    println!("token: {refused} answers with one bit changed are refused");
    assert_eq!(refused, 512);
}

/// Requests that differ from [`request`] in one thing.
fn others() -> [Request; 7] {
    let mut binding = request().binding;
    binding[31] ^= 1;
    [
        Request { device: [0x12; 16], ..request() },
        Request { binding, ..request() },
        Request { principal: *b"nurse-08", ..request() },
        Request { intent: Intent::StepUp, ..request() },
        Request { intent: Intent::Approve, ..request() },
        Request { permissions: 0x8000_0003, ..request() },
        Request { permissions: 0, ..request() },
    ]
}

#[test]
fn an_answer_is_for_one_device_link_person_and_act() {
    let mut refused = 0;
    for other in others() {
        // The token signed something else; the challenge was for something else; something else is done with it.
        for (asked, signed, done) in [
            (request(), other, request()),
            (other, request(), request()),
            (request(), request(), other),
            (request(), other, other),
            (other, other, request()),
        ] {
            assert!(!counts(asked, &signed, &done, 0), "{other:?}");
            refused += 1;
        }
        assert!(counts(other, &other, &other, 0));
    }
    println!("token: {refused} answers for something else are refused");
    assert_eq!(refused, 35);
}

#[test]
fn each_bit_of_the_message_counts() {
    let nonce = [0x17; 32];
    let message = request().message(&nonce);
    let answer = answer_of(&key(), &request(), &nonce);
    let verify = |message: &[u8; MESSAGE_BYTES]| {
        key().public().verify(Context::AuthToken, &[message], &answer)
    };
    assert_eq!(verify(&message), Ok(()));
    for bit in 0..8 * MESSAGE_BYTES {
        verify(&flipped(&message, bit)).unwrap_err();
    }
    // And each of its places holds what the layout says.
    assert_eq!(message[..16], DEVICE);
    assert_eq!(message[16..48], nonce);
    assert_eq!(message[48..80], request().binding);
    assert_eq!(message[80..88], NURSE);
    assert_eq!(message[88..], [1, 0x01, 0, 0, 0x80]);
}

#[test]
fn an_answer_with_another_context_is_refused() {
    let mut refused = 0;
    for context in Context::ALL {
        let challenge = Challenge::ask(request(), &mut random(24), START).unwrap();
        let message = request().message(challenge.nonce());
        let answer = key().sign(context, &[&message]).unwrap();
        let verdict = challenge.verify(Some(&token()), &answer, &request(), START, &ZERO);
        let is_ours = context == Context::AuthToken;
        assert_eq!(verdict.accept().map(|_| ()).ok().is_some(), is_ours, "{}", context.text());
        refused += u32::from(!is_ours);
    }
    assert_eq!(usize::try_from(refused).unwrap(), Context::ALL.len() - 1);
}

#[test]
fn a_late_answer_is_refused() {
    for (after_ms, expected) in
        [(0, true), (CHALLENGE_MS_MAX - 1, true), (CHALLENGE_MS_MAX, false), (u64::MAX / 2, false)]
    {
        assert_eq!(counts(request(), &request(), &request(), after_ms), expected, "{after_ms}");
    }
    // Ticks that went back.
    let challenge = Challenge::ask(request(), &mut random(25), START).unwrap();
    let answer = answer_of(&key(), &request(), challenge.nonce());
    let before = Ticks::from_millis(START.as_millis() - 1);
    assert!(!challenge.is_open(before));
    challenge.verify(Some(&token()), &answer, &request(), before, &ZERO).accept().unwrap_err();
}

#[test]
fn an_answer_to_an_earlier_challenge_is_refused() {
    let mut random = random(26);
    let first = Challenge::ask(request(), &mut random, START).unwrap();
    let answer = answer_of(&key(), &request(), first.nonce());
    let second = Challenge::ask(request(), &mut random, START).unwrap();
    assert_ne!(first.nonce(), second.nonce());
    second.verify(Some(&token()), &answer, &request(), START, &ZERO).accept().unwrap_err();
    let accepted = first.verify(Some(&token()), &answer, &request(), START, &ZERO).accept();
    assert!(is_accepted(&accepted.unwrap()));
}

#[test]
fn an_attempt_that_is_not_on_the_flash_refuses_the_right_answer() {
    let mut random = random(27);
    let mut refused = 0;
    for bit in 0..256 {
        let challenge = Challenge::ask(request(), &mut random, START).unwrap();
        let answer = answer_of(&key(), &request(), challenge.nonce());
        let blind = one_bit(bit);
        challenge.verify(Some(&token()), &answer, &request(), START, &blind).accept().unwrap_err();
        refused += 1;
    }
    println!("token: {refused} blinds of one bit refuse the right answer");
    assert_eq!(refused, 256);
}

#[test]
fn nobody_has_no_token() {
    let mut random = random(28);
    let challenge = Challenge::ask(request(), &mut random, START).unwrap();
    let answer = answer_of(&key(), &request(), challenge.nonce());
    challenge.verify(None, &answer, &request(), START, &ZERO).accept().unwrap_err();
}

#[test]
fn without_randomness_nothing_is_asked() {
    let mut dead = Random::<Noise>::new(Noise::new(Behaviour::Stuck(false), 1));
    let _fault = dead.start(Secret::new([1; 32]), b"").unwrap_err();
    let challenge = Challenge::ask(request(), &mut dead, START);
    assert!(matches!(challenge, Err(RandomError::Fault(_))));
}

#[test]
fn a_key_with_another_use_is_not_enrolled() {
    let bytes = key().public().to_bytes();
    let certified = [DeviceKey::from_seed(&Secret::new([1; 32])).public(), key().public()];
    let enroll = |known: &[_]| Token::enroll(&bytes, |key| known.contains(key)).map(|_| ());
    assert_eq!(enroll(&certified), Err(EnrollError::Known));
    assert_eq!(enroll(&certified[..1]), Ok(()));
    // No point, not the one encoding of a point, of small order: no key is asked about.
    for bytes in [[0xFF; 32], [0; 32], flipped(&[0; 32], 0)] {
        let made = Token::enroll(&bytes, |_| panic!("asked about no key"));
        assert_eq!(made, Err(EnrollError::Key));
    }
}

#[test]
fn each_bit_of_a_record_counts() {
    let bytes = token().encode();
    assert_eq!(Token::parse(&bytes), Ok(token()));
    let mut refused = 0;
    for bit in 0..8 * bytes.len() {
        Token::parse(&flipped(&bytes, bit)).unwrap_err();
        refused += 1;
    }
    println!("token: {refused} records with one bit changed are none");
    assert_eq!(refused, 384);
    let changed = |at: usize| {
        let mut bytes = bytes;
        bytes[at] ^= 2;
        Token::parse(&bytes).map(|_| ())
    };
    assert_eq!(changed(0), Err(TokenError::Version));
    assert_eq!(changed(1), Err(TokenError::Kind));
    assert_eq!(changed(2), Err(TokenError::Reserved));
    assert_eq!(changed(4), Err(TokenError::Key));
    assert_eq!(changed(47), Err(TokenError::Reserved));
    for length in 0..bytes.len() {
        Token::parse(&bytes[..length]).unwrap_err();
    }
    Token::parse(&[&bytes[..], &[0]].concat()).unwrap_err();
}

/// A key that was pressed so often.
struct Keys(u32);

impl Panel for Keys {
    fn take_press(&mut self) -> bool {
        let is_pressed = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        is_pressed
    }
}

#[test]
fn presence_comes_from_a_press_and_does_not_last() {
    let mut keys = Keys(1);
    let mut panel = &mut keys;
    let presence = Presence::ask(&mut panel, START).unwrap();
    assert!(Presence::ask(&mut panel, START).is_none(), "one press, one proof");
    let after = |ms: u64| Ticks::from_millis(START.as_millis() + ms);
    assert!(presence.is_fresh(START) && presence.is_fresh(after(PRESENCE_MS_MAX - 1)));
    assert!(!presence.is_fresh(after(PRESENCE_MS_MAX)));
    assert!(!presence.is_fresh(Ticks::from_millis(START.as_millis() - 1)));
}
