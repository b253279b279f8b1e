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
use medsec_core::identity::trust::{Anchor, Refusal, Stage, Today, Trust, TrustError, Trusted};
use medsec_core::key::{DeviceKey, PublicKey, SignError};
use medsec_core::suite::NotAuthentic;

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
