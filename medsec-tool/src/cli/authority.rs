//! What an authority is asked: to keep its book, to issue and revoke, and to sign permits.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Subcommand, Debug)]
pub(crate) enum CaVerb {
    /// Make a new authority in a folder
    Init {
        /// A new folder
        dir: PathBuf,
        /// Whose it is: the maker's issues devices, service and stations; the owner's devices of his, persons and recipients
        #[arg(long, value_name = "ORIGIN", default_value = "owner")]
        origin: OriginChoice,
        /// Read the passphrase from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Show what an authority has issued and revoked
    Show {
        /// Its folder
        dir: PathBuf,
    },
    /// Issue a certificate, with keys made here, for a person, service, a station or a recipient
    Issue(IssueArgs),
    /// Revoke a certificate by its serial number
    Revoke {
        /// The authority's folder
        dir: PathBuf,
        /// The number, from the certificate
        serial: u32,
        /// Read the passphrase from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Begin a new epoch: certificates before it end, but those of devices
    Rotate {
        /// The authority's folder
        dir: PathBuf,
        /// Read the passphrase from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Write the secret of the log authority, which opens the records of the owner's devices
    LogKey {
        /// The authority's folder
        dir: PathBuf,
        /// The new file
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Read the passphrase from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginChoice {
    /// The hospital's, or whoever has the devices
    Owner,
    /// The maker's
    Maker,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HolderKind {
    /// Someone of the owner
    Person,
    /// Someone of the maker, who acts with a permit
    Service,
    /// A station that provisions devices
    Station,
    /// Reads what is exported to it
    Recipient,
}

impl HolderKind {
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service holder",
            Self::Station => "station",
            Self::Recipient => "recipient",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct IssueArgs {
    /// The authority's folder
    pub(crate) dir: PathBuf,
    /// What the holder is
    pub(crate) kind: HolderKind,
    /// The new file with the holder's secrets and certificate
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Days from today on which it holds
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) days: u16,
    /// Roles, one bit each
    #[arg(long, value_name = "BITS", default_value = "1")]
    pub(crate) roles: u8,
    /// Site or group of devices, 16 hexadecimal digits: service has one
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
    /// Read the passphrase from the first line of this file; left out, it is typed
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum PermitVerb {
    /// Sign a permit in answer to a device's challenge; where two have to, as the first of them
    Sign(PermitArgs),
    /// Sign as the second of two
    Countersign {
        /// The folder of the second's authority
        dir: PathBuf,
        /// What the first has signed
        draft: PathBuf,
        /// The id of the device, as the second has it from there
        #[arg(long, value_name = "ID")]
        device: String,
        /// What the device asked with, as the second has it from there
        #[arg(long, value_name = "DIGITS")]
        challenge: String,
        /// The permit to write
        #[arg(short, long, value_name = "PERMIT")]
        output: PathBuf,
        /// Read the passphrase from the first line of this file; left out, it is typed
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Say what a permit claims to allow; nothing is checked
    Inspect {
        /// The permit, or what the first of two has signed
        file: PathBuf,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum EraseVerb {
    /// Verify the certificate that a device signs once it has erased what its owner left
    VerifyCertificate {
        /// The certificate: its bytes, or a line of digits
        file: PathBuf,
        /// The device's own certificate
        #[arg(long, value_name = "CERT")]
        device: PathBuf,
        /// Who certifies devices; left out, anybody could have made both certificates, and nothing is proven
        #[arg(long, value_name = "TRUST")]
        trust: Option<PathBuf>,
        /// What was given with the request; left out, the certificate may be an old one, and nothing is proven
        #[arg(long, value_name = "DIGITS")]
        nonce: Option<String>,
    },
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionChoice {
    /// A service person of the maker works on the device; by one of the maker
    Service,
    /// The owner's administrators are locked out, and a new claim starts; by the owner, or by two of the maker if the owner has delegated it
    Recovery,
    /// An image below the security floor is installed; by two of the maker
    Downgrade,
    /// A device that erased its owner's data waits for an owner again; by two of the maker
    ReturnToClaim,
}

#[derive(Args, Debug)]
pub(crate) struct PermitArgs {
    /// The authority's folder
    pub(crate) dir: PathBuf,
    /// What is allowed
    pub(crate) action: ActionChoice,
    /// The id of the device, 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    pub(crate) device: String,
    /// What the device asked with, 64 hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    pub(crate) challenge: String,
    /// Service: the certificate of who works on it
    #[arg(long = "for", value_name = "CERTIFICATE")]
    pub(crate) holder: Option<PathBuf>,
    /// Service: the holder's roles that count, one bit each
    #[arg(long, value_name = "BITS", default_value = "1")]
    pub(crate) roles: u8,
    /// Downgrade: SHA-256 of the manifest of the image
    #[arg(long, value_name = "DIGITS")]
    pub(crate) manifest: Option<String>,
    /// Service: the maker's number of the reason; downgrade: the security version to which the floor falls
    #[arg(long, value_name = "N")]
    pub(crate) value: Option<u32>,
    /// For how many seconds it holds once the device took it; left out, the longest that the action has
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u16>,
    /// The key of who signs beside this authority, where two have to: 64 hexadecimal digits
    #[arg(long, value_name = "KEY")]
    pub(crate) beside: Option<String>,
    /// A number above the next one, if the other's book is ahead
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u32>,
    /// The permit to write, or what the second has to sign
    #[arg(short, long, value_name = "PERMIT")]
    pub(crate) output: PathBuf,
    /// Read the passphrase from the first line of this file; left out, it is typed
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}
