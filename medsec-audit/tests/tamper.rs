//! What an attacker without the log's keys can do to a log, and what the verifier says of it.

#![expect(clippy::unwrap_used, reason = "helpers of a test")]

use medsec_audit::checkpoint::Statement;
use medsec_audit::log::{Birth, Config, Log, Progress, Tools};
use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::state::read_public;
use medsec_audit::verify::{
    Assurance, Authority, NoKeys, Observer, Opened, Range, Subject, Summary, Verdict, verify,
};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{Plan, Retention};
use medsec_core::key::DeviceKey;
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

const PAGE: usize = 4096;
const PAGES: u32 = 4;
const DEVICE: [u8; 16] = [9; 16];
type Part = FaultFlash<4, 4, PAGE>;

fn secret(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

fn config() -> Config {
    Config {
        cell: Region::new(0, 4 * 4096),
        ring: Region::new(4 * 4096, PAGES * 4096),
        retention: Retention::Overwrite,
        device: DEVICE,
        authority: AgreementSecret::from_bytes(secret(3)).public(),
    }
}

/// A log of `boots` boots with `records` records each, born with the audit secret `audit`. Each boot but the last runs
/// its maintenance to the end.
fn log_of(audit: u8, boots: u8, records: u32) -> Vec<u8> {
    let mut flash = Part::new(4 + PAGES, Model::None, 1);
    let birth = Birth { audit: secret(audit), ephemeral: secret(5), seed: secret(6) };
    Log::<Aes256Gcm>::format(&mut flash, &config(), &secret(1), birth).unwrap();
    for boot in 1..=boots {
        let mut random = Random::new(Noise::<1000>::good(boot.into()));
        let mut log = Log::<Aes256Gcm>::mount(&mut flash, config(), &secret(1)).unwrap();
        log.request_session();
        let mut maintain = |log: &mut Log<Aes256Gcm>, flash: &mut Part| {
            let key = DeviceKey::from_seed(&secret(2));
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            let now = Ticks::from_millis(1);
            let mut tools = Tools { random: &mut random, key: &key, now, pause: &pause };
            while log.maintain(flash, &mut tools).unwrap() != Progress::Idle {}
        };
        maintain(&mut log, &mut flash);
        for number in 0..records {
            let event = SystemEvent::RecordsSuppressed { count: Count::new(number) };
            log.append(&mut flash, &event, Ticks::from_millis(2)).unwrap();
        }
        if boot < boots {
            maintain(&mut log, &mut flash);
        }
    }
    flash.image()
}

#[derive(Default)]
struct Report {
    ranges: Vec<Range>,
    records: Vec<(u64, Assurance)>,
    statements: Vec<Statement>,
}

impl Observer for Report {
    fn range(&mut self, range: &Range) {
        self.ranges.push(*range);
    }

    fn record(&mut self, record: &Opened<'_>) {
        self.records.push((record.place.seq, record.assurance));
    }

    fn checkpoint(&mut self, statement: &Statement, _signature: &[u8; 64]) {
        self.statements.push(*statement);
    }
}

impl Report {
    fn verified(&self) -> usize {
        self.ranges.iter().filter(|range| range.verdict == Verdict::Verified).count()
    }
}

fn judge(image: &[u8], anchor: Option<&Statement>, with_keys: bool) -> (Report, Summary) {
    let (cell, ring) = image.split_at(4 * PAGE);
    let geometry = Geometry::of_image(4096, 4, PAGES).unwrap();
    let plan = Plan::new(geometry, u32::from(BODY_BYTES_MAX)).unwrap();
    let key = DeviceKey::from_seed(&secret(2)).public();
    let cell_geometry = Geometry::of_image(4096, 4, 4).unwrap();
    let state = read_public(&mut (4096, cell), &cell_geometry);
    let (key, state) = (Some(&key), state.as_ref());
    let subject = Subject { plan: &plan, ring: 1, device: DEVICE, key, state, anchor };
    let mut report = Report::default();
    let mut pages = (4096, ring);
    let summary = if with_keys {
        let secret = AgreementSecret::from_bytes(secret(3));
        let mut keys = Authority::open::<Aes256Gcm, _>(&mut pages, &subject, &secret);
        verify::<Aes256Gcm, _, _, _>(&mut pages, &mut keys, &subject, &mut report)
    } else {
        verify::<Aes256Gcm, _, _, _>(&mut pages, &mut NoKeys, &subject, &mut report)
    };
    (report, summary)
}

/// The log authority's key is public, so anyone can seal a secret to it and write a log with that secret.
#[test]
fn a_log_under_a_secret_that_no_signature_vouches_for_is_not_verified() {
    let (honest, summary) = judge(&log_of(4, 3, 5), None, true);
    assert_eq!(summary.first_bad, None, "{:?}", honest.ranges);
    assert_eq!(summary.records, 15);
    // One boot that was cut before its first signature: what the attacker writes looks just so.
    let (forged, summary) = judge(&log_of(77, 1, 5), None, true);
    assert_eq!((forged.verified(), summary.records), (0, 0), "{:?}", forged.ranges);
    assert!(forged.records.iter().all(|(_, by)| *by == Assurance::Unanchored));
    assert_eq!(forged.records.len(), 5);
}

#[test]
fn an_anchor_is_missed_in_an_empty_ring() {
    let mut image = log_of(4, 3, 5);
    let (report, _) = judge(&image, None, true);
    let anchor = *report.statements.first().unwrap();
    assert!(judge(&image, Some(&anchor), true).1.anchored);
    image[4 * PAGE..].fill(0xFF);
    for with_keys in [true, false] {
        let (report, summary) = judge(&image, Some(&anchor), with_keys);
        assert_eq!(summary.first_bad.map(|bad| bad.0), Some(Verdict::Truncated));
        assert_eq!(report.verified(), 0);
    }
}

/// A program of a header that was cut may leave any page number in it.
#[test]
fn a_torn_header_hides_nothing_and_is_no_misplaced_page() {
    let image = log_of(4, 3, 5);
    let clean = judge(&image, None, false).1;
    let first = 5 * PAGE;
    for (slot, page) in [(2, 0xFFFF_FFF0_u32), (2, 0xFFFF_FFF2), (3, 17), (3, 19)] {
        let mut image = image.clone();
        let at = (4 + slot) * PAGE;
        let header = image[first..first + 112].to_vec();
        image[at..at + 112].copy_from_slice(&header);
        image[at + 8..at + 12].copy_from_slice(&page.to_le_bytes());
        for with_keys in [true, false] {
            let (report, summary) = judge(&image, None, with_keys);
            assert_eq!(summary.first_bad, None, "{:?}", report.ranges);
            assert_eq!(summary.head, clean.head);
        }
    }
}

/// Without keys the tag of a checkpoint that was being written cannot be checked, only that it does not verify.
#[test]
fn a_torn_checkpoint_is_a_torn_tail_also_without_keys() {
    let image = log_of(4, 2, 1);
    let (report, _) = judge(&image, None, false);
    let place = report.statements.first().unwrap().place;
    let mut image = image;
    let slot = usize::try_from(place.page % PAGES).unwrap();
    let offset = usize::try_from(place.offset).unwrap();
    image[(4 + slot) * PAGE + offset + 40] ^= 1;
    for with_keys in [true, false] {
        let (report, summary) = judge(&image, None, with_keys);
        assert_eq!(summary.first_bad, None, "{:?}", report.ranges);
        let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
        assert_eq!(torn.map(|range| range.offset), Some(place.offset));
    }
}
