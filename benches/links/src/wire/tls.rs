//! `rustls`: TLS 1.3 with both sides proven, by certificates or by keys that are known.

mod raw;

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, SerialNumber};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData, SignatureScheme,
};

use super::{BODY, Row};
use crate::Outcome;

/// The shortest name a certificate can be for.
const NAME: &str = "d";
/// A handshake that takes more turns does not end.
const TURNS_MAX: usize = 8;

/// How both sides are set up.
type Configs = (Arc<ClientConfig>, Arc<ServerConfig>);

fn no(error: impl core::fmt::Display) -> String {
    format!("TLS: {error}")
}

pub(super) fn handshakes() -> Outcome<Vec<Row>> {
    let rows = [
        ("rustls, certificates, as it comes", "an issuer's key", certified(false)?),
        ("rustls, certificates, all made small", "an issuer's key", certified(true)?),
        ("rustls, raw keys, all made small", "each other", raw::configs()?),
    ];
    let rows = rows.into_iter().map(|(link, known, configs)| {
        let (_, turns) = connect(configs)?;
        Ok(Row::handshake(link, known, &turns))
    });
    rows.collect()
}

pub(super) fn frame() -> Outcome<Row> {
    let ((mut client, mut server), _) = connect(certified(true)?)?;
    client.writer().write_all(&BODY).map_err(no)?;
    let mut record = Vec::new();
    client.write_tls(&mut record).map_err(no)?;
    server.read_tls(&mut record.as_slice()).map_err(no)?;
    server.process_new_packets().map_err(no)?;
    let mut opened = [0; BODY.len()];
    server.reader().read_exact(&mut opened).map_err(no)?;
    if opened != BODY {
        return Err("a record was opened as another".to_owned());
    }
    Ok(Row::frame("rustls, record of TLS 1.3", "a stream", record.len(), "what it is about"))
}

/// Bytes of the certificate of a client: the server's has a name besides, without which none is taken.
pub(super) fn certificate_bytes() -> Outcome<usize> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(no)?;
    let (chain, _) = certificate(&[], 2, &Issuer::new(issuer()?, key))?;
    Ok(chain.iter().map(|certificate| certificate.len()).sum())
}

/// Suites, groups and signatures: all that there are, or one of each, by which a handshake is shortest.
fn provider(is_small: bool) -> Outcome<Arc<CryptoProvider>> {
    let mut provider = ring::default_provider();
    if is_small {
        provider.cipher_suites = vec![ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
        provider.kx_groups = vec![ring::kx_group::X25519];
        let mapping = provider.signature_verification_algorithms.mapping;
        let at = mapping.iter().position(|(scheme, _)| *scheme == SignatureScheme::ED25519);
        let at = at.ok_or("the provider has no Ed25519")?;
        provider.signature_verification_algorithms =
            WebPkiSupportedAlgorithms { all: mapping[at].1, mapping: &mapping[at..=at] };
    }
    Ok(Arc::new(provider))
}

/// Both sides show a certificate of one issuer.
fn certified(is_small: bool) -> Outcome<Configs> {
    let issuer_key = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(no)?;
    let issuer = issuer()?;
    let anchor = issuer.self_signed(&issuer_key).map_err(no)?.der().clone();
    let issuer = Issuer::new(issuer, issuer_key);
    let (client_chain, client_key) = certificate(&[], 2, &issuer)?;
    let (server_chain, server_key) = certificate(&[NAME.to_owned()], 3, &issuer)?;
    let mut roots = RootCertStore::empty();
    roots.add(anchor).map_err(no)?;
    let roots = Arc::new(roots);
    let provider = provider(is_small)?;
    let judge =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
    let judge = if is_small { judge.clear_root_hint_subjects() } else { judge };
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(no)?
        .with_client_cert_verifier(judge.build().map_err(no)?)
        .with_single_cert(server_chain, server_key)
        .map_err(no)?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(no)?
        .with_root_certificates(roots)
        .with_client_auth_cert(client_chain, client_key)
        .map_err(no)?;
    if is_small {
        make_small(&mut client, &mut server);
    }
    Ok((Arc::new(client), Arc::new(server)))
}

/// Leaves out what a link of two that know each other does without: names, tickets, resumption.
fn make_small(client: &mut ClientConfig, server: &mut ServerConfig) {
    client.enable_sni = false;
    client.resumption = Resumption::disabled();
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(NoServerSessionStorage {});
}

/// Parameters of the smallest certificate that `rcgen` makes: no name, a number of one byte, times in the short form.
fn params(names: &[String], serial: u8) -> Outcome<CertificateParams> {
    let mut params = CertificateParams::new(names).map_err(no)?;
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    Ok(params)
}

/// Whoever certifies both sides.
fn issuer() -> Outcome<CertificateParams> {
    let mut issuer = params(&[], 1)?;
    issuer.distinguished_name.push(DnType::CommonName, "i");
    Ok(issuer)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn certificate(names: &[String], serial: u8, issuer: &Issuer<'_, KeyPair>) -> Outcome<Identity> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(no)?;
    let certificate = params(names, serial)?.signed_by(&key, issuer).map_err(no)?;
    let secret = PrivateKeyDer::try_from(key.serialize_der()).map_err(no)?;
    Ok((vec![certificate.der().clone()], secret))
}

/// Both ends of a connection, and what each of them said in turn until both were content.
fn connect(
    (client, server): Configs,
) -> Outcome<((ClientConnection, ServerConnection), Vec<usize>)> {
    let name = ServerName::try_from(NAME).map_err(no)?;
    let mut client = ClientConnection::new(client, name).map_err(no)?;
    let mut server = ServerConnection::new(server).map_err(no)?;
    let mut turns = Vec::new();
    for turn in 0..TURNS_MAX {
        let bytes = if turn % 2 == 0 {
            hand_over(&mut client, &mut server)?
        } else {
            hand_over(&mut server, &mut client)?
        };
        if bytes == 0 {
            break;
        }
        turns.push(bytes);
    }
    if client.is_handshaking() || server.is_handshaking() {
        return Err(no("the handshake does not end"));
    }
    Ok(((client, server), turns))
}

/// Gives one side all that the other has to say; says how much that was.
fn hand_over<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Outcome<usize> {
    let mut said = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut said).map_err(no)?;
    }
    let mut rest = said.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest).map_err(no)?;
        to.process_new_packets().map_err(no)?;
    }
    Ok(said.len())
}
