//@ compiles
//! A record with a salt and verifier of somebody's choice.
use medsec_auth::factor::password::{Knowledge, KnowledgeError};
use medsec_core::Secret;

pub fn record(secret: Secret<32>, other: Knowledge) -> Result<Knowledge, KnowledgeError> {
    Knowledge::parse(secret.expose()).or(Ok(other))
}
