//! A program as the kernel takes it: a short list of operations, by value in its parameters.
//!
//! The layout is that of the structs in `kernels/map.cu`.

use pipe_core::kernel::{Op, Program};

/// Operations of one launch; a longer program is launched in parts, over numbers that stay on the device. 32 of them take 776 bytes of the
/// 4 KiB that parameters may have.
pub(crate) const MOST_OPS: usize = 32;

/// One operation: its code and its operands.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct EncodedOp<T> {
    code: u32,
    a: T,
    b: T,
}

/// The operations of one launch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct Encoded<T> {
    len: u32,
    ops: [EncodedOp<T>; MOST_OPS],
}

/// The launches that a program takes, in order; none for a program that leaves numbers as they are. `None` if it has an operation that the
/// kernel does not know.
pub(crate) fn encode<T: Copy + Default>(program: &Program<T>) -> Option<Vec<Encoded<T>>> {
    let part = |ops: &[Op<T>]| {
        let none = EncodedOp { code: u32::MAX, a: T::default(), b: T::default() };
        let mut encoded = Encoded { len: ops.len() as u32, ops: [none; MOST_OPS] };
        for (place, op) in encoded.ops.iter_mut().zip(ops) {
            *place = encode_op(op)?;
        }
        Some(encoded)
    };
    program.ops().chunks(MOST_OPS).map(part).collect()
}

fn encode_op<T: Copy + Default>(op: &Op<T>) -> Option<EncodedOp<T>> {
    let (code, a, b) = match *op {
        Op::Scale(factor) => (0, factor, T::default()),
        Op::Add(term) => (1, term, T::default()),
        Op::Clamp(low, high) => (2, low, high),
        _ => return None,
    };
    Some(EncodedOp { code, a, b })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_the_kernel() {
        assert_eq!((size_of::<EncodedOp<f32>>(), size_of::<Encoded<f32>>()), (12, 4 + 32 * 12));
        assert_eq!((size_of::<EncodedOp<f64>>(), size_of::<Encoded<f64>>()), (24, 8 + 32 * 24));
    }

    #[test]
    fn a_program_of_any_length_is_cut_into_launches_that_hold_all_of_it_in_order() {
        for len in [0, 1, 31, 32, 33, 64, 100] {
            let program = (0..len).fold(Program::new(), |program, k| program.then(Op::Add(k as f32)));
            let launches = encode(&program).unwrap();
            assert_eq!(launches.len(), usize::div_ceil(len, MOST_OPS));
            let ops = launches.iter().flat_map(|launch| &launch.ops[..launch.len as usize]);
            let terms: Vec<f32> = ops.map(|op| op.a).collect();
            assert_eq!(terms, (0..len).map(|k| k as f32).collect::<Vec<_>>());
        }
    }
}
