//! Where a socket is.

use std::fmt;
use std::path::PathBuf;

/// An address of TCP, or the path of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// Host and port, `127.0.0.1:8080`; port 0 is one that is free. Names are looked up when it is connected to.
    Tcp(String),
    /// A path. On systems without Unix sockets it is refused.
    Unix(PathBuf),
}

impl Endpoint {
    /// Host and port.
    pub fn tcp(address: impl Into<String>) -> Self {
        Endpoint::Tcp(address.into())
    }

    /// The path of a Unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Endpoint::Unix(path.into())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => f.write_str(address),
            Endpoint::Unix(path) => path.display().fmt(f),
        }
    }
}
