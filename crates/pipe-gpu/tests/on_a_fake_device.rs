//! `Gpu` over a driver without a device: equal results, nothing leaked, whatever fails and wherever.

mod fake;

use fake::{Failure, Fake, LAUNCH_FAILED, NEW_CODE, OUT_OF_MEMORY};
use pipe_core::kernel::{
    Bins, Blocks, Compare, Fir, Grey, Histogram, Number, Program, Runner, Scalar, Sobel, Sum, WindowSums,
};
use pipe_core::testing::laws;
use pipe_core::{Event, Executor, Inline, Report, RunError, from_source};
use pipe_gpu::{Gate, Gpu, GpuError, Rates};
use std::thread;

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

#[test]
fn blocks_of_any_length_in_any_number_of_slots_are_equal_to_those_of_the_reference() {
    let Some(fake) = Fake::new() else { return };
    for slots in 1..=4 {
        let gpu = gpu().slots(slots).device_memory(slots * 64);
        for len in (0..70).chain([127, 128, 129, 1_000]) {
            let (device, reference) = on_both(&gpu, &program(), &numbers(len));
            assert_eq!(bits(&device), bits(&reference), "{len} numbers in {slots} slots");
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let (device, reference) = on_both(&gpu, &Program::new().mul_add(7, 3).square(), &bytes);
            assert_eq!(device, reference, "{len} bytes in {slots} slots");
        }
        assert!(gpu.events().iter().all(|event| matches!(event, Event::Kernels { runner: "gpu", .. })));
    }
    assert!(fake.peak() > 0, "nothing was on the device");
    fake.assert_clean("all lengths");
}

#[test]
fn programs_of_any_length_are_equal_to_those_of_the_reference() {
    let Some(fake) = Fake::new() else { return };
    for len in [0, 1, 31, 32, 33, 64, 65, 200] {
        let program = (0..len).fold(Program::new(), |program, n| match n % 3 {
            0 => program.scale(1.01),
            1 => program.add(n as f32),
            _ => program.clamp(-50.0, 1_000.0 + n as f32),
        });
        let (device, reference) = on_both(&gpu(), &program, &numbers(100));
        assert_eq!(bits(&device), bits(&reference), "{len} operations");
    }
    fake.assert_clean("all programs");
}

#[test]
fn pieces_are_under_way_together_and_slots_are_used_again() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    assert_equal(&run(&gpu, 1_000, 200).unwrap(), 1_000, "first run");
    assert_eq!(fake.busiest(), 3);
    let (alive, peak) = (fake.alive(), fake.peak());
    assert_eq!(peak, 3 * 64);
    assert_equal(&run(&gpu, 1_000, 200).unwrap(), 1_000, "second run");
    assert_eq!((fake.alive(), fake.peak()), (alive, peak));
    drop(gpu);
    fake.assert_clean("two runs");
}

#[test]
fn whatever_fails_the_results_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let (len, block) = (150, 70);
    drop(run(&gpu(), len, block).unwrap());
    let calls = fake.calls();
    assert!(calls > 50, "{calls} calls are not much of a run");
    for at in 1..=calls {
        for (code, failure) in [
            (LAUNCH_FAILED, Failure::Once),
            (LAUNCH_FAILED, Failure::Lost),
            (OUT_OF_MEMORY, Failure::Once),
            (NEW_CODE, Failure::Once),
        ] {
            let when = format!("call {at} fails with {code}, {failure:?}");
            let fake = fake.again();
            fake.fail(at, code, failure);
            let report = run(&gpu(), len, block).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_equal(&report, len, &when);
            assert!(fallbacks(&report).len() <= 1, "{when}: {:?}", report.events);
            fake.assert_clean(&when);
        }
    }
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
    let calls = fake.calls();
    assert!(calls > 200, "{calls} calls are not much of a run");
    for at in 1..=calls {
        for failure in [Failure::Once, Failure::Lost] {
            let when = format!("call {at} fails, {failure:?}");
            let fake = fake.again();
            fake.fail(at, LAUNCH_FAILED, failure);
            let report = run_from_block_to_block(&gpu());
            assert_eq!(bits(&report.value.concat()), wanted, "{when}");
            assert!(fallbacks(&report).len() <= 1, "{when}: {:?}", report.events);
            fake.assert_clean(&when);
        }
    }
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
    assert_eq!(
        wanted,
        scans(&Gpu::new().gate(Gate::With(Rates { bytes_per_second: 1.0, seconds_per_block: 1.0 })))
    );
    fake.again();
    scans(&gpu());
    let calls = fake.calls();
    assert!(calls > 100, "{calls} calls are not much of a run");
    for at in 1..=calls {
        for failure in [Failure::Once, Failure::Lost] {
            let when = format!("call {at} fails, {failure:?}");
            let fake = fake.again();
            fake.fail(at, LAUNCH_FAILED, failure);
            let gpu = gpu();
            assert_eq!(scans(&gpu), wanted, "{when}");
            drop(gpu);
            fake.assert_clean(&when);
        }
    }
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
    assert_eq!(
        wanted,
        totals(&Gpu::new().gate(Gate::With(Rates { bytes_per_second: 1.0, seconds_per_block: 1.0 })))
    );
    fake.again();
    totals(&gpu());
    for at in 1..=fake.calls() {
        for failure in [Failure::Once, Failure::Lost] {
            let when = format!("call {at} fails, {failure:?}");
            let fake = fake.again();
            fake.fail(at, LAUNCH_FAILED, failure);
            let gpu = gpu();
            assert_eq!(totals(&gpu), wanted, "{when}");
            drop(gpu);
            fake.assert_clean(&when);
        }
    }
}

#[test]
fn what_one_result_is_made_of_may_be_too_much_for_a_slot_and_one_event_says_so() {
    let Some(fake) = Fake::new() else { return };
    // Rows of ten pixels, of which three and the one that they make take 160 bytes; and as many taps.
    for is_image in [true, false] {
        let run = |gpu: Gpu| {
            let blocks = from_source(Blocks::new(numbers(100), 50));
            match is_image {
                true => blocks.transform(Sobel::new(10).unwrap()).collect().run_on(&gpu).unwrap(),
                false => blocks.transform(Fir::new(vec![0.1; 10]).unwrap()).collect().run_on(&gpu).unwrap(),
            }
        };
        let fits = run(gpu().slot_bytes(176).device_memory(176));
        assert!(fallbacks(&fits).is_empty(), "{:?}", fits.events);
        let report = run(gpu());
        assert_eq!(bits(&report.value.concat()), bits(&fits.value.concat()));
        assert_eq!(reason(&report), "what one result is made of has no room in a slot of 64 bytes");
    }
    fake.assert_clean("too much for a slot");
}

#[test]
fn whatever_fails_a_strict_run_ends_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    drop(run(&gpu().strict(), 100, 70).unwrap());
    let mut refused = 0;
    for at in 1..=fake.calls() {
        for failure in [Failure::Once, Failure::Lost] {
            let when = format!("call {at} fails, {failure:?}");
            let fake = fake.again();
            fake.fail(at, LAUNCH_FAILED, failure);
            match run(&gpu().strict(), 100, 70) {
                Ok(report) => {
                    assert_equal(&report, 100, &when);
                    assert!(fallbacks(&report).is_empty(), "{when}");
                }
                Err(RunError::Config { field: "strict", .. }) => refused += 1,
                Err(error) => {
                    assert!(error.stage_error::<GpuError>().is_some(), "{when}: {error}");
                    refused += 1;
                }
            }
            fake.assert_clean(&when);
        }
    }
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

#[test]
fn machines_with_other_devices_or_none_are_told_apart() {
    let Some(fake) = Fake::new() else { return };
    for capability in [7, 8, 9, 10, 12] {
        fake.machine(1, capability, usize::MAX);
        let gpu = gpu();
        let facts = gpu.device_facts().unwrap();
        let image = match capability {
            8 => "sm_80.cubin",
            9 => "sm_90.cubin",
            _ => "compute_75.ptx",
        };
        assert_eq!((facts.name.as_str(), facts.image, facts.cuda), ("fake device", image, (13, 0)));
        let report = run(&gpu, 100, 30).unwrap();
        assert_equal(&report, 100, &format!("capability {capability}.x"));
        let [Event::Kernels { runner: "gpu", with }] = report.events.as_slice() else {
            panic!("{:?}", report.events)
        };
        assert_eq!(*with, format!("fake device, CUDA 13.0, kernels from {image}"));
    }
    assert_eq!(gpu().device(1).device_facts(), Err(GpuError::NoSuchDevice { wanted: 1, found: 1 }));
    fake.machine(0, 9, usize::MAX);
    let error = gpu().device_facts().unwrap_err().to_string();
    assert!(error.starts_with("cuInit: CUDA_ERROR_NO_DEVICE"), "{error}");
    fake.assert_clean("all machines");
}

fn reason(report: &Report<Vec<Vec<f32>>>) -> String {
    let [Event::Fallback { why, .. }] = fallbacks(report)[..] else { panic!("{:?}", report.events) };
    why.clone()
}

#[test]
fn a_device_with_room_for_fewer_slots_uses_those_and_one_without_room_says_so() {
    let Some(fake) = Fake::new() else { return };
    for (bytes, slots) in [(3 * 64, 3), (2 * 64, 2), (64 + 63, 1)] {
        let fake = fake.again();
        fake.machine(1, 9, bytes);
        let report = run(&gpu(), 300, 100).unwrap();
        assert_equal(&report, 300, "little memory");
        assert_eq!((fallbacks(&report).len(), fake.busiest(), fake.peak()), (0, slots, slots * 64));
    }
    fake.machine(1, 9, 63);
    let report = run(&gpu(), 300, 100).unwrap();
    assert_equal(&report, 300, "no memory");
    assert!(reason(&report).starts_with("no room on the device for 64 bytes"), "{:?}", report.events);
    fake.assert_clean("no memory");
}

#[test]
fn workers_on_several_threads_share_the_budget_and_who_gets_no_slot_computes_itself() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu().device_memory(2 * 64);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let report = run(&gpu, 2_000, 100).unwrap();
                assert_equal(&report, 2_000, "four threads");
                assert!(fallbacks(&report).len() <= 1, "{:?}", report.events);
            });
        }
    });
    assert!(fake.peak() <= 2 * 64);
    drop(gpu);
    fake.assert_clean("four threads");
}

#[test]
fn a_slow_bus_keeps_blocks_on_the_cpu_and_a_fast_one_does_not() {
    let Some(fake) = Fake::new() else { return };
    let slow = Rates { bytes_per_second: 1.0, seconds_per_block: 1.0 };
    let report = run(&gpu().gate(Gate::With(slow)), 1_000, 100).unwrap();
    assert_equal(&report, 1_000, "slow bus");
    assert_eq!(fake.peak(), 0);
    assert!(reason(&report).contains(" us to the device and back"), "{:?}", report.events);

    let fast = Rates { bytes_per_second: f64::INFINITY, seconds_per_block: -1.0 };
    let report = run(&gpu().gate(Gate::With(fast)), 1_000, 100).unwrap();
    assert_equal(&report, 1_000, "fast bus");
    assert!(fallbacks(&report).is_empty());
    assert!(fake.peak() > 0);

    let report = run(&gpu().gate(Gate::Measured), 1_000, 100).unwrap();
    assert_equal(&report, 1_000, "measured bus");
    fake.assert_clean("the gate");
}

#[test]
fn inside_of_another_executor_it_computes_too_and_sums_of_floats_are_those_of_the_cpu() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    for _ in 0..2 {
        let halves = from_source(Blocks::new(vec![1.0_f64; 100], 30)).kernel(Program::new().scale(0.5));
        let report = halves.reduce(Sum).run_on(&Inline.kernels(gpu.clone())).unwrap();
        assert_eq!(report.value, Some(50.0));
        assert!(
            matches!(report.events.as_slice(), [Event::Kernels { runner: "gpu", .. }]),
            "{:?}",
            report.events
        );
    }
    assert!(fake.peak() > 0);
    drop(gpu);
    fake.assert_clean("inside of another executor");
}

#[test]
fn it_obeys_all_laws() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    let coverage = laws::executor(&gpu);
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
    assert!(fake.peak() > 0, "no kernel of the laws was on the device");
    drop(gpu);
    fake.assert_clean("the laws");
}

#[test]
fn runs_share_a_budget() {
    let Some(fake) = Fake::new() else { return };
    laws::runs_share_a_budget(|budget| gpu().budget(budget), 0);
    fake.assert_clean("the runs");
}
