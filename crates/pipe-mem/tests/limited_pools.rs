//! What a limited pool promises beside the laws of all pools: the limit, the order of the line, no lost wake-up.

use pipe_core::RunError;
use pipe_mem::{LimitedPool, SimplePool};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn numbers(limit: usize) -> LimitedPool<usize> {
    LimitedPool::new(limit, || 0, |_| ()).expect("some")
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn poll<F: Future>(future: &mut Pin<Box<F>>, bell: &Arc<Bell>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(&Waker::from(bell.clone())))
}

#[test]
fn zero_is_a_config_error() {
    let limited = LimitedPool::new(0, || (), |_| ()).map(drop);
    assert!(matches!(limited, Err(RunError::Config { field: "limited_pool.limit", .. })));
    let simple = SimplePool::new(0, || (), |_| ()).map(drop);
    assert!(matches!(simple, Err(RunError::Config { field: "simple_pool.size", .. })));
}

#[test]
fn the_limit_is_never_exceeded_and_every_thread_gets_its_turn() {
    let (live, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let make = {
        let (live, most) = (live.clone(), most.clone());
        move || {
            most.fetch_max(live.fetch_add(1, SeqCst) + 1, SeqCst);
            Counted(live.clone())
        }
    };
    let pool = LimitedPool::new(2, make, |_| ()).expect("two are some");
    // Threads may happen to run one after the other.
    drop((pool.try_get(), pool.try_get()));
    thread::scope(|scope| {
        for thread in 0..6 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..300 {
                    let got = pool.get_within(LONG).expect("others give theirs back");
                    // Now and then one is lost, and another has to be made in its place.
                    if (thread + round) % 50 == 0 {
                        let lost = catch_unwind(AssertUnwindSafe(move || {
                            let _got = got;
                            std::panic::resume_unwind(Box::new(()));
                        }));
                        assert!(lost.is_err());
                    }
                }
            });
        }
    });
    let statistics = pool.statistics();
    assert_eq!(most.load(SeqCst), 2);
    assert_eq!((statistics.live, statistics.idle), (live.load(SeqCst), live.load(SeqCst)));
    assert_eq!((statistics.poisoned, statistics.hits + statistics.misses), (36, 1802));
}

#[test]
fn who_came_first_is_served_first_and_nobody_overtakes() {
    let pool = numbers(1);
    let only = pool.try_get().expect("it is free");
    let bells: [Arc<Bell>; 3] = Default::default();
    let mut line: Vec<_> = (0..3).map(|_| Box::pin(pool.get())).collect();
    for (waiter, bell) in line.iter_mut().zip(&bells) {
        assert!(poll(waiter, bell).is_pending());
    }
    drop(only);
    assert_eq!(bells.each_ref().map(|bell| bell.0.load(SeqCst)), [1, 0, 0]);
    assert!(pool.try_get().is_none(), "it is the first waiter's");
    assert!(poll(&mut line[1], &bells[1]).is_pending());
    let Poll::Ready(first) = poll(&mut line[0], &bells[0]) else { panic!("it was woken") };
    assert!(poll(&mut line[1], &bells[1]).is_pending());
    drop(first);
    assert!(poll(&mut line[1], &bells[1]).is_ready());
    assert_eq!(pool.statistics().waits, 3);
}

#[test]
fn a_waiter_that_gives_up_passes_its_turn_on() {
    let pool = numbers(1);
    let only = pool.try_get().expect("it is free");
    let bells: [Arc<Bell>; 2] = Default::default();
    let (mut first, mut second) = (Box::pin(pool.get()), Box::pin(pool.get()));
    assert!(poll(&mut first, &bells[0]).is_pending() && poll(&mut second, &bells[1]).is_pending());
    drop(only);
    // Woken, and gone before it took what it was woken for.
    drop(first);
    assert_eq!(bells[1].0.load(SeqCst), 1);
    assert!(poll(&mut second, &bells[1]).is_ready());
    assert!(pool.try_get().is_some());
}

#[test]
fn two_that_come_back_at_once_serve_two() {
    let pool = numbers(2);
    let both = (pool.try_get(), pool.try_get());
    let bells: [Arc<Bell>; 2] = Default::default();
    let (mut first, mut second) = (Box::pin(pool.get()), Box::pin(pool.get()));
    assert!(poll(&mut first, &bells[0]).is_pending() && poll(&mut second, &bells[1]).is_pending());
    drop(both);
    let one = poll(&mut first, &bells[0]);
    assert!(one.is_ready());
    assert_eq!(bells[1].0.load(SeqCst), 1, "the first passes it on");
    assert!(poll(&mut second, &bells[1]).is_ready());
}

#[test]
fn the_waker_given_last_is_the_one_that_is_woken() {
    let pool = numbers(1);
    let only = pool.try_get();
    let bells: [Arc<Bell>; 2] = Default::default();
    let mut waiter = Box::pin(pool.get());
    assert!(poll(&mut waiter, &bells[0]).is_pending() && poll(&mut waiter, &bells[1]).is_pending());
    drop(only);
    assert_eq!(bells.map(|bell| bell.0.load(SeqCst)), [0, 1]);
}

#[test]
fn patience_ends_with_a_typed_error_and_leaves_the_line() {
    let pool = numbers(2);
    let both = (pool.try_get(), pool.try_get());
    let error = pool.get_within(Duration::ZERO).expect_err("all are out");
    assert_eq!(error.limit, 2);
    assert!(error.to_string().starts_with("none of 2 objects came back"), "{error}");
    drop(both);
    assert!(pool.try_get().is_some(), "nobody is in line any more");
}

#[test]
fn a_lost_object_makes_room_for_a_waiter() {
    let pool = numbers(1);
    let only = pool.try_get();
    let bell = Arc::<Bell>::default();
    let mut waiter = Box::pin(pool.get());
    assert!(poll(&mut waiter, &bell).is_pending());
    let lost = catch_unwind(AssertUnwindSafe(move || {
        let _only = only;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(lost.is_err());
    assert_eq!(bell.0.load(SeqCst), 1);
    assert!(poll(&mut waiter, &bell).is_ready());
    assert_eq!(pool.statistics().poisoned, 1);
}
