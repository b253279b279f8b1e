//! The ciphers alone with one byte authenticated beside the text, as a frame of medsec's has its header. A program of its own, for
//! the reason that `alone` gives.

#[path = "../count.rs"]
mod count;

use std::process::ExitCode;

use aes_gcm::Aes256Gcm;
use chacha20poly1305::ChaCha20Poly1305;

use self::count::{LENGTHS, alone};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    count::begin()?;
    for (name, length) in LENGTHS {
        alone::<Aes256Gcm, 1>(&format!("suite 1 {name}: cipher, a byte beside"), length)?;
        alone::<ChaCha20Poly1305, 1>(&format!("suite 2 {name}: cipher, a byte beside"), length)?;
    }
    Ok(())
}
