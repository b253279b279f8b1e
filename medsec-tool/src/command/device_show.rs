//! `medsec device show`.

use medsec::link::request::{About, Answer, Condition, Request};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use serde_json::json;

use crate::cli::{Peer, SuiteChoice};
use crate::command::peer;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Outcome;
use crate::text::{grouped, hex};

/// Says what a device is and how it is, as it says itself once it has proved who it is.
pub(crate) fn run(peer: &Peer) -> Result<Outcome, Error> {
    match peer.suite {
        SuiteChoice::AesGcm => show::<Aes256Gcm>(peer),
        SuiteChoice::Chacha => show::<ChaCha20Poly1305>(peer),
    }
}

fn show<S: Suite>(args: &Peer) -> Result<Outcome, Error> {
    let opened = peer::open(&args.parties)?;
    let mut client = opened.connect::<S>(args)?;
    let proven = client.device().ok_or(Error::OddAnswer)?;
    let answer = client.ask(Request::About)?;
    let Ok(Answer::About(about)) = Answer::parse(&answer) else { return Err(Error::OddAnswer) };
    client.close();
    // What its certificate says of it counts, and it has to say the same.
    if (about.device, about.model) != proven {
        return Err(Error::OddAnswer);
    }
    let is = |condition| about.condition.has(condition);
    let words = [
        (is(Condition::RECORDING), "its log records", "its log does NOT record"),
        (is(Condition::RANDOM), "its random source is good", "its random source has FAILED"),
        (
            !is(Condition::RECORDS_LOST),
            "no record was lost in this boot",
            "records were LOST in this boot",
        ),
        (
            !is(Condition::FLASH_FAULT),
            "no fault of its flash in this boot",
            "its flash FAILED in this boot",
        ),
    ];
    let mut text = facts(&about);
    text.extend(words.map(|(holds, good, bad)| format!("  {}", if holds { good } else { bad })));
    let data = json!({
        "device": hex(&about.device),
        "model": about.model,
        "suite": about.suite,
        "recording": is(Condition::RECORDING),
        "random": is(Condition::RANDOM),
        "records_lost": is(Condition::RECORDS_LOST),
        "flash_fault": is(Condition::FLASH_FAULT),
        "sessions": about.sessions,
        "used_per_mille": about.used_per_mille,
        "export_bytes": about.export_bytes,
        "uptime_ms": about.uptime_ms,
    });
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "proven",
        headline: format!("PROVEN: device {}", hex(&about.device)),
        text,
        payload: None,
        findings: opened.findings,
        data,
    })
}

fn facts(about: &About) -> Vec<String> {
    vec![
        format!("  model {:08x}, suite {}", about.model, about.suite),
        format!(
            "  on for {} s, in session {}",
            grouped(about.uptime_ms / 1_000),
            grouped(u64::from(about.sessions))
        ),
        format!("  its log takes {} bytes to fetch", grouped(u64::from(about.export_bytes))),
    ]
}
