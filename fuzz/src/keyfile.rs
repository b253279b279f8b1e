//! The host tool's files of one line: keys, certificates, permits, statements, and codes as people type them.

use medsec_core::Secret;
use medsec_tool::claim::ClaimCode;
use medsec_tool::holder::{Holder, certificate_file, parse_certificate};
use medsec_tool::keyfile::{AuthoritySecret, Checkpoint, DeviceKey, PseudonymKey};
use medsec_tool::permit::{Draft, parse_permit, permit_file};
use medsec_tool::registry::{ProofKey, Statement};
use medsec_tool::trust::TrustFile;

use crate::tool::line;

/// Key and checkpoint files: one file for one content.
pub(crate) fn keyfile(data: &[u8]) {
    if let Ok(key) = DeviceKey::parse(data) {
        assert_eq!(line(key.to_file().as_bytes()), line(data));
        assert_eq!(key.fingerprint().len(), 64);
    }
    if let Ok(secret) = AuthoritySecret::parse(data) {
        assert_eq!(line(AuthoritySecret::file_of(secret.expose()).as_bytes()), line(data));
        assert_eq!(format!("{secret:?}"), "AuthoritySecret");
    }
    if let Ok(key) = PseudonymKey::parse(data) {
        assert_eq!(line(key.to_file().as_bytes()), line(data));
        assert_eq!(format!("{key:?}"), "PseudonymKey");
    }
    if let Ok(checkpoint) = Checkpoint::parse(data) {
        assert_eq!(line(checkpoint.to_file().as_bytes()), line(data));
    }
    if let Ok(holder) = Holder::parse(data) {
        assert_eq!(line(holder.to_file().as_bytes()), line(data));
        assert_eq!(format!("{holder:?}"), "Holder");
    }
    if let Ok(certificate) = parse_certificate(data) {
        assert_eq!(line(certificate_file(&certificate).as_bytes()), line(data));
    }
    if let Ok(permit) = parse_permit(data) {
        assert_eq!(line(permit_file(&permit).as_bytes()), line(data));
    }
    if let Ok(draft) = Draft::parse(data) {
        assert_eq!(line(draft.to_file().as_bytes()), line(data));
        assert_eq!(draft.permit().signers().count(), 2);
    }
    if let Ok(key) = ProofKey::parse_public(data) {
        assert!(Statement::parse(data, &key).is_err(), "a file of two kinds");
    }
    let proof = medsec_core::key::DeviceKey::from_seed(&Secret::new([7; 32])).public();
    if let Ok(statement) = Statement::parse(data, &proof) {
        assert_eq!(line(statement.to_file().as_bytes()), line(data));
    }
    if let Ok(typed) = core::str::from_utf8(data)
        && let Ok(code) = ClaimCode::parse(typed)
    {
        let again = ClaimCode::parse(&code.to_text()).expect("what was printed is read");
        assert_eq!(again.expose(), code.expose());
        assert_eq!(format!("{code:?}"), "ClaimCode");
    }
    if let Ok(trust) = TrustFile::parse(data) {
        assert_eq!(line(trust.to_file().as_bytes()), line(data));
        assert!((1..=8).contains(&trust.anchors().len()));
    }
}
