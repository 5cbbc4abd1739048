//! Lines that know where they stood, for stages that must say so: lists of bad lines, indexes.

use crate::chunk::Chunk;
use crate::records::Lines;
use pipe_core::{
    Batch, BoxError, Event, Flow, Identity, Pipeline, Reread, Source, Start, Truncate, Want, from_source,
    rows,
};
use std::fmt;
use std::io::Read;

/// A line, and the offset of its first byte in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it starts.
    pub at: u64,
    /// Without its line feed.
    pub bytes: &'a [u8],
}

rows!(Line);

/// The lines of [`Lines`], each with its position; made by [`Lines::positioned`].
pub struct Positioned<R> {
    lines: Lines<R>,
}

/// The batch of [`Positioned`].
#[derive(Debug)]
pub struct PositionedChunk {
    chunk: Chunk,
}

impl<R: Read> fmt::Debug for Positioned<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Positioned").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl<R: Read + Send> Lines<R> {
    /// The same lines as [`Line`]s. Errors of a run name positions without this; it is for stages and folds that keep them.
    ///
    /// ```
    /// use pipe_core::Inline;
    /// use pipe_stream::{Line, Lines};
    ///
    /// let text: &[u8] = b"one\n\ntwo\n\n";
    /// let empty = Lines::from_reader(text).positioned().pipeline().filter(|line: &Line| line.bytes.is_empty()).map(|line| line.at);
    /// assert_eq!(empty.collect().run_on(&Inline)?.value, [4, 9]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn positioned(self) -> Positioned<R> {
        Positioned { lines: self }
    }
}

impl<R: Read + Send> Positioned<R> {
    /// The pipeline that starts with these lines.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, Line<'static>> {
        from_source(self)
    }
}

impl<R: Read + Send> Source for Positioned<R> {
    type Item = Line<'static>;
    type Batch = PositionedChunk;

    fn pull(&mut self, want: Want) -> Result<Option<PositionedChunk>, BoxError> {
        let chunk = self.lines.pull(want)?;
        Ok(chunk.map(|chunk| PositionedChunk { chunk }))
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.lines.take_events()
    }
}

impl Batch for PositionedChunk {
    type Item<'a> = Line<'a>;

    fn bytes(&self) -> usize {
        self.chunk.bytes()
    }

    fn payload(&self) -> usize {
        self.chunk.payload()
    }

    fn load(&mut self) -> Result<(), BoxError> {
        self.chunk.load()
    }

    fn check(&self) -> Result<(), BoxError> {
        self.chunk.check()
    }

    fn is_empty(&self) -> bool {
        self.chunk.is_empty()
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, Line<'a>) -> Flow) -> usize {
        self.chunk.drive(
            limit,
            #[inline(always)]
            |at, bytes| each(at, Line { at, bytes }),
        )
    }

    fn position(&self) -> u64 {
        self.chunk.position()
    }

    fn split(&mut self) -> Option<Self> {
        self.chunk.split().map(|chunk| PositionedChunk { chunk })
    }

    fn record(&self, position: u64) -> Option<&[u8]> {
        self.chunk.record(position)
    }
}

impl Reread for PositionedChunk {
    fn reread(&self) -> Option<Self> {
        self.chunk.reread().map(|chunk| PositionedChunk { chunk })
    }
}

impl Truncate for PositionedChunk {
    fn truncate(&mut self, items: usize) -> usize {
        self.chunk.truncate(items)
    }
}
