//! Connections that are used again.

use super::connect::Connect;
use super::error::PoolError;
use super::line::{Grant, Line, Turn};
use super::settings::PoolSettings;
use super::within::{Instant, after, within};
use pipe_core::RunError;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lends connections, and opens them as they are needed. Clones are the same pool.
///
/// * The one that came back last is lent first: it is warm, and the others may become old and go.
/// * Who waits is served in the order of coming. A connection that comes back is handed to the one who has waited longest; nobody overtakes.
/// * Whether a connection is fit to be lent again is said by who used it: [`PooledConnection::reuse`], between two exchanges. Dropped in
///   any other way, by an error, a panic, or because the operation was cancelled in the middle of an exchange, it is closed. So an
///   answer that comes late never goes to another request.
/// * It has no task of its own. What has been idle or old for too long is closed by the next one who comes.
///
/// One pool for one server; with several drivers, one pool for each driver.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
/// use pipe_async::{Async, ConnectionPool, PoolError, PoolSettings};
/// use pipe_core::from_iter;
///
/// # struct Server; impl Server { async fn ask(&mut self, n: u64) -> u64 { n + 1 } }
/// # async fn open() -> Result<Server, std::io::Error> { Ok(Server) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), pipe_core::RunError> {
/// let pool = ConnectionPool::new(open, PoolSettings { max_open: 4, ..PoolSettings::default() })?;
/// let pooled = pool.clone();
/// let answers = from_iter(0..1_000u64)
///     .try_map_async(move |n| {
///         let pool = pooled.clone();
///         async move {
///             let mut server = pool.acquire().await?;
///             let answer = server.ask(n).await;
///             server.reuse();
///             Ok::<_, PoolError>(answer)
///         }
///     })
///     .collect()
///     .run_on(&Async::tokio())
///     .await?;
/// assert_eq!(answers.value[999], 1_000);
/// assert!(pool.statistics().opened <= 4);
/// # Ok(())
/// # }
/// ```
pub struct ConnectionPool<C: Connect> {
    shared: Arc<Shared<C>>,
}

struct Shared<C: Connect> {
    connector: C,
    settings: PoolSettings,
    line: Line<Kept<C::Connection>>,
    counts: Counts,
}

/// A connection with its dates.
struct Kept<T> {
    connection: T,
    opened: Instant,
    /// Since when it is idle, or was lent.
    since: Instant,
}

#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    failed: AtomicU64,
    reused: AtomicU64,
    broken: AtomicU64,
    timed_out: AtomicU64,
}

/// What a [`ConnectionPool`] has done so far, and how it stands. Counts of one moment, as of about now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStatistics {
    /// Connections that were opened.
    pub opened: u64,
    /// Attempts to open one that failed.
    pub failed: u64,
    /// How often an idle connection was lent again.
    pub reused: u64,
    /// Connections that did not come back: dropped without [`PooledConnection::reuse`].
    pub broken: u64,
    /// Acquisitions that ended with [`PoolError::TimedOut`].
    pub timed_out: u64,
    /// Connections that are open now, or being opened.
    pub open: usize,
    /// Of these, how many lie idle.
    pub idle: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl<C: Connect> ConnectionPool<C> {
    /// An empty pool.
    ///
    /// # Errors
    /// [`RunError::Config`] if a setting is zero.
    pub fn new(connector: C, settings: PoolSettings) -> Result<Self, RunError> {
        settings.check()?;
        let line = Line::new(settings.max_open, settings.max_connecting);
        Ok(ConnectionPool {
            shared: Arc::new(Shared { connector, settings, line, counts: Counts::default() }),
        })
    }

    /// Waits for its turn, and gives an idle connection or opens a new one. Dropping the future leaves the line. Inside of a tokio runtime it needs timers;
    /// elsewhere it needs only what the connections themselves need.
    ///
    /// # Errors
    /// [`PoolError::TimedOut`] after [`acquire_timeout`](PoolSettings::acquire_timeout), [`PoolError::Connect`] if it was this one's turn to
    /// open a connection and it did not open.
    pub async fn acquire(&self) -> Result<PooledConnection<C>, PoolError> {
        // The clock is read once: a look at it is a hundredth of a whole exchange over a local socket.
        let (shared, begun) = (&self.shared, Instant::now());
        let end = after(begun, shared.settings.acquire_timeout);
        let obtained = {
            let obtaining = pin!(shared.obtain(begun));
            within(end, obtaining).await
        };
        // Behind the end of that future, which has left the line.
        match obtained {
            Some(obtained) => obtained,
            None => {
                shared.counts.timed_out.fetch_add(1, Relaxed);
                let standing = shared.line.standing();
                Err(PoolError::TimedOut {
                    waited: begun.elapsed(),
                    limit: shared.settings.max_open,
                    lent: standing.places - standing.idle - standing.making,
                    connecting: standing.making,
                    waiting: standing.waiting,
                })
            }
        }
    }

    /// Closes the connections that lie idle now.
    pub fn close_idle(&self) {
        drop(self.shared.line.expire(None, |_| true));
    }

    /// Whether anybody but this one has it, or a connection of it on loan.
    #[cfg(feature = "http")]
    pub(crate) fn is_used(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Whether it is a clone of the other.
    #[cfg(all(test, not(loom), feature = "http"))]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// What it has done so far.
    pub fn statistics(&self) -> ConnectionStatistics {
        let (counts, standing) = (&self.shared.counts, self.shared.line.standing());
        ConnectionStatistics {
            opened: counts.opened.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            reused: counts.reused.load(Relaxed),
            broken: counts.broken.load(Relaxed),
            timed_out: counts.timed_out.load(Relaxed),
            open: standing.places,
            idle: standing.idle,
            waiting: standing.waiting,
        }
    }
}

impl<C: Connect> Shared<C> {
    async fn obtain(self: &Arc<Self>, begun: Instant) -> Result<PooledConnection<C>, PoolError> {
        let mut turn = self.line.turn();
        loop {
            match (&mut turn).await {
                Grant::Object(kept) => {
                    if let Some(lent) = self.fit(kept, &mut turn, begun).await {
                        self.counts.reused.fetch_add(1, Relaxed);
                        return Ok(lent);
                    }
                }
                Grant::Place => return self.open(begun).await,
            }
        }
    }

    /// The connection, if it may be lent once more. If not it is closed, and the turn begins again. How old it is counts up to when its turn
    /// was asked for: while somebody waits none lies idle, and what comes back too old is not handed on.
    async fn fit(
        self: &Arc<Self>,
        kept: Kept<C::Connection>,
        turn: &mut Turn<'_, Kept<C::Connection>>,
        asked: Instant,
    ) -> Option<PooledConnection<C>> {
        let (idle, is_over) = (asked.duration_since(kept.since), self.is_over(&kept, asked));
        // From here on it comes back, or its place does, whatever happens to this future.
        let mut lent = PooledConnection { kept: Some(kept), shared: self.clone() };
        let is_fit = !is_over && (idle < self.settings.check_after || self.connector.check(&mut lent).await);
        if is_fit {
            return Some(lent);
        }
        // Its place goes over to the turn, also when it panics as it is closed.
        turn.again();
        drop(lent.kept.take());
        None
    }

    async fn open(self: &Arc<Self>, begun: Instant) -> Result<PooledConnection<C>, PoolError> {
        let place = Place(Some(self));
        let connection = self.connector.connect().await.map_err(|source| {
            self.counts.failed.fetch_add(1, Relaxed);
            PoolError::Connect { waited: begun.elapsed(), source }
        })?;
        self.counts.opened.fetch_add(1, Relaxed);
        let opened = Instant::now();
        let lent =
            PooledConnection { kept: Some(Kept { connection, opened, since: opened }), shared: self.clone() };
        place.filled();
        Ok(lent)
    }

    fn is_over(&self, kept: &Kept<C::Connection>, now: Instant) -> bool {
        let (idle, life) = (now.duration_since(kept.since), now.duration_since(kept.opened));
        idle > self.settings.max_idle || life > self.settings.max_life
    }
}

/// The right to open a connection. Dropped unfilled, it goes to the next.
struct Place<'a, C: Connect>(Option<&'a Shared<C>>);

impl<C: Connect> Place<'_, C> {
    fn filled(mut self) {
        if let Some(shared) = self.0.take() {
            shared.line.made();
        }
    }
}

impl<C: Connect> Drop for Place<'_, C> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.line.not_made();
        }
    }
}

/// The place of a connection that is being closed: free for another behind that, and also when it panics.
struct Lost<'a, T>(&'a Line<T>);

impl<T> Drop for Lost<'_, T> {
    fn drop(&mut self) {
        self.0.lost();
    }
}

/// A connection on loan. It is lent again only after [`reuse`](PooledConnection::reuse); dropped without, it is closed.
#[must_use = "a connection that is dropped is closed"]
pub struct PooledConnection<C: Connect> {
    /// `None` once it went back, or its place did.
    kept: Option<Kept<C::Connection>>,
    shared: Arc<Shared<C>>,
}

impl<C: Connect> PooledConnection<C> {
    /// Gives it back for others to use. To be called where nothing is under way on it: all of the last answer has been read.
    pub fn reuse(mut self) {
        let Some(mut kept) = self.kept.take() else { return };
        let (shared, now) = (&self.shared, Instant::now());
        kept.since = now;
        // Those at the other end of the stack: nobody asks for them while there are warm ones.
        let over = if shared.is_over(&kept, now) {
            let _lost = Lost(&shared.line);
            drop(kept);
            shared.line.expire(None, |kept| shared.is_over(kept, now))
        } else {
            shared.line.expire(Some(kept), |kept| shared.is_over(kept, now))
        };
        drop(over);
    }
}

impl<C: Connect> Deref for PooledConnection<C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        &self.kept.as_ref().expect("it is there until it is given back").connection
    }
}

impl<C: Connect> DerefMut for PooledConnection<C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        &mut self.kept.as_mut().expect("it is there until it is given back").connection
    }
}

impl<C: Connect> Drop for PooledConnection<C> {
    fn drop(&mut self) {
        // Closed before another is opened in its place.
        if let Some(kept) = self.kept.take() {
            let _lost = Lost(&self.shared.line);
            self.shared.counts.broken.fetch_add(1, Relaxed);
            drop(kept);
        }
    }
}

impl<C: Connect> Clone for ConnectionPool<C> {
    fn clone(&self) -> Self {
        ConnectionPool { shared: self.shared.clone() }
    }
}

impl<C: Connect> fmt::Debug for ConnectionPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionPool").field(&self.statistics()).finish()
    }
}

impl<C: Connect> fmt::Debug for PooledConnection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledConnection").finish_non_exhaustive()
    }
}
