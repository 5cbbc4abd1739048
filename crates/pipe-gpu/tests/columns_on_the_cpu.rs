//! Columns that stay on the device, over the driver that computes on the CPU: chains of kernels are equal to those of the reference, whatever
//! is asked for in between; and nothing leaks, whatever fails.

#[expect(dead_code, reason = "columns are no workers, which is what the rest of it is about")]
mod awkward;
mod fake;

use awkward::{Awkward, LENGTHS, assert_equal, numbers};
use fake::{FAILS, Fake};
use pipe_core::kernel::{Blocks, Compare, Histogram, KernelWorker, Number, Program, Runner, Scalar, Sum};
use pipe_core::{Inline, from_source};
use pipe_gpu::{Element, Gpu, GpuError};

/// Rooms for a column of some thousand numbers besides the slots.
fn gpu(slot_bytes: usize) -> Gpu {
    Gpu::new().slot_bytes(slot_bytes).device_memory(8 << 20)
}

fn reference<T: Number>() -> Box<dyn KernelWorker<T>> {
    T::worker(Scalar.worker())
}

/// A chain with a result after each kernel.
fn chains_of<T: Awkward + Element>() {
    let Some(fake) = Fake::new() else { return };
    for (grid, slot_bytes) in [(None, 1 << 16), (Some((3, 5)), 64), (Some((7, 64)), 1 << 12)] {
        fake.again_on(grid);
        let gpu = gpu(slot_bytes);
        for (at, len) in LENGTHS.into_iter().chain([4_097]).enumerate() {
            let when = || format!("{len} numbers, {grid:?}, slots of {slot_bytes} bytes");
            let mut wanted = numbers::<T>(len, at);
            let mut column = gpu.column(&wanted).unwrap();
            let mut cpu = reference::<T>();
            for bound in [T::NUMBERS[5], T::NUMBERS[3]] {
                let program = Program::new().add(T::NUMBERS[2]).scale(T::NUMBERS[3]);
                column.run(&program).unwrap();
                cpu.run(&program, &mut wanted).unwrap();
                assert_eq!(column.min_max().unwrap(), cpu.min_max(&wanted).unwrap(), "{}", when());
                column.retain(Compare::NotEqual, bound).unwrap();
                cpu.retain(Compare::NotEqual, bound, &mut wanted).unwrap();
                assert_eq!(column.len(), wanted.len(), "{}", when());
                let counts = (column.count(Compare::Less, bound), cpu.count(Compare::Less, bound, &wanted));
                assert_eq!(counts.0.unwrap(), counts.1.unwrap(), "{}", when());
                let parts = Histogram::new(-10.0, 100.0, 11).unwrap();
                assert_eq!(column.histogram(&parts).unwrap(), cpu.histogram(&parts, &wanted).unwrap());
            }
            assert_equal(&column.to_vec().unwrap(), &wanted, when);
        }
        drop(gpu);
        fake.assert_clean("chains");
    }
}

#[test]
fn a_chain_on_the_device_gives_what_the_reference_gives() {
    chains_of::<f32>();
    chains_of::<f64>();
    chains_of::<i32>();
    chains_of::<i64>();
    chains_of::<u8>();
    chains_of::<u16>();
}

#[test]
fn sums_of_floats_are_those_of_blocks_of_16_384_numbers_bit_for_bit() {
    fn sums_of<T: Element<Total = f64>>(number: impl Fn(usize) -> T) {
        let Some(fake) = Fake::new() else { return };
        let gpu = gpu(1 << 12);
        for len in [0, 1, 63, 64, 65, 16_383, 16_384, 16_385, 50_000] {
            let numbers: Vec<T> = (0..len).map(&number).collect();
            let sum = gpu.column(&numbers).unwrap().sum().unwrap();
            let wanted = from_source(Blocks::new(numbers, 16_384)).reduce(Sum).run_on(&Inline).unwrap();
            assert_eq!(sum.to_bits(), wanted.value.unwrap_or_default().to_bits(), "{len} numbers");
        }
        drop(gpu);
        fake.assert_clean("sums");
    }
    sums_of::<f32>(|n| ((n * 7_919) % 1_013) as f32 * 0.37 - 150.0);
    sums_of::<f64>(|n| ((n * 7_919) % 1_013) as f64 * 0.37 - 150.0);
}

#[test]
fn running_totals_and_sums_of_integers_are_those_of_the_reference_and_floats_have_none() {
    fn totals_of<T: Awkward + Element>() {
        let gpu = gpu(1 << 10);
        for (at, len) in LENGTHS.into_iter().chain([4_097]).enumerate() {
            let mut wanted = numbers::<T>(len, at);
            let mut column = gpu.column(&wanted).unwrap();
            let sums = [column.sum().unwrap(), reference::<T>().sum(&wanted).unwrap()];
            assert_eq!(sums[0], sums[1], "{len} numbers");
            column.prefix_sum().unwrap();
            reference::<T>().prefix_sum(T::default(), &mut wanted).unwrap();
            assert_equal(&column.to_vec().unwrap(), &wanted, || format!("{len} numbers"));
        }
    }
    let Some(fake) = Fake::new() else { return };
    totals_of::<i32>();
    totals_of::<i64>();
    totals_of::<u8>();
    totals_of::<u16>();
    let refused = gpu(64).column(&[1.0_f32]).unwrap().prefix_sum().unwrap_err();
    assert_eq!(refused.to_string(), "the device has no kernel for running totals of floats");
    fake.assert_clean("running totals");
}

#[test]
fn a_column_takes_the_next_batch_in_the_same_memory_and_no_more_than_it_has_room_for() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu(64);
    let mut column = gpu.column(&[1_i32; 100]).unwrap();
    let peak = fake.peak();
    for len in [100, 0, 7, 100] {
        let batch: Vec<i32> = (0..len).collect();
        column.refill(&batch).unwrap();
        column.retain(Compare::GreaterOrEqual, 0).unwrap();
        assert_eq!(column.to_vec().unwrap(), batch);
    }
    assert_eq!((fake.peak(), column.capacity()), (peak, 100));
    let refused = column.refill(&[0; 101]).unwrap_err().to_string();
    assert_eq!(refused, "no room on the device for 404 bytes: 0 of 400 that may be used are in use");
    drop((column, gpu));
    fake.assert_clean("batches");
}

#[test]
fn columns_and_slots_share_the_limit_and_give_back_what_they_took() {
    let Some(fake) = Fake::new() else { return };
    let gpu = Gpu::new().slot_bytes(64).device_memory(3 << 20);
    let two = [gpu.column(&[1_u8; 10]).unwrap(), gpu.column(&[2_u8; 10]).unwrap()];
    assert!(matches!(gpu.column(&[3_u8; 1 << 20]), Err(GpuError::OutOfMemory { .. })));
    drop(two);
    let mut column = gpu.column(&[3_u8; 1 << 19]).unwrap();
    assert_eq!(column.sum().unwrap(), 3 << 19);
    drop((column, gpu));
    assert!(fake.peak() <= 3 << 20);
    fake.assert_clean("the limit");
}

#[test]
fn the_copy_that_passes_are_compared_with_leaves_the_numbers_as_they_are() {
    let Some(fake) = Fake::new() else { return };
    let gpu = gpu(64);
    for len in [0, 1, 1_000] {
        let numbers: Vec<u16> = (0..len).collect();
        let mut column = gpu.column(&numbers).unwrap();
        let rate = column.copy_rate().unwrap();
        assert!(if len == 0 { rate.is_nan() } else { rate > 0.0 }, "{rate} bytes in a second");
        assert_eq!(column.to_vec().unwrap(), numbers);
    }
    drop(gpu);
    fake.assert_clean("copies");
}

#[test]
fn whatever_fails_a_column_says_so_and_nothing_leaks() {
    fn chain(gpu: &Gpu) -> Result<(Vec<i32>, i128, f64), GpuError> {
        let mut column = gpu.column(&(0..100).collect::<Vec<i32>>())?;
        column.run(&Program::new().scale(3))?;
        column.retain(Compare::Greater, 50)?;
        column.prefix_sum()?;
        column.copy_rate()?;
        let floats = gpu.column(&[0.5_f32; 300])?.sum()?;
        Ok((column.to_vec()?, column.sum()?, floats))
    }
    let Some(fake) = Fake::new() else { return };
    let wanted = chain(&gpu(64)).unwrap();
    fake.fail_each_call(150, &FAILS, |when| match chain(&gpu(64)) {
        // A call that only frees, or a device that would rather have its kernels as PTX.
        Ok(found) => assert_eq!(found, wanted, "{when}"),
        Err(GpuError::Driver { name, .. }) => assert_eq!(name, "CUDA_ERROR_LAUNCH_FAILED", "{when}"),
        Err(error) => panic!("{when}: {error}"),
    });
}
