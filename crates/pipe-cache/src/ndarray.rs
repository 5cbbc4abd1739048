//! Vectors as arrays of ndarray.

use crate::aligned::AlignedVec;
use crate::plain::Plain;
use ndarray::{ArrayView1, ArrayViewMut1};

impl<T: Plain> AlignedVec<T> {
    /// The numbers as an array; nothing is copied.
    ///
    /// ```
    /// use pipe_cache::AlignedVec;
    ///
    /// let heights = AlignedVec::from(vec![1.0_f64, 2.0, 6.0]);
    /// assert_eq!(heights.as_array().mean(), Some(3.0));
    /// ```
    pub fn as_array(&self) -> ArrayView1<'_, T> {
        ArrayView1::from(&**self)
    }

    /// As [`AlignedVec::as_array`], to write.
    pub fn as_array_mut(&mut self) -> ArrayViewMut1<'_, T> {
        ArrayViewMut1::from(&mut **self)
    }
}

/// A copy, in the order of the array's indices, whatever its strides are.
impl<T: Plain> From<ArrayView1<'_, T>> for AlignedVec<T> {
    fn from(array: ArrayView1<'_, T>) -> Self {
        match array.as_slice() {
            Some(numbers) => Self::from(numbers),
            None => array.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array, s};

    #[test]
    fn arrays_of_any_stride_come_in_the_order_of_their_indices() {
        let all: Array1<i32> = (0..100).collect();
        assert_eq!(&AlignedVec::from(all.view())[..], (0..100).collect::<Vec<_>>());
        let backwards = AlignedVec::from(all.slice(s![..;-7]));
        assert_eq!(&backwards[..], (0..100).rev().step_by(7).collect::<Vec<_>>());
        let table = array![[1.0, 2.0], [3.0, 4.0]];
        assert_eq!(&AlignedVec::from(table.column(1))[..], [2.0, 4.0]);
    }

    #[test]
    fn an_array_is_the_vector_itself() {
        let mut vec = AlignedVec::from(vec![1_u8, 2]);
        vec.as_array_mut().fill(9);
        assert_eq!((vec.as_array(), vec.as_array().as_ptr()), (array![9, 9].view(), vec.as_ptr()));
    }
}
