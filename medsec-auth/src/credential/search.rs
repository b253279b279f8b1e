//! Looking for a person: every slot is opened, whoever is asked for.

use medsec_core::Secret;
use medsec_core::event::PrincipalId;
use medsec_core::hal::Flash;
use medsec_core::suite::Suite;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::layout::{self, ID_AT, PERSON_BYTES, Place, SEAL_BYTES, Settings};
use super::{Credentials, PEOPLE, Principal, Slot, Store, StoreError};

/// How far a search has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Searching {
    /// Every slot was seen.
    Done,
    /// More steps are needed.
    More,
}

/// A person who was found.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub slot: Slot,
    /// Who.
    pub principal: Principal,
    /// What he proves himself with.
    pub credentials: Credentials,
}

/// A search for one person, which the caller keeps while it lasts. Wiped on drop.
///
/// # Security
/// In constant time: neither the steps nor what they do depend on which slot the person is in, nor on whether there is
/// such a person. They do on which records are damaged.
pub struct Search {
    wanted: [u8; 8],
    /// 0: the settings; then one slot after the other.
    next: u8,
    epoch: u32,
    settings: Settings,
    chosen: Secret<{ PERSON_BYTES - SEAL_BYTES }>,
    slot: u8,
    unreadable: u16,
}

impl Search {
    /// A search for `id`.
    #[must_use]
    pub fn new(id: PrincipalId) -> Self {
        Self {
            wanted: *id.bytes(),
            next: 0,
            epoch: 0,
            settings: Settings::default(),
            chosen: Secret::new([0; PERSON_BYTES - SEAL_BYTES]),
            slot: 0,
            unreadable: 0,
        }
    }

    /// The slots whose records could not be opened, as bits. Not zero: report it, [`super::Change::clear`] empties them.
    #[must_use]
    pub const fn unreadable(&self) -> u16 {
        self.unreadable
    }

    /// The person, after [`Searching::Done`]; before it, nobody.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        let slot = Slot::new(self.slot)?;
        let parsed = layout::parse_person(self.chosen.expose());
        if !self.is_done() {
            return None;
        }
        let (principal, credentials) = parsed.ok()??;
        Some(Found { slot, principal, credentials })
    }

    fn is_done(&self) -> bool {
        usize::from(self.next) > PEOPLE
    }

    /// Takes the record over if it is the one, in constant time.
    fn take(&mut self, slot: Slot, record: &[u8]) {
        let is_person = record.get(1).map_or(Choice::from(0), |state| state.ct_eq(&1));
        let id = record.get(ID_AT).unwrap_or_default();
        let is_wanted = is_person & id.ct_eq(&self.wanted);
        for (kept, byte) in self.chosen.expose_mut().iter_mut().zip(record) {
            kept.conditional_assign(byte, is_wanted);
        }
        self.slot.conditional_assign(&slot.index(), is_wanted);
    }
}

impl<S: Suite> Store<S> {
    /// Opens one record: in 17 steps all of them, and `search` is done.
    ///
    /// # Errors
    /// [`StoreError`]: the search gives nobody; begin another.
    pub fn search<F: Flash>(
        &self,
        flash: &mut F,
        search: &mut Search,
    ) -> Result<Searching, StoreError> {
        self.ready()?;
        let Some(index) = search.next.checked_sub(1) else {
            search.settings = self.settings(flash)?;
            search.epoch = self.cell.epoch();
            search.next = 1;
            return Ok(Searching::More);
        };
        let Some(slot) = Slot::new(index) else {
            return Ok(Searching::Done);
        };
        // Records of two states of the store are not put together.
        if search.epoch != self.cell.epoch() {
            return Err(StoreError::Busy);
        }
        let mut record = Secret::new([0; PERSON_BYTES]);
        let generation = search.settings.of(slot);
        match self.open(flash, Place::Person(slot), generation, record.expose_mut()) {
            Ok(body) => search.take(slot, body),
            Err(StoreError::Damaged) => {
                search.unreadable |= 1_u16.checked_shl(u32::from(index)).unwrap_or(0);
            }
            Err(error) => return Err(error),
        }
        search.next = search.next.saturating_add(1);
        Ok(if search.is_done() { Searching::Done } else { Searching::More })
    }
}
