//! The host tool on the files that the emulated board left.

use std::fs;
use std::path::{Path, PathBuf};

use super::evidence::{self, CELL_PAGES, LOG_PAGES, MODEL, PAGE_BYTES};
use crate::shell::Shell;

/// The tool, with the files that it takes beside a log.
pub(crate) struct Tool {
    shell: Shell,
    binary: String,
    folder: PathBuf,
}

impl Tool {
    /// Builds the tool and writes keys and layout into `folder`, for firmware of a suite.
    pub(crate) fn new(shell: &Shell, folder: &Path, suite: u8) -> Result<Self, String> {
        shell.run(&["cargo", "build", "--quiet", "--release", "--package", "medsec-tool"])?;
        let binary = shell.target().join("release").join("medsec").display().to_string();
        let tool = Self {
            shell: Shell::at(shell.root().to_path_buf()),
            binary,
            folder: folder.to_path_buf(),
        };
        let device = evidence::device_key().public().to_bytes();
        tool.write("device.key", &format!("medsec-device-key-1 {}\n", hex(&device)))?;
        let authority = hex(&evidence::authority());
        tool.write("authority.key", &format!("medsec-authority-secret-1 {authority}\n"))?;
        let (start, length) = (CELL_PAGES * PAGE_BYTES, LOG_PAGES * PAGE_BYTES);
        tool.write(
            "layout",
            &format!(
                "medsec-layout-1\nsuite {suite}\nmodel {MODEL}\npage {PAGE_BYTES}\nunit 4\ncell 0\nlog {start} {length}\n"
            ),
        )?;
        Ok(tool)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(name), text).map_err(|e| format!("{name}: {e}"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Runs one of the tool's verbs on a log of the board; what it printed. Any exit but 0 is an error.
    fn run(&self, verb: &[&str], log: &str, more: &[&str]) -> Result<String, String> {
        let (log, device, authority) =
            (self.path(log), self.path("device.key"), self.path("authority.key"));
        let mut words = vec![self.binary.as_str()];
        words.extend(verb);
        words.extend([log.as_str(), "--device-key", &device, "--authority-key", &authority]);
        words.extend(more);
        let output = self.shell.command(&words).output();
        let output = output.map_err(|e| format!("{}: {e}", self.binary))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}: {} {printed} {errors}", words.join(" "), output.status))
    }

    /// Verifies the raw flash file; how many records it says there are.
    pub(crate) fn verify_flash(&self) -> Result<u64, String> {
        let layout = self.path("layout");
        let said = self.run(&["log", "verify"], "flash.bin", &["--layout", &layout, "--json"])?;
        let records = said.split("\"records\":").nth(1).unwrap_or_default().trim_start();
        let records: String = records.chars().take_while(char::is_ascii_digit).collect();
        records.parse().map_err(|_| format!("the tool counts no records: {said}"))
    }

    /// Everything that the tool makes of an export: verdicts and records as JSON, a report as HTML.
    pub(crate) fn all_of_export(&self) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
        let report = self.path("report.html");
        let verdicts = self.run(&["log", "verify"], "export.bin", &["--json"])?;
        let records = self.run(&["log", "export"], "export.bin", &["--format", "json"])?;
        self.run(&["log", "report"], "export.bin", &["--output", &report])?;
        let html = fs::read(&report).map_err(|e| format!("{report}: {e}"))?;
        Ok(vec![
            ("the tool's verdicts", verdicts.into_bytes()),
            ("the tool's records", records.into_bytes()),
            ("the tool's report", html),
        ])
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
