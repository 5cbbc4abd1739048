//! The kernels' own sources, compiled for the CPU and held against the reference: every kernel on every type, awkward lengths, awkward numbers,
//! grids of several shapes. They get there as on a device, through the driver: in slots that hold all of a block, and in slots that hold little.

mod awkward;
mod fake;

use awkward::{Awkward, LENGTHS, assert_equal, gpu, numbers, on_all_grids_in_slots, on_both};
use fake::Fake;
use pipe_core::kernel::{Binary, Compare, Float, KernelWorker, Number, PairProgram, Program, Runner, Scalar};

/// In slots that hold all of a block.
fn on_all_grids<T: Number>(test: impl Fn(&mut dyn KernelWorker<T>, &str)) {
    on_all_grids_in_slots(1 << 16, test);
}

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

fn pairs_of<T: Awkward>() {
    use Binary::{Add, Max, Min, Mul, Sub};
    let short = |program: Program<T>| program.square().add(T::NUMBERS[3]);
    let long =
        || (0..70).fold(Program::<T>::new(), |program, n| program.add(T::NUMBERS[n % T::NUMBERS.len()]));
    let mut programs: Vec<PairProgram<T>> =
        [Add, Sub, Mul, Min, Max].map(|binary| Program::new().with(binary)).into();
    programs.push(short(Program::new()).with(Min).second(long()).then(short(Program::new())));
    programs.push(long().with(Max).second(short(Program::new())).then(long()));
    on_both::<T>(|device, reference, when| {
        for (at, program) in programs.iter().enumerate() {
            for len in LENGTHS.into_iter().skip(at % 2).step_by(2) {
                // Every number meets every other one, as far as there are enough; and the second column may be the longer one.
                let mut got = numbers::<T>(len, at);
                let y: Vec<T> =
                    (0..len + 1).map(|n| T::NUMBERS[n / T::NUMBERS.len() % T::NUMBERS.len()]).collect();
                let mut wanted = got.clone();
                device.run_pair(program, &mut got, &y).unwrap();
                reference.run_pair(program, &mut wanted, &y).unwrap();
                assert_equal(&got, &wanted, || format!("{program:?}, {len} numbers, {when}"));
            }
        }
    });
}

fn grey_of<T: Awkward>() {
    on_both::<T>(|device, reference, when| {
        for len in LENGTHS {
            let rgb: Vec<T> = [numbers(3 * len / 2, 1), numbers(3 * len, 2)].concat()[..3 * len].to_vec();
            let (mut got, mut wanted) = (vec![T::default(); len], vec![T::default(); len]);
            device.grey(&rgb, &mut got).unwrap();
            reference.grey(&rgb, &mut wanted).unwrap();
            assert_equal(&got, &wanted, || format!("grey, {len} pixels, {when}"));
        }
    });
}

fn stencils_of<T: Awkward>() {
    let all: Vec<T> = numbers(9 * 4, 0);
    on_both::<T>(|device, reference, when| {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 2), (5, 7), (16, 16), (31, 33), (4, 100)]
        {
            for weights in all.as_chunks::<9>().0 {
                let image = numbers::<T>(width * height, 1);
                let (mut got, mut wanted) = (image.clone(), image.clone());
                device.stencil(weights, width, &image, &mut got).unwrap();
                reference.stencil(weights, width, &image, &mut wanted).unwrap();
                assert_equal(&got, &wanted, || format!("{weights:?}, {width} x {height}, {when}"));
            }
        }
    });
}

/// What becomes of numbers that are less than a window, one, and more; for windows of this length.
fn windows_of<T: Awkward>(
    window: usize,
    compute: impl Fn(&mut dyn KernelWorker<T>, &[T], &mut [T]),
    (device, reference): (&mut dyn KernelWorker<T>, &mut dyn KernelWorker<T>),
    when: &str,
) {
    for len in [0, 1, 2, 5, 31, 64, 65, 300].into_iter().chain([window - 1, window, window + 1, window + 257])
    {
        let outputs = (len + 1).saturating_sub(window);
        let x = numbers::<T>(len, window % 7);
        let (mut got, mut wanted) = (vec![T::default(); outputs], vec![T::default(); outputs]);
        compute(&mut *device, &x, &mut got);
        compute(&mut *reference, &x, &mut wanted);
        assert_equal(&got, &wanted, || format!("windows of {window}, {len} numbers, {when}"));
    }
}

fn filters_of<T: Awkward>() {
    on_both::<T>(|device, reference, when| {
        for taps in [1, 2, 3, 4, 16, 33, 63] {
            let taps = numbers::<T>(taps, taps);
            let fir =
                |worker: &mut dyn KernelWorker<T>, x: &[T], out: &mut [T]| worker.fir(&taps, x, out).unwrap();
            windows_of(taps.len(), fir, (&mut *device, &mut *reference), when);
        }
    });
}

fn window_sums_of<T: Awkward>() {
    on_both::<T>(|device, reference, when| {
        for width in [1, 2, 3, 4, 5, 7, 8, 21, 32, 63] {
            let sums = |worker: &mut dyn KernelWorker<T>, x: &[T], out: &mut [T]| {
                worker.window_sums(width, x, out).unwrap();
            };
            windows_of(width, sums, (&mut *device, &mut *reference), when);
        }
    });
}

#[test]
fn two_columns_meet_as_in_the_reference() {
    pairs_of::<f32>();
    pairs_of::<f64>();
    pairs_of::<i32>();
    pairs_of::<i64>();
    pairs_of::<u8>();
    pairs_of::<u16>();
}

#[test]
fn grey_is_that_of_the_reference() {
    grey_of::<f32>();
    grey_of::<f64>();
    grey_of::<i32>();
    grey_of::<i64>();
    grey_of::<u8>();
    grey_of::<u16>();
}

#[test]
fn stencils_are_those_of_the_reference_also_at_the_border() {
    stencils_of::<f32>();
    stencils_of::<f64>();
    stencils_of::<i32>();
    stencils_of::<i64>();
    stencils_of::<u8>();
    stencils_of::<u16>();
}

#[test]
fn filters_are_those_of_the_reference() {
    filters_of::<f32>();
    filters_of::<f64>();
    filters_of::<i32>();
    filters_of::<i64>();
    filters_of::<u8>();
    filters_of::<u16>();
}

#[test]
fn window_sums_are_those_of_the_reference() {
    window_sums_of::<f32>();
    window_sums_of::<f64>();
    window_sums_of::<i32>();
    window_sums_of::<i64>();
    window_sums_of::<u8>();
    window_sums_of::<u16>();
}

#[test]
fn a_kernel_writes_nothing_beside_a_slot_that_its_block_fills() {
    let Some(fake) = Fake::new() else { return };
    // Multiples of eight bytes, whole vectors of sixteen and others.
    for words in 1..=9 {
        let gpu = gpu(8 * words);
        let (mut floats, mut bytes) = (numbers::<f32>(2 * words, 0), numbers::<u8>(8 * words, 0));
        f32::worker(gpu.worker()).run(&Program::new().add(1.0), &mut floats).unwrap();
        u8::worker(gpu.worker()).run(&Program::new().add(1), &mut bytes).unwrap();
        drop(gpu);
        fake.assert_clean(format!("slots of {words} words"));
    }
}

fn totals_of<T: Awkward>() {
    use Compare::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    on_both::<T>(|device, reference, when| {
        for (at, len) in LENGTHS.into_iter().enumerate() {
            let x = numbers::<T>(len, at);
            let when = || format!("{len} numbers from {at} on, {when}");
            for compare in [Less, LessOrEqual, Equal, NotEqual, GreaterOrEqual, Greater] {
                let bound = T::NUMBERS[(at + 5) % T::NUMBERS.len()];
                let counts = (device.count(compare, bound, &x), reference.count(compare, bound, &x));
                assert_eq!(counts.0.unwrap(), counts.1.unwrap(), "{compare:?} {bound:?}, {}", when());
            }
            // Zeros of both signs are equal, and either may be told.
            assert_eq!(device.min_max(&x).unwrap(), reference.min_max(&x).unwrap(), "{}", when());
            let sums = [device.sum(&x).unwrap(), reference.sum(&x).unwrap()].map(|sum| format!("{sum:?}"));
            assert_eq!(sums[0], sums[1], "{}", when());
        }
        // All alike; of what is not a number, too, where there is such.
        for x in T::NUMBERS {
            let block = [*x; 300];
            assert_eq!(device.min_max(&block).unwrap(), reference.min_max(&block).unwrap(), "{block:?}");
        }
    });
}

#[test]
fn counts_sums_and_extremes_are_those_of_the_reference() {
    totals_of::<f32>();
    totals_of::<f64>();
    totals_of::<i32>();
    totals_of::<i64>();
    totals_of::<u8>();
    totals_of::<u16>();
}
