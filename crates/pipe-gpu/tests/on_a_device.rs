//! Every kernel on the device of this machine, held against the reference; then how long it takes. Skipped where there is no device.
//!
//! A program of its own, so that `cargo xtask cuda bundle` can pack it for a machine without Rust. It prints its table last, and above it the
//! lines for `kernels/out/VERIFIED`.

use pipe_core::kernel::{Compare, Float, KernelWorker, Number, Program, Runner, Scalar};
use pipe_gpu::{DeviceFacts, Gate, Gpu};
use std::process::ExitCode;
use std::time::Instant;

const MANIFEST: &str = include_str!("../kernels/out/MANIFEST");
const KERNELS: [&str; 6] =
    ["pipe_map_f32", "pipe_map_f64", "pipe_map_i32", "pipe_map_i64", "pipe_map_u8", "pipe_map_u16"];

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
    if let Err(wrong) = verify(&gpu) {
        println!("FAILED {wrong}");
        return ExitCode::FAILURE;
    }
    confirm(&facts);
    measure(&gpu);
    ExitCode::SUCCESS
}

fn verify(gpu: &Gpu) -> Result<(), String> {
    exact::<f32>(gpu, |n| n as f32 * 0.37 - 20.0, [1.5, -2.25, 8.0], round_programs())?;
    exact::<f64>(gpu, |n| n as f64 * 0.37 - 20.0, [1.5, -2.25, 8.0], round_programs())?;
    exact::<i32>(gpu, |n| (n as i32).wrapping_mul(0x9e37_79b9_u32 as i32), [3, -7, 100_000], Vec::new())?;
    exact::<i64>(
        gpu,
        |n| (n as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64),
        [3, -7, 1 << 40],
        Vec::new(),
    )?;
    exact::<u8>(gpu, |n| n as u8, [3, 7, 200], Vec::new())?;
    exact::<u16>(gpu, |n| (n * 163) as u16, [3, 7, 60_000], Vec::new())?;
    near::<f32>(gpu, |n| n as f32 * 0.01 - 20.0, f32::EPSILON.into())?;
    near::<f64>(gpu, |n| n as f64 * 0.01 - 20.0, f64::EPSILON)
}

/// What every number has, each alone; and a program that is longer than one launch.
fn programs<T: Number>([a, b, c]: [T; 3]) -> Vec<Program<T>> {
    use Compare::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let new = Program::new;
    let mut programs =
        vec![new(), new().add(a), new().sub(a), new().scale(b), new().mul_add(b, a), new().square()];
    programs.extend([new().abs(), new().neg(), new().clamp(a, c), new().clamp(c, a)]);
    let compares = [Less, LessOrEqual, Equal, NotEqual, GreaterOrEqual, Greater];
    programs.extend(compares.map(|compare| new().keep(compare, b, c)));
    programs.push(
        (0..100).fold(new(), |program, n| if n % 2 == 0 { program.add(a) } else { program.clamp(b, c) }),
    );
    programs
}

/// What floats have besides and is correctly rounded.
fn round_programs<T: Float>() -> Vec<Program<T>> {
    let new = Program::new;
    vec![
        new().div(T::nearest(3.7)),
        new().abs().sqrt(),
        new().floor(),
        new().ceil(),
        new().round(),
        new().trunc(),
    ]
}

/// Bit for bit, on all awkward lengths.
fn exact<T: Number>(
    gpu: &Gpu,
    number: fn(usize) -> T,
    three: [T; 3],
    more: Vec<Program<T>>,
) -> Result<(), String> {
    // A slot has 4 MiB: lengths around a vector, a warp, a block of the grid, a piece, and several pieces.
    let piece = (4 << 20) / size_of::<T>();
    let lengths: Vec<usize> =
        (0..70).chain([255, 256, 257, 1_000, 135_169, piece - 1, piece, piece + 1]).collect();
    let mut device = T::worker(gpu.worker());
    for program in programs(three).into_iter().chain(more) {
        for len in lengths.iter().copied().chain([3 * piece + 5]) {
            let mut got: Vec<T> = (0..len).map(number).collect();
            let wanted: Vec<T> = got.iter().map(|x| program.apply(*x)).collect();
            device.run(&program, &mut got).map_err(|error| error.to_string())?;
            // What is not a number is not equal to itself.
            let differs =
                |(a, b): (&T, &T)| a != b && (a.partial_cmp(a).is_some() || b.partial_cmp(b).is_some());
            if let Some(at) = got.iter().zip(&wanted).position(differs) {
                let (got, wanted) = (got[at], wanted[at]);
                return Err(format!("{program:?}, {len} numbers: {got:?} at {at}, and not {wanted:?}"));
            }
        }
    }
    Ok(())
}

/// What need not be equal: within twice its bound of what the CPU gives, which is at most its bound from the truth, too.
fn near<T: Float>(gpu: &Gpu, number: fn(usize) -> T, epsilon: f64) -> Result<(), String> {
    let new = Program::new;
    let within = [(new().exp(), 4.0), (new().abs().log(), 4.0), (new().tanh(), 4.0), (new().sigmoid(), 4.0)];
    let within = within.into_iter().chain([(new().abs().pow(T::nearest(1.7)), 8.0)]);
    for (program, bound) in within {
        let mut got: Vec<T> = (0..4_001).map(number).collect();
        let wanted: Vec<f64> = got.iter().map(|x| program.apply(*x).widen()).collect();
        T::worker(gpu.worker()).run(&program, &mut got).map_err(|error| error.to_string())?;
        for (got, wanted) in got.iter().map(|x| x.widen()).zip(wanted) {
            let is_near = got == wanted || (got - wanted).abs() <= bound * epsilon * wanted.abs();
            if !is_near {
                return Err(format!("{program:?}: {got:e}, and not {wanted:e}"));
            }
        }
    }
    Ok(())
}

/// The lines that `cargo xtask cuda check` looks for.
fn confirm(facts: &DeviceFacts) {
    let hash = MANIFEST.lines().find_map(|line| line.strip_suffix(facts.image)).unwrap_or("?").trim();
    println!("for kernels/out/VERIFIED, with today's date:");
    for kernel in KERNELS {
        println!("{hash} {kernel} {}; CUDA {}.{}; DATE", facts.name, facts.cuda.0, facts.cuda.1);
    }
}

/// Streamed blocks: there, through the program, and back. The best of seven, in turn.
fn measure(gpu: &Gpu) {
    const LEN: usize = 32 << 20;
    let bus = gpu.rates().map_or(f64::NAN, |rates| rates.bytes_per_second);
    println!("a block of {} MiB of f32, GB/s; the bus alone, there and back: {:.2}", LEN >> 18, bus / 1e9);
    println!("{:>10} {:>10} {:>10} {:>10}", "operations", "device", "scalar", "of the bus");
    for len in [1, 3, 30, 200] {
        let program = (0..len).fold(Program::new(), |program, n| match n % 2 {
            0 => program.scale(0.999_f32),
            _ => program.add(0.001),
        });
        let mut block = vec![1.0_f32; LEN];
        let (mut device, mut scalar) = (f32::worker(gpu.worker()), f32::worker(Scalar.worker()));
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
