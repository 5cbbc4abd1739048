//! Tables from Arrow, and columns as its arrays.

use super::{Bitmap, Column, ColumnError, Columns, Typed, Values};
use crate::aligned::AlignedVec;
use crate::plain::Plain;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use std::sync::Arc;

/// Says one thing of each type that both have.
macro_rules! for_each_type {
    ($say:ident) => {
        $say!(
            F32 Float32Type, F64 Float64Type, I8 Int8Type, I16 Int16Type, I32 Int32Type, I64 Int64Type, U8 UInt8Type,
            U16 UInt16Type, U32 UInt32Type, U64 UInt64Type
        )
    };
}

impl Columns {
    /// A table with a copy of the numbers of a record batch: Arrow's memory may begin where it likes, and is shared. To read an array where it
    /// is, without a table, kernels take its `values()`.
    ///
    /// # Errors
    /// [`ColumnError::Unsupported`] for a column that is not of plain numbers: texts, lists, times.
    pub fn from_arrow(batch: &RecordBatch) -> Result<Self, ColumnError> {
        let mut columns = Columns::new();
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let values = values_of(array).ok_or_else(|| ColumnError::Unsupported {
                column: field.name().clone(),
                found: array.data_type().to_string(),
            })?;
            let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
            let validity = nulls.map(|nulls| Bitmap::from_fn(array.len(), |row| nulls.is_valid(row)));
            columns.add(field.name(), values, validity)?;
        }
        Ok(columns)
    }

    /// Its columns as arrays by name, for `RecordBatch::try_from_iter`. The memory moves into them, numbers and validity; nothing is copied.
    /// Rows that are not wanted any more are dropped first.
    ///
    /// ```
    /// use arrow_array::RecordBatch;
    /// use pipe_cache::{AlignedVec, Columns};
    ///
    /// let trips = Columns::new().with("km", AlignedVec::from(vec![2.0_f32, 11.0]))?;
    /// let batch = RecordBatch::try_from_iter(trips.clone().into_arrow())?;
    /// assert_eq!(Columns::from_arrow(&batch)?, trips);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_arrow(mut self) -> impl Iterator<Item = (String, ArrayRef)> {
        self.compact();
        self.columns.into_iter().map(|Column { name, values, validity }| (name, array_of(values, validity)))
    }
}

fn values_of(array: &dyn Array) -> Option<Values> {
    macro_rules! first_that_fits {
        ($($name:ident $arrow:ident),+) => {
            None$(.or_else(|| Some(Typed::wrap(copied(array.as_primitive_opt::<$arrow>()?)))))+
        };
    }
    // For example: None.or_else(|| Some(Typed::wrap(copied(array.as_primitive_opt::<Float32Type>()?))))
    for_each_type!(first_that_fits)
}

fn copied<T: ArrowPrimitiveType<Native: Plain>>(array: &PrimitiveArray<T>) -> AlignedVec<T::Native> {
    AlignedVec::from(&array.values()[..])
}

fn array_of(values: Values, validity: Option<Bitmap>) -> ArrayRef {
    let nulls = validity.map(|validity| {
        let len = validity.len();
        NullBuffer::new(BooleanBuffer::new(buffer(validity.into_words()), 0, len))
    });
    macro_rules! by_type {
        ($($name:ident $arrow:ident),+) => {
            match values { $( Values::$name(values) => primitive::<$arrow>(values, nulls), )+ }
        };
    }
    // For example: match values { Values::F32(values) => primitive::<Float32Type>(values, nulls), .. }
    for_each_type!(by_type)
}

fn primitive<T: ArrowPrimitiveType<Native: Plain>>(
    values: AlignedVec<T::Native>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let len = values.len();
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(buffer(values), 0, len), nulls))
}

/// The numbers as Arrow's bytes, which own them.
fn buffer<T: Plain>(values: AlignedVec<T>) -> Buffer {
    struct Owner<T>(AlignedVec<T>);

    impl<T: Plain> AsRef<[u8]> for Owner<T> {
        fn as_ref(&self) -> &[u8] {
            bytemuck::cast_slice(&self.0)
        }
    }

    Buffer::from(bytes::Bytes::from_owner(Owner(values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Bit;
    use arrow_array::{Float32Array, Int64Array, StringArray};
    use pipe_core::testing::Rng;

    fn batch(columns: Columns) -> RecordBatch {
        RecordBatch::try_from_iter(columns.into_arrow()).unwrap()
    }

    #[test]
    fn there_and_back_is_the_same_with_every_type_and_with_values_that_are_missing() {
        let mut rng = Rng::new(1);
        for len in [1, 63, 64, 65, 200] {
            let mut all = Columns::new();
            macro_rules! add {
                ($($name:ident $arrow:ident),+) => { $(
                    let values: AlignedVec<<$arrow as ArrowPrimitiveType>::Native> =
                        (0..len).map(|_| rng.below(100) as <$arrow as ArrowPrimitiveType>::Native).collect();
                    all = all.with(stringify!($name), values).unwrap();
                )+ };
            }
            for_each_type!(add);
            let mut missing = Bitmap::from_fn(len, |_| rng.below(3) > 0);
            missing.set(0, Bit::Clear);
            all.set_validity("I32", missing).unwrap();
            assert_eq!(Columns::from_arrow(&batch(all.clone())).unwrap(), all);
        }
    }

    #[test]
    fn numbers_and_validity_go_to_arrow_where_they_are() {
        let mut columns = Columns::new().with("x", AlignedVec::from(vec![1.5_f32, 2.5, 3.5])).unwrap();
        columns.set_validity("x", Bitmap::from_fn(3, |row| row != 1)).unwrap();
        let (numbers, words) = (
            columns.values::<f32>("x").unwrap().as_ptr(),
            columns.validity("x").unwrap().unwrap().words().as_ptr(),
        );
        let batch = batch(columns);
        let array: &Float32Array = batch.column(0).as_primitive();
        assert_eq!(array, &Float32Array::from(vec![Some(1.5), None, Some(3.5)]));
        assert_eq!(array.values().as_ptr(), numbers);
        assert_eq!(array.nulls().unwrap().buffer().as_ptr(), words.cast());
    }

    #[test]
    fn a_slice_of_a_batch_brings_its_own_rows() {
        let array = Int64Array::from((0..200).map(|n| (n % 3 != 0).then_some(n)).collect::<Vec<_>>());
        let array: ArrayRef = Arc::new(array);
        let columns = Columns::from_arrow(&RecordBatch::try_from_iter([("n", array)]).unwrap().slice(70, 5));
        let columns = columns.unwrap();
        let valid = columns.validity("n").unwrap().unwrap();
        assert_eq!(columns.values::<i64>("n").unwrap()[1..3], [71, 0]);
        assert_eq!((0..5).map(|row| valid.get(row)).collect::<Vec<_>>(), [true, true, false, true, true]);
    }

    #[test]
    fn rows_that_are_not_wanted_stay_behind() {
        let mut columns = Columns::new().with("n", AlignedVec::from(vec![1_i64, 2, 3])).unwrap();
        columns.narrow("n", |n: i64| n != 2).unwrap();
        assert_eq!(batch(columns).column(0).as_primitive::<Int64Type>(), &Int64Array::from(vec![1, 3]));
    }

    #[test]
    fn a_column_of_texts_is_refused_by_name() {
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let error = Columns::from_arrow(&RecordBatch::try_from_iter([("name", names)]).unwrap());
        assert_eq!(
            error.unwrap_err().to_string(),
            "column `name` is of Utf8, which has no column of plain numbers"
        );
    }
}
