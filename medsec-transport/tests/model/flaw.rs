//! What is taken out of patterns, functions and rules, to see that a claim falls with it.

use medsec_transport::noise::pattern::{KK, Pattern, Token, XX, XX_PSK3};

use crate::claims::Claim;
use crate::side::Way;

use Claim::{
    Agreement, Answer, ForwardSecrecy, Frame, Hiding, Key, Name, Oneself, Peer, Possession, Secrecy,
};
use Token::{E, Ee, Es, Psk, S, Se, Ss};
use Way::{Certified, Labelled, Pinned};

/// One of these at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// The pattern has other tokens.
    Pattern(Way, &'static [&'static [Token]]),
    /// Ciphertexts are bound to nothing beside them.
    NothingBeside,
    /// The handshake hash stays as it was.
    NothingMixed,
    /// Both directions have one key.
    OneKey,
    /// Keys with which every agreement is the same are taken.
    WeakKeys,
    /// The header of the first message is in no prologue.
    NoHeader,
    /// Who the two sides of a link by pins are is in no prologue.
    NoSubjects,
    /// What both know of the channel below is in no prologue.
    NoBinding,
    /// The key that a peer proves can be this side's own.
    OwnKey(Way),
    /// A certificate is taken as it comes.
    NoJudging,
    /// A pin is not judged.
    NoPinJudging,
    /// A certificate holds for whoever shows it.
    AnyHolder,
    /// The kind in the certificate need not be the announced one.
    AnyKind,
    /// Kinds for which this side has no use are taken.
    UnwantedKind,
    /// The subject need not be the one that is looked for.
    AnySubject,
    /// The certificate need not have the suite.
    AnySuite,
    /// The initiator says who it is and judges afterwards.
    JudgedLater,
    /// A peer is confirmed without a frame.
    ConfirmedAtOnce(Way),
    /// All handshakes of a side have one ephemeral key.
    OneEphemeral,
}

impl Flaw {
    /// The way that it is in, if not in all.
    pub(crate) const fn way(self) -> Option<Way> {
        if let Self::Pattern(way, _) | Self::OwnKey(way) | Self::ConfirmedAtOnce(way) = self {
            Some(way)
        } else {
            None
        }
    }
}

/// The pattern of a way, with this flaw.
pub(crate) fn pattern(way: Way, flaw: Option<Flaw>) -> &'static Pattern {
    let (own, mut changed) = match way {
        Way::Certified => (&XX, XX),
        Way::Labelled => (&XX_PSK3, XX_PSK3),
        Way::Pinned => (&KK, KK),
    };
    match flaw {
        Some(Flaw::Pattern(of, messages)) if of == way => {
            changed.messages = messages;
            Box::leak(Box::new(changed))
        }
        _ => own,
    }
}

/// All of them, each with claims that fall with it. `XX` without `se` would lack the key that its last text needs, so `ee` comes
/// again; without `ee` the responder's key would be in clear, which is refused.
pub(crate) static ALL: [(Flaw, &[Claim]); 31] = [
    (Flaw::Pattern(Certified, &[&[E], &[E, Ee, S], &[S, Se]]), &[Agreement, Secrecy, Hiding]),
    (Flaw::Pattern(Certified, &[&[E], &[E, Ee, S, Es], &[S, Ee]]), &[Agreement, Secrecy]),
    (Flaw::Pattern(Labelled, &[&[E], &[E, S, Es], &[S, Se, Psk]]), &[ForwardSecrecy, Hiding]),
    (Flaw::Pattern(Labelled, &[&[E], &[E, Ee, S], &[S, Se, Psk]]), &[Agreement, Hiding]),
    (Flaw::Pattern(Labelled, &[&[E], &[E, Ee, S, Es], &[S, Psk]]), &[Agreement, Secrecy]),
    (Flaw::Pattern(Labelled, &[&[E], &[E, Ee, S, Es], &[S, Se]]), &[Agreement, Secrecy]),
    (Flaw::Pattern(Pinned, &[&[E, Ss], &[E, Ee, Se]]), &[Agreement, Secrecy]),
    (Flaw::Pattern(Pinned, &[&[E, Es], &[E, Ee, Se]]), &[Answer]),
    (Flaw::Pattern(Pinned, &[&[E, Es, Ss], &[E, Se]]), &[ForwardSecrecy]),
    (Flaw::Pattern(Pinned, &[&[E, Es, Ss], &[E, Ee]]), &[Agreement, Secrecy]),
    (Flaw::NothingBeside, &[Agreement]),
    (Flaw::NothingMixed, &[Agreement, Name]),
    (Flaw::OneKey, &[Key, Frame]),
    (Flaw::WeakKeys, &[Possession]),
    (Flaw::NoHeader, &[Agreement]),
    (Flaw::NoSubjects, &[Agreement]),
    (Flaw::NoBinding, &[Agreement]),
    (Flaw::OwnKey(Certified), &[Oneself]),
    (Flaw::OwnKey(Labelled), &[Oneself]),
    (Flaw::OwnKey(Pinned), &[Oneself]),
    (Flaw::NoJudging, &[Peer]),
    (Flaw::NoPinJudging, &[Peer]),
    (Flaw::AnyHolder, &[Peer]),
    (Flaw::AnyKind, &[Peer]),
    (Flaw::UnwantedKind, &[Peer]),
    (Flaw::AnySubject, &[Peer, Hiding]),
    (Flaw::AnySuite, &[Peer]),
    (Flaw::JudgedLater, &[Hiding]),
    (Flaw::ConfirmedAtOnce(Labelled), &[Agreement]),
    (Flaw::ConfirmedAtOnce(Pinned), &[Agreement, Secrecy]),
    (Flaw::OneEphemeral, &[Key]),
];
