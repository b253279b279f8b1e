//! `medsec registry` and the units of `medsec device`, as somebody at a desk meets them.

use medsec_core::Secret;
use medsec_core::key::{DeviceKey, device_id, sha256};
use medsec_tool::claim::ClaimCode;
use medsec_tool::exit::Exit;
use medsec_tool::registry::{Issuer, Registry, Unit};
use medsec_tool::untrusted::Untrusted;
use serde_json::Value as Json;

use crate::schemas::validate;
use crate::support::{Bench, HOSTILE, Judge, Run, assert_harmless, good_log};

const KID: [u8; 8] = [0x4b; 8];

fn unit(serial: u64) -> Unit {
    let seed = sha256(&[&serial.to_le_bytes()]);
    let key = DeviceKey::from_seed(&Secret::new(seed)).public();
    let mut x25519 = sha256(&[&seed]);
    x25519[31] &= 0x3f;
    let mut txn = [0; 16];
    txn.copy_from_slice(&seed[..16]);
    Unit {
        txn,
        serial,
        model: 7,
        device_id: device_id(7, &key),
        chip_id: serial.to_le_bytes(),
        ed25519: key.to_bytes(),
        x25519,
    }
}

/// A desk with a registry that the tool made, and units that a station put there.
struct Desk {
    bench: Bench,
}

impl Desk {
    fn new(units: u64) -> Self {
        let bench = Bench::new(Judge::Says(good_log()));
        bench.put("pass", b"correct horse battery staple\n");
        let desk = Self { bench };
        let made = desk.good(&["registry", "init", "@reg", "--passphrase-file", "@pass"]);
        assert_eq!((&made["data"]["units"], &made["data"]["events"]), (&0.into(), &1.into()));
        let mut registry = Registry::open(&desk.bench.path("reg")).unwrap();
        registry.certified_by(Issuer { kid: KID, next_number: 100 });
        let units: Vec<Unit> = (1..=units).map(unit).collect();
        registry.reserve_all(&units).unwrap();
        desk
    }

    /// Takes a unit through its certificate, label and receipt.
    fn activate(&self, serial: u64) {
        use medsec_core::agreement::AgreementKey;
        use medsec_core::identity::certificate::{Claims, Kind, Kinds, NO_SCOPE, Unsigned};
        let mut registry = Registry::open(&self.bench.path("reg")).unwrap();
        let unit = unit(serial);
        let row = registry.unit(serial).unwrap().unwrap();
        let claims = Claims {
            kind: Kind::Device,
            suites: 1,
            is_test: false,
            serial: row.certificate_number,
            issuer: KID,
            epoch: 0,
            not_before: None,
            not_after: None,
            roles: 0,
            may_issue: Kinds::NONE,
            model: unit.model,
            scope: NO_SCOPE,
            subject: unit.device_id,
        };
        let signing = medsec_core::key::PublicKey::parse(&unit.ed25519).unwrap();
        let agreement = AgreementKey::parse(&unit.x25519).unwrap();
        let unsigned = Unsigned::new(claims, Some(&agreement), Some(&signing)).unwrap();
        let maker = DeviceKey::from_seed(&Secret::new([1; 32]));
        let certificate = unsigned.sign(&maker).unwrap().to_bytes();
        registry.certify(unit.txn, &certificate).unwrap();
        registry.label(unit.txn, &ClaimCode::draw().unwrap()).unwrap();
        registry.seal(unit.txn, b"receipt").unwrap();
    }

    fn run(&self, args: &[&str]) -> Run {
        self.bench.run(&[args, &["--json"]].concat())
    }

    fn good(&self, args: &[&str]) -> Json {
        let run = self.run(args);
        assert_eq!((run.exit, run.err.as_str()), (Exit::Ok, ""), "{args:?}\n{}", run.out);
        validate(&self.bench, &run.out)
    }

    fn error(&self, args: &[&str]) -> (Exit, String) {
        let run = self.run(args);
        let json = validate(&self.bench, &run.out);
        assert_harmless(&run.out);
        (run.exit, json["findings"][0]["code"].as_str().unwrap_or("none").to_owned())
    }
}

fn refused(exit: Exit, code: &str) -> (Exit, String) {
    (exit, code.to_owned())
}

#[test]
fn a_unit_is_listed_labelled_revoked_and_decommissioned() {
    let desk = Desk::new(2);
    desk.activate(1);
    let list = desk.good(&["device", "list", "--registry", "@reg"]);
    let units = list["data"]["units"].as_array().unwrap();
    assert_eq!(units.len(), 2);
    assert_eq!((&units[0]["state"], &units[0]["certificate"]), (&"active".into(), &100.into()));
    assert_eq!((&units[1]["state"], &units[1]["labelled"]), (&"pending".into(), &false.into()));
    let args = ["device", "label", "1", "--registry", "@reg", "-o", "@label.svg", "--name", "Pump"];
    desk.good(&args);
    let svg = desk.bench.text("label.svg");
    assert!(svg.starts_with("<svg ") && svg.contains(">Pump<") && svg.contains(">SN 1<"), "{svg}");
    let end = |verb, serial| ["device", verb, serial, "--registry", "@reg", "--reason", "returned"];
    assert_eq!(desk.error(&end("decommission", "1")), refused(Exit::Refused, "E0506"));
    assert_eq!(desk.error(&end("revoke", "2")), refused(Exit::Refused, "E0506"));
    let run = desk.bench.run(&end("revoke", "1"));
    assert_eq!(run.exit, Exit::Ok);
    assert!(run.out.contains("next: medsec ca revoke DIR 100"), "{}", run.out);
    assert!(run.out.contains("key 4b4b4b4b4b4b4b4b"), "{}", run.out);
    let told = desk.good(&end("decommission", "1"));
    assert_eq!(told["data"]["units"][0]["state"], "decommissioned");
    assert_eq!(told["data"]["units"][0]["reason"], "returned");
    assert_eq!(desk.error(&end("revoke", "3")), refused(Exit::Usage, "E0505"));
    let verified = desk.good(&["registry", "verify", "@reg"]);
    assert_eq!(verified["data"]["by_state"]["decommissioned"], 1);
}

#[test]
fn uniqueness_is_counted_stated_and_borne_out() {
    let desk = Desk::new(5);
    desk.activate(1);
    let counted = desk.good(&["device", "check-unique", "--registry", "@reg"]);
    let data = &counted["data"];
    assert_eq!((&data["units"], &data["keys"]), (&5.into(), &10.into()));
    assert_eq!((&data["claim_codes"], &data["certificates"]), (&1.into(), &5.into()));
    let args = ["device", "check-unique", "--registry", "@reg", "--statement", "@stated"];
    let args = [&args[..], &["--passphrase-file", "@pass"]].concat();
    desk.good(&args);
    let verify =
        ["registry", "verify", "@reg", "--anchor", "@stated", "--proof-key", "@reg/proof.pub"];
    desk.good(&verify);
    desk.activate(2);
    desk.good(&verify);
    let human = desk.bench.run(&["device", "check-unique", "--registry", "@reg"]).out;
    assert!(human.starts_with("\u{2714} UNIQUE: "), "{human}");
    assert!(human.contains("10 distinct keys, 5 device ids"), "{human}");
    // Nothing is signed over a file of the registry, or with another passphrase.
    let over = ["device", "check-unique", "--registry", "@reg", "--statement", "@reg/proof.pub"];
    let over = [&over[..], &["--passphrase-file", "@pass"]].concat();
    assert_eq!(desk.error(&over), refused(Exit::Refused, "E0108"));
    desk.bench.put("pass", b"correct horse battery staples\n");
    assert_eq!(desk.error(&args), refused(Exit::Refused, "E0116"));
    assert_eq!(
        desk.error(&["registry", "verify", "@reg", "--anchor", "@stated"]),
        refused(Exit::Usage, "E0303")
    );
}

#[test]
fn a_backup_comes_back_and_an_older_one_is_told() {
    let desk = Desk::new(3);
    desk.good(&["registry", "backup", "@reg", "-o", "@copy"]);
    desk.activate(1);
    let args = ["device", "check-unique", "--registry", "@reg", "--statement", "@stated"];
    desk.good(&[&args[..], &["--passphrase-file", "@pass"]].concat());
    let restored = desk.good(&["registry", "restore", "@copy", "@again"]);
    assert_eq!(restored["data"]["units"], 3);
    desk.good(&["registry", "verify", "@again"]);
    let old =
        ["registry", "verify", "@again", "--anchor", "@stated", "--proof-key", "@reg/proof.pub"];
    assert_eq!(desk.error(&old), refused(Exit::Negative, "E0503"));
    assert_eq!(
        desk.error(&["registry", "restore", "@copy", "@again"]),
        refused(Exit::Refused, "E0504")
    );
    assert_eq!(
        desk.error(&["registry", "backup", "@reg", "-o", "@copy"]),
        refused(Exit::Refused, "E0504")
    );
    let mut bytes = std::fs::read(desk.bench.path("copy/registry.db")).unwrap();
    bytes[5_000] ^= 1;
    desk.bench.put("copy/registry.db", &bytes);
    assert_eq!(
        desk.error(&["registry", "restore", "@copy", "@third"]),
        refused(Exit::Negative, "E0503")
    );
    assert!(!desk.bench.path("third").exists());
    assert_eq!(
        desk.error(&["registry", "init", "@reg", "--passphrase-file", "@pass"]),
        refused(Exit::Refused, "E0504")
    );
    assert_eq!(desk.error(&["registry", "verify", "@nowhere"]), refused(Exit::Input, "E0502"));
    desk.bench.put("reg/tag.key", b"medsec-registry-tag-key-1 00\n");
    assert_eq!(desk.error(&["registry", "verify", "@reg"]), refused(Exit::Input, "E0502"));
}

/// What people type as serial number, name or reason is data in the tables, and harmless on a terminal, in JSON, in CSV and on a label.
#[test]
fn hostile_words_stay_words() {
    let count = u64::try_from(HOSTILE.len()).unwrap();
    let desk = Desk::new(count);
    for (serial, words) in (1..=count).zip(HOSTILE) {
        // The bench takes an at sign in front for a file of its own.
        let words = words.replacen('@', " @", 1);
        let words = words.as_str();
        desk.activate(serial);
        let serial = serial.to_string();
        let (reason, name) = (format!("--reason={words}"), format!("--name={words}"));
        let revoke = ["device", "revoke", &serial, "--registry", "@reg", &reason];
        let told = desk.good(&revoke);
        assert_eq!(told["data"]["units"][0]["reason"], Untrusted::from(words).to_string());
        let label = ["device", "label", &serial, "--registry", "@reg", "-o", "@label", &name];
        desk.good(&label);
        assert_harmless(&desk.bench.text("label"));
        assert_eq!(desk.bench.text("label").matches("<script").count(), 0);
        assert_eq!(
            desk.error(&["device", "label", words, "--registry", "@reg", "-o", "@x"]).0,
            Exit::Usage
        );
    }
    let run = desk.bench.run(&["device", "list", "--registry", "@reg", "--csv", "@csv"]);
    assert_eq!(run.exit, Exit::Ok);
    assert_harmless(&run.out);
    let csv = desk.bench.text("csv");
    assert_harmless(&csv.replace("\r\n", "\n"));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(row.len(), 11);
        for cell in &row {
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '|', '%']), "{cell}");
        }
        rows += 1;
    }
    assert_eq!(rows, HOSTILE.len());
    let verified = desk.good(&["registry", "verify", "@reg"]);
    assert_eq!(verified["data"]["by_state"]["revoked"], count);
    // A file of the registry is no output.
    for own in ["@reg/registry.db", "@reg/tag.key", "@reg/proof.key"] {
        let over = ["device", "list", "--registry", "@reg", "--csv", own];
        assert_eq!(desk.error(&over), refused(Exit::Refused, "E0108"), "{own}");
    }
}
