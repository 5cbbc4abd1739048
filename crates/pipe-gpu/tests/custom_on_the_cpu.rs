//! Kernels of one's own, over the driver that computes on the CPU: equal to the functions beside them, on every runner, whatever fails.

mod fake;
mod own;
#[expect(dead_code, reason = "these kernels have numbers of their own")]
mod pieces;

use fake::{FAILS, Fake};
use own::{Median, Missing, STEPS, Steps};
use pieces::gpu;
use pipe_core::kernel::{Blocks, Scalar};
use pipe_core::{Event, Executor, Inline, Report, from_source};
use pipe_gpu::{Custom, CustomKernel, GpuError};

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|n| ((n * 7_919) % 1_013) as f32 * 0.37 - 150.0).collect()
}

/// A chain with a kernel that the crate has.
fn run(executor: &impl for<'p> Executor<'p, Ran = Result<(), pipe_core::RunError>>) -> Report<Vec<Vec<f32>>> {
    let blocks = from_source(Blocks::new(numbers(150), 70));
    blocks
        .transform(Custom(Median))
        .kernel(pipe_core::kernel::Program::new().scale(2.0))
        .transform(Custom(Median))
        .collect()
        .run_on(executor)
        .unwrap()
}

#[test]
fn both_functions_of_a_kernel_are_equal_and_the_check_finds_one_that_is_not() {
    let Some(fake) = Fake::new() else { return };
    for grid in [None, Some((1, 1)), Some((3, 5)), Some((7, 64))] {
        fake.again_on(grid);
        let gpu = gpu();
        gpu.check(&Median, |n| numbers(n + 1)[n]).unwrap();
        gpu.check(&STEPS, |n| n as i32 - 20).unwrap();
        let refused = gpu.check(&Steps { spoilt: true, ..STEPS }, |n| n as i32).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "pipe_custom_steps_i32 over 4 numbers: number 3 is 8 on the CPU, and 7 on the device"
        );
        drop(gpu);
        fake.assert_clean(format!("grid {grid:?}"));
    }
}

#[test]
fn a_chain_with_them_is_equal_on_the_device_and_on_any_runner() {
    let Some(fake) = Fake::new() else { return };
    let wanted = run(&Inline).value;
    let gpu = gpu();
    let report = run(&gpu.clone().strict());
    assert_eq!(report.value, wanted);
    assert!(
        matches!(report.events.as_slice(), [Event::Kernels { runner: "gpu", .. }]),
        "{:?}",
        report.events
    );
    assert_eq!(run(&Inline.kernels(gpu.clone())).value, wanted);
    assert_eq!(run(&Inline.kernels(Scalar)).value, wanted);
    drop(gpu);
    fake.assert_clean("a chain");
}

#[test]
fn whatever_fails_results_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let wanted = run(&Inline).value;
    fake.fail_each_call(150, &FAILS, |when| assert_eq!(run(&gpu()).value, wanted, "{when}"));
}

#[test]
fn a_kernel_that_the_driver_does_not_take_is_the_cpus_and_others_stay_on_the_device() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    let blocks =
        from_source(Blocks::new(numbers(100), 30)).transform(Custom(Missing)).transform(Custom(Median));
    let report = blocks.collect().run_on(&gpu).unwrap();
    assert_eq!(report.value.concat().len(), 3 * 28 + 8);
    let [Event::Fallback { why, .. }, Event::Kernels { runner: "gpu", .. }] = report.events.as_slice() else {
        panic!("{:?}", report.events)
    };
    assert!(why.starts_with("pipe_custom_missing: cuModuleGetFunction: "), "{why}");
    assert!(matches!(
        gpu.check(&Missing, |n| n as f32),
        Err(GpuError::Driver { call: "cuModuleGetFunction", .. })
    ));
    drop(gpu);
    fake.assert_clean("a kernel that is not there");
}

#[test]
fn a_column_computes_them_too() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu().device_memory(4 << 20);
    for len in [0, 1, 2, 3, 4, 100] {
        let x = numbers(len);
        let mut column = gpu.column(&x).unwrap();
        column.transform(&Median).unwrap();
        let mut wanted = vec![0.0; (len + 1).saturating_sub(3)];
        Median.on_cpu(&x, &mut wanted);
        assert_eq!(column.to_vec().unwrap(), wanted);
        assert!(column.transform(&Missing).is_err());
        assert_eq!(column.to_vec().unwrap(), wanted, "the numbers are as they were");
    }
    drop(gpu);
    fake.assert_clean("columns");
}
