//@ error: E0308
//! A recipient of a file by his key alone.
use medsec::core::agreement::AgreementKey;
use medsec::core::identity::certificate::Certificate;
use medsec::core::identity::trust::{Stage, Today, Trust};
use medsec::transport::sealed_file::Recipients;

pub fn program(key: AgreementKey, certificate: Certificate, trust: Trust<'_>, today: Today) -> bool {
    let _ = (key, certificate);
    Recipients::judge(&[key], trust, today, Stage::Service).is_ok()
}
