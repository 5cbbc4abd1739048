//! A sink that sends.

use super::endpoint::Endpoint;
use super::error::NetError;
use super::framing::Framing;
use super::limits::WireLimits;
use super::wire::add;
use pipe_core::{BoxError, Sink};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Frames are sent once there are so many bytes of them.
const BLOCK: usize = 64 << 10;

/// Sends items as frames over a connection of its own. Blocks, as sinks do, and needs no runtime.
///
/// The run has ended well only when the peer has closed the connection after the last frame. A [`Listener`](crate::Listener) that breaks off
/// before that closes a TCP connection in a way that is an error here; a Unix socket has no word for that, and frames that its pipeline had
/// no time for are not known here either. What the peer did with them only an answer would say; for that, use a [`Dial`](crate::Dial) in an
/// async stage. To connect to a Unix socket whose server does not accept has no limit in time: the system blocks.
///
/// Example: [`Listener`](crate::Listener).
pub struct WireSink {
    socket: Box<dyn Blocking>,
    peer: Arc<str>,
    framing: Framing,
    limits: WireLimits,
    output: Vec<u8>,
    /// Frames that were handed to the system, and those in `output`.
    sent: u64,
    waiting: u64,
    bytes: u64,
}

/// What a [`WireSink`] leaves behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// Frames that the peer's side has taken before it closed well.
    pub frames: u64,
    /// Their bytes, prefixes and line feeds included.
    pub bytes: u64,
}

/// A socket of either kind.
trait Blocking: Read + Write + Send {
    fn limit(&self, span: Duration) -> io::Result<()>;
    fn finish(&self) -> io::Result<()>;
}

macro_rules! blocking {
    ($socket:ty) => {
        impl Blocking for $socket {
            fn limit(&self, span: Duration) -> io::Result<()> {
                self.set_write_timeout(Some(span))?;
                self.set_read_timeout(Some(span))
            }

            fn finish(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        }
    };
}

blocking!(TcpStream);
#[cfg(unix)]
blocking!(UnixStream);

impl WireSink {
    /// Connects.
    ///
    /// # Errors
    /// [`NetError::Config`], [`NetError::Connect`].
    pub fn connect(endpoint: &Endpoint, framing: Framing, limits: WireLimits) -> Result<Self, NetError> {
        limits.check()?;
        let begun = Instant::now();
        let socket = connect(endpoint, limits.connect_timeout).and_then(|socket| {
            socket.limit(limits.frame_timeout)?;
            Ok(socket)
        });
        let socket = socket.map_err(|source| {
            let (endpoint, waited) = (endpoint.clone(), begun.elapsed());
            NetError::Connect { endpoint, waited, source }
        })?;
        let peer = endpoint.to_string().into();
        Ok(WireSink { socket, peer, framing, limits, output: Vec::new(), sent: 0, waiting: 0, bytes: 0 })
    }

    fn flush(&mut self) -> Result<(), NetError> {
        let begun = Instant::now();
        let mut written = 0;
        while written < self.output.len() {
            let (peer, frames) = (self.peer.clone(), self.sent);
            let stalled =
                |left| NetError::Stalled { peer: peer.clone(), frames, left, waited: begun.elapsed() };
            match self.socket.write(&self.output[written..]) {
                Ok(0) => return Err(NetError::Io { peer, frames, source: ErrorKind::WriteZero.into() }),
                Ok(some) => written += some,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Err(stalled(self.output.len() - written)),
                Err(source) => return Err(NetError::Io { peer, frames, source }),
            }
            // Each write has a limit of its own; many small ones have this.
            if begun.elapsed() > self.limits.frame_timeout && written < self.output.len() {
                return Err(stalled(self.output.len() - written));
            }
        }
        self.bytes += self.output.len() as u64;
        self.output.clear();
        self.sent += std::mem::take(&mut self.waiting);
        Ok(())
    }

    /// Waits until the peer has closed its side too. What it sends is of no interest.
    fn confirm(&mut self) -> Result<(), NetError> {
        let (peer, frames, begun) = (self.peer.clone(), self.sent, Instant::now());
        self.socket.finish().map_err(|source| NetError::Io { peer: peer.clone(), frames, source })?;
        let mut unwanted = [0; 4096];
        loop {
            let read = self.socket.read(&mut unwanted);
            let waited = begun.elapsed();
            match read {
                Ok(0) => return Ok(()),
                Ok(_) if waited > self.limits.frame_timeout => {
                    return Err(NetError::Unconfirmed { peer, frames, waited });
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    return Err(NetError::Unconfirmed { peer, frames, waited });
                }
                Err(source) => return Err(NetError::Io { peer, frames, source }),
            }
        }
    }
}

impl<T: AsRef<[u8]>> Sink<T> for WireSink {
    type Done = Delivered;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        let frames = self.sent + self.waiting;
        add(self.framing, &self.limits, &self.peer, frames, item.as_ref(), &mut self.output)?;
        self.waiting += 1;
        if self.output.len() >= BLOCK {
            self.flush()?;
        }
        Ok(())
    }

    fn commit(mut self) -> Result<Delivered, BoxError> {
        self.flush()?;
        self.confirm()?;
        Ok(Delivered { frames: self.sent, bytes: self.bytes })
    }
}

fn connect(endpoint: &Endpoint, timeout: Duration) -> io::Result<Box<dyn Blocking>> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let mut refused = io::Error::new(ErrorKind::NotFound, "the name has no address");
            for address in address.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, timeout) {
                    Ok(stream) => return Ok(Box::new(stream)),
                    Err(error) => refused = error,
                }
            }
            Err(refused)
        }
        #[cfg(unix)]
        Endpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path)?)),
        #[cfg(not(unix))]
        Endpoint::Unix(_) => Err(ErrorKind::Unsupported.into()),
    }
}

/// Systems do not agree on what the end of a timeout is called.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl fmt::Debug for WireSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireSink({}, {:?}, {} frames)", self.peer, self.framing, self.sent + self.waiting)
    }
}
