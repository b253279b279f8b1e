//! The log on the device: a cell, a ring, and the keys of the running session.

mod damage;
mod maintain;

use medsec_core::event::{Class, Digest8, Event, RecordError};
use medsec_core::flash::cell::{self, Cell};
use medsec_core::flash::page::{self, Geometry, GeometryError};
use medsec_core::flash::ring::{self, Retention, Ring, RingError};
use medsec_core::flash::{self, Region};
use medsec_core::hal::Flash;
use medsec_core::hpke::HpkeError;
use medsec_core::key::{AtRest, Label, MacKey};
use medsec_core::suite::Suite;
use medsec_core::time::Ticks;
use medsec_core::{Secret, agreement::AgreementKey};

pub use maintain::{MaintainError, Tools};
pub use medsec_core::flash::ring::Place;

use crate::record::{BODY_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEADER_BYTES, RecordHeader};
use crate::segment::{Measure, SessionAuthor};
use crate::state::{self, Escrow, NextSecrets, PUBLIC_BYTES, PublicState, STATE_BYTES};

/// Identity of a device in its log: 16 bytes, from its public key.
pub type DeviceId = [u8; 16];

/// Kind of the cell that holds the log's state.
pub const CELL_KIND: u8 = 1;
/// Id of the log's ring.
pub const RING_ID: u8 = 1;
/// Bytes at the end of a blocking log that only [`Log::append_reserved`] uses: 16 records of up to 64 bytes of body.
pub const RESERVE_BYTES: u32 = 16 * 88;
/// Records after which a checkpoint is due.
pub const CHECKPOINT_RECORDS: u16 = 256;
/// Of so many sessions of a chain the first signs its first record. Without a checkpoint nothing shows that the device had
/// the chain's secrets.
pub const VOUCH_SESSIONS: u32 = 8;
/// Uptime after which the secrets of earlier sessions are destroyed, in milliseconds.
pub const FORGET_AFTER_MS: u64 = 600_000;
/// Times in one boot that the log starts a new session after the part failed, before it gives up.
pub const RESTARTS_MAX: u8 = 3;

/// Where the log lies, whose it is, and who may read it.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Four pages for the cell.
    pub cell: Region,
    /// At least three pages for the ring.
    pub ring: Region,
    /// What a full log does.
    pub retention: Retention,
    /// Which device this is.
    pub device: DeviceId,
    /// Who can open the log.
    pub authority: AgreementKey,
}

impl Config {
    const fn ring(&self) -> ring::Config {
        ring::Config {
            region: self.ring,
            id: RING_ID,
            body_bytes_max: BODY_BYTES_MAX,
            retention: self.retention,
        }
    }
}

/// The random values a log is born with. Drawn at the factory, used once.
pub struct Birth {
    /// The first evolving audit secret.
    pub audit: Secret<32>,
    /// The ephemeral key that seals it to the log authority.
    pub ephemeral: Secret<32>,
    /// The seed of the device's random generator.
    pub seed: Secret<32>,
}

/// Why no log was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FormatError {
    /// The cell could not be written.
    Cell(cell::FormatError),
    /// The ring's region does not suit the part.
    Geometry(GeometryError),
    /// The first secret could not be sealed to the log authority.
    Escrow(HpkeError),
    /// The ring could not be erased.
    Flash(flash::Error),
    /// The cipher refused.
    Seal,
}

impl core::fmt::Display for FormatError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Cell(error) => error.fmt(f),
            Self::Geometry(error) => error.fmt(f),
            Self::Escrow(error) => error.fmt(f),
            Self::Flash(error) => error.fmt(f),
            Self::Seal => f.write_str("cipher refused the log's first state"),
        }
    }
}

impl core::error::Error for FormatError {}

/// Why there is no log on this flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MountError {
    /// The cell is lost or does not suit the part.
    Cell(cell::MountError),
    /// The ring's region does not suit the part.
    Geometry(GeometryError),
    /// The state in the cell is not one of this version, or of this device.
    State,
}

impl core::fmt::Display for MountError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Cell(error) => error.fmt(f),
            Self::Geometry(error) => error.fmt(f),
            Self::State => f.write_str("state of the log is not of this version and device"),
        }
    }
}

impl core::error::Error for MountError {}

/// Whether [`Log::maintain`] has more to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Nothing is due.
    Idle,
    /// Call again.
    More,
}

/// How the log is. The flags stay until the next boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Health {
    /// Sessions that this log has begun.
    pub sessions: u32,
    /// Records of this boot that were refused for good; asking to try again does not count.
    pub refused: u32,
    /// Times in this boot that the part failed.
    pub faults: u8,
    /// The first of these failures.
    pub fault: Option<flash::Error>,
    /// Pages of the cell that hold secrets of earlier sessions; 4: a boot storm.
    pub live_pages: u32,
    /// Per mille of a blocking log's bytes that are used; 0 for one that overwrites.
    pub used_per_mille: u16,
    /// Pages that a blocking log can still open; 0 for one that overwrites.
    pub pages_free: u32,
}

/// What is being done in the cell.
enum Job {
    None,
    /// The next session's state is being stored; then the present secrets may be used.
    Start(NextSecrets),
    /// The next seed is being stored without a session; then the present one may be used.
    Seed(NextSecrets),
    /// A new chain's state is being stored.
    Rekey,
    /// Older secrets are being destroyed.
    Forget,
}

/// What maintenance was asked for.
#[derive(Default)]
struct Wish {
    session: bool,
    clear: bool,
    checkpoint: bool,
}

/// The audit log of a device.
///
/// # Limits
/// About 1.2 KiB of RAM plus one key schedule of the suite. [`Log::append`] programs once, twice when it opens a page, and
/// never erases; all erases happen in [`Log::maintain`], one page or one slice per call.
///
/// # Power loss
/// A record whose append returned is in the log at every later mount. Nothing is erased or written at mount.
///
/// # Security
/// What earlier sessions recorded cannot be read or changed unseen by whoever takes the device later. Exceptions: until the
/// secrets of earlier sessions are destroyed ([`FORGET_AFTER_MS`], or [`Log::request_forget`]), a dump of the flash opens the
/// running session and up to two before it; and the newest records behind the last checkpoint that left the device can be cut
/// off. A holder of the log authority's secret can read all, and can forge what no checkpoint covers.
pub struct Log<S: Suite> {
    config: Config,
    at_rest: AtRest<S>,
    cell: Cell<STATE_BYTES>,
    ring: Ring,
    author: Option<SessionAuthor<S>>,
    job: Job,
    wish: Wish,
    forgot: bool,
    /// Randomness was asked for, with a session or without.
    wants_random: bool,
    unsigned: u16,
    /// This session signs as soon as it has a record, to vouch for the chain of secrets.
    vouch: bool,
    refused: u32,
    faults: u8,
    fault: Option<flash::Error>,
    damaged: Option<Digest8>,
}

impl<S: Suite> Log<S> {
    /// Makes an empty log, at the factory or at a change of owner. Erases the cell and the ring,
    /// whole pages at a time.
    ///
    /// `root` is the device's storage root.
    ///
    /// # Errors
    /// [`FormatError`]; format again.
    pub fn format<F: Flash>(
        flash: &mut F,
        config: &Config,
        root: &Secret<32>,
        birth: Birth,
    ) -> Result<(), FormatError> {
        let escrow =
            Escrow::seal::<S>(&birth.audit, 1, &config.device, &config.authority, &birth.ephemeral)
                .map_err(FormatError::Escrow)?;
        let public = PublicState {
            index: 1,
            void: ring::Void { page: 0, session: 1 },
            lifecycle: 0,
            escrow,
            proof: [0; 16],
        };
        let secrets = NextSecrets { audit: birth.audit, seed: birth.seed };
        let value = state::close::<S>(&AtRest::derive(root), &public, &secrets)
            .map_err(|_| FormatError::Seal)?;
        let mac = MacKey::derive(root, Label::Lifecycle);
        let geometry = Geometry::of(flash, config.ring).map_err(FormatError::Geometry)?;
        for page in 0..geometry.pages() {
            page::erase(flash, &geometry, page).map_err(FormatError::Flash)?;
        }
        Cell::format(flash, config.cell, CELL_KIND, mac, value).map_err(FormatError::Cell)?;
        Ok(())
    }

    /// Finds the log. Reads only.
    ///
    /// # Errors
    /// [`MountError`]. Nothing is formatted because it did not parse; a device without a log goes on with its essential
    /// function.
    pub fn mount<F: Flash>(
        flash: &mut F,
        config: Config,
        root: &Secret<32>,
    ) -> Result<Self, MountError> {
        let mac = MacKey::derive(root, Label::Lifecycle);
        let cell = Cell::mount(flash, config.cell, CELL_KIND, mac).map_err(MountError::Cell)?;
        let public = state::public_of(cell.value()).map_err(|_| MountError::State)?;
        let at_rest = AtRest::derive(root);
        state::open::<S>(&at_rest, cell.value()).map_err(|_| MountError::State)?;
        let mac = MacKey::derive(root, Label::AuditMount);
        let ring =
            Ring::mount(flash, &config.ring(), mac, public.void).map_err(MountError::Geometry)?;
        let damaged = damage::find(flash, &ring, public.index);
        Ok(Self {
            config,
            at_rest,
            cell,
            ring,
            author: None,
            job: Job::None,
            wish: Wish::default(),
            forgot: false,
            wants_random: false,
            unsigned: 0,
            vouch: false,
            refused: 0,
            faults: 0,
            fault: None,
            damaged,
        })
    }

    /// Whether records can be appended now.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.ring.is_running()
    }

    /// Asks for a session; [`Log::maintain`] starts it. [`Log::append`] asks by itself.
    ///
    /// A blocking log that is down to its reserve starts none: that is kept for [`Log::append_reserved`].
    pub fn request_session(&mut self) {
        let index = self.public().map_or(0, |public| public.index);
        if self.ring.room(index).is_none_or(|room| room >= RESERVE_BYTES) {
            self.wish.session = true;
        }
    }

    /// Asks for randomness, also where no session starts: by a link somebody can come and empty a full log.
    pub const fn request_random(&mut self) {
        self.wants_random = true;
    }

    /// Asks for a checkpoint; [`Log::maintain`] signs it.
    pub const fn request_checkpoint(&mut self) {
        self.wish.checkpoint = true;
    }

    /// How the log is.
    #[must_use]
    pub fn health(&self) -> Health {
        let sessions = self.public().map_or(0, |public| public.index.saturating_sub(1));
        let geometry = self.ring.plan().geometry();
        let capacity = geometry.pages().saturating_sub(2).saturating_mul(geometry.page_bytes());
        let left = self.ring.bytes_left();
        let used = left.map_or(0, |left| capacity.saturating_sub(left));
        let per_mille = used.saturating_mul(1000).checked_div(capacity).unwrap_or(0);
        Health {
            sessions,
            refused: self.refused,
            faults: self.faults,
            fault: self.fault,
            live_pages: self.cell.live_pages(),
            used_per_mille: u16::try_from(per_mille).unwrap_or(u16::MAX),
            pages_free: left.and_then(|left| left.checked_div(geometry.page_bytes())).unwrap_or(0),
        }
    }

    /// Records `event`, which happened at `now`. At most 2 programs, no erase.
    ///
    /// # Power loss
    /// Before it returns: the record is there or it is not. After: it is.
    ///
    /// # Errors
    /// [`RecordError::NotReady`]: call [`Log::maintain`] and try again. [`RecordError::Full`]: a blocking log holds no
    /// more. [`RecordError::Fault`]: the part failed; the log tries a new session in the next [`Log::maintain`].
    pub fn append<F: Flash, E: Event>(
        &mut self,
        flash: &mut F,
        event: &E,
        now: Ticks,
    ) -> Result<Place, RecordError> {
        self.append_keeping(flash, event, now, RESERVE_BYTES)
    }

    /// Records `event` as [`Log::append`] does, also into the reserve of a blocking log: for what gets it emptied.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_reserved<F: Flash, E: Event>(
        &mut self,
        flash: &mut F,
        event: &E,
        now: Ticks,
    ) -> Result<Place, RecordError> {
        self.append_keeping(flash, event, now, 0)
    }

    fn append_keeping<F: Flash, E: Event>(
        &mut self,
        flash: &mut F,
        event: &E,
        now: Ticks,
        reserve: u32,
    ) -> Result<Place, RecordError> {
        let result = self.try_append(flash, event, now, reserve);
        match result {
            Ok(_) => self.unsigned = self.unsigned.saturating_add(1),
            Err(RecordError::NotReady) => {}
            Err(_) => self.refused = self.refused.saturating_add(1),
        }
        result
    }

    fn try_append<F: Flash, E: Event>(
        &mut self,
        flash: &mut F,
        event: &E,
        now: Ticks,
        reserve: u32,
    ) -> Result<Place, RecordError> {
        if self.faults > RESTARTS_MAX {
            return Err(RecordError::Fault);
        }
        if matches!(self.job, Job::Rekey) {
            // The chain ends with its escrow: nothing of it comes behind.
            return Err(RecordError::NotReady);
        }
        if !self.ring.is_running() {
            let index = self.public().map_or(0, |public| public.index);
            if self.ring.room(index).is_some_and(|room| room < reserve) {
                return Err(RecordError::Full);
            }
            if matches!(self.ring.check_start(index, self.wish.clear), Err(RingError::Full)) {
                return Err(RecordError::Full);
            }
            self.wish.session = true;
            return Err(RecordError::NotReady);
        }
        let mut body = [0; RECORD_BYTES_MAX];
        let length = encode(event, now, &mut body, &mut Measure)?;
        let length_u16 = u16::try_from(length).map_err(|_| RecordError::TooLong)?;
        let needed = self.ring.plan().entry_bytes(u32::from(length_u16));
        if self.ring.bytes_left().is_some_and(|left| left < needed.saturating_add(reserve)) {
            return Err(RecordError::Full);
        }
        let author = self.author.as_mut().ok_or(RecordError::NotReady)?;
        let reserved = self.ring.reserve(flash, author, length_u16);
        let (_, place) = match (reserved, self.ring.position()) {
            (Ok(()), Some(position)) => position,
            (Ok(()), None) => return Err(RecordError::NotReady),
            (Err(error), _) => return Err(self.lost(error)),
        };
        let mut sealer = author.personal(place.seq);
        let length = encode(event, now, &mut body, &mut sealer)?;
        let bytes = body.get(..length).ok_or(RecordError::TooLong)?;
        let class = Class::code(event.class());
        match self.ring.append(flash, author, class, bytes) {
            Ok(place) => Ok(place),
            Err(error) => Err(self.lost(error)),
        }
    }

    /// The hash of a page in which this boot's mount saw that entries may be hidden: damage, or a cut within an erase.
    ///
    /// It may be erased from here on; [`medsec_core::event::SystemEvent::DamagedPage`] says so in the log.
    #[must_use]
    pub const fn damaged_page(&self) -> Option<Digest8> {
        self.damaged
    }

    pub(crate) const fn plan(&self) -> &ring::Plan {
        self.ring.plan()
    }

    pub(crate) const fn retention(&self) -> Retention {
        self.config.retention
    }

    /// The device whose log it is.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.config.device
    }

    /// The page of the newest entry, and the offset behind it.
    pub(crate) fn end(&self) -> (u32, u32) {
        self.ring.end().unwrap_or((0, 0))
    }

    pub(crate) const fn has_entry(&self) -> bool {
        self.ring.has_entry()
    }

    pub(crate) fn next_index(&self) -> Option<u32> {
        self.public().map(|public| public.index)
    }

    pub(crate) fn public_bytes(&self) -> Option<&[u8; PUBLIC_BYTES]> {
        self.cell.value().expose().first_chunk()
    }

    fn public(&self) -> Option<PublicState> {
        state::public_of(self.cell.value()).ok()
    }
}

/// Encodes a record into `body` and gives its length.
fn encode<E: Event>(
    event: &E,
    now: Ticks,
    body: &mut [u8; RECORD_BYTES_MAX],
    sealer: &mut dyn medsec_core::event::PersonalSealer,
) -> Result<usize, RecordError> {
    let header = RecordHeader {
        event: event.id(),
        category: event.category(),
        outcome: event.outcome(),
        at: now,
    };
    let mut writer = medsec_core::codec::Writer::new(body);
    header.encode(&mut writer).map_err(|_| RecordError::TooLong)?;
    let fields = body.get_mut(RECORD_HEADER_BYTES..).ok_or(RecordError::TooLong)?;
    let length = medsec_core::event::encode(event, fields, sealer)?;
    Ok(length.saturating_add(RECORD_HEADER_BYTES))
}
