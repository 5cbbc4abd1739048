//! A socket of either kind, and the one that they are accepted from.

use super::endpoint::Endpoint;
use super::wire::deadline;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout_at};

/// How long to wait before a Unix socket whose line is full is tried again: there is no word for "there is room".
#[cfg(unix)]
const AGAIN: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(all(test, not(loom)))]
    Simulated(super::simulation::Stream),
}

impl Socket {
    /// Within `span`: the look-up of the name and all of its addresses together. Afterwards the error is [`io::ErrorKind::TimedOut`].
    pub(super) async fn connect(endpoint: &Endpoint, span: Duration) -> io::Result<Self> {
        let connected = timeout_at(deadline(Instant::now(), span), Self::unbounded(endpoint)).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn unbounded(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => Self::tcp(TcpStream::connect(address).await?),
            #[cfg(unix)]
            Endpoint::Unix(path) => loop {
                match UnixStream::connect(path).await {
                    // Linux: its server does not accept, and who may block waits for that. Elsewhere it is refused.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(AGAIN).await
                    }
                    connected => return connected.map(Socket::Unix),
                }
            },
            #[cfg(not(unix))]
            Endpoint::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Frames are sent whole, so there is nothing to wait for.
    fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Socket::Tcp(stream))
    }
}

/// The same call for whichever it is.
macro_rules! delegate {
    ($socket:expr, $call:ident($($argument:expr),*)) => {
        match $socket.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).$call($($argument),*),
            #[cfg(unix)]
            Socket::Unix(stream) => Pin::new(stream).$call($($argument),*),
            #[cfg(all(test, not(loom)))]
            Socket::Simulated(stream) => Pin::new(stream).$call($($argument),*),
        }
    };
}

impl Socket {
    /// From now on the peer learns that it was cut off, when this is dropped. On Unix sockets only if something has not been read.
    pub(super) fn break_off(&self) {
        if let Socket::Tcp(stream) = self {
            // If it fails the connection is gone already.
            let _ = stream.set_zero_linger();
        }
        #[cfg(all(test, not(loom)))]
        if let Socket::Simulated(stream) = self {
            stream.cut_off(true);
        }
    }

    /// From now on the peer learns that it was heard to the end.
    #[expect(deprecated, reason = "only the time that it may take is; without one nothing waits")]
    pub(super) fn end_well(&self) {
        if let Socket::Tcp(stream) = self {
            let _ = stream.set_linger(None);
        }
        #[cfg(all(test, not(loom)))]
        if let Socket::Simulated(stream) = self {
            stream.cut_off(false);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(cx))
    }
}

/// What is bound, and not yet watched by a runtime.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Bound {
    /// And where it is: a free port has a number then.
    pub(super) fn new(endpoint: &Endpoint) -> io::Result<(Self, Endpoint)> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                let at = Endpoint::tcp(listener.local_addr()?.to_string());
                Ok((Bound::Tcp(listener), at))
            }
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let listener = std::os::unix::net::UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Ok((Bound::Unix(listener), endpoint.clone()))
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Inside a runtime.
    pub(super) fn listen(self) -> io::Result<Doors> {
        match self {
            Bound::Tcp(listener) => TcpListener::from_std(listener).map(Doors::Tcp),
            #[cfg(unix)]
            Bound::Unix(listener) => UnixListener::from_std(listener).map(Doors::Unix),
        }
    }
}

pub(super) enum Doors {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
    #[cfg(all(test, not(loom)))]
    Simulated(super::simulation::Doors),
}

impl Doors {
    /// The next connection, and who it is from.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Arc<str>)> {
        match self {
            Doors::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // If it fails the peer has gone already, and who reads from it will be told.
                let _ = stream.set_nodelay(true);
                Ok((Socket::Tcp(stream), address.to_string().into()))
            }
            #[cfg(unix)]
            Doors::Unix(listener) => Ok((Socket::Unix(listener.accept().await?.0), "a local peer".into())),
            #[cfg(all(test, not(loom)))]
            Doors::Simulated(doors) => doors.accept().await,
        }
    }
}
