//! Stages that depend on the items before: each is a segment of its own, run by one worker at a time and in order.

use crate::adapters::{Batches, Dedup, Enumerate, Identity, Scan, Skip, Take, TakeWhile, Windows};
use crate::item::{Item, Own, Owned, Same};
use crate::lower::{AnyWorkers, Cut, OneWorker};
use crate::pipeline::Pipeline;
use crate::settings::{Emits, SegmentKind};
use crate::stage::{Stage, Step, Then};
use std::time::Duration;

/// What is upstream of a pipeline behind a serial stage `S` that emits `T`.
pub type Serial<U, C, I, S, T> = Cut<Cut<U, C, <I as Owned>::T, AnyWorkers>, Then<Identity, S>, T, OneWorker>;

/// Serial stages: one worker at a time runs them, on all items in order. They take owned items, since what crosses over from the parallel
/// part may not borrow. To skip or take borrowed rows, use `skip_rows` and `take_rows`, which work on the source.
///
/// After `.unordered()` they are a `Config` error: their result would differ from run to run.
impl<U, C, I: Item> Pipeline<U, C, I> {
    /// A serial stage of your own: one that makes one state for the whole run and sees all items in order. The state moves between
    /// threads, so it is `Send`.
    ///
    /// ```
    /// use pipe_core::{Emit, Flow, Inline, Sharing, Stage, Step, from_iter};
    ///
    /// /// The difference to the item before.
    /// struct Delta;
    ///
    /// impl Stage for Delta {
    ///     type State = i64;
    ///     const SHARING: Sharing = Sharing::Serial;
    ///     fn state(&self) -> i64 {
    ///         0
    ///     }
    /// }
    ///
    /// impl Step<i64> for Delta {
    ///     type Out = i64;
    ///     fn push<O: Emit<i64>>(&self, before: &mut i64, item: i64, out: &mut O) -> Flow {
    ///         out.emit(item - std::mem::replace(before, item))
    ///     }
    /// }
    ///
    /// let deltas = from_iter([3, 5, 4]).serial(Delta).collect().run_on(&Inline)?;
    /// assert_eq!(deltas.value, [3, 2, -1]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn serial<J: Owned, T, S>(self, stage: S) -> Pipeline<Serial<U, C, J, S, T>, Identity, Own<T>>
    where
        I: Same<J>,
        T: Send + 'static,
        S: Step<J::T, Out = T> + Stage<State: Send>,
    {
        self.serially("serial", Emits::Many, stage)
    }

    pub(crate) fn serially<J: Owned, T: Send + 'static, S>(
        self,
        name: &str,
        emits: Emits,
        stage: S,
    ) -> Pipeline<Serial<U, C, J, S, T>, Identity, Own<T>>
    where
        I: Same<J>,
    {
        let serial: Pipeline<_, _, Own<T>> =
            self.renamed::<J>().cut::<AnyWorkers>(SegmentKind::Serial).then(name, emits, stage);
        serial.cut(SegmentKind::Parallel)
    }

    /// Maps with a state that has seen all items before: running totals, differences, numbers.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter};
    ///
    /// let sums = from_iter([1, 2, 3]).scan(|| 0, |sum, n| { *sum += n; *sum }).collect().run_on(&Inline)?;
    /// assert_eq!(sums.value, [1, 3, 6]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn scan<J: Owned, S, T, N, F>(
        self,
        new: N,
        f: F,
    ) -> Pipeline<Serial<U, C, J, Scan<N, F>, T>, Identity, Own<T>>
    where
        I: Same<J>,
        S: Send,
        T: Send + 'static,
        N: Fn() -> S + Send + Sync,
        F: Fn(&mut S, J::T) -> T + Send + Sync,
    {
        self.serially("scan", Emits::One, Scan { new, scan: f })
    }

    /// Ends the run well after `items` items; what more there is is not read, but for what was read ahead. Zero reads nothing at all.
    pub fn take<J: Owned>(mut self, items: u64) -> Pipeline<Serial<U, C, J, Take, J::T>, Identity, Own<J::T>>
    where
        I: Same<J>,
    {
        self.settings.reads_nothing |= items == 0;
        self.serially("take", Emits::AtMostOne, Take(items))
    }

    /// Drops the first `items` items, and passes on the rest.
    pub fn skip<J: Owned>(self, items: u64) -> Pipeline<Serial<U, C, J, Skip, J::T>, Identity, Own<J::T>>
    where
        I: Same<J>,
    {
        self.serially("skip", Emits::AtMostOne, Skip(items))
    }

    /// Passes items on until `f` returns false for one, and then ends the run, which still commits. That item is dropped.
    pub fn take_while<J: Owned, F>(
        self,
        f: F,
    ) -> Pipeline<Serial<U, C, J, TakeWhile<F>, J::T>, Identity, Own<J::T>>
    where
        I: Same<J>,
        F: Fn(&J::T) -> bool + Send + Sync,
    {
        self.serially("take_while", Emits::AtMostOne, TakeWhile(f))
    }

    /// Makes a pair of each item: its number, counted from zero in input order, and the item.
    pub fn enumerate<J: Owned>(
        self,
    ) -> Pipeline<Serial<U, C, J, Enumerate, (u64, J::T)>, Identity, Own<(u64, J::T)>>
    where
        I: Same<J>,
    {
        self.serially("enumerate", Emits::One, Enumerate)
    }

    /// Drops each item that equals the one before it, as `Vec::dedup` does. Remembers one item.
    pub fn dedup<J: Owned>(
        self,
    ) -> Pipeline<Serial<U, C, J, Dedup<fn(&J::T) -> J::T, J::T>, J::T>, Identity, Own<J::T>>
    where
        I: Same<J>,
        J::T: Clone + PartialEq,
    {
        self.dedup_by_key(J::T::clone as fn(&J::T) -> J::T)
    }

    /// Drops each item whose key equals that of the item before it, as `Vec::dedup_by_key` does. Remembers one key.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter};
    ///
    /// let kept = from_iter([10, 11, 25, 12]).dedup_by_key(|n| n / 10).collect().run_on(&Inline)?;
    /// assert_eq!(kept.value, [10, 25, 12]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn dedup_by_key<J: Owned, K, F>(
        self,
        key: F,
    ) -> Pipeline<Serial<U, C, J, Dedup<F, K>, J::T>, Identity, Own<J::T>>
    where
        I: Same<J>,
        K: PartialEq + Send,
        F: Fn(&J::T) -> K + Send + Sync,
    {
        self.serially("dedup", Emits::AtMostOne, Dedup::new(key))
    }

    /// Collects `size` items into a vector; the last one may have fewer. Zero is a `Config` error. A batch that becomes
    /// larger than the memory limit ends the run with a budget error. [`or_after`](Pipeline::or_after) and
    /// [`or_bytes`](Pipeline::or_bytes), right behind it, let a batch go before it is full.
    pub fn batch<J: Owned>(
        mut self,
        size: usize,
    ) -> Pipeline<Serial<U, C, J, Batches<J::T>, Vec<J::T>>, Identity, Own<Vec<J::T>>>
    where
        I: Same<J>,
    {
        if size == 0 {
            self.settings.refuse("batch", size, "a batch of no items would never be full");
        }
        let weigher = self.settings.weighers.get();
        self.serially("batch", Emits::Many, Batches::new(size, weigher))
    }

    /// Emits vectors of `size` neighbours. A new window begins `every` that many items: with 1 windows slide, with `size` they tile, with more
    /// there are gaps. Only full windows are emitted. Zero for either is a `Config` error.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter};
    ///
    /// let means = from_iter([1.0, 2.0, 6.0]).windows(2, 1).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
    /// assert_eq!(means.run_on(&Inline)?.value, [1.5, 4.0]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn windows<J: Owned>(
        mut self,
        size: usize,
        every: usize,
    ) -> Pipeline<Serial<U, C, J, Windows<J::T>, Vec<J::T>>, Identity, Own<Vec<J::T>>>
    where
        I: Same<J>,
        J::T: Clone,
    {
        if size == 0 || every == 0 {
            self.settings.refuse("windows", format!("({size}, {every})"), "a window has items, and moves");
        }
        let weigher = self.settings.weighers.get();
        self.serially("windows", Emits::Many, Windows::new(size, every, weigher))
    }
}

/// Bounds of the batches right before this.
impl<U, T> Pipeline<Cut<U, Then<Identity, Batches<T>>, Vec<T>, OneWorker>, Identity, Own<Vec<T>>> {
    /// Lets a batch go once its first item has waited for `age`, by the run's clock, whether it is full or not. Zero is a `Config` error.
    ///
    /// On the executors of `pipe-async` that is so though no item comes, also where the source is waiting; elsewhere
    /// the age is looked at when the next items come, or the source ends. Then a batch that is too old goes on before
    /// they are taken in. Where the consumer is slow a batch waits for it, and becomes no larger for that.
    ///
    /// An iterator at the beginning of such a pipeline is asked for one item at a time, since it may block at the next: that costs about a
    /// microsecond an item. Sources of one's own give what they have, and are called again.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter};
    /// use std::time::Duration;
    ///
    /// let pairs = from_iter(0..5).batch(2).or_after(Duration::from_secs(60)).collect();
    /// assert_eq!(pairs.run_on(&Inline)?.value, [vec![0, 1], vec![2, 3], vec![4]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn or_after(mut self, age: Duration) -> Self {
        if age.is_zero() {
            self.settings.refuse("or_after", 0, "a batch would be too old with its first item");
        }
        self.up.chain_mut().second.limit_age(age);
        let batches = self.settings.open() - 1;
        self.settings.segments[batches].age = Some(age);
        self
    }

    /// Lets a batch go before it would have more than `bytes`: its items, with what they own as far as they are
    /// [weighed](crate::Weigh). An item that has more goes alone. Zero is a `Config` error.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter};
    ///
    /// let numbers = from_iter(0..7u64).batch(1_000).or_bytes(3 * size_of::<u64>()).collect();
    /// assert_eq!(numbers.run_on(&Inline)?.value, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn or_bytes(mut self, bytes: usize) -> Self {
        if bytes == 0 {
            self.settings.refuse("or_bytes", 0, "no item would fit");
        }
        self.up.chain_mut().second.limit_bytes(bytes);
        self
    }
}
