//! The client.

use super::connection::{Door, Trust};
use super::error::HttpError;
use super::exchange::{Ended, exchange};
use super::origin::{Origin, Target};
use super::response::Response;
use super::settings::HttpSettings;
use crate::pool::{ConnectionPool, PoolSettings};
use bytes::Bytes;
use hyper::Method;
use pipe_core::RunError;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// On how many connections a request is tried that no server has seen.
const ATTEMPTS: u32 = 3;

/// Fetches over HTTP/1.1, through pools of connections, within limits. Clones share the connections. TLS is rustls, with the certificates
/// that the system trusts.
///
/// It follows no redirects, keeps no cookies, decodes nothing, and tries nothing again that a server may have seen:
/// [`retry`](pipe_core::Pipeline::retry) does, where the user knows that it may. A whole answer is in memory, so its bound is
/// [`max_body`](HttpSettings::max_body) times the operations in flight.
///
/// ```
/// use pipe_async::{Async, HttpClient, HttpError, HttpSettings};
/// use pipe_core::from_iter;
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = server.local_addr()?;
/// # tokio::spawn(async move {
/// #     while let Ok((mut socket, _)) = server.accept().await {
/// #         tokio::spawn(async move {
/// #             let mut request = [0; 1024];
/// #             while socket.read(&mut request).await.is_ok_and(|read| read > 0) {
/// #                 socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
/// #             }
/// #         });
/// #     }
/// # });
/// let http = HttpClient::new(HttpSettings::default())?;
/// let pages = from_iter(0..50)
///     .map(move |n| format!("http://{address}/{n}"))
///     .try_map_async(move |url| {
///         let http = http.clone();
///         async move { http.get(&url).await?.success() }
///     })
///     .concurrency(20)
///     .map(|page| page.body().len())
///     .collect()
///     .run_on(&Async::tokio())
///     .await?;
/// assert_eq!(pages.value, [5; 50]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

struct Shared {
    settings: HttpSettings,
    origins: Mutex<HashMap<Origin, ConnectionPool<Door>>>,
    trust: Arc<Trust>,
}

impl HttpClient {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`RunError::Config`] if a setting is zero.
    pub fn new(settings: HttpSettings) -> Result<Self, RunError> {
        Self::trusting(settings, [])
    }

    /// As `new`, and believes these certificates beside the system's: those of authorities, or of servers themselves. In DER.
    ///
    /// # Errors
    /// As `new`. Whether they are certificates is said by the first connection over TLS.
    pub fn trusting(
        settings: HttpSettings,
        certificates: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, RunError> {
        settings.check()?;
        // To look costs nothing here, and servers close connections whenever they like.
        let pool = PoolSettings { check_after: Duration::from_nanos(1), ..settings.pool };
        let trust = Arc::new(Trust::new(certificates.into_iter().collect()));
        let settings = HttpSettings { pool, ..settings };
        Ok(HttpClient { shared: Arc::new(Shared { settings, origins: Mutex::default(), trust }) })
    }

    /// Fetches. To be awaited inside a tokio runtime with I/O and timers.
    ///
    /// # Errors
    /// [`HttpError`], except `Status`.
    pub async fn get(&self, url: &str) -> Result<Response, HttpError> {
        self.fetch(url, Method::GET, Bytes::new()).await
    }

    /// Sends a body, and gives what is answered.
    ///
    /// # Errors
    /// As [`get`](HttpClient::get).
    pub async fn post(&self, url: &str, body: Vec<u8>) -> Result<Response, HttpError> {
        self.fetch(url, Method::POST, body.into()).await
    }

    async fn fetch(&self, url: &str, method: Method, body: Bytes) -> Result<Response, HttpError> {
        let begun = Instant::now();
        let answered = timeout(self.shared.settings.timeout, self.shared.fetch(url, method, body)).await;
        answered.unwrap_or_else(|_| Err(HttpError::TimedOut { url: url.to_owned(), waited: begun.elapsed() }))
    }
}

impl Shared {
    async fn fetch(&self, url: &str, method: Method, body: Bytes) -> Result<Response, HttpError> {
        let target = Target::parse(url).map_err(|why| HttpError::BadUrl { url: url.to_owned(), why })?;
        let pool = self.pool(&target.origin, url)?;
        let mut attempt = 1;
        loop {
            let acquired = pool.acquire().await;
            let mut line = acquired.map_err(|source| HttpError::Connect { url: url.to_owned(), source })?;
            let request = (method.clone(), body.clone());
            match exchange(&mut line, &target, url, request, self.settings.max_body).await {
                Ended::Answered(response) => {
                    line.reuse();
                    return Ok(response);
                }
                Ended::NotSent(_) if attempt < ATTEMPTS => attempt += 1,
                Ended::NotSent(error) | Ended::Failed(error) => return Err(error),
            }
        }
    }

    /// The connections to an origin. If there are too many origins, those go that no fetch uses: who has their pool may be about to ask it
    /// for a connection, and the next fetch there would make a second one.
    fn pool(&self, origin: &Origin, url: &str) -> Result<ConnectionPool<Door>, HttpError> {
        let mut origins = self.origins();
        if let Some(pool) = origins.get(origin) {
            return Ok(pool.clone());
        }
        let limit = self.settings.max_origins;
        if origins.len() >= limit {
            // Under the lock, without which nobody gets a pool.
            origins.retain(|_, pool| pool.is_used());
        }
        if origins.len() >= limit {
            return Err(HttpError::TooManyOrigins { url: url.to_owned(), limit });
        }
        let door = Door { origin: origin.clone(), trust: self.trust.clone() };
        let pool = ConnectionPool::new(door, self.settings.pool).expect("the settings were checked");
        origins.insert(origin.clone(), pool.clone());
        Ok(pool)
    }

    fn origins(&self) -> MutexGuard<'_, HashMap<Origin, ConnectionPool<Door>>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.shared.origins().len();
        f.debug_struct("HttpClient")
            .field("settings", &self.shared.settings)
            .field("origins", &origins)
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_pool_as_long_as_a_fetch_has_it() {
        let http = HttpClient::new(HttpSettings { max_origins: 1, ..HttpSettings::default() }).unwrap();
        let pool = |url: &str| http.shared.pool(&Target::parse(url).unwrap().origin, url);
        // It has its pool, and has not asked it for a connection yet.
        let first = pool("http://example.com/").unwrap();
        assert!(matches!(pool("http://example.org/"), Err(HttpError::TooManyOrigins { limit: 1, .. })));
        assert!(first.is_same(&pool("http://EXAMPLE.com:80/").unwrap()));
        drop(first);
        // Nobody has it any more, so it makes room.
        drop(pool("http://example.org/").unwrap());
        assert!(matches!(http.shared.origins().keys().next(), Some(origin) if origin.host == "example.org"));
    }
}
