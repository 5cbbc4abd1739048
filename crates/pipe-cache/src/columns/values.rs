//! The numbers of a column, of any type.

use crate::aligned::AlignedVec;
use crate::plain::Plain;
use pipe_core::Weigh;
use std::fmt;

/// Says one thing of all types of numbers: a variant for each, and what is the same for each.
macro_rules! values {
    ($($t:ident $name:ident),+) => {
        /// The type of a column's numbers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum NumberType {
            $( #[doc = concat!("`", stringify!($t), "`.")] $name, )+
        }

        impl fmt::Display for NumberType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( NumberType::$name => stringify!($t), )+ })
            }
        }

        /// The numbers of a column.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Values {
            $( $name(AlignedVec<$t>), )+
        }

        impl Values {
            pub(super) fn number_type(&self) -> NumberType {
                match self { $( Values::$name(_) => NumberType::$name, )+ }
            }

            pub(super) fn len(&self) -> usize {
                match self { $( Values::$name(values) => values.len(), )+ }
            }

            /// Cuts, or fills up with zeros.
            pub(super) fn resize(&mut self, len: usize) {
                match self { $( Values::$name(values) => values.resize(len, $t::default()), )+ }
            }

            /// Keeps these rows, which ascend.
            pub(super) fn compact(&mut self, rows: &[u32]) {
                match self { $( Values::$name(values) => compact(values, rows), )+ }
            }

            pub(super) fn heap(&self) -> usize {
                match self { $( Values::$name(values) => values.heap(), )+ }
            }
        }

        $( impl Typed for $t {
            const TYPE: NumberType = NumberType::$name;

            fn of(values: &Values) -> Option<&AlignedVec<$t>> {
                match values { Values::$name(values) => Some(values), _ => None }
            }

            fn of_mut(values: &mut Values) -> Option<&mut AlignedVec<$t>> {
                match values { Values::$name(values) => Some(values), _ => None }
            }

            fn wrap(values: AlignedVec<$t>) -> Values {
                Values::$name(values)
            }
        } )+
    };
}
// For example: enum NumberType { F32, .. } enum Values { F32(AlignedVec<f32>), .. } impl Typed for f32 { .. }
values!(f32 F32, f64 F64, i8 I8, i16 I16, i32 I32, i64 I64, u8 U8, u16 U16, u32 U32, u64 U64);

/// A type of numbers and its variant.
pub trait Typed: Sized {
    /// Its name as a value.
    const TYPE: NumberType;

    #[doc(hidden)]
    fn of(values: &Values) -> Option<&AlignedVec<Self>>;

    #[doc(hidden)]
    fn of_mut(values: &mut Values) -> Option<&mut AlignedVec<Self>>;

    #[doc(hidden)]
    fn wrap(values: AlignedVec<Self>) -> Values;
}

/// In place: a row that is kept moves to the front, and never overwrites one that is still to come.
fn compact<T: Plain>(values: &mut AlignedVec<T>, rows: &[u32]) {
    for (to, from) in rows.iter().enumerate() {
        values[to] = values[*from as usize];
    }
    values.truncate(rows.len());
}
