//! A station makes simulated devices, is cut, meets others' devices, and is met by others.

use std::thread::{JoinHandle, spawn};

use medsec_tool::exit::Exit;
use serde_json::Value as Json;

use crate::links::{Site, tool, waited};
use crate::support::Run;

const MODEL: &str = "50490002";

/// A maker with a station and a registry.
struct Line(Site);

impl Line {
    fn new() -> Self {
        let site = Site::new();
        for name in ["maker", "other"] {
            let ca = format!("@{name}");
            site.good(&["ca", "init", &ca, "--origin", "maker", "--passphrase-file", "@pass"]);
            let station = format!("@{name}-station");
            site.good(&[
                "ca",
                "issue",
                &ca,
                "station",
                "-o",
                &station,
                "--passphrase-file",
                "@pass",
            ]);
        }
        site.good(&["registry", "init", "@reg", "--passphrase-file", "@pass"]);
        Self(site)
    }

    /// A device that answers on a port, until it is made or so many connections have ended.
    fn unit(&self, name: &str, connections: &str) -> (JoinHandle<Run>, String) {
        let address = self.0.0.path(name).join("address");
        drop(std::fs::remove_file(&address));
        let dir = format!("@{name}");
        let args =
            ["sim", "line", &dir, "--trust", "@maker/trust.txt", "--connections", connections];
        let args = self.0.args(&args);
        let unit = spawn(move || tool(&args));
        (unit, waited(&address))
    }

    fn arguments<'a>(serial: &'a str, at: &'a str) -> Vec<&'a str> {
        vec![
            "device",
            "enroll",
            serial,
            "--at",
            at,
            "--as",
            "@maker-station",
            "--model",
            MODEL,
            "--ca",
            "@maker",
            "--registry",
            "@reg",
            "--labels",
            "@labels",
            "--passphrase-file",
            "@pass",
        ]
    }

    fn enroll(&self, serial: &str, at: &str) -> Json {
        self.0.good(&Self::arguments(serial, at))
    }

    fn refused(&self, args: &[&str]) -> (Exit, String) {
        self.0.error(args)
    }

    fn states(&self) -> Vec<(String, String)> {
        let list = self.0.good(&["device", "list", "--registry", "@reg"]);
        let text = |unit: &Json, name: &str| unit[name].as_str().unwrap().to_owned();
        let units = list["data"]["units"].as_array().unwrap();
        units.iter().map(|unit| (text(unit, "serial"), text(unit, "state"))).collect()
    }
}

fn replaced<'a>(args: &[&'a str], name: &str, value: &'a str) -> Vec<&'a str> {
    let at = args.iter().position(|arg| *arg == name).unwrap() + 1;
    args.iter().enumerate().map(|(index, arg)| if index == at { value } else { arg }).collect()
}

#[test]
fn a_station_makes_devices_of_which_none_is_another() {
    let line = Line::new();
    let mut devices = std::collections::HashSet::new();
    for serial in ["7001", "7002", "7003"] {
        let (unit, address) = line.unit(&format!("unit-{serial}"), "0");
        let made = line.enroll(serial, &address);
        let unit = unit.join().unwrap();
        assert_eq!(unit.exit, Exit::Ok, "{}", unit.err);
        let device = made["data"]["units"][0]["device"].as_str().unwrap().to_owned();
        assert!(unit.out.contains(&device) && unit.out.contains(r#""connections""#));
        assert!(devices.insert(device));
        let claim = line.0.0.path("labels").join(format!("unit-{serial}-claim.svg"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&claim).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let label = line.0.0.path("labels").join(format!("unit-{serial}.svg"));
        assert!(std::fs::read_to_string(label).unwrap().contains(serial));
    }
    let expected: Vec<_> =
        ["7001", "7002", "7003"].map(|serial| (serial.to_owned(), "active".to_owned())).to_vec();
    assert_eq!(line.states(), expected);
    line.0.good(&["registry", "verify", "@reg"]);
    line.0.good(&["device", "check-unique", "--registry", "@reg"]);
    // The authority goes on behind the numbers that the registry gave.
    let issued = line.0.good(&[
        "ca",
        "issue",
        "@maker",
        "station",
        "-o",
        "@second",
        "--passphrase-file",
        "@pass",
    ]);
    assert_eq!(issued["data"]["certificate"]["serial"], 5);
}

/// The station cannot write its labels: it stops once the code was drawn. The next run goes on, with a fresh code, and the same certificate.
#[test]
fn a_run_that_was_cut_is_gone_on_with() {
    let line = Line::new();
    let (unit, address) = line.unit("unit", "0");
    line.0.0.put("blocked", b"no folder");
    let args = Line::arguments("7001", &address);
    let (exit, _) = line.refused(&replaced(&args, "--labels", "@blocked"));
    assert_eq!(exit, Exit::Device);
    assert_eq!(line.states(), [("7001".to_owned(), "pending".to_owned())]);
    line.enroll("7001", &address);
    assert_eq!(unit.join().unwrap().exit, Exit::Ok);
    assert_eq!(line.states(), [("7001".to_owned(), "active".to_owned())]);
    line.0.good(&["registry", "verify", "@reg"]);
}

#[test]
fn a_number_is_given_to_one_device_and_a_device_to_its_maker() {
    let line = Line::new();
    let (first, address) = line.unit("first", "0");
    line.enroll("7001", &address);
    first.join().unwrap();
    // Another device under the same number: nothing is said to it, so that it can still have its own.
    let (second, address) = line.unit("second", "0");
    let args = Line::arguments("7001", &address);
    assert_eq!(line.refused(&args), (Exit::Refused, "E0507".to_owned()));
    // A station of another maker, and whoever is no station, get no answer or no further.
    let foreign = replaced(&args, "--as", "@other-station");
    assert_eq!(line.refused(&replaced(&foreign, "enroll", "7002")).0, Exit::Device);
    let person = replaced(&args, "--as", "@nurse");
    assert_eq!(line.refused(&person).0, Exit::Usage);
    let owner = replaced(&replaced(&args, "enroll", "7002"), "--ca", "@ca");
    assert_eq!(line.refused(&owner).0, Exit::Usage);
    let model = replaced(&replaced(&args, "enroll", "7002"), "--model", "1");
    assert_eq!(line.refused(&model), (Exit::Refused, "E0405".to_owned()));
    line.enroll("7002", &address);
    second.join().unwrap();
}

/// What is made takes no station any more, and the station says so.
#[test]
fn a_device_that_is_made_is_not_made_again() {
    let line = Line::new();
    let (unit, address) = line.unit("unit", "0");
    line.enroll("7001", &address);
    unit.join().unwrap();
    let (unit, address) = line.unit("unit", "1");
    let again = line.enroll("7001", &address);
    assert_eq!(again["data"]["units"][0]["state"], "active");
    unit.join().unwrap();
    let (unit, address) = line.unit("unit", "1");
    let args = Line::arguments("7009", &address);
    assert_eq!(line.refused(&args).0, Exit::Refused);
    unit.join().unwrap();
    assert_eq!(line.states(), [("7001".to_owned(), "active".to_owned())]);
}
