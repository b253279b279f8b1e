//! The log authority's view: from its secret and the escrows to the audit secret of any session.

use medsec_core::Secret;
use medsec_core::hpke::RecipientSecret;
use medsec_core::suite::Suite;

use super::ladder::Ladder;
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
///
/// Anyone who knows the log authority's public key can seal a secret to it. So a chain says nothing about the device until
/// a checkpoint is found whose signed bytes commit to it.
pub struct Authority {
    chains: [Option<Chain>; CHAINS_MAX],
    ladder: Ladder<u32>,
}

struct Chain {
    base: u32,
    audit: Secret<32>,
    vouched: bool,
}

impl Authority {
    /// Opens all escrows in the image and in the state that `secret` can open.
    pub fn open<S: Suite, I: Image>(
        image: &mut I,
        subject: &Subject<'_>,
        secret: &RecipientSecret,
    ) -> Self {
        let ladder = Ladder::new(STEPS_MAX.saturating_mul(32));
        let mut authority = Self { chains: [const { None }; CHAINS_MAX], ladder };
        let state = subject.state.and_then(|bytes| PublicState::parse(bytes).ok());
        if let Some(state) = state {
            authority.add::<S>(&state.escrow, subject, secret);
        }
        let mut keys = NoKeys;
        let mut segments = Segments::new(image, &mut keys, *subject, S::ID);
        let mut at = Position { page: u32::MAX, offset: u32::MAX };
        let mut turns = segments.positions();
        while let Some(segment) = segments.below(at).filter(|_| turns > 0) {
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
        // `count` can overflow, as far as a compiler sees.
        self.chains.iter().flatten().fold(0, |count: usize, _| count.saturating_add(1))
    }

    fn add<S: Suite>(&mut self, escrow: &Escrow, subject: &Subject<'_>, secret: &RecipientSecret) {
        let known = self.chains.iter().flatten().any(|chain| chain.base == escrow.base);
        let full = self.chains.iter().all(Option::is_some);
        if known || full || escrow.kid != secret.public().kid() {
            return;
        }
        if let Ok(audit) = escrow.open::<S>(&subject.device, secret)
            && let Some(slot) = self.chains.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(Chain { base: escrow.base, audit, vouched: false });
        }
    }
}

/// The chain that session `session` belongs to: the one with the highest base at or below it.
fn chain_of<'a>(chains: impl Iterator<Item = &'a Chain>, session: u32) -> Option<&'a Chain> {
    chains.filter(|chain| chain.base <= session).max_by_key(|chain| chain.base)
}

impl Keys for Authority {
    fn is_keyed(&self) -> bool {
        true
    }

    fn audit(&mut self, session: u32) -> Option<Secret<32>> {
        let chain = chain_of(self.chains.iter().flatten(), session)?;
        // Nobody makes this long by writing a high index into a header: a chain is that long and no longer.
        let steps = session.checked_sub(chain.base).filter(|steps| *steps <= STEPS_MAX)?;
        let audit = &chain.audit;
        self.ladder.climb(chain.base, steps, || audit.duplicate(), next_audit)
    }

    fn vouch(&mut self, session: u32) {
        let base = chain_of(self.chains.iter().flatten(), session).map(|chain| chain.base);
        for chain in self.chains.iter_mut().flatten() {
            chain.vouched |= Some(chain.base) == base;
        }
    }

    fn is_vouched(&self, session: u32) -> bool {
        chain_of(self.chains.iter().flatten(), session).is_some_and(|chain| chain.vouched)
    }
}

/// Sessions of one chain that are followed: far more than one has, since a chain goes on while the log is full.
const STEPS_MAX: u32 = 65_536;
