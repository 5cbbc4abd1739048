//! Fetches from servers of all kinds, on the loopback interface.
#![cfg(feature = "http")]

use pipe_async::{Async, HttpClient, HttpError, HttpSettings, PoolSettings};
use pipe_core::{from_iter, skip};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

const SECOND: Duration = Duration::from_secs(1);

/// For `localhost` and 127.0.0.1, signed by itself, until 2126. Its key is here for all to see.
const CERTIFICATE: &[u8] = include_bytes!("certificate/certificate.der");
const KEY: &[u8] = include_bytes!("certificate/key.der");

/// What a server does is in the path.
struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(stream) => serve(stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Server { address, connections }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Until the connection ends, which may be anywhere.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        stream.read_line(&mut first).await.ok()?;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            match header.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", bytes)) => length = bytes.parse().ok()?,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let (what, number) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let answer = match what {
            "bytes" => {
                let body = "x".repeat(number.parse().ok()?);
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Path: {path}\r\n\r\n{body}", body.len())
            }
            "chunked" => {
                let body = "x".repeat(number.parse().ok()?);
                format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len()
                )
            }
            "echo" => {
                let body = String::from_utf8(body).ok()?;
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
            "announce" => "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx".to_owned(),
            "missing" => "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_owned(),
            "last" => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast".to_owned(),
            "garbage" => "220 smtp.example.com ESMTP\r\n".to_owned(),
            "cut" => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(),
            _ => pending().await,
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        if matches!(what, "last" | "garbage" | "cut") {
            return None;
        }
    }
}

fn settings() -> HttpSettings {
    HttpSettings { max_body: 10_000, ..HttpSettings::default() }
}

fn client() -> HttpClient {
    HttpClient::new(settings()).unwrap()
}

#[tokio::test]
async fn answers_belong_to_their_requests_and_connections_are_used_again() {
    let server = Server::start(None).await;
    let settings =
        HttpSettings { pool: PoolSettings { max_open: 5, ..PoolSettings::default() }, ..settings() };
    let http = HttpClient::new(settings).unwrap();
    let urls: Vec<_> = (0..500).map(|n| server.url(&format!("/bytes/{n}"))).collect();
    let pages = from_iter(urls)
        .try_map_async(move |url| {
            let http = http.clone();
            async move { http.get(&url).await?.success() }
        })
        .concurrency(50)
        .collect()
        .run_on(&Async::tokio())
        .await
        .unwrap();
    for (n, page) in pages.value.iter().enumerate() {
        assert_eq!(
            (page.status(), page.body().len(), page.body().iter().all(|byte| *byte == b'x')),
            (200, n, true)
        );
        assert_eq!(page.header("x-path"), Some(format!("/bytes/{n}").as_bytes()));
    }
    assert!(server.connections.load(SeqCst) <= 5);
}

#[tokio::test]
async fn however_a_host_is_written_its_connections_are_shared() {
    let (server, http) = (Server::start(None).await, client());
    for host in ["localhost", "LOCALHOST", "LocalHost"] {
        let url = server.url("/bytes/3").replace("127.0.0.1", host);
        assert_eq!(http.get(&url).await.unwrap().body(), b"xxx", "{url}");
    }
    assert_eq!(server.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_body_may_come_in_chunks_be_sent_and_be_empty() {
    let (server, http) = (Server::start(None).await, client());
    assert_eq!(http.get(&server.url("/chunked/5000")).await.unwrap().body().len(), 5_000);
    assert_eq!(http.post(&server.url("/echo"), b"twice".to_vec()).await.unwrap().into_body(), b"twice");
    assert_eq!(http.get(&server.url("/bytes/0")).await.unwrap().body(), b"");
}

#[tokio::test]
async fn a_status_is_an_answer_and_an_error_where_that_is_asked_for() {
    let (server, http) = (Server::start(None).await, client());
    let missing = http.get(&server.url("/missing")).await.unwrap();
    assert_eq!((missing.status(), missing.body()), (404, &b"no"[..]));
    let error = missing.success().unwrap_err();
    assert_eq!(error.to_string(), format!("{}: answered with 404", server.url("/missing")));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off_whether_it_says_so_or_not() {
    let (server, http) = (Server::start(None).await, client());
    for (path, least) in
        [("/bytes/10001", 10_001), ("/chunked/10001", 10_001), ("/announce", 1_000_000_000_000)]
    {
        let error = http.get(&server.url(path)).await.unwrap_err();
        let HttpError::TooLarge { bytes, limit: 10_000, .. } = error else { panic!("{error}") };
        // Without a length they come in pieces.
        assert!(bytes == least || path.starts_with("/chunked") && bytes > 10_000, "{path} {bytes}");
    }
    assert_eq!(http.get(&server.url("/bytes/10000")).await.unwrap().body().len(), 10_000);
    assert_eq!(http.get(&server.url("/chunked/10000")).await.unwrap().body().len(), 10_000);
    assert!(server.connections.load(SeqCst) >= 4, "a connection was used again in the middle of an answer");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_takes_no_longer_than_the_timeout() {
    let (server, http) = (Server::start(None).await, client());
    let begun = tokio::time::Instant::now();
    let error = http.get(&server.url("/never")).await.unwrap_err();
    let HttpError::TimedOut { waited, .. } = error else { panic!("{error}") };
    assert_eq!((waited.as_secs(), begun.elapsed().as_secs()), (30, 30));
}

#[tokio::test]
async fn what_is_no_http_and_what_is_cut_off_are_errors_of_one_fetch() {
    let (server, http) = (Server::start(None).await, client());
    for path in ["/garbage", "/cut"] {
        let error = http.get(&server.url(path)).await.unwrap_err();
        assert!(matches!(error, HttpError::Exchange { .. }), "{error}");
        assert_eq!(http.get(&server.url("/bytes/3")).await.unwrap().body(), b"xxx");
    }
}

#[tokio::test]
async fn connections_that_servers_close_between_fetches_cost_no_fetch() {
    let (server, http) = (Server::start(None).await, client());
    let urls: Vec<_> = (0..100).map(|_| server.url("/last")).collect();
    let pages = from_iter(urls)
        .try_map_async(move |url| {
            let http = http.clone();
            async move { http.get(&url).await }
        })
        .concurrency(4)
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio())
        .await
        .unwrap();
    assert_eq!((pages.value.len(), pages.skipped()), (100, 0));
    assert_eq!(server.connections.load(SeqCst), 100);
}

#[tokio::test]
async fn nobody_there_no_address_and_too_many_origins_are_said() {
    // Bound, so that no other test gets the port, and nobody listens.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let error = client().get(&url).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { .. }), "{error}");
    assert!(matches!(client().get("gopher://x/").await, Err(HttpError::BadUrl { .. })));

    let (one, two) = (Server::start(None).await, Server::start(None).await);
    let http = HttpClient::new(HttpSettings { max_origins: 1, ..settings() }).unwrap();
    http.get(&one.url("/bytes/1")).await.unwrap();
    // Nothing is under way at the first any more, so its connections go.
    let busy = {
        let (http, url) = (http.clone(), two.url("/never"));
        tokio::spawn(async move { http.get(&url).await.map(|_| ()) })
    };
    while two.connections.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let refused = http.get(&one.url("/bytes/1")).await.unwrap_err();
    assert!(matches!(refused, HttpError::TooManyOrigins { limit: 1, .. }), "{refused}");
    busy.abort();
    assert!(HttpClient::new(HttpSettings { max_body: 0, ..settings() }).is_err());
    assert!(HttpClient::new(HttpSettings { max_origins: 0, ..settings() }).is_err());
    assert!(HttpClient::new(HttpSettings { timeout: Duration::ZERO, ..settings() }).is_err());
}

#[tokio::test]
async fn tls_is_believed_when_its_certificate_is() {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
        .unwrap();
    let server = Server::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let http = HttpClient::trusting(settings(), [CERTIFICATE.to_vec()]).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{}/bytes/77", server.address.replace("127.0.0.1", host));
        for _ in 0..3 {
            assert_eq!(http.get(&url).await.unwrap().body().len(), 77, "{url}");
        }
    }
    assert_eq!(server.connections.load(SeqCst), 2);
    // Without it, and to a server that speaks no TLS.
    let url = format!("https://{}/bytes/77", server.address);
    assert!(matches!(client().get(&url).await, Err(HttpError::Connect { .. })));
    let plain = Server::start(None).await;
    let settings = HttpSettings {
        pool: PoolSettings { acquire_timeout: SECOND, ..PoolSettings::default() },
        ..settings()
    };
    let http = HttpClient::trusting(settings, [CERTIFICATE.to_vec()]).unwrap();
    let url = format!("https://{}/bytes/77", plain.address);
    assert!(matches!(http.get(&url).await, Err(HttpError::Connect { .. })));
}
