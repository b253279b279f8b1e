//! The same ring, driven by hand, with a rule taken out: what the rule is for must then happen.

use medsec_audit::segment::{SegmentKeys, entry_aad, next_audit, next_link, session_link};
use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::ring::{
    Author, Config, ENTRY_HEADER_BYTES, Place, Progress, Retention, Ring, Session, Void,
};
use medsec_core::key::{Label, MacKey};
use medsec_core::suite::{Aes256Gcm, SealError, Sealer, Suite, TAG_BYTES};
use medsec_core::time::Pause;

use super::witness::{PAGE, Part};
use super::{Fault, Kind, Ledger, Outcome};
use crate::fault::Model;
use crate::prng::Prng;

/// What a session takes its index and its salt from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// Index stored before it is used, salt drawn: the rule of the product.
    Product,
    /// The salt is always the same.
    ConstantSalt,
    /// The salt is always the same, and the index is one above that of the newest session found in the ring.
    IndexFromRing,
}

const PAGES: u32 = 3;
const BODY_BYTES: usize = 24;
const HISTORY: usize = 8;

/// Boots a ring `boots` times under `rule` and one fault, and counts repeats of record keys.
#[must_use]
pub fn control(rule: Rule, fault: Fault, boots: u64, seed: u64) -> Outcome {
    let mut prng = Prng::new(seed);
    let page = u32::try_from(PAGE).unwrap_or(u32::MAX);
    let config = Config {
        region: Region::new(0, PAGES * page),
        id: 1,
        body_bytes_max: 114,
        retention: Retention::Overwrite,
    };
    let mut device = Device {
        part: Part::new(PAGES, Model::None, seed),
        index: 1,
        void: Void { page: 0, session: 1 },
    };
    let mut history = vec![device.clone()];
    let mut bench =
        Bench { rule, config, audits: vec![Secret::new([7; 32])], ledger: Ledger::default() };
    let mut outcome = Outcome::default();
    while outcome.boots < boots {
        outcome.boots += 1;
        if fault == Fault::Rollback && prng.one(1, 8) {
            device = history[prng.below(history.len())].clone();
            outcome.faults += 1;
        }
        if history.len() == HISTORY {
            history.remove(0);
        }
        history.push(device.clone());
        if fault == Fault::Cut && prng.one(1, 2) {
            device.part.set_model(Model::CONTRACT[prng.below(Model::CONTRACT.len())]);
            device.part.cut_after(1 + prng.below_u32(4));
            outcome.faults += 1;
        }
        bench.boot(&mut device, &mut prng);
        device.part.cut_after(0);
        device.part.power_off();
        device.part.power_on();
    }
    outcome.pairs = bench.ledger.pairs();
    outcome.repeated = bench.ledger.repeated();
    outcome
}

/// What a device keeps. Index and void are stored by an ideal cell.
#[derive(Clone)]
struct Device {
    part: Part,
    index: u32,
    void: Void,
}

struct Bench {
    rule: Rule,
    config: Config,
    audits: Vec<Secret<32>>,
    ledger: Ledger,
}

impl Bench {
    /// One power cycle; it ends early when the power does.
    fn boot(&mut self, device: &mut Device, prng: &mut Prng) -> Option<()> {
        let mac = MacKey::derive(&Secret::new([9; 32]), Label::AuditMount);
        let mut ring = Ring::mount(&mut device.part, &self.config, mac, device.void).ok()?;
        let index = match self.rule {
            Rule::IndexFromRing => ring.tail().map_or(1, |tail| tail.session + 1),
            Rule::Product | Rule::ConstantSalt => device.index,
        };
        device.index = index + 1;
        device.void = Void { page: ring.next_page(), session: index };
        let mut salt = [0; 16];
        if self.rule == Rule::Product {
            prng.fill(&mut salt);
        }
        let audit = self.audit(index)?;
        let link = session_link(&audit, index, &salt, &[0; 16], Aes256Gcm::ID);
        let ledger = &mut self.ledger;
        let mut author =
            Bare { link, ordinal: 0, page_key: Secret::new([0; 32]), sealer: None, ledger };
        ring.begin(Session { index, suite: Aes256Gcm::ID, salt }, false).ok()?;
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 100);
        while ring.step(&mut device.part, &mut author, &pause).ok()? != Progress::Done {}
        for _ in 0..=prng.below(4) {
            if ring.wants_erase(false) {
                ring.erase_ahead(&mut device.part, false, &pause).ok()?;
            }
            let mut body = [0; BODY_BYTES];
            prng.fill(&mut body);
            ring.append(&mut device.part, &mut author, 1, &body).ok()?;
        }
        Some(())
    }

    fn audit(&mut self, index: u32) -> Option<Secret<32>> {
        let index = usize::try_from(index).ok()?;
        while self.audits.len() <= index {
            self.audits.push(next_audit(self.audits.last()?));
        }
        self.audits.get(index).map(Secret::duplicate)
    }
}

/// Seals as the log does, and notes it.
struct Bare<'a> {
    link: Secret<32>,
    ordinal: u32,
    page_key: Secret<32>,
    sealer: Option<Sealer<Aes256Gcm>>,
    ledger: &'a mut Ledger,
}

impl Author for Bare<'_> {
    fn turn(&mut self) -> [u8; 32] {
        [0; 32]
    }

    fn segment(
        &mut self,
        page: u32,
        offset: u32,
        ordinal: u32,
        committed: &[u8],
    ) -> Result<[u8; 16], SealError> {
        if ordinal != self.ordinal {
            self.link = next_link(&self.link);
            self.ordinal = ordinal;
        }
        let keys = SegmentKeys::derive(&self.link, page, offset, committed);
        self.sealer = Some(Sealer::new(&keys.page));
        self.page_key = keys.page;
        Ok(keys.commit)
    }

    fn seal(
        &mut self,
        place: &Place,
        header: &[u8; ENTRY_HEADER_BYTES],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        let sealer = self.sealer.as_mut().ok_or(SealError::NumberUsed)?;
        let tag = sealer.seal(place.seq, &entry_aad(place, header), body)?;
        let nonce = u128::from(place.seq);
        self.ledger.used(Kind::Record, *self.page_key.expose(), nonce, &[header, body, &tag]);
        Ok(tag)
    }

    fn stored(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }
}
