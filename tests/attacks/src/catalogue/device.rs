//! Attacks on the flash of a device that boots again afterwards.

use infusion_pump::therapy::{Rate, Therapy};
use medsec::ResetCause;
use medsec_audit::state::PublicState;
use medsec_core::flash::ring::{HEADER_BYTES, Header};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::device::{LOG_PAGES, PAGE_BYTES, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;
use medsec_sim::tamper::view::{Entry, Given, Image};

use crate::ward::{Evidence, Ward};

pub(super) static ATTACKS: [Attack; 6] = [
    Attack {
        id: "blank-counters",
        title: "the state is made to read as blank, so that a new device might be thought of",
        requirements: &["X02", "X18"],
        sources: &["Trezor storage design, counters read as FF"],
        weakness: "blank-is-fresh",
        also_broken_by: &[],
        run: blank_counters,
    },
    Attack {
        id: "repair-on-read",
        title: "a damaged page is left for the next mount or export to repair",
        requirements: &["R11", "X08"],
        sources: &["sequential-storage 8.0.2", "mynewt-core pull request 2809"],
        weakness: "mount-repairs",
        also_broken_by: &[],
        run: repair_on_read,
    },
    Attack {
        id: "damage-unsaid",
        title: "the newest page is damaged, so that its records are written over in silence",
        requirements: &["R11", "X08"],
        sources: &["medsec audit design, repair"],
        weakness: "damage-unrecorded",
        also_broken_by: &[
            ("mount-mac-unchecked", "a header that nobody checks is damaged to nobody"),
            ("mount-repairs", "the erase at the mount makes a tick late"),
        ],
        run: damage_unsaid,
    },
    Attack {
        id: "forged-header",
        title: "a page with a far number is put on the flash, so that the device writes over its newest page",
        requirements: &["R17", "X08"],
        sources: &["medsec audit design, mount"],
        weakness: "mount-mac-unchecked",
        also_broken_by: &[],
        run: forged_header,
    },
    Attack {
        id: "replayed-page",
        title: "a page is put back to what its slot held one turn of the ring ago",
        requirements: &["R17"],
        sources: &["Blass and Noubir 2017", "sequential-storage 8.0.2"],
        weakness: "gap-unreported",
        also_broken_by: &[],
        run: replayed_page,
    },
    Attack {
        id: "crash-reboots",
        title: "100 crashes and reboots, until the device might fall back to defaults",
        requirements: &["X02", "X18", "R08", "R11"],
        sources: &["ICSMA-19-022-01", "CVE-2018-19010", "CVE-2018-19012", "CVE-2018-19014"],
        weakness: "bootloop-default",
        also_broken_by: &[
            ("mount-repairs", "the erase at the mount makes a tick late"),
            ("security-stops-delivery", "a crash takes the log away, and its alarm stops delivery"),
        ],
        run: crash_reboots,
    },
];

/// Byte of the part at which the log begins.
const LOG: usize = 4 * 4096;

fn missing(what: &str) -> Outcome {
    Outcome::inconclusive(format!("no {what}"))
}

fn page_bytes() -> usize {
    usize::try_from(PAGE_BYTES).unwrap_or(0)
}

/// A therapy that runs, and what it must deliver in a second.
fn running() -> Result<Therapy, Outcome> {
    let therapy = Therapy::new();
    therapy.set_rate(Rate::from_ul_per_hour(36_000).map_err(Outcome::inconclusive)?);
    therapy.start();
    Ok(therapy)
}

fn blank_counters(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(3)?;
    let whole = ward.flash.image();
    for fill in 0..3 {
        let mut image = whole.clone();
        match fill {
            0 => image[..LOG].fill(0xFF),
            1 => image[..LOG].fill(0),
            _ => ward.prng.fill(&mut image[..LOG]),
        }
        ward.flash = SimFlash::from_image(image, Model::None, seed);
        let (therapy, noise) = (running()?, Noise::good(seed));
        let lived = ward.boot_with::<false, _>(ResetCause::PowerOn, noise, &therapy, |stay| {
            stay.rest();
            stay.heart.pass(1_000_000);
            Ok(())
        })?;
        if therapy.delivered_ul() < 10 {
            return Err(Outcome::succeeded(Goal::Dose, "without a log nothing is delivered"));
        }
        if ward.flash.image()[LOG..] != whole[LOG..] {
            return Err(Outcome::succeeded(Goal::LogSilenced, "the log of earlier days is wiped"));
        }
        if lived.is_ok() {
            return Err(Outcome::succeeded(
                Goal::Configuration,
                "a device without a state goes on",
            ));
        }
    }
    ward.blocked("nothing is taken for new because it does not parse", &[])
}

fn repair_on_read(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(8)?;
    let mut image = ward.flash.image();
    let newest = ward.image()?.segments().last().map(|s| s.page).ok_or_else(|| missing("page"))?;
    let at = LOG + usize::try_from(newest % LOG_PAGES).unwrap_or(0) * page_bytes();
    image[at + 20] ^= 0x10;
    ward.flash = SimFlash::from_image(image.clone(), Model::None, seed);
    let (therapy, noise) = (running()?, Noise::good(seed));
    let lived = ward.boot_with::<false, _>(ResetCause::PowerOn, noise, &therapy, |stay| {
        stay.heart.pass(1_000_000);
        stay.export()
    })?;
    lived.map_err(Outcome::inconclusive)?;
    if ward.flash.image() != image {
        return Err(Outcome::succeeded(
            Goal::LogSilenced,
            "a boot and an export changed the flash",
        ));
    }
    let view = ward.judge(&ward.image()?, None)?;
    if view.summary.first_bad.is_none() {
        return Err(Outcome::succeeded(Goal::LogSilenced, "the damage is not told"));
    }
    ward.blocked("mounting and reading never write", &[])
}

fn damage_unsaid(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(8)?;
    let mut image = ward.flash.image();
    let newest = ward.image()?.segments().last().map(|s| s.page).ok_or_else(|| missing("page"))?;
    let at = LOG + usize::try_from(newest % LOG_PAGES).unwrap_or(0) * page_bytes();
    image[at + 20] ^= 0x10;
    ward.flash = SimFlash::from_image(image, Model::None, seed);
    ward.days(1)?;
    ward.blocked("the hash of a damaged page is recorded before it is used again", &[0x0104])
}

fn forged_header(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let evidence = Evidence::gather(&mut ward, 9)?;
    let segments = evidence.image.segments();
    let newest = segments.last().map(|s| s.page).ok_or_else(|| missing("page"))?;
    let bytes = evidence.image.bytes::<HEADER_BYTES>(newest, 0).ok_or_else(|| missing("header"))?;
    let mut header = Header::parse(&bytes).map_err(|_| missing("header"))?;
    // The page before the slot of the newest, one turn on.
    header.page = newest + LOG_PAGES - 1;
    header.session += 1_000;
    header.floor = header.page;
    let mut forged = header.encode().map_err(|_| missing("room"))?;
    ward.prng.fill(&mut forged[80..]);
    let mut image = ward.flash.image();
    let at = LOG + usize::try_from(header.page % LOG_PAGES).unwrap_or(0) * page_bytes();
    image[at..at + page_bytes()].fill(0xFF);
    image[at..at + HEADER_BYTES].copy_from_slice(&forged);
    let first = usize::try_from(evidence.image.plan.header_bytes()).unwrap_or(0);
    let entry = medsec_core::flash::ring::EntryHeader {
        length: 32,
        class: 1,
        seq_low: medsec_core::flash::ring::seq_low(header.first_seq),
    };
    let entry = entry.encode(header.page, evidence.image.plan.header_bytes());
    image[at + first..at + first + 8].copy_from_slice(&entry);
    ward.prng.fill(&mut image[at + first + 8..at + first + 56]);
    ward.flash = SimFlash::from_image(image, Model::None, seed);
    ward.days(2)?;
    let view = ward.judge(&ward.image()?, None)?;
    let kept = |entry: &&Entry| entry.page == newest;
    let mut last_day = evidence.view.verified.iter().filter(kept);
    let found = ward.image()?.segments();
    let is_there = |entry: &Entry| {
        found.iter().flat_map(|segment| &segment.entries).any(|(there, _)| there == entry)
    };
    if !last_day.all(is_there) {
        return Err(Outcome::succeeded(Goal::LogSilenced, "the newest page is written over"));
    }
    if view.summary.head.is_none() {
        return Err(Outcome::succeeded(Goal::LogSilenced, "the log has no end any more"));
    }
    ward.blocked("a header counts for the device under its own key alone", &[0x0001])
}

fn replayed_page(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(3)?;
    let old = ward.image()?;
    // One turn of the ring and a little more.
    for _ in 0..3 {
        ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
            for _ in 0..700 {
                stay.press("x");
            }
            stay.checkpoint();
            stay.export()
        })?;
    }
    let evidence = Evidence::gather(&mut ward, 1)?;
    let slot = slot_of_middle(&old, &evidence.image).ok_or_else(|| missing("page to put back"))?;
    let mut image = evidence.image.clone();
    let range = image.at(slot, 0)..image.at(slot + 1, 0);
    image.pages[range.clone()].copy_from_slice(&old.pages[range]);
    let view = ward.judge(&image, None)?;
    let lost = evidence.view.verified.iter().filter(|entry| !view.verified.contains(entry)).count();
    if lost == 0 {
        return Err(missing("record in the page"));
    }
    if view.summary.first_bad.is_none() {
        let how = format!("{lost} records are gone, and nothing is called bad");
        return Err(Outcome::succeeded(Goal::LogSilenced, how));
    }
    ward.blocked("pages are numbered, and each names the one before", &[0x0001])
}

/// A slot that held a page in `old` and holds one turn later's now, not the newest.
fn slot_of_middle(old: &Image, new: &Image) -> Option<u32> {
    let newest = new.segments().last()?.page;
    let turned = |slot: &u32| {
        let (Some(then), Some(now)) = (old.page_in(*slot), new.page_in(*slot)) else {
            return false;
        };
        then < now && now + 2 < newest && now + LOG_PAGES > newest + 4
    };
    (0..LOG_PAGES).find(turned)
}

fn crash_reboots(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(2)?;
    let before = state(&ward)?;
    let mut first_days = ward.judge(&ward.image()?, None)?.verified;
    first_days.truncate(8);
    let mut storm = false;
    for crash in 0..100_u32 {
        let cause = [ResetCause::Watchdog, ResetCause::LockUp, ResetCause::BrownOut];
        let cause = cause[usize::try_from(crash % 3).unwrap_or(0)];
        let model = Model::CONTRACT[ward.prng.below(Model::CONTRACT.len())];
        ward.flash.set_model(model);
        ward.flash.cut_after(if crash % 5 == 4 { 0 } else { 1 + ward.prng.below_u32(24) });
        let (therapy, noise) = (running()?, Noise::good(ward.prng.word()));
        let lived = ward.boot_with::<false, _>(cause, noise, &therapy, |stay| {
            stay.rest();
            stay.press("360e");
            stay.heart.pass(1_000_000);
            Ok(stay.pump.device().health().log.live_pages)
        })?;
        match lived {
            Ok(live_pages) => storm |= live_pages >= 4,
            Err(error) => {
                let how = format!("after {crash} crashes: {error}");
                return Err(Outcome::succeeded(Goal::Configuration, how));
            }
        }
        if therapy.delivered_ul() < 10 {
            return Err(Outcome::succeeded(Goal::Dose, "a crash stops the next therapy"));
        }
    }
    ward.flash.cut_after(0);
    ward.flash.set_model(Model::None);
    ward.days(1)?;
    let after = state(&ward)?;
    // Each fifth boot is whole, and takes an index of its own.
    let kept = (after.escrow.kid, after.lifecycle) == (before.escrow.kid, before.lifecycle);
    if !kept || after.index < before.index + 20 {
        return Err(Outcome::succeeded(Goal::Configuration, "the device's state was set back"));
    }
    let view = ward.judge(&ward.image()?, None)?;
    let lost = first_days.iter().find(|entry| !view.verified.contains(entry));
    if view.summary.first_bad.is_some() || lost.is_some() {
        let how = format!("after the crashes: bad {:?}, lost {lost:?}", view.summary.first_bad);
        return Err(Outcome::succeeded(Goal::LogSilenced, how));
    }
    if !storm {
        return Err(missing("boot storm"));
    }
    let (key, other) = (ward.owner.public_key(), SimOwner::new(seed ^ 7).authority());
    let given = Given { key: &key, secret: Some(&other), anchor: None };
    if ward.image()?.judge(&given).is_ok_and(|view| !view.opened.is_empty()) {
        return Err(Outcome::succeeded(
            Goal::SecretRead,
            "after the crashes anybody reads the log",
        ));
    }
    ward.blocked("nothing is reset because it failed; a storm of boots is recorded", &[0x0002])
}

/// The public part of the device's state, as the last export holds it.
fn state(ward: &Ward) -> Result<PublicState, Outcome> {
    PublicState::parse(&ward.image()?.header.state).map_err(|_| missing("state"))
}
