//! Programs and reductions on the reference, against loops as one would write them first.
#![cfg(feature = "testing")]

use pipe_core::kernel::{
    ArgMinMax, Blocks, Compare, MeanVar, MinMax, Moments, Program, Reduction, Scalar, Sum,
};
use pipe_core::testing::Rng;
use pipe_core::{Inline, from_source};

fn numbers(count: usize) -> Vec<f64> {
    let mut rng = Rng::new(count as u64);
    (0..count).map(|_| rng.below(2_000) as f64 / 8.0 - 100.0).collect()
}

const SHAPES: [(usize, usize); 7] =
    [(1, 1), (7, 3), (64, 64), (65, 64), (1_000, 7), (1_000, 4_096), (5_000, 129)];

#[test]
fn a_program_is_one_operation_after_the_other() {
    let program = Program::new().mul_add(0.5, -3.0).abs().sqrt().keep(Compare::Less, 5.0, 5.0).square().neg();
    for (count, size) in SHAPES {
        let numbers = numbers(count);
        let one = |x: f64| x.mul_add(0.5, -3.0).abs().sqrt();
        let naive: Vec<f64> = numbers.iter().map(|x| -one(*x).min(5.0).powi(2)).collect();
        let run = from_source(Blocks::new(numbers, size)).kernel(program.clone()).collect().run_on(&Inline);
        assert_eq!(run.unwrap().value.concat(), naive);
    }
}

#[test]
fn integers_wrap_around() {
    let program = Program::new().scale(3).add(i32::MAX).abs().neg().sub(5);
    for x in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
        let naive = x.wrapping_mul(3).wrapping_add(i32::MAX).wrapping_abs().wrapping_neg().wrapping_sub(5);
        assert_eq!(program.apply(x), naive);
    }
    assert_eq!(Program::new().neg().apply(1_u8), 255);
}

#[test]
fn a_reduction_is_what_a_loop_over_all_numbers_gives() {
    for (count, size) in SHAPES {
        let numbers = numbers(count);
        let source = || from_source(Blocks::new(numbers.clone(), size));
        let naive: f64 = numbers.iter().sum();
        let mean = naive / count as f64;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
        // Eighths add up exactly, in any order.
        assert_eq!(source().reduce(Sum).run_on(&Inline).unwrap().value, Some(naive));
        let moments = source().reduce(MeanVar).run_on(&Inline).unwrap().value.unwrap();
        assert_eq!(moments.count(), count as u64);
        assert!((moments.mean() - mean).abs() < 1e-9);
        assert!((moments.variance() - variance).abs() < 1e-9 * variance.max(1.0));
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(source().reduce(MinMax).run_on(&Inline).unwrap().value.flatten(), Some((low, high)));
        let at = source().reduce(ArgMinMax).run_on(&Inline).unwrap().value.unwrap();
        let place = |wanted| numbers.iter().position(|x| *x == wanted).unwrap() as u64;
        assert_eq!((at.min, at.max), (Some((place(low), low)), Some((place(high), high))));
    }
}

#[test]
fn what_is_no_number_is_passed_over_by_min_and_max_and_stays_in_a_sum() {
    let blocks = || from_source(Blocks::new(vec![f32::NAN, 2.0, f32::NAN, -1.0, f32::NAN], 2));
    assert_eq!(blocks().reduce(MinMax).run_on(&Inline).unwrap().value, Some(Some((-1.0, 2.0))));
    assert!(blocks().reduce(Sum).run_on(&Inline).unwrap().value.unwrap().is_nan());
    let none = from_source(Blocks::new(vec![f32::NAN], 1)).reduce(MinMax).run_on(&Inline);
    assert_eq!(none.unwrap().value, Some(None));
}

#[test]
fn no_block_has_no_result() {
    let none = from_source(Blocks::new(Vec::<i64>::new(), 4)).reduce(Sum).run_on(&Inline);
    assert_eq!(none.unwrap().value, None);
}

#[test]
fn sums_of_integers_do_not_overflow() {
    let many = from_source(Blocks::new(vec![i64::MIN; 100], 7)).reduce(Sum).run_on(&Inline);
    assert_eq!(many.unwrap().value, Some(100 * i128::from(i64::MIN)));
}

#[test]
fn moments_of_parts_are_those_of_the_whole() {
    let numbers = numbers(1_000);
    let whole = Moments::of(&numbers);
    for cut in [0, 1, 500, 999, 1_000] {
        let mut merged = MeanVar.reduce(&mut Scalar, &numbers[..cut]).unwrap();
        Reduction::<f64>::merge(&MeanVar, &mut merged, Moments::of(&numbers[cut..]));
        assert_eq!(merged.count(), whole.count());
        assert!((merged.mean() - whole.mean()).abs() < 1e-12);
        assert!((merged.variance() / whole.variance() - 1.0).abs() < 1e-12);
    }
}
