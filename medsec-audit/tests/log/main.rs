//! A log is written on a simulated part and verified from its very bytes.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

mod bench;
mod damaged;
mod forged;

use medsec_audit::export::ExportHeader;
use medsec_audit::verify::{Assurance, NoKeys, Range, Verdict};
use medsec_core::codec::DecodeError;
use medsec_core::event::{Count, RecordError, SystemEvent};
use medsec_core::flash::ring::Retention;
use medsec_core::key::device_id;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_core::time::Ticks;

use crate::bench::{
    Bench, PAGE, boot_on, key, newest_state, opened, signed_life, verify_image, whole_life,
};

fn check_life<S: Suite>() {
    let (bench, acknowledged) = whole_life::<S>();
    let report = bench.verify(opened::<S>);
    let summary = report.summary.unwrap();
    assert_eq!(summary.first_bad, None, "{:?}", report.ranges);
    let seqs: Vec<u64> = report.records.iter().map(|(seq, ..)| *seq).collect();
    assert!(acknowledged.ends_with(&seqs), "{seqs:?}\n{acknowledged:?}");
    assert!(seqs.len() > 200, "{}", seqs.len());
    assert_eq!((summary.sessions, summary.silent_sessions), (12, 0));
    let signed = report.records.iter().filter(|(.., by)| *by == Assurance::Signed).count();
    assert!(signed > 80 && signed < seqs.len(), "{signed}");

    let public = bench.verify(|_, _| NoKeys);
    let covered = |range: &&Range| range.verdict == Verdict::Verified;
    assert!(public.ranges.iter().filter(covered).all(|range| range.assurance == Assurance::Signed));
    assert!(public.ranges.iter().any(|range| range.verdict == Verdict::Verified));
    assert_eq!(public.summary.unwrap().first_bad, None);
    assert!(public.records.is_empty());
}

#[test]
fn a_log_of_many_boots_verifies_with_the_authoritys_secret_and_in_part_without() {
    check_life::<Aes256Gcm>();
    check_life::<ChaCha20Poly1305>();
}

#[test]
fn a_truncated_log_is_found_by_an_anchor() {
    let (mut bench, _) = whole_life::<Aes256Gcm>();
    let before = bench.flash.image();
    bench.append(1).unwrap();
    bench.log.as_mut().unwrap().request_checkpoint();
    bench.maintain();
    let statements = bench.verify(|_, _| NoKeys).statements;
    let anchor = statements.iter().max_by_key(|statement| statement.place.seq).unwrap();
    let report = verify_image::<Aes256Gcm, _>(&before, Some(anchor), opened::<Aes256Gcm>);
    assert_eq!(report.summary.unwrap().first_bad.unwrap().0, Verdict::Truncated);
    let image = bench.flash.image();
    let report = verify_image::<Aes256Gcm, _>(&image, Some(anchor), opened::<Aes256Gcm>);
    assert!(report.summary.unwrap().anchored);
    assert_eq!(report.summary.unwrap().first_bad, None);
}

#[test]
fn a_blocking_log_refuses_when_full_and_goes_on_when_cleared() {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Block);
    bench.boot();
    bench.maintain();
    let mut count = 0;
    let full = loop {
        match bench.append(count) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
        bench.maintain();
    };
    assert_eq!(full, RecordError::Full);
    let now = Ticks::from_millis(1);
    let event = SystemEvent::ExportCompleted { records: Count::new(count) };
    let reserved = bench.log.as_mut().unwrap().append_reserved(&mut bench.flash, &event, now);
    reserved.unwrap();
    for _ in 0..3 {
        bench.log.as_mut().unwrap().request_clear();
        bench.maintain();
        bench.append(1).unwrap();
    }
    let report = bench.verify(opened::<Aes256Gcm>);
    assert_eq!(report.summary.unwrap().first_bad, None, "{:?}", report.ranges);
}

#[test]
fn a_chain_ends_after_its_sessions_and_its_records_stay_readable() {
    let mut bench = Bench::<ChaCha20Poly1305>::new(Retention::Overwrite);
    for boot in 0..300 {
        bench.boot();
        bench.maintain();
        bench.append(boot).unwrap();
        bench.maintain();
    }
    let report = bench.verify(opened::<ChaCha20Poly1305>);
    assert_eq!(report.summary.unwrap().first_bad, None, "{:?}", report.ranges);
    assert!(report.records.iter().any(|(_, count, _)| *count < 250));
    assert_eq!(report.records.last().unwrap().1, 299);
}

#[test]
fn an_export_in_pieces_holds_the_pages_as_they_are() {
    let (mut bench, _) = whole_life::<Aes256Gcm>();
    let image = bench.flash.image();
    let log = bench.log.as_ref().unwrap();
    let mut export = Vec::new();
    let mut cursor = log.export_start().unwrap();
    for piece in [1, 7, 100, 61, 4096, 3].iter().cycle() {
        let mut out = vec![0; *piece];
        let count = log.export(&mut bench.flash, 1, &mut cursor, &mut out).unwrap();
        export.extend_from_slice(&out[..count]);
        if count == 0 {
            break;
        }
    }
    assert_eq!(export.len(), log.export_bytes() as usize);
    let (header, pages) = ExportHeader::parse(&export).unwrap();
    assert_eq!(pages, &image[4 * PAGE as usize..]);
    assert_eq!(header.device, device_id(1, &key().public()));
    assert_eq!(Some(header.state), newest_state(&image[..4 * PAGE as usize]));
    header.plan().unwrap();
    for cut in 0..export.len() {
        assert_eq!(ExportHeader::parse(&export[..cut]).err(), Some(DecodeError::Short));
    }
}

#[test]
fn sessions_removed_before_a_boot_are_counted_and_marked() {
    let bench = signed_life(12);
    let mut image = bench.flash.image();
    image[4 * PAGE as usize..].fill(0xFF);
    let (wiped, older) = (boot_on(image), signed_life(4).flash.image());
    let mut image = bench.flash.image();
    image[4 * PAGE as usize..].copy_from_slice(&older[4 * PAGE as usize..]);
    let set_back = boot_on(image);
    for (bench, silent) in [(&wiped, 12), (&set_back, 8)] {
        for report in [bench.verify(opened::<Aes256Gcm>), bench.verify(|_, _| NoKeys)] {
            assert_eq!(report.summary.unwrap().silent_sessions, silent);
            let marks = |range: &&Range| {
                range.verdict == Verdict::Unanchored && range.first_seq > range.last_seq
            };
            assert_eq!(report.ranges.iter().filter(marks).count(), 2, "{:?}", report.ranges);
        }
    }
}

#[test]
fn the_summary_says_what_is_there() {
    let bench = signed_life(5);
    for report in [bench.verify(opened::<Aes256Gcm>), bench.verify(|_, _| NoKeys)] {
        let summary = report.summary.unwrap();
        let newest = report.statements.iter().max_by_key(|statement| statement.place.seq).unwrap();
        assert_eq!(summary.signed_to, Some((newest.session, newest.place)));
        assert_eq!(summary.head, summary.signed_to, "the last thing a boot did was to sign");
        assert_eq!((summary.sessions, summary.silent_sessions), (5, 0));
    }
}
