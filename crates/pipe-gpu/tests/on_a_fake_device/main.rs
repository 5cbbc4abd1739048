//! `Gpu` over a driver without a device: its results, what is where the driver fails, and what is where there is no room or no gain.

mod failures;
#[path = "../fake/mod.rs"]
mod fake;
mod limits;
#[path = "../pieces/mod.rs"]
mod pieces;
mod results;

use pieces::{bits, expected, fallbacks, numbers, program, scalar};
use pipe_core::kernel::{Blocks, Number, Program, Runner};
use pipe_core::{Event, Report, RunError, from_source};
use pipe_gpu::Gpu;

fn run(gpu: &Gpu, len: usize, block: usize) -> Result<Report<Vec<Vec<f32>>>, RunError> {
    from_source(Blocks::new(numbers(len), block)).kernel(program()).collect().run_on(gpu)
}

fn assert_equal(report: &Report<Vec<Vec<f32>>>, len: usize, when: &str) {
    assert_eq!(bits(&report.value.concat()), expected(&program(), len), "{when}");
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
