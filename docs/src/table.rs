//! Columns of a table, normalised: each number as its distance from the mean of its column, in standard deviations.
//!
//! The mean is known when all rows have been read, so a column is kept in memory: 8 bytes for each of its numbers. Each step is a pipeline:
//! rows become columns, a column becomes its moments, then its normalised self, columns become rows again.

use pipe_core::kernel::{Blocks, MeanVar, MinMax, Moments, Program};
use pipe_core::{BlockingExecutor, BoxError, Report, RunError, Sink, from_range, from_source, skip};
use pipe_stream::{AsCsv, Encode, FileSink, Opened, Table, number};
use std::error::Error;
use std::fmt;
use std::path::Path;

/// Numbers of a block: 128 KiB, so that two of them fit into the second level of a cache.
const BLOCK: usize = 16 << 10;

/// A column of numbers, and what they are like.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its numbers, row by row.
    pub numbers: Vec<f64>,
    /// How many there are, their mean, and how far they are from it.
    pub moments: Moments,
    /// The least and the greatest one; `None` if there is no number.
    pub range: Option<(f64, f64)>,
}

/// Reads columns of a table by their names. A row that is short, or that has no number in one of them, is left out, and counted by the report.
///
/// # Errors
/// The table has no column of such a name; what the source or the executor could not do.
pub fn columns<'p>(
    table: Table<Opened>,
    names: &[String],
    executor: &impl BlockingExecutor<'p>,
) -> Result<Report<Vec<Vec<f64>>>, Box<dyn Error>> {
    let places = names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    let count = places.len();
    let rows = table.pipeline().try_map(move |row| {
        places
            .iter()
            .map(|place| Ok(number::<f64>(row.field(*place)?.raw())?))
            .collect::<Result<Vec<f64>, BoxError>>()
    });
    let columns = rows.named("numbers").on_error(skip()).to(ByColumn { columns: vec![Vec::new(); count] });
    Ok(columns.run_on(executor)?)
}

/// Puts the numbers of each row behind those of the rows before.
struct ByColumn {
    columns: Vec<Vec<f64>>,
}

impl Sink<Vec<f64>> for ByColumn {
    type Done = Vec<Vec<f64>>;

    fn write(&mut self, row: Vec<f64>) -> Result<(), BoxError> {
        self.columns.iter_mut().zip(row).for_each(|(column, number)| column.push(number));
        Ok(())
    }

    fn commit(self) -> Result<Self::Done, BoxError> {
        Ok(self.columns)
    }
}

/// Takes the mean from each number and divides by the standard deviation; a column whose numbers are all equal becomes zeros.
///
/// # Errors
/// What the executor could not do.
pub fn normalised<'p>(
    name: &str,
    numbers: Vec<f64>,
    executor: &impl BlockingExecutor<'p>,
) -> Result<Column, RunError> {
    let moments = from_source(Blocks::new(numbers.clone(), BLOCK)).reduce(MeanVar).run_on(executor)?;
    let range = from_source(Blocks::new(numbers.clone(), BLOCK)).reduce(MinMax).run_on(executor)?;
    let moments = moments.value.unwrap_or_default();
    let deviation = moments.variance().sqrt();
    let program = Program::new().sub(moments.mean()).div(if deviation > 0.0 { deviation } else { 1.0 });
    let numbers = from_source(Blocks::new(numbers, BLOCK)).kernel(program).collect().run_on(executor)?;
    Ok(Column {
        name: name.to_owned(),
        numbers: numbers.value.concat(),
        moments,
        range: range.value.flatten(),
    })
}

/// Writes columns of one length as a table, with their names in the first row.
///
/// # Errors
/// The file cannot be written.
pub fn write<'p>(
    path: &Path,
    columns: &'p [Column],
    executor: &impl BlockingExecutor<'p>,
) -> Result<Report<u64>, Box<dyn Error>> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let rows = columns.first().map_or(0, |column| column.numbers.len());
    let numbers =
        from_range(0..rows).map(|row| columns.iter().map(|column| column.numbers[row]).collect::<Vec<f64>>());
    let sink = FileSink::create(path)?.header(&AsCsv.header(&names));
    Ok(numbers.encode(AsCsv).to(sink).run_on(executor)?)
}

/// Lines of fields with tabs between them: name, count, mean, standard deviation, least, greatest.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mean, deviation) = (self.moments.mean(), self.moments.variance().sqrt());
        write!(f, "{}\t{}\t{mean:.4}\t{deviation:.4}", self.name, self.moments.count())?;
        match self.range {
            Some((least, greatest)) => writeln!(f, "\t{least}\t{greatest}"),
            None => writeln!(f, "\t\t"),
        }
    }
}
