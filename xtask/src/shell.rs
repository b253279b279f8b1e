//! Running other programs from the root of the repository.

use core::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// Runs programs at the root of the repository.
pub(crate) struct Shell {
    root: PathBuf,
}

impl Shell {
    /// At the root of the repository this binary was built in, or at the present directory if that has moved.
    pub(crate) fn at_root() -> Result<Self, String> {
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let here = std::env::current_dir().map_err(|e| format!("no current directory: {e}"))?;
        let root = built_in.filter(|root| root.is_dir()).map_or(here, Path::to_path_buf);
        Ok(Self { root })
    }

    /// At another root.
    pub(crate) const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The root of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds, also where gates keep their own files.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// The program with its arguments, to be run at the root without an input.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().unwrap_or((&"false", &[]));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root).stdin(std::process::Stdio::null());
        command
    }

    /// Runs a program, its output going where ours goes.
    pub(crate) fn run(&self, words: &[&str]) -> Result<(), String> {
        self.run_with(words, &[])
    }

    /// Runs a program with more environment.
    pub(crate) fn run_with(&self, words: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
        let line = words.join(" ");
        println!("$ {line}");
        let status = self
            .command(words)
            .envs(env.iter().copied())
            .status()
            .map_err(|e| format!("{line}: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("{line}: {status}")) }
    }

    /// Runs a program for what it prints.
    pub(crate) fn read(&self, words: &[&str]) -> Result<String, String> {
        let line = words.join(" ");
        let output = self.command(words).output().map_err(|e| format!("{line}: {e}"))?;
        if !output.status.success() {
            return Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether a program can be run and succeeds.
    pub(crate) fn succeeds(&self, words: &[&str]) -> bool {
        self.command(words).output().is_ok_and(|output| output.status.success())
    }

    /// The sources: every file that git knows or would add, by path from the root.
    pub(crate) fn sources(&self) -> Result<Vec<String>, String> {
        let listed =
            self.read(&["git", "ls-files", "--cached", "--others", "--exclude-standard"])?;
        let mut paths: Vec<String> = listed
            .lines()
            .filter(|path| self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }
}

/// Does something once on each processor, each time with a seed of its own; it is also told how many there are.
pub(crate) fn in_threads<T: Send>(seed: u64, act: impl Fn(u64, u64) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = u64::try_from(threads).unwrap_or(1);
    thread::scope(|scope| {
        let act = &act;
        let started: Vec<_> = (0..threads)
            .map(|part| {
                let seed = seed.wrapping_mul(threads).wrapping_add(part);
                scope.spawn(move || act(threads, seed))
            })
            .collect();
        // A driver that panicked has shown something; so has this thread then.
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
