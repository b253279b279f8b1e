//! The chaining key, the handshake hash and the key in force (Noise revision 34, §5.2).

use medsec_core::Secret;
use medsec_core::suite::{NotAuthentic, SealError, TAG_BYTES};

use super::primitives::Primitives;

/// A symmetric state, of the side that writes the next message or has read the last one.
pub(super) struct SymmetricState<P: Primitives> {
    h: [u8; 32],
    ck: Secret<32>,
    cipher: Option<P::CipherState>,
}

impl<P: Primitives> SymmetricState<P> {
    /// `InitializeSymmetric` with the name of the protocol: `Noise_`, the pattern, `_`, the functions.
    pub(super) fn new(pattern: &str) -> Self {
        let parts = ["Noise_", pattern, "_", P::NAME].map(str::as_bytes);
        let mut name = [0; 32];
        let mut free = name.iter_mut();
        let mut is_short = true;
        for byte in parts.into_iter().flatten() {
            match free.next() {
                Some(slot) => *slot = *byte,
                None => is_short = false,
            }
        }
        let h = if is_short { name } else { P::hash(&parts) };
        Self { h, ck: Secret::new(h), cipher: None }
    }

    /// `GetHandshakeHash`.
    pub(super) const fn handshake_hash(&self) -> [u8; 32] {
        self.h
    }

    /// Whether what is written next is encrypted.
    pub(super) const fn has_key(&self) -> bool {
        self.cipher.is_some()
    }

    /// `MixHash`.
    pub(super) fn mix_hash(&mut self, data: &[&[u8]; 2]) {
        let [first, second] = data;
        self.h = P::hash(&[&self.h, first, second]);
    }

    /// `MixKey`.
    pub(super) fn mix_key(&mut self, input: &[u8]) {
        let [ck, key, _] = P::hkdf(&self.ck, input);
        self.ck = ck;
        self.cipher = Some(P::cipher(&key));
    }

    /// `MixKeyAndHash`.
    pub(super) fn mix_key_and_hash(&mut self, input: &Secret<32>) {
        let [ck, hash, key] = P::hkdf(&self.ck, input.expose());
        self.ck = ck;
        self.mix_hash(&[hash.expose(), &[]]);
        self.cipher = Some(P::cipher(&key));
    }

    /// `EncryptAndHash`, in place; no tag as long as there is no key.
    pub(super) fn encrypt_and_hash(
        &mut self,
        text: &mut [u8],
    ) -> Result<Option<[u8; TAG_BYTES]>, SealError> {
        let tag = match &mut self.cipher {
            Some(cipher) => Some(P::encrypt(cipher, &self.h, text)?),
            None => None,
        };
        self.mix_hash(&[text, tag.as_ref().map_or(&[], <[u8; TAG_BYTES]>::as_slice)]);
        Ok(tag)
    }

    /// The state while a message is read. Nothing of it counts before [`commit`](Self::commit).
    pub(super) const fn read(&self) -> Reading<'_, P> {
        let next = Self { h: self.h, ck: self.ck.duplicate(), cipher: None };
        Reading { before: self.cipher.as_ref(), next }
    }

    /// The state after a message that was found good as a whole.
    pub(super) fn commit(&mut self, read: Self) {
        self.h = read.h;
        self.ck = read.ck;
        // A message that was encrypted brings a new key, by the soundness of patterns: the number of the old one that it used
        // needs no account.
        if read.cipher.is_some() {
            self.cipher = read.cipher;
        }
    }

    /// `Split`: the keys from the initiator to the responder, and back.
    pub(super) fn split(self) -> [P::CipherState; 2] {
        let [first, second, _] = P::hkdf(&self.ck, &[]);
        [P::cipher(&first), P::cipher(&second)]
    }
}

/// A symmetric state while a message is read.
pub(super) struct Reading<'a, P: Primitives> {
    /// The key from before the message, which is only lent: no key exists twice on a side that encrypts with it.
    before: Option<&'a P::CipherState>,
    next: SymmetricState<P>,
}

impl<P: Primitives> Reading<'_, P> {
    /// Whether what is read next is encrypted.
    pub(super) const fn has_key(&self) -> bool {
        self.next.has_key() || self.before.is_some()
    }

    /// The state that messages mix into.
    pub(super) const fn state(&mut self) -> &mut SymmetricState<P> {
        &mut self.next
    }

    /// `DecryptAndHash`, in place, of a text and its tag.
    pub(super) fn decrypt_and_hash(
        &mut self,
        text: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        let h = self.next.h;
        // The hash is over what was sent, which decryption replaces.
        self.next.mix_hash(&[text, tag]);
        match (&mut self.next.cipher, self.before) {
            (Some(cipher), _) => P::decrypt(cipher, &h, text, tag),
            // A message has one text at most before it makes a key, by the soundness of patterns.
            (None, Some(cipher)) => P::decrypt_uncounted(cipher, &h, text, tag),
            (None, None) => Err(NotAuthentic),
        }
    }

    /// What is to be [committed](SymmetricState::commit).
    pub(super) fn finish(self) -> SymmetricState<P> {
        self.next
    }
}
