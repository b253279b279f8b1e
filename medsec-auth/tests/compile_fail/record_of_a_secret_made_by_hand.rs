//@ error: E0451, E0451
//! A record with a salt and verifier of somebody's choice.
use medsec_auth::factor::password::{Knowledge, KnowledgeError};
use medsec_core::Secret;

pub fn record(secret: Secret<32>, other: Knowledge) -> Result<Knowledge, KnowledgeError> {
    Ok(Knowledge { salt: [0; 16], verifier: secret, ..other })
}
