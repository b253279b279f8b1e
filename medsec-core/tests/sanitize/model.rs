//! Every way that sanitizing can go, on the product's code: cuts, modules that come and go, and somebody who calls everything too early.

use medsec_core::event::PrincipalId;
use medsec_core::lifecycle::Change;
use medsec_core::sanitize::{Evidence, Outcome, Progress, Sanitizer, Tombstone};
use medsec_sim::fault::Model;

use crate::bench::{
    Bench, IN_SERVICE, Log, MODEL, PLAN, RECORDS, SEED, certificate_of, device, found, identity,
    module, receipt,
};

/// What somebody malicious does at one step, with every right to call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Nothing,
    TakeModuleOff,
    SwapModule,
    SignNow,
    CloseNow,
    BuryNow,
    BeginAgain,
    EnrolAnother,
    Restart,
}

const ACTS: [Act; 9] = [
    Act::Nothing,
    Act::TakeModuleOff,
    Act::SwapModule,
    Act::SignNow,
    Act::CloseNow,
    Act::BuryNow,
    Act::BeginAgain,
    Act::EnrolAnother,
    Act::Restart,
];

/// One way.
#[derive(Clone, Copy, Debug)]
struct Way {
    outcome: Outcome,
    exported: Option<u64>,
    act: Act,
    /// At which step of the first boot.
    at: u32,
    /// At which operation of the device's flash the power fails, and again after that.
    cuts: [u32; 2],
    model: Model,
}

/// What a way came to.
#[derive(Default)]
struct Seen {
    signed: u32,
    boots: u32,
}

/// A certificate is there only if nothing lives, and says whether the log is lost.
fn inspect(bench: &mut Bench, way: &Way) {
    let Some(tombstone) = Tombstone::read(&mut bench.own, &PLAN) else { return };
    assert_eq!(bench.hits(), 0, "{way:?}");
    let certificate = *tombstone.certificate();
    assert!(certificate.verify(&certificate_of(&identity(), MODEL)).is_ok(), "{way:?}");
    let claims = certificate.claims();
    let is_lost = way.exported.is_none_or(|records| records < RECORDS);
    let evidence = if is_lost { Evidence::Lost } else { Evidence::Exported };
    assert_eq!((claims.evidence(), claims.outcome), (evidence, way.outcome), "{way:?}");
}

/// Does what is done at this step; nothing is left if the power goes with it.
fn meddle(bench: &mut Bench, mut sanitizer: Sanitizer<5>, way: &Way) -> Option<Sanitizer<5>> {
    match way.act {
        Act::Nothing => {}
        Act::TakeModuleOff => bench.bay = 0,
        Act::SwapModule => bench.bay = 2,
        Act::SignNow => {
            if let Some(blank) = sanitizer.blank() {
                assert_eq!(blank.sign(&identity(), MODEL).map(|_| ()), Ok(()));
                assert_eq!(bench.hits(), 0, "{way:?}");
            }
        }
        Act::CloseNow => {
            let life = sanitizer.lifecycle().unwrap();
            let change = life.change(Change::ReturnToClaim, PrincipalId::DEVICE);
            if let Ok(change) = change {
                let recorded = change.record(&mut Log::default()).unwrap();
                let is_certified = sanitizer.certified() == Some(Outcome::ChangeOfOwner);
                assert!(sanitizer.close(recorded).is_err() || is_certified, "{way:?}");
            }
        }
        Act::BuryNow => {
            let may = sanitizer.certified() == Some(Outcome::Decommission);
            assert!(sanitizer.bury().is_err() || may, "{way:?}");
            return None;
        }
        Act::BeginAgain => {
            let life = (medsec_core::lifecycle::Lifecycle::of(IN_SERVICE), device());
            let approved = crate::bench::approved(Outcome::ChangeOfOwner);
            let log = &mut Log::default();
            assert!(sanitizer.begin(approved, life, (0, None), log).is_err());
        }
        Act::EnrolAnother => assert!(sanitizer.enrol(module(2)).is_err()),
        Act::Restart => {
            return None;
        }
    }
    Some(sanitizer)
}

/// Goes one way to its end: at most 12 boots.
fn go(start: &Bench, way: &Way) -> Seen {
    let mut bench = Bench {
        own: start.own.clone(),
        module: start.module.clone(),
        stranger: start.stranger.clone(),
        bay: 1,
    };
    bench.own.set_model(way.model);
    bench.own.set_gaps([way.cuts[0], way.cuts[1], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let (mut seen, mut steps) = (Seen::default(), 0);
    while seen.boots < 12 {
        seen.boots += 1;
        let Ok(mut sanitizer) = bench.mount() else {
            inspect(&mut bench, way);
            // The identity is gone, and the certificate stands for the device.
            assert!(bench.tombstone().is_the_end(), "{way:?}");
            return seen;
        };
        inspect(&mut bench, way);
        loop {
            steps += 1;
            if steps == way.at {
                match meddle(&mut bench, sanitizer, way) {
                    Some(still) => sanitizer = still,
                    None => {
                        bench.own.power_off();
                        break;
                    }
                }
            }
            let progress = bench.step(&mut sanitizer);
            if bench.own.is_off() {
                break;
            }
            match progress {
                Ok(Progress::Blank) => {
                    assert_eq!(bench.hits(), 0, "{way:?}");
                    let blank = sanitizer.blank().unwrap();
                    assert_eq!(blank.sign(&identity(), MODEL).map(|_| ()), Ok(()));
                    seen.signed += 1;
                }
                Ok(Progress::Missing(_)) => bench.bay = 1,
                Ok(Progress::Done) if way.outcome == Outcome::Decommission => {
                    inspect(&mut bench, way);
                    if let Ok(burial) = sanitizer.bury()
                        && bench.bury(burial)
                    {
                        assert_eq!(found(&[bench.own.image()], &SEED), 0);
                    }
                    bench.own.power_off();
                    break;
                }
                Ok(Progress::Done) => {
                    inspect(&mut bench, way);
                    return seen;
                }
                Ok(_) | Err(_) => {}
            }
            assert!(steps < 2_000, "{way:?}");
        }
        bench.own.power_on();
    }
    panic!("no end: {way:?}");
}

/// Goal: no certificate with a live secret, and evidence or its recorded loss, in every reachable state. Method: both outcomes, three kinds of
/// receipt, nine acts at every third step, cuts at every operation, and again after it, under four fault models.
#[test]
fn no_way_leads_to_a_certificate_with_a_live_secret() {
    let (mut ways, mut signed, mut boots) = (0_u32, 0, 0);
    let mut run = |start: &Bench, way: Way| {
        let seen = go(start, &way);
        // Signed at least once, unless the first to sign was the act.
        assert!(seen.signed > 0 || way.act == Act::SignNow, "{way:?}");
        ways += 1;
        signed += seen.signed;
        boots += seen.boots;
    };
    for outcome in [Outcome::ChangeOfOwner, Outcome::Decommission] {
        for exported in [None, Some(RECORDS - 1), Some(RECORDS)] {
            let receipt = exported.map(receipt);
            let start = Bench::begun(outcome, receipt.as_ref(), Model::None);
            let way = Way {
                outcome,
                exported,
                act: Act::Nothing,
                at: 0,
                cuts: [0, 0],
                model: Model::None,
            };
            for act in ACTS {
                for at in (1..100).step_by(if exported.is_none() { 1 } else { 9 }) {
                    run(&start, Way { act, at, ..way });
                }
            }
            let models = [Model::None, Model::EarlyErased, Model::Metastable, Model::ReadError];
            for model in models {
                for first in 1..60 {
                    let seconds: &[u32] = if exported.is_none() { &[0, 1, 2, 5] } else { &[0] };
                    for second in seconds {
                        let cuts = [first, *second];
                        run(&start, Way { cuts, model, ..way });
                        for act in [Act::TakeModuleOff, Act::SwapModule, Act::SignNow] {
                            run(&start, Way { cuts, model, act, at: first, ..way });
                        }
                    }
                }
            }
        }
    }
    println!("sanitize: {ways} ways, {boots} boots, {signed} signed, 0 with a live secret");
    assert!(ways >= WAYS_MIN, "{ways}");
}

/// Fewer ways than these fail.
const WAYS_MIN: u32 = 13_000;
