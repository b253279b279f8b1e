//! An authority, a simulated pump on a port or a pseudo-terminal, and who may speak with it.

use core::time::Duration;
use std::path::Path;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Instant;

use medsec_tool::exit::Exit;
use medsec_tool::verifier::Verifier;
use medsec_tool::{Surroundings, run};
use serde_json::Value as Json;

use crate::schemas::validate;
use crate::support::{Bench, Judge, Run, good_log};

const PASSPHRASE: &[u8] = b"correct horse battery staple\n";

/// A folder with an authority, a person of it, and its passphrase.
pub(crate) struct Site(pub(crate) Bench);

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self(Bench::new(Judge::Says(good_log())));
        site.0.put("pass", PASSPHRASE);
        site.good(&["ca", "init", "@ca", "--passphrase-file", "@pass"]);
        site.issue("person", "nurse");
        site
    }

    pub(crate) fn issue(&self, kind: &str, file: &str) {
        let file = format!("@{file}");
        self.good(&["ca", "issue", "@ca", kind, "-o", &file, "--passphrase-file", "@pass"]);
    }

    /// Runs a verb, with `--json`; it has to succeed.
    pub(crate) fn good(&self, args: &[&str]) -> Json {
        let run = self.run(args);
        assert_eq!(run.exit, Exit::Ok, "{args:?}\n{}{}", run.out, run.err);
        validate(&self.0, &run.out)
    }

    /// Runs a verb with the real verifier, and `--json`.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        tool(&self.args(args))
    }

    /// The code of the error that a verb ends with.
    pub(crate) fn error(&self, args: &[&str]) -> (Exit, String) {
        let run = self.run(args);
        let json = validate(&self.0, &run.out);
        (run.exit, json["findings"][0]["code"].as_str().unwrap_or("none").to_owned())
    }

    pub(crate) fn args(&self, args: &[&str]) -> Vec<String> {
        let named = args.iter().map(|arg| match arg.strip_prefix('@') {
            Some(name) => self.0.path(name).to_str().unwrap().to_owned(),
            None => (*arg).to_owned(),
        });
        ["medsec".to_owned()].into_iter().chain(named).chain(["--json".to_owned()]).collect()
    }

    /// A pump that answers until so many connections have ended, and where it does.
    pub(crate) fn pump(&self, listen: &str, connections: &str) -> (JoinHandle<Run>, String) {
        let address = self.0.path("pump/address");
        drop(std::fs::remove_file(&address));
        let args = self.args(&[
            "sim",
            "run",
            "@pump",
            "--ca",
            "@ca",
            "--passphrase-file",
            "@pass",
            "--listen",
            listen,
            "--connections",
            connections,
        ]);
        let pump = spawn(move || tool(&args));
        (pump, waited(&address))
    }

    fn fetch(&self, address: &str, holder: &str, more: &[&str]) -> Vec<String> {
        let holder = format!("@{holder}");
        let mut args =
            vec!["log", "fetch", "--at", address, "--as", &holder, "--trust", "@ca/trust.txt"];
        args.extend(more);
        self.args(&args)
    }
}

pub(crate) fn tool(args: &[String]) -> Run {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = args.iter().map(Into::into);
    let exit = run(args, &Verifier, Surroundings::default(), &mut out, &mut err);
    Run { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// The line of a file that another thread writes.
pub(crate) fn waited(path: &Path) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Ok(text) = std::fs::read_to_string(path) {
            return text.trim_end().to_owned();
        }
        sleep(Duration::from_millis(5));
    }
    panic!("the pump does not answer");
}

#[test]
fn a_log_is_fetched_over_tcp_and_verifies() {
    let site = Site::new();
    let (pump, address) = site.pump("0", "3");
    let shown = site.good(&[
        "device",
        "show",
        "--at",
        &address,
        "--as",
        "@nurse",
        "--trust",
        "@ca/trust.txt",
    ]);
    assert_eq!(shown["data"]["recording"], true);
    assert_eq!(shown["data"]["random"], true);
    let device = shown["data"]["device"].as_str().unwrap().to_owned();
    let fetched = tool(&site.fetch(&address, "nurse", &["-o", "@log1", "--device", &device]));
    let fetched = validate(&site.0, &fetched.out);
    assert_eq!(fetched["data"]["bytes"], shown["data"]["export_bytes"]);
    // Another holder, of the same authority.
    site.issue("person", "doctor");
    assert_eq!(tool(&site.fetch(&address, "doctor", &["-o", "@log2"])).exit, Exit::Ok);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);

    site.good(&["ca", "log-key", "@ca", "-o", "@opens", "--passphrase-file", "@pass"]);
    for log in ["@log1", "@log2"] {
        let keys = ["--device-key", "@pump/device.key", "--authority-key", "@opens"];
        let verified = site.run(&[&["log", "verify", log], &keys[..]].concat());
        assert_eq!(verified.exit, Exit::Ok, "{}{}", verified.out, verified.err);
    }
    // What was fetched says who fetched it: once for what each of the two did in these minutes.
    let records = tool(&site.args(&[
        "log",
        "export",
        "@log2",
        "--format",
        "json",
        "--device-key",
        "@pump/device.key",
        "--authority-key",
        "@opens",
        "-o",
        "@records",
    ]));
    assert_eq!(records.exit, Exit::Ok, "{}{}", records.out, records.err);
    let records: Json = serde_json::from_str(&site.0.text("records")).unwrap();
    let names = |name: &str| {
        let records = records["records"].as_array().unwrap();
        records.iter().filter(|record| record["name"] == name).count()
    };
    assert_eq!((names("LinkOpened"), names("ExportStarted")), (2, 2), "{records:#}");
}

#[test]
fn a_log_is_fetched_over_a_pseudo_terminal() {
    let site = Site::new();
    let (pump, address) = site.pump("pty", "1");
    let run = tool(&site.fetch(&address, "nurse", &["-o", "@fetched"]));
    assert_eq!(run.exit, Exit::Ok, "{}{}", run.out, run.err);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
}

/// A relay that loses the first bytes of the tool, and cuts the connection after some bytes from the pump.
fn relay(pump: &str, lost: usize, bytes: usize) -> String {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let pump = pump.strip_prefix("tcp:").unwrap().to_owned();
    spawn(move || {
        let (tool, _) = listener.accept().unwrap();
        let pump = TcpStream::connect(pump).unwrap();
        let (mut from, mut to) = (tool.try_clone().unwrap(), pump.try_clone().unwrap());
        spawn(move || {
            from.read_exact(&mut vec![0; lost])?;
            std::io::copy(&mut from, &mut to)?;
            to.shutdown(Shutdown::Both)
        });
        let (mut from, mut to, mut left) = (pump, tool, bytes);
        let mut buffer = [0; 256];
        while left > 0 {
            let count = from.read(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            to.write_all(&buffer[..count.min(left)]).unwrap();
            left = left.saturating_sub(count);
        }
        drop((to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both)));
    });
    address
}

/// The first message of a handshake does not get there; the tool says it again.
#[test]
fn a_first_message_that_is_lost_is_sent_again() {
    const MESSAGE_BYTES: usize = 36 + 16;
    const ON_A_STREAM: usize = MESSAGE_BYTES + 3;
    let site = Site::new();
    let (pump, address) = site.pump("0", "1");
    let lossy = relay(&address, ON_A_STREAM, 10_000);
    site.good(&["device", "show", "--at", &lossy, "--as", "@nurse", "--trust", "@ca/trust.txt"]);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
}

#[test]
fn a_fetch_that_broke_off_ends_with_5_and_goes_on() {
    let site = Site::new();
    let (pump, address) = site.pump("0", "4");
    let mut kept = 0;
    for bytes in [5_000, 20_000, 30_000] {
        let cut = relay(&address, 0, bytes);
        let run = tool(&site.fetch(&cut, "nurse", &["-o", "@fetched"]));
        assert_eq!(run.exit, Exit::Device, "{}{}", run.out, run.err);
        assert!(run.out.contains("E0402"), "{}", run.out);
        assert!(!site.0.path("fetched").exists());
        let length = std::fs::metadata(site.0.path("fetched.part")).unwrap().len();
        assert!(length > kept, "{length} after {kept}");
        kept = length;
    }
    let run = tool(&site.fetch(&address, "nurse", &["-o", "@fetched"]));
    let json = validate(&site.0, &run.out);
    assert_eq!((run.exit, &json["data"]["resumed_at"]), (Exit::Ok, &Json::from(kept)));
    assert!(!site.0.path("fetched.part").exists() && !site.0.path("fetched.cursor").exists());
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    let verified = site.run(&["log", "verify", "@fetched", "--device-key", "@pump/device.key"]);
    assert_ne!(verified.exit, Exit::Negative, "{}{}", verified.out, verified.err);
}

#[test]
fn who_is_not_of_the_owner_gets_nothing_and_is_told_nothing() {
    let site = Site::new();
    site.good(&["ca", "init", "@other", "--passphrase-file", "@pass"]);
    site.good(&[
        "ca",
        "issue",
        "@other",
        "person",
        "-o",
        "@stranger",
        "--passphrase-file",
        "@pass",
    ]);
    site.issue("recipient", "reader");
    let (pump, address) = site.pump("0", "4");
    let show = |holder: &str, trust: &str, more: &[&str]| {
        let base = ["device", "show", "--at", &address, "--as", holder, "--trust", trust];
        site.error(&[&base[..], more].concat())
    };
    // No admission secret of this owner: silence.
    assert_eq!(show("@stranger", "@other/trust.txt", &[]), (Exit::Device, "E0402".to_owned()));
    // With it, and with a certificate that this device's owner did not issue.
    assert_eq!(show("@stranger", "@ca/trust.txt", &[]), (Exit::Device, "E0402".to_owned()));
    // A certificate of the owner that is not for links: the first message is not answered.
    assert_eq!(show("@reader", "@ca/trust.txt", &[]), (Exit::Device, "E0402".to_owned()));
    // The right holder, and another device than is meant.
    let other = "00".repeat(16);
    let unproven = show("@nurse", "@ca/trust.txt", &["--device", &other]);
    assert_eq!(unproven, (Exit::Refused, "E0403".to_owned()));
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    let gone = show("@nurse", "@ca/trust.txt", &[]);
    assert_eq!(gone, (Exit::Device, "E0401".to_owned()));
}

#[test]
fn an_authority_keeps_its_book() {
    let site = Site::new();
    let issued = site.good(&["ca", "show", "@ca"]);
    assert_eq!(
        (&issued["data"]["issued"], &issued["data"]["epoch"]),
        (&Json::from(1), &Json::from(1))
    );
    let pass = ["--passphrase-file", "@pass"];
    let verb = |args: &[&str]| site.good(&[args, &pass].concat());
    let revoked = verb(&["ca", "revoke", "@ca", "1"]);
    assert_eq!(revoked["data"]["revoked"], Json::from(vec![1]));
    assert_eq!(verb(&["ca", "revoke", "@ca", "1"])["data"]["revoked"], Json::from(vec![1]));
    for serial in ["0", "2", "4294967295"] {
        let error = site.error(&["ca", "revoke", "@ca", serial, "--passphrase-file", "@pass"]);
        assert_eq!(error, (Exit::Usage, "E0119".to_owned()));
    }
    let rotated = verb(&["ca", "rotate", "@ca"]);
    // A device that was revoked has no epoch that could end.
    assert_eq!(rotated["data"]["revoked"], Json::from(vec![1]));
    assert_eq!(rotated["data"]["epoch"], 2);
    let issued = verb(&["ca", "issue", "@ca", "station", "-o", "@station"]);
    assert_eq!(issued["data"]["certificate"]["serial"], 2);
    site.0.put("wrong", b"another passphrase of length\n");
    let wrong = site.error(&["ca", "rotate", "@ca", "--passphrase-file", "@wrong"]);
    assert_eq!(wrong, (Exit::Refused, "E0116".to_owned()));
    site.0.put("short", b"fourteen chars\n");
    let short = site.error(&["ca", "init", "@new", "--passphrase-file", "@short"]);
    assert_eq!(short, (Exit::Usage, "E0117".to_owned()));
    assert!(!site.0.path("new").exists());
    let again = site.error(&["ca", "init", "@ca", "--passphrase-file", "@pass"]);
    assert_eq!(again, (Exit::Refused, "E0113".to_owned()));
    let service =
        site.error(&["ca", "issue", "@ca", "service", "-o", "@s", "--passphrase-file", "@pass"]);
    assert_eq!(service, (Exit::Usage, "E0303".to_owned()));
}

/// Another authority's book does not make this one vouch for that one's key.
#[test]
fn a_book_is_that_of_its_key() {
    let site = Site::new();
    site.good(&["ca", "init", "@other", "--passphrase-file", "@pass"]);
    std::fs::copy(site.0.path("other/ca.txt"), site.0.path("ca/ca.txt")).unwrap();
    let issue = ["ca", "issue", "@ca", "person", "-o", "@p", "--passphrase-file", "@pass"];
    assert_eq!(site.error(&issue), (Exit::Input, "E0115".to_owned()));
    let pump = ["sim", "run", "@pump", "--ca", "@ca", "--passphrase-file", "@pass"];
    assert_eq!(site.error(&pump), (Exit::Input, "E0115".to_owned()));
    assert!(!site.0.path("p").exists() && !site.0.path("pump/trust.txt").exists());
}

#[test]
fn what_an_authority_has_revoked_does_not_hold() {
    let site = Site::new();
    let (pump, address) = site.pump("0", "3");
    let show = |holder: &str| {
        site.error(&[
            "device",
            "show",
            "--at",
            &address,
            "--as",
            holder,
            "--trust",
            "@ca/trust.txt",
            "--revoked",
            "@ca/ca.txt",
        ])
    };
    assert_eq!(show("@nurse"), (Exit::Ok, "none".to_owned()));
    // The nurse's certificate has number 1, the pump's 2. The pump is not told yet.
    let revoke =
        |serial: &str| site.good(&["ca", "revoke", "@ca", serial, "--passphrase-file", "@pass"]);
    revoke("1");
    site.issue("person", "doctor");
    assert_eq!(show("@doctor"), (Exit::Ok, "none".to_owned()));
    revoke("2");
    assert_eq!(show("@doctor"), (Exit::Refused, "E0403".to_owned()));
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    // Now it is told.
    let args = site.args(&["sim", "run", "@pump", "--connections", "1", "--revoked", "@ca/ca.txt"]);
    let path = site.0.path("pump/address");
    std::fs::remove_file(&path).unwrap();
    let pump = spawn(move || tool(&args));
    let address = waited(&path);
    let nurse = ["device", "show", "--at", &address, "--as", "@nurse", "--trust", "@ca/trust.txt"];
    assert_eq!(site.error(&nurse), (Exit::Refused, "E0404".to_owned()));
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    // A new epoch ends what was issued before it.
    site.good(&["ca", "rotate", "@ca", "--passphrase-file", "@pass"]);
    site.issue("person", "matron");
    let args = site.args(&["sim", "run", "@pump", "--connections", "2", "--revoked", "@ca/ca.txt"]);
    std::fs::remove_file(&path).unwrap();
    let pump = spawn(move || tool(&args));
    let address = waited(&path);
    let show = |holder: &str| {
        site.error(&[
            "device",
            "show",
            "--at",
            &address,
            "--as",
            holder,
            "--trust",
            "@ca/trust.txt",
        ])
    };
    assert_eq!(show("@doctor"), (Exit::Refused, "E0404".to_owned()));
    assert_eq!(show("@matron"), (Exit::Ok, "none".to_owned()));
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
}

/// Files that lie where a fetch would keep what came are neither read over nor removed.
#[test]
fn a_fetch_takes_no_file_for_its_own() {
    let site = Site::new();
    std::fs::copy(site.0.path("nurse"), site.0.path("out.part")).unwrap();
    let fetch = |holder: &str| {
        site.error(&[
            "log",
            "fetch",
            "--at",
            "tcp:127.0.0.1:1",
            "--as",
            holder,
            "--trust",
            "@ca/trust.txt",
            "-o",
            "@out",
        ])
    };
    assert_eq!(fetch("@out.part"), (Exit::Refused, "E0108".to_owned()));
    let (pump, address) = site.pump("0", "1");
    let run = tool(&site.fetch(&address, "nurse", &["-o", "@out"]));
    assert_eq!(run.exit, Exit::Ok, "{}", run.out);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    assert_eq!(site.0.text("out.part"), site.0.text("nurse"));
}

/// What is read stays: not one of the files that say who asks and whom that trusts is written over.
#[test]
fn no_output_replaces_a_book() {
    let site = Site::new();
    site.issue("recipient", "reader");
    let (pump, address) = site.pump("0", "1");
    site.good(&["device", "show", "--at", &address, "--as", "@nurse", "--trust", "@ca/trust.txt"]);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    site.good(&["sim", "export", "@pump", "--to", "@reader.cert", "-o", "@stick"]);
    let known = ["--as", "@reader", "--trust", "@ca/trust.txt", "--revoked", "@ca/ca.txt"];
    let fetch = ["log", "fetch", "--at", "tcp:127.0.0.1:1"];
    let open = ["export", "open", "@stick"];
    for output in ["reader", "ca/trust.txt", "ca/ca.txt"] {
        let before = site.0.text(output);
        let named = format!("@{output}");
        for verb in [&fetch[..], &open[..]] {
            let args = [verb, &known[..], &["-o", &named]].concat();
            assert_eq!(site.error(&args), (Exit::Refused, "E0108".to_owned()), "{args:?}");
        }
        assert_eq!(site.0.text(output), before);
    }
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    for name in ["ca/ca.key", "ca/trust.txt", "nurse"] {
        let mode = std::fs::metadata(site.0.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let key = site.0.text("ca/ca.key");
    let nurse = site.0.text("nurse");
    let out = site.run(&["ca", "show", "@ca"]).out;
    for secret in [key.split(' ').nth(5).unwrap(), nurse.split(' ').nth(1).unwrap()] {
        assert!(secret.len() >= 64 && !out.contains(secret));
    }
}

/// Each byte of an authority's files changed: it is refused, and nothing panics.
#[test]
fn a_changed_file_of_an_identity_is_refused() {
    let site = Site::new();
    let mut tried = 0;
    let cases: [(&str, &[&str]); 3] = [
        ("ca/ca.txt", &["ca", "show", "@ca"]),
        (
            "nurse",
            &[
                "device",
                "show",
                "--at",
                "tcp:127.0.0.1:1",
                "--trust",
                "@ca/trust.txt",
                "--as",
                "@nurse",
            ],
        ),
        (
            "ca/trust.txt",
            &[
                "device",
                "show",
                "--at",
                "tcp:127.0.0.1:1",
                "--as",
                "@nurse",
                "--trust",
                "@ca/trust.txt",
            ],
        ),
    ];
    for (name, args) in cases {
        let whole = std::fs::read(site.0.path(name)).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x01;
            site.0.put(name, &changed);
            let (exit, code) = site.error(args);
            // What only the device can tell: another secret of the same form, or another key that is one.
            let is_elsewhere = matches!(code.as_str(), "E0401" | "E0403");
            assert!(
                code == "E0115" || (name != "ca/ca.txt" && is_elsewhere) || is_number(&whole, at),
                "{name} {at}: {exit:?} {code}"
            );
            tried += 1;
        }
        site.0.put(name, &whole);
    }
    assert!(tried > 900, "{tried}");
}

/// Whether this byte is a digit of the next serial number, which nothing in the book vouches for.
fn is_number(book: &[u8], at: usize) -> bool {
    let text = String::from_utf8_lossy(book);
    text.find("serial ").is_some_and(|line| {
        let number = line + "serial ".len();
        (number..number + 1).contains(&at)
    })
}
