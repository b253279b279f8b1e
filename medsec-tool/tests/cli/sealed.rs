//! What a pump seals for a medium: who reads it, and who is refused.

use medsec_tool::exit::Exit;
use serde_json::Value as Json;

use crate::links::Site;
use crate::schemas::validate;

/// A pump seals its log for a medium; a recipient of the owner reads it, and nobody else.
#[test]
fn a_sealed_log_is_read_by_its_recipients_alone() {
    let site = Site::new();
    for reader in ["reader", "another"] {
        site.issue("recipient", reader);
    }
    let (pump, address) = site.pump("0", "1");
    site.good(&["device", "show", "--at", &address, "--as", "@nurse", "--trust", "@ca/trust.txt"]);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    let sealed = site.good(&["sim", "export", "@pump", "--to", "@reader.cert", "-o", "@stick"]);
    let claimed = site.run(&["export", "inspect", "@stick"]);
    let inspected = validate(&site.0, &claimed.out);
    assert_eq!(
        (claimed.exit, &inspected["verdict"]),
        (Exit::Undecided, &Json::from("not-checked"))
    );
    assert_eq!(inspected["data"]["sender"], sealed["data"]["device"]);
    let open = |holder: &str, file: &str| {
        let args =
            ["export", "open", file, "--as", holder, "--trust", "@ca/trust.txt", "-o", "@out"];
        site.run(&args)
    };
    let opened = open("@reader", "@stick");
    assert_eq!(opened.exit, Exit::Ok, "{}{}", opened.out, opened.err);
    validate(&site.0, &opened.out);
    site.good(&["ca", "log-key", "@ca", "-o", "@opens", "--passphrase-file", "@pass"]);
    let verified = site.run(&[
        "log",
        "verify",
        "@out",
        "--device-key",
        "@pump/device.key",
        "--authority-key",
        "@opens",
    ]);
    assert_eq!(verified.exit, Exit::Ok, "{}{}", verified.out, verified.err);
    // Not for this one, nor for a person.
    std::fs::remove_file(site.0.path("out")).unwrap();
    for holder in ["@another", "@nurse"] {
        let refused = open(holder, "@stick");
        assert_eq!(refused.exit, Exit::Negative, "{}", refused.out);
        assert!(refused.out.contains("E0407"));
    }
    // Cut and changed at places all over it.
    let whole = std::fs::read(site.0.path("stick")).unwrap();
    let mut tried = 0;
    for at in (0..whole.len()).step_by(1_499) {
        site.0.put("cut", &whole[..at]);
        assert_eq!(open("@reader", "@cut").exit, Exit::Negative, "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        site.0.put("changed", &changed);
        assert_eq!(open("@reader", "@changed").exit, Exit::Negative, "changed at {at}");
        tried += 2;
    }
    site.0.put("longer", &[&whole[..], &[0]].concat());
    assert_eq!(open("@reader", "@longer").exit, Exit::Negative);
    assert!(!site.0.path("out").exists());
    assert!(tried > 80, "{tried}");
}

/// Nobody but a recipient of the owner can be sealed to.
#[test]
fn a_log_is_sealed_to_no_stranger() {
    let site = Site::new();
    let (pump, address) = site.pump("0", "1");
    site.good(&["device", "show", "--at", &address, "--as", "@nurse", "--trust", "@ca/trust.txt"]);
    assert_eq!(pump.join().unwrap().exit, Exit::Ok);
    site.good(&["ca", "init", "@other", "--passphrase-file", "@pass"]);
    site.good(&[
        "ca",
        "issue",
        "@other",
        "recipient",
        "-o",
        "@thief",
        "--passphrase-file",
        "@pass",
    ]);
    for to in ["@thief.cert", "@nurse.cert"] {
        let error = site.error(&["sim", "export", "@pump", "--to", to, "-o", "@stolen"]);
        assert_eq!(error, (Exit::Refused, "E0408".to_owned()), "{to}");
    }
    assert!(!site.0.path("stolen").exists());
}
