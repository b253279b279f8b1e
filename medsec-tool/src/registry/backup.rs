//! Copies of a registry, and a registry from a copy.
//!
//! A backup is a folder with the files of the registry, the database as SQLite's own online copy of one moment, and `backup.txt`, which says what
//! each has to be: these lines, with a line `file` for each file that there is.
//!
//! ```text
//! medsec-registry-backup-1
//! registry 32 digits
//! events NUMBER
//! head 64 digits
//! file registry.db BYTES SHA-256
//! ```
//!
//! It holds the key of the tags as the registry does: keep it as secret as that. A digest finds an accident; who can write to the backup can write
//! the digests too. What finds an older copy, or one that was made up, is a statement from later (`proof`).

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::{Fault, RegistryError};
use super::verify::Report;
use super::{DATABASE, PROOF_KEY, PROOF_PUBLIC, Registry, TAG_KEY, tag};
use crate::keyfile::KeyFileError;
use crate::text::{hex, parse_hex};

/// The name of the list of digests.
pub const MANIFEST: &str = "backup.txt";
const WORD: &str = "medsec-registry-backup-1";
const COPIED: [&str; 3] = [TAG_KEY, PROOF_KEY, PROOF_PUBLIC];
const BLOCK: usize = 65_536;

impl Registry {
    /// Copies this registry, which lies in `folder`, to a folder that does not exist or is empty; returns what the copy holds, verified.
    ///
    /// # Errors
    /// [`RegistryError::Changed`], [`RegistryError::Exists`], or what the system says.
    pub fn backup(&mut self, folder: &Path, to: &Path) -> Result<Report, RegistryError> {
        self.verify()?;
        staged(to, |stage| {
            self.store.copy_to(&tag::inside(stage, DATABASE)?)?;
            for name in COPIED {
                if folder.join(name).exists() {
                    copy(&folder.join(name), &stage.join(name))?;
                }
            }
            // Read again from what was written, and closed before it is hashed.
            let report = Self::open(stage)?.verify()?;
            tag::write(&stage.join(MANIFEST), &manifest(stage, &report)?)?;
            Ok(report)
        })
    }
}

/// Makes a registry from a backup, in a folder that does not exist or is empty, once all of it was found to be what was written.
///
/// # Errors
/// [`RegistryError::Changed`], [`RegistryError::Exists`], [`RegistryError::File`], or what the system says.
pub fn restore(from: &Path, to: &Path) -> Result<Report, RegistryError> {
    let text = tag::read(&from.join(MANIFEST))?;
    let text = str::from_utf8(&text).map_err(|_| RegistryError::File(KeyFileError::NotText))?;
    let listed = Listed::parse(text).map_err(RegistryError::File)?;
    staged(to, |stage| {
        for (name, digest) in &listed.files {
            // What is verified is the copy, so that nobody changes it afterwards.
            if copy(&from.join(name), &stage.join(name))? != *digest {
                return Err(RegistryError::Changed(Fault::Backup));
            }
        }
        let report = Registry::open(stage)?.verify()?;
        let (number, hash) = (report.head.number, report.head.hash);
        if (report.registry, number, hash) != (listed.registry, listed.events, listed.head) {
            return Err(RegistryError::Changed(Fault::Backup));
        }
        Ok(report)
    })
}

/// Lets `fill` fill a folder beside `to`, and puts it in its place if that went well.
fn staged<T>(
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    if to.exists() && (!to.is_dir() || fs::read_dir(to)?.next().is_some()) {
        return Err(RegistryError::Exists);
    }
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let stage = to.with_file_name(name);
    tag::private_folder(&stage)?;
    let filled = fill(&stage).and_then(|filled| {
        fs::rename(&stage, to)?;
        Ok(filled)
    });
    if filled.is_err() {
        drop(fs::remove_dir_all(&stage));
    } else if let Ok(folder) = File::open(parent(to)) {
        drop(folder.sync_all());
    }
    filled
}

fn parent(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new(".")).to_path_buf()
}

/// Copies a file for its owner alone; returns length and SHA-256 of what was written.
fn copy(from: &Path, to: &Path) -> Result<(u64, [u8; 32]), RegistryError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut output = options.open(to)?;
    let digest = read_through(from, |block| output.write_all(block))?;
    output.sync_all()?;
    Ok(digest)
}

fn read_through(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(u64, [u8; 32]), RegistryError> {
    let mut input = File::open(path)?;
    let (mut hash, mut length, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        let count = input.read(&mut block)?;
        if count == 0 {
            return Ok((length, hash.finalize().into()));
        }
        hash.update(&block[..count]);
        take(&block[..count])?;
        length += u64::try_from(count).unwrap_or(0);
    }
}

fn manifest(folder: &Path, report: &Report) -> Result<String, RegistryError> {
    let (id, head) = (hex(&report.registry), &report.head);
    let mut text =
        format!("{WORD}\nregistry {id}\nevents {}\nhead {}\n", head.number, hex(&head.hash));
    for name in [DATABASE].into_iter().chain(COPIED) {
        let path = folder.join(name);
        if path.exists() {
            let (length, digest) = read_through(&path, |_| Ok(()))?;
            text.push_str(&format!("file {name} {length} {}\n", hex(&digest)));
        }
    }
    Ok(text)
}

/// What a backup says of itself.
struct Listed {
    registry: [u8; 16],
    events: u64,
    head: [u8; 32],
    files: Vec<(&'static str, (u64, [u8; 32]))>,
}

impl Listed {
    fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(WORD) {
            return Err(KeyFileError::WrongKind);
        }
        let mut line = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            line.and_then(|line| line.strip_prefix(' ')).ok_or(KeyFileError::Line)
        };
        let registry = parse_hex(line("registry")?).ok_or(KeyFileError::Digits)?;
        let events = line("events")?.parse().map_err(|_| KeyFileError::Line)?;
        let head = parse_hex(line("head")?).ok_or(KeyFileError::Digits)?;
        let mut files = Vec::new();
        let mut known = [DATABASE].into_iter().chain(COPIED);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let ["file", name, length, digest] = words[..] else { return Err(KeyFileError::Line) };
            // Each at most once and in order, and no other: a name is never a path.
            let name = known.find(|known| *known == name).ok_or(KeyFileError::Line)?;
            let length = length.parse().map_err(|_| KeyFileError::Line)?;
            files.push((name, (length, parse_hex(digest).ok_or(KeyFileError::Digits)?)));
        }
        let needed = files.iter().filter(|(name, _)| [DATABASE, TAG_KEY].contains(name)).count();
        if needed != 2 {
            return Err(KeyFileError::Line);
        }
        Ok(Self { registry, events, head, files })
    }
}
