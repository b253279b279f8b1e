//! What the tool makes of the pump's log, as it is and tampered with.

use medsec_audit::export::EXPORT_HEADER_BYTES;
use medsec_audit::log::Place;
use medsec_core::flash::ring::ENTRY_HEADER_BYTES;
use medsec_sim::device::{LOG_PAGES, PAGE_BYTES, SimOwner};

use super::bench::Bench;
use super::life::{Life, NURSE, PATIENT};
use super::{Script, Stop, claim};
use crate::exit::Exit;
use crate::keyfile::{AuthoritySecret, DeviceKey};
use crate::text::{counted, grouped, hex};

const DEVICE: &str = "--device-key @device.key";
const BOTH: &str = "--device-key @device.key --authority-key @authority.key";

pub(super) fn play(bench: &Bench, life: &Life, script: &mut Script) -> Result<u64, Stop> {
    good(bench, life, script)?;
    let records = whole(bench, life, script)?;
    strict(bench, script)?;
    outputs(bench, script)?;
    tampered(bench, life, script)?;
    cut(bench, life, script)?;
    untrusted(bench, script)?;
    canaries(bench, script)?;
    Ok(records)
}

/// With the device's public key alone.
fn good(bench: &Bench, life: &Life, script: &mut Script) -> Result<(), Stop> {
    let run = bench.log(&format!("verify @pump.export {DEVICE}"))?;
    claim(run.exit == Exit::Ok, "the signed part verifies with the device's key alone")?;
    let signed = run.ranges("verified");
    let is_signed = !signed.is_empty() && signed.iter().all(|range| range["assurance"] == "signed");
    let newest = signed.iter().filter_map(|range| range["last_seq"].as_u64()).max();
    claim(is_signed && newest > Some(life.newest.seq), "the newest signature covers the export")?;
    claim(
        run.records() == 0 && run.codes().contains(&"E0215"),
        "nothing is read without the secret",
    )?;
    claim(!run.ranges("unanchored").is_empty(), "what is not signed is not called verified")?;
    script.step("anyone with the pump's public key verifies what it signed, and reads nothing");
    Ok(())
}

/// With the log authority's secret: all of it, from the export and from the raw flash.
fn whole(bench: &Bench, life: &Life, script: &mut Script) -> Result<u64, Stop> {
    let run = bench.log(&format!("verify @pump.export {BOTH} --anchor @kept.checkpoint"))?;
    claim(run.exit == Exit::Ok, "everything verifies with the log authority's secret")?;
    claim(run.json["data"]["anchored"] == true, "the checkpoint that was kept is in the log")?;
    claim(run.ranges("torn-tail").len() == 1, "the torn record is told as what it is")?;
    let records = run.records();
    script.step(format!(
        "the log authority verifies and opens all {}, and finds the kept checkpoint and the torn record",
        counted(records, "record")
    ));
    bench.log(&format!(
        "export @pump.export {BOTH} --catalogue @catalogue.txt --format json -o @records.json"
    ))?;
    let json: serde_json::Value = serde_json::from_slice(&bench.bytes("records.json")?)
        .map_err(|_| Stop::Failed("records.json is no JSON".to_owned()))?;
    let found: Vec<_> = json["records"].as_array().into_iter().flatten().collect();
    let is_found = |place: &&Place| found.iter().any(|record| record["seq"] == place.seq);
    let missing = life.acknowledged.iter().filter(|place| !is_found(place)).count();
    claim(missing == 0, format!("{missing} acknowledged records are missing"))?;
    let acknowledged = u64::try_from(life.acknowledged.len()).unwrap_or(u64::MAX);
    script.step(format!(
        "all {} acknowledged records are in it: the cut lost none",
        grouped(acknowledged)
    ));
    let raw = bench.log(&format!("verify @flash.bin --layout @layout.txt {BOTH}"))?;
    claim(raw.exit == Exit::Ok && raw.records() == records, "the raw flash holds the same log")?;
    script.step("the raw flash image verifies to the same records");
    Ok(records)
}

/// A strict reader takes nothing that is not signed.
fn strict(bench: &Bench, script: &mut Script) -> Result<(), Stop> {
    let run =
        bench.log(&format!("verify @pump.export {BOTH} --anchor @kept.checkpoint --strict"))?;
    claim(run.exit == Exit::Undecided, "--strict refuses what the log key alone vouches for")?;
    let anchor = "--anchor @kept.checkpoint --strict";
    let run = bench.log(&format!("verify @earlier.export {DEVICE} {anchor}"))?;
    claim(run.exit == Exit::Ok, "--strict accepts a log that is signed to its end")?;
    script.step("--strict refuses the records that no signature covers, and accepts the earlier export, signed to its end");
    Ok(())
}

fn outputs(bench: &Bench, script: &mut Script) -> Result<(), Stop> {
    let what = format!("@pump.export {BOTH} --anchor @kept.checkpoint --catalogue @catalogue.txt");
    for (verb, output) in [
        ("report", "-o @report.html"),
        ("export", "--format json -o @records.json"),
        ("export", "--format csv -o @records.csv"),
        ("export", "--format syslog -o @records.syslog"),
        ("checkpoint", "-o @newest.checkpoint"),
    ] {
        let run = bench.log(&format!("{verb} {what} {output}"))?;
        claim(run.exit == Exit::Ok, format!("{verb} {output}"))?;
    }
    script.step("a report in HTML, and the records as JSON, CSV and syslog");
    Ok(())
}

/// One bit of one record is changed.
fn tampered(bench: &Bench, life: &Life, script: &mut Script) -> Result<(), Stop> {
    let mut export = bench.bytes("pump.export")?;
    let target = life.rate_changed;
    export[at(&target) + ENTRY_HEADER_BYTES] ^= 1;
    bench.put("tampered.export", &export)?;
    let run = bench.log(&format!("verify @tampered.export {BOTH}"))?;
    claim(run.exit == Exit::Negative, "a changed record is found")?;
    let modified = run.ranges("modified");
    let is_there = modified.first().is_some_and(|range| {
        range["first_seq"] == target.seq
            && range["place"]["page"] == target.page
            && range["place"]["offset"] == target.offset
    });
    claim(is_there, "the changed record is found where it lies")?;
    let stranger = bench.log(&format!("verify @tampered.export {DEVICE}"))?;
    claim(stranger.exit == Exit::Negative, "a changed record is found without any secret")?;
    let what = format!("@tampered.export {BOTH} --catalogue @catalogue.txt -o @tampered.html");
    claim(bench.log(&format!("report {what}"))?.exit == Exit::Negative, "a report about it")?;
    script.step(format!(
        "one bit of the dose change is flipped in a copy: TAMPERED, at record {}, byte {} of page {}; found with the \
         public key alone too",
        target.seq,
        grouped(u64::from(target.offset)),
        target.page
    ));
    Ok(())
}

/// The newest records are erased.
fn cut(bench: &Bench, life: &Life, script: &mut Script) -> Result<(), Stop> {
    let mut export = bench.bytes("pump.export")?;
    let start = at(&life.newest);
    let left = PAGE_BYTES.saturating_sub(life.newest.offset);
    export[start..start + usize::try_from(left).unwrap_or(0)].fill(0xFF);
    bench.put("cut.export", &export)?;
    let run = bench.log(&format!("verify @cut.export {BOTH} --anchor @newest.checkpoint"))?;
    claim(run.exit == Exit::Negative, "a cut at the end is found by the anchor")?;
    claim(run.ranges("truncated").len() == 1, "it is told as a cut")?;
    let blind = bench.log(&format!("verify @cut.export {BOTH}"))?;
    claim(blind.codes().contains(&"E0218"), "without an anchor the end is told to be open")?;
    script.step(
        "the newest records are erased in a copy: found by the checkpoint that was kept outside",
    );
    Ok(())
}

/// Keys that do not fit, and none at all.
fn untrusted(bench: &Bench, script: &mut Script) -> Result<(), Stop> {
    let run = bench.log("verify @pump.export")?;
    claim(run.exit == Exit::Undecided && run.verdict() == "not-checked", "no key, no verdict")?;
    script.step("without a trust anchor the log is not checked, and the exit code says so");
    let other = SimOwner::new(1);
    bench.put("other-device.key", DeviceKey::from(other.public_key()).to_file().as_bytes())?;
    let secret = AuthoritySecret::file_of(other.authority_bytes());
    bench.put("other-authority.key", secret.as_bytes())?;
    let raw = "verify @flash.bin --layout @layout.txt --device-key";
    for (words, code) in [
        ("verify @pump.export --device-key @other-device.key".to_owned(), "E0211"),
        (format!("{raw} @other-device.key"), "E0211"),
        (format!("verify @pump.export {DEVICE} --authority-key @other-authority.key"), "E0213"),
        (format!("{raw} @device.key --authority-key @other-authority.key"), "E0213"),
    ] {
        let run = bench.log(&words)?;
        claim(run.exit == Exit::Undecided && run.codes() == [code], words)?;
    }
    script.step(
        "another device's key and another authority's secret are told as such, with no verdict",
    );
    Ok(())
}

/// The patient's number is searched for, and as a control what must be found.
fn canaries(bench: &Bench, script: &mut Script) -> Result<(), Stop> {
    let (front, back) = PATIENT.split_at(8);
    let mut files = 0_u64;
    for name in [
        "flash.bin",
        "pump.export",
        "report.html",
        "tampered.html",
        "records.json",
        "records.csv",
        "records.syslog",
    ] {
        let bytes = bench.bytes(name)?;
        for canary in [front, back, hex(front).as_bytes(), hex(back).as_bytes()] {
            claim(!holds(&bytes, canary), format!("the patient's number is in {name}"))?;
        }
        files += 1;
    }
    for name in ["report.html", "records.json", "records.csv", "records.syslog"] {
        claim(
            holds(&bench.bytes(name)?, hex(&NURSE).as_bytes()),
            "the search finds the nurse's id",
        )?;
    }
    script.step(format!("the patient's number is in none of {}", counted(files, "file")));
    Ok(())
}

/// Where a record lies in an export.
fn at(place: &Place) -> usize {
    let slot = place.page % LOG_PAGES;
    let offset = slot * PAGE_BYTES + place.offset;
    EXPORT_HEADER_BYTES + usize::try_from(offset).unwrap_or(0)
}

fn holds(bytes: &[u8], canary: &[u8]) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary)
}
