//! Rows of text: a source whose items borrow from their batch.

use crate::batch::{Batch, Reread};
use crate::rows::Truncate;
use crate::source::{Source, Want};
use crate::stage::{BoxError, Flow};
use std::collections::VecDeque;

/// Gives lines of text, lent by the batch that owns them; positions are indices. For stages over borrowed rows, without a file.
///
/// ```
/// use pipe_core::testing::TextSource;
/// use pipe_core::{Inline, from_source};
///
/// let lengths = from_source(TextSource::new(["a", "bcd"])).map(|line: &str| line.len()).collect();
/// assert_eq!(lengths.run_on(&Inline)?.value, [1, 3]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug)]
pub struct TextSource {
    lines: VecDeque<String>,
    next: u64,
}

impl TextSource {
    /// These lines.
    pub fn new<L: Into<String>>(lines: impl IntoIterator<Item = L>) -> Self {
        TextSource { lines: lines.into_iter().map(Into::into).collect(), next: 0 }
    }
}

impl Source for TextSource {
    type Item = &'static str;
    type Batch = Texts;

    fn pull(&mut self, want: Want) -> Result<Option<Texts>, BoxError> {
        let mut bytes = 0;
        let fits = self.lines.iter().take(want.items).take_while(|line| {
            bytes += weight(line);
            bytes <= want.bytes
        });
        let items = fits.count().max(1).min(self.lines.len());
        let first = self.next;
        self.next += items as u64;
        let lines: Vec<String> = self.lines.drain(..items).collect();
        Ok((!lines.is_empty()).then_some(Texts { lines, first, lent: 0 }))
    }
}

fn weight(line: &String) -> usize {
    size_of::<String>() + line.capacity()
}

/// The batch of a [`TextSource`].
#[derive(Debug)]
pub struct Texts {
    lines: Vec<String>,
    /// The position of `lines[0]`.
    first: u64,
    lent: usize,
}

impl Batch for Texts {
    type Item<'a> = &'a str;

    fn bytes(&self) -> usize {
        self.lines.iter().map(weight).sum()
    }

    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, &'a str) -> Flow) -> usize {
        let before = self.lent;
        while self.lent < self.lines.len() && self.lent - before < limit {
            self.lent += 1;
            if each(self.position(), &self.lines[self.lent - 1]).is_break() {
                break;
            }
        }
        self.lent - before
    }

    fn position(&self) -> u64 {
        if self.lent == 0 { 0 } else { self.first + self.lent as u64 - 1 }
    }

    fn split(&mut self) -> Option<Self> {
        let keep = self.lent + (self.lines.len() - self.lent).div_ceil(2);
        let lines = self.lines.split_off(keep);
        (!lines.is_empty()).then_some(Texts { lines, first: self.first + keep as u64, lent: 0 })
    }

    fn record(&self, position: u64) -> Option<&[u8]> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.lines.get(index).map(String::as_bytes)
    }
}

impl Reread for Texts {
    fn reread(&self) -> Option<Self> {
        let line = self.lines.get(self.lent)?.clone();
        Some(Texts { lines: vec![line], first: self.first + self.lent as u64, lent: 0 })
    }
}

impl Truncate for Texts {
    fn truncate(&mut self, items: usize) -> usize {
        self.lines.truncate(self.lent.saturating_add(items));
        self.lines.len() - self.lent
    }
}
