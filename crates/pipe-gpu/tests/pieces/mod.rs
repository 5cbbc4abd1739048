//! What tests of blocks in pieces share: a device that takes every block, numbers, a program, and what the reference makes of them.

use pipe_core::kernel::{Number, Program, Runner, Scalar};
use pipe_core::{Event, Report};
use pipe_gpu::{Gate, Gpu, Rates};

/// Every block goes to the device, in pieces of 16 numbers.
pub(crate) fn gpu() -> Gpu {
    Gpu::new().slot_bytes(64).device_memory(3 * 64).gate(Gate::Open)
}

/// Of a bus that no block is worth.
pub(crate) const SLOW: Rates = Rates { bytes_per_second: 1.0, seconds_per_block: 1.0 };

pub(crate) fn numbers(len: usize) -> Vec<f32> {
    let awkward = [f32::INFINITY, -0.0, f32::MIN_POSITIVE / 4.0, f32::MAX, f32::NEG_INFINITY, f32::NAN];
    (0..len).map(|n| if n % 11 == 7 { awkward[n / 11 % 6] } else { n as f32 * 0.37 - 20.0 }).collect()
}

pub(crate) fn program() -> Program<f32> {
    Program::new().scale(1.1).add(0.3).clamp(-10.0, 3e38)
}

/// What the reference makes of so many numbers.
pub(crate) fn expected(program: &Program<f32>, len: usize) -> Vec<u32> {
    let mut numbers = numbers(len);
    scalar(program, &mut numbers);
    bits(&numbers)
}

pub(crate) fn scalar<T: Number>(program: &Program<T>, block: &mut [T]) {
    T::worker(Scalar.worker()).run(program, block).unwrap();
}

/// What is not a number has any of several bits.
pub(crate) fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

/// What is said besides the device that is used.
pub(crate) fn fallbacks<T>(report: &Report<T>) -> Vec<&Event> {
    report.events.iter().filter(|event| !matches!(event, Event::Kernels { .. })).collect()
}
