//! The store: what it is made of, and reading single records.

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::body::{BodyCell, ReadError};
use medsec_core::flash::cell::{self, FormatError};
use medsec_core::hal::Flash;
use medsec_core::key::{AtRest, Label, MacKey};
use medsec_core::suite::Suite;

use super::layout::{
    self, BODY_BYTES, CLAIM_BYTES, PERSON_BYTES, Place, SEAL_BYTES, SETTINGS_BYTES,
    SETTINGS_COPIES, Settings,
};
use super::{CELL_KIND, Claim, PEOPLE, Slot};

/// Why there is no store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MountError {
    /// As the cell says.
    Cell(cell::MountError),
    /// The body is not as long as this version's.
    Version,
}

impl core::fmt::Display for MountError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Cell(error) => error.fmt(f),
            Self::Version => f.write_str("store of credentials is of another version"),
        }
    }
}

impl core::error::Error for MountError {}

/// Why nothing was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// A change is pending, or came between: begin again when it is done.
    Busy,
    /// [`Store::needs_settle`]: what is there must not be acted upon yet.
    Unsettled,
    /// The record, or both copies of the settings, cannot be read or were changed.
    Damaged,
}

impl core::fmt::Display for StoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Busy => "credentials are being changed",
            Self::Unsettled => "credentials have to be settled first",
            Self::Damaged => "record of the store of credentials is damaged",
        })
    }
}

impl core::error::Error for StoreError {}

/// The people of a device and their credentials.
///
/// # Power loss
/// At any instant: all people are as they were, or as the change makes them.
///
/// # Limits
/// [`PEOPLE`]. A change takes one erase of a frame, 15 to 19 programs of the body, three of heads, and one more erase with
/// three tombs; after a cut up to four erases. A part of 10,000 cycles takes 20,000 changes. RAM under 512 bytes.
pub struct Store<S: Suite> {
    pub(super) cell: BodyCell,
    pub(super) keys: AtRest<S>,
    /// Which change the cell works for.
    pub(super) turn: u32,
}

impl<S: Suite> Store<S> {
    /// Makes a store without people. In the factory only: whatever was in the region is gone. Blocks for whole erases.
    ///
    /// `root` is the device's storage root.
    ///
    /// # Errors
    /// [`FormatError`], as it says.
    pub fn format<F: Flash>(
        flash: &mut F,
        region: Region,
        root: &Secret<32>,
        claim: &Claim,
    ) -> Result<Self, FormatError> {
        let keys = AtRest::<S>::derive(root);
        let mac = MacKey::derive(root, Label::StoreHead);
        let fill = |at: u32, piece: &mut [u8]| {
            let settings = |copy| Place::Settings(copy);
            for place in (0..SETTINGS_COPIES).map(settings).chain([Place::Claim]).chain(slots()) {
                let mut record = Secret::new([0; PERSON_BYTES]);
                let bytes = bytes_of(place);
                if !overlaps(at, piece.len(), place.offset(), bytes) {
                    continue;
                }
                let Some(record) = record.expose_mut().get_mut(..bytes) else { continue };
                let body = record.get_mut(SEAL_BYTES..).unwrap_or_default();
                let fits = match place {
                    Place::Settings(_) => Settings::default().encode(body),
                    Place::Claim => claim.encode(body),
                    Place::Person(_) => layout::encode_person(None, body),
                };
                // Neither can fail: a record is as long as its layout. What is not sealed does not open.
                fits.unwrap_or_default();
                layout::seal(&keys, place, 0, record).unwrap_or_default();
                overlay(at, piece, place.offset(), record);
            }
        };
        let cell = BodyCell::format(flash, region, CELL_KIND, mac, BODY_BYTES, fill)?;
        Ok(Self { cell, keys, turn: 0 })
    }

    /// Finds the store. Writes nothing.
    ///
    /// # Errors
    /// [`MountError`], as it says.
    pub fn mount<F: Flash>(
        flash: &mut F,
        region: Region,
        root: &Secret<32>,
    ) -> Result<Self, MountError> {
        let mac = MacKey::derive(root, Label::StoreHead);
        let cell = BodyCell::mount(flash, region, CELL_KIND, mac).map_err(MountError::Cell)?;
        if cell.length() != BODY_BYTES {
            return Err(MountError::Version);
        }
        Ok(Self { cell, keys: AtRest::derive(root), turn: 0 })
    }

    /// Whether a change, or [`super::Change::settle`], has to be done before anyone can log in.
    ///
    /// After a clean power-off it has not.
    #[must_use]
    pub const fn needs_settle(&self) -> bool {
        self.cell.needs_settle()
    }

    /// Whether no bit of the store has changed since it was written, as far as the mount saw.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.cell.is_whole()
    }

    /// Whether older credentials may still be readable on the part: a change was cut before it had destroyed them.
    #[must_use]
    pub fn has_older(&self) -> bool {
        self.cell.live_frames() > 1
    }

    /// The generation of the policy that is in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn policy_generation<F: Flash>(&self, flash: &mut F) -> Result<u16, StoreError> {
        self.ready()?;
        Ok(self.settings(flash)?.policy_generation)
    }

    /// How far the claim has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claim<F: Flash>(&self, flash: &mut F) -> Result<Claim, StoreError> {
        self.ready()?;
        let generation = self.settings(flash)?.claim;
        let mut record = Secret::new([0; CLAIM_BYTES]);
        let body = self.open(flash, Place::Claim, generation, record.expose_mut())?;
        Claim::parse(body).map_err(|_| StoreError::Damaged)
    }

    /// Rises with each change in this boot: what was decided upon another state is not gone on with.
    pub(crate) const fn turn(&self) -> u32 {
        self.turn
    }

    /// How many people there are, and how many of them have credentials. A record that does not open counts as one who has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count<F: Flash>(&self, flash: &mut F) -> Result<(u8, u8), StoreError> {
        self.ready()?;
        let settings = self.settings(flash)?;
        let (mut people, mut equipped) = (0_u8, 0_u8);
        for place in slots() {
            let Place::Person(slot) = place else { continue };
            let mut record = Secret::new([0; PERSON_BYTES]);
            let has = match self.open(flash, place, settings.of(slot), record.expose_mut()) {
                Ok(body) => layout::parse_person(body)
                    .map_or(Some(true), |person| person.map(|(_, kept)| !kept.is_empty())),
                Err(StoreError::Damaged) => Some(true),
                Err(error) => return Err(error),
            };
            people = people.saturating_add(u8::from(has.is_some()));
            equipped = equipped.saturating_add(u8::from(has == Some(true)));
        }
        Ok((people, equipped))
    }

    /// Whether what is there may be acted upon.
    pub(super) const fn ready(&self) -> Result<(), StoreError> {
        if self.cell.is_busy() {
            Err(StoreError::Busy)
        } else if self.cell.needs_settle() && self.cell.is_whole() {
            Err(StoreError::Unsettled)
        } else {
            Ok(())
        }
    }

    pub(super) fn settings<F: Flash>(&self, flash: &mut F) -> Result<Settings, StoreError> {
        for copy in 0..SETTINGS_COPIES {
            let mut record = Secret::new([0; SETTINGS_BYTES]);
            match self.open(flash, Place::Settings(copy), 0, record.expose_mut()) {
                Ok(body) => return Settings::parse(body).map_err(|_| StoreError::Damaged),
                Err(StoreError::Damaged) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Damaged)
    }

    /// Reads a record and opens it over the bytes that were read; its plaintext, within `record`.
    pub(super) fn open<'a, F: Flash>(
        &self,
        flash: &mut F,
        place: Place,
        generation: u32,
        record: &'a mut [u8],
    ) -> Result<&'a [u8], StoreError> {
        match self.cell.read_sealed(flash, place.offset(), record) {
            Ok(()) => {}
            Err(ReadError::Busy) => return Err(StoreError::Busy),
            Err(_) => return Err(StoreError::Damaged),
        }
        layout::open(&self.keys, place, generation, record).map_err(|_| StoreError::Damaged)
    }
}

fn slots() -> impl Iterator<Item = Place> {
    (0..PEOPLE).filter_map(|index| u8::try_from(index).ok().and_then(Slot::new)).map(Place::Person)
}

pub(super) const fn bytes_of(place: Place) -> usize {
    match place {
        Place::Settings(_) => SETTINGS_BYTES,
        Place::Claim => CLAIM_BYTES,
        Place::Person(_) => PERSON_BYTES,
    }
}

fn overlaps(at: u32, piece: usize, offset: u32, bytes: usize) -> bool {
    let end =
        |at: u32, bytes: usize| u32::try_from(bytes).map_or(u32::MAX, |n| at.saturating_add(n));
    at < end(offset, bytes) && offset < end(at, piece)
}

/// Puts what of `record`, at byte `offset` of the body, lies within `piece`, at byte `at`, there.
pub(super) fn overlay(at: u32, piece: &mut [u8], offset: u32, record: &[u8]) {
    let into = usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
    let from = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
    let to = piece.get_mut(into..).unwrap_or_default();
    for (to, from) in to.iter_mut().zip(record.get(from..).unwrap_or_default()) {
        *to = *from;
    }
}
