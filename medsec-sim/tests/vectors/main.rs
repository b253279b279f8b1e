//! The second set of vectors: each stored log, with what is done to it, is judged as it is stored.
//!
//! A new case is added to `docs/vectors/log-v1-cases.json` with an empty list of reports for each way of judging; the test
//! then fails and says what the verifier gives. A released case is never rewritten.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of a test"
)]

mod report;

use std::path::PathBuf;

use medsec_sim::tamper::vectors;
use report::{Given, hex, report};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

fn stored(name: &str) -> Vec<u8> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vectors/");
    std::fs::read(PathBuf::from(directory).join(name)).unwrap()
}

fn cases() -> Value {
    serde_json::from_slice(&stored("log-v1-cases.json")).unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let pairs = text.as_str().unwrap().as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// The export of a case: `log` with its changes, all of which read the unchanged log.
fn changed(log: &[u8], changes: &Value) -> Vec<u8> {
    let mut export = log.to_vec();
    for change in changes.as_array().unwrap() {
        if change.get("at").is_none() {
            export.truncate(number(&change["length"]));
            continue;
        }
        let at = number(&change["at"]);
        let bytes = if let Some(bytes) = change.get("bytes") {
            unhex(bytes)
        } else if let Some(fill) = change.get("fill") {
            vec![unhex(fill)[0]; number(&change["length"])]
        } else {
            let from = number(&change["copy"]);
            log[from..from + number(&change["length"])].to_vec()
        };
        let end = (at + bytes.len()).max(export.len());
        export.resize(end, 0);
        export[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    export
}

/// The stored report in the form that [`report`] gives: with its records in full, which the log holds once.
fn expected(stored: &Value, log: &Value) -> Value {
    let mut records = Vec::new();
    for (assurance, indices) in stored["records"].as_object().unwrap() {
        for index in indices.as_array().unwrap() {
            let mut record = log["records"][number(index)].clone();
            record["assurance"] = json!(assurance);
            records.push(record);
        }
    }
    let mut report: Map<String, Value> = stored.as_object().unwrap().clone();
    report.remove("with_keys");
    report.remove("anchor");
    report.insert("records".to_owned(), Value::Array(sorted(records)));
    Value::Object(report)
}

fn sorted(mut records: Vec<Value>) -> Vec<Value> {
    records.sort_by_key(|record| {
        ["seq", "page", "offset", "session"].map(|field| record[field].as_u64())
    });
    records
}

/// What the verifier says.
fn given(export: &[u8], log: &Value, case: &Value, stored: &Value) -> Result<Value, &'static str> {
    let key = case.get("device_public_key").unwrap_or(&log["device_public_key"]);
    let secret = stored["with_keys"].as_bool().unwrap().then(|| unhex(&log["authority_secret"]));
    let given = Given {
        key: unhex(key).try_into().unwrap(),
        secret: secret.map(|secret| secret.try_into().unwrap()),
        anchor: stored["anchor"].as_str().map(|_| unhex(&stored["anchor"])),
    };
    let mut report = report(export, &given)?;
    let records = report["records"].as_array().unwrap().clone();
    report["records"] = Value::Array(sorted(records));
    Ok(report)
}

/// Each stored export is judged as it is stored; nothing is generated here.
#[test]
fn each_case_is_judged_as_it_is_stored() {
    let (mut cases_seen, mut reports_seen, mut refusals) = (0, 0, 0);
    let all = cases();
    for log in all["logs"].as_array().unwrap() {
        let file = stored(log["file"].as_str().unwrap());
        for case in log["cases"].as_array().unwrap() {
            let name = format!("{}, {}", log["log"], case["case"]);
            let export = changed(&file, &case["changes"]);
            assert_eq!(json!(hex(&Sha256::digest(&export))), case["sha256"], "{name}");
            cases_seen += 1;
            if case.get("refused").is_some() {
                let asked = json!({ "with_keys": false, "anchor": null });
                assert!(given(&export, log, case, &asked).is_err(), "{name}");
                refusals += 1;
                continue;
            }
            for stored in case["reports"].as_array().unwrap() {
                let given = given(&export, log, case, stored).unwrap();
                let expected = expected(stored, log);
                let (keys, anchor) = (&stored["with_keys"], &stored["anchor"]);
                assert!(given == expected, "{name}, keys {keys}, anchor {anchor}: {given}");
                reports_seen += 1;
            }
        }
    }
    let counts = (cases_seen, reports_seen, refusals);
    assert!(cases_seen >= 202 && reports_seen >= 532 && refusals >= 18, "{counts:?}");
}

/// One byte of a stored expectation, changed, does not pass for it: the comparison can fail.
#[test]
fn a_changed_expectation_is_noticed() {
    let all = cases();
    let log = &all["logs"][0];
    let file = stored(log["file"].as_str().unwrap());
    let case = &log["cases"][0];
    let stored = &case["reports"][0];
    let said = given(&changed(&file, &case["changes"]), log, case, stored).unwrap();
    assert!(said == expected(stored, log));
    for path in ["/ranges/1/5", "/ranges/1/1", "/checkpoints/0", "/records/signed/0", "/anchored"] {
        let mut wrong = stored.clone();
        *wrong.pointer_mut(path).unwrap() = json!(7);
        assert!(said != expected(&wrong, log), "{path}");
    }
}

/// The logs are what devices write today, byte by byte.
#[test]
fn the_logs_are_those_of_the_code() {
    let logs = vectors::logs().unwrap();
    let all = cases();
    let listed: Vec<&str> =
        all["logs"].as_array().unwrap().iter().map(|log| log["file"].as_str().unwrap()).collect();
    assert_eq!(logs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), listed);
    for (name, bytes) in logs {
        assert!(stored(&name) == bytes, "{name} differs");
    }
}
