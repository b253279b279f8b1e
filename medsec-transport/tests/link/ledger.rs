//! Every use of a cipher key by a device, over links and in files, under each set of faults: is a key met by one number with two contents?
//!
//! The ledger looks from outside. It knows what was encrypted, so it has the front of the keystream of each message, which is that of the same
//! key and number and of no other.

use std::collections::HashMap;

use medsec_core::Secret;
use medsec_core::identity::certificate::{Kind, Kinds};
use medsec_core::identity::trust::Stage;
use medsec_core::rng::{Random, ratchet};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, Suite};
use medsec_sim::rng::Noise;
use medsec_transport::frame::{Channel, SendError, Sender, overhead};
use medsec_transport::link::Judging;
use medsec_transport::sealed_file::{self, Content, FileWriter, HEADER_BYTES_MAX, Recipients};

use crate::parties::{Attempt, OWNER, Party, Setting, device, signer, tool};

/// Boots under each set of faults.
const LIVES: u64 = 6;
/// Bytes of keystream by which a pair of key and number is known.
const FRONT_BYTES: usize = 16;
/// Bytes of what is said.
const BODY_BYTES: usize = 32;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is there or not")]
struct Faults {
    /// The flash is set back before each boot.
    rollback: bool,
    /// The noise is that of the boot before.
    stuck: bool,
    /// Each boot is done by two devices of one image.
    clone: bool,
    /// A use ends early, and is begun again with other content; a call fails, and is repeated with other content.
    torn: bool,
    /// The peer says what it said before, with the keys it had.
    peer: bool,
}

impl Faults {
    fn all() -> impl Iterator<Item = Self> {
        (0..32).map(|bits: u32| Self {
            rollback: bits & 1 != 0,
            stuck: bits & 2 != 0,
            clone: bits & 4 != 0,
            torn: bits & 8 != 0,
            peer: bits & 16 != 0,
        })
    }

    fn count(self) -> usize {
        [self.rollback, self.stuck, self.clone, self.torn, self.peer].map(usize::from).iter().sum()
    }
}

/// A rule that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    None,
    /// Noise does not enter the device's keys.
    NoNoise,
    /// The seed is the same in each boot.
    NoRatchet,
    /// Two frames are sealed by hand under one number: the ledger has to see it.
    SameNumber,
}

/// What a device does with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Use {
    Link(Attempt),
    File,
}

const USES: [Use; 4] = [
    Use::Link(Attempt::Certified),
    Use::Link(Attempt::Labelled(7)),
    Use::Link(Attempt::Pinned),
    Use::File,
];

/// What the documentation lists.
fn is_listed(faults: Faults, of: Use) -> bool {
    let is_same_draw = faults.stuck && (faults.rollback || faults.clone);
    is_same_draw && (of == Use::File || faults.peer)
}

#[derive(Default)]
struct Ledger {
    seen: HashMap<Vec<u8>, Vec<u8>>,
    uses: u64,
    broken: u64,
}

impl Ledger {
    /// A message that begins with the encryption of `plain`.
    fn message(&mut self, sealed: &[u8], plain: &[u8]) {
        let pairs = sealed.iter().zip(plain).take(FRONT_BYTES);
        let front: Vec<u8> = pairs.map(|(sealed, plain)| sealed ^ plain).collect();
        assert_eq!(front.len(), FRONT_BYTES);
        self.pair(front, plain);
    }

    fn pair(&mut self, name: Vec<u8>, content: &[u8]) {
        self.uses += 1;
        let before = self.seen.insert(name, content.to_vec());
        self.broken += u64::from(before.is_some_and(|before| before != content));
    }
}

/// A device, life after life.
struct World<'w> {
    setting: &'w Setting,
    faults: Faults,
    flaw: Flaw,
    ledger: Ledger,
    said: u64,
}

impl World<'_> {
    /// What is said next: never the same.
    fn body(&mut self) -> [u8; BODY_BYTES] {
        self.said += 1;
        let mut body = [0; BODY_BYTES];
        *body.first_chunk_mut().unwrap() = self.said.to_le_bytes();
        body
    }

    /// Another body, for a call that fails: nothing of it may be in what it was to be written to.
    fn fails(&mut self, call: impl FnOnce(&[u8], &mut [u8]) -> bool) {
        let (body, mut short) = (self.body(), [0; BODY_BYTES]);
        assert!(call(&body, &mut short));
        assert_eq!(short, [0; BODY_BYTES]);
    }

    fn live<S: Suite, const WORDS: usize>(&mut self, of: Use) {
        let mut seed = Secret::new([3; 32]);
        for life in 0..LIVES {
            let first_of_image = !self.faults.clone || life.is_multiple_of(2);
            if first_of_image && !self.faults.rollback && self.flaw != Flaw::NoRatchet {
                seed = ratchet(&seed);
            }
            let is_silent = self.faults.stuck || self.flaw == Flaw::NoNoise;
            let mut random = Random::new(Noise::<1000>::good(if is_silent { 0 } else { life }));
            random.start(seed.duplicate(), b"a device").unwrap();
            // How far a life goes in which something tears.
            let steps = if self.faults.torn { life % 3 } else { 3 };
            match of {
                Use::Link(attempt) => self.link::<S, WORDS>(attempt, life, steps, &mut random),
                Use::File => self.file::<S>(steps, &mut random),
            }
        }
    }

    fn link<S: Suite, const WORDS: usize>(
        &mut self,
        attempt: Attempt,
        life: u64,
        steps: u64,
        random: &mut Random<Noise>,
    ) {
        let setting = self.setting;
        let run = if self.faults.peer { 0 } else { life };
        let (mut peer, first) = setting.begin::<S, WORDS>(run);
        let (mut handshake, second) = setting.accept_with::<S, WORDS>(&first, random).unwrap();
        if attempt != Attempt::Pinned {
            let (_, encrypted) = second.split_at(33);
            let certificate = &setting.responder.certificate;
            let key = certificate.agreement_key().unwrap().to_bytes();
            self.ledger.message(encrypted, &key);
            self.ledger.message(encrypted.split_at(48).1, &certificate.to_wire());
        }
        let mut third = [0; 300];
        if let Some(third) = peer.receive(&mut second.clone(), &mut third).unwrap() {
            handshake.receive(&mut third.bytes().to_vec(), &mut []).unwrap();
        }
        let [mut peer, mut link] = [peer, handshake].map(|side| setting.establish(side));
        let mut out = [0; BODY_BYTES + 19];
        if !link.is_confirmed() {
            let mut frame = peer.seal(Channel::App, true, &[1], &mut out).unwrap().bytes().to_vec();
            link.open(&mut frame).unwrap();
        }
        for _ in 0..steps {
            if self.faults.torn {
                self.fails(|body, short| {
                    link.seal(Channel::App, true, body, short).err() == Some(SendError::Length)
                });
            }
            let body = self.body();
            let frame = link.seal(Channel::App, true, &body, &mut out).unwrap();
            let (_, sealed) = frame.bytes().split_at(overhead::<WORDS>() - 16);
            self.ledger.message(sealed, &body);
        }
        if self.flaw == Flaw::SameNumber && self.faults.torn {
            self.sealed_again::<S, WORDS>(life);
        }
    }

    /// As a sender would that goes back to the state before what it could not send.
    fn sealed_again<S: Suite, const WORDS: usize>(&mut self, life: u64) {
        let [byte, ..] = life.to_le_bytes();
        for _ in 0..2 {
            let mut sender =
                Sender::<S, WORDS>::new(CipherState::new(&Secret::new([byte | 0x80; 32])));
            let (body, mut out) = (self.body(), [0; BODY_BYTES + 19]);
            let frame = sender.seal(Channel::App, true, &body, &mut out).unwrap();
            let (_, sealed) = frame.bytes().split_at(overhead::<WORDS>() - 16);
            self.ledger.message(sealed, &body);
        }
    }

    fn file<S: Suite>(&mut self, steps: u64, random: &mut Random<Noise>) {
        let (key, own) = (signer(20), device().certificate);
        let Judging { trust, today, stage, .. } =
            self.setting.judging(Kinds::NONE, Stage::Service, None);
        let reader = Party::new(Kind::Recipient, OWNER, 40).certificate;
        let to = Recipients::judge(&[reader], trust, today, stage).unwrap();
        let mut out = [0; HEADER_BYTES_MAX];
        let from = sealed_file::Sender { key: &key, certificate: &own };
        let (mut writer, header) =
            FileWriter::<S>::begin(from, Content::Audit, &to, random, &mut out).unwrap();
        // The file's key, which only its recipient knows: its stanza has the key it was sealed to, and then what was sealed.
        let (_, stanza) = header.bytes().split_at(224 + 8);
        let (name, sealed) = stanza.split_at(32);
        self.ledger.pair(name.to_vec(), sealed.split_at(48).0);
        for _ in 0..steps {
            if self.faults.torn {
                self.fails(|body, short| writer.chunk(body, short).is_err());
            }
            let (body, mut out) = (self.body(), [0; BODY_BYTES + 18]);
            let chunk = writer.chunk(&body, &mut out).unwrap();
            self.ledger.message(chunk.bytes().split_at(2).1, &body);
        }
        if !self.faults.torn {
            let (body, mut out) = (self.body(), [0; BODY_BYTES + 18 + 64]);
            let end = writer.finish(&key, &body, &mut out).unwrap();
            self.ledger.message(end.bytes().split_at(2).1, &body);
        }
    }
}

/// Uses of keys under these faults, and those that met a key's number with other content.
fn counted(faults: Faults, flaw: Flaw, of: Use) -> (u64, u64) {
    let attempt = if let Use::Link(attempt) = of { attempt } else { Attempt::Certified };
    let setting = Setting::new(tool(), device(), attempt);
    let world = || World { setting: &setting, faults, flaw, ledger: Ledger::default(), said: 0 };
    let mut suites = [world(), world(), world(), world()];
    let [one, two, three, four] = &mut suites;
    one.live::<Aes256Gcm, 0>(of);
    two.live::<Aes256Gcm, 1>(of);
    three.live::<ChaCha20Poly1305, 0>(of);
    four.live::<ChaCha20Poly1305, 1>(of);
    let sum = |count: fn(&Ledger) -> u64| suites.iter().map(|world| count(&world.ledger)).sum();
    (sum(|ledger| ledger.uses), sum(|ledger| ledger.broken))
}

/// One fault breaks nothing, and more of them what the documentation lists.
#[test]
fn no_one_fault_has_a_key_meet_a_number_twice() {
    let (mut sets, mut sum, mut pairs) = (0, 0, Vec::new());
    for faults in Faults::all() {
        for of in USES {
            let (uses, broken) = counted(faults, Flaw::None, of);
            assert_eq!(broken > 0, is_listed(faults, of), "{faults:?} {of:?}: {broken} of {uses}");
            assert!(broken == 0 || faults.count() > 1, "{faults:?} {of:?}");
            if broken > 0 && faults.count() == 2 {
                pairs.push(of);
            }
            (sets, sum) = (sets + 1, sum + uses);
        }
    }
    // Rollback, or a clone, with noise that is stuck: files alone.
    assert_eq!(pairs, [Use::File, Use::File]);
    println!("ledger: {sets} sets of faults and uses, {sum} uses of keys, 0 broken by one fault");
    assert_eq!((sets, sum), (128, 10_368));
}

/// Without a rule one fault is enough, and the ledger sees it.
#[test]
fn without_a_rule_one_fault_is_enough() {
    let falls = |flaw: Flaw, fault: fn(&mut Faults), of: Use| {
        let mut faults = Faults::all().next().unwrap();
        fault(&mut faults);
        assert_eq!(faults.count(), 1);
        assert_eq!(counted(faults, Flaw::None, of).1, 0);
        assert!(counted(faults, flaw, of).1 > 0, "{flaw:?} {faults:?} {of:?}");
    };
    falls(Flaw::NoNoise, |faults| faults.rollback = true, Use::File);
    falls(Flaw::NoNoise, |faults| faults.clone = true, Use::File);
    falls(Flaw::NoRatchet, |faults| faults.stuck = true, Use::File);
    falls(Flaw::SameNumber, |faults| faults.torn = true, Use::Link(Attempt::Certified));
}
