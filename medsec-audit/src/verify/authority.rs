//! The log authority's view: from its secret and the escrows to the audit secret of any session.

use medsec_core::Secret;
use medsec_core::hpke::RecipientSecret;
use medsec_core::suite::Suite;

use super::scan;
use super::segments::{Position, Segments};
use super::{Image, Keys, NoKeys, Subject};
use crate::record::CLASS_ESCROW;
use crate::segment::next_audit;
use crate::state::{Escrow, PublicState};

/// Most chains of audit secrets that one image is opened with; each is [`CHAIN_SESSIONS`](crate::state::CHAIN_SESSIONS)
/// sessions long. Of more, the newest are kept.
pub const CHAINS_MAX: usize = 16;

/// The audit secrets that the log authority can open.
pub struct Authority {
    chains: [Option<(u32, Secret<32>)>; CHAINS_MAX],
    /// The one asked for last, since the verifier asks for the same session again and again.
    last: Option<(u32, Secret<32>)>,
}

impl Authority {
    /// Opens all escrows in the image and in the state that `secret` can open.
    pub fn open<S: Suite, I: Image>(
        image: &mut I,
        subject: &Subject<'_>,
        secret: &RecipientSecret,
    ) -> Self {
        let mut authority = Self { chains: [const { None }; CHAINS_MAX], last: None };
        let state = subject.state.and_then(|bytes| PublicState::parse(bytes).ok());
        if let Some(state) = state {
            authority.add::<S>(&state.escrow, subject, secret);
        }
        let mut keys = NoKeys;
        let mut segments = Segments::new(image, &mut keys, *subject, S::ID);
        let mut at = Position { page: u32::MAX, offset: u32::MAX };
        let mut turns = segments.positions();
        while let Some(segment) = segments.below(at, at).filter(|_| turns > 0) {
            turns = turns.saturating_sub(1);
            scan::for_each::<S, I, NoKeys>(&mut segments, &segment, u64::MAX, |entry| {
                if entry.class == CLASS_ESCROW
                    && let Ok(escrow) = Escrow::parse(entry.body())
                {
                    authority.add::<S>(&escrow, subject, secret);
                }
            });
            at = segment.at;
        }
        authority
    }

    /// The number of chains that could be opened.
    #[must_use]
    pub fn chains(&self) -> usize {
        self.chains.iter().flatten().count()
    }

    fn add<S: Suite>(&mut self, escrow: &Escrow, subject: &Subject<'_>, secret: &RecipientSecret) {
        let known = self.chains.iter().flatten().any(|(base, _)| *base == escrow.base);
        if known || escrow.kid != secret.public().kid() {
            return;
        }
        if let Ok(audit) = escrow.open::<S>(&subject.device, secret)
            && let Some(slot) = self.chains.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some((escrow.base, audit));
        }
    }
}

impl Keys for Authority {
    fn is_keyed(&self) -> bool {
        true
    }

    fn audit(&mut self, session: u32) -> Option<Secret<32>> {
        if let Some((last, audit)) = &self.last
            && *last == session
        {
            return Some(audit.duplicate());
        }
        let below = self.chains.iter().flatten().filter(|(base, _)| *base <= session);
        let (base, audit) = below.max_by_key(|(base, _)| *base)?;
        let mut audit = audit.duplicate();
        // Nobody makes this long by writing a high index into a header: a chain is that long and no longer.
        let steps = session.checked_sub(*base).filter(|steps| *steps <= STEPS_MAX)?;
        for _ in 0..steps {
            audit = next_audit(&audit);
        }
        self.last = Some((session, audit.duplicate()));
        Some(audit)
    }
}

/// Sessions of one chain that are followed: far more than one has, since a chain goes on while the log is full.
const STEPS_MAX: u32 = 65_536;
