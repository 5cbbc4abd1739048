//! A sink that sends.

use super::endpoint::Endpoint;
use super::error::NetError;
use super::framing::Framing;
use super::limits::WireLimits;
use super::socket::Socket;
use super::wire::add;
use pipe_core::{BoxError, Sink};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// Frames are sent once there are this many bytes of them.
const BLOCK: usize = 64 << 10;

/// Sends items as frames over a connection of its own. Blocks, as sinks do, and needs no runtime.
///
/// The run has ended well only when the peer has closed the connection after the last frame. A [`Listener`](crate::Listener) that breaks off
/// before that closes a TCP connection in a way that is an error here; a Unix socket has no word for that, and frames that its pipeline had
/// no time for are not known here either. What the peer did with them only an answer would say; for that, use a [`Dial`](crate::Dial) in an
/// async stage.
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
pub(super) trait Blocking: Read + Write + Send {
    /// How long a read or a write may take.
    fn limit(&self, span: Duration) -> io::Result<()>;
    /// Says that nothing more will be written.
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
        Ok(WireSink::over(socket, endpoint.to_string().into(), framing, limits))
    }

    pub(super) fn over(
        socket: Box<dyn Blocking>,
        peer: Arc<str>,
        framing: Framing,
        limits: WireLimits,
    ) -> Self {
        WireSink { socket, peer, framing, limits, output: Vec::new(), sent: 0, waiting: 0, bytes: 0 }
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

/// As a [`Dial`](crate::Dial) does, for the system's own calls have no limit in time for names, nor for Unix sockets. On a thread of its own,
/// because this one may be inside of a runtime.
fn connect(endpoint: &Endpoint, span: Duration) -> io::Result<Box<dyn Blocking>> {
    let connect = || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connected = runtime.block_on(Socket::connect(endpoint, span)).and_then(blocking_again);
        // A look-up that still hangs is not waited for.
        runtime.shutdown_background();
        connected
    };
    thread::scope(|scope| {
        let connecting = thread::Builder::new().name("connect".to_owned()).spawn_scoped(scope, connect)?;
        connecting.join().unwrap_or_else(|thrown| resume_unwind(thrown))
    })
}

/// The same socket without its runtime.
fn blocking_again(socket: Socket) -> io::Result<Box<dyn Blocking>> {
    match socket {
        Socket::Tcp(stream) => {
            let stream = stream.into_std()?;
            stream.set_nonblocking(false)?;
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        Socket::Unix(stream) => {
            let stream = stream.into_std()?;
            stream.set_nonblocking(false)?;
            Ok(Box::new(stream))
        }
        // Nothing dials it in this way.
        #[cfg(all(test, not(loom)))]
        Socket::Simulated(_) => Err(ErrorKind::Unsupported.into()),
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
