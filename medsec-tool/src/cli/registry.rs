//! What is asked about units: the registry as a whole, and devices in it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Peer;
use crate::link::address::Address;

#[derive(Subcommand, Debug)]
pub(crate) enum RegistryVerb {
    /// Make a new registry of units in a folder
    Init {
        /// A new folder
        dir: PathBuf,
        /// Read the passphrase of its proof key from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Copy a registry, also while a station works on it
    Backup {
        /// Its folder
        dir: PathBuf,
        /// The new folder of the copy, as secret as the registry
        #[arg(short, long, value_name = "BACKUP")]
        output: PathBuf,
    },
    /// Make a registry from a backup, once all of it was found to be what was written
    Restore {
        /// The folder of the backup
        backup: PathBuf,
        /// A new folder
        dir: PathBuf,
    },
    /// Check that a registry is what its events say, and that everything in it is one unit's alone
    Verify {
        /// Its folder
        dir: PathBuf,
        /// A statement kept from earlier: a registry that does not bear it out is an older copy, or was made again
        #[arg(long, value_name = "STATEMENT", requires = "proof_key")]
        anchor: Option<PathBuf>,
        /// The key that signed the statement: proof.pub, as it was kept beside it
        #[arg(long, value_name = "FILE", requires = "anchor")]
        proof_key: Option<PathBuf>,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum DeviceVerb {
    /// Show what a device is and how it is, once it has proved itself
    Show(Peer),
    /// List the units of a registry
    List {
        /// The folder of the registry
        #[arg(long, value_name = "DIR")]
        registry: PathBuf,
        /// Write them as comma-separated values to this file
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
    },
    /// Write the label of a unit's housing: serial number, model, key, and a QR code of them
    Label {
        /// Its serial number
        serial: u64,
        /// The folder of the registry
        #[arg(long, value_name = "DIR")]
        registry: PathBuf,
        /// The SVG file to write
        #[arg(short, long, value_name = "SVG")]
        out: PathBuf,
        /// What the model is called
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// Make the device that answers as a station: certify it, and print its labels. Run again after a cut, it goes on
    Enroll(EnrollArgs),
    /// Mark an active unit as revoked
    Revoke(EndArgs),
    /// Mark a revoked unit as decommissioned
    Decommission(EndArgs),
    /// Count the units and what is theirs alone, and state it under the registry's own key
    CheckUnique {
        /// The folder of the registry
        #[arg(long, value_name = "DIR")]
        registry: PathBuf,
        /// The statement to write; left out, nothing is signed
        #[arg(long, value_name = "STATEMENT")]
        statement: Option<PathBuf>,
        /// Read the passphrase of the proof key from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE", requires = "statement")]
        passphrase_file: Option<PathBuf>,
    },
}

/// A unit whose life goes on to its end.
#[derive(Args, Debug)]
pub(crate) struct EndArgs {
    /// Its serial number
    pub(crate) serial: u64,
    /// The folder of the registry
    #[arg(long, value_name = "DIR")]
    pub(crate) registry: PathBuf,
    /// Why, in at most 200 bytes; it stays in the registry
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// Who makes a device, and what is written of it.
#[derive(Args, Debug)]
pub(crate) struct EnrollArgs {
    /// The serial number that it gets
    pub(crate) serial: u64,
    /// Where it answers: tcp:HOST:PORT, or tty:PATH for a serial line
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) at: Address,
    /// The station's file, from medsec ca issue DIR station
    #[arg(long = "as", value_name = "STATION")]
    pub(crate) holder: PathBuf,
    /// Its model number, in hexadecimal digits
    #[arg(long, value_name = "MODEL", value_parser = model)]
    pub(crate) model: u32,
    /// The maker's authority, which certifies it
    #[arg(long, value_name = "DIR")]
    pub(crate) ca: PathBuf,
    /// The registry of units
    #[arg(long, value_name = "DIR")]
    pub(crate) registry: PathBuf,
    /// The folder for its two labels
    #[arg(long, value_name = "DIR")]
    pub(crate) labels: PathBuf,
    /// Read the authority's passphrase from the first line of this file; left out, it is typed
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

fn model(digits: &str) -> Result<u32, &'static str> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let model = u32::from_str_radix(digits, 16).ok().filter(|_| is_plain);
    model.ok_or("it is one to eight hexadecimal digits")
}
