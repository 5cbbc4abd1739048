//! What a pool with magazines promises beside the laws of all pools.

use pipe_core::{Weigh, from_iter};
use pipe_mem::{Lazy, Pool, Pooled};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

fn counters(max_idle: usize) -> Pool<Arc<()>> {
    Pool::keeping(max_idle, Arc::default, |_| ())
}

/// No pattern, and the same each time.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn the_account_closes_after_every_step_and_idle_ones_are_never_too_many() {
    for max_idle in [0, 1, 7, 8, 16, 100, 1024] {
        let pool = counters(max_idle);
        let (mut out, mut state, mut gets) = (VecDeque::new(), 1, 0);
        for _ in 0..5_000 {
            match random(&mut state) % 64 {
                0 => pool.shrink_to(random(&mut state) as usize % 8),
                1 => out.clear(),
                step if step % 2 == 0 => {
                    out.push_back(pool.get());
                    gets += 1;
                }
                _ => drop(out.pop_front()),
            }
            let now = pool.statistics();
            assert_eq!(now.live, now.idle + out.len(), "{now:?}");
            assert!(now.idle <= max_idle, "{now:?} of {max_idle}");
            assert_eq!(now.hits + now.misses, gets, "{now:?}");
        }
    }
}

#[test]
fn idle_ones_of_many_threads_are_never_too_many() {
    for max_idle in [8, 64, 200] {
        let pool = counters(max_idle);
        thread::scope(|scope| {
            for seed in 0..8 {
                let pool = &pool;
                scope.spawn(move || {
                    let (mut out, mut state) = (Vec::new(), seed);
                    for _ in 0..3_000 {
                        let count = random(&mut state) as usize % 40;
                        out.resize_with(count, || pool.get());
                    }
                });
            }
        });
        let ended = pool.statistics();
        assert!(ended.live == ended.idle && ended.idle <= max_idle, "{ended:?} of {max_idle}");
    }
}

#[test]
fn what_one_thread_gets_another_gives_back_and_it_comes_round() {
    let pool = counters(1024);
    let (send, receive) = channel::<Pooled<Arc<()>>>();
    let (done, wait) = channel();
    thread::scope(|scope| {
        scope.spawn(move || receive.into_iter().for_each(|object| (drop(object), done.send(())).1.unwrap()));
        for _ in 0..10_000 {
            send.send(pool.get()).unwrap();
            wait.recv().unwrap();
        }
        drop(send);
    });
    let statistics = pool.statistics();
    // One is out at a time; a full magazine there and an empty one here.
    assert!(statistics.misses <= 64, "{statistics:?}");
}

#[test]
fn a_thread_that_ends_leaves_its_objects_to_the_others() {
    let pool = counters(1024);
    thread::scope(|scope| {
        // A join waits also for what the thread keeps for itself; the end of the scope does not.
        scope.spawn(|| drop((0..20).map(|_| pool.get()).collect::<Vec<_>>())).join().expect("no panic");
    });
    let kept: Vec<_> = (0..20).map(|_| pool.get()).collect();
    let statistics = pool.statistics();
    assert_eq!((statistics.misses, statistics.hits, statistics.live), (20, 20, 20));
    drop(kept);
}

#[test]
fn what_outlives_its_pool_is_freed_also_where_it_was_kept() {
    let seen = Arc::new(());
    let pool = {
        let seen = seen.clone();
        Pool::new(move || seen.clone(), |_| ())
    };
    let (send, receive) = channel::<Pooled<Arc<()>>>();
    let (done, wait) = channel();
    let other = thread::spawn(move || {
        for object in receive {
            drop(object);
            done.send(()).unwrap();
        }
    });
    let late = [pool.get(), pool.get(), pool.get()];
    send.send(pool.get()).unwrap();
    wait.recv().unwrap();
    drop(pool);
    // The maker went with the pool; three are out, and one lies with the other thread.
    let [mut here, there, third] = late;
    drop(third);
    *here = seen.clone();
    drop(here);
    send.send(there).unwrap();
    wait.recv().unwrap();
    // The magazine there has gone with the last one; its depot, and the maker in it, as well.
    assert_eq!(Arc::strong_count(&seen), 1);
    drop(send);
    other.join().unwrap();
}

#[test]
fn shrinking_frees_what_lies_here_at_once_and_the_rest_with_the_next_one_that_comes_back() {
    let pool = counters(1024);
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(pool.statistics().idle, 100);
    pool.shrink_to(10);
    assert!(pool.statistics().idle <= 10 + 32);
    let one = pool.get();
    pool.shrink_to(0);
    drop(one);
    assert!(pool.statistics().idle <= 32);
    assert_eq!(pool.statistics().live, pool.statistics().idle);
}

/// An object that uses its own pool while it is dropped.
struct Nested(Option<Pool<Nested>>);

impl Drop for Nested {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            drop((pool.get(), pool.get()));
        }
    }
}

#[test]
fn an_object_may_use_its_own_pool_while_it_is_dropped() {
    let pool = Pool::keeping(16, || Nested(None), |_| ());
    for _ in 0..50 {
        let mut objects: Vec<_> = (0..30).map(|_| pool.get()).collect();
        objects.iter_mut().for_each(|object| object.0 = Some(pool.clone()));
        drop(objects);
        pool.shrink_to(0);
    }
    let statistics = pool.statistics();
    assert_eq!(statistics.live, statistics.idle);
}

#[test]
fn what_is_lent_weighs_what_it_owns() {
    let pool = Pool::new(Vec::<u8>::new, Vec::clear);
    let mut buffer = pool.get();
    let empty = buffer.heap();
    buffer.reserve_exact(1 << 20);
    assert!(empty >= size_of::<Vec<u8>>());
    assert_eq!(buffer.heap() - empty, 1 << 20);
    let report = from_iter(0..4)
        .map(move |_| {
            let mut buffer = pool.get();
            buffer.reserve_exact(1 << 20);
            buffer
        })
        .weighed()
        .edge()
        .map(|buffer| buffer.capacity())
        .collect()
        .run_on(&Lazy::new())
        .unwrap();
    assert!(report.peak_bytes >= 1 << 20, "{} bytes at most", report.peak_bytes);
}
