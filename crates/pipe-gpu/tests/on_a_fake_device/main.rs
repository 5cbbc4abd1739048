//! `Gpu` over a driver without a device: its results, what is where the driver fails, and what is where there is no room or no gain.

mod failures;
#[path = "../fake/mod.rs"]
mod fake;
mod limits;
mod results;

use pipe_core::kernel::{Blocks, Number, Program, Runner, Scalar};
use pipe_core::{Event, Report, RunError, from_source};
use pipe_gpu::{Gate, Gpu};

/// Every block goes to the device, in pieces of 16 numbers.
fn gpu() -> Gpu {
    Gpu::new().slot_bytes(64).device_memory(3 * 64).gate(Gate::Open)
}

fn numbers(len: usize) -> Vec<f32> {
    let awkward = [f32::INFINITY, -0.0, f32::MIN_POSITIVE / 4.0, f32::MAX, f32::NEG_INFINITY, f32::NAN];
    (0..len).map(|n| if n % 11 == 7 { awkward[n / 11 % 6] } else { n as f32 * 0.37 - 20.0 }).collect()
}

fn program() -> Program<f32> {
    Program::new().scale(1.1).add(0.3).clamp(-10.0, 3e38)
}

fn run(gpu: &Gpu, len: usize, block: usize) -> Result<Report<Vec<Vec<f32>>>, RunError> {
    from_source(Blocks::new(numbers(len), block)).kernel(program()).collect().run_on(gpu)
}

fn expected(len: usize) -> Vec<u32> {
    let mut numbers = numbers(len);
    scalar(&program(), &mut numbers);
    bits(&numbers)
}

fn scalar<T: Number>(program: &Program<T>, block: &mut [T]) {
    T::worker(Scalar.worker()).run(program, block).unwrap();
}

/// What is not a number has any of several bits.
fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

fn assert_equal(report: &Report<Vec<Vec<f32>>>, len: usize, when: &str) {
    assert_eq!(bits(&report.value.concat()), expected(len), "{when}");
}

/// What is said besides the device that is used.
fn fallbacks<T>(report: &Report<T>) -> Vec<&Event> {
    report.events.iter().filter(|event| !matches!(event, Event::Kernels { .. })).collect()
}

/// A block on the device, and by the reference.
fn on_both<T: Number>(gpu: &Gpu, program: &Program<T>, block: &[T]) -> (Vec<T>, Vec<T>) {
    let (mut device, mut reference) = (block.to_vec(), block.to_vec());
    T::worker(gpu.worker()).run(program, &mut device).unwrap();
    scalar(program, &mut reference);
    (device, reference)
}

fn reason(report: &Report<Vec<Vec<f32>>>) -> String {
    let [Event::Fallback { why, .. }] = fallbacks(report)[..] else { panic!("{:?}", report.events) };
    why.clone()
}
