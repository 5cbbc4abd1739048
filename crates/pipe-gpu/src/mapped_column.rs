//! Numbers on the device as a program would leave them.

use crate::column::Column;
use crate::element::Element;
use crate::error::GpuError;
use crate::job::{Before, Count, MinMax};
use pipe_core::kernel::{self, Bins, Compare, Program};
use std::fmt;

/// The numbers of a [`Column`] as a program would leave them: what is made of them comes back, and they go nowhere. Made by [`Column::mapped`].
///
/// ```
/// use pipe_core::kernel::{Compare, Program};
/// use pipe_gpu::{Gpu, GpuError};
///
/// /// How many readings are above 5 degrees, and the sum of all.
/// fn warm(gpu: &Gpu, readings: &[f32]) -> Result<(u64, f64), GpuError> {
///     let degrees = Program::new().scale(0.1).add(-20.0);
///     let mut column = gpu.column(readings)?;
///     let mut degrees = column.mapped(&degrees)?;
///     Ok((degrees.count(Compare::Greater, 5.0)?, degrees.sum()?))
/// }
/// match warm(&Gpu::new(), &[0.0, 300.0, 500.0]) {
///     Ok(found) => assert_eq!(found, (2, 20.0)),
///     Err(why) => println!("{why}"), // no CUDA driver: ..
/// }
/// ```
pub struct MappedColumn<'c, T: Element> {
    column: &'c mut Column<T>,
    /// None: the numbers as they are.
    before: Option<Before<'c, T>>,
}

impl<'c, T: Element> MappedColumn<'c, T> {
    pub(crate) fn new(column: &'c mut Column<T>, program: &'c Program<T>) -> Result<Self, GpuError> {
        let before = Before::new(program);
        if before.is_none() && !program.ops().is_empty() {
            return Err(GpuError::NoKernel { what: "an operation of the program" });
        }
        Ok(MappedColumn { column, before })
    }

    /// As [`Column::count`].
    ///
    /// # Errors
    /// The driver's.
    pub fn count(&mut self, compare: Compare, bound: T) -> Result<u64, GpuError> {
        self.column.total(Count(compare, bound), self.before.as_ref())
    }

    /// As [`Column::min_max`].
    ///
    /// # Errors
    /// The driver's.
    pub fn min_max(&mut self) -> Result<Option<(T, T)>, GpuError> {
        self.column.total(MinMax, self.before.as_ref())
    }

    /// As [`Column::sum`].
    ///
    /// # Errors
    /// The driver's.
    pub fn sum(&mut self) -> Result<T::Total, GpuError> {
        self.column.sum_of(self.before.as_ref())
    }

    /// As [`Column::histogram`].
    ///
    /// # Errors
    /// The driver's.
    pub fn histogram(&mut self, histogram: &kernel::Histogram) -> Result<Bins, GpuError> {
        self.column.bins_of(histogram, self.before.as_ref())
    }
}

impl<T: Element> fmt::Debug for MappedColumn<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedColumn").field("column", &self.column).finish_non_exhaustive()
    }
}
