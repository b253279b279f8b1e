//! What a device signs once it has erased what its owner left: one layout, for device and host.
//!
//! It says what was read back in the boot that signed it. What it does not show, it names ([`NotShown`]).

use super::journal::Evidence;
use super::plan::{KeyName, Keys, LINES_MAX};
use super::{Kind, ModuleId, NONCE_BYTES, Outcome};
use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::event::LifecycleState;
use crate::flash::Region;
use crate::identity::certificate::{self as identity, Kind as Holder};
use crate::key::{Context, DeviceKey, SIGNATURE_BYTES, SignError, device_id, sha256};
use crate::suite::NotAuthentic;

/// Bytes before the lines.
pub const HEAD_BYTES: usize = 64;
/// Bytes of a line.
pub const LINE_BYTES: usize = 32;
/// Bytes of the longest certificate.
pub const CERTIFICATE_BYTES_MAX: usize = HEAD_BYTES + LINES_MAX * LINE_BYTES + SIGNATURE_BYTES;

const VERSION: u8 = 1;

const _: () = assert!(CERTIFICATE_BYTES_MAX == 640);

/// What a certificate does not show, and says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NotShown {
    /// What cells of flash remember below what can be read from them.
    Remanence,
    /// What was copied before: exports, backups, images of the flash.
    Copies,
    /// What else was stored by code that the plan does not know of.
    OtherRegions,
    /// What happened to a module after it was taken off.
    ModulesSince,
    /// That the identity was destroyed afterwards. It signs this, so it was alive.
    IdentityEnd,
}

impl NotShown {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 5] =
        [Self::Remanence, Self::Copies, Self::OtherRegions, Self::ModulesSince, Self::IdentityEnd];

    /// What it is, in a report.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Remanence => "remanence below what can be read",
            Self::Copies => "copies made before",
            Self::OtherRegions => "regions outside the plan",
            Self::ModulesSince => "modules after they were taken off",
            Self::IdentityEnd => "the end of the identity",
        }
    }

    /// Whether a certificate of this outcome leaves it open.
    #[must_use]
    pub const fn is_open(self, outcome: Outcome) -> bool {
        match self {
            Self::Remanence | Self::Copies | Self::OtherRegions | Self::ModulesSince => true,
            Self::IdentityEnd => matches!(outcome, Outcome::Decommission),
        }
    }

    /// The byte for an outcome; there is one for each.
    const fn mask(outcome: Outcome) -> u8 {
        match outcome {
            Outcome::ChangeOfOwner => 0x0f,
            Outcome::Decommission => 0x1f,
        }
    }
}

/// Where a device is once it was sanitized.
const fn state_after(outcome: Outcome) -> LifecycleState {
    match outcome {
        Outcome::ChangeOfOwner => LifecycleState::AwaitClaim,
        Outcome::Decommission => LifecycleState::Decommissioned,
    }
}

/// Why bytes are no certificate, or none is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CertificateError {
    /// Too short, too long, or a reserved byte is set.
    Layout(DecodeError),
    /// Another version.
    Version,
    /// A code that stands for nothing.
    Unknown,
    /// States, numbers or openings that do not go together.
    Claims,
    /// A line that no plan can have, or that was not read back as a whole.
    Line,
    /// It was not signed: the core was disturbed.
    Unsigned,
}

impl core::fmt::Display for CertificateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Layout(error) => return error.fmt(f),
            Self::Version => "erase certificate of another version",
            Self::Unknown => "unknown code",
            Self::Claims => "claims that do not go together",
            Self::Line => "a region that was not erased as a whole, or cannot be",
            Self::Unsigned => "not signed",
        })
    }
}

impl core::error::Error for CertificateError {}

impl From<DecodeError> for CertificateError {
    fn from(error: DecodeError) -> Self {
        Self::Layout(error)
    }
}

impl From<SignError> for CertificateError {
    fn from(_: SignError) -> Self {
        Self::Unsigned
    }
}

/// A region that was erased and read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// What it held.
    pub kind: Kind,
    /// The module it is on; nothing is the device itself.
    pub module: Option<ModuleId>,
    /// The keys that it held.
    pub keys: Keys,
    /// Where it is.
    pub region: Region,
    /// Bytes that were read back as erased: all of it.
    pub verified: u32,
}

impl Line {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        writer.bytes(&[self.kind.code(), 0, 0, 0])?;
        writer.u32(self.keys.bits())?;
        writer.u32(self.region.offset())?;
        writer.u32(self.region.bytes())?;
        writer.u32(self.verified)?;
        writer.u32(0)?;
        writer.bytes(self.module.as_ref().map_or(&[0_u8; 8], ModuleId::bytes).as_slice())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CertificateError> {
        let kind = Kind::from_code(reader.u8()?).ok_or(CertificateError::Unknown)?;
        reader.zeros(3)?;
        let keys = Keys::parse(reader.u32()?).ok_or(CertificateError::Unknown)?;
        let region = Region::new(reader.u32()?, reader.u32()?);
        let verified = reader.u32()?;
        reader.zeros(4)?;
        Ok(Self { kind, module: ModuleId::new(reader.array()?), keys, region, verified })
    }

    /// Whether it can stand by itself.
    fn is_sound(&self) -> bool {
        self.region.bytes() > 0
            && self.region.offset().checked_add(self.region.bytes()).is_some()
            && self.verified == self.region.bytes()
            && self.module.is_some() == (self.kind == Kind::Module)
    }

    /// Whether it is on the same flash, at the same place.
    fn overlaps(&self, other: &Self) -> bool {
        self.module == other.module && self.region.overlaps(&other.region)
    }
}

/// What a certificate says beside its lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claims {
    /// What the device becomes.
    pub outcome: Outcome,
    /// The state of its life before.
    pub from: LifecycleState,
    /// How often it was sanitized, this time included.
    pub number: u32,
    /// Its model.
    pub model: u32,
    /// Its id.
    pub device: [u8; 16],
    /// What whoever asked for the certificate gave.
    pub nonce: [u8; NONCE_BYTES],
    /// Records of the log that somebody else is known to have.
    pub exported: u64,
    /// Records of the log that there were.
    pub records: u64,
}

impl Claims {
    /// Whether somebody else has the log.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        Evidence::of(self.exported, self.records)
    }

    /// The state of its life after.
    #[must_use]
    pub const fn to(&self) -> LifecycleState {
        state_after(self.outcome)
    }

    fn write(&self, lines: u8, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        let (outcome, evidence) = (self.outcome, self.evidence().code());
        writer.bytes(&[VERSION, outcome.code(), self.from.code(), self.to().code()])?;
        writer.bytes(&[evidence, NotShown::mask(outcome), lines, 0])?;
        writer.u32(self.number)?;
        writer.u32(self.model)?;
        writer.bytes(&self.device)?;
        writer.bytes(&self.nonce)?;
        writer.u64(self.exported)?;
        writer.u64(self.records)
    }

    /// The claims, and the number of lines behind them.
    fn read(reader: &mut Reader<'_>) -> Result<(Self, usize), CertificateError> {
        if reader.u8()? != VERSION {
            return Err(CertificateError::Version);
        }
        let outcome = Outcome::from_code(reader.u8()?).ok_or(CertificateError::Unknown)?;
        let from = LifecycleState::from_code(reader.u8()?).ok_or(CertificateError::Unknown)?;
        let (to, evidence, open) = (reader.u8()?, reader.u8()?, reader.u8()?);
        let lines = usize::from(reader.u8()?);
        reader.zeros(1)?;
        let (number, model) = (reader.u32()?, reader.u32()?);
        let (device, nonce) = (reader.array()?, reader.array()?);
        let (exported, records) = (reader.u64()?, reader.u64()?);
        let claims = Self { outcome, from, number, model, device, nonce, exported, records };
        let is_sound = claims.number > 0
            && claims.exported <= claims.records
            && to == claims.to().code()
            && evidence == claims.evidence().code()
            && open == NotShown::mask(outcome)
            && matches!(
                from,
                LifecycleState::AwaitClaim
                    | LifecycleState::InService
                    | LifecycleState::Maintenance
                    | LifecycleState::Unreadable
            );
        if is_sound { Ok((claims, lines)) } else { Err(CertificateError::Claims) }
    }
}

/// A certificate that was parsed, and whose signature nobody has looked at.
///
/// It has one encoding: what parses is written again byte for byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    claims: Claims,
    lines: [Option<Line>; LINES_MAX],
    signature: [u8; SIGNATURE_BYTES],
}

impl Certificate {
    /// Parses all of `bytes`.
    ///
    /// # Errors
    /// [`CertificateError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(bytes);
        let (claims, count) = Claims::read(&mut reader)?;
        if count == 0 || count > LINES_MAX {
            return Err(CertificateError::Line);
        }
        let mut lines = [None; LINES_MAX];
        for line in lines.iter_mut().take(count) {
            *line = Some(Line::read(&mut reader)?);
        }
        let signature = reader.array()?;
        reader.finish()?;
        check(&lines)?;
        Ok(Self { claims, lines, signature })
    }

    /// Signs what was read back. Only [`super::Blank`] calls it.
    pub(super) fn sign(
        key: &DeviceKey,
        claims: Claims,
        lines: &[Option<Line>; LINES_MAX],
    ) -> Result<Self, CertificateError> {
        check(lines)?;
        let mut certificate = Self { claims, lines: *lines, signature: [0; SIGNATURE_BYTES] };
        certificate.signature = key.sign(Context::Erase, &[&certificate.digest()])?;
        Ok(certificate)
    }

    /// What it says, which nobody may have signed.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The regions it says were erased.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().flatten()
    }

    /// Whether it says that `key` was destroyed.
    #[must_use]
    pub fn destroyed(&self, key: KeyName) -> bool {
        self.lines().any(|line| line.keys.has(key))
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        let count = u8::try_from(self.lines().count()).map_err(|_| Overflow)?;
        self.claims.write(count, writer)?;
        self.lines().try_for_each(|line| line.write(writer))
    }

    /// Writes the bytes to the front of `buffer` and returns them.
    #[must_use]
    pub fn to_bytes<'b>(&self, buffer: &'b mut [u8; CERTIFICATE_BYTES_MAX]) -> &'b [u8] {
        let mut writer = Writer::new(buffer);
        // The buffer has the length of the longest.
        self.write(&mut writer).and_then(|()| writer.bytes(&self.signature)).unwrap_or_default();
        let length = writer.written();
        buffer.get(..length).unwrap_or_default()
    }

    /// SHA-256 of all before the signature: what is signed.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut buffer = [0; CERTIFICATE_BYTES_MAX];
        let mut writer = Writer::new(&mut buffer);
        self.write(&mut writer).unwrap_or_default();
        let length = writer.written();
        sha256(&[buffer.get(..length).unwrap_or_default()])
    }

    /// Finds it signed by the device that `device` certifies. Whether that certificate is good, is for its own judge.
    ///
    /// # Errors
    /// [`NotAuthentic`]: another device's, changed, or `device` is no device's.
    pub fn verify(self, device: &identity::Certificate) -> Result<Verified, NotAuthentic> {
        let holder = device.claims();
        let key = device.signing_key().ok_or(NotAuthentic)?;
        let is_of_it = holder.kind == Holder::Device
            && holder.subject == self.claims.device
            && holder.model == self.claims.model
            && device_id(self.claims.model, &key) == self.claims.device;
        if !is_of_it {
            return Err(NotAuthentic);
        }
        key.verify(Context::Erase, &[&self.digest()], &self.signature)?;
        Ok(Verified(self))
    }
}

impl core::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Certificate").field(&self.claims).finish()
    }
}

/// Whether the lines are those of a plan: in the order of their kinds, none over another, and the storage root among them.
fn check(lines: &[Option<Line>; LINES_MAX]) -> Result<(), CertificateError> {
    let mut rest: &[Option<Line>] = lines;
    let (mut least, mut has_root) = (0, false);
    while let [Some(line), others @ ..] = rest {
        let is_apart = others.iter().flatten().all(|other| !line.overlaps(other));
        if !line.is_sound() || !is_apart || line.kind.code() < least {
            return Err(CertificateError::Line);
        }
        least = line.kind.code();
        has_root = has_root || line.kind == Kind::Secrets && line.keys.has(KeyName::StorageRoot);
        rest = others;
    }
    let is_whole = has_root && rest.iter().all(Option::is_none);
    if is_whole { Ok(()) } else { Err(CertificateError::Line) }
}

/// A certificate that its device has signed. Only [`Certificate::verify`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified(Certificate);

impl Verified {
    /// What was signed.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// Whether it was made for this request: a nonce that its holder has drawn.
    #[must_use]
    pub fn answers(&self, nonce: &[u8; NONCE_BYTES]) -> bool {
        self.0.claims.nonce == *nonce
    }
}
