//! Pools of connections and of buffers, on a virtual clock.
#![cfg(feature = "tokio")]

use pipe_async::{Async, BufferClass, BufferPool, Connect, ConnectionPool, PoolError, PoolSettings};
use pipe_core::{BoxError, RunError, from_iter, skip};
use std::future::pending;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Opens numbered connections, and knows how many are open.
#[derive(Clone, Default)]
struct Server {
    next: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    most_open: Arc<AtomicUsize>,
    opening: Arc<AtomicUsize>,
    most_opening: Arc<AtomicUsize>,
    checked: Arc<AtomicUsize>,
    /// Connections that fail their check.
    sick: Arc<Mutex<Vec<usize>>>,
    takes: Duration,
}

struct Connection {
    number: usize,
    open: Arc<AtomicUsize>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}

/// Counts one more as long as it lives, and remembers the most.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(now: &Arc<AtomicUsize>, most: &AtomicUsize) -> Self {
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        Counted(now.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Connect for Server {
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection, BoxError> {
        let opening = Counted::new(&self.opening, &self.most_opening);
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        drop(opening);
        self.most_open.fetch_max(self.open.fetch_add(1, SeqCst) + 1, SeqCst);
        Ok(Connection { number: self.next.fetch_add(1, SeqCst), open: self.open.clone() })
    }

    async fn check(&self, connection: &mut Connection) -> bool {
        self.checked.fetch_add(1, SeqCst);
        !self.sick.lock().unwrap().contains(&connection.number)
    }
}

fn settings(max_open: usize) -> PoolSettings {
    PoolSettings { max_open, ..PoolSettings::default() }
}

fn pool(server: &Server, max_open: usize) -> ConnectionPool<Server> {
    ConnectionPool::new(server.clone(), settings(max_open)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_one_that_came_back_last_is_lent_first() {
    let (server, begun) = (Server::default(), Instant::now());
    let pool = pool(&server, 3);
    let all = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    assert_eq!([all[0].number, all[1].number, all[2].number], [0, 1, 2]);
    let [zero, one, two] = all;
    one.reuse();
    two.reuse();
    zero.reuse();
    let again = pool.acquire().await.unwrap();
    assert_eq!(again.number, 0);
    assert_eq!((pool.statistics().idle, pool.statistics().reused, begun.elapsed()), (2, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_longest_is_served_and_nobody_overtakes() {
    let server = Server::default();
    let pool = pool(&server, 1);
    let held = pool.acquire().await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiters = Vec::new();
    for number in 0..50 {
        let (waiting, served) = (pool.clone(), served.clone());
        waiters.push(tokio::spawn(async move {
            let connection = waiting.acquire().await.unwrap();
            served.lock().unwrap().push(number);
            // Others could overtake here, and those who come back ask again at once.
            sleep(Duration::from_millis(1)).await;
            connection.reuse();
            drop(waiting.acquire().await.map(|connection| connection.reuse()));
        }));
        while pool.statistics().waiting != number + 1 {
            tokio::task::yield_now().await;
        }
    }
    held.reuse();
    for waiter in waiters {
        waiter.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert_eq!(pool.statistics().opened, 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_exchange_was_cancelled_midway_is_closed() {
    let server = Server::default();
    let pool = pool(&server, 1);
    let cancelled = async {
        let _connection = pool.acquire().await.unwrap();
        pending::<()>().await;
    };
    timeout(SECOND, cancelled).await.unwrap_err();
    assert_eq!((server.open.load(SeqCst), pool.statistics().broken), (0, 1));
    assert_eq!(pool.acquire().await.unwrap().number, 1);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_times_out_in_a_pipeline_costs_its_connection_and_no_other() {
    let server = Server::default();
    let pool = pool(&server, 4);
    let pooled = pool.clone();
    let report = from_iter(0..100u64)
        .try_map_async(move |n| {
            let pool = pooled.clone();
            async move {
                let connection = pool.acquire().await?;
                sleep(if n % 10 == 0 { 60 * SECOND } else { SECOND / 1_000 }).await;
                connection.reuse();
                Ok::<_, PoolError>(n)
            }
        })
        .concurrency(100)
        .timeout(3 * SECOND)
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio())
        .await
        .unwrap();
    // Others waited for their turn behind the slow ones, so how many fail depends on that; none is lost.
    assert_eq!(report.value.len() as u64 + report.skipped(), 100);
    assert!(report.value.iter().all(|n| n % 10 != 0));
    let statistics = pool.statistics();
    assert!(statistics.broken >= 4 && statistics.waiting == 0, "{statistics:?}");
    assert_eq!(statistics.open, statistics.idle);
    assert_eq!(server.open.load(SeqCst), statistics.open);
    assert!(server.most_open.load(SeqCst) <= 4);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_how_the_pool_stands() {
    let server = Server::default();
    let pool = pool(&server, 2);
    let _held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    let begun = Instant::now();
    let other = pool.clone();
    let other = tokio::spawn(async move { other.acquire().await.map(|_| ()) });
    sleep(SECOND).await;
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 6);
    let PoolError::TimedOut { waited, limit, lent, connecting, waiting } = error else { panic!("{error}") };
    assert_eq!((waited.as_secs(), limit, lent, connecting, waiting), (5, 2, 2, 0, 0));
    assert!(matches!(other.await.unwrap(), Err(PoolError::TimedOut { .. })));
    assert_eq!((pool.statistics().timed_out, pool.statistics().waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_takes_no_longer_than_the_patience_and_keeps_no_place() {
    let pool = ConnectionPool::new(pending::<Result<u8, BoxError>>, settings(1)).unwrap();
    let begun = Instant::now();
    let error = pool.acquire().await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 5);
    let PoolError::TimedOut { lent: 0, connecting, .. } = error else { panic!("{error}") };
    assert_eq!((connecting, pool.statistics().open), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_opened_at_once() {
    let server = Server { takes: SECOND, ..Server::default() };
    let settings = PoolSettings { max_connecting: 3, acquire_timeout: 60 * SECOND, ..settings(20) };
    let pool = ConnectionPool::new(server.clone(), settings).unwrap();
    let begun = Instant::now();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.acquire().await.unwrap() })
        })
        .collect();
    let mut lent = Vec::new();
    for asked in asking {
        lent.push(asked.await.unwrap());
    }
    // 20 connections, three at a time.
    assert_eq!((begun.elapsed().as_secs(), server.most_opening.load(SeqCst), lent.len()), (7, 3, 20));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_fails_the_one_who_opened_it_and_the_next_one_tries() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let connect = move || {
        let attempt = counted.fetch_add(1, SeqCst);
        async move {
            sleep(SECOND).await;
            if attempt < 2 {
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
            } else {
                Ok(attempt)
            }
        }
    };
    let pool = ConnectionPool::new(connect, PoolSettings { max_connecting: 1, ..settings(8) }).unwrap();
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let connection = pool.acquire().await?;
                let number = *connection;
                connection.reuse();
                Ok::<_, PoolError>(number)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }
    assert!(matches!(answers[0], Err(PoolError::Connect { .. })), "{answers:?}");
    let second = answers[1].as_ref().unwrap_err();
    assert_eq!(second.to_string(), "no connection, after 2s: connection refused");
    // The third opens one; for the fourth another is opened, or it gets that one.
    assert!(answers[2].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert_eq!(pool.statistics().failed, 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_idle_or_old_for_too_long_is_closed_and_what_was_idle_for_a_while_is_checked() {
    let server = Server::default();
    let pool = pool(&server, 4);
    for (idle, number, checks) in [(0, 0, 0), (0, 0, 0), (2, 0, 1), (31, 1, 1)] {
        sleep(SECOND * idle).await;
        let connection = pool.acquire().await.unwrap();
        assert_eq!((connection.number, server.checked.load(SeqCst)), (number, checks), "{idle}");
        connection.reuse();
    }
    server.sick.lock().unwrap().push(1);
    sleep(2 * SECOND).await;
    let third = pool.acquire().await.unwrap();
    assert_eq!((third.number, server.open.load(SeqCst)), (2, 1));
    sleep(31 * 60 * SECOND).await;
    third.reuse();
    assert_eq!((pool.statistics().open, server.open.load(SeqCst)), (0, 0), "older than max_life");
}

#[tokio::test(start_paused = true)]
async fn connections_at_the_bottom_are_closed_by_those_who_come_later() {
    let server = Server::default();
    let pool = pool(&server, 4);
    let (one, two) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    one.reuse();
    two.reuse();
    for _ in 0..4 {
        sleep(10 * SECOND).await;
        pool.acquire().await.unwrap().reuse();
    }
    assert_eq!((pool.statistics().open, server.open.load(SeqCst)), (1, 1));
    pool.close_idle();
    assert_eq!((pool.statistics().open, server.open.load(SeqCst)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_useless_connection_does_not_send_its_finder_to_the_end_of_the_line() {
    let server = Server { takes: SECOND, ..Server::default() };
    let pool = pool(&server, 1);
    let held = pool.acquire().await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let ask = |name: &'static str| {
        let (pool, order) = (pool.clone(), order.clone());
        tokio::spawn(async move {
            let connection = pool.acquire().await.unwrap();
            order.lock().unwrap().push((name, connection.number));
            connection.reuse();
        })
    };
    held.reuse();
    server.sick.lock().unwrap().push(0);
    sleep(2 * SECOND).await;
    let (first, second) = (ask("first"), ask("second"));
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(*order.lock().unwrap(), [("first", 1), ("second", 1)]);
}

#[test]
fn a_zero_is_a_config_error() {
    let zeros = [
        ("max_open", PoolSettings { max_open: 0, ..PoolSettings::default() }),
        ("max_connecting", PoolSettings { max_connecting: 0, ..PoolSettings::default() }),
        ("acquire_timeout", PoolSettings { acquire_timeout: Duration::ZERO, ..PoolSettings::default() }),
        ("max_idle", PoolSettings { max_idle: Duration::ZERO, ..PoolSettings::default() }),
        ("max_life", PoolSettings { max_life: Duration::ZERO, ..PoolSettings::default() }),
        ("check_after", PoolSettings { check_after: Duration::ZERO, ..PoolSettings::default() }),
    ];
    for (name, settings) in zeros {
        let refused = ConnectionPool::new(Server::default(), settings).unwrap_err();
        assert!(matches!(refused, RunError::Config { field, .. } if field == name), "{refused}");
    }
    for class in [BufferClass { bytes: 0, most: 1 }, BufferClass { bytes: 1, most: 0 }] {
        assert!(matches!(BufferPool::new(&[class], SECOND), Err(RunError::Config { .. })));
    }
    assert!(BufferPool::new(&[], SECOND).is_err());
    assert!(BufferPool::new(&[BufferClass { bytes: 1, most: 1 }], Duration::ZERO).is_err());
}

#[tokio::test(start_paused = true)]
async fn buffers_are_whole_pages_apart_and_bounded() {
    let classes = [BufferClass { bytes: 10_000, most: 1 }, BufferClass { bytes: 4096, most: 2 }];
    let pool = BufferPool::new(&classes, SECOND).unwrap();
    assert_eq!(pool.bytes(), 2 * 8192 + 12_288 + 4096);
    let (mut small, large) = (pool.get(4096).await.unwrap(), pool.get(4097).await.unwrap());
    assert_eq!((small.as_ptr() as usize % 4096, large.as_ptr() as usize % 4096), (0, 0));
    small.fill(7);
    small.truncate(5_000);
    assert_eq!(small.len(), 4096);
    small.truncate(10);
    assert_eq!((&small[..], large.len()), (&[7; 10][..], 4097));
    // Only large ones are out.
    assert!(matches!(pool.get(12_288).await, Err(PoolError::TimedOut { limit: 1, lent: 1, waiting: 0, .. })));
    assert!(matches!(pool.get(12_289).await, Err(PoolError::TooLarge { wanted: 12_289, limit: 12_288 })));
    drop(large);
    assert_eq!(pool.get(12_288).await.unwrap().len(), 12_288);
    drop(small);
    assert_eq!(pool.idle(), 2);
}
