//! The bytes of the store: places, records, and their seals.

use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Overflow, Reader, Writer};
use medsec_core::event::PrincipalId;
use medsec_core::key::{AtRest, Envelope};
use medsec_core::suite::{NotAuthentic, SealError, Suite};

use super::{
    Claim, Credentials, Flags, KNOWLEDGE_BYTES, ONE_TIME_BYTES, PEOPLE, Principal, Role, Slot,
    TOKEN_BYTES,
};

/// Kind, slot, version and suite; nonce; tag.
pub(super) const SEAL_BYTES: usize = 4 + 12 + 16;
/// A person's record, sealed.
pub(super) const PERSON_BYTES: usize = SEAL_BYTES + 176;
/// The settings, sealed.
pub(super) const SETTINGS_BYTES: usize = SEAL_BYTES + 88;
/// The claim, sealed.
pub(super) const CLAIM_BYTES: usize = SEAL_BYTES + 72;

/// Copies of the settings.
pub(super) const SETTINGS_COPIES: u8 = 2;
const CLAIM_AT: usize = 2 * SETTINGS_BYTES;
const PEOPLE_AT: usize = CLAIM_AT + CLAIM_BYTES;

/// Bytes of the body of the store.
pub const BODY_BYTES: u32 = 3_672;

const _: () = assert!(PEOPLE_AT + PEOPLE * PERSON_BYTES == 3_672);

const VERSION: u8 = 1;
const MAGIC: [u8; 4] = *b"MSCR";

/// What a record is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A copy of the settings.
    Settings(u8),
    Claim,
    Person(Slot),
}

impl Place {
    const fn kind_and_slot(self) -> (u8, u8) {
        match self {
            Self::Settings(copy) => (1, copy),
            Self::Claim => (2, 0),
            Self::Person(slot) => (3, slot.0),
        }
    }

    /// Where it begins in the body.
    pub(super) fn offset(self) -> u32 {
        let at = match self {
            Self::Settings(copy) => usize::from(copy).saturating_mul(SETTINGS_BYTES),
            Self::Claim => CLAIM_AT,
            Self::Person(slot) => {
                PEOPLE_AT.saturating_add(usize::from(slot.0).saturating_mul(PERSON_BYTES))
            }
        };
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    const fn head<S: Suite>(self) -> [u8; 4] {
        let (kind, slot) = self.kind_and_slot();
        [kind, slot, VERSION, S::ID]
    }

    /// What the seal covers beside the record: moved or older records do not open.
    const fn aad<S: Suite>(self, generation: u32) -> [u8; 12] {
        let [kind, slot, version, suite] = self.head::<S>();
        let [m0, m1, m2, m3] = MAGIC;
        let [g0, g1, g2, g3] = generation.to_le_bytes();
        [m0, m1, m2, m3, kind, slot, version, suite, g0, g1, g2, g3]
    }
}

/// Seals a record in place: its plaintext stands behind the room for the seal.
pub(super) fn seal<S: Suite>(
    keys: &AtRest<S>,
    place: Place,
    generation: u32,
    record: &mut [u8],
) -> Result<(), SealError> {
    let (head, body) = record.split_at_mut_checked(SEAL_BYTES).ok_or(SealError::TooLong)?;
    let envelope = keys.seal(&place.aad::<S>(generation), body)?;
    let mut writer = Writer::new(head);
    writer
        .bytes(&place.head::<S>())
        .and_then(|()| writer.bytes(&envelope.nonce))
        .and_then(|()| writer.bytes(&envelope.tag))
        .map_err(|Overflow| SealError::TooLong)
}

/// Opens a record in place; its plaintext.
pub(super) fn open<'a, S: Suite>(
    keys: &AtRest<S>,
    place: Place,
    generation: u32,
    record: &'a mut [u8],
) -> Result<&'a [u8], NotAuthentic> {
    let (head, body) = record.split_at_mut_checked(SEAL_BYTES).ok_or(NotAuthentic)?;
    let mut reader = Reader::new(head);
    let named: [u8; 4] = reader.array().map_err(|_| NotAuthentic)?;
    let nonce = reader.array().map_err(|_| NotAuthentic)?;
    let tag = reader.array().map_err(|_| NotAuthentic)?;
    if named != place.head::<S>() {
        return Err(NotAuthentic);
    }
    keys.open(&place.aad::<S>(generation), body, &Envelope { nonce, tag })?;
    Ok(body)
}

/// What the records say of each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Settings {
    pub(super) policy_generation: u16,
    /// People enrolled since the store was made.
    pub(super) enrolled: u32,
    pub(super) claim: u32,
    pub(super) people: [u32; PEOPLE],
}

impl Settings {
    pub(super) fn encode(&self, out: &mut [u8]) -> Result<(), Overflow> {
        let mut writer = Writer::new(out);
        writer.bytes(&[VERSION, 0])?;
        writer.u16(self.policy_generation)?;
        writer.u32(self.enrolled)?;
        writer.u32(self.claim)?;
        for generation in &self.people {
            writer.u32(*generation)?;
        }
        writer.bytes(&[0; 12])
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        version(&mut reader)?;
        reader.zeros(1)?;
        let policy_generation = reader.u16()?;
        let (enrolled, claim) = (reader.u32()?, reader.u32()?);
        let mut people = [0; PEOPLE];
        for generation in &mut people {
            *generation = reader.u32()?;
        }
        reader.zeros(12)?;
        reader.finish()?;
        Ok(Self { policy_generation, enrolled, claim, people })
    }

    pub(super) fn of(&self, slot: Slot) -> u32 {
        self.people.get(usize::from(slot.0)).copied().unwrap_or(0)
    }
}

fn version(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    if reader.u8()? == VERSION { Ok(()) } else { Err(DecodeError::Reserved) }
}

impl Claim {
    pub(super) fn encode(&self, out: &mut [u8]) -> Result<(), Overflow> {
        let mut writer = Writer::new(out);
        writer.bytes(&[VERSION, self.state])?;
        writer.bytes(&self.transaction)?;
        writer.bytes(&self.salt)?;
        writer.bytes(self.verifier.expose())?;
        writer.bytes(&[0; 6])
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        version(&mut reader)?;
        let state = reader.u8()?;
        let (transaction, salt) = (reader.array()?, reader.array()?);
        let verifier = secret(&mut reader)?;
        reader.zeros(6)?;
        reader.finish()?;
        Ok(Self { state, transaction, salt, verifier })
    }
}

/// The next bytes, without a copy that is not wiped.
fn secret<const N: usize>(reader: &mut Reader<'_>) -> Result<Secret<N>, DecodeError> {
    let mut secret = Secret::new([0; N]);
    secret.expose_mut().copy_from_slice(reader.bytes(N)?);
    Ok(secret)
}

/// The plaintext of a person, or of an empty slot: zeros but for the version.
pub(super) fn encode_person(
    person: Option<(&Principal, &Credentials)>,
    out: &mut [u8],
) -> Result<(), Overflow> {
    let mut writer = Writer::new(out);
    let Some((principal, credentials)) = person else {
        writer.u8(VERSION)?;
        return writer.bytes(&[0; 175]);
    };
    let Credentials { knowledge, one_time, token } = credentials;
    let factors = u8::from(knowledge.is_some())
        | if one_time.is_some() { 2 } else { 0 }
        | if token.is_some() { 4 } else { 0 };
    writer.bytes(&[VERSION, 1, principal.role.0, principal.flags.0, factors, 0])?;
    writer.u16(principal.policy_generation)?;
    writer.bytes(principal.id.bytes())?;
    writer.u32(principal.created_boot)?;
    writer.bytes(&[0; 4])?;
    writer.bytes(knowledge.as_ref().map_or(&[0; KNOWLEDGE_BYTES], |kept| kept.expose()))?;
    writer.bytes(one_time.as_ref().map_or(&[0; ONE_TIME_BYTES], |kept| kept.expose()))?;
    writer.bytes(token.as_ref().map_or(&[0; TOKEN_BYTES], |kept| kept.expose()))
}

/// Where the id is in the plaintext of a person, which begins with version and state.
pub(super) const ID_AT: core::ops::Range<usize> = 8..16;

/// What the plaintext of a slot says: who is there, or nobody.
pub(super) fn parse_person(bytes: &[u8]) -> Result<Option<(Principal, Credentials)>, DecodeError> {
    let mut reader = Reader::new(bytes);
    version(&mut reader)?;
    match reader.u8()? {
        0 => {
            reader.zeros(reader.remaining())?;
            return Ok(None);
        }
        1 => {}
        _ => return Err(DecodeError::Reserved),
    }
    let role = Role::new(reader.u8()?).ok_or(DecodeError::Reserved)?;
    let flags = Flags::parse(reader.u8()?).ok_or(DecodeError::Reserved)?;
    let factors = reader.u8()?;
    if factors & !7 != 0 {
        return Err(DecodeError::Reserved);
    }
    reader.zeros(1)?;
    let policy_generation = reader.u16()?;
    let id = PrincipalId::new(reader.array()?);
    let created_boot = reader.u32()?;
    reader.zeros(4)?;
    let credentials = Credentials {
        knowledge: factor(&mut reader, factors & 1 != 0)?,
        one_time: factor(&mut reader, factors & 2 != 0)?,
        token: factor(&mut reader, factors & 4 != 0)?,
    };
    reader.finish()?;
    if id == PrincipalId::DEVICE {
        return Err(DecodeError::Reserved);
    }
    Ok(Some((Principal { id, role, flags, created_boot, policy_generation }, credentials)))
}

/// A factor that is there, or as many zeros.
fn factor<const N: usize>(
    reader: &mut Reader<'_>,
    is_there: bool,
) -> Result<Option<Secret<N>>, DecodeError> {
    if is_there {
        return secret(reader).map(Some);
    }
    reader.zeros(N)?;
    Ok(None)
}
