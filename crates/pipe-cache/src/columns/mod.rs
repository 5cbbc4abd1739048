//! A table by columns.

mod bitmap;
mod blocks;
mod error;
mod values;

#[cfg(feature = "arrow")]
mod arrow;

use crate::aligned::AlignedVec;
use crate::plain::Plain;
pub use bitmap::{Bit, Bitmap};
pub use blocks::{Block, ColumnBatch, ColumnBlocks, column_blocks};
pub use error::ColumnError;
use pipe_core::Weigh;
pub use values::NumberType;
pub(crate) use values::{Typed, Values};

/// Rows as columns: for each name an [`AlignedVec`], all of the same length, with the rows that have no value there, and the rows that
/// are still wanted.
///
/// A loop over one column reads that column and nothing else, at the speed of a slice. A filter does not move rows: it narrows the
/// *selection*, and [`Columns::compact`] moves them once, after the last filter.
///
/// As a batch it is lent block by block: [`column_blocks`]. It grows by [`Columns::resize`] and is filled through
/// [`Columns::values_mut`], so that columns never differ in length.
///
/// ```
/// use pipe_cache::{AlignedVec, Columns};
///
/// let mut trips = Columns::new()
///     .with("km", AlignedVec::from(vec![2.0_f32, 11.0, 3.5]))?
///     .with("passengers", AlignedVec::from(vec![1_u8, 4, 2]))?;
/// trips.narrow("km", |km: f32| km > 3.0)?;
/// trips.compact();
/// assert_eq!(trips.values::<u8>("passengers")?, [4, 2]);
/// # Ok::<(), pipe_cache::ColumnError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    columns: Vec<Column>,
    rows: usize,
    /// The rows that are still wanted, ascending; `None`: all.
    selection: Option<AlignedVec<u32>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Column {
    name: String,
    values: Values,
    /// Which rows have a value; `None`: all.
    validity: Option<Bitmap>,
}

impl Columns {
    /// No columns yet.
    pub const fn new() -> Self {
        Columns { columns: Vec::new(), rows: 0, selection: None }
    }

    /// With one more column, behind the others.
    ///
    /// # Errors
    /// There is one of this name, or the others have another length.
    pub fn with<T: Plain>(mut self, name: &str, values: AlignedVec<T>) -> Result<Self, ColumnError> {
        self.add(name, T::wrap(values), None)?;
        Ok(self)
    }

    fn add(&mut self, name: &str, values: Values, validity: Option<Bitmap>) -> Result<(), ColumnError> {
        let (column, rows, wanted) = (name.to_owned(), values.len(), self.rows);
        if self.names().any(|there| there == name) {
            return Err(ColumnError::Twice { column });
        }
        if self.columns.is_empty() {
            // It says how long the table is, whatever was said of one without columns.
            (self.rows, self.selection) = (rows, None);
        } else if rows != wanted {
            return Err(ColumnError::OtherLength { column, rows, wanted });
        }
        self.columns.push(Column { name: column, values, validity });
        Ok(())
    }

    /// How many rows there are, wanted or not.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of its columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The type of a column's numbers.
    ///
    /// # Errors
    /// There is no such column.
    pub fn number_type(&self, name: &str) -> Result<NumberType, ColumnError> {
        Ok(self.columns[self.find(name)?].values.number_type())
    }

    /// The numbers of a column; where there is no value, whatever stands there.
    ///
    /// # Errors
    /// There is no such column, or its numbers are of another type.
    pub fn values<T: Plain>(&self, name: &str) -> Result<&[T], ColumnError> {
        let column = &self.columns[self.find(name)?];
        T::of(&column.values).map(|values| &**values).ok_or_else(|| column.is_not(T::TYPE))
    }

    /// As [`Columns::values`], to write.
    ///
    /// # Errors
    /// There is no such column, or its numbers are of another type.
    pub fn values_mut<T: Plain>(&mut self, name: &str) -> Result<&mut [T], ColumnError> {
        let index = self.find(name)?;
        let is_not = self.columns[index].is_not(T::TYPE);
        T::of_mut(&mut self.columns[index].values).map(|values| &mut **values).ok_or(is_not)
    }

    /// Which rows of a column have a value; `None`: all.
    ///
    /// # Errors
    /// There is no such column.
    pub fn validity(&self, name: &str) -> Result<Option<&Bitmap>, ColumnError> {
        Ok(self.columns[self.find(name)?].validity.as_ref())
    }

    /// Says which rows of a column have a value.
    ///
    /// # Errors
    /// There is no such column, or it is not as long.
    pub fn set_validity(&mut self, name: &str, validity: Bitmap) -> Result<(), ColumnError> {
        let (index, rows, wanted) = (self.find(name)?, validity.len(), self.rows);
        if rows != wanted {
            return Err(ColumnError::OtherLength { column: name.to_owned(), rows, wanted });
        }
        self.columns[index].validity = Some(validity);
        Ok(())
    }

    /// Makes all columns this long: cuts them, or fills them up with zeros that are values. Every row is wanted then. Keeps the memory.
    pub fn resize(&mut self, rows: usize) {
        for Column { values, validity, .. } in &mut self.columns {
            values.resize(rows);
            if let Some(validity) = validity {
                validity.resize(rows, Bit::Set);
            }
        }
        self.rows = rows;
        self.selection = None;
    }

    /// Drops all rows. Keeps the columns and their memory: what a pool does with one that comes back.
    pub fn clear(&mut self) {
        self.resize(0);
        self.columns.iter_mut().for_each(|column| column.validity = None);
    }

    /// The rows that are still wanted, ascending; `None`: all.
    pub fn selection(&self) -> Option<&[u32]> {
        self.selection.as_deref()
    }

    /// Wants these rows only, whatever was wanted before.
    ///
    /// # Errors
    /// They do not ascend, or there is no such row.
    pub fn select(&mut self, rows: AlignedVec<u32>) -> Result<(), ColumnError> {
        let fits = |row: u32| (row as usize) < self.rows;
        let wrong = rows.windows(2).find(|pair| pair[0] >= pair[1]).map(|pair| pair[1]);
        match wrong.or(rows.last().copied().filter(|last| !fits(*last))) {
            Some(row) => Err(ColumnError::Selection { row, rows: self.rows }),
            None => {
                self.selection = Some(rows);
                Ok(())
            }
        }
    }

    /// Of the rows that are wanted, goes on wanting those whose value in this column `keep` accepts. Rows without a value go.
    ///
    /// # Errors
    /// There is no such column, its numbers are of another type, or there are more rows than a `u32` counts.
    pub fn narrow<T: Plain>(
        &mut self,
        name: &str,
        mut keep: impl FnMut(T) -> bool,
    ) -> Result<(), ColumnError> {
        let rows = self.rows;
        let last = u32::try_from(rows).map_err(|_| ColumnError::Selection { row: u32::MAX, rows })?;
        let (values, validity) = (self.values::<T>(name)?, self.validity(name)?);
        let mut kept = AlignedVec::<u32>::zeroed(self.selection.as_ref().map_or(rows, |rows| rows.len()));
        let mut count = 0;
        // Without a branch on what `keep` says, which nobody can predict: each row is written, and overwritten if it goes.
        let mut look = |row: u32| {
            let has_value = validity.is_none_or(|validity| validity.get(row as usize));
            kept[count] = row;
            count += usize::from(has_value && keep(values[row as usize]));
        };
        match &self.selection {
            Some(rows) => rows.iter().for_each(|row| look(*row)),
            None => (0..last).for_each(look),
        }
        kept.truncate(count);
        self.selection = Some(kept);
        Ok(())
    }

    /// Moves the rows that are wanted to the front of each column and drops the others.
    pub fn compact(&mut self) {
        let Some(rows) = self.selection.take() else { return };
        for Column { values, validity, .. } in &mut self.columns {
            values.compact(&rows);
            if let Some(validity) = validity {
                *validity = Bitmap::from_fn(rows.len(), |row| validity.get(rows[row] as usize));
            }
        }
        self.rows = rows.len();
    }

    fn find(&self, name: &str) -> Result<usize, ColumnError> {
        let index = self.columns.iter().position(|column| column.name == name);
        index.ok_or_else(|| {
            let there = self.names().map(str::to_owned).collect();
            ColumnError::Missing { column: name.to_owned(), there }
        })
    }
}

impl Column {
    #[cold]
    fn is_not(&self, wanted: NumberType) -> ColumnError {
        ColumnError::OtherType { column: self.name.clone(), wanted, found: self.values.number_type() }
    }
}

impl Weigh for Columns {
    fn heap(&self) -> usize {
        let columns = self.columns.iter();
        let owned = columns.map(|column| {
            column.name.heap() + column.values.heap() + column.validity.as_ref().map_or(0, Weigh::heap)
        });
        let list = self.columns.capacity() * size_of::<Column>();
        list + owned.sum::<usize>() + self.selection.as_ref().map_or(0, Weigh::heap)
    }
}
