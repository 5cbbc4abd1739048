//! A pure function that remembers its results.

mod shared;
mod statistics;
mod table;
mod trial;
mod worker;

use pipe_core::{Emit, Flow, Sharing, Stage, Step};
use shared::Shared;
use statistics::Totals;
pub use statistics::{MemoStatistics, MemoTally};
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
pub use worker::MemoWorker;

/// Computes `f` of each item, or finds it among its last results.
///
/// `f` is a pure function: its result depends on its argument alone. Then the outputs are the same whether they are computed or found,
/// on any number of workers; only the time differs.
///
/// Each worker has a table of its own for `entries` results (rounded up to a power of two, at least 4), without a lock, whose memory is
/// taken once, when a glance over a small one has shown that it may pay; what keys and results own elsewhere comes on top. However many are asked for, a table takes at most half a GiB, or half the memory of
/// a small machine. A function of a few nanoseconds is computed faster than it is found, and
/// keys that do not come again are never found. So now and then a worker runs some thousand items both ways against the clock, and where
/// the table does not pay it is passed by. The report has a line of it.
///
/// ```
/// use pipe_cache::memoised;
/// use pipe_core::{Inline, from_iter};
///
/// fn collatz_steps(start: &u64) -> u32 {
///     let (mut n, mut steps) = (*start, 0);
///     while n > 1 {
///         n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
///         steps += 1;
///     }
///     steps
/// }
///
/// let memo = memoised(1 << 10, collatz_steps);
/// let tally = memo.tally();
/// let steps = from_iter((0..10_000).map(|n| n % 100 + 1)).stage(memo).collect().run_on(&Inline)?;
/// assert_eq!(steps.value[26], 111);
/// let seen = tally.statistics();
/// assert_eq!(seen.hits + seen.misses + seen.bypassed, 10_000);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn memoised<K, V, F: Fn(&K) -> V>(entries: usize, f: F) -> Memo<K, V, F> {
    Memo { f, entries, shared: None, totals: Arc::default(), types: PhantomData }
}

/// The stage that [`memoised`] makes.
pub struct Memo<K, V, F> {
    f: F,
    entries: usize,
    shared: Option<Shared<K, V>>,
    totals: Arc<Totals>,
    types: PhantomData<fn(&K) -> V>,
}

impl<K, V, F> Memo<K, V, F> {
    /// With a second table, for `entries` results, that all workers share: what one has computed, others find. It is looked into where a
    /// worker's own table has no answer, under one of 64 locks: for functions that take microseconds. Its memory is taken here, with the same bound.
    pub fn shared(mut self, entries: usize) -> Self {
        self.shared = Some(Shared::new(entries));
        self
    }

    /// Tells what its tables have done, while the pipeline runs and afterwards.
    pub fn tally(&self) -> MemoTally {
        MemoTally(self.totals.clone())
    }
}

impl<K: Hash + Eq + Clone, V: Clone, F: Fn(&K) -> V> Memo<K, V, F> {
    /// The result for a key that the worker's own table does not know, and whether another worker's did.
    fn compute(&self, hash: u64, key: &K) -> (V, bool) {
        if let Some(value) = self.shared.as_ref().and_then(|shared| shared.get(hash, key)) {
            return (value, true);
        }
        let value = (self.f)(key);
        if let Some(shared) = &self.shared {
            shared.insert(hash, key.clone(), value.clone());
        }
        (value, false)
    }
}

impl<K: Send, V: Send, F: Send + Sync> Stage for Memo<K, V, F> {
    type State = MemoWorker<K, V>;

    const SHARING: Sharing = Sharing::PerWorker;

    /// Where the table is passed by, which is decided for a quarter of a million items and more at once.
    const MAY_BE_UNSTEADY: bool = true;

    fn is_steady(&self, worker: &MemoWorker<K, V>) -> bool {
        worker.is_steady()
    }

    fn state(&self) -> MemoWorker<K, V> {
        MemoWorker::new(self.entries, self.totals.clone())
    }

    fn state_bytes(&self, worker: &MemoWorker<K, V>) -> usize {
        worker.bytes()
    }
}

impl<K, V, F> Step<K> for Memo<K, V, F>
where
    K: Hash + Eq + Clone + Send,
    V: Clone + Send,
    F: Fn(&K) -> V + Send + Sync,
{
    type Out = V;

    #[inline(always)]
    fn push<O: Emit<V>>(&self, worker: &mut MemoWorker<K, V>, key: K, out: &mut O) -> Flow {
        if worker.passes_by() {
            return out.emit((self.f)(&key));
        }
        out.emit(worker.look_up(self, key))
    }

    #[inline(always)]
    fn push_steady<O: Emit<V>>(&self, worker: &mut MemoWorker<K, V>, key: K, out: &mut O) -> Flow {
        worker.pass_by();
        out.emit((self.f)(&key))
    }

    fn finish<O: Emit<V>>(&self, mut worker: MemoWorker<K, V>, out: &mut O) -> Flow {
        if worker.leave() {
            let seen = self.tally().statistics();
            if seen != MemoStatistics::default() {
                out.remark(seen.to_string());
            }
        }
        Flow::Continue(())
    }
}
