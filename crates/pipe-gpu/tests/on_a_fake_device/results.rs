//! Results are those of the reference, and slots are used again; on every machine, and inside of other executors.

use crate::fake::Fake;
use crate::pieces::{bits, gpu, numbers, program};
use crate::{assert_equal, on_both, run};
use pipe_core::kernel::{Blocks, Program, Runner, Sum};
use pipe_core::testing::laws;
use pipe_core::{Event, Executor, Inline, from_source};
use pipe_gpu::GpuError;

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
