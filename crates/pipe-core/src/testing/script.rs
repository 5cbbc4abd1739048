//! A source and a sink that do what a script says.

use crate::batch::Items;
use crate::item::Own;
use crate::position::Position;
use crate::sink::Sink;
use crate::source::{Source, Want};
use crate::stage::BoxError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What a scripted source does when it is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull<T> {
    /// Gives these items, however many were wanted. Only where they have more bytes than were wanted, the rest comes next time.
    Give(Vec<T>),
    /// Fails with this text.
    Fail(String),
    /// Panics with this text.
    Panic(String),
}

/// Plays one [`Pull`] after the other, then ends. Positions are indices.
#[derive(Debug)]
pub struct ScriptedSource<T> {
    script: VecDeque<Pull<T>>,
    next: u64,
    over: bool,
}

impl<T> ScriptedSource<T> {
    /// A source with this script.
    pub fn new(script: impl IntoIterator<Item = Pull<T>>) -> Self {
        ScriptedSource { script: script.into_iter().collect(), next: 0, over: false }
    }
}

impl<T: Send + 'static> Source for ScriptedSource<T> {
    type Item = Own<T>;
    type Batch = Items<T>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<T>>, BoxError> {
        assert!(!self.over, "a source was pulled after its end or its error");
        match self.script.pop_front() {
            Some(Pull::Give(mut items)) => {
                let fit = (want.bytes / size_of::<T>().max(1)).max(1);
                if items.len() > fit {
                    let rest = items.split_off(fit);
                    self.script.push_front(Pull::Give(rest));
                }
                let first = self.next;
                self.next += items.len() as u64;
                Ok(Some(Items::new(first, items)))
            }
            Some(Pull::Fail(why)) => {
                self.over = true;
                Err(why.into())
            }
            Some(Pull::Panic(why)) => {
                self.over = true;
                // Not `panic!`: the hook would print.
                std::panic::resume_unwind(Box::new(why))
            }
            None => {
                self.over = true;
                Ok(None)
            }
        }
    }
}

/// What a scripted sink saw.
#[derive(Debug, Clone)]
pub struct SinkLog<T> {
    seen: Arc<Mutex<Seen<T>>>,
}

#[derive(Debug)]
struct Seen<T> {
    items: Vec<T>,
    commits: usize,
    drops: usize,
}

impl<T: Clone> SinkLog<T> {
    /// The items written, in order.
    pub fn items(&self) -> Vec<T> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).items.clone()
    }
}

impl<T> SinkLog<T> {
    /// How often it was committed.
    pub fn commits(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).commits
    }

    /// How often it was dropped: once, whatever happened.
    pub fn drops(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).drops
    }
}

/// Writes down what it gets, and fails where it is told to.
#[derive(Debug)]
pub struct ScriptedSink<T> {
    log: SinkLog<T>,
    fail_at: Option<usize>,
    fail_commit: bool,
}

impl<T> ScriptedSink<T> {
    /// A sink that takes everything, and its log.
    pub fn new() -> (Self, SinkLog<T>) {
        let log = SinkLog { seen: Arc::new(Mutex::new(Seen { items: Vec::new(), commits: 0, drops: 0 })) };
        (ScriptedSink { log: SinkLog { seen: log.seen.clone() }, fail_at: None, fail_commit: false }, log)
    }

    pub(crate) fn told(mut self, full_at: Option<usize>, fails_to_commit: bool) -> Self {
        (self.fail_at, self.fail_commit) = (full_at, fails_to_commit);
        self
    }

    /// Fails to write item `index` with the text `full`.
    pub fn failing_at(mut self, index: usize) -> Self {
        self.fail_at = Some(index);
        self
    }

    /// Fails to commit with the text `full`.
    pub fn failing_to_commit(mut self) -> Self {
        self.fail_commit = true;
        self
    }
}

impl<T: Send> Sink<T> for ScriptedSink<T> {
    type Done = ();

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        let mut seen = self.log.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fail_at == Some(seen.items.len()) {
            return Err("full".into());
        }
        seen.items.push(item);
        Ok(())
    }

    fn commit(self) -> Result<(), BoxError> {
        if self.fail_commit {
            return Err("full".into());
        }
        self.log.seen.lock().unwrap_or_else(PoisonError::into_inner).commits += 1;
        Ok(())
    }
}

/// A scripted sink that asks where its items come from: it logs pairs of a position ([`Position::raw`]; `u64::MAX` for what stages
/// emitted when they finished) and an item.
#[derive(Debug)]
pub struct PlacedSink<T>(ScriptedSink<(Option<u64>, T)>);

impl<T> PlacedSink<T> {
    /// A sink that takes everything, and its log.
    pub fn new() -> (Self, SinkLog<(Option<u64>, T)>) {
        let (sink, log) = ScriptedSink::new();
        (PlacedSink(sink), log)
    }

    pub(crate) fn told(self, full_at: Option<usize>, fails_to_commit: bool) -> Self {
        PlacedSink(self.0.told(full_at, fails_to_commit))
    }
}

impl<T: Send> Sink<T> for PlacedSink<T> {
    type Done = ();

    const POSITIONS: bool = true;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        self.0.write((None, item))
    }

    fn write_at(&mut self, position: Position, item: T) -> Result<(), BoxError> {
        self.0.write((Some(position.raw()), item))
    }

    fn commit(self) -> Result<(), BoxError> {
        self.0.commit()
    }
}

impl<T> Drop for ScriptedSink<T> {
    fn drop(&mut self) {
        self.log.seen.lock().unwrap_or_else(PoisonError::into_inner).drops += 1;
    }
}
