//! Record files: the figures that documents quote, written by commands only.

use std::path::PathBuf;

use crate::shell::Shell;

/// What one command counted.
pub(crate) struct Record<'a> {
    /// The file's name, without its ending.
    pub(crate) name: &'a str,
    /// The command that repeats it.
    pub(crate) command: &'a str,
    /// What its random choices came from.
    pub(crate) seed: u64,
    /// What was counted.
    pub(crate) counts: &'a [(String, u64)],
}

impl Record<'_> {
    /// Writes `benches/record/<name>.txt`.
    pub(crate) fn write(&self, shell: &Shell) -> Result<PathBuf, String> {
        self.write_of(shell, &shell.read(&["rustc", "--version"])?)
    }

    /// The same for what `compiler` made.
    pub(crate) fn write_of(&self, shell: &Shell, compiler: &str) -> Result<PathBuf, String> {
        let date = shell.read(&["date", "--utc", "+%Y-%m-%d"])?;
        let head = format!(
            "command {}\ndate {}\ncompiler {}\nseed {}\n",
            self.command,
            date.trim(),
            compiler.trim(),
            self.seed
        );
        let counts = self.counts.iter().map(|(what, count)| format!("{what} {count}\n"));
        let text: String = core::iter::once(head).chain(counts).collect();
        let path = file(shell, self.name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("wrote {}", path.display());
        Ok(path)
    }
}

/// Fails if a count is lower than the one recorded under `name`: a gate that does less than it did has stopped looking.
pub(crate) fn not_fewer(shell: &Shell, name: &str, counts: &[(String, u64)]) -> Result<(), String> {
    let recorded = read_record(shell, name);
    for (what, count) in counts {
        let before = recorded.iter().find(|(key, _)| key == what).map(|(_, value)| *value);
        if let Some(before) = before.filter(|before| before > count) {
            return Err(format!("{what}: {count}, but {before} are recorded in {name}"));
        }
    }
    Ok(())
}

/// The counts recorded under `name`; lines of a record's head that end in a number are among them.
pub(crate) fn read_record(shell: &Shell, name: &str) -> Vec<(String, u64)> {
    let recorded = std::fs::read_to_string(file(shell, name)).unwrap_or_default();
    let counts = recorded.lines().filter_map(|line| line.rsplit_once(' '));
    counts.filter_map(|(what, value)| Some((what.to_owned(), value.parse().ok()?))).collect()
}

/// The compiler that made what is recorded under `name`.
pub(crate) fn recorded_compiler(shell: &Shell, name: &str) -> Option<String> {
    let recorded = std::fs::read_to_string(file(shell, name)).ok()?;
    recorded.lines().find_map(|line| line.strip_prefix("compiler ")).map(str::to_owned)
}

fn file(shell: &Shell, name: &str) -> PathBuf {
    shell.root().join("benches").join("record").join(format!("{name}.txt"))
}

/// A count with its thousands apart.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(count), text);
        }
    }
}
