//! The adversary at work, and what it must not find.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "helpers of a test"
)]

use core::time::Duration;
use std::time::Instant;

use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{HEADER_BYTES, Header, Plan};
use medsec_sim::prng::Prng;
use medsec_sim::tamper::device::Setup;
use medsec_sim::tamper::view::{Given, Image};
use medsec_sim::tamper::{change::KINDS, histories, large, run, vectors};

/// Changes to honest logs: each entry that is called verified is as the device wrote it, and each gap is named.
#[test]
fn no_change_goes_unseen() {
    let tally = run(CHANGES, 1);
    assert_eq!(tally.unseen(), 0, "{tally}");
    assert!(tally.missed.is_empty(), "{tally}");
    assert!(tally.logs == 12 && tally.entries > 9_000, "{tally}");
    assert!(tally.changes() >= CHANGES, "{tally}");
    for kind in KINDS {
        assert!(tally.of_kind(kind.name) >= CHANGES / 70, "{}:\n{tally}", kind.name);
    }
    assert!(tally.torn_tails() > 0 && tally.torn_tails() < tally.changes() / 20, "{tally}");
}

const CHANGES: u64 = 560;

#[test]
fn nothing_bad_is_found_in_logs_that_nobody_touched() {
    let tally = histories::run(150, 1);
    assert_eq!(tally.alarms, 0, "{tally}");
    assert!(tally.cuts > 450 && tally.reports > 4_000, "{tally}");
}

/// A session had opened a page and recorded nothing there yet when the export began.
#[test]
fn an_export_does_not_begin_in_an_empty_page() {
    let mut tally = histories::Tally::default();
    histories::one(2, 10_842_689_389_309_339_473, &mut tally);
    assert_eq!(tally.alarms, 0, "{tally}");
}

/// Ten thousand records in one log.
#[test]
fn a_large_log_is_judged_in_bounded_time() {
    let (image, setup) = large(10_000).unwrap();
    let (key, secret) = (setup.key().public(), setup.authority());
    let begun = Instant::now();
    let given = Given { key: &key, secret: Some(&secret), anchor: None };
    let view = image.judge(&given).unwrap();
    assert!(begun.elapsed() < TIME_MAX, "{:?}", begun.elapsed());
    assert_eq!(view.summary.first_bad, None, "{:?}", view.ranges);
    assert!(view.summary.records >= 10_000, "{}", view.summary.records);
}

/// Several times what it takes, so that a busy machine does not fail; a quadratic verifier would.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Any bytes: nothing panics, all ends in time.
#[test]
fn hostile_images_are_judged_in_bounded_time() {
    let (image, setup) = large(2_000).unwrap();
    let mut prng = Prng::new(5);
    let begun = Instant::now();
    for _ in 0..24 {
        let mut image = image.clone();
        hostile(&mut image, &mut prng);
        judge_in_all_ways(&image, &setup);
    }
    for pages in [3, 17, 256] {
        for fill in 0..4 {
            judge_in_all_ways(&arbitrary(&image, pages, fill, &mut prng), &setup);
        }
    }
    assert!(begun.elapsed() < TIME_MAX * 4, "{:?}", begun.elapsed());
}

fn judge_in_all_ways(image: &Image, setup: &Setup) {
    let (key, secret) = (setup.key().public(), setup.authority());
    for secret in [None, Some(&secret)] {
        let view = image.judge(&Given { key: &key, secret, anchor: None }).unwrap();
        assert!(view.verified.len() <= 20_000);
    }
}

/// Headers that name high ordinals, sessions and pages, each another.
fn hostile(image: &mut Image, prng: &mut Prng) {
    for slot in 0..image.plan.geometry().pages() {
        let start = image.at(slot, 0);
        let Some(header) = image.pages[start..].first_chunk::<HEADER_BYTES>() else { continue };
        let Ok(mut header) = Header::parse(header) else { continue };
        match prng.below(5) {
            0 => header.ordinal = 131_072 - prng.below_u32(900),
            1 => header.session = 65_000 + prng.below_u32(500),
            2 => prng.fill(&mut header.salt),
            3 => header.page = header.page.wrapping_add(image.plan.geometry().pages() * 1_000),
            _ => header.first_seq ^= 1 << prng.below(60),
        }
        header.floor = header.floor.min(header.page).max(header.page.saturating_sub(60_000));
        let Ok(bytes) = header.encode() else { continue };
        image.pages[start..start + HEADER_BYTES].copy_from_slice(&bytes);
    }
}

/// An image of other bytes: blank, zero, random, or the given one's pages again and again.
fn arbitrary(like: &Image, pages: u32, fill: u32, prng: &mut Prng) -> Image {
    let geometry = Geometry::of_image(4096, 4, pages).unwrap();
    let mut image = like.clone();
    image.plan = Plan::new(geometry, 114).unwrap();
    let mut bytes = vec![if fill == 0 { 0xFF } else { 0 }; pages as usize * 4096];
    if fill == 2 {
        prng.fill(&mut bytes);
    } else if fill == 3 {
        bytes.iter_mut().zip(like.pages.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
    image.pages = bytes;
    image
}

/// What `docs/formats.md` says is what the code does; a released file is never rewritten.
#[test]
fn the_vectors_are_those_of_the_code() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vectors/");
    let files = vectors::files().unwrap();
    assert_eq!(files.len(), 7);
    for (name, bytes) in files {
        let stored = std::fs::read(format!("{directory}{name}")).unwrap();
        assert!(stored == bytes, "{name} differs");
    }
}
