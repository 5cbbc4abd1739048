//! Edges between the parts of a run: bounded queues of batches, for threads on one side and the reactor's task on the other.
//!
//! All are under one mutex, which is held for some 20 ns a few times per batch. Threads sleep on condition variables, of which each side of
//! an edge has one; the task leaves its waker. So there is one rule: who changes something that another may wait for says so after it
//! changed it. Whether anybody sleeps it learns under the lock under which that one has looked, so nobody falls asleep in between; the wake
//! goes out behind the lock, or who wakes up would wait for it.
//!
//! A wake costs more than a handful of operations, so only who waits for this is woken: the other side of the edge. The task is woken for an
//! edge where it has left word, since it did not find what it looked for, and for bytes of the budget where these may have been short. A
//! writer is woken once its edge is half empty, so for several batches: while there are more on it, its reader has something to take, and
//! each time that it takes some the question is asked again.
//!
//! The bound is in bytes: an edge takes a batch if it holds none, or if the budget is not overdrawn. (And it holds 8 at most: what waits
//! longer is not in a cache any more.) The first half of that rule keeps a run with a small limit moving, see the conductor.

mod edge;

pub(crate) use edge::{Close, Next, Parcel, Room};
use edge::{Edge, Side, Sides};
use pipe_core::plan::{RunState, discard};
use pipe_core::{Flow, Permit};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

pub(crate) struct Edges {
    state: Mutex<State>,
    /// Where threads sleep, by edge.
    sides: Box<[Sides]>,
    run: Arc<RunState>,
    /// Rings.
    bell: Waker,
}

/// Weak: a clock may keep the bell longer than a run.
struct Bell(Weak<Edges>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(edges) = self.0.upgrade() {
            edges.ring();
        }
    }
}

struct State {
    edges: Vec<Edge>,
    /// The task that drives async stages, unless it is awake already.
    task: Option<Waker>,
}

impl Edges {
    pub(crate) fn new(edges: usize, run: Arc<RunState>) -> Arc<Self> {
        let sides = std::iter::repeat_with(Sides::default).take(edges).collect();
        let edges = std::iter::repeat_with(Edge::default).take(edges).collect();
        let state = Mutex::new(State { edges, task: None });
        Arc::new_cyclic(|this| {
            let bell = Arc::new(Bell(this.clone())).into();
            Edges { state, sides, run, bell }
        })
    }

    /// Closes all edges on both sides and drops what is on them: the run is over.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        let mut dropped = Vec::new();
        for edge in &mut state.edges {
            edge.writer.get_or_insert(Close::Badly);
            edge.reader.get_or_insert(Close::Badly);
            dropped.extend(edge.parcels.drain(..));
        }
        self.tell(state);
        self.run.stop_source();
        discard_all(dropped);
    }

    /// How the reader closed `edge`, if it has.
    pub(crate) fn reader(&self, edge: usize) -> Option<Close> {
        self.lock().edges[edge].reader
    }

    /// The writer will put nothing more.
    pub(crate) fn close_writer(&self, edge: usize, how: Close) {
        let mut state = self.lock();
        state.edges[edge].writer.get_or_insert(how);
        self.tell(state);
    }

    /// The reader will take nothing more. What is still on the edge is nobody's any more, and neither is what it throws when it is dropped.
    pub(crate) fn close_reader(&self, edge: usize, how: Close) {
        let mut state = self.lock();
        state.edges[edge].reader.get_or_insert(how);
        let dropped = std::mem::take(&mut state.edges[edge].parcels);
        self.tell(state);
        if edge == 0 {
            // It may wait for others on its thread, and would go on doing so.
            self.run.stop_source();
        }
        discard_all(dropped);
    }

    /// A part of the run in the task has ended: closes the edges before and behind it.
    pub(crate) fn close_around(&self, place: usize, how: Close) {
        if let Some(input) = place.checked_sub(1) {
            self.close_reader(input, how);
        }
        if place < self.lock().edges.len() {
            self.close_writer(place, how);
        }
    }

    /// Rings when it is woken, for clocks.
    pub(crate) fn bell(&self) -> &Waker {
        &self.bell
    }

    /// Says that something changed which is not in here: a permit was given back, a thread has ended.
    pub(crate) fn ring(&self) {
        self.tell(self.lock());
    }

    fn has_room(&self, edge: &Edge) -> bool {
        edge.has_room(self.run.budget().is_overdrawn())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; if something did, the queues would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit goes back.
    pub(crate) fn give_back(&self, permit: Permit) {
        let budget = self.run.budget();
        // Below a half nothing can have been refused that is no larger than a batch may be. What is larger starts where nothing is
        // under way, and comes to its end whatever is told here; others that share the budget tell nobody.
        let may_be_short = self.run.profile().budget.is_some() || budget.in_use() > budget.allowance() / 2;
        drop(permit);
        if may_be_short {
            self.ring();
        } else {
            self.ring_threads();
        }
    }

    /// Wakes whoever may wait for anything.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let task = state.task.take();
        drop(state);
        for edge in 0..self.sides.len() {
            self.unlock(self.lock(), edge, Side::Reader, None);
            self.unlock(self.lock(), edge, Side::Writer, None);
        }
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Gives the lock back, and wakes the thread on this side, if there is one that sleeps, and this task. Behind the lock: who wakes up wants
    /// it at once, and a waker is foreign code.
    fn unlock(&self, mut state: MutexGuard<'_, State>, edge: usize, side: Side, task: Option<Waker>) {
        let wakes = state.edges[edge].wakes(side);
        drop(state);
        if wakes {
            self.sides[edge].of(side).notify_one();
        }
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Not under the lock, since it is the items' own code, and each batch by itself, so that no panic meets another.
fn discard_all(parcels: impl IntoIterator<Item = Parcel>) {
    parcels.into_iter().for_each(discard);
}

/// For threads: these calls wait.
impl Edges {
    /// Reserves `bytes` for a batch that is to be read for `edge`. `None`: nobody wants it any more.
    pub(crate) fn admit(&self, edge: usize, bytes: usize) -> Option<Permit> {
        let mut state = self.lock();
        loop {
            if state.edges[edge].reader.is_some() {
                return None;
            }
            if let Some(permit) = self.run.budget().try_take(bytes) {
                return Some(permit);
            }
            state = self.sleep(state, edge, Side::Writer);
        }
    }

    /// Puts a batch, and adds to `waited` how long it had to wait for room. `Break`: the reader wants no more.
    pub(crate) fn put(&self, edge: usize, parcel: Parcel, waited: &mut Duration) -> Flow {
        let mut state = self.until_room(edge, waited);
        if state.edges[edge].reader.is_some() {
            drop(state);
            drop(parcel);
            return Flow::Break(());
        }
        state.edges[edge].parcels.push_back(parcel);
        let task = if take(&mut state.edges[edge].task_reads) { state.task.take() } else { None };
        self.unlock(state, edge, Side::Reader, task);
        Flow::Continue(())
    }

    /// Waits as `put` does, for a writer that keeps back what it would put.
    pub(crate) fn wait_for_room(&self, edge: usize, waited: &mut Duration) -> Flow {
        let state = self.until_room(edge, waited);
        if state.edges[edge].reader.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
    }

    /// Until the edge is empty, or there is room, or the reader wants no more.
    fn until_room(&self, edge: usize, waited: &mut Duration) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.edges[edge].reader.is_none() && !self.has_room(&state.edges[edge]) {
            let since = Instant::now();
            state = self.sleep(state, edge, Side::Writer);
            *waited += since.elapsed();
        }
        state
    }

    /// The next batch, or how the edge was closed; `None`, if by `due` on the run's clock there is nothing.
    pub(crate) fn take(&self, edge: usize, due: Option<Duration>) -> Option<Next> {
        let mut state = self.lock();
        loop {
            if let Some(next) = state.edges[edge].next() {
                let task = if take(&mut state.edges[edge].task_writes) { state.task.take() } else { None };
                self.unlock(state, edge, Side::Writer, task);
                return Some(next);
            }
            state = match due {
                None => self.sleep(state, edge, Side::Reader),
                Some(due) => {
                    let left = due.saturating_sub(self.run.clock().now());
                    let left = (!left.is_zero()).then_some(left)?;
                    match state.edges[edge].alarm {
                        // The time was looked at under the lock, which the bell has to take: it is not missed.
                        Some((at, true)) if at == due => self.sleep(state, edge, Side::Reader),
                        Some((at, false)) if at == due => self.sleep_for(state, edge, left),
                        _ => self.ask_clock(state, edge, due),
                    }
                }
            };
        }
    }

    fn sleep<'e>(&self, mut state: MutexGuard<'e, State>, edge: usize, side: Side) -> MutexGuard<'e, State> {
        *state.edges[edge].sleeps(side) = true;
        let mut state = self.sides[edge].of(side).wait(state).unwrap_or_else(PoisonError::into_inner);
        *state.edges[edge].sleeps(side) = false;
        state
    }

    /// Asks the run's clock to ring: one that stands still, or leaps, tells nobody who waits by real time. The clock is foreign code, so not
    /// under the lock.
    fn ask_clock<'e>(
        &'e self,
        state: MutexGuard<'e, State>,
        edge: usize,
        due: Duration,
    ) -> MutexGuard<'e, State> {
        drop(state);
        let rings = self.run.clock().wake_at(due, &self.bell);
        let mut state = self.lock();
        state.edges[edge].alarm = Some((due, rings));
        state
    }

    /// For clocks that go with real time.
    fn sleep_for<'e>(
        &self,
        mut state: MutexGuard<'e, State>,
        edge: usize,
        span: Duration,
    ) -> MutexGuard<'e, State> {
        state.edges[edge].reader_sleeps = true;
        // Rounded up: a clock that lags behind by less than that is not looked at a thousand times.
        let span = span.max(Duration::from_micros(100));
        let slept = self.sides[edge].of(Side::Reader).wait_timeout(state, span);
        let (mut state, _) = slept.unwrap_or_else(PoisonError::into_inner);
        state.edges[edge].reader_sleeps = false;
        state
    }
}

/// For the task: these calls do not wait. What it changes itself it need not be woken for: it looks at all its stages again until none
/// has moved.
impl Edges {
    /// Wakes the task when anything changes from now on, once.
    pub(crate) fn watch(&self, waker: &Waker) {
        if self.lock().task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            return;
        }
        // As its wake: to clone it, or to drop another, is foreign code, so not under the lock.
        let task = Some(waker.clone());
        let before = std::mem::replace(&mut self.lock().task, task);
        drop(before);
    }

    /// The task comes back without being woken: it has had its turn.
    pub(crate) fn unwatch(&self) {
        let before = self.lock().task.take();
        drop(before);
    }

    /// Whether a batch may be put; and whether one should, though it is not full: the reader has nothing to do.
    pub(crate) fn room(&self, edge: usize) -> Room {
        let mut state = self.lock();
        let edge = &mut state.edges[edge];
        edge.task_writes = !edge.parcels.is_empty();
        match edge {
            edge if edge.parcels.is_empty() => Room::Hungry,
            edge if self.has_room(edge) => Room::Some,
            _ => Room::None,
        }
    }

    /// Puts a batch, where there is room; drops it, if the reader has closed the edge since.
    pub(crate) fn try_put(&self, edge: usize, parcel: Parcel) {
        let mut state = self.lock();
        if state.edges[edge].reader.is_some() {
            drop(state);
            drop(parcel);
            return;
        }
        state.edges[edge].parcels.push_back(parcel);
        self.unlock(state, edge, Side::Reader, None);
    }

    /// The next batch, or how the edge was closed; `None`: not yet.
    pub(crate) fn try_take(&self, edge: usize) -> Option<Next> {
        let mut state = self.lock();
        let next = state.edges[edge].next();
        state.edges[edge].task_reads = next.is_none();
        if next.is_some() {
            self.unlock(state, edge, Side::Writer, None);
        }
        next
    }

    /// Says that a permit was given back, to threads: those that write wait for bytes.
    pub(crate) fn ring_threads(&self) {
        (0..self.sides.len()).for_each(|edge| self.unlock(self.lock(), edge, Side::Writer, None));
    }
}
