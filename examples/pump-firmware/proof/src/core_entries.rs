//! Entries of `medsec-core`.

use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret, WeakKey};
use medsec_core::codec::{DecodeError, Overflow, Reader, Writer};
use medsec_core::flash::page::{self, Geometry, GeometryError};
use medsec_core::flash::{Error, Region, cell};
use medsec_core::hal::EraseProgress;
use medsec_core::hpke::{self, HpkeError, Sealed};
use medsec_core::key::{AtRest, Context, DeviceKey, Envelope, Label, MacKey, PublicKey, SignError};
use medsec_core::rng::{self, RandomError, RngFault};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, NotAuthentic, Opener, SealError, Sealer};
use medsec_core::time::Pause;

use crate::opaque::{OpaqueFlash, OpaqueNoise};

type Random = rng::Random<OpaqueNoise>;
type Cell = cell::Cell<64>;

#[unsafe(no_mangle)]
fn entry_codec_read(bytes: &[u8], count: usize) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(bytes);
    let sum = u64::from(reader.u8()?) ^ u64::from(reader.u16()?) ^ u64::from(reader.u32()?);
    let first = reader.bytes(count)?.first().copied().unwrap_or(0);
    let array: [u8; 16] = reader.array()?;
    reader.zeros(count)?;
    let long = reader.u64()?;
    reader.finish()?;
    Ok(sum ^ long ^ u64::from(first) ^ u64::from(array[0]))
}

#[unsafe(no_mangle)]
fn entry_codec_write(buffer: &mut [u8], bytes: &[u8], number: u64) -> Result<usize, Overflow> {
    let [low, ..] = number.to_le_bytes();
    let mut writer = Writer::new(buffer);
    writer.bytes(bytes)?;
    writer.u8(low)?;
    writer.u16(low.into())?;
    writer.u32(low.into())?;
    writer.u64(number)?;
    Ok(writer.written())
}

#[unsafe(no_mangle)]
fn entry_mac_tag(root: &Secret<32>, parts: &[&[u8]]) -> [u8; 16] {
    MacKey::derive(root, Label::AuditMount).tag(parts)
}

#[unsafe(no_mangle)]
fn entry_mac_verify(key: &MacKey, parts: &[&[u8]], tag: &[u8; 16]) -> Result<(), NotAuthentic> {
    key.verify(parts, tag)
}

#[unsafe(no_mangle)]
fn entry_derive(parent: &Secret<32>, label: Label, fields: &[&[u8]; 2]) -> Secret<32> {
    medsec_core::key::derive(parent, label, fields)
}

#[unsafe(no_mangle)]
fn entry_sign(seed: &Secret<32>, parts: &[&[u8]]) -> Result<[u8; 64], SignError> {
    DeviceKey::from_seed(seed).sign(Context::AuditCheckpoint, parts)
}

#[unsafe(no_mangle)]
fn entry_public_key_verify(
    key: &[u8; 32],
    parts: &[&[u8]],
    signature: &[u8; 64],
) -> Result<(), NotAuthentic> {
    PublicKey::parse(key)?.verify(Context::AuditCheckpoint, parts, signature)
}

#[unsafe(no_mangle)]
fn entry_at_rest_seal(
    key: &AtRest<Aes256Gcm>,
    aad: &[u8],
    body: &mut [u8],
) -> Result<Envelope, SealError> {
    key.seal(aad, body)
}

#[unsafe(no_mangle)]
fn entry_at_rest_open(
    key: &AtRest<Aes256Gcm>,
    aad: &[u8],
    body: &mut [u8],
    envelope: &Envelope,
) -> Result<(), NotAuthentic> {
    key.open(aad, body, envelope)
}

#[unsafe(no_mangle)]
fn entry_seal_aes(
    key: &Secret<32>,
    number: u64,
    aad: &[u8],
    body: &mut [u8],
) -> Result<[u8; 16], SealError> {
    Sealer::<Aes256Gcm>::new(key).seal(number, aad, body)
}

#[unsafe(no_mangle)]
fn entry_seal_chacha(
    key: &Secret<32>,
    number: u64,
    aad: &[u8],
    body: &mut [u8],
) -> Result<[u8; 16], SealError> {
    Sealer::<ChaCha20Poly1305>::new(key).seal(number, aad, body)
}

#[unsafe(no_mangle)]
fn entry_open_aes(
    key: &Secret<32>,
    number: u64,
    aad: &[u8],
    body: &mut [u8],
    tag: &[u8; 16],
) -> Result<(), NotAuthentic> {
    Opener::<Aes256Gcm>::new(key).open(number, aad, body, tag)
}

#[unsafe(no_mangle)]
fn entry_open_chacha(
    key: &Secret<32>,
    number: u64,
    aad: &[u8],
    body: &mut [u8],
    tag: &[u8; 16],
) -> Result<(), NotAuthentic> {
    Opener::<ChaCha20Poly1305>::new(key).open(number, aad, body, tag)
}

#[unsafe(no_mangle)]
fn entry_agreement_parse(key: &[u8; 32]) -> Result<[u8; 8], WeakKey> {
    AgreementKey::parse(key).map(|key| key.kid())
}

#[unsafe(no_mangle)]
fn entry_hpke_public(secret: &Secret<32>) -> [u8; 32] {
    AgreementSecret::from_bytes(secret.duplicate()).public().to_bytes()
}

#[unsafe(no_mangle)]
fn entry_random_start(
    random: &mut Random,
    seed: &Secret<32>,
    personalisation: &[u8],
) -> Result<(), RngFault> {
    random.start(rng::ratchet(seed), personalisation)
}

#[unsafe(no_mangle)]
fn entry_random_fill(
    random: &mut Random,
    additional: &[u8],
    out: &mut [u8],
) -> Result<(), RandomError> {
    random.reseed()?;
    random.fill(out)?;
    random.fill_with(additional, out)
}

#[unsafe(no_mangle)]
fn entry_random_fill_degraded(random: &mut Random, out: &mut [u8]) -> Result<(), RandomError> {
    random.fill_degraded(out)
}

#[unsafe(no_mangle)]
fn entry_geometry(flash: &OpaqueFlash, region: Region) -> Result<Geometry, GeometryError> {
    Geometry::of(flash, region)
}

#[unsafe(no_mangle)]
fn entry_page_program(
    flash: &mut OpaqueFlash,
    geometry: &Geometry,
    offset: u32,
    record: &[u8],
) -> Result<(), Error> {
    page::program_checked(flash, geometry, offset, record)
}

#[unsafe(no_mangle)]
fn entry_page_erase_step(
    flash: &mut OpaqueFlash,
    geometry: &Geometry,
    index: u32,
    ms_max: u32,
) -> Result<EraseProgress, Error> {
    page::erase_step(flash, geometry, index, ms_max)
}

#[unsafe(no_mangle)]
fn entry_cell_step(
    cell: &mut Cell,
    flash: &mut OpaqueFlash,
    pause: &Pause<'_>,
) -> Result<cell::Progress, Error> {
    cell.step(flash, pause)
}

#[unsafe(no_mangle)]
fn entry_cell_replace(cell: &mut Cell, value: &Secret<64>) -> bool {
    cell.begin_replace(value.duplicate());
    cell.needs_settle() ^ cell.is_busy()
}

#[unsafe(no_mangle)]
fn entry_cell_mount(
    flash: &mut OpaqueFlash,
    region: Region,
    root: &Secret<32>,
) -> Result<Cell, cell::MountError> {
    Cell::mount(flash, region, 1, MacKey::derive(root, Label::Lifecycle))
}

#[unsafe(no_mangle)]
fn entry_cell_format(
    flash: &mut OpaqueFlash,
    region: Region,
    root: &Secret<32>,
    value: &Secret<64>,
) -> Result<Cell, cell::FormatError> {
    let mac = MacKey::derive(root, Label::Lifecycle);
    Cell::format(flash, region, 1, mac, value.duplicate())
}

#[unsafe(no_mangle)]
fn entry_hpke_seal(
    recipient: &AgreementKey,
    info: &[u8],
    aad: &[u8],
    body: &mut [u8],
    ephemeral: &Secret<32>,
) -> Result<Sealed, HpkeError> {
    hpke::seal_base::<Aes256Gcm>(recipient, info, aad, body, ephemeral)
}

#[unsafe(no_mangle)]
fn entry_hpke_open(
    secret: &AgreementSecret,
    enc: &[u8; 32],
    aad: &[u8],
    body: &mut [u8],
    tag: &[u8; 16],
) -> Result<(), NotAuthentic> {
    hpke::open_base::<ChaCha20Poly1305>(secret, enc, &[], aad, body, tag)
}
