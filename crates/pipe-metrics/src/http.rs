//! HTTP as far as our pages need it: a thread that accepts, one for each connection, and limits on all of it.
//!
//! This many connections at a time; the next ones wait in the system's queue. A request has 8 KiB and two seconds at most, and so has each
//! answer: whoever holds a connection holds one place for that long, and nothing else. No keep-alive, no encryption.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// For a request and its answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// For a request.
const REQUEST: usize = 8 << 10;

/// Between two attempts, where the system refuses connections: too many open files, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    places: Arc<Places>,
    accepting: Option<JoinHandle<()>>,
}

/// How many connections there are, and how many there may be.
struct Places {
    most: usize,
    taken: Mutex<usize>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Server {
    /// Calls `answer` for each request, on a thread of its own, `most` of them at a time. What it returns as an error has nobody to be told:
    /// who asked has gone.
    pub(crate) fn start(
        name: &'static str,
        address: impl ToSocketAddrs,
        most: usize,
        answer: impl Fn(&Request, Connection) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (taken, changed, stop) = (Mutex::new(0), Condvar::new(), AtomicBool::new(false));
        let places = Arc::new(Places { most, taken, changed, stop });
        let (of_thread, answer) = (places.clone(), Arc::new(answer));
        let accept = move || accept(name, &listener, &of_thread, &answer);
        let accepting = Some(thread::Builder::new().name(name.to_owned()).spawn(accept)?);
        Ok(Server { address, places, accepting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Waits for the connections that are served: two seconds at most.
impl Drop for Server {
    fn drop(&mut self) {
        {
            // Under the lock: who looks for a place either sees it, or is waiting already when it is told.
            let _taken = self.places.lock();
            self.places.stop.store(true, SeqCst);
            self.places.changed.notify_all();
        }
        // It waits for a connection: here is one. An address that stands for all is reached over the loopback.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let loopback =
                if address.is_ipv4() { [127, 0, 0, 1].into() } else { [0u16, 0, 0, 0, 0, 0, 0, 1].into() };
            address.set_ip(loopback);
        }
        let woken = TcpStream::connect_timeout(&address, PATIENCE).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
        let some = |taken: &mut usize| *taken > 0;
        drop(self.places.changed.wait_timeout_while(self.places.lock(), PATIENCE, some));
    }
}

fn accept<A>(name: &str, listener: &TcpListener, places: &Arc<Places>, answer: &Arc<A>)
where
    A: Fn(&Request, Connection) -> io::Result<()> + Send + Sync + 'static,
{
    loop {
        let accepted = listener.accept();
        if places.stop.load(SeqCst) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            thread::park_timeout(PAUSE);
            continue;
        };
        let Some(place) = Place::take(places) else { return };
        let answer = answer.clone();
        let serve = move || {
            let mut connection = Connection { stream, deadline: Instant::now() + PATIENCE, place };
            match connection.request() {
                Ok(Some(request)) => drop(answer(&request, connection)),
                Ok(None) => drop(connection.respond("431 Request Header Fields Too Large", "text/plain", "")),
                Err(_) => {}
            }
        };
        // Without a thread the connection is closed: nothing else can be done for it.
        drop(thread::Builder::new().name(name.to_owned()).spawn(serve));
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the places; it is free again when this is dropped.
struct Place(Arc<Places>);

impl Place {
    /// Waits for a place. `None`: the server stops.
    fn take(places: &Arc<Places>) -> Option<Place> {
        let full = |taken: &mut usize| *taken >= places.most && !places.stop.load(SeqCst);
        let mut taken =
            places.changed.wait_while(places.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if places.stop.load(SeqCst) {
            return None;
        }
        *taken += 1;
        Some(Place(places.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.changed.notify_all();
    }
}

/// Who asked, and waits for an answer.
pub(crate) struct Connection {
    stream: TcpStream,
    deadline: Instant,
    #[expect(dead_code, reason = "held for as long as the connection lasts")]
    place: Place,
}

impl Connection {
    /// The request, once the whole head has come. `None`: it is too large.
    fn request(&mut self) -> io::Result<Option<Request>> {
        let mut head = Vec::new();
        let mut buffer = [0; 1024];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() > REQUEST {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left(self.deadline)?))?;
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => head.extend_from_slice(&buffer[..read]),
            }
        }
        Ok(Some(Request { head: String::from_utf8_lossy(&head).into_owned() }))
    }

    /// Answers, and hangs up.
    pub(crate) fn respond(mut self, status: &str, kind: &str, body: &str) -> io::Result<()> {
        self.head(status, kind, &[("Content-Length", &body.len().to_string())])?;
        self.send(body.as_bytes())
    }

    /// The head of an answer, with these fields besides. The body is to follow.
    pub(crate) fn head(&mut self, status: &str, kind: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n");
        fields.iter().for_each(|(name, value)| head.extend([name, ": ", value, "\r\n"]));
        head.push_str("\r\n");
        self.send(head.as_bytes())
    }

    /// Lets the next answers have as much time as the first one.
    #[cfg(feature = "live")]
    pub(crate) fn be_patient(&mut self) {
        self.deadline = Instant::now() + PATIENCE;
    }

    /// Piece by piece: the time for a write is that of the whole answer.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(self.deadline)?))?;
            match self.stream.write(bytes)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// What is asked for: the head of a request.
pub(crate) struct Request {
    head: String,
}

impl Request {
    /// Method and path, such as `GET /metrics`, without what stands behind a question mark.
    pub(crate) fn line(&self) -> String {
        let mut words = self.head.split("\r\n").next().unwrap_or_default().split([' ', '?']);
        format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The value of a field, whatever the case of its name.
    #[cfg(any(feature = "live", test))]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_line_without_a_query_and_its_fields() {
        let request = |head: &str| Request { head: head.to_owned() };
        let read = request("GET /metrics?a=b HTTP/1.1\r\nHost: here:80\r\nX-Token:  a b \r\n\r\n");
        assert_eq!(read.line(), "GET /metrics");
        let fields = ["host", "x-token", "no"].map(|name| read.field(name));
        assert_eq!(fields, [Some("here:80"), Some("a b"), None]);
        assert_eq!(request("").line(), " ");
    }
}
