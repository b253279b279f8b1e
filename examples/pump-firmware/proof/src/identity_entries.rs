//! Entries of `medsec_core::identity`.

use medsec_core::agreement::AgreementKey;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{
    CERTIFICATE_BYTES, Certificate, CertificateError, Claims, Unsigned, WIRE_BYTES, WireCertificate,
};
use medsec_core::identity::issuer_state::{
    IssuerRecord, IssuerState, Revoking, STATE_BYTES_MAX, StateError,
};
use medsec_core::identity::peer::{LinkAuthority, OtherKey, ProvenPeer};
use medsec_core::identity::permit::desk::{
    Allowed, Desk, Here, Holder, Lapsed, Permitted, Refused,
};
use medsec_core::identity::permit::{
    self, Action, BODY_BYTES, PERMIT_BYTES_MAX, Permit, PermitError, Terms,
};
use medsec_core::identity::trust::{Anchor, Refusal, Stage, Today, Trust, TrustError, Trusted};
use medsec_core::key::{DeviceKey, PublicKey, SignError, permit_run};
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::NotAuthentic;
use medsec_core::time::Ticks;

use crate::opaque::OpaqueNoise;

#[unsafe(no_mangle)]
fn entry_certificate_parse(bytes: &[u8]) -> Result<Certificate, CertificateError> {
    Certificate::parse(bytes)
}

#[unsafe(no_mangle)]
fn entry_certificate_write(
    certificate: &Certificate,
) -> ([u8; CERTIFICATE_BYTES], [u8; WIRE_BYTES]) {
    (certificate.to_bytes(), certificate.to_wire())
}

#[unsafe(no_mangle)]
fn entry_certificate_keys(certificate: &Certificate) -> (Option<AgreementKey>, Option<PublicKey>) {
    (certificate.agreement_key(), certificate.signing_key())
}

#[unsafe(no_mangle)]
fn entry_certificate_complete(
    bytes: &[u8],
    remote_static: &[u8; 32],
) -> Result<Certificate, CertificateError> {
    WireCertificate::parse(bytes)?.complete(remote_static)
}

#[unsafe(no_mangle)]
fn entry_certificate_unsigned(
    claims: &Claims,
    agreement: Option<&AgreementKey>,
    signing: Option<&PublicKey>,
) -> Result<Unsigned, CertificateError> {
    Unsigned::new(*claims, agreement, signing)
}

#[unsafe(no_mangle)]
fn entry_certificate_sign(
    unsigned: Unsigned,
    issuer: &DeviceKey,
) -> Result<Certificate, SignError> {
    unsigned.sign(issuer)
}

#[unsafe(no_mangle)]
fn entry_certificate_signed_elsewhere(
    unsigned: Unsigned,
    signature: &[u8; 64],
    issuer: &PublicKey,
) -> Result<Certificate, NotAuthentic> {
    unsigned.with_signature(*signature, issuer)
}

#[unsafe(no_mangle)]
fn entry_issuer_state_parse(bytes: &[u8]) -> Result<IssuerState, StateError> {
    IssuerState::parse(bytes)
}

#[unsafe(no_mangle)]
fn entry_issuer_state_write(state: &IssuerState, buffer: &mut [u8; STATE_BYTES_MAX]) -> usize {
    state.to_bytes(buffer).len()
}

#[unsafe(no_mangle)]
fn entry_issuer_state_sign(
    revoking: &Revoking<'_>,
    key: &DeviceKey,
) -> Result<IssuerState, StateError> {
    IssuerState::sign(revoking, key)
}

#[unsafe(no_mangle)]
fn entry_issuer_state_take(
    stored: Option<&IssuerRecord>,
    state: &IssuerState,
    issuer: &PublicKey,
    witness: Option<&Trusted>,
) -> Result<IssuerRecord, StateError> {
    IssuerRecord::after(stored, state, issuer, witness)
}

#[unsafe(no_mangle)]
fn entry_trust_new<'a>(
    anchors: &'a [Anchor],
    issuers: &'a [Certificate],
    records: &'a [IssuerRecord],
) -> Result<Trust<'a>, TrustError> {
    Trust::new(anchors, issuers, records)
}

#[unsafe(no_mangle)]
fn entry_trust_judge(
    trust: &Trust<'_>,
    certificate: &Certificate,
    today: Today,
    stage: Stage,
) -> Result<Trusted, Refusal> {
    trust.judge(certificate, today, stage)
}

#[unsafe(no_mangle)]
fn entry_day_of_unix(seconds: u64) -> Option<Day> {
    Day::of_unix(seconds)
}

#[unsafe(no_mangle)]
fn entry_peer_prove(
    authority: &LinkAuthority,
    trusted: &Trusted,
    remote_static: &[u8; 32],
    handshake_hash: &[u8; 32],
) -> Result<ProvenPeer, OtherKey> {
    authority.prove(trusted, remote_static, *handshake_hash)
}

#[unsafe(no_mangle)]
fn entry_certificate_digest(certificate: &Certificate) -> [u8; 32] {
    certificate.digest()
}

#[unsafe(no_mangle)]
fn entry_permit_parse(bytes: &[u8]) -> Result<Permit, PermitError> {
    Permit::parse(bytes)
}

#[unsafe(no_mangle)]
fn entry_permit_write(permit: &Permit, buffer: &mut [u8; PERMIT_BYTES_MAX]) -> usize {
    permit.to_bytes(buffer).len()
}

#[unsafe(no_mangle)]
fn entry_permit_unsigned(
    terms: &Terms,
    signers: &[PublicKey],
) -> Result<permit::Unsigned, PermitError> {
    permit::Unsigned::new(*terms, signers)
}

#[unsafe(no_mangle)]
fn entry_permit_to_be_signed(unsigned: &permit::Unsigned) -> [u8; BODY_BYTES] {
    unsigned.to_be_signed()
}

#[unsafe(no_mangle)]
fn entry_permit_sign(
    unsigned: &mut permit::Unsigned,
    signer: &DeviceKey,
) -> Result<(), PermitError> {
    unsigned.sign(signer)
}

#[unsafe(no_mangle)]
fn entry_permit_signed_elsewhere(
    unsigned: &mut permit::Unsigned,
    signature: &[u8; 64],
    signer: &PublicKey,
) -> Result<(), PermitError> {
    unsigned.add_signature(*signature, signer)
}

#[unsafe(no_mangle)]
fn entry_permit_finish(unsigned: permit::Unsigned) -> Result<Permit, PermitError> {
    unsigned.finish()
}

#[unsafe(no_mangle)]
fn entry_permit_run(challenge: &[u8; 32], handshake_hash: &[u8; 32]) -> [u8; 32] {
    permit_run(challenge, handshake_hash)
}

#[unsafe(no_mangle)]
fn entry_desk_ask(
    desk: &mut Desk,
    action: Action,
    random: &mut Random<OpaqueNoise>,
    now: Ticks,
) -> Result<[u8; 32], RandomError> {
    desk.ask(action, random, now)
}

#[unsafe(no_mangle)]
fn entry_desk_asked(desk: &mut Desk, now: Ticks) -> Option<Action> {
    desk.asked(now)
}

#[unsafe(no_mangle)]
fn entry_desk_take(
    desk: &mut Desk,
    bytes: &[u8],
    here: &Here<'_>,
    holder: Option<Holder<'_>>,
    now: Ticks,
) -> Result<Permitted, Refused> {
    desk.take(bytes, here, holder, now)
}

#[unsafe(no_mangle)]
fn entry_permitted_exercise(permitted: Permitted, now: Ticks) -> Result<Allowed, Lapsed> {
    permitted.exercise(now)
}
