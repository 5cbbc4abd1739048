//! The kernels' own sources, compiled for the CPU and held against the reference: every kernel on every type, awkward lengths, awkward numbers,
//! grids of several shapes. They get there as on a device, through the driver; but a slot holds all of a block.

mod fake;

use fake::Fake;
use pipe_core::kernel::{Compare, Float, KernelWorker, Number, Program, Runner, Scalar};
use pipe_gpu::{Gate, Gpu};

/// Every launch has one of these; the first one is what would be asked for.
const GRIDS: [Option<(u32, u32)>; 4] = [None, Some((1, 1)), Some((3, 5)), Some((7, 64))];

fn gpu() -> Gpu {
    Gpu::new().slot_bytes(1 << 16).device_memory(1 << 16).gate(Gate::Open).strict()
}

/// Calls it with a worker for each shape of grid, and finds that it was on the device.
fn on_all_grids<T: Number>(test: impl Fn(&mut dyn KernelWorker<T>, &str)) {
    let Some(fake) = Fake::new() else { return };
    for grid in GRIDS {
        let fake = fake.again();
        if let Some((blocks, threads)) = grid {
            fake.grid(blocks, threads);
        }
        let gpu = gpu();
        test(&mut *T::worker(gpu.worker()), &format!("grid {grid:?}"));
        assert!(fake.peak() > 0, "nothing was on the device");
        drop(gpu);
        fake.assert_clean(format!("grid {grid:?}"));
    }
}

/// A type, with numbers that are awkward to it.
trait Awkward: Number {
    const NUMBERS: &'static [Self];
    /// Equal in one bit as in all; what is not a number is all one.
    fn bits(self) -> u64;
}

macro_rules! awkward_floats {
    ($($float:ident)+) => { $(
        impl Awkward for $float {
            const NUMBERS: &'static [$float] = &[
                0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.7, -20.3, 1e4, 1e-3, $float::NAN, $float::INFINITY, $float::NEG_INFINITY,
                $float::MAX, $float::MIN, $float::MIN_POSITIVE, -$float::MIN_POSITIVE / 4.0, $float::EPSILON, 8_388_609.5, -0.1,
            ];

            fn bits(self) -> u64 {
                if self.is_nan() { u64::MAX } else { u64::from(self.to_bits()) }
            }
        }
    )+ };
}
// For example: impl Awkward for f32 { const NUMBERS: &'static [f32] = &[0.0, -0.0, ..]; .. }
awkward_floats!(f32 f64);

macro_rules! awkward_integers {
    ($($integer:ident)+) => { $(
        impl Awkward for $integer {
            const NUMBERS: &'static [$integer] = &[
                0, 1, 2, 3, 7, 100, 127, 128, 200, $integer::MAX, $integer::MAX - 1, $integer::MIN, $integer::MIN + 1, $integer::MAX / 2,
                $integer::MAX / 2 + 1, $integer::MAX / 3,
            ];

            fn bits(self) -> u64 {
                self as u64
            }
        }
    )+ };
}
// For example: impl Awkward for u8 { const NUMBERS: &'static [u8] = &[0, 1, 2, ..]; .. }
awkward_integers!(i64 u8 u16);

impl Awkward for i32 {
    const NUMBERS: &'static [i32] = &[0, 1, -1, 3, -7, 1 << 20, -(1 << 30), i32::MAX, i32::MIN, i32::MIN + 1];

    fn bits(self) -> u64 {
        u64::from(self.cast_unsigned())
    }
}

/// The awkward ones in turn, from another one on for each seed.
fn numbers<T: Awkward>(len: usize, seed: usize) -> Vec<T> {
    T::NUMBERS.iter().copied().cycle().skip(seed).take(len).collect()
}

#[track_caller]
fn assert_equal<T: Awkward>(got: &[T], wanted: &[T], when: impl Fn() -> String) {
    let bits = |numbers: &[T]| numbers.iter().map(|x| x.bits()).collect::<Vec<_>>();
    assert!(bits(got) == bits(wanted), "{}: {got:?}, and not {wanted:?}", when());
}

/// Around nothing, a vector of 16 bytes, a warp, and a block of the grid.
const LENGTHS: [usize; 22] =
    [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257, 1_037];

/// All that every number has, each alone, with awkward operands.
fn programs<T: Awkward>() -> Vec<Program<T>> {
    use Compare::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let new = Program::new;
    let mut programs = vec![new(), new().square(), new().abs(), new().neg()];
    for (at, a) in T::NUMBERS.iter().copied().enumerate() {
        let b = T::NUMBERS[(at + 3) % T::NUMBERS.len()];
        programs.extend([new().add(a), new().sub(a), new().scale(a), new().mul_add(a, b), new().clamp(a, b)]);
        let compares = [Less, LessOrEqual, Equal, NotEqual, GreaterOrEqual, Greater];
        programs.extend(compares.map(|compare| new().keep(compare, a, b)));
    }
    programs
}

/// What floats have besides and is correctly rounded.
fn float_programs<T: Awkward + Float>() -> Vec<Program<T>> {
    let new = Program::new;
    let mut programs = vec![new().sqrt(), new().floor(), new().ceil(), new().round(), new().trunc()];
    programs.extend(T::NUMBERS.iter().map(|divisor| new().div(*divisor)));
    programs
}

fn run_all<T: Awkward>(programs: &[Program<T>]) {
    on_all_grids(|device, when| {
        for (at, program) in programs.iter().enumerate() {
            // Each program on some lengths, and each length with some programs.
            for len in LENGTHS.into_iter().skip(at % 3).step_by(3).chain([1_037]) {
                let mut got = numbers::<T>(len, at);
                let mut wanted = got.clone();
                T::worker(Scalar.worker()).run(program, &mut wanted).unwrap();
                device.run(program, &mut got).unwrap();
                assert_equal(&got, &wanted, || format!("{program:?}, {len} numbers, {when}"));
            }
        }
    });
}

#[test]
fn each_operation_on_f32_is_that_of_the_reference_bit_for_bit() {
    run_all::<f32>(&[programs(), float_programs()].concat());
}

#[test]
fn each_operation_on_f64_is_that_of_the_reference_bit_for_bit() {
    run_all::<f64>(&[programs(), float_programs()].concat());
}

#[test]
fn each_operation_on_integers_is_that_of_the_reference() {
    run_all::<i32>(&programs());
    run_all::<i64>(&programs());
    run_all::<u8>(&programs());
    run_all::<u16>(&programs());
}

/// `exp` and its like: within twice the bound of what the CPU gives, which is at most the bound from the truth, too.
fn near<T: Awkward + Float>(epsilon: f64, least: f64) {
    let new = Program::new;
    let within = [(new().exp(), 4.0), (new().log(), 4.0), (new().tanh(), 4.0), (new().sigmoid(), 4.0)];
    let powers = [1.7, -3.0, 0.5, 0.0].map(|exponent| (new().pow(T::nearest(exponent)), 8.0));
    on_all_grids(|device, when| {
        for (program, bound) in within.iter().chain(&powers) {
            let many = (0..4_001).map(|n| T::nearest(f64::from(n) * 0.05 - 100.0));
            let mut got: Vec<T> = many.chain(T::NUMBERS.iter().copied()).collect();
            let from = got.clone();
            device.run(program, &mut got).unwrap();
            for (from, got) in from.into_iter().zip(got) {
                let (wanted, got) = (program.apply(from).widen(), got.widen());
                let room = bound * (epsilon * wanted.abs()).max(least);
                let is_near =
                    got == wanted || (got.is_nan() && wanted.is_nan()) || (got - wanted).abs() <= room;
                assert!(is_near, "{program:?} of {from:?}: {got:e}, and not {wanted:e}, {when}");
            }
        }
    });
}

#[test]
fn what_need_not_be_equal_is_within_its_bound() {
    // Numbers below the least normal one are as far apart as those just above it.
    near::<f32>(f32::EPSILON.into(), f64::from(f32::from_bits(1)));
    near::<f64>(f64::EPSILON, f64::from_bits(1));
}
