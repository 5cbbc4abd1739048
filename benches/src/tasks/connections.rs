//! `pool-acquire`: many tasks on few connections, each of which is used for a millisecond; what counts is how long a task waits for one.

use super::operations::{MILLISECOND, during, together};
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::rng::mix;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Connections that there may be.
pub(crate) const MOST: usize = 50;

/// How long a task may wait: none does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Connections that were opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// How long each task has waited. All contenders poll on one thread.
    static WAITED: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
}

/// A connection that opens at once and answers after a millisecond.
pub(crate) struct Connection;

impl Connection {
    pub(crate) fn open() -> Self {
        OPENED.fetch_add(1, Relaxed);
        Connection
    }

    async fn ask(&mut self, n: u64) -> u64 {
        sleep(MILLISECOND).await;
        mix(n)
    }
}

/// One operation: waits for what `acquire` lends, uses the connection in it, and hands it to `release`.
pub(crate) async fn exchange<L>(
    n: u64,
    acquire: impl Future<Output = L>,
    connection: impl FnOnce(&mut L) -> &mut Connection,
    release: impl FnOnce(L),
) -> u64 {
    during(async {
        let begun = Instant::now();
        let mut lent = acquire.await;
        WAITED.with_borrow_mut(|waited| waited.push(begun.elapsed()));
        let answer = connection(&mut lent).ask(n).await;
        release(lent);
        answer
    })
    .await
}

/// A percentile of spans of time, in seconds.
pub(crate) type Percentile = fn(Vec<Duration>) -> Option<f64>;

/// Times `work`; what is counted is a percentile of the waits. Fails if more connections were opened than there may be.
pub(crate) fn waits(
    job: &Job,
    percentile: Percentile,
    work: impl FnOnce() -> Result<u64, BoxError>,
) -> Result<Outcome, BoxError> {
    let outcome = together(job, work)?;
    let opened = OPENED.load(Relaxed);
    if opened > MOST as u64 {
        return Err(format!("{opened} connections were opened, and not at most {MOST}").into());
    }
    Ok(Outcome { counted: percentile(WAITED.take()), ..outcome })
}
