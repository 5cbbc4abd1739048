//! What a stage keeps beside its operations counts against the memory limit as it was weighed, whatever comes behind it: items that wait for
//! their key, and copies for another attempt.

use pipe_async::{Async, sleep};
use pipe_core::{BoxError, Budget, Items, Own, Source, Want, Weigh, exponential, from_source};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Has so many bytes elsewhere.
#[derive(Clone)]
struct Item(usize);

impl Weigh for Item {
    fn heap(&self) -> usize {
        self.0
    }
}

const LARGE: usize = 64 << 10;
const ALL_LARGE: usize = 16 * LARGE;

/// A batch of 16 large items, then batches of small ones.
struct LargeOnesFirst {
    batches: u64,
}

impl Source for LargeOnesFirst {
    type Item = Own<Item>;
    type Batch = Items<Item>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<Item>>, BoxError> {
        self.batches += 1;
        Ok(match self.batches {
            1 => Some(Items::new(0, vec![Item(LARGE); 16]).owning(ALL_LARGE)),
            batch @ 2..=20 => Some(Items::new(batch * 100, vec![Item(0); 100])),
            _ => None,
        })
    }
}

/// The least that was charged while there were large items.
struct Least(AtomicUsize, Budget);

impl Least {
    fn new() -> Arc<Self> {
        Arc::new(Least(AtomicUsize::new(usize::MAX), Budget::new(64 << 20)))
    }

    fn look(&self) {
        self.0.fetch_min(self.1.in_use(), SeqCst);
    }

    /// A large item is held for as long as the run takes; small ones look.
    async fn hold(&self, item: &Item) {
        if item.0 > 0 {
            sleep(LONG).await;
        } else {
            sleep(SHORT).await;
            self.look();
        }
    }

    fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(10);

#[test]
fn items_that_wait_for_their_key_count_as_they_were_weighed() {
    let least = Least::new();
    let seen = least.clone();
    let held = move |item: Item| {
        let least = least.clone();
        async move { least.hold(&item).await }
    };
    let source = from_source(LargeOnesFirst { batches: 0 });
    // One key for all large items, and one for all small ones.
    let stage = source.map_async(held).concurrency(1_000).per_key(|item: &Item| item.0, 4).unordered();
    stage.for_each(drop).run_on(&Async::test().budget(&seen.1)).expect("nothing fails");
    assert!(seen.get() >= ALL_LARGE, "{} of {ALL_LARGE} bytes", seen.get());
}

#[test]
fn copies_for_another_attempt_count_as_they_were_weighed_beside_their_items() {
    let least = Least::new();
    let seen = least.clone();
    let held = move |item: Item| {
        let least = least.clone();
        async move {
            least.hold(&item).await;
            Ok::<_, BoxError>(())
        }
    };
    let source = from_source(LargeOnesFirst { batches: 0 });
    let stage = source.try_map_async(held).concurrency(1_000).retry(exponential(2)).unordered();
    stage.for_each(drop).run_on(&Async::test().budget(&seen.1)).expect("nothing fails");
    assert!(seen.get() >= 2 * ALL_LARGE, "{} of 2 * {ALL_LARGE} bytes", seen.get());
}

#[test]
fn copies_that_wait_for_another_attempt_count_as_they_were_weighed() {
    let least = Least::new();
    let (seen, failed) = (least.clone(), Arc::new(AtomicUsize::new(0)));
    let held = move |item: Item| {
        let (least, failed) = (least.clone(), failed.clone());
        async move {
            if item.0 > 0 && failed.fetch_add(1, SeqCst) < 16 {
                return Err::<(), BoxError>("not yet".into());
            }
            sleep(SHORT).await;
            if failed.load(SeqCst) == 16 {
                least.look();
            }
            Ok(())
        }
    };
    let source = from_source(LargeOnesFirst { batches: 0 });
    let stage = source.try_map_async(held).concurrency(1_000).retry(exponential(2)).unordered();
    stage.for_each(drop).run_on(&Async::test().budget(&seen.1)).expect("each second attempt goes well");
    assert!((ALL_LARGE..2 * ALL_LARGE).contains(&seen.get()), "{} of {ALL_LARGE} bytes", seen.get());
}
