//! What throws when it is dropped.

use crate::{BoxError, FromIter, Items, Own, Source, Want};
use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

/// Throws [`MESSAGE`](Rude::MESSAGE) when it is dropped, and prints nothing. While its thread panics it does not: a second panic would end the process.
#[derive(Debug)]
pub struct Rude;

impl Rude {
    /// What it throws.
    pub const MESSAGE: &'static str = "not gently";
}

impl Drop for Rude {
    fn drop(&mut self) {
        if !thread::panicking() {
            resume_unwind(Box::new(Self::MESSAGE));
        }
    }
}

/// A source of numbers that throws when it is dropped.
#[derive(Debug)]
pub struct RudeSource {
    numbers: FromIter<Range<u32>>,
    _rude: Rude,
}

impl RudeSource {
    /// Of these numbers.
    pub fn new(numbers: Range<u32>) -> Self {
        RudeSource { numbers: FromIter::new(numbers), _rude: Rude }
    }
}

impl Source for RudeSource {
    type Item = Own<u32>;
    type Batch = Items<u32>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<u32>>, BoxError> {
        self.numbers.pull(want)
    }
}
