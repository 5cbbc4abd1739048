//! Live sources: no item waits for the next one.

use pipe_core::from_iter;
use pipe_parallel::Parallel;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How many items came out.
#[derive(Default)]
struct Out {
    items: Mutex<u64>,
    changed: Condvar,
}

impl Out {
    fn add(&self) {
        *self.items.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// A source that gives item `n` when the `n` before it are out: with two of them in a batch it would never go on.
    fn source(&self) -> impl Iterator<Item = u64> + Send {
        (0..2_000).inspect(|n| {
            let few = |items: &mut u64| *items < *n;
            let waited =
                self.changed.wait_timeout_while(self.items.lock().unwrap(), Duration::from_secs(30), few);
            assert!(!waited.unwrap().1.timed_out(), "item {n} is waited for by one before it");
        })
    }
}

#[test]
fn each_item_is_out_before_the_next_one_has_come() {
    for workers in [1, 2, 3] {
        for parallel in [Parallel::new(), Parallel::new().spread_at_once()] {
            let parallel = parallel.workers(workers).low_latency();
            let out = Out::default();
            let ran = from_iter(out.source()).map(|n| n + 1).for_each(|_| out.add()).run_on(&parallel);
            assert_eq!(ran.expect("nothing fails").written, 2_000);
        }
    }
}

#[test]
fn also_through_serial_stages_and_edges() {
    for parallel in [Parallel::new(), Parallel::new().spread_at_once()] {
        let parallel = parallel.workers(3).low_latency();
        let (out, serial) = (Out::default(), Out::default());
        let stages = from_iter(out.source()).map(|n| n + 1).scan(|| 0, std::mem::replace).map(|n| n);
        assert_eq!(stages.for_each(|_| out.add()).run_on(&parallel).expect("nothing fails").written, 2_000);
        let only = from_iter(serial.source()).scan(|| 0, std::mem::replace);
        assert_eq!(only.for_each(|_| serial.add()).run_on(&parallel).expect("nothing fails").written, 2_000);
    }
}
