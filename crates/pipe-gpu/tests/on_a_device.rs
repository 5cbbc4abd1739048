//! Every kernel on the device of this machine, held against the reference; then how long it takes. Skipped where there is no device.
//!
//! A program of its own, so that `cargo xtask cuda bundle` can pack it for a machine without Rust. It prints its table last, and above it the
//! lines for `kernels/out/VERIFIED`.

use pipe_core::Executor;
use pipe_core::kernel::{KernelWorker, Number, Program, Runner, Scalar};
use pipe_gpu::{DeviceFacts, Gate, Gpu};
use std::process::ExitCode;
use std::time::Instant;

const MANIFEST: &str = include_str!("../kernels/out/MANIFEST");

fn main() -> ExitCode {
    let gpu = Gpu::new().gate(Gate::Open).strict();
    let facts = match gpu.device_facts() {
        Ok(facts) => facts,
        Err(why) => {
            println!("SKIP kernels on a device: {why}");
            return ExitCode::SUCCESS;
        }
    };
    println!("{facts}");
    let runner = gpu.runner();
    let wrong = verify::<f32>(&*runner, |n| n as f32 * 0.37 - 20.0, bits_f32)
        .and_then(|()| verify::<f64>(&*runner, |n| n as f64 * 0.37 - 20.0, bits_f64));
    if let Err(wrong) = wrong {
        println!("FAILED {wrong}");
        return ExitCode::FAILURE;
    }
    confirm(&facts);
    measure(&gpu);
    ExitCode::SUCCESS
}

/// Programs of all operations, alone and together, and longer than one launch.
fn programs<T: Number + From<f32>>() -> Vec<Program<T>> {
    let number = |x: f32| T::from(x);
    let one = |program: Program<T>, n: usize| match n % 3 {
        0 => program.scale(number(1.01)),
        1 => program.add(number(n as f32 * 0.1)),
        _ => program.clamp(number(-15.0), number(1e6 + n as f32)),
    };
    let mut programs: Vec<_> = (0..3).map(|n| one(Program::new(), n)).collect();
    programs.extend([0, 3, 32, 33, 100].map(|len| (0..len).fold(Program::new(), one)));
    programs
}

fn verify<T: Number + From<f32>>(
    runner: &dyn Runner,
    number: fn(usize) -> T,
    bits: fn(T) -> u64,
) -> Result<(), String> {
    let (mut device, mut scalar) = (T::worker(runner), T::worker(&Scalar));
    // A slot has 4 MiB: lengths around a vector, a warp, a block of the grid, a piece, and several pieces.
    let piece = (4 << 20) / size_of::<T>();
    let lengths = (0..70).chain([255, 256, 257, 1_000, 135_169, piece - 1, piece, piece + 1, 3 * piece + 5]);
    for len in lengths {
        for program in programs() {
            let mut got: Vec<T> = (0..len).map(number).collect();
            let mut wanted = got.clone();
            device.run(&program, &mut got).map_err(|error| error.to_string())?;
            scalar.run(&program, &mut wanted).map_err(|error| error.to_string())?;
            if let Some(at) = got.iter().zip(&wanted).position(|(a, b)| bits(*a) != bits(*b)) {
                let ops = program.ops().len();
                return Err(format!(
                    "{len} numbers of {} bytes, {ops} operations: number {at}",
                    size_of::<T>()
                ));
            }
        }
    }
    Ok(())
}

fn bits_f32(x: f32) -> u64 {
    if x.is_nan() { u64::MAX } else { u64::from(x.to_bits()) }
}

fn bits_f64(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

/// The lines that `cargo xtask cuda check` looks for.
fn confirm(facts: &DeviceFacts) {
    let hash = MANIFEST.lines().find_map(|line| line.strip_suffix(facts.image)).unwrap_or("?").trim();
    println!("for kernels/out/VERIFIED, with today's date:");
    for kernel in ["pipe_map_f32", "pipe_map_f64"] {
        println!("{hash} {kernel} {}; CUDA {}.{}; DATE", facts.name, facts.cuda.0, facts.cuda.1);
    }
}

/// Streamed blocks: there, through the program, and back. The best of seven, in turn.
fn measure(gpu: &Gpu) {
    const LEN: usize = 32 << 20;
    let bus = gpu.rates().map_or(f64::NAN, |rates| rates.bytes_per_second);
    let runner = gpu.runner();
    println!("a block of {} MiB of f32, GB/s; the bus alone, there and back: {:.2}", LEN >> 18, bus / 1e9);
    println!("{:>10} {:>10} {:>10} {:>10}", "operations", "device", "scalar", "of the bus");
    for len in [1, 3, 30, 200] {
        let program = (0..len).fold(Program::new(), |program, n| match n % 2 {
            0 => program.scale(0.999_f32),
            _ => program.add(0.001),
        });
        let mut block = vec![1.0_f32; LEN];
        let (mut device, mut scalar) = (runner.f32(), Scalar.f32());
        let mut best = [f64::INFINITY; 2];
        for _ in 0..7 {
            let workers: [&mut dyn KernelWorker<f32>; 2] = [&mut *device, &mut *scalar];
            for (worker, best) in workers.into_iter().zip(&mut best) {
                let started = Instant::now();
                worker.run(&program, &mut block).expect("it has run before");
                *best = best.min(started.elapsed().as_secs_f64());
            }
        }
        let [device, scalar] = best.map(|seconds| (LEN * size_of::<f32>()) as f64 / seconds);
        println!("{len:>10} {:>10.2} {:>10.2} {:>10.2}", device / 1e9, scalar / 1e9, device / bus);
    }
}
