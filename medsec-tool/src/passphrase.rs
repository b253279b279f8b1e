//! Where a passphrase comes from: a file, or the terminal. Never the command line, which others can read.

use std::io::IsTerminal as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::ca::PASSPHRASE_CHARS_MIN;
use crate::error::Error;
use crate::files;
use crate::untrusted::Untrusted;

const FILE_BYTES_MAX: u64 = 1_024;

/// The passphrase in the first line of `file`, or as it is typed.
pub(crate) fn read(file: Option<&Path>) -> Result<Zeroizing<String>, Error> {
    let Some(path) = file else { return typed("Passphrase: ") };
    let bytes = Zeroizing::new(files::read(path, FILE_BYTES_MAX)?);
    let text = str::from_utf8(&bytes).map_err(|_| Error::Usage {
        reason: Untrusted::from("the file of --passphrase-file holds no text"),
    })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// A passphrase for something new: long enough, and typed twice.
pub(crate) fn choose(file: Option<&Path>) -> Result<Zeroizing<String>, Error> {
    let passphrase = read(file)?;
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(Error::WeakPassphrase);
    }
    if file.is_none() && *typed("Again: ")? != *passphrase {
        let reason = "the two passphrases differ";
        return Err(Error::Usage { reason: Untrusted::from(reason) });
    }
    Ok(passphrase)
}

fn typed(prompt: &str) -> Result<Zeroizing<String>, Error> {
    let nobody = || Error::Usage {
        reason: Untrusted::from(
            "there is no terminal to type a passphrase at; pass --passphrase-file",
        ),
    };
    if !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|_| nobody())
}
