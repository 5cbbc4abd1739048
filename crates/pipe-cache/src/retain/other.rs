//! Floats on processors that have no instruction for it.

use super::retain;
use pipe_core::kernel::Compare;
use pulp::Arch;

pub(crate) fn retain_f32(arch: Arch, compare: Compare, bound: f32, block: &mut [f32]) -> usize {
    retain(arch, compare, bound, block)
}

pub(crate) fn retain_f64(arch: Arch, compare: Compare, bound: f64, block: &mut [f64]) -> usize {
    retain(arch, compare, bound, block)
}
