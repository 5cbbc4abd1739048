//! The server of the page.

use super::text::text;
use crate::counters::Counters;
use crate::http::{Connection, Request, Server};
use crate::serve_error::{ServeError, loopback};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Serves the counters under `/metrics`, until it is dropped; that waits for the connection that is being served, two seconds at most.
///
/// ```
/// use pipe_metrics::{Counters, Prometheus};
///
/// let counters = Counters::new();
/// let page = Prometheus::serve(&counters, "127.0.0.1:0")?; // 0: a port that is free; 9464 is the usual one
/// println!("http://{}/metrics", page.address());
/// # Ok::<(), pipe_metrics::ServeError>(())
/// ```
pub struct Prometheus {
    server: Server,
}

/// Scrapes come one after the other.
const CONNECTIONS: usize = 1;

impl Prometheus {
    /// On an address of this machine alone, such as `127.0.0.1:9464`.
    ///
    /// # Errors
    /// The address is one that others can reach, is taken, or is none; the system has no thread left.
    pub fn serve(counters: &Counters, address: impl ToSocketAddrs) -> Result<Self, ServeError> {
        Self::serve_to_the_network(counters, &*loopback(address)?)
    }

    /// On any address: whoever can reach it can read the names of pipelines and stages, and how much they do. There is neither a password nor
    /// encryption.
    ///
    /// # Errors
    /// As for `serve`, but for what others can reach.
    pub fn serve_to_the_network(
        counters: &Counters,
        address: impl ToSocketAddrs,
    ) -> Result<Self, ServeError> {
        let counters = counters.clone();
        let answer =
            move |request: &Request, connection: Connection| answer(&counters, &request.line(), connection);
        Ok(Prometheus { server: Server::start("pipe-prometheus", address, CONNECTIONS, answer)? })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

fn answer(counters: &Counters, line: &str, connection: Connection) -> io::Result<()> {
    let (status, body) = match line {
        "GET /metrics" => ("200 OK", text(counters)),
        line if line.starts_with("GET ") => ("404 Not Found", "see /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", String::new()),
    };
    connection.respond(status, "text/plain; version=0.0.4; charset=utf-8", &body)
}
