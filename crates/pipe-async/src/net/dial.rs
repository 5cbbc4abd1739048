//! How connections are made.

use super::endpoint::Endpoint;
use super::error::NetError;
use super::framing::Framing;
use super::limits::WireLimits;
use super::socket::Socket;
use super::wire::Wire;
use crate::pool::Connect;
use pipe_core::BoxError;
use tokio::time::Instant;

/// Makes connections to one place, each by itself or for a [`ConnectionPool`](crate::ConnectionPool).
///
/// ```
/// use pipe_async::{Async, ConnectionPool, Dial, Endpoint, Framing, PoolSettings, WireLimits};
/// use pipe_core::{BoxError, from_iter};
/// # use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = server.local_addr()?.to_string();
/// # tokio::spawn(async move {
/// #     while let Ok((mut socket, _)) = server.accept().await {
/// #         tokio::spawn(async move { let (mut from, mut to) = socket.split(); tokio::io::copy(&mut from, &mut to).await });
/// #     }
/// # });
/// let dial = Dial::new(Endpoint::tcp(address), Framing::Prefixed, WireLimits::default())?;
/// let pool = ConnectionPool::new(dial, PoolSettings::default())?;
/// let echoed = from_iter(0..100u64)
///     .try_map_async(move |n| {
///         let pool = pool.clone();
///         async move {
///             let mut wire = pool.acquire().await?;
///             wire.send(&n.to_be_bytes()).await?;
///             let echo = wire.receive().await?.ok_or("closed")?.to_vec();
///             wire.reuse();
///             Ok::<_, BoxError>(echo)
///         }
///     })
///     .collect()
///     .run_on(&Async::tokio())
///     .await?;
/// assert_eq!(echoed.value[99], 99u64.to_be_bytes());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Dial {
    endpoint: Endpoint,
    framing: Framing,
    limits: WireLimits,
}

impl Dial {
    /// To this place.
    ///
    /// # Errors
    /// [`NetError::Config`].
    pub fn new(endpoint: Endpoint, framing: Framing, limits: WireLimits) -> Result<Self, NetError> {
        limits.check()?;
        Ok(Dial { endpoint, framing, limits })
    }

    /// A new connection. To be awaited inside a tokio runtime with I/O and timers.
    ///
    /// # Errors
    /// [`NetError::Connect`].
    pub async fn dial(&self) -> Result<Wire, NetError> {
        let begun = Instant::now();
        match Socket::connect(&self.endpoint, self.limits.connect_timeout).await {
            Ok(socket) => Ok(Wire::new(socket, self.endpoint.to_string().into(), self.framing, self.limits)),
            Err(source) => {
                let endpoint = self.endpoint.clone();
                Err(NetError::Connect { endpoint, waited: begun.elapsed(), source })
            }
        }
    }
}

impl Connect for Dial {
    type Connection = Wire;

    async fn connect(&self) -> Result<Wire, BoxError> {
        Ok(self.dial().await?)
    }

    /// Whether the peer has neither closed it nor sent something that nobody asked for.
    async fn check(&self, wire: &mut Wire) -> bool {
        wire.is_at_rest()
    }
}
