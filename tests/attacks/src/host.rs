//! The host tool, as a person uses it: files in, an exit code and files out.

use std::ffi::OsString;
use std::path::Path;

use infusion_pump::events::PumpEvent;
use medsec_core::key::PublicKey;
use medsec_sim::adversary::Outcome;
use medsec_sim::device::SimOwner;
use medsec_tool::Surroundings;
use medsec_tool::catalogue;
use medsec_tool::exit::Exit;
use medsec_tool::keyfile::{AuthoritySecret, DeviceKey};
use medsec_tool::verifier::Verifier;
use tempfile::TempDir;

/// A folder of the host's.
pub(crate) struct Desk(TempDir);

impl Desk {
    /// A folder with an export, the owner's keys, and the pump's catalogue.
    pub(crate) fn new(owner: &SimOwner, export: &[u8]) -> Result<Self, Outcome> {
        let desk = Self(tempfile::tempdir().map_err(Outcome::inconclusive)?);
        desk.put("pump.export", export)?;
        desk.put_keys(owner.public_key(), owner.authority_bytes())?;
        desk.put("catalogue.txt", catalogue::write(PumpEvent::CATALOGUE).as_bytes())?;
        Ok(desk)
    }

    /// Puts these keys in the place of the owner's.
    pub(crate) fn put_keys(&self, device: PublicKey, authority: &[u8; 32]) -> Result<(), Outcome> {
        self.put("device.key", DeviceKey::from(device).to_file().as_bytes())?;
        self.put("authority.key", AuthoritySecret::file_of(authority).as_bytes())
    }

    /// Writes a file.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Outcome> {
        std::fs::write(self.path(name), bytes).map_err(Outcome::inconclusive)
    }

    /// Runs `medsec log …`; a word that begins with an at sign is a file of the desk. The exit code, and what was printed.
    pub(crate) fn log(&self, words: &str) -> (Exit, Vec<u8>) {
        let words = words.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => OsString::from(word),
        });
        let args = ["medsec", "log"].map(OsString::from).into_iter().chain(words);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = medsec_tool::run(args, &Verifier, Surroundings::default(), &mut out, &mut err);
        out.extend_from_slice(&err);
        (exit, out)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.0.path()).join(name)
    }
}

/// All that the tool makes of an export, for the owner: what it prints, and its files.
pub(crate) fn reports(owner: &SimOwner, export: &[u8]) -> Result<Vec<u8>, Outcome> {
    const GIVEN: &str = "@pump.export --device-key @device.key --authority-key @authority.key";
    let desk = Desk::new(owner, export)?;
    let (_, mut made) = desk.log(&format!("verify {GIVEN}"));
    let report = format!("report {GIVEN} --catalogue @catalogue.txt -o @report.html");
    made.extend(desk.log(&report).1);
    made.extend(std::fs::read(desk.path("report.html")).map_err(Outcome::inconclusive)?);
    for format in ["json", "csv", "syslog"] {
        let export = format!("export {GIVEN} --catalogue @catalogue.txt --format {format}");
        made.extend(desk.log(&export).1);
    }
    Ok(made)
}
