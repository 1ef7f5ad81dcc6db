//! A connection as bytes: TCP or a socket of this machine, in clear or encrypted, never waited for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_nodelay, socket_error};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustls::ClientConnection;

use super::target::{Place, Target};

/// What one reading takes at most.
const READ_BYTES: usize = 64 << 10;

/// A connection.
pub(super) struct Wire {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    /// Begins to connect; it is there once the socket has room to write and [`Wire::arrived`] agrees.
    pub(super) fn begin(target: &Target) -> io::Result<Self> {
        let socket = match &target.place {
            Place::Tcp(address) => tcp(*address)?,
            Place::Unix(path) => {
                let socket = fresh(AddressFamily::UNIX)?;
                begun(connect(&socket, &SocketAddrUnix::new(path.as_path())?))?;
                socket
            }
        };
        let tls = match &target.tls {
            None => None,
            Some(secured) => {
                let begun = ClientConnection::new(secured.config.clone(), secured.name.clone());
                Some(Box::new(begun.map_err(io::Error::other)?))
            }
        };
        Ok(Self { socket, tls })
    }

    /// Whether the connection came into being; an error if it did not.
    pub(super) fn arrived(&mut self) -> io::Result<()> {
        socket_error(&self.socket)??;
        self.push()
    }

    /// Whether requests may be written: what is encrypted has agreed on how.
    pub(super) fn is_open(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.is_handshaking())
    }

    /// Whether something waits for room to be written.
    pub(super) fn is_full(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Reads what is there: how many bytes came; `None` if nothing is there now, zero at the end.
    pub(super) fn read(&mut self, into: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let Some(tls) = &mut self.tls else {
            into.reserve(READ_BYTES);
            let room = rustix::buffer::spare_capacity(into);
            return later(rustix::io::read(&self.socket, room).map_err(io::Error::from));
        };
        let mut socket = Plain(self.socket.as_fd());
        let Some(came) = later(tls.read_tls(&mut socket))? else {
            return Ok(None);
        };
        let state = tls.process_new_packets().map_err(io::Error::other)?;
        let clear = state.plaintext_bytes_to_read();
        let before = into.len();
        into.resize(before + clear, 0);
        if let Some(room) = into.get_mut(before..) {
            tls.reader().read_exact(room)?;
        }
        self.push()?;
        // Something came that was no answer: as far as the caller is concerned, nothing did.
        Ok(match (came, clear) {
            (0, _) => Some(0),
            (_, 0) => None,
            (_, clear) => Some(clear),
        })
    }

    /// Writes what there is room for: how many bytes of it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            let written = rustix::io::write(&self.socket, bytes).map_err(io::Error::from);
            return Ok(later(written)?.unwrap_or(0));
        };
        let taken = tls.writer().write(bytes)?;
        self.push()?;
        Ok(taken)
    }

    /// Sends on what is encrypted already.
    fn push(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            let mut socket = Plain(self.socket.as_fd());
            while tls.wants_write() {
                if later(tls.write_tls(&mut socket))?.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = fresh(family)?;
    set_tcp_nodelay(&socket, true)?;
    begun(connect(&socket, &address))?;
    Ok(socket)
}

fn fresh(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(socket_with(family, SocketType::STREAM, flags, None)?)
}

fn begun(outcome: Result<(), Errno>) -> io::Result<()> {
    match outcome {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Nothing now is no failure.
fn later<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The socket below the encryption.
struct Plain<'a>(BorrowedFd<'a>);

impl Read for Plain<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0, into)?)
    }
}

impl Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
