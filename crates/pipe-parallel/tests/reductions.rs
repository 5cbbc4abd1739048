//! Floats, reduced by several workers.

use pipe_core::kernel::{Blocks, MeanVar, Program, Sum};
use pipe_core::testing::Rng;
use pipe_core::{Inline, from_source};
use pipe_parallel::Parallel;

#[test]
fn a_reduction_of_floats_is_the_same_for_any_number_of_workers() {
    let mut rng = Rng::new(6);
    let numbers: Vec<f32> = (0..100_003).map(|_| rng.number() as f32 * 1e-15).collect();
    let source = || from_source(Blocks::new(numbers.clone(), 129)).kernel(Program::new().sqrt().add(0.1));
    let sum = source().reduce(Sum).run_on(&Inline).unwrap().value;
    let moments = source().reduce(MeanVar).run_on(&Inline).unwrap().value;
    for workers in 1..=4 {
        for _ in 0..8 {
            let parallel = Parallel::new().workers(workers).spread_at_once();
            assert_eq!(source().reduce(Sum).run_on(&parallel).unwrap().value, sum);
            assert_eq!(source().reduce(MeanVar).run_on(&parallel).unwrap().value, moments);
        }
    }
}
