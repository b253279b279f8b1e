//! `--json`: every output has the form that `medsec schema` promises, checked by another project's validator.

use medsec_tool::error::Error;
use medsec_tool::model::{Assurance, Verdict};
use serde_json::Value as Json;

use crate::support::{Bench, Judge, good_log, hostile_log, range};

/// The schema called `name`, as the tool prints it.
fn schema(bench: &Bench, name: &str) -> Json {
    let run = bench.run(&["schema", name]);
    serde_json::from_str(&run.out).unwrap()
}

/// Validates `text` against the schema that it names, and hands it back.
pub(crate) fn validate(bench: &Bench, text: &str) -> Json {
    let json: Json = serde_json::from_str(text).unwrap();
    let schema = schema(bench, json["schema"].as_str().unwrap());
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    json
}

#[test]
fn every_schema_is_a_schema() {
    let bench = Bench::new(Judge::Says(good_log()));
    let listed = bench.run(&["schema", "nothing"]).err;
    let mut count = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schema")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".json").unwrap();
        assert!(listed.contains(name), "{name} is not offered");
        let schema = schema(&bench, name);
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        assert_eq!(schema["properties"]["schema"]["const"], format!("medsec.{name}/1"));
        count += 1;
    }
    assert_eq!(count, 21);
}

/// Each verb on each kind of log: verified, tampered, undecided, hostile; the code in the object is the exit code.
#[test]
fn every_result_has_its_form() {
    let mut tampered = good_log();
    tampered.ranges.push(range(2, 11, 12, Verdict::Reordered, Assurance::Unanchored));
    let mut nothing = good_log();
    nothing.ranges.clear();
    for (log, verdict) in [
        (good_log(), "verified"),
        (tampered, "tampered"),
        (nothing, "undecided"),
        (hostile_log(28), "verified"),
    ] {
        let bench = Bench::new(Judge::Says(log));
        for (verb, output) in [
            (&["verify", "--json"][..], &[][..]),
            (&["report", "--json"], &["-o", "@out"]),
            (&["export", "--json", "--format", "csv"], &["-o", "@out"]),
            (&["export", "--json", "--format", "json", "--de-identified"], &["-o", "@out"]),
            (&["checkpoint", "--json"], &[]),
        ] {
            let run = bench.log(verb, output);
            let json = validate(&bench, &run.out);
            assert_eq!(json["verdict"], verdict, "{verb:?}");
            assert_eq!(json["code"], run.exit.code(), "{verb:?}");
            assert_eq!(run.err, "", "{verb:?}");
        }
        for more in [&[][..], &["--de-identified"], &["--de-identified", "--times", "kept"]] {
            let run = bench.log(&["export", "--format", "json"], more);
            validate(&bench, &run.out);
        }
    }
}

#[test]
fn every_error_has_its_form() {
    let bench = Bench::new(Judge::Says(good_log()));
    for args in [
        &["log", "verify", "@log", "--json"][..],
        &["log", "report", "@log", "-o", "@out", "--json"],
        &["log", "export", "@log", "--format", "csv", "-o", "@out", "--json"],
        &["log", "export", "@log", "--format", "csv", "--device-key", "@device", "--json"],
        &["log", "checkpoint", "@log", "--json"],
        &["log", "verify", "@log", "--device-key", "@log", "--json"],
        &["log", "verify", "@absent", "--device-key", "@device", "--json"],
        &["explain", "E0203", "--json"],
        &["schema", "nothing", "--json"],
        &["log", "pseudonym", "--pseudonym-key", "@log", "00", "--json"],
        &["explain", "\u{1b}[2J", "--json"],
        &["log", "--json", "frobnicate"],
        &["log", "verify", "--json"],
    ] {
        let run = bench.run(args);
        let json = validate(&bench, &run.out);
        assert_eq!(json["code"], run.exit.code(), "{args:?}");
        assert_eq!(run.err, "", "{args:?}");
    }
    let error = core::cell::Cell::new(Some(Error::ForeignAnchor));
    let bench = Bench::new(Judge::Fails(error));
    let json = validate(&bench, &bench.verify(&["--json"]).out);
    assert_eq!(json["findings"][0]["code"], "E0212");
    assert_eq!(json["data"], Json::Null);
}

/// A schema that accepts everything proves nothing: each required field, taken away, is missed.
#[test]
fn schemas_miss_what_is_missing() {
    let bench = Bench::new(Judge::Says(good_log()));
    let json = validate(&bench, &bench.verify(&["--json"]).out);
    let schema = schema(&bench, "log.verify");
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for key in json.as_object().unwrap().keys() {
        let mut less = json.clone();
        less.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&less), "{key}");
    }
    for key in json["data"].as_object().unwrap().keys() {
        let mut less = json.clone();
        less["data"].as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&less), "data.{key}");
    }
}
