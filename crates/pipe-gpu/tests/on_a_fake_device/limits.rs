//! Where there is no room on the device, or nothing to be won there.

use crate::fake::Fake;
use crate::pieces::{SLOW, bits, fallbacks, gpu, numbers};
use crate::{assert_equal, reason, run};
use pipe_core::from_source;
use pipe_core::kernel::{Blocks, Fir, Program, Sobel};
use pipe_gpu::{Gate, Gpu, Rates};
use std::thread;

/// Of a bus that every block is worth.
const FAST: Rates = Rates { bytes_per_second: f64::INFINITY, seconds_per_block: -1.0 };

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
    let report = run(&gpu().gate(Gate::With(SLOW)), 1_000, 100).unwrap();
    assert_equal(&report, 1_000, "slow bus");
    assert_eq!(fake.peak(), 0);
    assert!(reason(&report).contains(" us to the device and back"), "{:?}", report.events);

    let report = run(&gpu().gate(Gate::With(FAST)), 1_000, 100).unwrap();
    assert_equal(&report, 1_000, "fast bus");
    assert!(fallbacks(&report).is_empty());
    assert!(fake.peak() > 0);

    let report = run(&gpu().gate(Gate::Measured), 1_000, 100).unwrap();
    assert_equal(&report, 1_000, "measured bus");
    fake.assert_clean("the gate");
}

#[test]
fn a_serial_stage_is_measured_though_each_of_its_blocks_has_a_new_worker() {
    let Some(fake) = Fake::new() else { return };
    let totals = |gpu: &Gpu| {
        let blocks = from_source(Blocks::new((0..1_000_i32).collect(), 100)).kernel(Program::new());
        blocks.prefix_sum().collect().run_on(gpu).unwrap()
    };
    let gpu = |rates| gpu().slot_bytes(1 << 10).device_memory(1 << 12).gate(Gate::With(rates));
    let report = totals(&gpu(FAST));
    assert_eq!(report.value.concat(), totals(&Gpu::new()).value.concat());
    assert!(fallbacks(&report).is_empty() && fake.launched(0) > 0, "{:?}", report.events);
    drop(report);
    fake.assert_clean("a fast bus");

    fake.again();
    let report = totals(&gpu(SLOW));
    assert_eq!((fallbacks(&report).len(), fake.launched(0)), (1, 0), "{:?}", report.events);
    drop(report);
    fake.assert_clean("a slow bus");
}
