//! What is recorded of links.

use medsec_core::event::{Count, PrincipalId};
use medsec_core::events;

events! {
    /// What a peer is, by its certificate.
    pub codes PeerKind {
        /// A device.
        Device = 1,
        /// A person.
        Person = 2,
        /// A service person or tool of the maker.
        Service = 3,
        /// A station that provisions devices.
        Station = 6,
    }
}

events! {
    /// Why a message was dropped.
    pub codes Dropped {
        /// No message of a link, or not the one whose turn it was.
        Layout = 1,
        /// A first message that was not let in: from a stranger, seen before, or too many in this time.
        Admission = 2,
        /// Of a handshake that is not meant for this side: another method, suite, kind or subject.
        Handshake = 3,
        /// Not from a side with the keys, or changed since.
        Forged = 4,
        /// Received before.
        Replayed = 5,
        /// The peer's certificate does not hold here.
        Certificate = 6,
        /// There are no keys, because there is no randomness.
        Random = 7,
        /// The peer may not have what it asked for.
        Denied = 8,
    }
}

events! { @system
    /// What is recorded of links. Ids `0x3000..=0x3FFF`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub enum LinkEvent {
        /// A peer has proved who it is.
        LinkOpened = 0x3001 [AccessControl, Security, Success] {
            /// The front of the subject of its certificate.
            public by: PrincipalId,
            /// What it is.
            public kind: PeerKind,
        },
        /// A link has ended on which others have tried something.
        LinkEnded = 0x3002 [AccessControl, Security, Success] {
            /// The front of the subject of the peer's certificate.
            public by: PrincipalId,
            /// Frames that somebody else had made, or sent again.
            public dropped: Count,
        },
        /// A message was dropped.
        MessageDropped = 0x3003 [ControlSystem, Security, MinorFailure] {
            /// Why.
            public why: Dropped,
        },
    }
}
