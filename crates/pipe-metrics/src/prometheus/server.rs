//! The server: HTTP as far as a scrape needs it.

use super::text::text;
use crate::counters::Counters;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Serves the counters under `/metrics`, until it is dropped.
///
/// ```
/// use pipe_metrics::{Counters, Prometheus};
///
/// let counters = Counters::new();
/// let page = Prometheus::serve(&counters, "127.0.0.1:0")?; // 0: a port that is free; 9464 is the usual one
/// println!("http://{}/metrics", page.address());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Prometheus {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

/// For a connection as a whole.
const PATIENCE: Duration = Duration::from_secs(2);

/// For a request.
const REQUEST: usize = 8 << 10;

/// Between two attempts, where the system refuses connections: too many open files, say.
const PAUSE: Duration = Duration::from_millis(100);

impl Prometheus {
    /// On an address of this machine alone, such as `127.0.0.1:9464`.
    ///
    /// # Errors
    /// The address is one that others can reach, is taken, or is none; the system has no thread left.
    pub fn serve(counters: &Counters, address: impl ToSocketAddrs) -> io::Result<Self> {
        let addresses: Vec<_> = address.to_socket_addrs()?.collect();
        if let Some(reachable) = addresses.iter().find(|address| !address.ip().is_loopback()) {
            let why = format!(
                "{reachable} can be reached from outside: use a loopback address or `serve_to_the_network`"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Self::serve_to_the_network(counters, &*addresses)
    }

    /// On any address: whoever can reach it can read the names of pipelines and stages, and how much they do. There is neither a password nor
    /// encryption.
    ///
    /// # Errors
    /// As for `serve`, but for what others can reach.
    pub fn serve_to_the_network(counters: &Counters, address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, counters) = (stop.clone(), counters.clone());
        let serve = move || serve(&listener, &counters, &stopped);
        let server = thread::Builder::new().name("pipe-prometheus".to_owned()).spawn(serve)?;
        Ok(Prometheus { address, stop, server: Some(server) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Waits for the connection that is being served: two seconds at most.
impl Drop for Prometheus {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // It waits for a connection: here is one. An address that stands for all is reached over the loopback.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let loopback =
                if address.is_ipv4() { [127, 0, 0, 1].into() } else { [0u16, 0, 0, 0, 0, 0, 0, 1].into() };
            address.set_ip(loopback);
        }
        let woken = TcpStream::connect_timeout(&address, PATIENCE).is_ok();
        if let Some(server) = self.server.take().filter(|_| woken) {
            let _ = server.join();
        }
    }
}

fn serve(listener: &TcpListener, counters: &Counters, stop: &AtomicBool) {
    loop {
        let accepted = listener.accept();
        if stop.load(SeqCst) {
            return;
        }
        match accepted {
            // Who goes away in the middle of it has nobody to tell.
            Ok((connection, _)) => drop(answer(connection, counters)),
            Err(_) => thread::park_timeout(PAUSE),
        }
    }
}

fn answer(mut connection: TcpStream, counters: &Counters) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let (status, body) = match request(&mut connection, deadline)?.as_deref() {
        None => ("431 Request Header Fields Too Large", String::new()),
        Some("GET /metrics") => ("200 OK", text(counters)),
        Some(line) if line.starts_with("GET ") => ("404 Not Found", "see /metrics\n".to_owned()),
        Some(_) => ("405 Method Not Allowed", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    send(&mut connection, deadline, head.as_bytes())?;
    send(&mut connection, deadline, body.as_bytes())
}

/// Method and path, once the whole head has come. `None`: it is too large.
fn request(connection: &mut TcpStream, deadline: Instant) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > REQUEST {
            return Ok(None);
        }
        connection.set_read_timeout(Some(left(deadline)?))?;
        match connection.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split([' ', '?']);
    Ok(Some(format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default())))
}

/// Piece by piece: the time for a write is that of the whole connection.
fn send(connection: &mut TcpStream, deadline: Instant, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        connection.set_write_timeout(Some(left(deadline)?))?;
        match connection.write(bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
