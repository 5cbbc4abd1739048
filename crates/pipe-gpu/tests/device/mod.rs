//! Every kernel on the device of this machine, held against the reference: for the test here, and for the program that
//! `cargo xtask cuda bundle` makes.

pub(crate) mod date;

use pipe_core::BoxError;
use pipe_core::kernel::{
    Binary, Blocks, Compare, Float, Histogram, KernelWorker, Mapped, Number, Program, Runner, Scalar, Sum,
};
use pipe_core::{Inline, from_source};
use pipe_gpu::{DeviceFacts, Element, Gpu, GpuError};

const MANIFEST: &str = include_str!("../../kernels/out/MANIFEST");
/// The sources, and the families of kernels that each has.
const SOURCES: [(&str, &[&str]); 5] = [
    ("map", &["map"]),
    ("blocks", &["pair", "grey", "stencil", "fir", "window_sums"]),
    ("totals", &["count", "min_max", "histogram", "sum", "lanes"]),
    ("scan", &["retain_count", "retain", "prefix_up", "prefix_down"]),
    ("mapped", &["mapped", "mapped_lanes"]),
];
/// Those that only integers have, and those that only floats have.
const OF_INTEGERS: [&str; 3] = ["sum", "prefix_up", "prefix_down"];
const OF_FLOATS: [&str; 2] = ["lanes", "mapped_lanes"];
const TYPES: [&str; 6] = ["f32", "f64", "i32", "i64", "u8", "u16"];

/// Bytes of a slot of most tests: so lengths around a piece and several pieces are short. In release, over the driver that computes on the CPU, all of it takes three
/// seconds of one core; with slots of 4 MiB it took more than five minutes.
const SLOT: usize = 1 << 16;

/// Each kernel over awkward lengths, held against the reference.
pub(crate) fn verify(gpu: &Gpu) -> Result<(), String> {
    let small = gpu.clone().slot_bytes(SLOT);
    of_all::<f32>(gpu, &small, |n| n as f32 * 0.37 - 20.0, [1.5, -2.25, 8.0], round_programs())?;
    of_all::<f64>(gpu, &small, |n| n as f64 * 0.37 - 20.0, [1.5, -2.25, 8.0], round_programs())?;
    let i32 = |n: usize| (n as i32).wrapping_mul(0x9e37_79b9_u32 as i32);
    of_all::<i32>(gpu, &small, i32, [3, -7, 100_000], Vec::new())?;
    let i64 = |n: usize| (n as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    of_all::<i64>(gpu, &small, i64, [3, -7, 1 << 40], Vec::new())?;
    of_all::<u8>(gpu, &small, |n| n as u8, [3, 7, 200], Vec::new())?;
    of_all::<u16>(gpu, &small, |n| (n * 163) as u16, [3, 7, 60_000], Vec::new())?;
    sum_of_column::<f32>(gpu, |n| (n % 1_013) as f32 * 0.37 - 150.0)?;
    sum_of_column::<f64>(gpu, |n| (n % 1_013) as f64 * 0.37 - 150.0)?;
    near::<f32>(&small, |n| n as f32 * 0.01 - 20.0, f32::EPSILON.into())?;
    near::<f64>(&small, |n| n as f64 * 0.01 - 20.0, f64::EPSILON)
}

/// All that is equal bit for bit, of one type.
fn of_all<T: Element>(
    gpu: &Gpu,
    small: &Gpu,
    number: fn(usize) -> T,
    three: [T; 3],
    more: Vec<Program<T>>,
) -> Result<(), String> {
    from_block_to_block(small, number)?;
    exact(small, number, three, more)?;
    larger_than_a_grid(gpu, number, three)?;
    println!("equal: {}", std::any::type_name::<T>());
    Ok(())
}

/// Numbers enough that each thread of the largest grid has several vectors of them, in a column; and as a block of several large pieces.
fn larger_than_a_grid<T: Element>(
    gpu: &Gpu,
    number: fn(usize) -> T,
    [a, b, c]: [T; 3],
) -> Result<(), String> {
    // 1,056 blocks of 256 threads, of 16 bytes each, and a half.
    let len = 1_056 * 256 * 16 / size_of::<T>() * 5 / 2 + 5;
    let numbers: Vec<T> = (0..len).map(number).collect();
    let program = Program::new().mul_add(b, a).clamp(a, c);
    let wanted: Vec<T> = numbers.iter().map(|x| program.apply(*x)).collect();
    let mut got = numbers.clone();
    let mut compute = || -> Result<_, BoxError> {
        T::worker(gpu.worker()).run(&program, &mut got)?;
        let mut column = gpu.column(&numbers)?;
        let mapped = column.mapped(&program)?.count(Compare::Greater, a)?;
        column.run(&program)?;
        let found = (mapped, column.count(Compare::Greater, a)?, column.min_max()?);
        column.retain(Compare::Greater, a)?;
        Ok((found, column.to_vec()?))
    };
    let (found, kept) = compute().map_err(|error: BoxError| error.to_string())?;
    let mut cpu = T::worker(Scalar.worker());
    let mut expect = || -> Result<_, BoxError> {
        let count = cpu.count(Compare::Greater, a, &wanted)?;
        Ok((count, count, cpu.min_max(&wanted)?))
    };
    if found != expect().map_err(|error: BoxError| error.to_string())? {
        return Err(format!("totals of {len} numbers that are there differ"));
    }
    let left: Vec<T> = wanted.iter().copied().filter(|x| Compare::Greater.holds(*x, a)).collect();
    equal(&got, &wanted).and_then(|()| equal(&kept, &left)).map_err(|what| format!("{len} numbers: {what}"))
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
    // Around a vector, a warp, a block of the grid, a piece, and several pieces.
    let piece = SLOT / size_of::<T>();
    let lengths: Vec<usize> = (0..70).chain([255, 256, 257, 1_000, piece - 1, piece, piece + 1]).collect();
    let mut device = T::worker(gpu.worker());
    for program in programs(three).into_iter().chain(more) {
        for len in lengths.iter().copied().chain([3 * piece + 5]) {
            let mut got: Vec<T> = (0..len).map(number).collect();
            let wanted: Vec<T> = got.iter().map(|x| program.apply(*x)).collect();
            device.run(&program, &mut got).map_err(|error| error.to_string())?;
            equal(&got, &wanted).map_err(|what| format!("{program:?}, {len} numbers: {what}"))?;
        }
    }
    Ok(())
}

fn equal<T: Number>(got: &[T], wanted: &[T]) -> Result<(), String> {
    // What is not a number is not equal to itself.
    let differs = |(a, b): (&T, &T)| a != b && (a.partial_cmp(a).is_some() || b.partial_cmp(b).is_some());
    match got.iter().zip(wanted).position(differs) {
        Some(at) => Err(format!("{:?} at {at}, and not {:?}", got[at], wanted[at])),
        None => Ok(()),
    }
}

/// Each kernel that makes of a block another one or a few numbers, bit for bit; in one piece and in several.
fn from_block_to_block<T: Number>(gpu: &Gpu, number: fn(usize) -> T) -> Result<(), String> {
    let piece = SLOT / size_of::<T>();
    let (mut device, mut reference) = (T::worker(gpu.worker()), T::worker(Scalar.worker()));
    let weights: [T; 9] = std::array::from_fn(|n| number(n + 1));
    let taps: Vec<T> = (0..33).map(|n| number(n + 5)).collect();
    for rows in [0, 1, 2, 3, 17, piece / 96 + 7] {
        let x: Vec<T> = (0..96 * rows).map(number).collect();
        for binary in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Min, Binary::Max] {
            let program = Program::new().add(number(3)).with(binary).second(Program::new().square());
            let y: Vec<T> = x.iter().rev().copied().collect();
            both(&mut *device, &mut *reference, x.clone(), |worker, out| worker.run_pair(&program, out, &y))?;
        }
        let parts = Histogram::new(-15.0, 200.0, 10).map_err(|error| error.to_string())?;
        let totals = |worker: &mut dyn KernelWorker<T>| {
            let (count, parts) =
                (worker.count(Compare::Greater, number(3), &x)?, worker.histogram(&parts, &x)?);
            let (mut kept, mut sums) = (x.clone(), x.clone());
            worker.retain(Compare::Greater, number(3), &mut kept)?;
            worker.prefix_sum(number(5), &mut sums)?;
            Ok((count, worker.min_max(&x)?, worker.sum(&x)?, parts, kept, sums))
        };
        let program = Program::new().add(number(3)).square().clamp(number(1), number(90));
        let mapped = |worker: &mut dyn KernelWorker<T>| {
            let count = worker.mapped_count(&program, Compare::Greater, number(3), &x)?;
            let extremes = worker.mapped_min_max(&program, &x)?;
            Ok((
                count,
                extremes,
                worker.mapped_sum(&program, &x)?,
                worker.mapped_histogram(&program, &parts, &x)?,
            ))
        };
        same(mapped(&mut *device), mapped(&mut *reference))
            .map_err(|what| format!("of {} mapped numbers: {what}", x.len()))?;
        same(totals(&mut *device), totals(&mut *reference))
            .map_err(|what| format!("totals, filters or running totals of {} numbers: {what}", x.len()))?;
        let zeros = |len: usize| vec![T::default(); len];
        both(&mut *device, &mut *reference, zeros(x.len() / 3), |worker, out| worker.grey(&x, out))?;
        both(&mut *device, &mut *reference, zeros(x.len()), |worker, out| {
            worker.stencil(&weights, 96, &x, out)
        })?;
        both(&mut *device, &mut *reference, zeros(x.len().saturating_sub(32)), |worker, out| {
            worker.fir(&taps, &x, out)
        })?;
        for width in [1, 2, 7, 64, 90] {
            let out = zeros((x.len() + 1).saturating_sub(width));
            both(&mut *device, &mut *reference, out, |worker, out| worker.window_sums(width, &x, out))?;
        }
    }
    Ok(())
}

/// What the device has found is what the reference has.
fn same<R: PartialEq>(got: Result<R, BoxError>, wanted: Result<R, BoxError>) -> Result<(), String> {
    let (got, wanted) = (got.map_err(|error| error.to_string())?, wanted.map_err(|error| error.to_string())?);
    if got == wanted { Ok(()) } else { Err("they differ".to_owned()) }
}

/// Sums of floats that are there already, as they are and as a program makes them, bit for bit.
fn sum_of_column<T: Element<Total = f64>>(gpu: &Gpu, number: fn(usize) -> T) -> Result<(), String> {
    for len in [0, 1, 63, 64, 65, 16_383, 16_384, 16_385, 1 << 20, (1 << 20) + 17] {
        let numbers: Vec<T> = (0..len).map(number).collect();
        let scaled = Program::new().scale(number(3)).add(number(7));
        let sums = |programs: [&Program<T>; 2]| -> Result<[f64; 2], GpuError> {
            let mut column = gpu.column(&numbers)?;
            let [as_they_are, scaled] = programs.map(|program| column.mapped(program)?.sum());
            Ok([as_they_are?, scaled?])
        };
        let got = sums([&Program::new(), &scaled]).map_err(|error| error.to_string())?;
        for (sum, program) in got.into_iter().zip([Program::new(), scaled]) {
            let blocks = from_source(Blocks::new(numbers.clone(), 16_384));
            let wanted = blocks.reduce(Mapped(program, Sum)).run_on(&Inline);
            let wanted = wanted.map_err(|error| error.to_string())?.value.unwrap_or_default();
            if sum.to_bits() != wanted.to_bits() {
                return Err(format!("the sum of {len} numbers that are there: {sum:e}, and not {wanted:e}"));
            }
        }
    }
    Ok(())
}

/// What the device writes is what the reference writes.
fn both<T: Number>(
    device: &mut dyn KernelWorker<T>,
    reference: &mut dyn KernelWorker<T>,
    out: Vec<T>,
    compute: impl Fn(&mut dyn KernelWorker<T>, &mut [T]) -> Result<(), BoxError>,
) -> Result<(), String> {
    let (mut got, mut wanted) = (out.clone(), out);
    compute(device, &mut got).map_err(|error| error.to_string())?;
    compute(reference, &mut wanted).map_err(|error| error.to_string())?;
    let (len, of) = (wanted.len(), std::any::type_name::<T>());
    equal(&got, &wanted).map_err(|what| format!("from block to block, {len} numbers of {of}: {what}"))
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
pub(crate) fn confirm(facts: &DeviceFacts) {
    println!("for crates/pipe-gpu/kernels/out/VERIFIED:");
    for (source, families) in SOURCES {
        let image = format!("{source}.{}", facts.image);
        for (family, of) in families.iter().flat_map(|family| TYPES.map(|of| (family, of))) {
            let only = if of.starts_with('f') { &OF_INTEGERS[..] } else { &OF_FLOATS[..] };
            if !only.contains(family) {
                confirm_one(facts, &image, &format!("{family}_{of}"));
            }
        }
    }
}

/// The line of one kernel.
pub(crate) fn confirm_one(facts: &DeviceFacts, image: &str, kernel: &str) {
    let hash = MANIFEST.lines().find_map(|line| line.strip_suffix(image)).unwrap_or("?").trim();
    let (name, (major, minor)) = (&facts.name, facts.cuda);
    println!("{hash} pipe_{kernel} {name}; CUDA {major}.{minor}; {}", date::today());
}
