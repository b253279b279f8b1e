//! Handshake patterns as tables of tokens (Noise revision 34, §7).

/// One step of a message (§7.1, §9.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Token {
    /// The sender's ephemeral key, in clear.
    E,
    /// The sender's static key, encrypted once there is a key to do so.
    S,
    /// Agreement of both ephemeral keys.
    Ee,
    /// Agreement of the initiator's ephemeral key and the responder's static key.
    Es,
    /// Agreement of the initiator's static key and the responder's ephemeral key.
    Se,
    /// Agreement of both static keys.
    Ss,
    /// The secret that both sides had before.
    Psk,
}

/// A handshake pattern.
///
/// # Security
/// Those of this page are checked when they are compiled. One that somebody makes by changing a copy of them is checked by nobody.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pattern {
    /// Its name, as it stands in the name of the protocol.
    pub name: &'static str,
    /// Both sides know the other's static key before the first message.
    pub knows_statics: bool,
    /// Both sides have a secret in common.
    pub has_psk: bool,
    /// The messages, in turn; the first is the initiator's.
    pub messages: &'static [&'static [Token]],
}

/// Both sides show their static keys, and certificates with them.
pub const XX: Pattern = Pattern {
    name: "XX",
    knows_statics: false,
    has_psk: false,
    messages: &[&[Token::E], &[Token::E, Token::Ee, Token::S, Token::Es], &[Token::S, Token::Se]],
};

/// [`XX`] between two sides that also know one secret, such as the code on a label.
pub const XX_PSK3: Pattern = Pattern {
    name: "XXpsk3",
    knows_statics: false,
    has_psk: true,
    messages: &[
        &[Token::E],
        &[Token::E, Token::Ee, Token::S, Token::Es],
        &[Token::S, Token::Se, Token::Psk],
    ],
};

/// Both sides know each other's static key. The initiator is proven by the first message that follows the handshake: its own
/// first message can be replayed, and carries nothing.
pub const KK: Pattern = Pattern {
    name: "KK",
    knows_statics: true,
    has_psk: false,
    messages: &[&[Token::E, Token::Es, Token::Ss], &[Token::E, Token::Ee, Token::Se]],
};

/// The patterns of this crate.
pub const ALL: [&Pattern; 3] = [&XX, &XX_PSK3, &KK];

const _: () = {
    let mut patterns: &[&Pattern] = &ALL;
    while let [pattern, others @ ..] = patterns {
        assert!(pattern.is_sound(), "pattern of a handshake is not sound");
        patterns = others;
    }
};

impl Pattern {
    /// Whether each message, once there is a key, ends under another key than it began with; the state of a message that was
    /// refused can then be dropped. Also, whether it has one static key at most before that, whether a static key is never sent in
    /// clear, no message is empty, and both ephemeral keys enter (§7.3).
    const fn is_sound(&self) -> bool {
        let mut has_key = false;
        let mut has_ee = false;
        let mut messages = self.messages;
        while let [message, others @ ..] = messages {
            let mut makes_key = false;
            let mut has_text = false;
            let mut tokens: &[Token] = message;
            while let [token, rest @ ..] = tokens {
                makes_key |= match token {
                    Token::S => false,
                    Token::E => self.has_psk,
                    Token::Ee | Token::Es | Token::Se | Token::Ss | Token::Psk => true,
                };
                has_ee |= matches!(token, Token::Ee);
                if matches!(token, Token::S) {
                    let is_second = has_key && !makes_key && has_text;
                    if is_second || !has_key && !makes_key {
                        return false;
                    }
                    has_text = true;
                }
                tokens = rest;
            }
            if message.is_empty() || has_key && !makes_key {
                return false;
            }
            has_key |= makes_key;
            messages = others;
        }
        has_key && has_ee
    }
}
