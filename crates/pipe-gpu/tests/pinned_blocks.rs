//! Blocks in pinned memory, over the driver that computes on the CPU: copied from where they are and to where they go, and equal to those of the
//! reference, whatever fails.

mod fake;
mod pieces;

use fake::{FAILS, Failure, Fake, OUT_OF_MEMORY};
use pieces::{SLOW, bits, expected, fallbacks, gpu, numbers, program};
use pipe_core::kernel::{Compare, Count, Program, WindowSums};
use pipe_core::{BoxError, Event, Inline, Report, RunError, Source, Weigh, from_iter, from_source};
use pipe_gpu::{Element, Gate, Gpu, GpuError, Pinned, PinnedBlock};
use std::thread;

/// A source that reads up to seven numbers at once, into blocks of `block`.
fn reading(
    gpu: &Gpu,
    len: usize,
    block: usize,
    pinned: usize,
) -> impl Source<Item = pipe_core::Own<PinnedBlock<f32>>> {
    let mut left = numbers(len).into_iter();
    gpu.pinned::<f32>(block, pinned).filled_by(move |room| {
        let mut read = 0;
        for (place, x) in room.iter_mut().take(7).zip(&mut left) {
            *place = x;
            read += 1;
        }
        Ok::<_, BoxError>(read)
    })
}

/// What came out: its bits, and the report.
fn run(
    gpu: &Gpu,
    program: Program<f32>,
    len: usize,
    block: usize,
    pinned: usize,
) -> Result<(Vec<u32>, Report<()>), RunError> {
    let mut seen = Vec::new();
    let blocks = from_source(reading(gpu, len, block, pinned)).stage(Pinned(program));
    let report = blocks.for_each(|block: PinnedBlock<f32>| seen.extend(bits(&block))).run_on(gpu)?;
    Ok((seen, report))
}

#[test]
fn each_number_goes_there_and_back_without_a_copy_on_the_host() {
    let Some(fake) = Fake::new() else { return };
    for slots in 1..=3 {
        for len in (0..70).chain([127, 128, 129, 1_000]) {
            let fake = fake.again();
            let (seen, report) = run(&gpu().slots(slots), program(), len, 50, 4).unwrap();
            assert_eq!(seen, expected(&program(), len), "{len} numbers in {slots} slots");
            assert_eq!(fallbacks(&report), Vec::<&Event>::new());
            assert_eq!(fake.straight(), 2 * len * size_of::<f32>(), "{len} numbers in {slots} slots");
            drop(report);
            fake.assert_clean(format!("{len} numbers"));
        }
    }
}

#[test]
fn programs_of_any_length_are_equal_to_those_of_the_reference() {
    let Some(fake) = Fake::new() else { return };
    for len in [0, 1, 31, 32, 33, 64, 65, 200] {
        let program =
            (0..len).fold(
                Program::new(),
                |program, n| if n % 2 == 0 { program.scale(1.01) } else { program.add(0.5) },
            );
        let (seen, _) = run(&gpu(), program.clone(), 130, 60, 4).unwrap();
        assert_eq!(seen, expected(&program, 130), "{len} operations");
    }
    fake.assert_clean("all programs");
}

#[test]
fn whatever_fails_the_results_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let ways = [&FAILS[..], &[(OUT_OF_MEMORY, Failure::Once)]].concat();
    fake.fail_each_call(50, &ways, |when| {
        let (seen, report) =
            run(&gpu(), program(), 150, 70, 4).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert_eq!(seen, expected(&program(), 150), "{when}");
        // Of the device and of its memory, if both were refused.
        assert!(fallbacks(&report).len() <= 2, "{when}: {:?}", report.events);
    });
}

#[test]
fn whatever_fails_a_strict_run_ends_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    drop(run(&gpu().strict(), program(), 150, 70, 4).unwrap());
    let mut refused = 0;
    fake.fail_each_call(50, &FAILS, |when| match run(&gpu().strict(), program(), 150, 70, 4) {
        Ok((seen, _)) => assert_eq!(seen, expected(&program(), 150), "{when}"),
        Err(RunError::Config { field: "strict", .. }) => refused += 1,
        Err(error) => {
            assert!(error.stage_error::<GpuError>().is_some(), "{when}: {error}");
            refused += 1;
        }
    });
    assert!(refused > 20, "only {refused} runs were refused");
}

#[test]
fn blocks_are_pinned_once_and_those_that_are_too_many_are_ordinary_memory() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    let pool = gpu.pinned::<u16>(100, 2);
    let mut blocks: Vec<_> = (0..3).map(|_| pool.take()).collect();
    assert_eq!(blocks.iter().map(PinnedBlock::is_pinned).collect::<Vec<_>>(), [true, true, false]);
    assert!(blocks.iter().all(|block| block.iter().all(|x| *x == 0) && block.len() == 100));
    let alive = fake.alive();
    blocks[0].fill(7);
    blocks[0].truncate(3);
    assert_eq!((&*blocks[0], blocks[0].heap()), (&[7_u16; 3][..], 4096));
    let at = blocks[0].as_ptr();
    blocks.clear();
    for _ in 0..10 {
        let again = [pool.take(), pool.take()];
        assert!(again.iter().all(PinnedBlock::is_pinned));
        assert!(again.iter().any(|block| block.as_ptr() == at), "one of them was there before");
        assert!(again.iter().all(|block| block.len() == 100), "as long as any");
    }
    assert_eq!(fake.alive(), alive);
    drop((pool, gpu));
    fake.assert_clean("used again");
}

#[test]
fn a_pool_that_has_no_block_for_results_computes_in_place() {
    let Some(fake) = Fake::new() else { return };
    for pinned in [0, 1] {
        let fake = fake.again();
        let (seen, report) = run(&gpu(), program(), 150, 70, pinned).unwrap();
        assert_eq!(seen, expected(&program(), 150), "{pinned} blocks are pinned");
        assert_eq!(fallbacks(&report), Vec::<&Event>::new());
        // There only.
        assert_eq!(fake.straight(), pinned * 150 * size_of::<f32>());
        drop(report);
        fake.assert_clean("few blocks");
    }
}

#[test]
fn what_reads_blocks_reads_them_from_where_they_are() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu().slot_bytes(128).device_memory(3 * 128);
    let (len, bytes) = (100, 100 * size_of::<f32>());
    let count =
        from_source(reading(&gpu, len, 40, 2)).reduce(Count(Compare::Greater, 0.0)).run_on(&gpu).unwrap();
    let wanted = numbers(len).iter().filter(|x| **x > 0.0).count() as u64;
    assert_eq!((count.value, fake.straight()), (Some(wanted), bytes));
    let sums = || from_source(reading(&gpu, len, 40, 2)).transform(WindowSums::new(3).unwrap()).collect();
    let (device, cpu) = (sums().run_on(&gpu).unwrap(), sums().run_on(&Inline).unwrap());
    assert_eq!(bits(&device.value.concat()), bits(&cpu.value.concat()));
    // Of each piece two neighbours twice.
    assert!(fake.straight() > 2 * bytes, "{} bytes", fake.straight());
    let mut column = gpu.clone().device_memory(4 << 20).column(&[0.0_f32; 40]).unwrap();
    let mut block = gpu.pinned::<f32>(40, 1).take();
    block.copy_from_slice(&numbers(40));
    column.refill(&block).unwrap();
    block.fill(0.0);
    assert_eq!(bits(&column.to_vec().unwrap()), bits(&numbers(40)));
    drop((column, block, count, device, gpu));
    fake.assert_clean("readers");
}

#[test]
fn without_a_device_blocks_are_ordinary_memory() {
    let Some(fake) = Fake::new() else { return };
    fake.machine(0, 9, usize::MAX);
    let gpu = gpu();
    assert!(!gpu.pinned::<f32>(10, 4).take().is_pinned());
    let (seen, report) = run(&gpu, program(), 150, 70, 4).unwrap();
    assert_eq!((seen, fake.straight()), (expected(&program(), 150), 0));
    assert_eq!(fallbacks(&report).len(), 1, "{:?}", report.events);
    let blocks =
        from_source(reading(&gpu, 150, 70, 4)).stage(Pinned(program())).map(|block| bits(&block)).collect();
    assert_eq!(blocks.run_on(&Inline).unwrap().value.concat(), expected(&program(), 150));
    fake.assert_clean("no device");
}

#[test]
fn a_driver_that_does_not_pin_is_one_event_and_the_device_is_used() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    gpu.device_facts().unwrap();
    // Its context is made current, and then it is asked.
    fake.fail(2, OUT_OF_MEMORY, Failure::Once);
    let (seen, report) = run(&gpu, program(), 150, 70, 4).unwrap();
    assert_eq!(seen, expected(&program(), 150));
    let [Event::Fallback { wanted, why, .. }] = fallbacks(&report)[..] else { panic!("{:?}", report.events) };
    assert_eq!(wanted, "copies from the blocks themselves");
    assert!(why.starts_with("cuMemHostRegister: CUDA_ERROR_OUT_OF_MEMORY"), "{why}");
    assert!(fake.peak() > 0 && fake.straight() == 0);
    drop((report, gpu));
    fake.assert_clean("not pinned");
}

#[test]
fn a_block_outlives_all_that_it_came_from() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    let blocks =
        from_source(reading(&gpu, 40, 40, 3)).stage(Pinned(program())).collect().run_on(&gpu).unwrap().value;
    drop(gpu);
    assert!(fake.alive() > 0, "its memory is pinned");
    assert_eq!((bits(&blocks[0]), blocks.len()), (expected(&program(), 40), 1));
    assert_eq!(bits(&Vec::from(blocks.into_iter().next().unwrap())), expected(&program(), 40));
    fake.assert_clean("outlived");
}

#[test]
fn what_the_gate_keeps_on_the_cpu_is_computed_in_place() {
    let Some(fake) = Fake::new() else { return };
    let (seen, report) = run(&gpu().gate(Gate::With(SLOW)), program(), 500, 70, 4).unwrap();
    assert_eq!((seen, fake.straight()), (expected(&program(), 500), 0));
    assert_eq!(fallbacks(&report).len(), 1, "{:?}", report.events);
    drop(report);
    fake.assert_clean("the gate");
}

#[test]
fn several_devices_and_threads_share_the_blocks() {
    let Some(fake) = Fake::new() else { return };
    fake.machine(2, 9, usize::MAX);
    let gpu = gpu().devices([0, 1]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (seen, _) = run(&gpu, program(), 1_000, 90, 4).unwrap();
                assert_eq!(seen, expected(&program(), 1_000));
            });
        }
    });
    assert!([0, 1].iter().all(|device| fake.launched(*device) > 0) && fake.straight() > 0);
    drop(gpu);
    fake.assert_clean("several devices");
}

#[test]
fn a_source_that_fails_or_claims_too_much_or_has_no_room_ends_the_run() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    let mut calls = 0;
    let failing = gpu.pinned::<u8>(10, 2).filled_by(move |_: &mut [u8]| {
        calls += 1;
        if calls < 4 { Ok(3) } else { Err("the disk is gone") }
    });
    let error = from_source(failing).collect().run_on(&gpu).unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    let boasting = gpu.pinned::<u8>(10, 2).filled_by(|_: &mut [u8]| Ok::<_, BoxError>(11));
    let error = from_source(boasting).collect().run_on(&gpu).unwrap_err().to_string();
    assert!(error.contains("11 numbers were said to be written where there was room for 10"), "{error}");
    let nothing = gpu.pinned::<u8>(0, 2).filled_by(|_: &mut [u8]| Ok::<_, BoxError>(0));
    let error = from_source(nothing).collect().run_on(&gpu).unwrap_err().to_string();
    assert_eq!(error, "pinned.numbers = 0: there is no room for a number in a block");
    drop(gpu);
    fake.assert_clean("sources");
}

#[test]
fn all_types_of_numbers_have_pinned_blocks() {
    fn of<T: Element>(gpu: &Gpu, program: Program<T>) {
        let pool = gpu.pinned::<T>(33, 4);
        let blocks = from_iter([pool.take(), pool.take()])
            .stage(Pinned(program.clone()))
            .collect()
            .run_on(gpu)
            .unwrap();
        let wanted = [program.apply(T::default()); 33];
        assert!(blocks.value.iter().all(|block| **block == wanted && block.is_pinned()));
    }
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu();
    of::<f32>(&gpu, Program::new().add(1.5));
    of::<f64>(&gpu, Program::new().add(1.5));
    of::<i32>(&gpu, Program::new().sub(7));
    of::<i64>(&gpu, Program::new().sub(7));
    of::<u8>(&gpu, Program::new().sub(7));
    of::<u16>(&gpu, Program::new().sub(7));
    drop(gpu);
    fake.assert_clean("all types");
}
