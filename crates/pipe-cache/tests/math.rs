//! Elementary functions against those of the standard library in double precision, in units of the last place.

mod common;

use common::{assert_same, levels};
use pipe_cache::{Simd, math};
use pipe_core::kernel::{FloatOp, Op, Program};
use pipe_core::testing::Rng;

/// How far `got` is from the truth, in distances between neighbours at the truth.
fn ulp_f32(got: f32, truth: f64) -> f64 {
    let nearest = truth as f32;
    if got.to_bits() == nearest.to_bits() || got.is_nan() && nearest.is_nan() {
        return 0.0;
    }
    if got.is_nan() || nearest.is_nan() || got.is_sign_negative() != nearest.is_sign_negative() {
        return f64::INFINITY;
    }
    if got.is_infinite() || nearest.is_infinite() {
        // Next to each other, perhaps.
        return f64::from(got.to_bits().abs_diff(nearest.to_bits()));
    }
    let gap = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
    (f64::from(got) - truth).abs() / gap
}

/// The same between numbers of double precision, whose truth is itself within 1 of it.
fn ulp_f64(got: f64, wanted: f64) -> u64 {
    match got.is_nan() || wanted.is_nan() {
        true => {
            if got.is_nan() && wanted.is_nan() {
                0
            } else {
                u64::MAX
            }
        }
        false if got.is_sign_negative() != wanted.is_sign_negative() => u64::MAX,
        false => got.to_bits().abs_diff(wanted.to_bits()),
    }
}

fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// The function and its truth.
const OF_F32: [(FloatOp<f32>, fn(f64) -> f64); 4] = [
    (FloatOp::Exp, f64::exp),
    (FloatOp::Log, f64::ln),
    (FloatOp::Tanh, f64::tanh),
    (FloatOp::Sigmoid, sigmoid),
];

/// The same by name.
type Of<T> = (&'static str, fn(T) -> T, fn(f64) -> f64);

const OF_F64: [Of<f64>; 4] = [
    ("exp", math::exp, f64::exp),
    ("log", math::log, f64::ln),
    ("tanh", math::tanh, f64::tanh),
    ("sigmoid", math::sigmoid, sigmoid),
];

/// The worst of all numbers whose bits are so far apart, computed in blocks on each level: with the same bits.
fn f32s_are_within_two_ulp((op, truth): (FloatOp<f32>, fn(f64) -> f64), step: usize) {
    let program = Program::new().then(Op::Only(op));
    let (mut worst, mut at) = (0.0, 0.0);
    let mut bits = (0..=u32::MAX).step_by(step).peekable();
    while bits.peek().is_some() {
        let numbers: Vec<f32> = bits.by_ref().take(1 << 16).map(f32::from_bits).collect();
        let on = |simd: Simd| {
            let mut ours = numbers.clone();
            simd.run(&program, &mut ours);
            ours
        };
        let ours = on(Simd::best());
        levels().into_iter().for_each(|simd| assert_same(&on(simd), &ours, (op, simd)));
        for (x, ours) in numbers.into_iter().zip(ours) {
            let off = ulp_f32(ours, truth(f64::from(x)));
            if off > worst {
                (worst, at) = (off, x);
            }
        }
    }
    println!("{op:?} of f32: {worst:.3} ulp at {at:?}");
    assert!(worst <= 2.0, "{op:?} of {at:?} is off by {worst} ulp");
}

#[test]
fn functions_of_f32_are_within_two_ulp() {
    OF_F32.into_iter().for_each(|of| f32s_are_within_two_ulp(of, 4_099));
}

// All four billion numbers, a function at a time: two minutes of one core and more each, with optimisation. `cargo test --release -p pipe-cache --test math
// -- --ignored --nocapture log_of_all` prints the worst one.

#[test]
#[ignore = "all four billion numbers: minutes, with optimisation"]
fn exp_of_all_f32_is_within_two_ulp() {
    f32s_are_within_two_ulp(OF_F32[0], 1);
}

#[test]
#[ignore = "all four billion numbers: minutes, with optimisation"]
fn log_of_all_f32_is_within_two_ulp() {
    f32s_are_within_two_ulp(OF_F32[1], 1);
}

#[test]
#[ignore = "all four billion numbers: minutes, with optimisation"]
fn tanh_of_all_f32_is_within_two_ulp() {
    f32s_are_within_two_ulp(OF_F32[2], 1);
}

#[test]
#[ignore = "all four billion numbers: minutes, with optimisation"]
fn sigmoid_of_all_f32_is_within_two_ulp() {
    f32s_are_within_two_ulp(OF_F32[3], 1);
}

#[test]
fn functions_of_f64_are_within_two_ulp() {
    let mut rng = Rng::new(1);
    let mut numbers: Vec<f64> = (0..300_000).map(|_| f64::from_bits(rng.number())).collect();
    numbers.extend(
        (0..300_000)
            .map(|_| (rng.below(1 << 40) as f64 / f64::from(1 << 20) / f64::from(1 << 20) - 0.5) * 1_500.0),
    );
    numbers.extend(
        (0..300_000)
            .map(|_| (rng.below(1 << 40) as f64 / f64::from(1 << 20) / f64::from(1 << 20) - 0.5) * 4.0),
    );
    numbers.extend([
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        5e-324,
    ]);
    for (name, ours, truth) in OF_F64 {
        let off = |x: &f64| ulp_f64(ours(*x), truth(*x));
        let worst = numbers.iter().copied().max_by_key(off).unwrap();
        println!("{name} of f64: {} ulp at {worst:?}", off(&worst));
        assert!(off(&worst) <= 2, "{name}({worst:?}) = {:?} and not {:?}", ours(worst), truth(worst));
    }
}

#[test]
fn powers_are_within_four_ulp() {
    let exponents = [
        2.0,
        3.0,
        -1.0,
        -2.5,
        0.5,
        1.0 / 3.0,
        0.0,
        -0.0,
        17.0,
        1e-8,
        1e8,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];
    for exponent in exponents {
        let program = Program::new().then(Op::Only(FloatOp::Pow(exponent)));
        // Whether a signalling not-a-number to the 0 is 1 depends on who quietens it.
        let numbers: Vec<f32> =
            (0..=u32::MAX).step_by(65_521).map(f32::from_bits).filter(|x| !x.is_nan()).collect();
        let mut powers = numbers.clone();
        Simd::best().run(&program, &mut powers);
        for (x, power) in numbers.iter().zip(powers) {
            let truth = f64::from(*x).powf(f64::from(exponent));
            assert!(ulp_f32(power, truth) <= 4.0, "{x:?} to the {exponent} is {truth} and not {power:?}");
        }
    }
}
