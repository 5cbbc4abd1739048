//! What the task and one shard send each other.

use crate::flight::Outcome;
use pipe_core::plan::discard;
use pipe_core::{Items, RunError};
use std::collections::VecDeque;
use std::mem::{replace, take};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Items one way, outputs and what became of the others the other way. A side that looks and finds nothing leaves its waker under the same lock.
pub(crate) struct Mail<T, U> {
    state: Mutex<State<T, U>>,
}

struct State<T, U> {
    dealt: VecDeque<Items<T>>,
    sent: Sent<U>,
    /// The task wants nothing more of the shard.
    is_over: bool,
    task: Option<Waker>,
    shard: Option<Waker>,
}

/// What a shard has sent, by the marks of its items.
pub(crate) struct Sent<U> {
    pub(crate) outputs: Vec<Items<U>>,
    pub(crate) others: Vec<(u64, Outcome<U>)>,
    /// It is the last.
    pub(crate) broken: Option<RunError>,
}

/// What a shard finds.
pub(crate) enum Next<T> {
    Items(Items<T>),
    Nothing,
    End,
}

impl<T, U> Mail<T, U> {
    pub(crate) fn new() -> Self {
        let state = State {
            dealt: VecDeque::new(),
            sent: Sent { outputs: Vec::new(), others: Vec::new(), broken: None },
            is_over: false,
            task: None,
            shard: None,
        };
        Mail { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T, U>> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the task.
impl<T, U> Mail<T, U> {
    /// Gives items to the shard.
    pub(crate) fn deal(&self, items: Items<T>) {
        let mut state = self.lock();
        state.dealt.push_back(items);
        wake(state.shard.take(), state);
    }

    /// Takes what the shard has sent. `task` is woken when it sends more.
    pub(crate) fn collect(&self, task: &Waker) -> Sent<U> {
        // To clone a waker, and to drop one, is foreign code, so not under the lock.
        let task = Some(task.clone());
        let mut state = self.lock();
        let before = replace(&mut state.task, task);
        let (outputs, others) = (take(&mut state.sent.outputs), take(&mut state.sent.others));
        let sent = Sent { outputs, others, broken: state.sent.broken.take() };
        drop(state);
        drop(before);
        sent
    }

    /// Ends the shard, and drops what it did not take.
    pub(crate) fn hang_up(&self) {
        let mut state = self.lock();
        state.is_over = true;
        let (dealt, task) = (take(&mut state.dealt), state.task.take());
        let (outputs, others) = (take(&mut state.sent.outputs), take(&mut state.sent.others));
        wake(state.shard.take(), state);
        drop(task);
        discard(dealt);
        discard((outputs, others));
    }
}

/// For the shard.
impl<T, U> Mail<T, U> {
    /// Whether the shard is to end.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// The next items, if it `wants` any. With nothing to find `shard` is woken when there is.
    pub(crate) fn next(&self, wants: bool, shard: Option<&Waker>) -> Next<T> {
        let shard = shard.cloned();
        let mut state = self.lock();
        if state.is_over {
            return Next::End;
        }
        if wants && let Some(items) = state.dealt.pop_front() {
            return Next::Items(items);
        }
        let before = replace(&mut state.shard, shard);
        drop(state);
        drop(before);
        Next::Nothing
    }

    /// Sends what came of items.
    pub(crate) fn send(&self, outputs: impl Iterator<Item = Items<U>>, others: Vec<(u64, Outcome<U>)>) {
        let outputs: Vec<Items<U>> = outputs.collect();
        if outputs.is_empty() && others.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.is_over {
            // Items are dropped behind the lock: that is foreign code.
            drop(state);
            return;
        }
        state.sent.outputs.extend(outputs);
        state.sent.others.extend(others);
        wake(state.task.take(), state);
    }

    /// The shard ends, and this is why.
    pub(crate) fn broken(&self, error: RunError) {
        let mut state = self.lock();
        state.sent.broken.get_or_insert(error);
        wake(state.task.take(), state);
    }
}

/// Not under the lock: a waker is foreign code.
fn wake<T, U>(waker: Option<Waker>, state: MutexGuard<'_, State<T, U>>) {
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
