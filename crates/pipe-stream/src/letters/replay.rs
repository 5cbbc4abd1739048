//! Records out of dead letters, to be tried again.

use crate::error::{StreamError, Subject};
use crate::letters::record;
use crate::opened::Opened;
use crate::records::Lines;
use crate::settings::Settings;
use pipe_core::{
    Batch, BoxError, Event, Flow, Identity, Pipeline, Position, Reread, Source, Start, Want, from_source,
};
use std::fmt;
use std::path::Path;

/// The records of a [`DeadLetterFile`](crate::DeadLetterFile): each as it entered the segment that it failed in, at the position that it
/// had. A source of `&[u8]`, as [`Lines`] is, so a pipeline that is written as a function of its source takes either.
///
/// A letter without a record (what failed was an owned item), and a line that is no letter, end the run with an error that names the line;
/// what stands before it is handed on. Do not append to the file
/// that is being replayed: letters of this run go into another one.
pub struct Replay {
    letters: Lines<Opened>,
    subject: Subject,
    line: u64,
    /// What is wrong with the line behind the letters that were handed on.
    bad: Option<String>,
}

impl Replay {
    /// The records in the file `path`.
    ///
    /// # Errors
    /// As [`Lines::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StreamError> {
        let subject = Subject::Path(path.as_ref().to_owned());
        let letters = Lines::open(path)?.max_record(letter_of(Settings::default().max_record));
        Ok(Replay { letters, subject, line: 0, bad: None })
    }

    /// The most bytes that a record may have, as it was set of the source that it came from; 64 MiB unless set. The line of a letter may be
    /// longer, since JSON writes some bytes as six. Zero is an error of the run, before anything is read.
    pub fn max_record(mut self, bytes: usize) -> Self {
        self.letters = self.letters.max_record(letter_of(bytes));
        self
    }

    /// The pipeline over the records.
    pub fn pipeline(self) -> Pipeline<Start<Replay>, Identity, &'static [u8]> {
        from_source(self)
    }
}

/// The most bytes of a letter about a record of this many bytes. Zero stays zero, and is refused where it is used.
fn letter_of(record: usize) -> usize {
    /// A control character is `\u0000`; in hexadecimal digits a byte takes two.
    const JSON: usize = 6;
    /// For the stage, the error, and its causes.
    const BESIDE: usize = 1 << 20;
    record.saturating_mul(JSON).saturating_add(if record == 0 { 0 } else { BESIDE })
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("of", &self.subject).field("line", &self.line).finish_non_exhaustive()
    }
}

impl Source for Replay {
    type Item = &'static [u8];
    type Batch = ReplayBatch;

    fn pull(&mut self, want: Want) -> Result<Option<ReplayBatch>, BoxError> {
        if let Some(why) = self.bad.take() {
            return Err(why.into());
        }
        let Some(mut chunk) = self.letters.pull(want)? else { return Ok(None) };
        chunk.load()?;
        let mut records = Vec::new();
        chunk.drive(usize::MAX, |_, line| {
            self.line += 1;
            match record::from_line(line) {
                Ok((at, bytes)) => records.push(Record { at, bytes }),
                Err(why) => {
                    self.bad = Some(format!("line {} of {}: {why}", self.line, self.subject));
                    return Flow::Break(());
                }
            }
            Flow::Continue(())
        });
        chunk.check()?;
        match self.bad.take_if(|_| records.is_empty()) {
            Some(why) => Err(why.into()),
            None => Ok(Some(ReplayBatch { records, next: 0 })),
        }
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.letters.take_events()
    }
}

/// The batch of [`Replay`].
pub struct ReplayBatch {
    records: Vec<Record>,
    next: usize,
}

#[derive(Clone)]
struct Record {
    at: Position,
    bytes: Vec<u8>,
}

impl fmt::Debug for ReplayBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBatch")
            .field("records", &self.records.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Batch for ReplayBatch {
    type Item<'a> = &'a [u8];

    fn bytes(&self) -> usize {
        self.records.iter().map(|record| size_of::<Record>() + record.bytes.len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.next == self.records.len()
    }

    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, &'a [u8]) -> Flow) -> usize {
        let mut lent = 0;
        while lent < limit && self.next < self.records.len() {
            // Before the call: a record that is lent is gone, also if `each` panics.
            let record = &self.records[self.next];
            self.next += 1;
            lent += 1;
            if each(record.at.raw(), &record.bytes).is_break() {
                break;
            }
        }
        lent
    }

    fn position(&self) -> u64 {
        self.next.checked_sub(1).map_or(0, |last| self.records[last].at.raw())
    }

    fn split(&mut self) -> Option<Self> {
        let left = self.records.len() - self.next;
        if left < 2 {
            return None;
        }
        let records = self.records.split_off(self.next + left.div_ceil(2));
        Some(ReplayBatch { records, next: 0 })
    }

    fn record(&self, position: u64) -> Option<&[u8]> {
        let record = self.records[..self.next].iter().rev().find(|record| record.at.raw() == position);
        record.map(|record| &*record.bytes)
    }
}

impl Reread for ReplayBatch {
    fn reread(&self) -> Option<Self> {
        let record = self.records.get(self.next)?.clone();
        Some(ReplayBatch { records: vec![record], next: 0 })
    }
}
