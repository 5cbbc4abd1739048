//! The bars: what is there already against the memory of the device, what comes over the bus against the bus, both against `Tiled` on all cores, and what
//! the gate costs where it keeps work on the CPU.

use crate::peers;
use crate::table::Table;
use crate::work::{best, in_turn, numbers, program, timed};
use pipe_cache::Tiled;
use pipe_core::kernel::{Blocks, Compare, Count, Histogram, Mapped, Number, Runner, Scalar};
use pipe_core::{BoxError, Executor, RunError, from_iter, from_source};
use pipe_gpu::{Column, Gate, Gpu, GpuError, Pinned, PinnedBlock, PinnedBlocks};
use pipe_parallel::Parallel;

/// How much is measured.
pub(crate) struct Sizes {
    /// Numbers of a column: many times what a cache of the device holds.
    pub(crate) column: usize,
    /// Numbers that come over the bus, and those of one block of them.
    streamed: usize,
    block: usize,
    rounds: usize,
}

impl Sizes {
    pub(crate) const FULL: Sizes = Sizes { column: 1 << 28, streamed: 1 << 28, block: 1 << 24, rounds: 7 };
    pub(crate) const QUICK: Sizes = Sizes { column: 1 << 16, streamed: 1 << 16, block: 1 << 14, rounds: 2 };
}

/// Blocks of the CPU's runs: some, for each worker, that stay in its cache.
const CPU_BLOCK: usize = 1 << 16;
/// Launches that are begun before one waits for them.
const AT_ONCE: usize = 8;

/// All of them.
///
/// # Errors
/// What failed, or an answer that differs.
pub(crate) fn measure(gpu: &Gpu, sizes: &Sizes) -> Result<Table, BoxError> {
    let mut table = Table::default();
    let numbers = numbers(sizes.column);
    resident(gpu, sizes, &numbers, &mut table)?;
    streamed(gpu, sizes, &numbers[..sizes.streamed], &mut table)?;
    pinned(gpu, sizes, &numbers[..sizes.streamed], &mut table)?;
    below_the_gate(gpu, sizes, &numbers[..sizes.streamed], &mut table)?;
    Ok(table)
}

/// Passes over numbers that are there, in bytes moved per second beside those of a copy.
fn resident(gpu: &Gpu, sizes: &Sizes, numbers: &[f32], table: &mut Table) -> Result<(), BoxError> {
    let mut column = gpu.column(numbers)?;
    same_answers(&mut column, numbers)?;
    let copy = column.copy_rate()?;
    let bytes = size_of_val(numbers) as f64;
    let how =
        |moved: f64, seconds: f64| format!("{:.0} GB/s, a copy {:.0}", moved / seconds / 1e9, copy / 1e9);

    for (operations, bar) in [(3, Some(0.9)), (30, None), (200, None)] {
        let program = program(operations);
        let seconds = best(sizes.rounds, || {
            (0..AT_ONCE).try_for_each(|_| column.run(&program))?;
            column.wait()
        })? / AT_ONCE as f64;
        let (what, moved) = (format!("there: {operations} operations"), 2.0 * bytes);
        match bar {
            Some(bar) => table.bar(&what, moved / seconds / copy, how(moved, seconds), bar),
            None => table.tell(&what, moved / seconds / copy, how(moved, seconds)),
        }
    }
    for (what, reduce) in REDUCTIONS {
        let seconds = best(sizes.rounds, || reduce(&mut column))?;
        table.bar(what, bytes / seconds / copy, how(bytes, seconds), 0.9);
    }
    let parts = Histogram::new(-1.0, 1.0, 256)?;
    let seconds = best(sizes.rounds, || column.histogram(&parts).map(|_| ()))?;
    table.tell("there: histogram of 256 parts", bytes / seconds / copy, how(bytes, seconds));
    let seconds = best(sizes.rounds, || column.retain(Compare::Greater, -1e9))?;
    table.tell("there: retain, all kept", 2.0 * bytes / seconds / copy, how(2.0 * bytes, seconds));

    let program = program(30);
    let [device, cpu] = in_turn(
        sizes.rounds,
        || Ok::<_, BoxError>(timed(|| column.run(&program).and_then(|()| column.wait()))?),
        || on_cpu(numbers, 30).map(|(_, seconds)| seconds),
    )?;
    let how = format!("{:.2} ms, Tiled on all cores {:.2} ms", device * 1e3, cpu * 1e3);
    table.bar("there: 30 operations, times Tiled", cpu / device, how, 5.0);
    Ok(())
}

type OfColumn = fn(&mut Column<f32>) -> Result<(), GpuError>;

const REDUCTIONS: [(&str, OfColumn); 5] = [
    ("there: count", |column| column.count(Compare::Greater, 0.25).map(|_| ())),
    ("there: least and greatest", |column| column.min_max().map(|_| ())),
    ("there: sum", |column| column.sum().map(|_| ())),
    ("there: 3 operations and count", |column| {
        column.mapped(&program(3))?.count(Compare::Greater, 0.25).map(|_| ())
    }),
    ("there: 3 operations and sum", |column| column.mapped(&program(3))?.sum().map(|_| ())),
];

/// A program and a reduction on both.
fn same_answers(column: &mut Column<f32>, numbers: &[f32]) -> Result<(), BoxError> {
    let (program, mut wanted) = (program(3), numbers.to_vec());
    let mut cpu = f32::worker(Scalar.worker());
    cpu.run(&program, &mut wanted)?;
    let mapped = column.mapped(&program)?.count(Compare::Greater, 0.25)?;
    column.run(&program)?;
    let answers = (mapped, column.count(Compare::Greater, 0.25)?, column.min_max()?);
    let count = cpu.count(Compare::Greater, 0.25, &wanted)?;
    let wanted = (count, count, cpu.min_max(&wanted)?);
    column.refill(numbers)?;
    if answers == wanted { Ok(()) } else { Err(format!("{answers:?}, and not {wanted:?}").into()) }
}

/// Through the bus, there, from ordinary memory; a count comes back. The rate of the bus is that of a way there and back.
fn streamed(gpu: &Gpu, sizes: &Sizes, numbers: &[f32], table: &mut Table) -> Result<(), BoxError> {
    let bus = gpu.rates()?.bytes_per_second;
    let bytes = size_of_val(numbers) as f64;
    for operations in [3, 30, 200] {
        let mut answers = [None; 2];
        let [first, second] = &mut answers;
        let note = |answer: &mut Option<u64>, (counted, seconds)| {
            *answer = Some(counted);
            seconds
        };
        let on_device = || on(Parallel::new().kernels(gpu.clone()), numbers, sizes.block, operations);
        let [device, cpu] = in_turn(
            sizes.rounds,
            || Ok::<_, BoxError>(note(first, on_device()?)),
            || Ok(note(second, on_cpu(numbers, operations)?)),
        )?;
        if answers[0] != answers[1] {
            return Err(format!("streamed, {operations} operations: {answers:?} are not equal").into());
        }
        let rate = bytes / device;
        let how = format!("{:.1} GB/s, the bus {:.1}", rate / 1e9, bus / 1e9);
        let of_bus = format!("streamed: {operations} operations and count, of the bus");
        table.tell(&of_bus, rate / bus, how);
        let how = format!("{:.2} ms, Tiled on all cores {:.2} ms", device * 1e3, cpu * 1e3);
        let of_tiled = format!("streamed: {operations} operations and count, times Tiled");
        match operations {
            200 => table.bar(&of_tiled, cpu / device, how, 5.0),
            _ => table.tell(&of_tiled, cpu / device, how),
        }
    }
    Ok(())
}

/// Through the bus, there and back, from pinned memory and to it: no number is copied on the host. The blocks are filled before, as those of the peers are.
fn pinned(gpu: &Gpu, sizes: &Sizes, numbers: &[f32], table: &mut Table) -> Result<(), BoxError> {
    let bus = gpu.rates()?.bytes_per_second;
    let parts: Vec<&[f32]> = numbers.chunks(sizes.block).collect();
    // All of them at once, and one for results: the first to be done makes room for those of the next.
    let pool = gpu.pinned::<f32>(sizes.block, parts.len() + 1);
    for operations in [3, 30, 200] {
        let (program, mut device) = (program(operations), f64::INFINITY);
        for _ in 0..sizes.rounds {
            let blocks: Vec<_> = parts.iter().map(|part| filled(&pool, part)).collect();
            if let Some(block) = blocks.iter().find(|block| !block.is_pinned()) {
                return Err(format!("a block of {} numbers is not pinned", block.len()).into());
            }
            let run = from_iter(blocks).stage(Pinned(program.clone())).map(|block| block[0].to_bits());
            let run = run.collect();
            let mut firsts = Vec::new();
            let seconds = timed(|| {
                firsts = run.run_on(gpu)?.value;
                Ok::<_, RunError>(())
            })?;
            device = device.min(seconds);
            let wanted = parts.iter().map(|part| program.apply(part[0]).to_bits());
            if !firsts.into_iter().eq(wanted) {
                return Err(format!("pinned, {operations} operations: the first numbers differ").into());
            }
        }
        let rate = size_of_val(numbers) as f64 / device;
        let how = format!("{:.1} GB/s, the bus {:.1}", rate / 1e9, bus / 1e9);
        let of_bus = format!("pinned: {operations} operations, of the bus");
        match operations {
            3 => table.bar(&of_bus, rate / bus, how, 0.9),
            _ => table.tell(&of_bus, rate / bus, how),
        }
        if operations == 200 {
            peers::measure(numbers.len(), operations, device, table);
        }
    }
    Ok(())
}

fn filled(pool: &PinnedBlocks<f32>, part: &[f32]) -> PinnedBlock<f32> {
    let mut block = pool.take();
    block.truncate(part.len());
    block.copy_from_slice(part);
    block
}

/// Small blocks and little work: the gate keeps them on the CPU, and should cost next to nothing.
fn below_the_gate(gpu: &Gpu, sizes: &Sizes, numbers: &[f32], table: &mut Table) -> Result<(), BoxError> {
    let block = 1 << 12;
    let gated = gpu.clone().gate(Gate::Measured).or_on(Tiled::new());
    let [with, without] = in_turn(
        2 * sizes.rounds,
        || on(Parallel::new().kernels(gated.clone()), numbers, block, 1).map(|(_, seconds)| seconds),
        || on(Parallel::new().kernels(Tiled::new()), numbers, block, 1).map(|(_, seconds)| seconds),
    )?;
    let how = format!("{:.2} ms, Tiled alone {:.2} ms", with * 1e3, without * 1e3);
    table.bar("below the gate, times Tiled", without / with, how, 0.95);
    Ok(())
}

fn on_cpu(numbers: &[f32], operations: usize) -> Result<(u64, f64), BoxError> {
    on(Parallel::new().kernels(Tiled::new()), numbers, CPU_BLOCK, operations)
}

/// How many numbers are above a bound after the program, and how many seconds that took.
fn on(
    executor: impl for<'p> Executor<'p, Ran = Result<(), RunError>>,
    numbers: &[f32],
    block: usize,
    operations: usize,
) -> Result<(u64, f64), BoxError> {
    let blocks = from_source(Blocks::new(numbers.to_vec(), block));
    let mapped = Mapped(program(operations), Count(Compare::Greater, 0.25));
    let mut counted = 0;
    let seconds = timed(|| {
        let report = blocks.reduce(mapped).run_on(&executor)?;
        counted = report.value.unwrap_or_default();
        Ok::<_, RunError>(())
    })?;
    Ok((counted, seconds))
}
