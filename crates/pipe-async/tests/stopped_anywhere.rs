//! Wherever a run waits, a switch and a deadline end it, and one that is dropped there leaves nothing behind.
#![cfg(feature = "tokio")]

use pipe_async::{Async, BufferClass, BufferPool};
use pipe_core::testing::{Counted, Live};
use pipe_core::{Cancel, Rate, RunError, exponential, from_iter};
use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::time::timeout;

type Item = Counted<u64>;

const LONG: Duration = Duration::from_secs(3_600);

/// Long enough for the run to come to where it waits.
const SHORT: Duration = Duration::from_millis(50);

/// More than the end of any of it takes; if it hangs, it says so.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says that the run has come this far.
#[derive(Clone)]
struct Here(Sender<()>);

impl Here {
    fn new() -> (Self, Receiver<()>) {
        let (tell, told) = channel();
        (Here(tell), told)
    }

    fn say(&self) {
        // Only the first is listened to.
        let _ = self.0.send(());
    }

    async fn never(self, item: Item) -> Item {
        self.say();
        pending::<()>().await;
        item
    }
}

fn items(live: &Live) -> impl Iterator<Item = Item> + Send + use<> {
    let live = live.clone();
    (0..).map(move |n| live.item(n))
}

/// Until all that the threads of a run had is gone.
fn nothing_is_left(live: &Live, what: &str) {
    let began = Instant::now();
    while live.now() > 0 {
        assert!(began.elapsed() < PATIENCE, "{what}: {} items are left", live.now());
        thread::yield_now();
    }
}

/// Stops the run of this pipeline on each executor by a switch and by a deadline, and drops it.
macro_rules! ends_everywhere {
    ($what:literal, |$live:ident, $here:ident| $pipeline:expr) => {{
        let whole = |live: &Live, here: Here| {
            let ($live, $here) = (live, here);
            $pipeline.for_each(drop)
        };
        for kind in 0..6 {
            let stopped = |live: &Live, here: Here, cancel: &Cancel, within: Duration| {
                let whole = whole(live, here).cancelled_by(cancel).within(within);
                match kind {
                    0 => whole.run_on(&Async::tokio().blocking()),
                    1 => whole.run_on(&Async::tokio().memory_limit(1 << 10).blocking()),
                    2 => whole.run_on(&Async::tokio().shards(2).blocking()),
                    3 => whole.run_on(&Async::tokio().in_task().blocking()),
                    #[cfg(feature = "monoio")]
                    4 => whole.run_on(&Async::monoio().blocking()),
                    #[cfg(feature = "monoio")]
                    5 => whole.run_on(&Async::monoio().in_task().blocking()),
                    _ => whole.run_on(&Async::tokio().blocking()),
                }
            };
            let (live, cancel, (here, told)) = (Live::new(), Cancel::new(), Here::new());
            let switch = cancel.clone();
            let switching = thread::spawn(move || {
                told.recv_timeout(PATIENCE).expect("the run comes to where it waits");
                switch.cancel();
            });
            let ended = stopped(&live, here, &cancel, PATIENCE).map(drop);
            assert!(matches!(ended, Err(RunError::Cancelled)), "{}, {kind}: {ended:?}", $what);
            switching.join().expect("it was told");
            nothing_is_left(&live, $what);
            let (live, (here, _told)) = (Live::new(), Here::new());
            let ended = stopped(&live, here, &Cancel::new(), SHORT).map(drop);
            assert!(matches!(ended, Err(RunError::TimedOut)), "{}, {kind}: {ended:?}", $what);
            nothing_is_left(&live, $what);
        }
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (live, (here, _told)) = (Live::new(), Here::new());
        let run = whole(&live, here).run_on(&Async::tokio().memory_limit(1 << 12));
        let waited = runtime.block_on(async { timeout(SHORT, run).await });
        assert!(waited.is_err(), "{}: {waited:?}", $what);
        nothing_is_left(&live, $what);
    }};
}

#[test]
fn a_run_ends_where_operations_never_do() {
    ends_everywhere!("operations", |live, here| from_iter(items(live))
        .map_async(move |item| here.clone().never(item)));
}

#[test]
fn a_run_ends_where_a_stage_waits_for_room() {
    ends_everywhere!("room", |live, here| from_iter(items(live))
        .map(|item| item)
        .map_async(|item| async move { item })
        .map(|item| item)
        .map_async(move |item| here.clone().never(item))
        .concurrency(1));
}

#[test]
fn a_run_ends_where_items_wait_for_their_key() {
    ends_everywhere!("key", |live, here| from_iter(items(live))
        .map_async(move |item| here.clone().never(item))
        .per_key(|_: &Item| 0, 1));
}

#[test]
fn a_run_ends_where_operations_wait_for_the_rate() {
    ends_everywhere!("rate", |live, here| from_iter(items(live))
        .map_async(move |item| {
            here.say();
            async move { item }
        })
        .rate(Rate::new(1, LONG)));
}

#[test]
fn a_run_ends_where_operations_wait_for_a_pool() {
    let pool = BufferPool::new(&[BufferClass { bytes: 4_096, most: 1 }], LONG).expect("a pool");
    let pool = Arc::new(pool);
    ends_everywhere!("pool", |live, here| {
        let pool = pool.clone();
        from_iter(items(live)).map_async(move |item| {
            let (pool, here) = (pool.clone(), here.clone());
            async move {
                let held = pool.get(1).await;
                let item = here.never(item).await;
                drop(held);
                item
            }
        })
    });
}

#[test]
fn a_run_ends_where_items_wait_for_another_attempt() {
    let patient = exponential(3).first(LONG);
    ends_everywhere!("attempts", |live, here| from_iter(items(live).map(Arc::new))
        .try_map_async(move |item: Arc<Item>| {
            here.say();
            async move { Err::<Arc<Item>, _>(("not yet", item).0) }
        })
        .retry(patient));
}

#[test]
fn a_run_ends_where_a_sync_stage_waits_for_another_attempt() {
    let patient = exponential(3).first(LONG);
    let behind = |here: &Here| -> Result<u64, &'static str> {
        here.say();
        Err("not yet")
    };
    let numbers = |live: &Live| items(live).map(|_| 0u64);
    ends_everywhere!("attempts of a sync stage", |live, here| from_iter(numbers(live))
        .try_map(move |_| behind(&here))
        .retry(patient)
        .map_async(|n| async move { n }));
}
