//! Reading inputs with a limit, and writing outputs whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::path::Path;

use crate::error::Error;
use crate::untrusted::Untrusted;

/// Bytes of `path`, of which there may be `bytes_max`.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let failed = |error: io::Error| Error::Read {
        path: Untrusted::from_path(path),
        reason: Untrusted::new(error.to_string()),
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let count = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(count).unwrap_or(u64::MAX) > bytes_max {
        return Err(Error::TooLarge { path: Untrusted::from_path(path), bytes_max });
    }
    Ok(bytes)
}

/// Whether others than the owner can read `path`.
#[cfg(unix)]
pub(crate) fn is_wide(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Whether others than the owner can read `path`; not known on this system.
#[cfg(not(unix))]
pub(crate) fn is_wide(_path: &Path) -> bool {
    false
}

/// Writes what `fill` gives to `path`, which is replaced whole or not at all, and never is one of `inputs`.
pub(crate) fn write(
    path: &Path,
    inputs: &[&Path],
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    refuse_inputs(path, inputs)?;
    write_whole(path, fill).map_err(|error| Error::Write {
        path: Untrusted::from_path(path),
        reason: Untrusted::new(error.to_string()),
    })
}

/// As [`write`], for its owner alone, and only to a file: what is taken back cannot have been read meanwhile.
pub(crate) fn write_private(
    path: &Path,
    inputs: &[&Path],
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    refuse_inputs(path, inputs)?;
    let is_file = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    let written = if is_file {
        write_part(path, 0o600, fill)
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidInput))
    };
    written.map_err(|error| Error::Write {
        path: Untrusted::from_path(path),
        reason: Untrusted::new(error.to_string()),
    })
}

/// Writes a secret to `path`, which must not exist yet, for its owner alone.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let failed = |error: io::Error| {
        let path = Untrusted::from_path(path);
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Error::OverFile { path };
        }
        Error::Write { path, reason: Untrusted::new(error.to_string()) }
    };
    let mut file = options.open(path).map_err(failed)?;
    let written = file.write_all(secret.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        drop(fs::remove_file(path));
    }
    written.map_err(failed)
}

/// Takes back a secret that was not used.
pub(crate) fn remove(path: &Path) {
    drop(fs::remove_file(path));
}

/// That `path` is none of `inputs`.
pub(crate) fn refuse_inputs(path: &Path, inputs: &[&Path]) -> Result<(), Error> {
    let Ok(target) = fs::canonicalize(path) else {
        return Ok(()); // It does not exist, so it is no input.
    };
    if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == target)) {
        return Err(Error::OverInput { path: Untrusted::from_path(path) });
    }
    Ok(())
}

fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        // A pipe or a device: there is nothing to replace.
        return fill_file(OpenOptions::new().write(true).open(path)?, fill).map(|_| ());
    }
    write_part(path, 0o666, fill)
}

/// Writes beside `path`, with this mode, and puts it in its place once it is whole.
fn write_part(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let file = options.open(&part)?;
    let written = fill_file(file, fill)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        drop(fs::remove_file(&part));
        return written;
    }
    // The name is there after a power cut, too, where the system can be asked for that.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or_else(|| Path::new("."))) {
        drop(folder.sync_all());
    }
    Ok(())
}

fn fill_file(file: File, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<File> {
    let mut writer = BufWriter::new(file);
    fill(&mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}
