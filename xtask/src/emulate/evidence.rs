//! What the flash file of a board holds, as the log authority verifies it.

use std::collections::BTreeMap;

use medsec_audit::checkpoint::Statement;
use medsec_audit::log::RING_ID;
use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::state::read_public;
use medsec_audit::verify::{Authority, Observer, Opened, Range, Subject, Summary, Verdict, verify};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::Plan;
use medsec_core::key::{DeviceKey, device_id, sha256};
use medsec_core::suite::Aes256Gcm;

/// The map of the firmware's `port.rs`.
pub(crate) const PAGE_BYTES: u32 = 4096;
pub(crate) const CELL_PAGES: u32 = 4;
pub(crate) const LOG_PAGES: u32 = 16;
const CELL_BYTES: usize = 4 * 4096;
pub(crate) const MODEL: u32 = 386;

/// The first id of the pump's own events.
const MAKER_EVENT_MIN: u16 = 0x4000;

/// The log authority's secret; the firmware knows its public key only.
pub(crate) fn authority() -> [u8; 32] {
    sha256(&[b"emulated pump: log authority"])
}

/// The secrets that the firmware derives as `port.rs` does.
pub(crate) fn device_secrets() -> [[u8; 32]; 2] {
    [sha256(&[b"emulated pump: storage root"]), signing_seed()]
}

fn signing_seed() -> [u8; 32] {
    sha256(&[b"emulated pump: signing seed"])
}

/// The device's signing key.
pub(crate) fn device_key() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new(signing_seed()))
}

/// One record: the session that wrote it and its number.
pub(crate) type Name = (u32, u64);

/// Where a record lies and what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) page: u32,
    pub(crate) event: u16,
}

/// What a verified log holds.
#[derive(Default)]
pub(crate) struct Evidence {
    pub(crate) records: BTreeMap<Name, Told>,
    /// The last record of a boot that was being written.
    pub(crate) torn: Vec<Name>,
    /// Ranges with a bad verdict.
    pub(crate) bad: Vec<String>,
    /// The newest page.
    pub(crate) head_page: u32,
    pub(crate) checkpoints: u64,
}

impl Observer for Evidence {
    fn range(&mut self, range: &Range) {
        if range.verdict.is_bad() {
            self.bad.push(format!("{range:?}"));
        }
        if range.verdict == Verdict::TornTail {
            self.torn.push((range.session, range.first_seq));
        }
    }

    fn record(&mut self, record: &Opened<'_>) {
        let told = Told { page: record.place.page, event: record.header.event };
        self.records.insert((record.session, record.place.seq), told);
    }

    fn checkpoint(&mut self, _statement: &Statement, _signature: &[u8; 64]) {
        self.checkpoints += 1;
    }
}

impl Evidence {
    /// Verifies the log in the flash file with the authority's secret.
    pub(crate) fn of(flash: &[u8]) -> Result<Self, String> {
        let (cell, ring) = flash.split_at_checked(CELL_BYTES).ok_or("the flash file is short")?;
        let key = device_key().public();
        let geometry = |pages| Geometry::of_image(PAGE_BYTES, 4, pages).map_err(|e| e.to_string());
        let plan = Plan::new(geometry(LOG_PAGES)?, BODY_BYTES_MAX.into());
        let plan = plan.map_err(|e| e.to_string())?;
        let state = read_public(&mut (PAGE_BYTES, cell), &geometry(CELL_PAGES)?);
        let subject = Subject {
            plan: &plan,
            ring: RING_ID,
            device: device_id(MODEL, &key),
            key: Some(&key),
            state: state.as_ref(),
            anchor: None,
        };
        let secret = AgreementSecret::from_bytes(Secret::new(authority()));
        let mut image = (PAGE_BYTES, ring);
        let mut keys = Authority::open::<Aes256Gcm, _>(&mut image, &subject, &secret);
        let mut evidence = Self::default();
        let summary: Summary =
            verify::<Aes256Gcm, _, _, _>(&mut image, &mut keys, &subject, &mut evidence);
        if let Some(bad) = summary.first_bad {
            evidence.bad.push(format!("{bad:?}"));
        }
        evidence.head_page = summary.head.map_or(0, |(_, place)| place.page);
        Ok(evidence)
    }

    /// The lowest page that the log still promises: all but the one that is erased next.
    pub(crate) const fn floor(&self) -> u32 {
        (self.head_page + 2).saturating_sub(LOG_PAGES)
    }

    /// The last record of each session.
    pub(crate) fn last_of(&self, session: u32) -> Option<u64> {
        let records = self.records.range((session, 0)..=(session, u64::MAX));
        records.last().map(|((_, seq), _)| *seq)
    }

    /// Records of the pump itself that stand in the log.
    pub(crate) fn by_pump(&self) -> impl Iterator<Item = (&Name, &Told)> {
        self.records.iter().filter(|(_, told)| told.event >= MAKER_EVENT_MIN)
    }
}
