//! `cargo xtask exports`: what other programs make of the tool's output.
//!
//! A real collector receives the syslog, a real spreadsheet opens the CSV, a real formatter checks the manual; each has a
//! control, the same texts unescaped, that must fail. JSON is validated against its published schema by another
//! project's validator within `cargo test -p medsec-tool`. A large log is verified and reported within its memory.

mod collector;

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::record::{Record, not_fewer, thousands};
use crate::shell::Shell;

/// Records of the log whose every text is hostile.
const HOSTILE_RECORDS: &str = "360";
/// Records and sessions of the large log.
const LARGE: (u64, u64) = (100_000, 100);
/// Peak of resident memory that the tool may come to on it.
const RESIDENT_KIB_MAX: u64 = 100 * 1024;
/// What has to be installed, and the package that holds it.
const PROGRAMS: [(&str, &str); 4] =
    [("rsyslogd", "rsyslog"), ("ssconvert", "gnumeric"), ("mandoc", "mandoc"), ("time", "time")];

/// Runs all checks.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let record = match arguments {
        [] => false,
        [flag] if flag == "--record" => true,
        _ => return Err("usage: exports [--record]".to_owned()),
    };
    for (program, package) in PROGRAMS {
        if find(program).is_none() {
            return Err(format!("{program} is missing: apt-get install {package}"));
        }
    }
    let tool = build(shell)?;
    let dir = shell.target().join("exports");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let at = |name: &str| dir.join(name).display().to_string();
    let example = |name: &str| tool.with_file_name("examples").join(name).display().to_string();
    shell.run(&[&example("hostile_exports"), HOSTILE_RECORDS, &at("")])?;

    let messages = collector::check(&dir)?;
    let cells = formulas(shell, &dir)?;
    let pages = manual(shell, &tool, &dir)?;
    let (records, sessions) = (LARGE.0.to_string(), LARGE.1.to_string());
    shell.run(&[&example("large_log"), &records, &sessions, &at("large")])?;
    let verify = resident(shell, &tool, &dir, &["verify"])?;
    let report = resident(shell, &tool, &dir, &["report", "-o", &at("report.html")])?;

    let counts = [
        ("syslog messages sent and received".to_owned(), messages),
        ("cells opened in a spreadsheet".to_owned(), cells),
        ("manual pages".to_owned(), pages),
        ("records of the large log".to_owned(), LARGE.0),
    ];
    not_fewer(shell, "exports", &counts)?;
    if record {
        let peaks = [
            ("peak KiB of log verify".to_owned(), verify),
            ("peak KiB of log report".to_owned(), report),
        ];
        let counts: Vec<_> = counts.into_iter().chain(peaks).collect();
        let command = "cargo xtask exports --record";
        Record { name: "exports", command, seed: 0, counts: &counts }.write(shell)?;
    }
    Ok(format!(
        "{} syslog messages sent and received; 0 formulas in {} cells; {pages} manual pages, 0 warnings; \
         {} records verified in {} KiB, reported in {} KiB",
        thousands(messages),
        thousands(cells),
        thousands(LARGE.0),
        thousands(verify),
        thousands(report),
    ))
}

/// Where a program is; a daemon may lie outside the path of who runs this.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Builds the tool and the two examples that make logs; gives the tool's path.
fn build(shell: &Shell) -> Result<PathBuf, String> {
    let mut words = vec!["cargo", "build", "--quiet", "--release", "-p", "medsec-tool", "--bins"];
    words.extend(["--example", "hostile_exports", "--example", "large_log"]);
    shell.run(&words)?;
    Ok(shell.target().join("release").join("medsec"))
}

/// Opens each CSV in a spreadsheet, which must find no formula; gives the number of cells. In the control it must find
/// some.
fn formulas(shell: &Shell, dir: &Path) -> Result<u64, String> {
    let mut cells = 0;
    for name in ["records.csv", "de-identified.csv"] {
        let (all, formulas) = open(shell, dir, name)?;
        if formulas != 0 {
            return Err(format!("{name}: {formulas} of {all} cells were taken for formulas"));
        }
        cells += all;
    }
    let (all, formulas) = open(shell, dir, "unescaped.csv")?;
    println!("control: {formulas} of {all} cells that were not escaped are formulas");
    if formulas == 0 {
        return Err("the control holds no formula: this spreadsheet proves nothing".to_owned());
    }
    Ok(cells)
}

/// Number of cells, and of those that the spreadsheet took for formulas.
fn open(shell: &Shell, dir: &Path, name: &str) -> Result<(u64, u64), String> {
    let (from, to) = (dir.join(name), dir.join(name).with_extension("xml"));
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let mut words = vec!["ssconvert", "--import-type", "Gnumeric_stf:stf_csvtab"];
    words.extend(["--export-type", "Gnumeric_XmlIO:sax:0", &from, &to]);
    shell.read(&words)?;
    let sheet = std::fs::read_to_string(&to).map_err(|e| format!("{to}: {e}"))?;
    // A cell with a value states its type; one without has an expression.
    let cells = sheet.split("<gnm:Cell ").skip(1).filter_map(|rest| rest.split_once('>'));
    let (mut all, mut formulas) = (0, 0);
    for (attributes, _) in cells {
        all += 1;
        formulas += u64::from(!attributes.contains("ValueType="));
    }
    if all == 0 {
        return Err(format!("{name}: the spreadsheet found no cell"));
    }
    Ok((all, formulas))
}

/// Has the manual checked; gives the number of pages. A page with a mistake must be told.
fn manual(shell: &Shell, tool: &Path, dir: &Path) -> Result<u64, String> {
    let pages = dir.join("man");
    shell.run(&[&tool.display().to_string(), "man", "--out", &pages.display().to_string()])?;
    let listed = std::fs::read_dir(&pages).map_err(|e| format!("{}: {e}", pages.display()))?;
    let mut count = 0;
    for page in listed.filter_map(Result::ok) {
        let path = page.path().display().to_string();
        shell.read(&["mandoc", "-T", "lint", "-W", "warning", &path])?;
        count += 1;
    }
    let control = dir.join("mistake.1").display().to_string();
    std::fs::write(&control, ".TH mistake 1\n.SH NAME\n.frobnicate\n.RE\n")
        .map_err(|e| format!("{control}: {e}"))?;
    if shell.succeeds(&["mandoc", "-T", "lint", "-W", "warning", &control]) {
        return Err("the control page has mistakes, and none was told".to_owned());
    }
    Ok(count)
}

/// Runs a log verb on the large log; gives the peak of its resident memory in KiB.
fn resident(shell: &Shell, tool: &Path, dir: &Path, verb: &[&str]) -> Result<u64, String> {
    let at = |name: &str| dir.join("large").join(name).display().to_string();
    let (tool, peak) = (tool.display().to_string(), at("peak"));
    let (log, device) = (at("large.export"), at("device.key"));
    let (authority, catalogue) = (at("authority.key"), at("catalogue.txt"));
    let mut words = vec!["time", "-f", "%M", "-o", &peak, &tool, "log"];
    words.extend(verb);
    words.extend([&*log, "--device-key", &device, "--authority-key", &authority]);
    words.extend(["--catalogue", &catalogue, "--quiet"]);
    shell.run(&words)?;
    let text = std::fs::read_to_string(&peak).map_err(|e| format!("{peak}: {e}"))?;
    let kib = text.trim().parse().map_err(|e| format!("{peak}: {e}"))?;
    if kib > RESIDENT_KIB_MAX {
        return Err(format!(
            "log {}: {kib} KiB resident, above {RESIDENT_KIB_MAX}",
            verb.join(" ")
        ));
    }
    Ok(kib)
}
