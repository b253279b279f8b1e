//! The file of what an owner's tools trust, and of how devices let them in.
//!
//! ```text
//! medsec-trust-1
//! owner 64 digits
//! maker 64 digits
//! admission 64 digits
//! ```
//!
//! One to eight lines `owner` or `maker`: keys that issue certificates, in any order. Then the admission secret that the owner's tools and devices share; a
//! file without it has no such line. For the owner's tools alone.

use core::fmt;

use medsec_core::Secret;
use medsec_core::identity::certificate::{Kind, Kinds, NO_SCOPE};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{ANCHORS_MAX, Anchor, Origin};
use medsec_core::key::PublicKey;
use medsec_transport::limiter::AdmissionKey;
use zeroize::Zeroizing;

use crate::keyfile::{KeyFileError, key};
use crate::text::hex;

const WORD: &str = "medsec-trust-1";
const ADMISSION: &str = "admission ";

/// What an owner's tools trust. Prints no secret.
pub struct TrustFile {
    anchors: Vec<Anchor>,
    admission: Option<Zeroizing<[u8; 32]>>,
}

impl TrustFile {
    /// Trust in these keys.
    #[must_use]
    pub fn new(keys: &[(Origin, PublicKey)], admission: Option<[u8; 32]>) -> Self {
        let anchors = keys.iter().map(|(origin, key)| anchor(*origin, *key)).collect();
        Self { anchors, admission: admission.map(Zeroizing::new) }
    }

    /// Reads the bytes of such a file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let text = str::from_utf8(bytes).map_err(|_| KeyFileError::NotText)?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(WORD) {
            return Err(KeyFileError::WrongKind);
        }
        let (mut anchors, mut admission) = (Vec::new(), None);
        for line in lines {
            if admission.is_some() {
                return Err(KeyFileError::Line);
            }
            if let Some(digits) = line.strip_prefix(ADMISSION) {
                admission = Some(Zeroizing::new(key(digits)?));
                continue;
            }
            let named = |origin| Some((origin, line.strip_prefix(word(origin))?));
            let named = named(Origin::Owner).or_else(|| named(Origin::Maker));
            let (origin, digits) = named.ok_or(KeyFileError::Line)?;
            let key = PublicKey::parse(&key(digits)?).map_err(|_| KeyFileError::NoKey)?;
            if anchors.iter().any(|anchor: &Anchor| anchor.key == key) {
                return Err(KeyFileError::Line);
            }
            anchors.push(anchor(origin, key));
        }
        if anchors.is_empty() || anchors.len() > ANCHORS_MAX {
            return Err(KeyFileError::Line);
        }
        Ok(Self { anchors, admission })
    }

    /// The file, wiped on drop.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{WORD}\n"));
        for anchor in &self.anchors {
            text.push_str(word(anchor.origin));
            text.push_str(&hex(&anchor.key.to_bytes()));
            text.push('\n');
        }
        if let Some(admission) = &self.admission {
            let digits = Zeroizing::new(hex(&**admission));
            text.push_str(ADMISSION);
            text.push_str(&digits);
            text.push('\n');
        }
        text
    }

    /// The keys.
    #[must_use]
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// Takes over the epochs in which these issuers issue now: what they issued before does not hold.
    pub(crate) fn begin_epochs(&mut self, records: &[IssuerRecord]) {
        for anchor in &mut self.anchors {
            let id = anchor.key.kid();
            let states = records.iter().map(IssuerRecord::state);
            let epochs = states.filter(|state| state.issuer() == id).map(IssuerState::min_epoch);
            anchor.min_epoch = epochs.max().unwrap_or(0);
        }
    }

    /// What first messages are followed by.
    #[must_use]
    pub fn admission(&self) -> Option<AdmissionKey> {
        self.admission.as_ref().map(|secret| AdmissionKey::derive(&Secret::new(**secret)))
    }
}

impl fmt::Debug for TrustFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustFile").field("anchors", &self.anchors).finish_non_exhaustive()
    }
}

/// The word in front of a key, and a space.
const fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Maker => "maker ",
        Origin::Owner | _ => "owner ",
    }
}

fn anchor(origin: Origin, key: PublicKey) -> Anchor {
    Anchor {
        origin,
        key,
        may_issue: Kinds::of(&Kind::ALL),
        roles: u8::MAX,
        scope: NO_SCOPE,
        model: 0,
        min_epoch: 0,
        permits: Actions::NONE,
    }
}
