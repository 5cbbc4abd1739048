//! Kernels and reductions on the reference, against loops as one would write them first.
#![cfg(feature = "testing")]

use pipe_core::kernel::{
    Binary, Blocks, Cast, Compare, CompensatedSum, Count, Fir, Float, FromNumber, Gather, Grey, Histogram,
    Kernel, KernelWorker, Number, OrderedSum, Program, Scalar, Sobel, Stencil, Sum, WindowSums,
};
use pipe_core::testing::Rng;
use pipe_core::{BoxError, Inline, RunError, from_iter, from_source};

fn numbers(count: usize) -> Vec<f64> {
    let mut rng = Rng::new(count as u64 + 1);
    (0..count).map(|_| rng.below(2_000) as f64 / 8.0 - 100.0).collect()
}

/// What a kernel makes of one block.
fn computed<T: Number, K: Kernel<T>>(kernel: K, block: &[T]) -> Vec<K::Out> {
    let run = from_iter([block.to_vec()]).transform(kernel).collect().run_on(&Inline);
    run.unwrap().value.pop().unwrap()
}

/// Why a kernel refuses a block.
fn refused<T: Number, K: Kernel<T>>(kernel: K, block: &[T]) -> String {
    match from_iter([block.to_vec()]).transform(kernel).collect().run_on(&Inline) {
        Ok(_) => "it did not".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_filter_is_a_convolution_where_all_numbers_are_there() {
    for (count, taps) in [(0, 1), (1, 1), (5, 2), (9, 9), (8, 9), (100, 16)] {
        let (x, taps) = (numbers(count), numbers(taps));
        let outputs = (x.len() + 1).saturating_sub(taps.len());
        // Eighths: products and sums are exact in any order.
        let output = |i: usize| (0..taps.len()).map(|k| taps[k] * x[i + taps.len() - 1 - k]).sum::<f64>();
        let wanted: Vec<f64> = (0..outputs).map(output).collect();
        assert_eq!(computed(Fir::new(taps).unwrap(), &x), wanted);
    }
    let wrapped = computed(Fir::new(vec![255_u8, 2]).unwrap(), &[3, 4, 5]);
    assert_eq!(wrapped, [4, 5].map(|x: u8| x.wrapping_mul(255).wrapping_add((x - 1) * 2)));
}

#[test]
fn window_sums_are_those_of_each_window() {
    for count in [0, 1, 5, 100] {
        for width in [1, 2, 3, 7, 8, 64, 100, 101] {
            let x = numbers(count);
            let wanted: Vec<f64> = x.windows(width).map(|window| window.iter().sum()).collect();
            assert_eq!(computed(WindowSums::new(width).unwrap(), &x), wanted, "{width} of {count}");
        }
    }
}

#[test]
fn a_stencil_takes_the_nearest_pixel_where_there_is_none() {
    let image: Vec<i32> = (0..12).map(|n| n * n).collect();
    let weights = [1, -2, 3, -4, 5, -6, 7, -8, 9];
    let pixel = |x: i32, y: i32| image[(y.clamp(0, 2) * 4 + x.clamp(0, 3)) as usize];
    let mut wanted = Vec::new();
    for (y, x) in (0..3).flat_map(|y| (0..4).map(move |x| (y, x))) {
        let near = (-1..=1).flat_map(|down| (-1..=1).map(move |right| (right, down)));
        wanted
            .push(near.zip(weights).map(|((right, down), weight)| weight * pixel(x + right, y + down)).sum());
    }
    assert_eq!(computed(Stencil::new(weights, 4).unwrap(), &image), wanted);
    assert_eq!(computed(Stencil::new(weights, 4).unwrap(), &[0_i32; 0]), []);
    let error = refused(Stencil::new(weights, 5).unwrap(), &image);
    assert!(error.contains("a block of 12 pixels is no image with rows of 5"), "{error}");
}

#[test]
fn a_slope_is_as_long_whichever_way_it_goes() {
    // A plane that rises by 3 to the right and by 4 down: 8 times the slope of 5, away from the border.
    let plane: Vec<f64> = (0..25).map(|at| f64::from(at % 5 * 3 + at / 5 * 4)).collect();
    assert_eq!(computed(Sobel::new(5).unwrap(), &plane)[12], 40.0);
    let flat = computed(Stencil::blur(3).unwrap(), &[7.0_f32; 9]);
    assert_eq!(flat, [7.0; 9], "the weights of a blur are one together");
}

#[test]
fn grey_of_integers_is_within_one_of_grey_of_floats() {
    let mut rng = Rng::new(3);
    let bytes: Vec<u8> = (0..300).map(|_| rng.below(256) as u8).collect();
    let floats: Vec<f64> = bytes.iter().copied().map(f64::from).collect();
    for (integer, float) in computed(Grey, &bytes).into_iter().zip(computed(Grey, &floats)) {
        assert!((f64::from(integer) - float).abs() < 1.0, "{integer} and not {float}");
    }
    assert_eq!(computed(Grey, &[i64::MAX; 3]), [i64::MAX]);
    assert_eq!(computed(Grey, &[u16::MAX; 3]), [u16::MAX]);
    assert!(refused(Grey, &bytes[..4]).contains("no whole pixels of three"));
}

#[test]
fn casts_are_those_of_the_language() {
    let floats = [-1.0, 0.5, 255.9, 1e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    assert_eq!(computed(Cast::to::<u8>(), &floats), floats.map(|x| x as u8));
    assert_eq!(computed(Cast::to::<i32>(), &floats), floats.map(|x| x as i32));
    assert_eq!(computed(Cast::to::<u16>(), &[-1_i64, 65_536, 70_000]), [65_535, 0, 4_464]);
    assert_eq!(f32::from_number(i32::MAX), 2_147_483_648.0);
}

#[test]
fn a_gather_looks_numbers_up_and_refuses_what_is_beyond_its_table() {
    let table = Gather::new(['a', 'b', 'c']);
    assert_eq!(computed(table.clone(), &[2_i32, 0, 2]), ['c', 'a', 'c']);
    assert!(refused(table.clone(), &[3_u16]).contains("index 3 is beyond a table of 3"));
    assert!(refused(table, &[-1_i64]).contains("index -1 is beyond a table of 3"));
}

#[test]
fn a_program_of_two_columns_is_one_of_both_of_what_they_become_and_of_the_result() {
    let (x, y) = (numbers(500), numbers(501)[..500].to_vec());
    let one = |x: f64, y: f64| ((x * 2.0) - y.abs()).max(-3.0);
    let wanted: Vec<f64> = x.iter().zip(&y).map(|(x, y)| one(*x, *y)).collect();
    let second = Program::new().abs();
    let program = Program::new().scale(2.0).with(Binary::Sub).second(second);
    let program = program.then(Program::new().keep(Compare::Greater, -3.0, -3.0));
    let pairs = x.chunks(70).zip(y.chunks(70)).map(|(x, y)| (x.to_vec(), y.to_vec()));
    let run = from_iter(pairs).pair_kernel(program).collect().run_on(&Inline).unwrap();
    assert_eq!(run.value.concat(), wanted);
    for (binary, wanted) in [(Binary::Add, 5), (Binary::Mul, 6), (Binary::Min, 2), (Binary::Max, 3)] {
        assert_eq!((binary.apply(2, 3), binary.apply(3, 2)), (wanted, wanted));
    }
    assert_eq!(Binary::Sub.apply(2_u8, 3), 255);
}

#[test]
fn columns_of_different_lengths_are_a_failed_item() {
    let pairs = from_iter([(vec![1.0], vec![2.0, 3.0])]).pair_kernel(Program::new().with(Binary::Add));
    let error = pairs.collect().run_on(&Inline).unwrap_err().to_string();
    assert!(error.contains("a column of 1 numbers and one of 2"), "{error}");
}

#[test]
fn running_totals_do_not_depend_on_where_blocks_begin() {
    let x = numbers(1_000);
    let wanted: Vec<f64> = x
        .iter()
        .scan(0.0, |sum, x| {
            *sum += x;
            Some(*sum)
        })
        .collect();
    for size in [1, 7, 999, 1_000, 4_096] {
        let blocks = from_source(Blocks::new(x.clone(), size)).kernel(Program::new());
        assert_eq!(blocks.prefix_sum().collect().run_on(&Inline).unwrap().value.concat(), wanted);
    }
    let bytes = from_iter([vec![200_u8], vec![100, 1]]).prefix_sum().collect();
    assert_eq!(bytes.run_on(&Inline).unwrap().value.concat(), [200, 44, 45]);
}

#[test]
fn an_ordered_sum_is_that_of_a_loop_wherever_blocks_begin() {
    let x: Vec<f64> = (1..2_000).map(|n| 1.0 / f64::from(n)).collect();
    for size in [1, 7, 1_999, 4_096] {
        let run = from_source(Blocks::new(x.clone(), size)).reduce(OrderedSum).run_on(&Inline);
        assert_eq!(run.unwrap().value.unwrap().total(), x.iter().sum::<f64>());
    }
    let whole = from_source(Blocks::new(vec![i64::MAX; 3], 2)).reduce(OrderedSum).run_on(&Inline);
    assert_eq!(whole.unwrap().value.unwrap().total(), 3 * i128::from(i64::MAX));
}

/// Large numbers, the same with the other sign, and small ones in between: what is left is the sum of the small ones.
fn cancelling<T: Float>(pairs: u32) -> (Vec<T>, f64) {
    let mut rng = Rng::new(9);
    let mut numbers = Vec::new();
    let mut left = 0.0;
    for pair in 0..pairs {
        let (large, small) = (rng.below(1 << 20) as f64 * 1024.0, rng.below(1 << 10) as f64 / 1024.0);
        let small = if pair % 3 == 0 { -small } else { small };
        numbers.extend([large, small, -large].map(T::nearest));
        left += small;
    }
    (numbers, left)
}

#[test]
fn a_compensated_sum_is_exact_where_a_plain_one_has_lost_all_digits() {
    let (x, wanted) = cancelling::<f32>(20_000);
    for size in [1, 64, 1_000, 1 << 20] {
        let blocks = || from_source(Blocks::new(x.clone(), size));
        let compensated = blocks().reduce(CompensatedSum).run_on(&Inline).unwrap().value.unwrap();
        assert_eq!(compensated.total(), wanted, "blocks of {size}");
    }
    let plain = from_source(Blocks::new(x, 1 << 20)).reduce(Sum).run_on(&Inline).unwrap().value.unwrap();
    assert!((plain - wanted).abs() > 100.0, "a plain sum would have done: {plain}");
    let infinite = from_source(Blocks::new(vec![1.0, f64::INFINITY, 2.0], 2)).reduce(CompensatedSum);
    assert_eq!(infinite.run_on(&Inline).unwrap().value.unwrap().total(), f64::INFINITY);
    let integers = from_source(Blocks::new(vec![i64::MAX, -i64::MAX, 1], 2)).reduce(CompensatedSum);
    assert_eq!(integers.run_on(&Inline).unwrap().value.unwrap().total(), 1.0);
}

#[test]
fn a_count_is_that_of_a_filter() {
    let x = numbers(1_000);
    for (compare, holds) in [
        (Compare::Less, (|x| x < 3.0) as fn(f64) -> bool),
        (Compare::LessOrEqual, |x| x <= 3.0),
        (Compare::Equal, |x| x == 3.0),
        (Compare::NotEqual, |x| x != 3.0),
        (Compare::GreaterOrEqual, |x| x >= 3.0),
        (Compare::Greater, |x| x > 3.0),
    ] {
        let wanted = x.iter().filter(|x| holds(**x)).count() as u64;
        let run = from_source(Blocks::new(x.clone(), 99)).reduce(Count(compare, 3.0)).run_on(&Inline);
        assert_eq!(run.unwrap().value, Some(wanted), "{compare:?}");
    }
}

#[test]
fn a_histogram_has_each_number_in_one_place() {
    let mut x = numbers(3_000);
    x.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -50.0, 50.0, 50.000_001, -0.0]);
    let edges: Vec<f64> = (0..=8).map(|edge| f64::from(edge) * 12.5 - 50.0).collect();
    let inside = |bin: usize| {
        let last = bin == 7;
        x.iter().filter(|x| **x >= edges[bin] && (**x < edges[bin + 1] || last && **x == 50.0)).count() as u64
    };
    let wanted: Vec<u64> = (0..8).map(inside).collect();
    let bins = from_source(Blocks::new(x.clone(), 500)).reduce(Histogram::new(-50.0, 50.0, 8).unwrap());
    let bins = bins.run_on(&Inline).unwrap().value.unwrap();
    assert_eq!(bins.counts(), wanted);
    assert_eq!(bins.not_a_number(), 1);
    assert_eq!(bins.below(), x.iter().filter(|x| **x < -50.0).count() as u64);
    assert_eq!(bins.above(), x.iter().filter(|x| **x > 50.0).count() as u64);
    // Of bytes: one part for each.
    let bytes =
        from_source(Blocks::new((0..=255_u8).collect(), 10)).reduce(Histogram::new(0.0, 256.0, 256).unwrap());
    assert_eq!(bytes.run_on(&Inline).unwrap().value.unwrap().counts(), [1; 256]);
}

#[test]
fn settings_that_make_no_sense_are_config_errors() {
    let nan = f64::NAN;
    for error in [
        Histogram::new(0.0, 1.0, 0).err(),
        Histogram::new(0.0, 1.0, Histogram::BINS_MOST + 1).err(),
        Histogram::new(1.0, 1.0, 2).err(),
        Histogram::new(nan, 1.0, 2).err(),
        Histogram::new(0.0, f64::INFINITY, 2).err(),
        Histogram::new(0.0, f64::MIN_POSITIVE / 4.0, 2).err(),
        Fir::<f32>::new(Vec::new()).err(),
        WindowSums::new(0).err(),
        Stencil::new([0; 9], 0).err(),
        Sobel::<f32>::new(0).err(),
    ] {
        assert!(matches!(error, Some(RunError::Config { .. })), "{error:?}");
    }
}

#[test]
fn an_error_of_a_kernel_of_ones_own_fails_its_block() {
    struct Never;
    impl Kernel<f32> for Never {
        type Out = ();
        fn compute(&self, _: &mut dyn KernelWorker<f32>, _: &[f32], _: &mut Vec<()>) -> Result<(), BoxError> {
            Err("never".into())
        }
    }
    assert!(refused(Never, &[1.0]).contains("never"));
}

#[test]
fn the_reference_computes_into_what_it_is_given() {
    let mut out = [0; 2];
    Scalar.window_sums(2, &[1, 2, 3], &mut out).unwrap();
    assert_eq!(out, [3, 5]);
    Scalar.grey(&[1, 1, 1, 2, 2, 2], &mut out).unwrap();
    assert_eq!(out, [1, 2]);
}
