//! A server to try things on, on this machine.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Answers over HTTP/1.1 on a thread of its own, until it is dropped: with the path and the body of the request. What is asked of `/busy` is
/// answered with 503. It takes requests that pipe-async sends, and is no server for others.
#[derive(Debug)]
pub struct LocalServer {
    address: String,
    seen: Arc<Seen>,
    /// Dropped, it ends the connections.
    _runtime: Runtime,
}

/// What it has seen.
#[derive(Debug, Default)]
struct Seen {
    requests: AtomicU64,
    /// Those that it has refused.
    refused: Mutex<HashSet<String>>,
}

impl Seen {
    /// Whether this request is refused.
    fn refuses(&self, request: &str, one_fails_of: u64) -> bool {
        let number = self.requests.fetch_add(1, Relaxed) + 1;
        let is_its_turn = one_fails_of > 0 && number.is_multiple_of(one_fails_of);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        request.starts_with("/busy") || is_its_turn && refused.insert(request.to_owned())
    }
}

/// What it does.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// How long it thinks.
    pub latency: Duration,
    /// Of so many requests one is answered with 503; sent again it is answered well. 0: none.
    pub one_fails_of: u64,
}

impl LocalServer {
    /// On a free port.
    ///
    /// # Errors
    /// The system refuses a socket or a thread.
    pub fn start(manners: Manners) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Seen::default());
        let sees = seen.clone();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, manners, sees.clone()));
            }
        });
        Ok(LocalServer { address, seen, _runtime: runtime })
    }

    /// The address of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests that it has read.
    pub fn asked(&self) -> u64 {
        self.seen.requests.load(Relaxed)
    }
}

/// Until the client goes, or sends what is no request.
async fn serve(socket: TcpStream, manners: Manners, seen: Arc<Seen>) -> io::Result<()> {
    let mut stream = BufReader::new(socket);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        if !manners.latency.is_zero() {
            tokio::time::sleep(manners.latency).await;
        }
        let answer = format!("{path} {}", String::from_utf8_lossy(&body));
        let answer = answer.trim_end();
        let status = if seen.refuses(answer, manners.one_fails_of) { "503 Busy" } else { "200 OK" };
        let length = answer.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{answer}");
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}
