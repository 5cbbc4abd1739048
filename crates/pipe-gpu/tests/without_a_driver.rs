//! A program with `Gpu` on a machine that has no driver, or that was built without the feature `cuda`.
//!
//! On a machine with a driver these tests say so and pass: there is nothing to fall back from.

use pipe_core::kernel::{Blocks, KernelWorker, KernelWorkers, Number, Program, Runner, Scalar};
use pipe_core::testing::laws;
use pipe_core::{BoxError, Event, Executor, Inline, Report, RunError, from_source};
use pipe_gpu::{Gpu, GpuError};

fn has_device() -> bool {
    let facts = Gpu::new().device_facts();
    if let Ok(facts) = &facts {
        println!("SKIP fallback without a device: this machine has one, {facts}");
    }
    facts.is_ok()
}

fn numbers() -> Vec<f32> {
    (0..10_000).map(|n| n as f32 * 0.37 - 1_000.0).collect()
}

fn run(gpu: &Gpu) -> Result<Report<Vec<Vec<f32>>>, RunError> {
    let program = Program::new().scale(0.5).add(1.0).clamp(-100.0, 100.0);
    let chain = from_source(Blocks::new(numbers(), 777)).kernel(program.clone()).kernel(program);
    chain.collect().run_on(gpu)
}

fn naive() -> Vec<f32> {
    let once = |x: f32| (x * 0.5 + 1.0).clamp(-100.0, 100.0);
    numbers().into_iter().map(|x| once(once(x))).collect()
}

#[test]
fn without_a_device_the_cpu_computes_and_one_event_says_why() {
    if has_device() {
        return;
    }
    let gpu = Gpu::new();
    let why = gpu.device_facts().unwrap_err();
    for _ in 0..2 {
        let report = run(&gpu).unwrap();
        assert_eq!(report.value.concat(), naive());
        let [Event::Fallback { wanted, got, why: said }] = report.events.as_slice() else {
            panic!("not one event: {:?}", report.events)
        };
        assert_eq!((wanted.as_str(), got.as_str()), ("kernels on the device", "kernels on the CPU (scalar)"));
        assert_eq!(*said, why.to_string());
    }
    match why {
        GpuError::NotBuilt if !cfg!(feature = "cuda") => {}
        GpuError::NoDriver { why } => assert!(why.contains("libcuda.so.1"), "{why}"),
        GpuError::NotBuilt => panic!("the feature is on"),
        other => println!("there is a driver library, and: {other}"),
    }
}

#[test]
fn without_a_device_a_strict_run_is_refused_before_it_begins() {
    if has_device() {
        return;
    }
    let error = run(&Gpu::new().strict()).unwrap_err();
    assert!(matches!(error, RunError::Config { field: "strict", .. }), "{error}");
    let kernel = from_source(Blocks::new(vec![1.0_f32], 1)).kernel(Program::new().scale(2.0));
    let error = kernel.collect().run_on(&Inline.kernels(Gpu::new().strict())).unwrap_err();
    assert!(matches!(error, RunError::Config { field: "strict", .. }), "{error}");
    // Who does not ask before gets a worker that fails every block.
    let error = f64::worker(Gpu::new().strict().worker()).run(&Program::new(), &mut [1.0]).unwrap_err();
    assert!(error.downcast_ref::<GpuError>().is_some());
}

#[test]
fn a_run_without_kernels_does_not_ask_for_a_device() {
    let report =
        from_source(Blocks::new(numbers(), 10)).map(<[f32]>::len).collect().run_on(&Gpu::new()).unwrap();
    assert_eq!((report.value.len(), report.events), (1_000, Vec::new()));
}

/// Makes the first number of a block zero, so that one sees who computed.
#[derive(Clone, Copy)]
struct Marking;

impl Runner for Marking {
    fn name(&self) -> &'static str {
        "marking"
    }

    fn worker(&self) -> Box<dyn KernelWorkers> {
        Box::new(Marking)
    }
}

impl<T: Number> KernelWorker<T> for Marking {
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError> {
        Scalar.run(program, block)?;
        block.first_mut().into_iter().for_each(|x| *x = T::default());
        Ok(())
    }
}

#[test]
fn who_computes_instead_can_be_handed_in() {
    if has_device() {
        return;
    }
    let kernel = from_source(Blocks::new(vec![1.0_f32, 2.0], 2)).kernel(Program::new().scale(2.0));
    let report = kernel.collect().run_on(&Gpu::new().or_on(Marking)).unwrap();
    assert_eq!(report.value, [[0.0, 4.0]]);
    assert!(
        report.events[0]
            .to_string()
            .starts_with("kernels on the CPU (marking) instead of kernels on the device: ")
    );
}

#[test]
fn settings_that_make_no_sense_are_config_errors() {
    let refused = |gpu: Gpu| match run(&gpu) {
        Err(RunError::Config { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Gpu::new().memory_limit(0)), "memory_limit");
    assert_eq!(refused(Gpu::new().slot_bytes(0)), "slot_bytes");
    assert_eq!(refused(Gpu::new().slots(0)), "slots");
    assert_eq!(refused(Gpu::new().device_memory(0)), "device_memory");
    assert_eq!(refused(Gpu::new().device_memory((4 << 20) - 1)), "device_memory");
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| {
        let limited = limit.into_iter().fold(Gpu::new(), Gpu::memory_limit);
        Box::new(budget.into_iter().fold(limited, Gpu::budget))
    });
}

#[test]
fn without_a_device_it_obeys_all_laws() {
    let coverage = laws::executor(&Gpu::new());
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}
