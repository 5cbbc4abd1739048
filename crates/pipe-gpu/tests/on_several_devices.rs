//! `Gpu` with several devices over a driver without any: pieces go to all of them, one that is lost leaves the work to the others, nothing leaks.

mod fake;

use fake::{FAILS, Fake, LAUNCH_FAILED};
use pipe_core::kernel::{Blocks, Program};
use pipe_core::{Event, Report, RunError, from_source};
use pipe_gpu::{Gate, Gpu, GpuError};
use std::thread;

/// Three devices, each with two slots of 16 numbers.
fn gpu() -> Gpu {
    Gpu::new().devices([0, 1, 2]).slots(2).slot_bytes(64).device_memory(2 * 64).gate(Gate::Open)
}

fn three(fake: &Fake) -> &Fake {
    let fake = fake.again();
    fake.machine(3, 9, usize::MAX);
    fake
}

fn run(gpu: &Gpu) -> Result<Report<Vec<Vec<i32>>>, RunError> {
    let blocks = from_source(Blocks::new((0..400).collect(), 200));
    blocks.kernel(Program::new().scale(3).add(1)).collect().run_on(gpu)
}

fn wanted() -> Vec<i32> {
    (0..400).map(|n| n * 3 + 1).collect()
}

fn fallbacks<T>(report: &Report<T>) -> Vec<String> {
    let events = report.events.iter().filter(|event| !matches!(event, Event::Kernels { .. }));
    events.map(ToString::to_string).collect()
}

#[test]
fn pieces_go_to_all_devices_and_one_event_names_them() {
    let Some(fake) = Fake::new() else { return };
    let fake = three(&fake);
    let gpu = gpu().devices([2, 0, 2]);
    let report = run(&gpu).unwrap();
    assert_eq!(report.value.concat(), wanted());
    let [Event::Kernels { runner: "gpu", with }] = report.events.as_slice() else {
        panic!("{:?}", report.events)
    };
    assert_eq!(
        with,
        "device 2: fake device 2, CUDA 13.0, kernels from sm_90.cubin; \
         device 0: fake device, CUDA 13.0, kernels from sm_90.cubin"
    );
    // Of each block of 13 pieces one has the odd one.
    assert_eq!([0, 1, 2].map(|device| fake.launched(device)), [12, 0, 14]);
    assert_eq!((fake.busiest(), fake.peak()), (4, 4 * 64));
    drop(gpu);
    fake.assert_clean("two of three");
}

#[test]
fn a_device_that_is_lost_leaves_the_work_to_the_others() {
    let Some(fake) = Fake::new() else { return };
    for lost in 0..3 {
        let fake = three(&fake);
        let gpu = gpu();
        drop(run(&gpu).unwrap());
        let before = [0, 1, 2].map(|device| fake.launched(device));
        fake.lose(lost, 30, LAUNCH_FAILED);
        for _ in 0..3 {
            assert_eq!(run(&gpu).unwrap().value.concat(), wanted(), "device {lost} is lost");
        }
        let report = run(&gpu).unwrap();
        assert_eq!(report.value.concat(), wanted());
        assert!(fallbacks(&report).is_empty(), "said before: {:?}", report.events);
        for other in (0..3).filter(|other| *other != lost) {
            assert!(
                fake.launched(other) > 2 * before[other as usize],
                "device {other} goes on without {lost}"
            );
        }
        drop(gpu);
        fake.assert_clean(format!("device {lost} is lost"));
    }
}

#[test]
fn one_event_says_which_call_lost_a_device_and_that_others_go_on() {
    let Some(fake) = Fake::new() else { return };
    let fake = three(&fake);
    let gpu = gpu();
    drop(run(&gpu).unwrap());
    fake.lose(1, 1, LAUNCH_FAILED);
    let said = fallbacks(&run(&gpu).unwrap());
    let [said] = said.as_slice() else { panic!("{said:?}") };
    assert!(said.starts_with("kernels on the other devices instead of kernels on all devices: cu"), "{said}");
    drop(gpu);
    fake.assert_clean("one event");
}

#[test]
fn whatever_fails_results_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let gpu = || gpu().devices([0, 1]);
    fake.fail_each_call(200, &FAILS, |when| {
        fake.machine(3, 9, usize::MAX);
        assert_eq!(run(&gpu()).unwrap().value.concat(), wanted(), "{when}");
    });
    let fake = three(&fake);
    drop(run(&gpu()).unwrap());
    for at in 1..=fake.calls() {
        let when = format!("device 1 is lost at call {at}");
        let fake = three(fake);
        fake.lose(1, at, LAUNCH_FAILED);
        assert_eq!(run(&gpu()).unwrap().value.concat(), wanted(), "{when}");
        fake.assert_clean(&when);
    }
}

#[test]
fn workers_on_several_threads_share_all_devices() {
    let Some(fake) = Fake::new() else { return };
    let fake = three(&fake);
    let gpu = gpu();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(run(&gpu).unwrap().value.concat(), wanted()));
        }
    });
    assert!(fake.peak() <= 6 * 64);
    drop(gpu);
    fake.assert_clean("four threads");
}

#[test]
fn columns_go_to_the_device_that_has_the_least_to_do() {
    let Some(fake) = Fake::new() else { return };
    let fake = three(&fake);
    let gpu = gpu().device_memory(8 << 20);
    let columns: Vec<_> = (0..6).map(|n| gpu.column(&[n; 100]).unwrap()).collect();
    for (n, mut column) in columns.into_iter().enumerate() {
        column.run(&Program::new().add(1)).unwrap();
        assert_eq!(column.sum().unwrap(), 100 * (n as i128 + 1));
    }
    // A program and a sum for each.
    assert_eq!([0, 1, 2].map(|device| fake.launched(device)), [4, 4, 4]);
    drop(gpu);
    fake.assert_clean("columns");
}

#[test]
fn no_device_is_a_config_error_and_one_that_is_not_there_is_named() {
    let Some(fake) = Fake::new() else { return };
    let fake = three(&fake);
    let error = run(&gpu().devices([])).unwrap_err().to_string();
    assert_eq!(error, "devices = []: no device would be used");
    assert_eq!(gpu().devices([0, 3]).device_facts(), Err(GpuError::NoSuchDevice { wanted: 3, found: 3 }));
    let report = run(&gpu().devices([0, 3])).unwrap();
    assert_eq!((report.value.concat(), fallbacks(&report).len()), (wanted(), 1));
    fake.assert_clean("no such device");
}
