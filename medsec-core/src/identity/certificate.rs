//! The one certificate, for every kind of holder: 184 bytes, of which a handshake carries 152.
//!
//! A [`Certificate`] was parsed, not judged: anyone can write one. What it says counts once
//! [`Trust::judge`](super::trust::Trust::judge) has found it good.

use super::Day;
use crate::agreement::AgreementKey;
use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::key::{
    Context, DeviceKey, KID_BYTES, PublicKey, SIGNATURE_BYTES, SignError, device_id, sha256,
    signing_kid,
};
use crate::suite::{Aes256Gcm, ChaCha20Poly1305, NotAuthentic, Suite};

/// Bytes of a certificate.
pub const CERTIFICATE_BYTES: usize = 184;
/// Bytes of its wire form, which leaves the agreement key to the handshake that proves it.
pub const WIRE_BYTES: usize = CERTIFICATE_BYTES - KEY_BYTES;
/// Bytes that are signed.
pub const SIGNED_BYTES: usize = CERTIFICATE_BYTES - SIGNATURE_BYTES;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
/// Bytes before the agreement key.
const CLAIMS_BYTES: usize = 56;
/// The certificate is for development and production only.
const FLAG_TEST: u8 = 0x01;
/// The day that stands for no limit.
const NO_DAY: u16 = 0xffff;
/// Algorithm suites that exist, one bit each.
const SUITES: u8 = 1 << (Aes256Gcm::ID - 1) | 1 << (ChaCha20Poly1305::ID - 1);

/// Scope that is none: an issuer with it issues for every scope.
pub const NO_SCOPE: [u8; 8] = [0; 8];

/// What the holder of a certificate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A device. Its subject is its device id, and it has no epoch: hosts hold the list of all devices.
    Device,
    /// A person, by a random number of 16 bytes that stays when the certificate is renewed.
    Person,
    /// A service person or tool of the maker, which acts with a permit only.
    Service,
    /// A station that provisions devices.
    Station,
    /// Reads what is exported to it. It signs nothing.
    Recipient,
    /// Issues certificates. It is never a peer of a link.
    Issuer,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Device, Self::Person, Self::Service, Self::Station, Self::Recipient, Self::Issuer];

    /// The byte that stands for it. 4, 5 and 8 stay unused.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Device => 1,
            Self::Person => 2,
            Self::Service => 3,
            Self::Station => 6,
            Self::Recipient => 7,
            Self::Issuer => 9,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A set of kinds: bit n is the kind whose code is n.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// The kinds of `list`.
    #[must_use]
    pub const fn of(list: &[Kind]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            bits |= 1 << first.code();
            rest = others;
        }
        Self(bits)
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind.code()) != 0
    }

    /// Whether all of `others` are among them.
    #[must_use]
    pub const fn has_all(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// The kinds that are in both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Only kinds that exist, and no issuers: between an anchor and a leaf there is one issuer at most.
    fn parse(bits: u16) -> Option<Self> {
        let issued = Self::of(&Kind::ALL).0 & !Self::of(&[Kind::Issuer]).0;
        (bits & !issued == 0).then_some(Self(bits))
    }
}

/// Why bytes are no certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CertificateError {
    /// Too short, too long, or a reserved byte or bit is set.
    Layout(DecodeError),
    /// Another version.
    Version,
    /// A kind, a suite or a kind to issue that does not exist.
    Unknown,
    /// A number, day, scope, epoch or list that a holder of its kind cannot have.
    Claims,
    /// A key that is missing, weak, not canonical, or one that a holder of its kind does not have.
    Key,
    /// The subject is not the device id of the keys.
    Subject,
}

impl core::fmt::Display for CertificateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Version => f.write_str("certificate of another version"),
            Self::Unknown => f.write_str("unknown kind or suite"),
            Self::Claims => f.write_str("claims that its kind cannot have"),
            Self::Key => f.write_str("missing, weak or superfluous key"),
            Self::Subject => f.write_str("subject is not the id of its keys"),
        }
    }
}

impl core::error::Error for CertificateError {}

impl From<DecodeError> for CertificateError {
    fn from(error: DecodeError) -> Self {
        Self::Layout(error)
    }
}

/// What a certificate says beside its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// What the holder is.
    pub kind: Kind,
    /// Suites that the holder has: bit n - 1 is suite n. Not empty.
    pub suites: u8,
    /// For development and production only; refused in service.
    pub is_test: bool,
    /// Number under its issuer, at least 1; no two certificates of one issuer share it.
    pub serial: u32,
    /// Id of the issuer's key. It selects; it proves nothing.
    pub issuer: [u8; KID_BYTES],
    /// The issuer's epoch in which it was made; 0 for a device.
    pub epoch: u32,
    /// First day on which it holds.
    pub not_before: Option<Day>,
    /// Last day on which it holds.
    pub not_after: Option<Day>,
    /// Roles of the holder, one bit each; of an issuer, the most it can give.
    pub roles: u8,
    /// Kinds that an issuer issues; none for others.
    pub may_issue: Kinds,
    /// Model of the device; for others the model they are for, 0 for all.
    pub model: u32,
    /// Site or group of devices; [`NO_SCOPE`] is none, which a service holder cannot have.
    pub scope: [u8; 8],
    /// Who the holder is: of a device its id, of others 16 random bytes.
    pub subject: [u8; 16],
}

impl Claims {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        writer.bytes(&[VERSION, self.kind.code(), self.suites, u8::from(self.is_test)])?;
        writer.u32(self.serial)?;
        writer.bytes(&self.issuer)?;
        writer.u32(self.epoch)?;
        writer.u16(self.not_before.map_or(NO_DAY, Day::number))?;
        writer.u16(self.not_after.map_or(NO_DAY, Day::number))?;
        writer.bytes(&[self.roles, 0])?;
        writer.u16(self.may_issue.0)?;
        writer.u32(self.model)?;
        writer.bytes(&self.scope)?;
        writer.bytes(&self.subject)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CertificateError> {
        if reader.u8()? != VERSION {
            return Err(CertificateError::Version);
        }
        let kind = Kind::of(reader.u8()?).ok_or(CertificateError::Unknown)?;
        let suites = reader.u8()?;
        let flags = reader.u8()?;
        if flags & !FLAG_TEST != 0 {
            return Err(CertificateError::Layout(DecodeError::Reserved));
        }
        let serial = reader.u32()?;
        let issuer = reader.array()?;
        let epoch = reader.u32()?;
        let (not_before, not_after) = (Day::of(reader.u16()?), Day::of(reader.u16()?));
        let roles = reader.u8()?;
        reader.zeros(1)?;
        let may_issue = Kinds::parse(reader.u16()?).ok_or(CertificateError::Unknown)?;
        let (model, scope, subject) = (reader.u32()?, reader.array()?, reader.array()?);
        Ok(Self {
            kind,
            suites,
            is_test: flags & FLAG_TEST != 0,
            serial,
            issuer,
            epoch,
            not_before,
            not_after,
            roles,
            may_issue,
            model,
            scope,
            subject,
        })
    }

    /// What does not need the keys.
    fn check(&self) -> Result<(), CertificateError> {
        if self.suites == 0 || self.suites & !SUITES != 0 {
            return Err(CertificateError::Unknown);
        }
        let is_ordered = self.not_before.is_none()
            || self
                .not_after
                .is_none_or(|after| self.not_before.is_some_and(|before| before <= after));
        let has_epoch = self.kind != Kind::Device;
        let has_scope = self.scope != NO_SCOPE || self.kind != Kind::Service;
        let issues = self.may_issue != Kinds::NONE;
        let is_issuer = self.kind == Kind::Issuer;
        let is_sound = self.serial > 0
            && is_ordered
            && (has_epoch || self.epoch == 0)
            && has_scope
            && issues == is_issuer;
        if is_sound { Ok(()) } else { Err(CertificateError::Claims) }
    }
}

impl core::fmt::Debug for Claims {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A subject may stand for a person.
        f.debug_struct("Claims")
            .field("kind", &self.kind)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// A certificate that was parsed and not judged.
///
/// It has one encoding: what parses is written again byte for byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    claims: Claims,
    agreement: [u8; KEY_BYTES],
    signing: [u8; KEY_BYTES],
    signature: [u8; SIGNATURE_BYTES],
}

impl Certificate {
    /// Parses the 184 bytes that are kept in stores, in files and beside signatures.
    ///
    /// The signature is not looked at. Costs one decompression of an Ed25519 key, and for a device one hash.
    ///
    /// # Errors
    /// [`CertificateError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(bytes);
        let claims = Claims::read(&mut reader)?;
        let agreement = reader.array()?;
        let (signing, signature) = (reader.array()?, reader.array()?);
        reader.finish()?;
        Self::checked(claims, agreement, signing, signature)
    }

    fn checked(
        claims: Claims,
        agreement: [u8; KEY_BYTES],
        signing: [u8; KEY_BYTES],
        signature: [u8; SIGNATURE_BYTES],
    ) -> Result<Self, CertificateError> {
        claims.check()?;
        let agrees = claims.kind != Kind::Issuer;
        let signs = claims.kind != Kind::Recipient;
        let is_present = |key: &[u8; KEY_BYTES], wanted: bool, is_sound: bool| {
            if wanted { is_sound } else { *key == [0; KEY_BYTES] }
        };
        let signing_key = PublicKey::parse(&signing);
        if !is_present(&agreement, agrees, AgreementKey::parse(&agreement).is_ok())
            || !is_present(&signing, signs, signing_key.is_ok())
        {
            return Err(CertificateError::Key);
        }
        if let (Kind::Device, Ok(key)) = (claims.kind, signing_key)
            && claims.subject != device_id(claims.model, &key)
        {
            return Err(CertificateError::Subject);
        }
        Ok(Self { claims, agreement, signing, signature })
    }

    /// What it says beside its keys.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key that links agree with and that bodies are sealed to; none of an issuer.
    #[must_use]
    pub fn agreement_key(&self) -> Option<AgreementKey> {
        AgreementKey::parse(&self.agreement).ok()
    }

    /// The key that verifies what the holder signs; none of a recipient.
    #[must_use]
    pub fn signing_key(&self) -> Option<PublicKey> {
        PublicKey::parse(&self.signing).ok()
    }

    /// The id of its key for signatures; of an issuer, that by which others name it. Costs one hash.
    pub(super) fn signing_id(&self) -> [u8; KID_BYTES] {
        signing_kid(&self.signing)
    }

    /// The 184 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; CERTIFICATE_BYTES] {
        let mut bytes = [0; CERTIFICATE_BYTES];
        let mut writer = Writer::new(&mut bytes);
        // The buffer has the length of the layout.
        self.claims
            .write(&mut writer)
            .and_then(|()| writer.bytes(&self.agreement))
            .and_then(|()| writer.bytes(&self.signing))
            .and_then(|()| writer.bytes(&self.signature))
            .unwrap_or_default();
        bytes
    }

    /// The 152 bytes for a handshake that proves the agreement key itself.
    #[must_use]
    pub fn to_wire(&self) -> [u8; WIRE_BYTES] {
        let mut wire = [0; WIRE_BYTES];
        let bytes = self.to_bytes();
        let left = bytes.iter().take(CLAIMS_BYTES);
        let right = bytes.iter().skip(CLAIMS_BYTES + KEY_BYTES);
        for (to, from) in wire.iter_mut().zip(left.chain(right)) {
            *to = *from;
        }
        wire
    }

    /// SHA-256 of the 184 bytes, by which a permit names its holder.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sha256(&[&self.to_bytes()])
    }

    /// Whether `issuer` signed it.
    ///
    /// # Errors
    /// [`NotAuthentic`]: it did not, or something was changed.
    pub(super) fn verify(&self, issuer: &PublicKey) -> Result<(), NotAuthentic> {
        let bytes = self.to_bytes();
        let (signed, _) = bytes.split_first_chunk::<SIGNED_BYTES>().ok_or(NotAuthentic)?;
        issuer.verify(Context::Certificate, &[signed], &self.signature)
    }
}

impl core::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Certificate").field(&self.claims).finish()
    }
}

/// The form of a certificate inside a handshake: without the agreement key, which the handshake proves.
///
/// Its one exit puts the proven key in, so that a certificate for another key cannot be taken by mistake.
#[derive(Clone, Copy)]
pub struct WireCertificate([u8; WIRE_BYTES]);

impl WireCertificate {
    /// Takes the 152 bytes over.
    ///
    /// # Errors
    /// [`CertificateError::Layout`]: there are more or fewer.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(bytes);
        let wire = reader.array()?;
        reader.finish()?;
        Ok(Self(wire))
    }

    /// The certificate for the key that the peer proved to hold.
    ///
    /// # Errors
    /// [`CertificateError`]: as for [`Certificate::parse`]; an issuer is no peer, so it has no wire form.
    pub fn complete(
        &self,
        remote_static: &[u8; KEY_BYTES],
    ) -> Result<Certificate, CertificateError> {
        let mut reader = Reader::new(&self.0);
        let claims = Claims::read(&mut reader)?;
        if claims.kind == Kind::Issuer {
            return Err(CertificateError::Key);
        }
        let (signing, signature) = (reader.array()?, reader.array()?);
        Certificate::checked(claims, *remote_static, signing, signature)
    }
}

impl core::fmt::Debug for WireCertificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WireCertificate")
    }
}

/// A certificate that its issuer has not signed yet.
///
/// # Security
/// An issuer signs only what it has proof for: that the holder has both keys, in one session.
pub struct Unsigned(Certificate);

impl Unsigned {
    /// The certificate with these claims and keys.
    ///
    /// # Errors
    /// [`CertificateError`]: it would not parse.
    pub fn new(
        claims: Claims,
        agreement: Option<&AgreementKey>,
        signing: Option<&PublicKey>,
    ) -> Result<Self, CertificateError> {
        let agreement = agreement.map_or([0; KEY_BYTES], AgreementKey::to_bytes);
        let signing = signing.map_or([0; KEY_BYTES], PublicKey::to_bytes);
        Certificate::checked(claims, agreement, signing, [0; SIGNATURE_BYTES]).map(Self)
    }

    /// The 120 bytes that the issuer signs for [`Context::Certificate`].
    #[must_use]
    pub fn to_be_signed(&self) -> [u8; SIGNED_BYTES] {
        let bytes = self.0.to_bytes();
        bytes.split_first_chunk().map_or([0; SIGNED_BYTES], |(signed, _)| *signed)
    }

    /// The certificate with a signature made elsewhere, by a module that keeps the issuer's key.
    ///
    /// # Errors
    /// [`NotAuthentic`]: it is not the signature of `issuer` over this certificate.
    pub fn with_signature(
        self,
        signature: [u8; SIGNATURE_BYTES],
        issuer: &PublicKey,
    ) -> Result<Certificate, NotAuthentic> {
        let certificate = Certificate { signature, ..self.0 };
        certificate.verify(issuer).map(|()| certificate)
    }

    /// The certificate, signed with a key in memory.
    ///
    /// # Errors
    /// [`SignError`], as it says.
    pub fn sign(self, issuer: &DeviceKey) -> Result<Certificate, SignError> {
        let signature = issuer.sign(Context::Certificate, &[&self.to_be_signed()])?;
        Ok(Certificate { signature, ..self.0 })
    }
}

impl core::fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Unsigned")
    }
}
