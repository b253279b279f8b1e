//! What a station asks of a device that is being made, and the answers. `docs/formats.md` §23 has the bytes.
//!
//! They go over a link on which the station has proved itself, and never in clear.

use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Overflow, Reader, Writer};
use medsec_core::hal::DebugState;
use medsec_core::identity::certificate::CERTIFICATE_BYTES;
use medsec_core::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES, SignError};
use medsec_core::suite::{NotAuthentic, TAG_BYTES};

use super::claim::CODE_BYTES;
use super::receipt::SIGNED_RECEIPT_BYTES;

/// Bytes of the longest request.
pub const REQUEST_BYTES_MAX: usize = 1 + CERTIFICATE_BYTES;
/// Bytes of the longest answer.
pub const ANSWER_BYTES_MAX: usize = 1 + SIGNED_RECEIPT_BYTES;

const UNIT_BYTES: usize = 32 + 32 + 8 + 2 + 2;
const _: () = assert!(1 + UNIT_BYTES + SIGNATURE_BYTES <= ANSWER_BYTES_MAX);

const HELLO: u8 = 0x11;
const CERTIFICATE: u8 = 0x12;
const CODE: u8 = 0x13;
const SEAL: u8 = 0x14;
const FINISH: u8 = 0x15;
/// The bit that tells an answer from its request.
const ANSWER: u8 = 0x80;
const REFUSED: u8 = 0xff;
const UNIT: u8 = HELLO | ANSWER;
const STORED: u8 = CERTIFICATE | ANSWER;
const DRAWN: u8 = CODE | ANSWER;
const SEALED: u8 = SEAL | ANSWER;
const FINISHED: u8 = FINISH | ANSWER;

/// One run of making one device, named by its station. A run that was cut goes on under the same name, and under no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Names the run: 16 random bytes of the station.
    pub transaction: [u8; 16],
    /// The model that the station makes.
    pub model: u32,
    /// The serial number of the device, as its maker counts.
    pub serial: u64,
}

/// The proof of a station that asks a sealed device for its receipt once more, and has the code no more.
pub const NO_PROOF: [u8; TAG_BYTES] = [0; TAG_BYTES];

/// What a station asks for, in this order. Prints none of the station's randomness.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'m> {
    /// Who the device is. `entropy` enters what the device draws, beside its own noise.
    Hello(Hello, [u8; 32]),
    /// That it keeps this certificate.
    Certificate(&'m [u8; CERTIFICATE_BYTES]),
    /// A fresh code for its first owner. Each one makes those before worthless.
    Code,
    /// That it takes no other code and certificate from now on, and locks its debug port. The first is the proof of the code
    /// ([`ClaimKey::proof`](super::claim::ClaimKey::proof)), the second the digest of the certificate.
    Seal([u8; TAG_BYTES], [u8; 32]),
    /// That it waits for its owner, and takes no station any more.
    Finish,
}

impl core::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Hello(hello, _) => f.debug_tuple("Hello").field(hello).finish_non_exhaustive(),
            Self::Certificate(_) => f.write_str("Certificate"),
            Self::Code => f.write_str("Code"),
            Self::Seal(..) => f.write_str("Seal"),
            Self::Finish => f.write_str("Finish"),
        }
    }
}

impl<'m> Request<'m> {
    /// Writes it to the front of `out`, and returns that part.
    ///
    /// # Errors
    /// [`Overflow`]: `out` is shorter; none is longer than [`REQUEST_BYTES_MAX`].
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Overflow> {
        write(out, |writer| match self {
            Self::Hello(hello, entropy) => {
                writer.u8(HELLO)?;
                writer.bytes(&hello.transaction)?;
                writer.u32(hello.model)?;
                writer.u64(hello.serial)?;
                writer.bytes(entropy)
            }
            Self::Certificate(bytes) => {
                writer.u8(CERTIFICATE)?;
                writer.bytes(*bytes)
            }
            Self::Code => writer.u8(CODE),
            Self::Seal(proof, digest) => {
                writer.u8(SEAL)?;
                writer.bytes(proof)?;
                writer.bytes(digest)
            }
            Self::Finish => writer.u8(FINISH),
        })
    }

    /// Parses a request.
    ///
    /// # Errors
    /// [`DecodeError`]: it is none.
    pub fn parse(bytes: &'m [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let request = match reader.u8()? {
            HELLO => {
                let hello = Hello {
                    transaction: reader.array()?,
                    model: reader.u32()?,
                    serial: reader.u64()?,
                };
                Self::Hello(hello, reader.array()?)
            }
            CERTIFICATE => {
                let bytes = reader.bytes(CERTIFICATE_BYTES)?;
                Self::Certificate(bytes.first_chunk().ok_or(DecodeError::Short)?)
            }
            CODE => Self::Code,
            SEAL => Self::Seal(reader.array()?, reader.array()?),
            FINISH => Self::Finish,
            _ => return Err(DecodeError::Reserved),
        };
        reader.finish()?;
        Ok(request)
    }
}

/// What a device says of itself before it has a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    /// The key that signs, and makes the device's id.
    pub signing: [u8; 32],
    /// The digest of the firmware that runs.
    pub firmware: [u8; 32],
    /// The number that the maker of the chip gave it; zeros where it has none.
    pub chip: [u8; 8],
    /// The revision of the board.
    pub revision: u16,
    /// How far an earlier run under this name came.
    pub progress: Progress,
    /// Its debug port.
    pub debug: Debug,
}

/// How far a device has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// It knows the run.
    Begun,
    /// It has a certificate.
    Certified,
    /// And keeps what a code is proved by.
    Coded,
    /// And takes no other.
    Sealed,
}

impl Progress {
    const ALL: [Self; 4] = [Self::Begun, Self::Certified, Self::Coded, Self::Sealed];

    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Begun => 1,
            Self::Certified => 2,
            Self::Coded => 3,
            Self::Sealed => 4,
        }
    }

    pub(super) fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|progress| progress.code() == code)
    }
}

/// What a device says of its debug port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Debug {
    /// It is open, as it may be until the device is sealed.
    Open,
    /// It is locked.
    Locked,
    /// The part has no lock.
    Unlockable,
}

impl Debug {
    /// What a part with or without a lock reads.
    #[must_use]
    pub const fn of(is_lockable: bool, state: DebugState) -> Self {
        match (is_lockable, state) {
            (false, _) => Self::Unlockable,
            (true, DebugState::Locked) => Self::Locked,
            (true, DebugState::Open | _) => Self::Open,
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Locked => 2,
            Self::Unlockable => 3,
        }
    }

    pub(super) fn parse(code: u8) -> Result<Self, DecodeError> {
        let all = [Self::Open, Self::Locked, Self::Unlockable];
        all.into_iter().find(|debug| debug.code() == code).ok_or(DecodeError::Reserved)
    }
}

/// The run, the link it is on, and the key that the link has proved: what a device signs beside what it says.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The run.
    pub hello: &'a Hello,
    /// Hash over the handshake of the link.
    pub handshake: &'a [u8; 32],
    /// The device's key for links.
    pub agreement: &'a [u8; 32],
}

impl Unit {
    /// The device's signature over it: it has the key, and is at the other end of this link.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, run: &Run<'_>, key: &DeviceKey) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        self.signed(run, |parts| key.sign(Context::ProvisionRequest, parts))
    }

    /// Checks that the device has said it, on this link, with the key it names.
    ///
    /// # Errors
    /// [`NotAuthentic`].
    pub fn verify(
        &self,
        run: &Run<'_>,
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<PublicKey, NotAuthentic> {
        let key = PublicKey::parse(&self.signing)?;
        self.signed(run, |parts| key.verify(Context::ProvisionRequest, parts, signature))?;
        Ok(key)
    }

    fn signed<T>(&self, run: &Run<'_>, with: impl FnOnce(&[&[u8]]) -> T) -> T {
        let Run { hello, handshake, agreement } = run;
        with(&[
            *handshake,
            &hello.transaction,
            &hello.model.to_le_bytes(),
            &hello.serial.to_le_bytes(),
            *agreement,
            &self.signing,
            &self.firmware,
            &self.chip,
            &self.revision.to_le_bytes(),
            &[self.progress.code(), self.debug.code()],
        ])
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        writer.bytes(&self.signing)?;
        writer.bytes(&self.firmware)?;
        writer.bytes(&self.chip)?;
        writer.u16(self.revision)?;
        writer.bytes(&[self.progress.code(), self.debug.code()])
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            signing: reader.array()?,
            firmware: reader.array()?,
            chip: reader.array()?,
            revision: reader.u16()?,
            progress: Progress::of(reader.u8()?).ok_or(DecodeError::Reserved)?,
            debug: Debug::parse(reader.u8()?)?,
        })
    }
}

/// Why a device does not do what a station asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// No request that this device knows.
    Unknown,
    /// Something has to be asked before it.
    Order,
    /// The device is not being made.
    State,
    /// It is being made in another run. Whoever wants to begin anew erases what it was born with.
    Transaction,
    /// It is another model.
    Model,
    /// The certificate is not one for this device that its maker has issued, or it has another.
    Certificate,
    /// The station does not have the code that the device drew last.
    Proof,
    /// It is sealed.
    Sealed,
    /// The debug port is not locked yet: many a part locks it with its next reset, after which the run goes on.
    Debug,
    /// No randomness, or no flash: ask again, or take the device off the line.
    Fault,
}

impl Refused {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Unknown,
        Self::Order,
        Self::State,
        Self::Transaction,
        Self::Model,
        Self::Certificate,
        Self::Proof,
        Self::Sealed,
        Self::Debug,
        Self::Fault,
    ];

    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 1,
            Self::Order => 2,
            Self::State => 3,
            Self::Transaction => 4,
            Self::Model => 5,
            Self::Certificate => 6,
            Self::Proof => 7,
            Self::Sealed => 8,
            Self::Debug => 9,
            Self::Fault => 10,
        }
    }
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the device does not know this request",
            Self::Order => "something else has to be asked first",
            Self::State => "the device is not being made",
            Self::Transaction => "the device is being made in another run",
            Self::Model => "the device is another model",
            Self::Certificate => "the device does not take this certificate",
            Self::Proof => "the code is not the one the device drew last",
            Self::Sealed => "the device is sealed",
            Self::Debug => "the debug port is not locked yet: reset the device and go on",
            Self::Fault => "the device has no randomness, or its flash failed",
        })
    }
}

impl core::error::Error for Refused {}

/// What a device answers.
#[non_exhaustive]
pub enum Answer {
    /// To [`Request::Hello`]: the device, and its signature over that.
    Unit(Unit, [u8; SIGNATURE_BYTES]),
    /// To [`Request::Certificate`]: its digest.
    Stored([u8; 32]),
    /// To [`Request::Code`].
    Code(Secret<CODE_BYTES>),
    /// To [`Request::Seal`].
    Sealed([u8; SIGNED_RECEIPT_BYTES]),
    /// To [`Request::Finish`].
    Finished,
    /// To any request.
    Refused(Refused),
}

impl core::fmt::Debug for Answer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unit(unit, _) => f.debug_tuple("Unit").field(unit).finish(),
            Self::Stored(_) => f.write_str("Stored"),
            Self::Code(_) => f.write_str("Code"),
            Self::Sealed(_) => f.write_str("Sealed"),
            Self::Finished => f.write_str("Finished"),
            Self::Refused(why) => f.debug_tuple("Refused").field(why).finish(),
        }
    }
}

impl Answer {
    /// Writes it to the front of `out`, and returns that part.
    ///
    /// # Errors
    /// [`Overflow`]: `out` is shorter; none is longer than [`ANSWER_BYTES_MAX`].
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Overflow> {
        write(out, |writer| match self {
            Self::Unit(unit, signature) => {
                writer.u8(UNIT)?;
                unit.write(writer)?;
                writer.bytes(signature)
            }
            Self::Stored(digest) => {
                writer.u8(STORED)?;
                writer.bytes(digest)
            }
            Self::Code(code) => {
                writer.u8(DRAWN)?;
                writer.bytes(code.expose())
            }
            Self::Sealed(receipt) => {
                writer.u8(SEALED)?;
                writer.bytes(receipt)
            }
            Self::Finished => writer.u8(FINISHED),
            Self::Refused(why) => writer.bytes(&[REFUSED, why.code()]),
        })
    }

    /// Parses an answer.
    ///
    /// # Errors
    /// [`DecodeError`]: it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let answer = match reader.u8()? {
            UNIT => Self::Unit(Unit::read(&mut reader)?, reader.array()?),
            STORED => Self::Stored(reader.array()?),
            DRAWN => {
                let mut code = Secret::new([0; CODE_BYTES]);
                code.expose_mut().copy_from_slice(reader.bytes(CODE_BYTES)?);
                Self::Code(code)
            }
            SEALED => Self::Sealed(reader.array()?),
            FINISHED => Self::Finished,
            REFUSED => {
                let code = reader.u8()?;
                let why = Refused::ALL.into_iter().find(|why| why.code() == code);
                Self::Refused(why.ok_or(DecodeError::Reserved)?)
            }
            _ => return Err(DecodeError::Reserved),
        };
        reader.finish()?;
        Ok(answer)
    }
}

fn write(
    out: &mut [u8],
    with: impl FnOnce(&mut Writer<'_>) -> Result<(), Overflow>,
) -> Result<&[u8], Overflow> {
    let mut writer = Writer::new(out);
    with(&mut writer)?;
    let length = writer.written();
    out.get(..length).ok_or(Overflow)
}
