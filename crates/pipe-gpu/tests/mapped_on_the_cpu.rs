//! What is made of the results of a program in the same pass, over the driver that computes on the CPU: equal to a program and then the reduction, in
//! blocks and in columns, and whatever fails.

mod awkward;
mod fake;

use awkward::{Awkward, LENGTHS, numbers, on_both};
use fake::{FAILS, Fake};
use pipe_core::kernel::{
    Bins, Blocks, Compare, Count, Histogram, KernelWorker, Mapped, MinMax, Number, Program, Runner, Scalar,
    Sum,
};
use pipe_core::{Executor, Inline, RunError, from_source};
use pipe_gpu::{Column, Element, Gate, Gpu};
use std::fmt::Debug;

/// None, one operation, as many as a launch has, and more.
fn programs<T: Awkward>() -> Vec<Program<T>> {
    let [a, b] = [T::NUMBERS[2], T::NUMBERS[3]];
    [0, 1, 3, 32, 33, 70]
        .map(|len| {
            (0..len).fold(Program::new(), |program, n| match n % 3 {
                0 => program.add(a),
                1 => program.clamp(T::NUMBERS[0], b),
                _ => program.mul_add(b, a),
            })
        })
        .into()
}

fn parts() -> Histogram {
    Histogram::new(-3.0, 100.0, 11).unwrap()
}

/// All that can be made of mapped numbers.
#[derive(Debug, PartialEq)]
struct All<T: Number> {
    count: u64,
    extremes: Option<(T, T)>,
    sum: T::Total,
    bins: Bins,
}

fn of_worker<T: Awkward>(worker: &mut dyn KernelWorker<T>, program: &Program<T>, block: &[T]) -> All<T> {
    All {
        count: worker.mapped_count(program, Compare::Greater, T::NUMBERS[2], block).unwrap(),
        extremes: worker.mapped_min_max(program, block).unwrap(),
        sum: worker.mapped_sum(program, block).unwrap(),
        bins: worker.mapped_histogram(program, &parts(), block).unwrap(),
    }
}

fn of_column<T: Awkward + Element>(column: &mut Column<T>, program: &Program<T>) -> All<T> {
    let mut mapped = column.mapped(program).unwrap();
    All {
        count: mapped.count(Compare::Greater, T::NUMBERS[2]).unwrap(),
        extremes: mapped.min_max().unwrap(),
        sum: mapped.sum().unwrap(),
        bins: mapped.histogram(&parts()).unwrap(),
    }
}

/// Of a program, and then of its results. What is no number has a sum that is not equal to itself, so these are compared by what is printed.
fn expected<T: Awkward>(program: &Program<T>, block: &[T]) -> String {
    let results: Vec<T> = block.iter().map(|x| program.apply(*x)).collect();
    let mut cpu = T::worker(Scalar.worker());
    said(&of_worker(&mut *cpu, &Program::new(), &results))
}

fn said(all: &impl Debug) -> String {
    // Zeros of both signs are equal, and either may be told.
    format!("{all:?}").replace("-0.0", "0.0")
}

fn in_blocks_of<T: Awkward>() {
    on_both::<T>(|device, _, when| {
        for (at, program) in programs::<T>().iter().enumerate() {
            for len in LENGTHS {
                let block = numbers::<T>(len, at);
                let (got, wanted) = (said(&of_worker(device, program, &block)), expected(program, &block));
                assert_eq!(got, wanted, "{len} numbers, {} operations, {when}", program.ops().len());
            }
        }
    });
}

#[test]
fn of_a_block_they_are_those_of_a_program_and_then_the_reduction() {
    in_blocks_of::<f32>();
    in_blocks_of::<f64>();
    in_blocks_of::<i32>();
    in_blocks_of::<i64>();
    in_blocks_of::<u8>();
    in_blocks_of::<u16>();
}

fn in_columns_of<T: Awkward + Element>(fake: &Fake) {
    for grid in [None, Some((3, 5))] {
        fake.again_on(grid);
        let gpu = Gpu::new().slot_bytes(1 << 12).device_memory(8 << 20);
        for (at, program) in programs::<T>().iter().enumerate() {
            for len in [0, 1, 17, 257, 4_097] {
                let block = numbers::<T>(len, at);
                let mut column = gpu.column(&block).unwrap();
                let got = said(&of_column(&mut column, program));
                assert_eq!(
                    got,
                    expected(program, &block),
                    "{len} numbers, {} operations",
                    program.ops().len()
                );
                awkward::assert_equal(&column.to_vec().unwrap(), &block, || {
                    "they stay as they are".to_owned()
                });
            }
        }
        drop(gpu);
        fake.assert_clean("columns");
    }
}

#[test]
fn of_a_column_they_are_the_same_and_its_numbers_stay() {
    let Some(fake) = Fake::new() else { return };
    in_columns_of::<f32>(&fake);
    in_columns_of::<f64>(&fake);
    in_columns_of::<i32>(&fake);
    in_columns_of::<i64>(&fake);
    in_columns_of::<u8>(&fake);
    in_columns_of::<u16>(&fake);
}

#[test]
fn sums_of_floats_in_a_column_are_those_of_blocks_of_16_384_results_bit_for_bit() {
    let Some(fake) = Fake::new() else { return };
    let gpu = Gpu::new().slot_bytes(1 << 12).device_memory(8 << 20);
    let program = Program::new().scale(1.01).add(0.3).square();
    for len in [63, 64, 65, 255, 257, 16_383, 16_384, 16_385, 50_000] {
        let numbers: Vec<f32> = (0..len).map(|n| ((n * 7_919) % 1_013) as f32 * 0.37 - 150.0).collect();
        let sum = gpu.column(&numbers).unwrap().mapped(&program).unwrap().sum().unwrap();
        let wanted = from_source(Blocks::new(numbers, 16_384)).reduce(Mapped(program.clone(), Sum));
        let wanted = wanted.run_on(&Inline).unwrap().value.unwrap_or_default();
        assert_eq!(sum.to_bits(), wanted.to_bits(), "{len} numbers");
    }
    drop(gpu);
    fake.assert_clean("sums");
}

/// In a pipeline, of several blocks of several pieces.
fn piped(
    executor: &impl for<'p> Executor<'p, Ran = Result<(), RunError>>,
) -> (Option<u64>, Option<i128>, String) {
    let blocks = || from_source(Blocks::new((0..200_i32).map(|n| (n * n * 977) % 1_001 - 500).collect(), 70));
    let program = || Program::new().scale(3).sub(7).clamp(-900, 1_200);
    let count = blocks().reduce(Mapped(program(), Count(Compare::Less, 50))).run_on(executor).unwrap().value;
    let sum = blocks().reduce(Mapped(program(), Sum)).run_on(executor).unwrap().value;
    let rest = (
        blocks().reduce(Mapped(program(), MinMax)).run_on(executor).unwrap().value,
        blocks().reduce(Mapped(program(), parts())).run_on(executor).unwrap().value,
    );
    (count, sum, format!("{rest:?}"))
}

#[test]
fn whatever_fails_they_are_equal_and_nothing_leaks() {
    let Some(fake) = Fake::new() else { return };
    let gpu = || Gpu::new().slot_bytes(256).device_memory(3 * 256).gate(Gate::Open);
    let wanted = piped(&Inline);
    assert_eq!(piped(&gpu().strict()), wanted);
    fake.fail_each_call(100, &FAILS, |when| assert_eq!(piped(&gpu()), wanted, "{when}"));
}

#[test]
fn nothing_but_the_result_comes_back_and_one_kernel_is_launched() {
    let Some(fake) = Fake::new() else { return };
    let gpu = Gpu::new().slot_bytes(1 << 12).device_memory(1 << 20).gate(Gate::Open);
    let mut block = gpu.pinned::<f32>(512, 1).take();
    block.fill(2.0);
    let program = Program::new().square().add(1.0);
    let mut worker = f32::worker(gpu.worker());
    let count = worker.mapped_count(&program, Compare::Equal, 5.0, &block).unwrap();
    assert_eq!((count, fake.launched(0), fake.straight()), (512, 1, 512 * size_of::<f32>()));
    drop((worker, block, gpu));
    fake.assert_clean("one pass");
}
