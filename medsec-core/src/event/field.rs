//! The types that may enter a record, and how each is written.

use crate::codec::{Overflow, Writer};
use crate::event::catalogue::CodeInfo;
use crate::event::{EncodeError, FieldWriter};
use crate::events;
use crate::secret::{Secret, Sensitive};
use crate::suite::TAG_BYTES;
use crate::time::WallTime;

events! {
    /// What an event is about, as IEC 62443-4-2 CR 2.8 divides it.
    pub codes Category {
        /// Who may do what: authentication, authorisation, sessions.
        AccessControl = 1,
        /// A request that was malformed or could not be served.
        RequestError = 2,
        /// The device's own working: boots, faults, alarms.
        ControlSystem = 3,
        /// A backup was made or restored.
        BackupRestore = 4,
        /// A setting or the software was changed.
        ConfigurationChange = 5,
        /// The log itself: read, cleared, nearly full.
        AuditLog = 6,
    }
}

events! {
    /// What happens to a record when space runs out.
    pub codes Class {
        /// Kept until exported.
        Security = 1,
        /// The oldest make room for new ones.
        Operational = 2,
    }
}

events! {
    /// How it ended. The codes are those of DICOM PS3.15 and HL7 FHIR.
    pub codes Outcome {
        /// It was done.
        Success = 0,
        /// It was not done; trying again may help (a mistyped password).
        MinorFailure = 4,
        /// It was not done, and something has to be put right first.
        SeriousFailure = 8,
        /// It was not done, and a part of the device no longer works.
        MajorFailure = 12,
    }
}

events! {
    /// The unit of a [`Metric`].
    pub codes Unit {
        /// µl/h.
        MicrolitrePerHour = 1,
        /// µl.
        Microlitre = 2,
        /// µl/min.
        MicrolitrePerMinute = 3,
        /// mV.
        Millivolt = 4,
        /// mA.
        Milliampere = 5,
        /// mΩ.
        Milliohm = 6,
        /// Thousandths of a degree Celsius.
        MilliCelsius = 7,
        /// Pa.
        Pascal = 8,
        /// Thousandths of the whole.
        PerMille = 9,
        /// ms.
        Millisecond = 10,
        /// Thousandths of an insulin unit.
        MilliUnit = 11,
        /// Thousandths of an insulin unit per hour.
        MilliUnitPerHour = 12,
        /// µg.
        Microgram = 13,
        /// µJ.
        Microjoule = 14,
        /// Events per minute: beats, breaths, strokes.
        PerMinute = 15,
    }
}

events! {
    /// The kind byte in front of a value.
    pub codes Kind {
        /// A value of a closed list.
        Code = 0x01,
        /// A measured or set value with its unit.
        Metric = 0x02,
        /// A number of things.
        Count = 0x03,
        /// A length of time.
        Duration = 0x04,
        /// A person or service, by a random id.
        Principal = 0x05,
        /// A device, by a random id.
        Device = 0x06,
        /// The head of a hash.
        Digest = 0x07,
        /// A wall time with its quality.
        Time = 0x08,
        /// A personal value that was left out.
        Omitted = 0x40,
        /// A personal value, encrypted.
        Sealed = 0x41,
    }
}

mod sealed {
    use super::{EncodeError, FieldWriter, Overflow, Writer};

    pub trait Field {
        fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow>;
    }

    // The only thing it can do is encrypt: a method that gave the bytes could be called through a generic bound.
    pub trait Personal {
        fn seal(&self, out: &mut FieldWriter<'_>) -> Result<(), EncodeError>;
    }
}

/// A value that says nothing about a person and may stand in a record as it is.
///
/// Sealed. Integers, text, byte strings and `bool` are not among them, for a patient number, a name and a diagnosis are
/// such values too. A closed list of names enters through [`Coded`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a record as it is",
    label = "not a public event field",
    note = "a quantity of the device is a `Metric`, a `Count` or a `Duration`; a choice among named values is declared \
            with `events! {{ pub codes … }}`; a person is a `PrincipalId`",
    note = "what belongs to a person is a `Sensitive<…>` and is declared `encrypt` or `omit`"
)]
pub trait Field: sealed::Field {
    /// The kind byte it is written with.
    const KIND: Kind;
    /// Bytes it takes in a record, kind byte and all.
    const RECORD_BYTES: usize;
    /// The names behind the codes, for [`Kind::Code`].
    const CODES: &'static [CodeInfo] = &[];
}

/// A personal value that can be encrypted into a record: `Sensitive<[u8; N]>`. Sealed.
///
/// The length that shows is that of the type, rounded up to a multiple of 16.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be encrypted into a record",
    label = "not a personal value of a fixed size",
    note = "a personal value is a `Sensitive<[u8; N]>`; text is copied into such an array and padded"
)]
pub trait Personal: sealed::Personal {
    /// Bytes it takes in a record, kind byte and tag and all.
    const RECORD_BYTES: usize;
}

/// A choice among named values, each with a code that never changes. Declared with [`crate::events!`].
pub trait Coded: Copy + 'static {
    /// All values.
    const VALUES: &'static [CodeInfo];

    /// The code of this one, which is among [`Coded::VALUES`].
    fn to_code(self) -> u8;
}

impl<C: Coded> sealed::Field for C {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.u8(self.to_code())
    }
}

impl<C: Coded> Field for C {
    const KIND: Kind = Kind::Code;
    const RECORD_BYTES: usize = 2;
    const CODES: &'static [CodeInfo] = C::VALUES;
}

/// A measured or set value of the device, with its unit.
///
/// # Security
/// A record belongs to a device, and a device to a patient: whoever can link the two learns from a dose rate. It is
/// public only among those who hold the key of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    value: i32,
    unit: Unit,
}

impl Metric {
    /// `value` in `unit`.
    #[must_use]
    pub const fn new(value: i32, unit: Unit) -> Self {
        Self { value, unit }
    }

    /// The number.
    #[must_use]
    pub const fn value(&self) -> i32 {
        self.value
    }

    /// Its unit.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }
}

impl sealed::Field for Metric {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.bytes(&self.value.to_le_bytes())?;
        out.u8(self.unit.code())
    }
}

impl Field for Metric {
    const KIND: Kind = Kind::Metric;
    const RECORD_BYTES: usize = 6;
}

/// A number of things: attempts, pages, records, bytes. Not a number that stands for something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Count(u32);

impl Count {
    /// So many.
    #[must_use]
    pub const fn new(count: u32) -> Self {
        Self(count)
    }

    /// How many.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl sealed::Field for Count {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.u32(self.0)
    }
}

impl Field for Count {
    const KIND: Kind = Kind::Count;
    const RECORD_BYTES: usize = 5;
}

/// A length of time in milliseconds, up to 49 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Duration(u32);

impl Duration {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u32) -> Self {
        Self(ms)
    }

    /// The milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }
}

impl sealed::Field for Duration {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.u32(self.0)
    }
}

impl Field for Duration {
    const KIND: Kind = Kind::Duration;
    const RECORD_BYTES: usize = 5;
}

/// A person, service or station by the random id drawn when it was enrolled. Who that is stands elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrincipalId([u8; 8]);

impl PrincipalId {
    /// The device itself, acting for nobody.
    pub const DEVICE: Self = Self([0; 8]);
    /// Whoever acts in an emergency, without a name.
    pub const EMERGENCY: Self = Self([0xFF; 8]);

    /// The principal with this random id. Never derived from a name, a number or a badge.
    #[must_use]
    pub const fn new(id: [u8; 8]) -> Self {
        Self(id)
    }

    /// The id.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl sealed::Field for PrincipalId {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.bytes(&self.0)
    }
}

impl Field for PrincipalId {
    const KIND: Kind = Kind::Principal;
    const RECORD_BYTES: usize = 9;
}

/// A permission by its number in the maker's policy ([`crate::access`]), which has its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PermissionNumber(u8);

impl PermissionNumber {
    /// The permission with this number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl sealed::Field for PermissionNumber {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.u8(self.0)
    }
}

impl Field for PermissionNumber {
    const KIND: Kind = Kind::Code;
    const RECORD_BYTES: usize = 2;
}

/// A device by the random id given at its making. Not a serial number, which leads to a delivery note.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceRef([u8; 8]);

impl DeviceRef {
    /// The device with this id.
    #[must_use]
    pub const fn new(id: [u8; 8]) -> Self {
        Self(id)
    }

    /// The id.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl sealed::Field for DeviceRef {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.bytes(&self.0)
    }
}

impl Field for DeviceRef {
    const KIND: Kind = Kind::Device;
    const RECORD_BYTES: usize = 9;
}

/// The first 8 bytes of a SHA-256 hash: enough to find which image, page or file was meant.
///
/// # Security
/// The hash of a personal value is a personal value: all patient numbers are quickly tried. Hash things, not people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest8([u8; 8]);

impl Digest8 {
    /// The head of `hash`.
    #[must_use]
    pub const fn of(hash: &[u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *hash;
        Self([a, b, c, d, e, f, g, h])
    }

    pub(super) const fn from_head(head: [u8; 8]) -> Self {
        Self(head)
    }

    /// The 8 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl sealed::Field for Digest8 {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.bytes(&self.0)
    }
}

impl Field for Digest8 {
    const KIND: Kind = Kind::Digest;
    const RECORD_BYTES: usize = 9;
}

impl sealed::Field for WallTime {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Overflow> {
        out.u64(self.unix_seconds)?;
        out.u8(self.source.code())?;
        out.u16(self.uncertainty_seconds)
    }
}

impl Field for WallTime {
    const KIND: Kind = Kind::Time;
    const RECORD_BYTES: usize = 12;
}

/// The padded plaintext of a sealed value grows in steps of this many bytes.
pub(super) const SEALED_STEP_BYTES: usize = 16;

/// Most bytes of a padded plaintext: what is left of an event beside kind byte, length byte and tag, in whole steps.
pub(super) const PADDED_BYTES_MAX: usize = 80;

/// Bytes of the padded plaintext of a value of `bytes` bytes: its length byte, the value, zeros.
const fn padded_bytes(bytes: usize) -> usize {
    bytes.saturating_add(1).next_multiple_of(SEALED_STEP_BYTES)
}

impl<const N: usize> sealed::Personal for Sensitive<[u8; N]> {
    fn seal(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
        // The plaintext lies here and nowhere else, and is wiped on every way out.
        let mut padded = Secret::new([0; PADDED_BYTES_MAX]);
        let mut plain = Writer::new(padded.expose_mut());
        plain.u8(u8::try_from(N).map_err(|_| EncodeError::TooLong)?)?;
        plain.bytes(self.expose_to_seal())?;
        let bytes = const { padded_bytes(N) };
        let padded = padded.expose_mut().get_mut(..bytes).ok_or(EncodeError::TooLong)?;
        let tag = fields.sealer.seal(padded).map_err(EncodeError::NotSealed)?;
        fields.out.u8(Kind::Sealed.code())?;
        fields.out.u8(u8::try_from(bytes).map_err(|_| EncodeError::TooLong)?)?;
        fields.out.bytes(padded)?;
        Ok(fields.out.bytes(&tag)?)
    }
}

impl<const N: usize> Personal for Sensitive<[u8; N]> {
    const RECORD_BYTES: usize = padded_bytes(N).saturating_add(TAG_BYTES).saturating_add(2);
}
