//! Whatever call fails: equal results, nothing leaked, one event.

use crate::fake::{FAILS, Failure, Fake, LAUNCH_FAILED, NEW_CODE, OUT_OF_MEMORY};
use crate::pieces::{SLOW, bits, fallbacks, gpu, numbers, program};
use crate::{assert_equal, run};
use pipe_core::kernel::{
    Bins, Blocks, Compare, Fir, Grey, Histogram, Number, Program, Runner, Sobel, WindowSums,
};
use pipe_core::{Event, Executor, Inline, Report, RunError, from_source};
use pipe_gpu::{Gate, Gpu, GpuError};

#[test]
fn whatever_fails_the_results_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let (len, block) = (150, 70);
    let ways = [&FAILS[..], &[(OUT_OF_MEMORY, Failure::Once), (NEW_CODE, Failure::Once)]].concat();
    fake.fail_each_call(50, &ways, |when| {
        let report = run(&gpu(), len, block).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert_equal(&report, len, when);
        assert!(fallbacks(&report).len() <= 1, "{when}: {:?}", report.events);
    });
}

/// All kernels that make of a block another one: 60 numbers become 20 pixels, 18 sums, 16 outputs of a filter, an image of four rows.
fn run_from_block_to_block(
    executor: &impl for<'p> Executor<'p, Ran = Result<(), RunError>>,
) -> Report<Vec<Vec<f32>>> {
    let colours = from_source(Blocks::new(numbers(120), 60)).transform(Grey);
    let smooth =
        colours.transform(WindowSums::new(3).unwrap()).transform(Fir::new(vec![0.25, 0.5, 0.25]).unwrap());
    smooth.transform(Sobel::new(4).unwrap()).kernel(program()).collect().run_on(executor).unwrap()
}

#[test]
fn whatever_fails_from_block_to_block_the_results_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let wanted = bits(&run_from_block_to_block(&Inline).value.concat());
    assert_eq!(wanted.len(), 32);
    let report = run_from_block_to_block(&gpu().strict());
    assert_eq!((bits(&report.value.concat()), fallbacks(&report)), (wanted.clone(), Vec::new()));
    drop(report);
    fake.fail_each_call(200, &FAILS, |when| {
        let report = run_from_block_to_block(&gpu());
        assert_eq!(bits(&report.value.concat()), wanted, "{when}");
        assert!(fallbacks(&report).len() <= 1, "{when}: {:?}", report.events);
    });
}

/// What is left of a block and its running totals, of several pieces.
fn scans(gpu: &Gpu) -> (Vec<i32>, Vec<i32>, i32) {
    let numbers: Vec<i32> = (0..45).map(|n| (n * n * 977) % 1_001 - 500).collect();
    let (mut kept, mut totals) = (numbers.clone(), numbers);
    let mut worker = i32::worker(gpu.worker());
    worker.retain(Compare::Greater, -100, &mut kept).unwrap();
    let last = worker.prefix_sum(7, &mut totals).unwrap();
    (kept, totals, last)
}

#[test]
fn whatever_fails_filters_and_running_totals_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    // A piece has words besides.
    let gpu = || gpu().slot_bytes(128).device_memory(3 * 128);
    let wanted = {
        let gpu = gpu().strict();
        let wanted = scans(&gpu);
        assert!(gpu.events().iter().all(|event| matches!(event, Event::Kernels { runner: "gpu", .. })));
        wanted
    };
    assert_eq!(wanted, scans(&Gpu::new().gate(Gate::With(SLOW))));
    fake.fail_each_call(100, &FAILS, |when| assert_eq!(scans(&gpu()), wanted, "{when}"));
}

/// Count, extremes, sum and histogram, of several pieces.
fn totals(gpu: &Gpu) -> (u64, Option<(i32, i32)>, i128, Bins) {
    let numbers: Vec<i32> = (0..40).map(|n| (n * n * 977) % 1_001 - 500).collect();
    let mut worker = i32::worker(gpu.worker());
    let count = worker.count(Compare::Greater, 100, &numbers).unwrap();
    let parts = worker.histogram(&Histogram::new(-400.0, 400.0, 2).unwrap(), &numbers).unwrap();
    (count, worker.min_max(&numbers).unwrap(), worker.sum(&numbers).unwrap(), parts)
}

#[test]
fn whatever_fails_totals_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let wanted = {
        let gpu = gpu().strict();
        let wanted = totals(&gpu);
        assert!(gpu.events().iter().all(|event| matches!(event, Event::Kernels { runner: "gpu", .. })));
        wanted
    };
    assert_eq!(wanted, totals(&Gpu::new().gate(Gate::With(SLOW))));
    fake.fail_each_call(100, &FAILS, |when| assert_eq!(totals(&gpu()), wanted, "{when}"));
}

#[test]
fn whatever_fails_a_strict_run_ends_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    drop(run(&gpu().strict(), 100, 70).unwrap());
    let mut refused = 0;
    fake.fail_each_call(50, &FAILS, |when| match run(&gpu().strict(), 100, 70) {
        Ok(report) => {
            assert_equal(&report, 100, when);
            assert!(fallbacks(&report).is_empty(), "{when}");
        }
        Err(RunError::Config { field: "strict", .. }) => refused += 1,
        Err(error) => {
            assert!(error.stage_error::<GpuError>().is_some(), "{when}: {error}");
            refused += 1;
        }
    });
    assert!(refused > 20, "only {refused} runs were refused");
}

#[test]
fn a_device_that_is_lost_in_mid_run_is_one_event_and_is_not_used_again() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    drop(run(&gpu, 40, 40).unwrap());
    fake.fail(40, LAUNCH_FAILED, Failure::Lost);
    let chain = from_source(Blocks::new(numbers(500), 50)).kernel(program()).kernel(Program::new());
    let report = chain.collect().run_on(&gpu).unwrap();
    assert_equal(&report, 500, "lost in mid-run");
    let [Event::Kernels { .. }, event] = report.events.as_slice() else { panic!("{:?}", report.events) };
    let said = event.to_string();
    assert!(said.starts_with("kernels on the CPU (scalar) instead of kernels on the device: cu"), "{said}");
    assert!(said.ends_with(": CUDA_ERROR_LAUNCH_FAILED, unspecified launch failure"), "{said}");

    let calls = fake.calls();
    let report = run(&gpu, 500, 50).unwrap();
    assert_equal(&report, 500, "the next run");
    assert_eq!((report.events, fake.calls()), (vec![event.clone()], calls));
    drop(gpu);
    fake.assert_clean("lost");
}

#[test]
fn a_code_that_the_bindings_do_not_know_is_named_by_the_driver() {
    let Some(fake) = Fake::new() else { return };
    fake.fail(1, NEW_CODE, Failure::Once);
    let name = match gpu().device_facts() {
        Err(GpuError::Driver { call: "cuInit", name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name, "CUDA_ERROR_NEWER_THAN_OUR_BINDINGS");
    fake.fail(1, 123_456, Failure::Once);
    let error = gpu().device_facts().unwrap_err().to_string();
    assert_eq!(error, "cuInit: code 123456, the driver has no text for it");
    fake.assert_clean("unknown codes");
}
