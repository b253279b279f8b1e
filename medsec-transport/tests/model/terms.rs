//! The functions of Noise over terms in place of bytes: nothing is computed, what was computed of what is written down.
//!
//! A term is a number, and its bytes hold that number, so the handshake of this crate carries terms about without knowing it. Two
//! terms are the same if and only if they were made the same way of the same things: no collisions, no guesses, no broken cipher.

use core::cell::RefCell;
use std::collections::HashMap;

use medsec_core::Secret;
use medsec_core::agreement::WeakKey;
use medsec_core::suite::{NotAuthentic, SealError};
use medsec_transport::noise::Primitives;

use crate::flaw::Flaw;

pub(crate) type Term = u32;
pub(crate) type SlotId = u32;

/// What a term is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Shape {
    /// The secret half of a key, or another secret, by a number of its own.
    Secret(u8),
    /// A text that is no term: a certificate, the body of a frame.
    Text(Box<[u8]>),
    /// The public half of a secret.
    Public(Term),
    /// What two secrets agree on; the lower one first.
    Shared(Term, Term),
    Hash(Box<[u8]>),
    /// Chaining key and input, and which of the three outputs.
    Derived(Box<[u8]>, u8),
    /// A text in its slot.
    Sealed(SlotId, Box<[u8]>),
}

/// What a ciphertext is sealed under; who opens it has to name the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Slot {
    pub(crate) key: [u8; 32],
    number: u64,
    pub(crate) ad: Box<[u8]>,
}

/// What suffices to compute a term.
#[derive(Debug)]
pub(crate) enum Needs {
    /// Nothing does.
    Nothing,
    All(Box<[Term]>),
    /// One secret and the public half of the other, either way.
    Either([[Term; 2]; 2]),
}

/// All terms that there are.
#[derive(Default)]
pub(crate) struct Terms {
    shapes: Vec<Shape>,
    needs: Vec<Needs>,
    numbers: HashMap<Shape, Term>,
    slots: Vec<Slot>,
    slot_numbers: HashMap<Slot, SlotId>,
    /// The ciphertexts of each slot.
    sealed: Vec<Vec<Term>>,
    /// Where the last decryption failed.
    missed: Option<SlotId>,
    flaw: Option<Flaw>,
}

thread_local! {
    static TERMS: RefCell<Terms> = RefCell::default();
}

/// Forgets all terms; from here on the functions have this flaw.
pub(crate) fn begin(flaw: Option<Flaw>) {
    TERMS.with_borrow_mut(|terms| *terms = Terms { flaw, ..Terms::default() });
}

pub(crate) fn with<T>(look: impl FnOnce(&Terms) -> T) -> T {
    TERMS.with_borrow(look)
}

/// The secret with this number.
pub(crate) fn secret(number: u8) -> Term {
    TERMS.with_borrow_mut(|terms| terms.term(Shape::Secret(number)))
}

pub(crate) fn text(bytes: &[u8]) -> Term {
    TERMS.with_borrow_mut(|terms| terms.term(Shape::Text(bytes.into())))
}

pub(crate) fn public(secret: Term) -> Term {
    TERMS.with_borrow_mut(|terms| terms.term(Shape::Public(secret)))
}

/// The term that these bytes are, if they are one.
pub(crate) fn term_of(bytes: &[u8]) -> Option<Term> {
    with(|terms| terms.term_of(bytes))
}

/// The slot in which a ciphertext was looked for last, and not found.
pub(crate) fn take_missed() -> Option<SlotId> {
    TERMS.with_borrow_mut(|terms| terms.missed.take())
}

/// The ciphertext of a text in a slot, and its tag.
pub(crate) fn seal(slot: SlotId, body: &[u8]) -> Term {
    TERMS.with_borrow_mut(|terms| terms.term(Shape::Sealed(slot, body.into())))
}

/// A public key by the number of its secret.
pub(crate) fn name(key: Term) -> String {
    with(|terms| {
        let Shape::Public(secret) = terms.shape(key) else { return String::new() };
        let Shape::Secret(number) = terms.shape(*secret) else { return String::new() };
        format!("key {number}")
    })
}

/// The 32 bytes of a term.
pub(crate) fn bytes(term: Term) -> [u8; 32] {
    let mut bytes = [0x55; 32];
    mark(&mut bytes, b"term", term);
    // Below the prime of the curve, so that a certificate can hold it.
    bytes[31] = 0;
    bytes
}

/// What a ciphertext of `length` bytes looks like, with its tag behind it.
pub(crate) fn ciphertext(term: Term, length: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; length];
    mark(&mut bytes, b"body", term);
    bytes.extend(tag(term));
    bytes
}

fn tag(term: Term) -> [u8; 16] {
    let mut bytes = [0xa5; 16];
    mark(&mut bytes, b"seal", term);
    bytes
}

fn mark(bytes: &mut [u8], name: &[u8; 4], term: Term) {
    if let Some((front, rest)) = bytes.split_first_chunk_mut() {
        *front = *name;
        if let Some(number) = rest.first_chunk_mut() {
            *number = term.to_le_bytes();
        }
    }
}

impl Terms {
    pub(crate) fn len(&self) -> usize {
        self.shapes.len()
    }

    pub(crate) fn shape(&self, term: Term) -> &Shape {
        &self.shapes[index(term)]
    }

    pub(crate) fn needs(&self, term: Term) -> &Needs {
        &self.needs[index(term)]
    }

    pub(crate) fn slot(&self, slot: SlotId) -> &Slot {
        &self.slots[index(slot)]
    }

    pub(crate) fn sealed(&self, slot: SlotId) -> &[Term] {
        &self.sealed[index(slot)]
    }

    /// Bytes of the text of a ciphertext.
    pub(crate) fn length(&self, sealed: Term) -> usize {
        if let Shape::Sealed(_, text) = self.shape(sealed) { text.len() } else { 0 }
    }

    /// The terms among these parts; what is no term everybody knows.
    pub(crate) fn among(&self, parts: &[&[u8]]) -> Vec<Term> {
        parts.iter().filter_map(|part| self.term_of(part)).collect()
    }

    fn term_of(&self, bytes: &[u8]) -> Option<Term> {
        let number = || Some(Term::from_le_bytes(*bytes.get(4..)?.first_chunk()?));
        match bytes {
            [b't', b'e', b'r', b'm', ..] if bytes.len() == 32 => number(),
            [b's', b'e', b'a', b'l', ..] if bytes.len() == 16 => number(),
            [b'b', b'o', b'd', b'y', ..] => number(),
            [] => None,
            _ => self.numbers.get(&Shape::Text(bytes.into())).copied(),
        }
    }

    fn term(&mut self, shape: Shape) -> Term {
        if let Some(term) = self.numbers.get(&shape) {
            return *term;
        }
        let needs = match &shape {
            Shape::Secret(_) | Shape::Text(_) => Needs::Nothing,
            Shape::Public(secret) => Needs::All([*secret].into()),
            Shape::Shared(low, high) => {
                let (low, high) = (*low, *high);
                let [low_public, high_public] =
                    [low, high].map(|secret| self.term(Shape::Public(secret)));
                Needs::Either([[low, high_public], [high, low_public]])
            }
            // `computed` makes these, which knows the parts.
            Shape::Hash(_) | Shape::Derived(..) => Needs::Nothing,
            Shape::Sealed(slot, body) => {
                let Slot { key, ad, .. } = self.slot(*slot);
                Needs::All(self.among(&[key, ad, body]).into())
            }
        };
        let term = self.add(shape, needs);
        if let Shape::Sealed(slot, _) = *self.shape(term) {
            self.sealed[index(slot)].push(term);
        }
        term
    }

    /// A term that is computed of these parts.
    fn computed(&mut self, shape: Shape, parts: &[&[u8]]) -> Term {
        match self.numbers.get(&shape) {
            Some(term) => *term,
            None => {
                let needs = Needs::All(self.among(parts).into());
                self.add(shape, needs)
            }
        }
    }

    fn add(&mut self, shape: Shape, needs: Needs) -> Term {
        let term = Term::try_from(self.shapes.len()).unwrap();
        self.shapes.push(shape.clone());
        self.needs.push(needs);
        self.numbers.insert(shape, term);
        term
    }

    fn slot_of(&mut self, key: &[u8; 32], number: u64, ad: &[u8]) -> SlotId {
        let ad = if self.flaw == Some(Flaw::NothingBeside) { &[] } else { ad };
        let slot = Slot { key: *key, number, ad: ad.into() };
        if let Some(id) = self.slot_numbers.get(&slot) {
            return *id;
        }
        let id = SlotId::try_from(self.slots.len()).unwrap();
        self.slots.push(slot.clone());
        self.sealed.push(Vec::new());
        self.slot_numbers.insert(slot, id);
        id
    }

    /// The secret of a public key, for who computes on behalf of its holder.
    fn secret_of(&self, public: &[u8; 32]) -> Option<Term> {
        let shape = self.shapes.get(index(self.term_of(public)?))?;
        if let Shape::Public(secret) = shape { Some(*secret) } else { None }
    }

    fn open(&self, slot: SlotId, body: &mut [u8], tag: &[u8; 16]) -> bool {
        let Some(term) = self.term_of(tag) else { return false };
        let Some(Shape::Sealed(own, text)) = self.shapes.get(index(term)) else { return false };
        let is_whole = [&*body, tag].concat() == ciphertext(term, text.len());
        let is_open = *own == slot && is_whole;
        if is_open {
            body.copy_from_slice(text);
        }
        is_open
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

/// The functions of the model.
pub(crate) struct Symbolic;

/// A key and the number of its next message.
pub(crate) struct Cipher {
    pub(crate) key: [u8; 32],
    number: u64,
}

impl Primitives for Symbolic {
    const NAME: &'static str = "terms";
    type KeyPair = Term;
    type CipherState = Cipher;

    fn key_pair(secret: Secret<32>) -> Term {
        term_of(secret.expose()).unwrap()
    }

    fn public(pair: &Term) -> [u8; 32] {
        bytes(public(*pair))
    }

    fn is_key(bytes: &[u8; 32]) -> bool {
        with(|terms| terms.secret_of(bytes).is_some() || terms.flaw == Some(Flaw::WeakKeys))
    }

    fn dh(pair: &Term, public: &[u8; 32]) -> Result<Secret<32>, WeakKey> {
        TERMS.with_borrow_mut(|terms| match terms.secret_of(public) {
            Some(other) => {
                let shared = Shape::Shared(other.min(*pair), other.max(*pair));
                Ok(Secret::new(bytes(terms.term(shared))))
            }
            None if terms.flaw == Some(Flaw::WeakKeys) => Ok(Secret::new([0; 32])),
            None => Err(WeakKey),
        })
    }

    fn hash(parts: &[&[u8]]) -> [u8; 32] {
        TERMS.with_borrow_mut(|terms| {
            if terms.flaw == Some(Flaw::NothingMixed) {
                return *parts[0].first_chunk().unwrap();
            }
            bytes(terms.computed(Shape::Hash(parts.concat().into()), parts))
        })
    }

    fn hkdf(chaining_key: &Secret<32>, input: &[u8]) -> [Secret<32>; 3] {
        TERMS.with_borrow_mut(|terms| {
            let parts = [&chaining_key.expose()[..], input];
            let is_same = terms.flaw == Some(Flaw::OneKey) && input.is_empty();
            [0, u8::from(!is_same), 2].map(|output| {
                let shape = Shape::Derived(parts.concat().into(), output);
                Secret::new(bytes(terms.computed(shape, &parts)))
            })
        })
    }

    fn cipher(key: &Secret<32>) -> Cipher {
        Cipher { key: *key.expose(), number: 0 }
    }

    fn encrypt(cipher: &mut Cipher, ad: &[u8], body: &mut [u8]) -> Result<[u8; 16], SealError> {
        TERMS.with_borrow_mut(|terms| {
            let slot = terms.slot_of(&cipher.key, cipher.number, ad);
            cipher.number += 1;
            let sealed = terms.term(Shape::Sealed(slot, (&*body).into()));
            body.copy_from_slice(&ciphertext(sealed, body.len())[..body.len()]);
            Ok(tag(sealed))
        })
    }

    fn decrypt(
        cipher: &mut Cipher,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        Self::decrypt_uncounted(cipher, ad, body, tag)?;
        cipher.number += 1;
        Ok(())
    }

    fn decrypt_uncounted(
        cipher: &Cipher,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        TERMS.with_borrow_mut(|terms| {
            let slot = terms.slot_of(&cipher.key, cipher.number, ad);
            if terms.open(slot, body, tag) {
                return Ok(());
            }
            body.fill(0);
            terms.missed = Some(slot);
            Err(NotAuthentic)
        })
    }
}
