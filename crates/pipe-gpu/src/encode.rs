//! A program as the kernel takes it: a short list of operations, by value in its parameters.
//!
//! Layout and codes are those of `kernels/map.cu`; the codes of what only floats have are in `element.rs`.

use crate::element::Element;
use pipe_core::kernel::{Binary, Compare, Op, Program};
use std::cell::OnceCell;

/// Operations of one launch; a longer program is launched in parts, over numbers that stay on the device. 32 of them take 776 bytes of the
/// 4 KiB that parameters may have.
pub(crate) const MOST_OPS: usize = 32;

/// One operation: its code and its operands.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct EncodedOp<T> {
    pub(crate) code: u32,
    pub(crate) a: T,
    pub(crate) b: T,
}

/// The operations of one launch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct Encoded<T> {
    len: u32,
    ops: [EncodedOp<T>; MOST_OPS],
}

/// A program that the kernel knows, encoded when it is launched: a block that the gate keeps on the CPU does not pay for it.
pub(crate) struct Encoding<'a, T: Element> {
    program: &'a Program<T>,
    launches: OnceCell<Vec<Encoded<T>>>,
}

impl<'a, T: Element> Encoding<'a, T> {
    /// `None` if it has an operation that the kernel does not know.
    pub(crate) fn new(program: &'a Program<T>) -> Option<Self> {
        let is_known = program.ops().iter().all(|op| encode_op(*op).is_some());
        is_known.then(|| Encoding { program, launches: OnceCell::new() })
    }

    pub(crate) fn program(&self) -> &'a Program<T> {
        self.program
    }

    /// Whether it leaves numbers as they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.program.ops().is_empty()
    }

    /// The launches that it takes, in order.
    pub(crate) fn launches(&self) -> &[Encoded<T>] {
        self.launches.get_or_init(|| encode(self.program).unwrap_or_default())
    }
}

/// The launches that a program takes, in order; none for a program that leaves numbers as they are. `None` if it has an operation that the
/// kernel does not know.
pub(crate) fn encode<T: Element>(program: &Program<T>) -> Option<Vec<Encoded<T>>> {
    let part = |ops: &[Op<T>]| {
        let none = EncodedOp { code: u32::MAX, a: T::default(), b: T::default() };
        let mut encoded = Encoded { len: ops.len() as u32, ops: [none; MOST_OPS] };
        for (place, op) in encoded.ops.iter_mut().zip(ops) {
            *place = encode_op(*op)?;
        }
        Some(encoded)
    };
    program.ops().chunks(MOST_OPS).map(part).collect()
}

fn encode_op<T: Element>(op: Op<T>) -> Option<EncodedOp<T>> {
    let none = T::default();
    let (code, a, b) = match op {
        Op::Add(term) => (0, term, none),
        Op::Sub(term) => (1, term, none),
        Op::Scale(factor) => (2, factor, none),
        Op::MulAdd(factor, term) => (3, factor, term),
        Op::Square => (4, none, none),
        Op::Abs => (5, none, none),
        Op::Neg => (6, none, none),
        Op::Clamp(low, high) => (7, low, high),
        Op::Keep(compare, bound, other) => (code_of(compare), bound, other),
        Op::Only(op) => return T::encode_only(op),
        _ => return None,
    };
    Some(EncodedOp { code, a, b })
}

/// The code of a comparison in `kernels/totals.cu`, where they begin with 0.
pub(crate) fn code_of_compare(compare: Compare) -> usize {
    (code_of(compare) - code_of(Compare::Less)) as usize
}

fn code_of(compare: Compare) -> u32 {
    match compare {
        Compare::Less => 8,
        Compare::LessOrEqual => 9,
        Compare::Equal => 10,
        Compare::NotEqual => 11,
        Compare::GreaterOrEqual => 12,
        Compare::Greater => 13,
    }
}

/// How two columns meet, by the codes of `kernels/blocks.cu`; `None` if the kernel does not know it.
pub(crate) fn code_of_binary(binary: Binary) -> Option<usize> {
    match binary {
        Binary::Add => Some(0),
        Binary::Sub => Some(1),
        Binary::Mul => Some(2),
        Binary::Min => Some(3),
        Binary::Max => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_the_kernel() {
        fn layout<T>() -> (usize, usize) {
            (size_of::<EncodedOp<T>>(), size_of::<Encoded<T>>())
        }
        assert_eq!((layout::<f32>(), layout::<i32>()), ((12, 4 + 32 * 12), (12, 4 + 32 * 12)));
        assert_eq!((layout::<f64>(), layout::<i64>()), ((24, 8 + 32 * 24), (24, 8 + 32 * 24)));
        assert_eq!((layout::<u8>(), layout::<u16>()), ((8, 4 + 32 * 8), (8, 4 + 32 * 8)));
    }

    #[test]
    fn a_program_of_any_length_is_cut_into_launches_that_hold_all_of_it_in_order() {
        for len in [0, 1, 31, 32, 33, 64, 100] {
            let program = (0..len).fold(Program::new(), |program, k| program.add(k as f32));
            let launches = encode(&program).unwrap();
            assert_eq!(launches.len(), usize::div_ceil(len, MOST_OPS));
            let ops = launches.iter().flat_map(|launch| &launch.ops[..launch.len as usize]);
            let terms: Vec<f32> = ops.map(|op| op.a).collect();
            assert_eq!(terms, (0..len).map(|k| k as f32).collect::<Vec<_>>());
        }
    }
}
