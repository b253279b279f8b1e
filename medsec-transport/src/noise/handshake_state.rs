//! A handshake, message by message (Noise revision 34, §5.3).

use medsec_core::Secret;
use medsec_core::agreement::WeakKey;
use medsec_core::suite::{NotAuthentic, SealError, TAG_BYTES};

use super::pattern::{Pattern, Token};
use super::primitives::Primitives;
use super::symmetric_state::{Reading, SymmetricState};

/// Bytes of a public key.
const KEY_BYTES: usize = 32;
/// Longest message, in bytes (§3).
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// Who writes the first message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Role {
    /// This side does.
    Initiator,
    /// The other side does.
    Responder,
}

/// Why a handshake cannot begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BeginError {
    /// The pattern starts from the other side's static key, and there is none; or the other way round.
    Static,
    /// The pattern needs a secret that both sides have, and there is none; or the other way round.
    Psk,
    /// The other side's static key is weak or not canonical.
    WeakKey,
}

impl core::fmt::Display for BeginError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Static => "static key of the other side is missing or superfluous",
            Self::Psk => "shared secret is missing or superfluous",
            Self::WeakKey => "static key of the other side is weak or not canonical",
        })
    }
}

impl core::error::Error for BeginError {}

/// Why no message was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The other side writes next, or nobody does.
    Turn,
    /// The message needs an ephemeral key, and none was given.
    Ephemeral,
    /// The buffer is shorter than the message, or the message would be longer than [`MESSAGE_BYTES_MAX`]. Nothing changed.
    Length,
    /// A key or the cipher was refused. The handshake is over.
    Failed,
}

impl core::fmt::Display for WriteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Turn => "not this side's turn",
            Self::Ephemeral => "no ephemeral key",
            Self::Length => "message does not fit",
            Self::Failed => "handshake failed",
        })
    }
}

impl core::error::Error for WriteError {}

impl From<WeakKey> for WriteError {
    fn from(_: WeakKey) -> Self {
        Self::Failed
    }
}

impl From<SealError> for WriteError {
    fn from(_: SealError) -> Self {
        Self::Failed
    }
}

/// Why a message was refused. Nothing changed: the true message can still come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// This side writes next, or nobody does.
    Turn,
    /// Too short for its keys and tags, or longer than [`MESSAGE_BYTES_MAX`].
    Length,
    /// A key in it is weak or not canonical.
    WeakKey,
    /// Not from a side with the keys of this handshake, or changed since.
    NotAuthentic,
}

impl core::fmt::Display for ReadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Turn => "not the other side's turn",
            Self::Length => "too short or too long",
            Self::WeakKey => "weak key",
            Self::NotAuthentic => "not authentic",
        })
    }
}

impl core::error::Error for ReadError {}

impl From<WeakKey> for ReadError {
    fn from(_: WeakKey) -> Self {
        Self::WeakKey
    }
}

impl From<NotAuthentic> for ReadError {
    fn from(_: NotAuthentic) -> Self {
        Self::NotAuthentic
    }
}

/// What reading a message gives: the state after it, the other side's keys, and the payload.
type Read<'m, P> = (SymmetricState<P>, Remote, &'m mut [u8]);

/// The other side's public keys, as far as they are known.
#[derive(Clone, Copy)]
struct Remote {
    s: Option<[u8; KEY_BYTES]>,
    e: Option<[u8; KEY_BYTES]>,
}

/// A handshake of this side with one other.
///
/// # Limits
/// At most 300 bytes beside the cipher. Each message costs at most three agreements.
///
/// # Security
/// A message that is refused changes nothing, so that who can send on the wire, but has no keys, cannot end a handshake. A
/// key that was proven is not a person or device: whose it is says the certificate in the payload.
pub struct HandshakeState<'s, P: Primitives> {
    pattern: &'static Pattern,
    role: Role,
    /// Index of the message that comes next.
    next: usize,
    symmetric: SymmetricState<P>,
    s: &'s P::KeyPair,
    e: Option<P::KeyPair>,
    remote: Remote,
    psk: Option<Secret<32>>,
}

impl<'s, P: Primitives> HandshakeState<'s, P> {
    /// `Initialize` (§5.3): begins a handshake; both sides give the same `prologue`, in two parts.
    ///
    /// `remote` is the other side's static key and `psk` the secret both sides have, where the pattern wants them.
    ///
    /// # Errors
    /// [`BeginError`], as it says.
    pub fn new(
        pattern: &'static Pattern,
        role: Role,
        prologue: &[&[u8]; 2],
        s: &'s P::KeyPair,
        remote: Option<&[u8; KEY_BYTES]>,
        psk: Option<Secret<32>>,
    ) -> Result<Self, BeginError> {
        if remote.is_some() != pattern.knows_statics {
            return Err(BeginError::Static);
        }
        if psk.is_some() != pattern.has_psk {
            return Err(BeginError::Psk);
        }
        let mut symmetric = SymmetricState::new(pattern.name);
        symmetric.mix_hash(prologue);
        if let Some(remote) = remote {
            if !P::is_key(remote) {
                return Err(BeginError::WeakKey);
            }
            let own = P::public(s);
            let (initiator, responder) = match role {
                Role::Initiator => (&own, remote),
                Role::Responder => (remote, &own),
            };
            symmetric.mix_hash(&[initiator, &[]]);
            symmetric.mix_hash(&[responder, &[]]);
        }
        let remote = Remote { s: remote.copied(), e: None };
        Ok(Self { pattern, role, next: 0, symmetric, s, e: None, remote, psk })
    }

    /// Gives the secret of this side's ephemeral key, once and before the first message it writes.
    ///
    /// It is used for this handshake alone: a fresh one from [`Random`](medsec_core::rng::Random), into which a responder mixes the
    /// first message.
    pub fn set_ephemeral(&mut self, secret: Secret<32>) {
        // One that was sent already stays.
        if self.e.is_none() {
            self.e = Some(P::key_pair(secret));
        }
    }

    /// Who writes the first message.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether this side writes the next message.
    #[must_use]
    pub fn is_to_write(&self) -> bool {
        self.next < self.pattern.messages.len()
            && self.next.is_multiple_of(2) == (self.role == Role::Initiator)
    }

    /// Whether all messages were written and read, and none failed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.next == self.pattern.messages.len()
    }

    /// Bytes of the message that comes next, without its payload; 0 if none does.
    #[must_use]
    pub fn overhead(&self) -> usize {
        let tokens = self.pattern.messages.get(self.next).copied().unwrap_or_default();
        let mut has_key = self.symmetric.has_key();
        let mut bytes = 0_usize;
        for token in tokens {
            bytes = bytes.saturating_add(match token {
                Token::E => KEY_BYTES,
                // Never in clear, by the soundness of patterns.
                Token::S => KEY_BYTES.saturating_add(TAG_BYTES),
                Token::Ee | Token::Es | Token::Se | Token::Ss | Token::Psk => 0,
            });
            has_key |= *token != Token::S && (*token != Token::E || self.pattern.has_psk);
        }
        let is_last_tagged = has_key && !tokens.is_empty();
        bytes.saturating_add(if is_last_tagged { TAG_BYTES } else { 0 })
    }

    /// The other side's static key: from the start where the pattern says so, or else from the message that proves it.
    #[must_use]
    pub const fn remote_static(&self) -> Option<[u8; KEY_BYTES]> {
        self.remote.s
    }

    /// A hash over all that was said so far, the same on both sides (§5.2).
    #[must_use]
    pub const fn handshake_hash(&self) -> [u8; 32] {
        self.symmetric.handshake_hash()
    }

    /// `WriteMessage` (§5.3): writes the next message with `payload` to the front of `out`, and returns it.
    ///
    /// # Errors
    /// [`WriteError`], as it says.
    pub fn write_message<'m>(
        &mut self,
        payload: &[u8],
        out: &'m mut [u8],
    ) -> Result<&'m mut [u8], WriteError> {
        if !self.is_to_write() {
            return Err(WriteError::Turn);
        }
        if self.e.is_none() {
            return Err(WriteError::Ephemeral);
        }
        let bytes = self.overhead().checked_add(payload.len()).ok_or(WriteError::Length)?;
        if bytes > MESSAGE_BYTES_MAX {
            return Err(WriteError::Length);
        }
        let message = out.get_mut(..bytes).ok_or(WriteError::Length)?;
        let pattern = self.pattern;
        let tokens = pattern.messages.get(self.next).copied().unwrap_or_default();
        // Until all of it is written the handshake counts as ended.
        let next = self.next.saturating_add(1);
        self.next = usize::MAX;
        self.write_tokens(tokens, payload, message)?;
        self.next = next;
        Ok(message)
    }

    fn write_tokens(
        &mut self,
        tokens: &[Token],
        payload: &[u8],
        message: &mut [u8],
    ) -> Result<(), WriteError> {
        let mut rest = message;
        for token in tokens {
            match token {
                Token::E => {
                    let public = P::public(self.e.as_ref().ok_or(WriteError::Ephemeral)?);
                    rest = put(rest, &public)?;
                    self.symmetric.mix_hash(&[&public, &[]]);
                    if self.pattern.has_psk {
                        self.symmetric.mix_key(&public);
                    }
                }
                Token::S => rest = self.write_text(&P::public(self.s), rest)?,
                Token::Psk => {
                    self.symmetric.mix_key_and_hash(self.psk.as_ref().ok_or(WriteError::Failed)?);
                }
                Token::Ee | Token::Es | Token::Se | Token::Ss => {
                    let shared = self.agree(*token, self.remote)?;
                    self.symmetric.mix_key(shared.expose());
                }
            }
        }
        self.write_text(payload, rest)?;
        Ok(())
    }

    /// Writes a text, encrypted if there is a key, and returns what is free after it.
    fn write_text<'m>(
        &mut self,
        text: &[u8],
        free: &'m mut [u8],
    ) -> Result<&'m mut [u8], WriteError> {
        let (body, free) = free.split_at_mut_checked(text.len()).ok_or(WriteError::Length)?;
        put(body, text)?;
        match self.symmetric.encrypt_and_hash(body)? {
            Some(tag) => put(free, &tag),
            None => Ok(free),
        }
    }

    /// `ReadMessage` (§5.3): reads the next message in place, and returns its payload.
    ///
    /// # Errors
    /// [`ReadError`]: the handshake is as it was; `message` then holds no plaintext of a payload.
    pub fn read_message<'m>(&mut self, message: &'m mut [u8]) -> Result<&'m mut [u8], ReadError> {
        self.read_message_if(message, |payload, _| Ok(payload))
    }

    /// Reads the next message as [`read_message`](Self::read_message) does, if its payload pleases `judge`, which is also given the
    /// other side's static key, where it is known by then.
    ///
    /// # Errors
    /// [`ReadError`], or what `judge` said: the handshake is as it was.
    pub fn read_message_if<'m, T, E: From<ReadError>>(
        &mut self,
        message: &'m mut [u8],
        judge: impl FnOnce(&'m mut [u8], Option<[u8; KEY_BYTES]>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (read, remote, payload) = self.read_tokens(message)?;
        let judged = judge(payload, remote.s)?;
        self.symmetric.commit(read);
        self.remote = remote;
        self.next = self.next.saturating_add(1);
        Ok(judged)
    }

    fn read_tokens<'m>(&self, message: &'m mut [u8]) -> Result<Read<'m, P>, ReadError> {
        if self.is_to_write() || self.next >= self.pattern.messages.len() {
            return Err(ReadError::Turn);
        }
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ReadError::Length);
        }
        let tokens = self.pattern.messages.get(self.next).copied().unwrap_or_default();
        let mut remote = self.remote;
        let mut reading = self.symmetric.read();
        let mut rest = message;
        for token in tokens {
            match token {
                Token::E => {
                    let public = take::<KEY_BYTES>(&mut rest)?;
                    if !P::is_key(public) {
                        return Err(ReadError::WeakKey);
                    }
                    remote.e = Some(*public);
                    reading.state().mix_hash(&[public, &[]]);
                    if self.pattern.has_psk {
                        reading.state().mix_key(public);
                    }
                }
                Token::S => {
                    let public = take::<KEY_BYTES>(&mut rest)?;
                    let tag = take::<TAG_BYTES>(&mut rest)?;
                    // A static key in clear is in no pattern here, and is refused.
                    reading.decrypt_and_hash(public, tag)?;
                    if !P::is_key(public) {
                        return Err(ReadError::WeakKey);
                    }
                    remote.s = Some(*public);
                }
                Token::Psk => {
                    let psk = self.psk.as_ref().ok_or(ReadError::NotAuthentic)?;
                    reading.state().mix_key_and_hash(psk);
                }
                Token::Ee | Token::Es | Token::Se | Token::Ss => {
                    let shared = self.agree(*token, remote)?;
                    reading.state().mix_key(shared.expose());
                }
            }
        }
        let payload = read_text(&mut reading, rest)?;
        Ok((reading.finish(), remote, payload))
    }

    /// The agreement that a token names, from this side.
    fn agree(&self, token: Token, remote: Remote) -> Result<Secret<32>, WeakKey> {
        let is_initiator = self.role == Role::Initiator;
        let (is_own_static, is_remote_static) = match token {
            Token::Es => (!is_initiator, is_initiator),
            Token::Se => (is_initiator, !is_initiator),
            Token::Ss => (true, true),
            Token::Ee | Token::E | Token::S | Token::Psk => (false, false),
        };
        let own = if is_own_static { Some(self.s) } else { self.e.as_ref() };
        let public = if is_remote_static { remote.s } else { remote.e };
        P::dh(own.ok_or(WeakKey)?, &public.ok_or(WeakKey)?)
    }

    /// `Split` (§5.2): what a finished handshake leaves; none if it is not finished or has failed.
    #[must_use]
    pub fn finish(self) -> Option<Finished<P>> {
        if !self.is_finished() {
            return None;
        }
        let remote_static = self.remote.s?;
        let handshake_hash = self.symmetric.handshake_hash();
        let [from_initiator, from_responder] = self.symmetric.split();
        let (send, receive) = match self.role {
            Role::Initiator => (from_initiator, from_responder),
            Role::Responder => (from_responder, from_initiator),
        };
        Some(Finished { send, receive, handshake_hash, remote_static })
    }
}

impl<P: Primitives> core::fmt::Debug for HandshakeState<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HandshakeState")
            .field("pattern", &self.pattern.name)
            .field("role", &self.role)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// What a finished handshake leaves.
pub struct Finished<P: Primitives> {
    /// Encrypts what this side sends.
    pub send: P::CipherState,
    /// Decrypts what this side receives.
    pub receive: P::CipherState,
    /// The hash over the whole handshake: names this link, the same on both sides and different in each run.
    pub handshake_hash: [u8; 32],
    /// The other side's static key.
    pub remote_static: [u8; KEY_BYTES],
}

impl<P: Primitives> core::fmt::Debug for Finished<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Finished")
    }
}

/// Writes `bytes` to the front of `free`, and returns what is free after them.
fn put<'m>(free: &'m mut [u8], bytes: &[u8]) -> Result<&'m mut [u8], WriteError> {
    let (front, free) = free.split_at_mut_checked(bytes.len()).ok_or(WriteError::Length)?;
    front.copy_from_slice(bytes);
    Ok(free)
}

/// Takes the first `N` bytes off what is left of a message.
fn take<'m, const N: usize>(rest: &mut &'m mut [u8]) -> Result<&'m mut [u8; N], ReadError> {
    let (front, after) = core::mem::take(rest).split_first_chunk_mut().ok_or(ReadError::Length)?;
    *rest = after;
    Ok(front)
}

/// The payload, which is the rest of a message; in clear only as long as the pattern has made no key.
fn read_text<'m, P: Primitives>(
    reading: &mut Reading<'_, P>,
    rest: &'m mut [u8],
) -> Result<&'m mut [u8], ReadError> {
    if !reading.has_key() {
        reading.state().mix_hash(&[rest, &[]]);
        return Ok(rest);
    }
    let (text, tag) = rest.split_last_chunk_mut::<TAG_BYTES>().ok_or(ReadError::Length)?;
    reading.decrypt_and_hash(text, tag)?;
    Ok(text)
}
