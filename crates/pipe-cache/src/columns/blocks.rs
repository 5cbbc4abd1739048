//! Tables as a source: lent block by block.

use super::{Bitmap, ColumnError, Columns};
use crate::plain::Plain;
use pipe_core::{
    Batch, BoxError, Flow, Identity, Pipeline, Reread, Source, Start, Want, Weigh, from_source, rows,
};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Starts a pipeline from tables: each is a batch, which lends its rows in [`Block`]s of `rows`, rounded up to a multiple of 64. The last
/// block of a table may have fewer. Zero fails the run at its first pull.
///
/// A table is anything that dereferences to [`Columns`] and may cross threads: `Box<Columns>`, or the guard of a pool, such as `Pooled` of
/// pipe-mem. It is dropped when its last block was worked on; so a guard takes its columns back to the pool.
///
/// ```
/// use pipe_cache::{AlignedVec, Block, ColumnError, Columns, column_blocks};
/// use pipe_core::kernel::Program;
/// use pipe_core::Inline;
///
/// fn celsius(block: Block<'_>) -> Result<&[f32], ColumnError> {
///     block.values("celsius")
/// }
///
/// let table = Columns::new().with("celsius", AlignedVec::from(vec![0.0_f32, 10.0, 100.0]))?;
/// let warm = column_blocks([Box::new(table)], 1 << 14)
///     .parse(celsius)
///     .kernel(Program::new().scale(1.8).add(32.0))
///     .collect()
///     .run_on(&Inline)?;
/// assert_eq!(warm.value.concat(), [32.0, 50.0, 212.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn column_blocks<I, H>(
    tables: I,
    rows: usize,
) -> Pipeline<Start<ColumnBlocks<I::IntoIter>>, Identity, Block<'static>>
where
    I: IntoIterator<Item = H, IntoIter: Send>,
    H: Deref<Target = Columns> + Send + Sync + 'static,
{
    from_source(ColumnBlocks::new(tables, rows))
}

/// The source of [`column_blocks`]. Positions are rows, counted over all tables.
pub struct ColumnBlocks<I> {
    tables: I,
    rows: usize,
    /// The position of the next table's first row.
    next: u64,
}

impl<I> ColumnBlocks<I> {
    /// Tables where a source is asked for: in a fan-in, say.
    pub fn new(tables: impl IntoIterator<IntoIter = I>, rows: usize) -> Self {
        ColumnBlocks { tables: tables.into_iter(), rows, next: 0 }
    }
}

/// Blocks begin where a word of a validity does.
const ALIGNED_TO: usize = 64;

impl<I: Iterator<Item = H> + Send, H: Deref<Target = Columns> + Send + Sync + 'static> Source
    for ColumnBlocks<I>
{
    type Item = Block<'static>;
    type Batch = ColumnBatch<H>;

    fn pull(&mut self, _: Want) -> Result<Option<ColumnBatch<H>>, BoxError> {
        if self.rows == 0 {
            return Err("a block of no rows: the table would never end".into());
        }
        let Some(table) = self.tables.find(|table| table.rows() > 0) else { return Ok(None) };
        let (first, left) = (self.next, 0..table.rows());
        self.next += table.rows() as u64;
        let size = self.rows.saturating_add(ALIGNED_TO - 1) / ALIGNED_TO * ALIGNED_TO;
        let bytes = table.heap();
        Ok(Some(ColumnBatch { table: Arc::new(table), first, size, left, last: first, bytes }))
    }
}

/// The batch of [`ColumnBlocks`]: a table, or a part of its rows.
pub struct ColumnBatch<H> {
    table: Arc<H>,
    /// The position of the table's first row.
    first: u64,
    /// Rows of a block.
    size: usize,
    left: Range<usize>,
    /// The position of the block lent last.
    last: u64,
    /// Its share of the table's memory: that of the halves is together that of the whole.
    bytes: usize,
}

impl<H> ColumnBatch<H> {
    /// A part of what is left, with its share of the memory.
    fn part(&self, left: Range<usize>) -> Self {
        let bytes = self.bytes as u128 * left.len() as u128 / self.left.len().max(1) as u128;
        ColumnBatch {
            table: self.table.clone(),
            first: self.first,
            size: self.size,
            left,
            last: self.last,
            bytes: bytes as usize,
        }
    }
}

impl<H: Deref<Target = Columns>> Batch for ColumnBatch<H> {
    type Item<'a> = Block<'a>;

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, Block<'a>) -> Flow) -> usize {
        let mut lent = 0;
        while lent < limit && !self.left.is_empty() {
            let rows = self.left.start..self.left.end.min(self.left.start.saturating_add(self.size));
            (self.left.start, self.last) = (rows.end, self.first + rows.start as u64);
            lent += 1;
            if each(self.last, Block { columns: &self.table, start: rows.start, end: rows.end }).is_break() {
                break;
            }
        }
        lent
    }

    fn position(&self) -> u64 {
        self.last
    }

    fn split(&mut self) -> Option<Self> {
        let blocks = self.left.len().div_ceil(self.size);
        if blocks < 2 {
            return None;
        }
        let middle = self.left.start + blocks.div_ceil(2) * self.size;
        let back = self.part(middle..self.left.end);
        self.left.end = middle;
        self.bytes -= back.bytes;
        Some(back)
    }
}

impl<H: Deref<Target = Columns>> Reread for ColumnBatch<H> {
    fn reread(&self) -> Option<Self> {
        let end = self.left.end.min(self.left.start.saturating_add(self.size));
        (!self.left.is_empty()).then(|| self.part(self.left.start..end))
    }
}

/// Some rows of a table, lent by their batch.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    columns: &'a Columns,
    start: usize,
    end: usize,
}

rows!(Block);

impl<'a> Block<'a> {
    /// Which rows of the table these are.
    pub fn rows(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The numbers of a column in these rows; where there is no value, whatever stands there.
    ///
    /// # Errors
    /// There is no such column, or its numbers are of another type.
    pub fn values<T: Plain>(&self, name: &str) -> Result<&'a [T], ColumnError> {
        Ok(&self.columns.values(name)?[self.start..self.end])
    }

    /// Which of these rows have a value in a column, 64 to a word, the lowest bit first, zeros behind the last; `None`: all.
    ///
    /// # Errors
    /// There is no such column.
    pub fn validity(&self, name: &str) -> Result<Option<&'a [u64]>, ColumnError> {
        let words = self.start / ALIGNED_TO..self.end.div_ceil(ALIGNED_TO);
        Ok(self.columns.validity(name)?.map(Bitmap::words).map(|all| &all[words]))
    }

    /// The rows of the table that are wanted and in this block, ascending; `None`: all of them.
    pub fn selection(&self) -> Option<&'a [u32]> {
        let all = self.columns.selection()?;
        let before = |end: usize| all.partition_point(|row| (*row as usize) < end);
        Some(&all[before(self.start)..before(self.end)])
    }
}
