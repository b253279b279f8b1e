//! Patients' numbers and keys, looked for wherever something leaves the device or stays in it.
//!
//! The firmware `canary` takes the numbers by every input, in success and in every error; the host draws the same ones.

use std::collections::HashSet;

use super::SplitMix;
use super::evidence::device_secrets;
use super::machine::{End, Extra, Machine, Options, Run};
use super::tool::Tool;
use crate::firmware;
use crate::shell::Shell;

/// As in the firmware's `canary.rs`, and one more for the panic.
const PATIENTS: usize = 200;
/// Bytes of a value that count as found: half of a patient's number.
const WINDOW_BYTES: usize = 8;

/// What must not be found, in all the forms in which it is looked for.
#[derive(Default)]
struct Canaries {
    windows: HashSet<Vec<u8>>,
}

impl Canaries {
    /// The numbers that the firmware draws from `seed`.
    fn patients(seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let mut canaries = Self::default();
        for _ in 0..=PATIENTS {
            let halves = [random.next().to_le_bytes(), random.next().to_le_bytes()];
            canaries.add(halves.as_flattened());
        }
        canaries
    }

    /// The device's secrets.
    fn secrets() -> Self {
        let mut canaries = Self::default();
        for secret in device_secrets() {
            canaries.add(&secret);
        }
        canaries
    }

    fn add(&mut self, value: &[u8]) {
        for window in value.windows(WINDOW_BYTES) {
            self.windows.insert(window.to_vec());
            self.windows.insert(hex(window).into_bytes());
            self.windows.insert(hex(window).to_uppercase().into_bytes());
        }
    }

    /// How many places of `bytes` hold a part of a value, plain or in hexadecimal.
    fn hits(&self, bytes: &[u8]) -> usize {
        [WINDOW_BYTES, 2 * WINDOW_BYTES]
            .iter()
            .flat_map(|length| bytes.windows(*length))
            .filter(|window| self.windows.contains(*window))
            .count()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One run of the firmware, and all that came of it.
struct Trial {
    run: Run,
    places: Vec<(&'static str, Vec<u8>)>,
}

fn trial(shell: &Shell, features: &str, extra: Extra, seed: u64) -> Result<Trial, String> {
    let folder = shell.target().join("emulate-canary");
    let image = firmware::build(shell, &firmware::M4F, "canary", features)?;
    let machine = Machine::new(firmware::PUMP.board, &image, &folder)?;
    machine.format(seed)?;
    let run = machine.boot(Options { kill: None, seed, events: 0, extra })?;
    match (run.end()?, extra) {
        (End::Done, Extra::Dump) | (End::Panicked, Extra::Panic) => {}
        (end, _) => return Err(format!("the run of the canaries ended with {end:?}")),
    }
    let mut places = vec![
        ("the RAM", machine.ram()?),
        ("the console", run.lines.join("\n").into_bytes()),
        ("the flash", machine.flash()?),
        ("the export", machine.export()?),
    ];
    places.extend(Tool::new(shell, &folder, 1)?.all_of_export()?);
    Ok(Trial { run, places })
}

/// Looks for the numbers and keys in all places: none on the product, some in the RAM of the build that does not wipe it.
pub(crate) fn run(shell: &Shell, seed: u64) -> Result<String, String> {
    let canaries = [Canaries::patients(seed), Canaries::secrets()];
    let mut places = 0;
    let mut refusals = HashSet::new();
    for extra in [Extra::Dump, Extra::Panic] {
        let trial = trial(shell, "", extra, seed)?;
        for (place, bytes) in &trial.places {
            places += 1;
            let hits: usize = canaries.iter().map(|canaries| canaries.hits(bytes)).sum();
            if hits != 0 || bytes.is_empty() {
                return Err(format!("{hits} hits in {place}, {} bytes ({extra:?})", bytes.len()));
            }
        }
        let refused = trial.run.lines.iter().filter(|line| line.starts_with("REFUSED "));
        refusals.extend(refused.cloned());
    }
    for error in ["Full", "NotReady", "Fault", "RateOutOfRange"] {
        if !refusals.iter().any(|line| line.contains(error)) {
            return Err(format!("no error {error} was tried"));
        }
    }
    let [returned, panicked] = [Extra::Dump, Extra::Panic].map(|extra| {
        let trial = trial(shell, "no-wipe", extra, seed)?;
        let ram = trial.places.first().map(|(_, ram)| ram.as_slice()).unwrap_or_default();
        Ok::<_, String>([0, 1].map(|kind| canaries.get(kind).map_or(0, |kind| kind.hits(ram))))
    });
    let ([patients, keys], [patients_panic, keys_panic]) = (returned?, panicked?);
    let line = format!(
        "{PATIENTS} canaries, {} kinds of refusals: 0 hits in {places} places; in the RAM without the wipe {patients} hits \
         and {keys} of keys after the return, {patients_panic} and {keys_panic} after a panic",
        refusals.len()
    );
    if patients * keys * patients_panic * keys_panic == 0 { Err(line) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_number_is_found_plain_and_in_hexadecimal() {
        let mut canaries = Canaries::default();
        let number: Vec<u8> = (0xA0..0xB0).collect();
        canaries.add(&number);
        let mut ram = vec![0xC5; 100];
        assert_eq!(canaries.hits(&ram), 0);
        ram.splice(33..41, 0xA3..0xAB);
        assert_eq!(canaries.hits(&ram), 1);
        ram.splice(50..57, 0xA0..0xA7);
        assert_eq!(canaries.hits(&ram), 1);
        assert_eq!(canaries.hits(b"patient a4a5a6a7a8a9aaab"), 1);
        assert_eq!(canaries.hits(b"patient A4A5A6A7A8A9AAAB"), 1);
    }
}
