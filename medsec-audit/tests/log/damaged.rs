//! Pages, headers and records that are damaged, exchanged or unreadable.

use medsec_audit::record::BODY_BYTES_MAX;
use medsec_audit::verify::{Authority, Image, Range, Subject, Unreadable, Verdict, verify};
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{Plan, Retention};
use medsec_core::key::device_id;
use medsec_core::suite::Aes256Gcm;

use crate::bench::{
    Bench, PAGE, PAGES, Report, authority, boot_on, key, newest_state, opened, signed_life,
    verify_image, whole_life,
};

#[test]
fn a_changed_record_is_found_where_it_lies() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let mut image = bench.flash.image();
    let target = bench.verify(opened::<Aes256Gcm>);
    let head = target.summary.unwrap().head.unwrap().1;
    let slot = head.page % PAGES;
    let at = (4 + slot) * PAGE + head.offset + 12;
    image[at as usize] ^= 1;
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
    assert_eq!(torn.map(|range| (range.page, range.offset)), Some((head.page, head.offset)));
}

#[test]
fn a_damaged_header_of_the_newest_pages_is_found() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let head = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1;
    for damaged in 1..5 {
        let mut image = bench.flash.image();
        for below in 0..damaged {
            let at = (4 + (head.page - below) % PAGES) * PAGE + 40;
            image[at as usize] ^= 1;
        }
        let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
        let first_bad = report.summary.unwrap().first_bad;
        assert!(first_bad.is_some(), "{damaged}: {:?}", report.ranges);
        let after = |range: &&Range| range.page > head.page - damaged;
        let verified = |range: &Range| range.verdict == Verdict::Verified;
        assert!(!report.ranges.iter().filter(after).any(verified), "{damaged}");
    }
}

/// Pages without headers take none of the others with them.
#[test]
fn damaged_headers_hide_their_own_pages_alone() {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Overwrite);
    // Until the page in slot 0 lies in the middle.
    let mut newest = 0;
    while newest < 2 * PAGES || newest % PAGES != 4 {
        bench.boot();
        bench.maintain();
        for number in 0..20 {
            bench.append(number).unwrap();
            bench.maintain();
        }
        newest = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1.page;
    }
    let pages = |report: &Report| -> Vec<u32> {
        let records = report.ranges.iter().filter(|range| range.first_seq <= range.last_seq);
        let mut pages: Vec<u32> = records.map(|range| range.page).collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    };
    let whole = pages(&bench.verify(opened::<Aes256Gcm>));
    assert!(whole.len() as u32 >= PAGES - 1, "{whole:?}");
    for run in 1..=3 {
        for damaged in whole.windows(run) {
            let mut image = bench.flash.image();
            for page in damaged {
                image[((4 + page % PAGES) * PAGE + 40) as usize] ^= 1;
            }
            let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
            let others = |pages: &[u32]| -> Vec<u32> {
                pages.iter().copied().filter(|page| !damaged.contains(page)).collect()
            };
            assert_eq!(others(&pages(&report)), others(&whole), "headers of pages {damaged:?}");
        }
    }
}

/// Two pages lie in each other's place. That they do is said first, and that they are missing where they belong after it.
#[test]
fn exchanged_pages_are_called_reordered() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let head = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1;
    let (lower, higher) = (head.page - 3, head.page - 1);
    let mut image = bench.flash.image();
    let at = |page: u32| ((4 + page % PAGES) * PAGE) as usize;
    for byte in 0..PAGE as usize {
        image.swap(at(lower) + byte, at(higher) + byte);
    }
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    assert_eq!(report.summary.unwrap().first_bad, Some((Verdict::Reordered, lower, 0)));
    let there = |range: &&Range| range.verdict.is_bad() && (range.page, range.offset) == (lower, 0);
    assert!(report.ranges.iter().filter(there).count() > 1, "{:?}", report.ranges);
}

/// Something lies there and is no header, or nothing lies there.
#[test]
fn a_page_with_a_damaged_header_is_told_from_one_that_is_gone() {
    let (bench, _) = whole_life::<Aes256Gcm>();
    let page = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1.page - 2;
    let at = ((4 + page % PAGES) * PAGE) as usize;
    let damaged = |length: usize| {
        let mut image = bench.flash.image();
        image[at + 40..at + 40 + length].fill(0xFF);
        if length > 1 {
            image[at..at + PAGE as usize].fill(0xFF);
        }
        verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>).summary.unwrap()
    };
    assert_eq!(damaged(1).first_bad, Some((Verdict::Modified, page, 0)));
    assert_eq!(damaged(2).first_bad, Some((Verdict::Gap, page, 0)));
}

/// The first record of a session was in flight: the log ends with what lies before it.
#[test]
fn a_lone_record_that_is_torn_leaves_the_end_before_it() {
    let mut bench = signed_life(2);
    bench.boot();
    bench.maintain();
    let seq = bench.append(7).unwrap();
    let (session, place) = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap();
    assert_eq!(place.seq, seq);
    let mut image = bench.flash.image();
    image[((4 + place.page % PAGES) * PAGE + place.offset + 12) as usize] ^= 1;
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    let summary = report.summary.unwrap();
    assert_eq!(summary.head.map(|(session, end)| (session, end.seq)), Some((session, seq - 1)));
    let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
    assert_eq!(torn.map(|range| (range.first_seq, range.offset)), Some((seq, place.offset)));
}

/// Pages of which a stretch gives an error.
struct Damaged<'a> {
    ring: &'a [u8],
    bad: core::ops::Range<u32>,
}

impl Image for Damaged<'_> {
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable> {
        let start = slot * PAGE + offset;
        if start < self.bad.end && self.bad.start < start + out.len() as u32 {
            return Err(Unreadable);
        }
        (PAGE, self.ring).read(slot, offset, out)
    }
}

/// A read error is a torn word: the log ends before it, as before a record that was never begun.
#[test]
fn the_log_ends_before_a_record_that_cannot_be_read() {
    let bench = signed_life(3);
    let (_, place) = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap();
    let image = bench.flash.image();
    let state = newest_state(&image[..4 * PAGE as usize]);
    let ring = &image[4 * PAGE as usize..];
    let body = place.page % PAGES * PAGE + place.offset + 8;
    let geometry = Geometry::of_image(PAGE, 4, PAGES).unwrap();
    let plan = Plan::new(geometry, u32::from(BODY_BYTES_MAX)).unwrap();
    let public_key = key().public();
    let device = device_id(1, &public_key);
    let (key, state) = (Some(&public_key), state.as_ref());
    let subject = Subject { plan: &plan, ring: 1, device, key, state, anchor: None };
    let mut damaged = Damaged { ring, bad: body..body + 8 };
    let mut keys = Authority::open::<Aes256Gcm, _>(&mut damaged, &subject, &authority());
    let mut report = Report::default();
    let summary = verify::<Aes256Gcm, _, _, _>(&mut damaged, &mut keys, &subject, &mut report);
    assert_eq!(summary.first_bad, None);
    assert!(summary.head.is_some_and(|(_, head)| head.seq == place.seq - 1));
    assert!(report.ranges.iter().all(|range| range.verdict != Verdict::TornTail));
}

#[test]
fn records_hidden_from_a_boot_and_put_back_are_found() {
    let mut bench = signed_life(2);
    let before = bench.flash.image();
    for number in 900..903 {
        bench.append(number).unwrap();
    }
    let full = bench.flash.image();
    let mut image = boot_on(before.clone()).flash.image();
    for (at, byte) in image.iter_mut().enumerate().skip(4 * PAGE as usize) {
        if before[at] == 0xFF && full[at] != 0xFF && *byte == 0xFF {
            *byte = full[at];
        }
    }
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    assert_eq!(
        report.summary.unwrap().first_bad.map(|(verdict, ..)| verdict),
        Some(Verdict::Modified)
    );
}
