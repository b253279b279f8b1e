//! Permits that the tool signs, judged by a device's own desk.

use medsec_core::Secret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Kinds, NO_SCOPE};
use medsec_core::identity::permit::desk::{Desk, Here, Refused};
use medsec_core::identity::permit::{
    Action, Actions, BODY_BYTES, PERMIT_BYTES_MAX, Permit, PermitError,
};
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::PublicKey;
use medsec_core::rng::Random;
use medsec_core::time::Ticks;
use medsec_sim::rng::Noise;
use medsec_tool::exit::Exit;
use medsec_tool::permit::parse_permit;
use medsec_tool::verifier::Verifier;
use medsec_tool::{Surroundings, run};
use serde_json::Value as Json;

use crate::schemas::validate;
use crate::support::{Bench, Judge, Run, good_log};

const DEVICE: [u8; 16] = [0x5a; 16];
const ID: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const NOW: Ticks = Ticks::from_millis(1_000);
const ACTIONS: [Action; 4] = Action::ALL;

/// Authorities of an owner and of two makers, and a device that trusts all of them.
struct Site {
    bench: Bench,
    anchors: Vec<Anchor>,
    keys: Vec<String>,
}

impl Site {
    fn new() -> Self {
        let bench = Bench::new(Judge::Says(good_log()));
        bench.put("pass", b"correct horse battery staple\n");
        let mut site = Self { bench, anchors: Vec::new(), keys: Vec::new() };
        for (name, origin) in [("owner", "owner"), ("maker", "maker"), ("other", "maker")] {
            let dir = format!("@{name}");
            let made = site.good(&["ca", "init", &dir, "--origin", origin]);
            let key = made["data"]["key"].as_str().unwrap().to_owned();
            site.anchors.push(Anchor {
                origin: if origin == "owner" { Origin::Owner } else { Origin::Maker },
                key: PublicKey::parse(&bytes(&key).try_into().unwrap()).unwrap(),
                may_issue: Kinds::NONE,
                roles: 0xff,
                scope: NO_SCOPE,
                model: 0,
                min_epoch: 0,
                permits: Actions::of(&ACTIONS),
            });
            site.keys.push(key);
        }
        site
    }

    /// Runs a verb with `--json`, and the passphrase where one is asked for.
    fn run(&self, args: &[&str]) -> Run {
        let mut args: Vec<&str> = args.to_vec();
        if args[1] != "inspect" {
            args.extend(["--passphrase-file", "@pass"]);
        }
        let named = args.iter().map(|arg| match arg.strip_prefix('@') {
            Some(name) => self.bench.path(name).to_str().unwrap().to_owned(),
            None => (*arg).to_owned(),
        });
        let args = ["medsec".to_owned()].into_iter().chain(named).chain(["--json".to_owned()]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = args.map(Into::into);
        let exit = run(args, &Verifier, Surroundings::default(), &mut out, &mut err);
        Run { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    fn good(&self, args: &[&str]) -> Json {
        let run = self.run(args);
        assert_eq!(run.exit, Exit::Ok, "{args:?}\n{}{}", run.out, run.err);
        validate(&self.bench, &run.out)
    }

    /// The code of the error that a verb ends with.
    fn error(&self, args: &[&str]) -> (Exit, String) {
        let run = self.run(args);
        let json = validate(&self.bench, &run.out);
        (run.exit, json["findings"][0]["code"].as_str().unwrap_or("none").to_owned())
    }

    /// What a permit is asked for with, in answer to `challenge`.
    fn sign<'a>(
        dir: &'a str,
        action: &'a str,
        challenge: &'a str,
        output: &'a str,
        more: &[&'a str],
    ) -> Vec<&'a str> {
        let args = ["permit", "sign", dir, action, "--device", ID, "--challenge", challenge];
        [&args[..], &["-o", output], more].concat()
    }

    fn trust(&self) -> Trust<'_> {
        Trust::new(&self.anchors, &[], &[]).unwrap()
    }

    /// How the second's signing ends.
    fn countersign(&self, dir: &str, draft: &str, challenge: &str, output: &str) -> (Exit, String) {
        let args = ["permit", "countersign", dir, draft, "--device", ID, "--challenge", challenge];
        self.error(&[&args[..], &["-o", output]].concat())
    }

    /// What the device says to a permit.
    fn take(&self, desk: &mut Desk, permit: &[u8]) -> Result<Action, Refused> {
        let here = Here {
            trust: self.trust(),
            today: Today { floor: Day::FIRST, clock: None },
            stage: Stage::Service,
            device: DEVICE,
            model: 7,
            scope: NO_SCOPE,
            delegated: Actions::NONE,
        };
        desk.take(permit, &here, None, NOW).map(|permitted| permitted.terms().action)
    }

    fn permit(&self, name: &str) -> Vec<u8> {
        let file = std::fs::read(self.bench.path(name)).unwrap();
        let permit = parse_permit(&file).unwrap();
        permit.to_bytes(&mut [0; PERMIT_BYTES_MAX]).to_vec()
    }
}

/// A desk that asks for a permit, and with what.
fn asking(action: Action) -> (Desk, String) {
    let mut random = Random::new(Noise::<1000>::good(5));
    random.start(Secret::new([4; 32]), b"device").unwrap();
    let mut desk = Desk::new();
    let challenge = desk.ask(action, &mut random, NOW).unwrap();
    (desk, challenge.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn the_owner_allows_a_recovery_alone() {
    let site = Site::new();
    let (mut desk, challenge) = asking(Action::Recovery);
    let told = site.good(&Site::sign("@owner", "recovery", &challenge, "@permit", &[]));
    assert_eq!((&told["verdict"], &told["data"]["number"]), (&"signed".into(), &1.into()));
    assert_eq!(told["data"]["seconds"], 600);
    let permit = site.permit("permit");
    // Each changed bit is refused, and the permit counts once.
    for bit in 0..permit.len() * 8 {
        let mut changed = permit.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(site.take(&mut desk, &changed).is_err(), "bit {bit}");
    }
    assert_eq!(site.take(&mut desk, &permit), Ok(Action::Recovery));
    assert_eq!(site.take(&mut desk, &permit), Err(Refused::NoChallenge));
    // Numbers rise, and one that was used is not used again.
    let again = site.good(&Site::sign("@owner", "recovery", &challenge, "@permit", &[]));
    assert_eq!(again["data"]["number"], 2);
    let more = ["--number", "9"];
    let ahead = site.good(&Site::sign("@owner", "recovery", &challenge, "@permit", &more));
    assert_eq!(ahead["data"]["number"], 9);
    // Nor one so far ahead that it would use up all that come.
    for number in ["0", "9", "10010", "4294967294", "4294967295"] {
        let more = ["--number", number];
        let used = site.error(&Site::sign("@owner", "recovery", &challenge, "@permit", &more));
        assert_eq!(used, (Exit::Usage, "E0303".to_owned()), "{number}");
    }
    let more = ["--number", "10009"];
    let ahead = site.good(&Site::sign("@owner", "recovery", &challenge, "@permit", &more));
    assert_eq!(ahead["data"]["number"], 10_009);
}

/// Neither verb writes over what it reads, nor over the authority's own.
#[test]
fn no_permit_takes_the_place_of_an_authoritys_files() {
    let site = Site::new();
    let (_, challenge) = asking(Action::ReturnToClaim);
    let more = ["--beside", &site.keys[2]];
    site.good(&Site::sign("@maker", "return-to-claim", &challenge, "@draft", &more));
    for output in ["maker/ca.key", "maker/ca.txt", "maker/trust.txt", "pass"] {
        let (before, named) = (site.bench.text(output), format!("@{output}"));
        let sign = Site::sign("@maker", "return-to-claim", &challenge, &named, &more);
        let second = site.countersign("@maker", "@draft", &challenge, &named);
        for error in [site.error(&sign), second] {
            assert_eq!(error, (Exit::Refused, "E0108".to_owned()), "{output}");
        }
        assert_eq!(site.bench.text(output), before);
    }
    let over = site.countersign("@other", "@draft", &challenge, "@draft");
    assert_eq!(over, (Exit::Refused, "E0108".to_owned()));
}

#[test]
fn two_of_the_maker_allow_a_downgrade() {
    let site = Site::new();
    let (mut desk, challenge) = asking(Action::Downgrade);
    let manifest = "11".repeat(32);
    let more = ["--manifest", &manifest, "--value", "3", "--beside", &site.keys[2]];
    let told = site.good(&Site::sign("@maker", "downgrade", &challenge, "@draft", &more));
    assert_eq!(told["verdict"], "half-signed");
    assert_eq!(told["data"]["signers"].as_array().unwrap().len(), 2);
    // What one has signed is no permit, to no reader.
    let draft = site.bench.text("draft");
    parse_permit(draft.as_bytes()).unwrap_err();
    let body = bytes(draft.split(' ').nth(1).unwrap());
    let half = [&body[..], &[0; PERMIT_BYTES_MAX - BODY_BYTES]].concat();
    assert!(matches!(site.take(&mut desk, &half), Err(Refused::Signature)));
    let shown = site.run(&["permit", "inspect", "@draft"]);
    let shown = (shown.exit, validate(&site.bench, &shown.out));
    assert_eq!((shown.0, &shown.1["verdict"]), (Exit::Undecided, &"not-checked".into()));
    assert_eq!(
        (&shown.1["data"]["value"], &shown.1["data"]["digest"]),
        (&3.into(), &manifest.into())
    );
    assert_eq!(
        (&shown.1["data"]["draft"], &shown.1["data"]["challenge"]),
        (&true.into(), &Json::from(&*challenge))
    );
    // The second says what he was asked for, and signs nothing else.
    let refused = (Exit::Refused, "E0120".to_owned());
    assert_eq!(site.countersign("@other", "@draft", &"22".repeat(32), "@permit"), refused);
    assert_eq!(
        site.countersign("@maker", "@draft", &challenge, "@permit"),
        refused,
        "the first again"
    );
    let second = ["permit", "countersign", "@other", "@draft", "--device", ID];
    site.good(&[&second[..], &["--challenge", &challenge, "-o", "@permit"]].concat());
    assert_eq!(site.take(&mut desk, &site.permit("permit")), Ok(Action::Downgrade));
    // Not twice, nor by a key that was not named, nor what was changed since.
    let countersign = |dir: &str, draft: &str| site.countersign(dir, draft, &challenge, "@more");
    let usage = (Exit::Usage, "E0303".to_owned());
    assert_eq!(countersign("@other", "@draft"), usage, "its number is used");
    assert_eq!(countersign("@owner", "@draft"), usage, "an owner signs for no downgrade");
    site.good(&["ca", "init", "@third", "--origin", "maker"]);
    assert_eq!(countersign("@third", "@draft"), refused);
    let value = draft.replacen("03000000", "02000000", 1);
    assert_ne!(value, draft);
    site.bench.put("changed", value.replacen("0100000", "0900000", 1).as_bytes());
    assert_eq!(countersign("@other", "@changed"), refused);
    assert!(!site.bench.path("more").exists());
}

#[test]
fn a_service_permit_names_its_holder() {
    let site = Site::new();
    let (_, challenge) = asking(Action::Service);
    let scope = ["--scope", "0101010101010101"];
    site.good(
        &[&["ca", "issue", "@maker", "service", "-o", "@hands"][..], &["--roles", "4"], &scope]
            .concat(),
    );
    let more = ["--for", "@hands.cert", "--roles", "4", "--value", "7", "--seconds", "60"];
    let told = site.good(&Site::sign("@other", "service", &challenge, "@permit", &more));
    let permit = Permit::parse(&site.permit("permit")).unwrap();
    let terms = permit.terms();
    assert_eq!((terms.mask, terms.value, terms.ttl_seconds), (4, 7, 60));
    let certificate = bytes(site.bench.text("hands.cert").trim_end().split(' ').nth(1).unwrap());
    assert_eq!(terms.digest, medsec_core::key::sha256(&[&certificate]));
    assert_eq!(told["data"]["roles"], 4);
    // An output takes the place of no certificate.
    let over = site.error(&Site::sign("@other", "service", &challenge, "@hands.cert", &more));
    assert_eq!(over, (Exit::Refused, "E0108".to_owned()));
    // No device takes one by who has certified the holder, for another kind, or with roles that he has not.
    site.good(&["ca", "issue", "@maker", "station", "-o", "@station"]);
    let refused: [(&str, &[&str]); 3] = [
        ("@maker", &["--for", "@hands.cert", "--roles", "4"]),
        ("@other", &["--for", "@station.cert"]),
        ("@other", &["--for", "@hands.cert", "--roles", "8"]),
    ];
    for (dir, more) in refused {
        let error = site.error(&Site::sign(dir, "service", &challenge, "@no", more));
        assert_eq!(error, (Exit::Usage, "E0303".to_owned()), "{more:?}");
    }
}

#[test]
fn what_an_action_cannot_have_is_not_signed() {
    let site = Site::new();
    let challenge = "22".repeat(32);
    let key = site.keys[2].clone();
    let manifest = "11".repeat(32);
    let refused: [(&str, &str, &[&str]); 14] = [
        ("@owner", "service", &[]),
        ("@owner", "downgrade", &["--manifest", &manifest]),
        ("@owner", "return-to-claim", &[]),
        ("@owner", "recovery", &["--beside", &key]),
        ("@owner", "recovery", &["--manifest", &manifest]),
        ("@owner", "recovery", &["--value", "1"]),
        ("@owner", "recovery", &["--value", "0"]),
        ("@maker", "downgrade", &["--manifest", &manifest, "--beside", &key]),
        ("@owner", "recovery", &["--seconds", "601"]),
        ("@owner", "recovery", &["--seconds", "0"]),
        ("@maker", "service", &[]),
        ("@maker", "downgrade", &["--manifest", &manifest]),
        ("@maker", "downgrade", &["--beside", &key]),
        ("@maker", "return-to-claim", &["--beside", &site.keys[1]]),
    ];
    for (dir, action, more) in refused {
        let error = site.error(&Site::sign(dir, action, &challenge, "@permit", more));
        assert_eq!(error, (Exit::Usage, "E0303".to_owned()), "{dir} {action} {more:?}");
    }
    let short = site.error(&Site::sign("@owner", "recovery", "22", "@permit", &[]));
    assert_eq!(short, (Exit::Usage, "E0303".to_owned()));
    assert!(!site.bench.path("permit").exists());
    // None of it used up a number.
    let told = site.good(&Site::sign("@owner", "recovery", &challenge, "@permit", &[]));
    assert_eq!(told["data"]["number"], 1);
    site.bench.put("none", b"medsec-permit-1 00\n");
    for verb in [
        &["permit", "inspect", "@none"][..],
        &[
            "permit",
            "countersign",
            "@maker",
            "@none",
            "--device",
            ID,
            "--challenge",
            &challenge,
            "-o",
            "@x",
        ],
    ] {
        assert_eq!(site.error(verb), (Exit::Input, "E0115".to_owned()));
    }
    assert_eq!(
        Permit::parse(&[]),
        Err(PermitError::Layout(medsec_core::codec::DecodeError::Short))
    );
}
