//! An authority, a pump that answers, and a log that is fetched over a link and carried on a medium.

use core::time::Duration;
use std::fs;
use std::thread;
use std::time::Instant;

use super::bench::Bench;
use super::{Script, Stop, claim};
use crate::exit::Exit;

/// Whoever runs the demo needs no passphrase of his own.
const PASSPHRASE: &[u8] = b"only for this demonstration\n";
const WITH: &str = "--passphrase-file @link.passphrase";
const NURSE: &str = "--as @link/nurse.holder --trust @link/owner/trust.txt";
/// How long the pump may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn play(bench: &Bench, script: &mut Script) -> Result<(), Stop> {
    // Of an earlier demo in this directory.
    drop(fs::remove_dir_all(bench.dir().join("link")));
    bench.put("link.passphrase", PASSPHRASE)?;
    good(bench, &format!("ca init @link/owner {WITH}"))?;
    good(bench, &format!("ca issue @link/owner person -o @link/nurse.holder {WITH}"))?;
    good(bench, &format!("ca issue @link/owner recipient -o @link/reader.holder {WITH}"))?;
    script
        .step("a hospital's authority is made, and certifies a nurse and a reader of sealed files");
    let pump = bench.arguments(&format!(
        "sim run @link/pump --ca @link/owner {WITH} --listen pty --connections 2"
    ));
    let pump = thread::spawn(move || Bench::run_in(pump));
    let address = wait_for(bench, "link/pump/address")?;
    let shown = good(bench, &format!("device show --at {address} {NURSE}"))?;
    claim(shown["data"]["recording"] == true, "the pump's log records")?;
    script.step("a second pump, certified by it, proves itself to the nurse's tool on a serial line, and the nurse to the pump");
    let fetched =
        good(bench, &format!("log fetch --at {address} {NURSE} -o @link/fetched.export"))?;
    let is_same = fetched["data"]["bytes"] == shown["data"]["export_bytes"];
    claim(is_same, "the whole log is fetched")?;
    claim(pump.join().is_ok_and(|exit| exit == Exit::Ok), "the pump stops")?;
    good(bench, &format!("ca log-key @link/owner -o @link/authority.key {WITH}"))?;
    let keys = "--device-key @link/pump/device.key --authority-key @link/authority.key";
    good(bench, &format!("log verify @link/fetched.export {keys}"))?;
    script.step("its log is fetched over the encrypted link, and verifies");
    good(bench, "sim export @link/pump --to @link/reader.holder.cert -o @link/stick.msf")?;
    let reader = "--as @link/reader.holder --trust @link/owner/trust.txt -o @link/opened.export";
    good(bench, &format!("export open @link/stick.msf {reader}"))?;
    good(bench, &format!("log verify @link/opened.export {keys}"))?;
    let mut stick = bench.bytes("link/stick.msf")?;
    let middle = stick.len() / 2;
    stick[middle] ^= 1;
    bench.put("link/changed.msf", &stick)?;
    let changed = bench.run(&format!("export open @link/changed.msf {reader}"))?;
    claim(changed.exit == Exit::Negative, "a changed file is not opened")?;
    script.step(
        "the pump seals its log for a stick, its reader opens it, and one changed bit is refused",
    );
    Ok(())
}

/// What a verb prints that has to succeed.
fn good(bench: &Bench, words: &str) -> Result<serde_json::Value, Stop> {
    let run = bench.run(words)?;
    claim(run.exit == Exit::Ok, format!("medsec {words}"))?;
    Ok(run.json)
}

/// The line of a file that another thread is going to write.
fn wait_for(bench: &Bench, name: &str) -> Result<String, Stop> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Ok(text) = fs::read_to_string(bench.dir().join(name)) {
            return Ok(text.trim_end().to_owned());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(Stop::Failed("the pump does not answer".to_owned()))
}
