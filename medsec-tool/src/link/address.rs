//! Where a device is to be found.

use core::str::FromStr;
use std::path::PathBuf;

use crate::untrusted::Untrusted;

/// A way to a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Address {
    /// `tcp:HOST:PORT`
    Tcp(String),
    /// `tty:PATH`: a serial line, or a pseudo-terminal
    Tty(PathBuf),
}

impl Address {
    /// It, to be shown.
    pub(crate) fn shown(&self) -> Untrusted {
        match self {
            Self::Tcp(address) => Untrusted::new(format!("tcp:{address}")),
            Self::Tty(path) => Untrusted::new(format!("tty:{}", path.to_string_lossy())),
        }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("tcp", rest)) if rest.contains(':') => Ok(Self::Tcp(rest.to_owned())),
            Some(("tty", rest)) if !rest.is_empty() => Ok(Self::Tty(PathBuf::from(rest))),
            _ => Err("it is tcp:HOST:PORT, or tty:PATH for a serial line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_strictly() {
        let tcp = Address::from_str("tcp:127.0.0.1:4000");
        assert_eq!(tcp, Ok(Address::Tcp("127.0.0.1:4000".to_owned())));
        assert_eq!(Address::from_str("tty:/dev/x"), Ok(Address::Tty(PathBuf::from("/dev/x"))));
        for odd in ["", "tcp", "tcp:", "tcp:host", "tty", "tty:", "/dev/x", "udp:a:1", "TCP:a:1"] {
            assert!(Address::from_str(odd).is_err(), "{odd}");
        }
    }
}
