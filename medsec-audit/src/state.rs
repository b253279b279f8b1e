//! What the log keeps in the device's cell: the next session's index, its secrets, and the escrow of the chain of secrets.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | index of the next session |
//! | 4 | 4 | base: index of the first session of the present chain |
//! | 8 | 4 | void page |
//! | 12 | 4 | void session |
//! | 16 | 1 | lifecycle |
//! | 17 | 3 | zero |
//! | 20 | 8 | key id of the log authority |
//! | 28 | 80 | escrow: encapsulated key 32, sealed audit secret of the base 32, tag 16 |
//! | 108 | 16 | proof, under the next session's audit secret, over bytes 0..108 |
//! | 124 | 12 | nonce of the secrets at rest |
//! | 136 | 64 | secrets: audit secret of the next session 32, seed of the next session 32; encrypted |
//! | 200 | 16 | tag of the secrets at rest; it also covers bytes 0..124 |
//!
//! Bytes 0..124 say nothing secret. A host that holds the log authority's secret recomputes the proof, so an index that
//! was set back is seen.

use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::codec::{DecodeError, Overflow, Reader, Writer};
use medsec_core::flash::cell::{OVERHEAD_BYTES, PAGES};
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::Void;
use medsec_core::hpke::{self, HpkeError};
use medsec_core::key::{AtRest, Envelope, Label, derive};
use medsec_core::suite::{NotAuthentic, SealError, Suite};

use crate::log::CELL_KIND;
use crate::segment::head;
use crate::verify::Image;

/// Bytes of the cell's value.
pub const STATE_BYTES: usize = 216;
/// Bytes of its public part.
pub const PUBLIC_BYTES: usize = 124;
/// Bytes that the proof covers.
pub const PROVED_BYTES: usize = 108;
/// Bytes of an escrow entry's body.
pub const ESCROW_BYTES: usize = 92;
/// Sessions after which a chain ends and a fresh audit secret begins the next one.
pub const CHAIN_SESSIONS: u32 = 256;

/// Binds an escrow to its purpose (RFC 9180 `info`, before device id and base).
const ESCROW_INFO: &[u8; 22] = b"medsec/v1/audit/escrow";

/// The audit secret with which a chain begins, sealed to the log authority.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | base: index of the chain's first session |
/// | 4 | 8 | key id of the log authority |
/// | 12 | 32 | encapsulated key |
/// | 44 | 32 | sealed audit secret |
/// | 76 | 16 | tag |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Escrow {
    /// Index of the first session of the chain.
    pub base: u32,
    /// Key id of the log authority.
    pub kid: [u8; 8],
    /// Encapsulated key, sealed secret and tag.
    pub sealed: [u8; 80],
}

impl Escrow {
    /// Seals `audit`, the secret of session `base` of `device`, to `authority`.
    ///
    /// # Errors
    /// [`HpkeError`].
    pub fn seal<S: Suite>(
        audit: &Secret<32>,
        base: u32,
        device: &[u8; 16],
        authority: &AgreementKey,
        ephemeral: &Secret<32>,
    ) -> Result<Self, HpkeError> {
        let mut body = audit.duplicate();
        let info = escrow_info(device, base);
        let made = hpke::seal_base::<S>(authority, &info, &[], body.expose_mut(), ephemeral)?;
        let mut sealed = [0; 80];
        let parts: [&[u8]; 3] = [&made.enc, body.expose(), &made.tag];
        for (to, from) in sealed.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
        }
        Ok(Self { base, kid: authority.kid(), sealed })
    }

    /// Opens the escrow with the log authority's secret.
    ///
    /// # Errors
    /// [`NotAuthentic`]: changed, or for another authority, device or base.
    pub fn open<S: Suite>(
        &self,
        device: &[u8; 16],
        authority: &AgreementSecret,
    ) -> Result<Secret<32>, NotAuthentic> {
        let mut reader = Reader::new(&self.sealed);
        let short = |_| NotAuthentic;
        let enc = reader.array().map_err(short)?;
        let mut audit = Secret::new(reader.array().map_err(short)?);
        let tag = reader.array().map_err(short)?;
        let info = escrow_info(device, self.base);
        hpke::open_base::<S>(authority, &enc, &info, &[], audit.expose_mut(), &tag)?;
        Ok(audit)
    }

    /// The body of the entry that carries it.
    ///
    /// # Errors
    /// None in practice; the layout is as long as its buffer.
    pub fn encode(&self) -> Result<[u8; ESCROW_BYTES], Overflow> {
        let mut bytes = [0; ESCROW_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.u32(self.base)?;
        writer.bytes(&self.kid)?;
        writer.bytes(&self.sealed)?;
        Ok(bytes)
    }

    /// Parses the body of an entry.
    ///
    /// # Errors
    /// [`DecodeError`]: it has another length.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let escrow = Self { base: reader.u32()?, kid: reader.array()?, sealed: reader.array()? };
        reader.finish()?;
        Ok(escrow)
    }
}

fn escrow_info(device: &[u8; 16], base: u32) -> [u8; 42] {
    let mut info = [0; 42];
    let parts: [&[u8]; 3] = [ESCROW_INFO, device, &base.to_le_bytes()];
    for (to, from) in info.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    info
}

/// The public part of the cell's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicState {
    /// Index of the next session.
    pub index: u32,
    /// Segments that do not exist.
    pub void: Void,
    /// Lifecycle of the device.
    pub lifecycle: u8,
    /// Escrow of the present chain.
    pub escrow: Escrow,
    /// Proof under the next session's audit secret.
    pub proof: [u8; 16],
}

impl PublicState {
    /// Its bytes, with the proof that `audit` gives.
    ///
    /// # Errors
    /// None in practice; the layout is as long as its buffer.
    pub fn encode(&self, audit: &Secret<32>) -> Result<[u8; PUBLIC_BYTES], Overflow> {
        let mut bytes = [0; PUBLIC_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.u32(self.index)?;
        writer.u32(self.escrow.base)?;
        writer.u32(self.void.page)?;
        writer.u32(self.void.session)?;
        writer.u32(u32::from(self.lifecycle))?;
        writer.bytes(&self.escrow.kid)?;
        writer.bytes(&self.escrow.sealed)?;
        let proof = prove(audit, &bytes);
        let mut writer = Writer::new(bytes.get_mut(PROVED_BYTES..).ok_or(Overflow)?);
        writer.bytes(&proof)?;
        Ok(bytes)
    }

    /// Parses the public part of a cell's value.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn parse(bytes: &[u8; PUBLIC_BYTES]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let index = reader.u32()?;
        let base = reader.u32()?;
        let void = Void { page: reader.u32()?, session: reader.u32()? };
        let lifecycle = reader.u8()?;
        reader.zeros(3)?;
        let escrow = Escrow { base, kid: reader.array()?, sealed: reader.array()? };
        Ok(Self { index, void, lifecycle, escrow, proof: reader.array()? })
    }

    /// Checks the proof in `bytes` against the audit secret of the session that the index names.
    ///
    /// # Errors
    /// [`NotAuthentic`]: a byte was changed, or the index does not belong to the secret.
    pub fn verify_proof(
        bytes: &[u8; PUBLIC_BYTES],
        audit: &Secret<32>,
    ) -> Result<(), NotAuthentic> {
        if bytes.get(PROVED_BYTES..) == Some(&prove(audit, bytes)[..]) {
            Ok(())
        } else {
            Err(NotAuthentic)
        }
    }
}

fn prove(audit: &Secret<32>, bytes: &[u8; PUBLIC_BYTES]) -> [u8; 16] {
    let proved = bytes.get(..PROVED_BYTES).unwrap_or_default();
    head(&derive(audit, Label::AuditProof, &[proved]))
}

/// Finds the public part of the state in an image of the cell's pages, as a host must: without the key of the copies.
///
/// The rule is the device's own, but for the MAC: of all that look like copies, the highest epoch of which one page
/// holds two equal ones; only if there is none, the highest epoch. What it finds is proven by
/// [`PublicState::verify_proof`], not here. `image` holds the cell's four pages as slots 0 to 3.
#[must_use]
pub fn read_public<I: Image>(image: &mut I, geometry: &Geometry) -> Option<[u8; PUBLIC_BYTES]> {
    let mut best: Option<((bool, u32), [u8; PUBLIC_BYTES])> = None;
    for page in 0..PAGES {
        let copies = [0, 1, 2].map(|copy| read_copy(image, geometry, page, copy));
        for one in &copies {
            let Some((epoch, bytes)) = one else { continue };
            let rank = (copies.iter().filter(|copy| *copy == one).count() > 1, *epoch);
            let public = bytes.get(CELL_HEADER_BYTES..).and_then(<[u8]>::first_chunk).copied()?;
            if best.is_none_or(|(highest, _)| rank > highest) {
                best = Some((rank, public));
            }
        }
    }
    best.map(|(_, public)| public)
}

/// Bytes of a copy in the cell before its value, and before its MAC (`medsec_core::flash::cell`).
const CELL_HEADER_BYTES: usize = OVERHEAD_BYTES - 16;
const CELL_COPY_BYTES: usize = CELL_HEADER_BYTES + STATE_BYTES;

/// What looks like a copy of a value, with its epoch.
fn read_copy<I: Image>(
    image: &mut I,
    geometry: &Geometry,
    page: u32,
    copy: u32,
) -> Option<(u32, [u8; CELL_COPY_BYTES])> {
    let slot = geometry.round_up(u32::try_from(STATE_BYTES.checked_add(OVERHEAD_BYTES)?).ok()?);
    let mut bytes = [0; CELL_COPY_BYTES];
    image.read(page, slot.checked_mul(copy)?, &mut bytes).ok()?;
    let [b'M', b'S', b'C', b'1', 1, CELL_KIND, 1, 0, a, b, c, d] = *bytes.first_chunk()? else {
        return None;
    };
    // An erase that was cut may leave two copies blank in the same places. No word of a whole copy reads blank.
    let (words, _) = bytes.as_chunks::<4>();
    if words.contains(&[0xFF; 4]) {
        return None;
    }
    Some((u32::from_le_bytes([a, b, c, d]), bytes))
}

/// The secrets of the next session.
pub(crate) struct NextSecrets {
    pub(crate) audit: Secret<32>,
    pub(crate) seed: Secret<32>,
}

/// Why a cell's value is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StateMalformed;

/// Joins public part and secrets into the cell's value.
pub(crate) fn close<S: Suite>(
    at_rest: &AtRest<S>,
    public: &PublicState,
    secrets: &NextSecrets,
) -> Result<Secret<STATE_BYTES>, SealError> {
    let public = public.encode(&secrets.audit).map_err(|_| SealError::TooLong)?;
    let mut body = Secret::new([0; 64]);
    let parts: [&[u8]; 2] = [secrets.audit.expose(), secrets.seed.expose()];
    for (to, from) in body.expose_mut().iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    let envelope = at_rest.seal(&public, body.expose_mut())?;
    let mut value = Secret::new([0; STATE_BYTES]);
    let parts: [&[u8]; 4] = [&public, &envelope.nonce, body.expose(), &envelope.tag];
    for (to, from) in value.expose_mut().iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    Ok(value)
}

/// Takes the public part of a cell's value apart from the rest.
pub(crate) fn public_of(value: &Secret<STATE_BYTES>) -> Result<PublicState, StateMalformed> {
    let bytes = value.expose().first_chunk().ok_or(StateMalformed)?;
    PublicState::parse(bytes).map_err(|_| StateMalformed)
}

/// Opens the secrets in a cell's value.
pub(crate) fn open<S: Suite>(
    at_rest: &AtRest<S>,
    value: &Secret<STATE_BYTES>,
) -> Result<NextSecrets, StateMalformed> {
    let mut reader = Reader::new(value.expose());
    let malformed = |_| StateMalformed;
    let public = reader.bytes(PUBLIC_BYTES).map_err(malformed)?;
    let nonce = reader.array().map_err(malformed)?;
    let mut body = Secret::<64>::new(reader.array().map_err(malformed)?);
    let envelope = Envelope { nonce, tag: reader.array().map_err(malformed)? };
    at_rest.open(public, body.expose_mut(), &envelope).map_err(|_| StateMalformed)?;
    let mut reader = Reader::new(body.expose());
    let audit = Secret::new(reader.array().map_err(malformed)?);
    let seed = Secret::new(reader.array().map_err(malformed)?);
    Ok(NextSecrets { audit, seed })
}
