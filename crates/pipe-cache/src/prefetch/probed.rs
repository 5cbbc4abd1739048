//! Looking into a large table, several looks ahead.

use pipe_core::{Emit, Flow, Sharing, Stage, Step};
use std::collections::VecDeque;

/// Maps each item with `find`, and calls `place` of it `ahead` items earlier: to [`prefetch`](crate::prefetch) what `find` will look at.
///
/// A look into a table that is larger than the caches waits some hundred cycles for memory, and if it branches on what it finds, so does
/// everything behind it. With the places of the next items fetched beforehand these waits overlap: group prefetching, in a ring (Chen,
/// Ailamaki, Gibbons, Mowry: Improving Hash Join Performance through Prefetching, ICDE 2004). 8 to 32 items ahead are enough for the
/// lines that a core fetches at once; 0 is an ordinary map. Put the table into an [`AlignedVec`](crate::AlignedVec), which has huge
/// pages: they save more than fetching early does.
///
/// Outputs are in order. Each worker holds back `ahead` items, no longer than to the end of its batch.
///
/// ```
/// use pipe_cache::{AlignedVec, prefetch, probed};
/// use pipe_core::{Inline, from_iter};
///
/// let squares: AlignedVec<u64> = (0..1_000).map(|n| n * n).collect();
/// let looks = probed(16, |n: &usize| prefetch(&squares[*n]), |n| squares[n]);
/// let found = from_iter([3, 999, 31]).stage(looks).collect().run_on(&Inline)?;
/// assert_eq!(found.value, [9, 998_001, 961]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn probed<K, V, H: Fn(&K), F: Fn(K) -> V>(ahead: usize, place: H, find: F) -> Probed<K, H, F> {
    Probed { ahead, place, find, key: std::marker::PhantomData }
}

/// The stage that [`probed`] makes.
pub struct Probed<K, H, F> {
    ahead: usize,
    place: H,
    find: F,
    key: std::marker::PhantomData<fn(K)>,
}

impl<K, H: Send + Sync, F: Send + Sync> Stage for Probed<K, H, F> {
    /// The items whose places are being fetched.
    type State = VecDeque<K>;

    const SHARING: Sharing = Sharing::PerWorker;

    fn state(&self) -> VecDeque<K> {
        VecDeque::new()
    }

    fn state_bytes(&self, waiting: &VecDeque<K>) -> usize {
        waiting.capacity() * size_of::<K>()
    }
}

impl<K, V, H: Fn(&K) + Send + Sync, F: Fn(K) -> V + Send + Sync> Step<K> for Probed<K, H, F> {
    type Out = V;

    #[inline(always)]
    fn push<O: Emit<V>>(&self, waiting: &mut VecDeque<K>, key: K, out: &mut O) -> Flow {
        (self.place)(&key);
        if waiting.len() < self.ahead {
            waiting.push_back(key);
            return Flow::Continue(());
        }
        // With nothing ahead the ring is empty, and the item goes through.
        let first = match waiting.pop_front() {
            Some(first) => {
                waiting.push_back(key);
                first
            }
            None => key,
        };
        out.emit((self.find)(first))
    }

    fn rest<O: Emit<V>>(&self, waiting: &mut VecDeque<K>, out: &mut O) -> Flow {
        while let Some(key) = waiting.pop_front() {
            out.emit((self.find)(key))?;
        }
        Flow::Continue(())
    }

    fn finish<O: Emit<V>>(&self, mut waiting: VecDeque<K>, out: &mut O) -> Flow {
        self.rest(&mut waiting, out)
    }
}
