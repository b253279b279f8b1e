//! The directory of a demo, and the tool as it is run over the files in it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::Stop;
use crate::Surroundings;
use crate::error::Error;
use crate::exit::Exit;
use crate::untrusted::Untrusted;
use crate::verifier::Verifier;

/// Marks a directory as one of a demo's.
const MARK: &str = "demo.txt";
/// Names that are tried for a fresh directory.
const NAMES_MAX: u32 = 1_000;

const TOUR: &str = "\
Files of `medsec demo`: a simulated infusion pump's log and what it is verified against. Try, in this directory:

medsec log verify pump.export --device-key device.key
medsec log verify pump.export --device-key device.key --authority-key authority.key --anchor kept.checkpoint
medsec log verify flash.bin --layout layout.txt --device-key device.key --authority-key authority.key
medsec log report pump.export --device-key device.key --authority-key authority.key --catalogue catalogue.txt -o my.html
medsec log verify tampered.export --device-key device.key --authority-key authority.key
medsec log verify cut.export --device-key device.key --anchor newest.checkpoint

The keys are of a simulated device and of no other use.
";

pub(super) struct Bench {
    dir: PathBuf,
}

/// One run of the tool.
pub(super) struct Run {
    pub(super) exit: Exit,
    pub(super) json: Json,
}

impl Bench {
    pub(super) fn new(out: Option<&Path>) -> Result<Self, Error> {
        let failed = |path: &Path, error: io::Error| Error::Write {
            path: Untrusted::from_path(path),
            reason: Untrusted::new(error.to_string()),
        };
        let dir = match out {
            None => fresh().map_err(|error| failed(&std::env::temp_dir(), error))?,
            Some(dir) => {
                fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
                let is_empty =
                    fs::read_dir(dir).map_err(|error| failed(dir, error))?.next().is_none();
                if !is_empty && !dir.join(MARK).is_file() {
                    let reason = "the directory of --out is neither empty nor one of a demo's";
                    return Err(Error::Usage { reason: Untrusted::from(reason) });
                }
                dir.to_path_buf()
            }
        };
        let bench = Self { dir };
        bench.put(MARK, TOUR.as_bytes())?;
        Ok(bench)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file of the demo.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.dir.join(name);
        let written = private(&path).and_then(|mut file| file.write_all(bytes));
        written.map_err(|error| Error::Write {
            path: Untrusted::from_path(&path),
            reason: Untrusted::new(error.to_string()),
        })
    }

    /// Reads a file of the demo.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.dir.join(name);
        fs::read(&path).map_err(|error| Error::Read {
            path: Untrusted::from_path(&path),
            reason: Untrusted::new(error.to_string()),
        })
    }

    /// Runs `medsec log …` with `--json`. Words that begin with an at sign are files of the demo.
    pub(super) fn log(&self, words: &str) -> Result<Run, Stop> {
        self.run(&format!("log {words}"))
    }

    /// Runs `medsec …` with `--json`, in the same way.
    pub(super) fn run(&self, words: &str) -> Result<Run, Stop> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = self.arguments(words);
        let exit = crate::run(args, &Verifier, Surroundings::default(), &mut out, &mut err);
        let json = serde_json::from_slice(&out)
            .map_err(|_| Stop::Failed("the tool printed no JSON object".to_owned()))?;
        Ok(Run { exit, json })
    }

    /// Runs a command line that does not end by itself, on a thread of its own.
    pub(super) fn run_in(args: Vec<OsString>) -> Exit {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        crate::run(args, &Verifier, Surroundings::default(), &mut out, &mut err)
    }

    /// The command line for these words.
    pub(super) fn arguments(&self, words: &str) -> Vec<OsString> {
        let words = words.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.dir.join(name).into_os_string(),
            None => OsString::from(word),
        });
        let args = [OsString::from("medsec")].into_iter().chain(words);
        args.chain([OsString::from("--json")]).collect()
    }
}

impl Run {
    /// The codes of its findings.
    pub(super) fn codes(&self) -> Vec<&str> {
        let findings = self.json["findings"].as_array();
        findings.into_iter().flatten().filter_map(|finding| finding["code"].as_str()).collect()
    }

    /// The ranges with this verdict.
    pub(super) fn ranges(&self, verdict: &str) -> Vec<&Json> {
        let ranges = self.json["data"]["ranges"].as_array();
        ranges.into_iter().flatten().filter(|range| range["verdict"] == verdict).collect()
    }

    pub(super) fn verdict(&self) -> &str {
        self.json["verdict"].as_str().unwrap_or("none")
    }

    pub(super) fn records(&self) -> u64 {
        self.json["data"]["records"].as_u64().unwrap_or(0)
    }
}

/// A new directory that nobody else could have prepared.
fn fresh() -> io::Result<PathBuf> {
    let parent = std::env::temp_dir();
    let process = std::process::id();
    for number in 0..NAMES_MAX {
        let dir = parent.join(format!("medsec-demo-{process}-{number}"));
        match create_private_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|()| dir),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(unix)]
fn create_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create_private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir(dir)
}

/// A file that its owner alone can read: one of them holds a secret.
fn private(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}
