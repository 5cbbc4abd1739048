//! Why a page cannot be served.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Why a page cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// Others can reach this address, and that was not asked for in words.
    Reachable {
        /// The address, or the first of several that is no loopback.
        address: SocketAddr,
    },
    /// The address is none, or it is taken; or the system has no thread left.
    Io {
        /// What the system says.
        source: io::Error,
    },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Reachable { address } => {
                let why = "use a loopback address, or the function that has the network in its name";
                write!(f, "{address} can be reached from outside: {why}")
            }
            ServeError::Io { source } => write!(f, "the page cannot be served: {source}"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ServeError::Reachable { .. } => None,
            ServeError::Io { source } => Some(source),
        }
    }
}

impl From<io::Error> for ServeError {
    fn from(source: io::Error) -> Self {
        ServeError::Io { source }
    }
}

/// The addresses, all of which are of this machine alone.
pub(crate) fn loopback(address: impl ToSocketAddrs) -> Result<Vec<SocketAddr>, ServeError> {
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        Some(&address) => Err(ServeError::Reachable { address }),
        None => Ok(addresses),
    }
}
