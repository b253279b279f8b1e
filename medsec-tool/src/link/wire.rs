//! Channels of this computer: TCP, and serial lines.

use core::time::Duration;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;

use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ByteChannel, ChannelLost};

use super::address::Address;
use crate::error::Error;
use crate::untrusted::Untrusted;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open channel that never waits.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    Tty(File),
}

impl Wire {
    /// Opens the channel to `address`.
    pub(crate) fn open(address: &Address) -> Result<Self, Error> {
        let opened = match address {
            Address::Tcp(host) => connect(host).and_then(Self::tcp),
            Address::Tty(path) => open_tty(path).map(Self::Tty),
        };
        opened.map_err(|error| Error::NoConnection {
            at: address.shown(),
            reason: Untrusted::new(error.to_string()),
        })
    }

    /// A connection that there is.
    pub(crate) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }
}

fn connect(host: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A serial line at 115,200 baud that leaves bytes as they are. A pseudo-terminal takes any speed.
#[cfg(unix)]
fn open_tty(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let line = rustix::fs::open(path, flags, Mode::empty())?;
    make_raw(&line)?;
    Ok(File::from(line))
}

#[cfg(not(unix))]
fn open_tty(_: &Path) -> io::Result<File> {
    Err(io::Error::from(ErrorKind::Unsupported))
}

#[cfg(unix)]
fn make_raw(line: &impl std::os::fd::AsFd) -> io::Result<()> {
    use rustix::termios::{OptionalActions, speed, tcgetattr, tcsetattr};
    let mut settings = tcgetattr(line)?;
    settings.make_raw();
    settings.set_speed(speed::B115200)?;
    Ok(tcsetattr(line, OptionalActions::Now, &settings)?)
}

/// A pseudo-terminal: the end that a simulated device holds, and the path for everybody else.
#[cfg(unix)]
pub(crate) fn pseudo_terminal() -> io::Result<(Wire, std::path::PathBuf)> {
    use std::os::unix::ffi::OsStringExt as _;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&end)?;
    unlockpt(&end)?;
    make_raw(&end)?;
    rustix::io::ioctl_fionbio(&end, true)?;
    let name = ptsname(&end, Vec::new())?.into_bytes();
    Ok((Wire::Tty(File::from(end)), std::ffi::OsString::from_vec(name).into()))
}

/// How many bytes that were, or that the channel has ended.
fn moved(done: io::Result<usize>) -> Result<usize, ChannelLost> {
    match done {
        Ok(0) => Err(ChannelLost),
        Ok(bytes) => Ok(bytes),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        Err(_) => Err(ChannelLost),
    }
}

impl ByteChannel for Wire {
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        let bytes = outgoing.bytes();
        moved(match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Tty(line) => line.write(bytes),
        })
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost> {
        moved(match self {
            Self::Tcp(stream) => stream.read(bytes),
            Self::Tty(line) => line.read(bytes),
        })
    }
}
