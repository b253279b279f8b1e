//! One emulated board with its flash file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Capacity of the emulated flash: four pages for the cell, sixteen for the log.
const FLASH_BYTES: usize = 20 * 4096;

/// A run that outlasts this has lost its way.
const RUN_SECONDS_MAX: u64 = 60;
/// Each second of the host, it does so many events at least.
const EVENTS_PER_SECOND: u64 = 2_000;

/// Exit codes of the firmware, as in its `board.rs`.
const DONE: i32 = 0;
const PANICKED: i32 = 11;
const CUT_IN_FLASH: i32 = 20;
const CUT_OUTSIDE: i32 = 21;

/// A board: its image and the folder of its files.
pub(crate) struct Machine {
    /// QEMU's name of the board.
    board: &'static str,
    image: PathBuf,
    folder: PathBuf,
}

/// What a run does beside its workload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extra {
    Nothing,
    /// It makes the log and ends.
    Format,
    /// It leaves the RAM in a file.
    Dump,
    /// It ends in a panic, and leaves the RAM in a file.
    Panic,
}

/// What a run is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Clock ticks until the cut.
    pub(crate) kill: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) events: u32,
    pub(crate) extra: Extra,
}

/// Where a cut fell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Outside,
    Program { torn: u64 },
    Erase { torn: u64 },
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Done,
    Cut(Cut),
    Panicked,
}

/// What a run told.
pub(crate) struct Run {
    pub(crate) lines: Vec<String>,
    code: Option<i32>,
}

impl Machine {
    /// A board in a folder of its own.
    pub(crate) fn new(board: &'static str, image: &Path, folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Self { board, image: image.to_path_buf(), folder: folder.to_path_buf() })
    }

    /// The path of the flash file.
    pub(crate) fn flash_path(&self) -> PathBuf {
        self.folder.join("flash.bin")
    }

    /// A new part, with an empty log made by the firmware.
    pub(crate) fn format(&self, seed: u64) -> Result<Run, String> {
        let blank = vec![0xFF; FLASH_BYTES];
        fs::write(self.flash_path(), blank).map_err(|e| format!("flash: {e}"))?;
        let run = self.boot(Options { kill: None, seed, events: 0, extra: Extra::Format })?;
        run.end().and_then(|end| match end {
            End::Done => Ok(run),
            End::Cut(_) | End::Panicked => Err(format!("{end:?} while the log was made")),
        })
    }

    /// What the flash holds.
    pub(crate) fn flash(&self) -> Result<Vec<u8>, String> {
        fs::read(self.flash_path()).map_err(|e| format!("flash: {e}"))
    }

    /// Keeps a copy of the flash file, to be looked at.
    pub(crate) fn keep_flash(&self, name: &str) -> Result<(), String> {
        fs::write(self.folder.join(name), self.flash()?).map_err(|e| format!("{name}: {e}"))
    }

    /// What the RAM held at the end of a run with `dump`.
    pub(crate) fn ram(&self) -> Result<Vec<u8>, String> {
        fs::read(self.folder.join("sram.bin")).map_err(|e| format!("RAM image: {e}"))
    }

    /// What the last run exported.
    pub(crate) fn export(&self) -> Result<Vec<u8>, String> {
        fs::read(self.folder.join("export.bin")).map_err(|e| format!("export: {e}"))
    }

    /// Switches the board on and waits for its end.
    pub(crate) fn boot(&self, options: Options) -> Result<Run, String> {
        let console_path = self.folder.join("console.txt");
        let console = fs::File::create(&console_path).map_err(|e| format!("console: {e}"))?;
        let errors = console.try_clone().map_err(|e| format!("console: {e}"))?;
        let semihosting = format!(
            "enable=on,target=native,arg=pump,arg=kill={},arg=seed={},arg=events={}{}",
            options.kill.unwrap_or(0),
            options.seed,
            options.events,
            options.extra.words(),
        );
        let mut child = Command::new("qemu-system-arm")
            .args(["-M", self.board, "-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-icount", "shift=0,sleep=off", "-semihosting-config", &semihosting])
            .arg("-kernel")
            .arg(&self.image)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(errors)
            .spawn()
            .map_err(|e| {
                format!("qemu-system-arm: {e} (Debian: apt-get install qemu-system-arm)")
            })?;
        let begun = Instant::now();
        let seconds_max = RUN_SECONDS_MAX + u64::from(options.events) / EVENTS_PER_SECOND;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
                break status;
            }
            if begun.elapsed().as_secs() > seconds_max {
                let killed = child.kill().and_then(|()| child.wait());
                return Err(format!("a run lost its way ({killed:?}), {options:?}"));
            }
            std::thread::sleep(core::time::Duration::from_millis(2));
        };
        let text = fs::read_to_string(&console_path).map_err(|e| format!("console: {e}"))?;
        Ok(Run { lines: text.lines().map(str::to_owned).collect(), code: status.code() })
    }
}

impl Extra {
    const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Format => ",arg=format=1",
            Self::Dump => ",arg=dump=1",
            Self::Panic => ",arg=dump=1,arg=panic=1",
        }
    }
}

impl Run {
    /// How the run ended.
    pub(crate) fn end(&self) -> Result<End, String> {
        match self.code {
            Some(DONE) => Ok(End::Done),
            Some(PANICKED) => Ok(End::Panicked),
            Some(CUT_OUTSIDE) => Ok(End::Cut(Cut::Outside)),
            Some(CUT_IN_FLASH) => {
                let program = self.figure("CUT program torn ", 0);
                let cut = match program {
                    Ok(torn) => Cut::Program { torn },
                    Err(_) => Cut::Erase { torn: self.figure("CUT erase torn ", 0)? },
                };
                Ok(End::Cut(cut))
            }
            code => {
                let tail: Vec<&str> = self.lines.iter().rev().take(8).map(String::as_str).collect();
                Err(format!("the firmware ended with {code:?} after {tail:?}"))
            }
        }
    }

    /// Word `index` after `prefix` in the last line that starts with it, as a number.
    pub(crate) fn figure(&self, prefix: &str, index: usize) -> Result<u64, String> {
        self.lines
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix(prefix))
            .and_then(|rest| rest.split(' ').nth(index))
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| format!("no figure {index} after {prefix:?} on the console"))
    }
}
