//! Items in groups.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};
use crate::weigh::{Weigher, heap_of};
use std::time::Duration;

/// Collects items into vectors; made by [`Pipeline::batch`](crate::Pipeline::batch).
pub struct Batches<T> {
    size: usize,
    bytes: Option<usize>,
    age: Option<Duration>,
    /// How items are weighed that own memory.
    weigher: Option<Weigher<T>>,
}

opaque!([T] Batches[T]);

/// What [`Batches`] has collected, and not let go.
pub struct Group<T> {
    items: Vec<T>,
    /// Their weight, where there is a bound for it.
    bytes: usize,
    /// When the first of them came, by the run's clock, where there is a bound for their age.
    began: Duration,
    /// What the clock shows: looked at once for each batch that comes, and again behind each group.
    now: Option<Duration>,
}

opaque!([T] Group[T]);

impl<T> Batches<T> {
    pub(crate) fn new(size: usize, weigher: Option<Weigher<T>>) -> Self {
        Batches { size, bytes: None, age: None, weigher }
    }

    pub(crate) fn limit_bytes(&mut self, bytes: usize) {
        self.bytes = Some(bytes);
    }

    pub(crate) fn limit_age(&mut self, age: Duration) {
        self.age = Some(age);
    }

    fn empty(&self) -> Vec<T> {
        // A size may be larger than the input: what is more than this grows as it fills.
        Vec::with_capacity(self.size.min(1024))
    }

    fn let_go<O: Emit<Vec<T>>>(&self, group: &mut Group<T>, out: &mut O) -> Flow {
        // Whoever takes it may take its time.
        (group.bytes, group.now) = (0, None);
        out.emit(std::mem::replace(&mut group.items, self.empty()))
    }

    /// As `push`, where there is a bound besides the number of items.
    fn push_bounded<O: Emit<Vec<T>>>(&self, group: &mut Group<T>, item: T, out: &mut O) -> Flow {
        let bytes =
            self.bytes.map_or(0, |_| size_of::<T>() + self.weigher.map_or(0, |weigher| weigher(&item)));
        let too_many = self.bytes.is_some_and(|most| group.bytes.saturating_add(bytes) > most);
        if !group.items.is_empty() && (too_many || self.is_due(group, out)) {
            self.let_go(group, out)?;
        }
        if group.items.is_empty() && self.age.is_some() {
            group.began = group.now(out);
        }
        group.items.push(item);
        group.bytes = group.bytes.saturating_add(bytes);
        let is_full = group.items.len() >= self.size || self.bytes.is_some_and(|most| group.bytes >= most);
        if is_full { self.let_go(group, out) } else { Flow::Continue(()) }
    }

    fn is_due<O: Emit<Vec<T>>>(&self, group: &mut Group<T>, out: &mut O) -> bool {
        self.due(group).is_some_and(|due| group.now(out) >= due)
    }
}

impl<T> Group<T> {
    fn now<O: Emit<Vec<T>>>(&mut self, out: &mut O) -> Duration {
        *self.now.get_or_insert_with(|| out.context().run().clock().now())
    }
}

impl<T> Stage for Batches<T> {
    type State = Group<T>;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> Group<T> {
        Group { items: self.empty(), bytes: 0, began: Duration::ZERO, now: None }
    }

    fn state_bytes(&self, group: &Group<T>) -> usize {
        group.items.capacity() * size_of::<T>() + heap_of(self.weigher, &group.items)
    }

    fn due(&self, group: &Group<T>) -> Option<Duration> {
        self.age.filter(|_| !group.items.is_empty()).map(|age| group.began.saturating_add(age))
    }
}

impl<T> Step<T> for Batches<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, group: &mut Group<T>, item: T, out: &mut O) -> Flow {
        if self.bytes.is_some() || self.age.is_some() {
            return self.push_bounded(group, item, out);
        }
        group.items.push(item);
        if group.items.len() < self.size {
            return Flow::Continue(());
        }
        self.let_go(group, out)
    }

    fn rest<O: Emit<Vec<T>>>(&self, group: &mut Group<T>, out: &mut O) -> Flow {
        group.now = None;
        let is_due = self.is_due(group, out);
        // What comes next comes later.
        group.now = None;
        if is_due { self.let_go(group, out) } else { Flow::Continue(()) }
    }

    fn finish<O: Emit<Vec<T>>>(&self, group: Group<T>, out: &mut O) -> Flow {
        if group.items.is_empty() { Flow::Continue(()) } else { out.emit(group.items) }
    }
}
