//! The set `net`: items through a server, to workers, and back through it.

use super::costed::work;
use crate::measure::BoxError;
use crate::rng::mix;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// A number, and bytes that are only carried. Text, since both programs encode it in one piece.
pub(crate) type Record = (u64, String);

/// So many items of so many bytes.
pub(crate) fn items(count: u64, bytes: usize) -> impl Iterator<Item = Record> + Send {
    let text = "x".repeat(bytes);
    (0..count).map(move |n| (mix(n), text.clone()))
}

/// What the workers do with an item.
pub(crate) fn handle((number, text): Record, rounds: u64) -> Record {
    (work(number, rounds), text)
}

/// The sum of all numbers, and of all bytes; told when the last item has come.
pub(crate) struct Sums {
    left: u64,
    numbers: u64,
    bytes: u64,
    done: Sender<String>,
}

impl Sums {
    pub(crate) fn new(items: u64, done: Sender<String>) -> Self {
        Sums { left: items, numbers: 0, bytes: 0, done }
    }

    pub(crate) fn add(&mut self, (number, text): Record) {
        self.numbers = self.numbers.wrapping_add(number);
        self.bytes += text.len() as u64;
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            // Who has given up does not listen any more.
            let _ = self.done.send(format!("{:016x} {}", self.numbers, self.bytes));
        }
    }
}

/// Waits for the last item.
pub(crate) fn all_of(done: &Receiver<String>) -> Result<String, BoxError> {
    Ok(done.recv_timeout(Duration::from_secs(120))?)
}
