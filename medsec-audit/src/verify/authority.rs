//! The log authority's view: from its secret and the escrows to the audit secret of any session.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
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
    ladder: Ladder<usize>,
}

struct Chain {
    base: u32,
    /// Tag of its escrow, which tells it from others with the same base.
    tag: [u8; 16],
    audit: Secret<32>,
    vouched: bool,
}

impl Authority {
    /// Opens all escrows in the image and in the state that `secret` can open.
    pub fn open<S: Suite, I: Image>(
        image: &mut I,
        subject: &Subject<'_>,
        secret: &AgreementSecret,
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

    fn add<S: Suite>(&mut self, escrow: &Escrow, subject: &Subject<'_>, secret: &AgreementSecret) {
        let Some(tag) = escrow.sealed.last_chunk().copied() else { return };
        let known = |chain: &Chain| chain.base == escrow.base && chain.tag == tag;
        let known = self.chains.iter().flatten().any(known);
        let full = self.chains.iter().all(Option::is_some);
        if known || full || escrow.kid != secret.public().kid() {
            return;
        }
        if let Ok(audit) = escrow.open::<S>(&subject.device, secret)
            && let Some(slot) = self.chains.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(Chain { base: escrow.base, tag, audit, vouched: false });
        }
    }
}

impl Keys for Authority {
    fn is_keyed(&self) -> bool {
        true
    }

    fn audit(&mut self, session: u32, chain: usize) -> Option<Secret<32>> {
        let found = self.chains.get(chain)?.as_ref()?;
        // Nobody makes this long by writing a high index into a header: a chain is that long and no longer.
        let steps = session.checked_sub(found.base).filter(|steps| *steps <= STEPS_MAX)?;
        let audit = &found.audit;
        self.ladder.climb(chain, steps, || audit.duplicate(), next_audit)
    }

    fn vouch(&mut self, chain: usize) {
        if let Some(Some(chain)) = self.chains.get_mut(chain) {
            chain.vouched = true;
        }
    }

    fn is_vouched(&self, chain: usize) -> bool {
        matches!(self.chains.get(chain), Some(Some(Chain { vouched: true, .. })))
    }

    fn begin(&mut self) {
        for chain in self.chains.iter_mut().flatten() {
            chain.vouched = false;
        }
    }
}

/// Sessions of one chain that are followed: far more than one has, since a chain goes on while the log is full.
const STEPS_MAX: u32 = 65_536;
