//! Entries of `medsec-audit`.

use medsec_audit::checkpoint::{CHECKPOINT_BYTES, CheckpointBody, Statement};
use medsec_audit::export::{Cursor, ExportError, ExportHeader};
use medsec_audit::log::{Config, Health, Log, Progress, Tools};
use medsec_audit::record::{RecordHeader, RecordMalformed};
use medsec_audit::segment::{self, Chain, SegmentKeys};
use medsec_audit::state::{Escrow, PUBLIC_BYTES, PublicState, read_public};
use medsec_audit::verify::{Authority, NoKeys, Subject, Summary, verify};
use medsec_audit::{Birth, FormatError, MaintainError, MountError};
use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::codec::{DecodeError, Overflow, Writer};
use medsec_core::event::{RecordError, SystemEvent};
use medsec_core::flash::page::{Geometry, GeometryError};
use medsec_core::flash::ring::{Place, Plan};
use medsec_core::hpke::HpkeError;
use medsec_core::key::{DeviceKey, PublicKey, SignError};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, NotAuthentic};
use medsec_core::time::Ticks;

use crate::opaque::{OpaqueFlash, OpaqueImage, OpaqueKeys, OpaqueNoise, OpaqueObserver};

type AesLog = Log<Aes256Gcm>;
type ChaChaLog = Log<ChaCha20Poly1305>;

#[unsafe(no_mangle)]
fn entry_log_format(
    flash: &mut OpaqueFlash,
    config: &Config,
    root: &Secret<32>,
    birth: Birth,
) -> Result<(), FormatError> {
    AesLog::format(flash, config, root, birth)
}

#[unsafe(no_mangle)]
fn entry_log_mount(
    flash: &mut OpaqueFlash,
    config: Config,
    root: &Secret<32>,
) -> Result<AesLog, MountError> {
    Log::mount(flash, config, root)
}

#[unsafe(no_mangle)]
fn entry_log_maintain(
    log: &mut AesLog,
    flash: &mut OpaqueFlash,
    tools: &mut Tools<'_, '_, OpaqueNoise>,
) -> Result<Progress, MaintainError> {
    log.maintain(flash, tools)
}

#[unsafe(no_mangle)]
fn entry_log_maintain_chacha(
    log: &mut ChaChaLog,
    flash: &mut OpaqueFlash,
    tools: &mut Tools<'_, '_, OpaqueNoise>,
) -> Result<Progress, MaintainError> {
    log.maintain(flash, tools)
}

#[unsafe(no_mangle)]
fn entry_log_append(
    log: &mut AesLog,
    flash: &mut OpaqueFlash,
    event: &SystemEvent,
    now: Ticks,
) -> Result<Place, RecordError> {
    log.append(flash, event, now)
}

#[unsafe(no_mangle)]
fn entry_log_append_chacha(
    log: &mut ChaChaLog,
    flash: &mut OpaqueFlash,
    event: &SystemEvent,
    now: Ticks,
) -> Result<Place, RecordError> {
    log.append(flash, event, now)
}

#[unsafe(no_mangle)]
fn entry_log_append_reserved(
    log: &mut AesLog,
    flash: &mut OpaqueFlash,
    event: &SystemEvent,
    now: Ticks,
) -> Result<Place, RecordError> {
    log.append_reserved(flash, event, now)
}

#[unsafe(no_mangle)]
fn entry_log_request(log: &mut AesLog) -> bool {
    log.request_session();
    log.request_checkpoint();
    log.request_forget();
    log.request_clear();
    log.is_running()
}

#[unsafe(no_mangle)]
fn entry_log_health(log: &AesLog) -> Health {
    log.health()
}

#[unsafe(no_mangle)]
fn entry_log_export(
    log: &AesLog,
    flash: &mut OpaqueFlash,
    cursor: &mut Cursor,
    out: &mut [u8],
) -> Result<usize, ExportError> {
    log.export(flash, log.export_bytes(), cursor, out)
}

#[unsafe(no_mangle)]
fn entry_log_export_start(log: &AesLog) -> Result<Cursor, ExportError> {
    log.export_start()
}

#[unsafe(no_mangle)]
fn entry_export_parse(bytes: &[u8]) -> Result<(ExportHeader, usize), DecodeError> {
    ExportHeader::parse(bytes).map(|(header, pages)| (header, pages.len()))
}

#[unsafe(no_mangle)]
fn entry_export_plan(header: &ExportHeader) -> Result<Plan, GeometryError> {
    header.plan()
}

#[unsafe(no_mangle)]
fn entry_export_encode(header: &ExportHeader) -> Result<u8, Overflow> {
    header.encode().map(|[first, ..]| first)
}

#[unsafe(no_mangle)]
fn entry_verify(subject: &Subject<'_>, keys: &mut OpaqueKeys) -> Summary {
    verify::<Aes256Gcm, _, _, _>(&mut OpaqueImage, keys, subject, &mut OpaqueObserver)
}

#[unsafe(no_mangle)]
fn entry_verify_memory(image: &mut (u32, &[u8]), subject: &Subject<'_>) -> Summary {
    verify::<ChaCha20Poly1305, _, _, _>(image, &mut NoKeys, subject, &mut OpaqueObserver)
}

#[unsafe(no_mangle)]
fn entry_verify_authority(
    image: &mut (u32, &[u8]),
    keys: &mut Authority,
    subject: &Subject<'_>,
) -> Summary {
    verify::<Aes256Gcm, _, _, _>(image, keys, subject, &mut OpaqueObserver)
}

#[unsafe(no_mangle)]
fn entry_authority_open(subject: &Subject<'_>, secret: &AgreementSecret) -> usize {
    Authority::open::<Aes256Gcm, _>(&mut OpaqueImage, subject, secret).chains()
}

#[unsafe(no_mangle)]
fn entry_read_public(geometry: &Geometry) -> Option<[u8; PUBLIC_BYTES]> {
    read_public(&mut OpaqueImage, geometry)
}

#[unsafe(no_mangle)]
fn entry_record_parse(body: &[u8]) -> Result<(RecordHeader, usize), RecordMalformed> {
    RecordHeader::parse(body).map(|(header, fields)| (header, fields.len()))
}

#[unsafe(no_mangle)]
fn entry_record_encode(header: &RecordHeader, buffer: &mut [u8]) -> Result<usize, Overflow> {
    let mut writer = Writer::new(buffer);
    header.encode(&mut writer)?;
    Ok(writer.written())
}

#[unsafe(no_mangle)]
fn entry_statement_parse(bytes: &[u8]) -> Result<Statement, DecodeError> {
    Statement::parse(bytes)
}

#[unsafe(no_mangle)]
fn entry_statement_sign(
    statement: &Statement,
    key: &DeviceKey,
) -> Result<[u8; CHECKPOINT_BYTES], SignError> {
    statement.sign(key)
}

#[unsafe(no_mangle)]
fn entry_statement_verify(
    statement: &Statement,
    key: &PublicKey,
    signature: &[u8; 64],
) -> Result<(), NotAuthentic> {
    statement.verify(key, signature)
}

#[unsafe(no_mangle)]
fn entry_checkpoint_parse(body: &[u8]) -> Result<Ticks, DecodeError> {
    CheckpointBody::parse(body).map(|body| body.at)
}

#[unsafe(no_mangle)]
fn entry_escrow_seal(
    audit: &Secret<32>,
    base: u32,
    device: &[u8; 16],
    authority: &AgreementKey,
    ephemeral: &Secret<32>,
) -> Result<Escrow, HpkeError> {
    Escrow::seal::<Aes256Gcm>(audit, base, device, authority, ephemeral)
}

#[unsafe(no_mangle)]
fn entry_escrow_open(
    escrow: &Escrow,
    device: &[u8; 16],
    authority: &AgreementSecret,
) -> Result<Secret<32>, NotAuthentic> {
    escrow.open::<Aes256Gcm>(device, authority)
}

#[unsafe(no_mangle)]
fn entry_escrow_parse(body: &[u8]) -> Result<Result<u8, Overflow>, DecodeError> {
    Escrow::parse(body).map(|escrow| escrow.encode().map(|[first, ..]| first))
}

#[unsafe(no_mangle)]
fn entry_state_parse(bytes: &[u8; PUBLIC_BYTES]) -> Result<PublicState, DecodeError> {
    PublicState::parse(bytes)
}

#[unsafe(no_mangle)]
fn entry_state_encode(state: &PublicState, audit: &Secret<32>) -> Result<u8, Overflow> {
    state.encode(audit).map(|[first, ..]| first)
}

#[unsafe(no_mangle)]
fn entry_state_proof(bytes: &[u8; PUBLIC_BYTES], audit: &Secret<32>) -> Result<(), NotAuthentic> {
    PublicState::verify_proof(bytes, audit)
}

#[unsafe(no_mangle)]
fn entry_segment_keys(
    audit: &Secret<32>,
    index: u32,
    salt: &[u8; 16],
    device: &[u8; 16],
    committed: &[u8],
) -> SegmentKeys {
    let link = segment::session_link(&segment::next_audit(audit), index, salt, device, salt[0]);
    SegmentKeys::derive(&segment::next_link(&link), index, index, committed)
}

#[unsafe(no_mangle)]
fn entry_segment_aad(place: &Place, header: &[u8; 8], index: u8) -> ([u8; 24], u64) {
    (segment::entry_aad(place, header), segment::personal_number(place.seq, index))
}

#[unsafe(no_mangle)]
fn entry_chain(previous: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut chain = Chain::new(previous);
    chain.update(bytes);
    chain.value()
}
