//! One connection to a server.

use super::origin::Origin;
use crate::pool::Connect;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use pipe_core::BoxError;
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What the head of an answer may take.
const HEAD: usize = 64 << 10;

/// Connects to one origin.
pub(super) struct Door {
    pub(super) origin: Origin,
    pub(super) trust: Arc<Trust>,
}

/// A connection at the end of which somebody speaks HTTP.
pub(super) struct Line {
    pub(super) sender: SendRequest<Full<Bytes>>,
    /// What moves its bytes.
    task: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connect for Door {
    type Connection = Line;

    async fn connect(&self) -> Result<Line, BoxError> {
        let stream = TcpStream::connect((self.origin.host.as_str(), self.origin.port)).await?;
        stream.set_nodelay(true)?;
        if !self.origin.is_secure {
            return handshake(stream).await;
        }
        let name = ServerName::try_from(self.origin.host.clone())?;
        handshake(self.trust.connector()?.connect(name, stream).await?).await
    }

    /// Whether the server has not closed it.
    async fn check(&self, line: &mut Line) -> bool {
        line.sender.ready().await.is_ok()
    }
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Line, BoxError> {
    let (sender, connection) =
        http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream)).await?;
    // How it ends is said by the exchange that it ends.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok(Line { sender, task: task.abort_handle() })
}

/// Whose certificates are believed: the system's, and those that were given.
pub(super) struct Trust {
    extra: Vec<Vec<u8>>,
    connector: OnceLock<Result<TlsConnector, String>>,
}

impl Trust {
    pub(super) fn new(extra: Vec<Vec<u8>>) -> Self {
        Trust { extra, connector: OnceLock::new() }
    }

    /// Made for the first connection that needs it: reading the system's certificates takes some milliseconds.
    fn connector(&self) -> io::Result<TlsConnector> {
        self.connector.get_or_init(|| self.read()).clone().map_err(io::Error::other)
    }

    fn read(&self) -> Result<TlsConnector, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.extra {
            let certificate = CertificateDer::from(certificate.clone());
            roots.add(certificate).map_err(|error| format!("a certificate that was given: {error}"))?;
        }
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            return Err(format!("the system has no certificates to trust: {}", errors.join(", ")));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
