//! Pools of connections that others keep: deadpool and bb8, with a task for each operation that may be in flight.

use crate::contender::Job;
use crate::contenders::tokio::crew;
use crate::measure::{BoxError, Outcome};
use crate::tasks::connections::{Connection, MOST, PATIENCE, Percentile, exchange, waits};
use crate::tasks::stops::{percentile_99, percentile_999};
use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};
use std::convert::Infallible;
use std::sync::OnceLock;

/// For both.
struct Opens;

impl Manager for Opens {
    type Type = Connection;
    type Error = Infallible;

    async fn create(&self) -> Result<Connection, Infallible> {
        Ok(Connection::open())
    }

    async fn recycle(&self, _: &mut Connection, _: &Metrics) -> RecycleResult<Infallible> {
        Ok(())
    }
}

impl bb8::ManageConnection for Opens {
    type Connection = Connection;
    type Error = Infallible;

    async fn connect(&self) -> Result<Connection, Infallible> {
        Ok(Connection::open())
    }

    async fn is_valid(&self, _: &mut Connection) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}

pub(crate) fn deadpool(job: &Job) -> Result<Outcome, BoxError> {
    of_deadpool(job, percentile_99)
}

pub(crate) fn deadpool_999(job: &Job) -> Result<Outcome, BoxError> {
    of_deadpool(job, percentile_999)
}

fn of_deadpool(job: &Job, percentile: Percentile) -> Result<Outcome, BoxError> {
    let pool: Pool<Opens> = Pool::builder(Opens).max_size(MOST).build()?;
    waits(job, percentile, || {
        let share = || std::future::ready(pool.clone());
        crew(job, share, |pool: Pool<Opens>, n| async move {
            let acquire = async { pool.get().await.expect("nothing fails") };
            let answer = exchange(n, acquire, |lent| &mut **lent, drop).await;
            (pool, answer)
        })
    })
}

pub(crate) fn bb8(job: &Job) -> Result<Outcome, BoxError> {
    of_bb8(job, percentile_99)
}

pub(crate) fn bb8_999(job: &Job) -> Result<Outcome, BoxError> {
    of_bb8(job, percentile_999)
}

fn of_bb8(job: &Job, percentile: Percentile) -> Result<Outcome, BoxError> {
    // Made inside the runtime, which it asks for a task.
    let pool = OnceLock::new();
    let open = || {
        bb8::Pool::builder()
            .max_size(MOST as u32)
            .connection_timeout(PATIENCE)
            .test_on_check_out(false)
            .build_unchecked(Opens)
    };
    waits(job, percentile, || {
        let share = || std::future::ready(pool.get_or_init(open).clone());
        crew(job, share, |pool: bb8::Pool<Opens>, n| async move {
            let acquire = async { pool.get().await.expect("nobody waits that long") };
            let answer = exchange(n, acquire, |lent| &mut **lent, drop).await;
            (pool, answer)
        })
    })
}
