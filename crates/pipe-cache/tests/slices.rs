//! Kernels over slices on every level, against the loop that is written first.

mod common;

use common::{Sample, assert_same, at_all_lengths_and_places, levels, numbers};
use pipe_cache::Simd;
use pipe_core::kernel::{Float, FromNumber, Program};
use pipe_core::testing::Rng;
use pipe_core::{Inline, from_iter};

#[test]
fn a_byte_is_counted_as_often_as_it_is_there() {
    for simd in levels() {
        for byte in [0, 1, 77, 128, 255] {
            at_all_lengths_and_places(|text: &[u8]| {
                let wanted = text.iter().filter(|x| **x == byte).count();
                assert_eq!(simd.count_byte(byte, text), wanted, "{simd:?}");
            });
        }
        assert_eq!(simd.count_byte(7, &vec![7; 100_000]), 100_000, "more than a narrow counter holds");
    }
}

#[test]
fn a_histogram_counts_each_byte() {
    let simd = Simd::best();
    at_all_lengths_and_places(|bytes: &[u8]| {
        let mut wanted = [0; 256];
        bytes.iter().for_each(|byte| wanted[usize::from(*byte)] += 1);
        assert_eq!(simd.histogram(bytes), wanted);
    });
}

#[test]
fn a_histogram_of_many_bytes_counts_pairs_and_loses_none() {
    let mut rng = Rng::new(3);
    let random: Vec<u8> = (0..60_001).map(|_| rng.number() as u8).collect();
    // Each pair of them more often than a narrow counter holds.
    let alike: Vec<u8> = (0..70_003).map(|at| if at % 7 == 0 { 255 } else { 9 }).collect();
    for simd in levels() {
        for bytes in [&random, &alike, &vec![255; 100_000], &vec![0; 48 << 10]] {
            let mut wanted = [0; 256];
            bytes.iter().for_each(|byte| wanted[usize::from(*byte)] += 1);
            assert_eq!(simd.histogram(bytes), wanted, "{simd:?}");
        }
    }
}

#[test]
fn a_block_beyond_the_caches_becomes_what_its_parts_become() {
    let numbers: Vec<f32> = numbers((4 << 20) / 4 + 777, 51);
    let program = Program::new().sub(0.25).scale(0.5).abs();
    for simd in levels() {
        let (mut whole, mut parts) = (numbers.clone(), numbers.clone());
        simd.run(&program, &mut whole);
        parts.chunks_mut(9_999).for_each(|part| simd.run(&program, part));
        assert_same(&whole, &parts, simd);
        let (mut whole, mut parts) = (numbers.clone(), numbers.clone());
        simd.map(&mut whole, |x| x * 0.5 - 1.0);
        parts.chunks_mut(9_999).for_each(|part| simd.map(part, |x| x * 0.5 - 1.0));
        assert_same(&whole, &parts, simd);
    }
}

#[test]
fn a_filter_adds_taps_times_numbers_in_the_order_of_the_taps() {
    fn agree<T: Sample>() {
        for simd in levels() {
            for taps in [1, 2, 3, 16, 17, 33] {
                let taps: Vec<T> = numbers(taps, 21);
                at_all_lengths_and_places(|x: &[T]| {
                    let outputs = (x.len() + 1).saturating_sub(taps.len());
                    let output = |i: usize| {
                        let at = |k: usize| x[i + taps.len() - 1 - k];
                        (0..taps.len()).fold(T::default(), |sum, k| taps[k].times_plus(at(k), sum))
                    };
                    let wanted: Vec<T> = (0..outputs).map(output).collect();
                    let mut got = vec![T::default(); outputs];
                    simd.fir(&taps, x, &mut got);
                    assert_same(&got, &wanted, (simd, taps.len()));
                });
            }
        }
    }
    agree::<f32>();
    agree::<f64>();
}

/// Long ones are computed in streams that lie apart.
#[test]
fn a_filter_of_many_numbers_gives_what_it_gives_of_its_parts() {
    fn agree<T: Sample>() {
        let all: Vec<T> = numbers(12_345, 22);
        for simd in levels() {
            for taps in [3, 4, 5, 8, 15, 16, 17, 40] {
                let taps: Vec<T> = numbers(taps, 23);
                for x in [&all[1..], &all[..5_760 + 15], &all[3..5_760 + 17], &all[..900]] {
                    let outputs = x.len() + 1 - taps.len();
                    let (mut whole, mut parts) = (vec![T::default(); outputs], vec![T::default(); outputs]);
                    simd.fir(&taps, x, &mut whole);
                    for (part, x) in parts.chunks_mut(50).zip((0..).step_by(50).map(|start| &x[start..])) {
                        simd.fir(&taps, &x[..part.len() + taps.len() - 1], part);
                    }
                    assert_same(&whole, &parts, (simd, taps.len()));
                }
            }
        }
    }
    agree::<f32>();
    agree::<f64>();
}

#[test]
fn without_taps_there_are_no_outputs() {
    levels().into_iter().for_each(|simd| simd.fir(&[], &[1.0_f32, 2.0], &mut []));
}

#[test]
fn window_sums_of_integers_are_exact() {
    fn agree<T: Sample>() {
        for simd in levels() {
            for width in [1, 2, 3, 7, 64, 100, 2_000] {
                at_all_lengths_and_places(|x: &[T]| {
                    let wanted: Vec<T> = x
                        .windows(width)
                        .map(|window| window.iter().fold(T::default(), |sum, x| sum.plus(*x)))
                        .collect();
                    let mut got = vec![T::default(); wanted.len()];
                    simd.window_sums(width, x, &mut got);
                    assert_same(&got, &wanted, (simd, width));
                });
            }
        }
    }
    agree::<i32>();
    agree::<u8>();
}

#[test]
fn window_sums_of_floats_are_the_same_on_every_level_and_near_the_truth() {
    let mut rng = Rng::new(5);
    let x: Vec<f32> = (0..20_000).map(|_| rng.below(1 << 20) as f32 / 1024.0 - 512.0).collect();
    for width in [2, 5, 64, 1_000, 9_999] {
        let sums = |simd: Simd| {
            let mut sums = vec![0.0; x.len() + 1 - width];
            simd.window_sums(width, &x, &mut sums);
            sums
        };
        let narrowest = sums(levels()[0]);
        levels().into_iter().for_each(|simd| assert_same(&sums(simd), &narrowest, (simd, width)));
        for (sum, window) in narrowest.iter().zip(x.windows(width)) {
            let truth: f64 = window.iter().map(|x| f64::from(*x)).sum();
            let magnitude: f64 = window.iter().map(|x| f64::from(x.abs())).sum();
            // One rounding for each doubling and each part of the width.
            let bound = 2.0 * (width.ilog2() + 1) as f64 * f64::from(f32::EPSILON) * magnitude;
            assert!((f64::from(*sum) - truth).abs() <= bound, "{sum} and not {truth}");
        }
    }
}

#[test]
fn window_means_are_the_sums_times_the_reciprocal_of_the_width() {
    fn agree<T: Sample + Float>() {
        for simd in levels() {
            for width in [1, 3, 16, 64, 100, 2_000] {
                let reciprocal = T::nearest(1.0 / width as f64);
                let same = |x: &[T]| {
                    let mut wanted = vec![T::default(); (x.len() + 1).saturating_sub(width)];
                    let mut got = wanted.clone();
                    simd.window_sums(width, x, &mut wanted);
                    wanted.iter_mut().for_each(|sum| *sum = sum.times(reciprocal));
                    simd.window_means(width, x, &mut got);
                    assert_same(&got, &wanted, (simd, width));
                };
                at_all_lengths_and_places(same);
                same(&numbers(9_001, 17));
            }
        }
    }
    agree::<f32>();
    agree::<f64>();
}

#[test]
fn a_stencil_weighs_nine_pixels_and_repeats_those_at_the_border() {
    fn agree<T: Sample>() {
        let weights: [T; 9] = numbers(9, 31).try_into().unwrap();
        for simd in levels() {
            for (width, height) in
                [(1, 1), (1, 5), (2, 2), (3, 1), (3, 3), (17, 4), (18, 5), (33, 4), (66, 3), (131, 2)]
            {
                let image: Vec<T> = numbers(width * height, 32);
                let mut wanted = Vec::new();
                for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                    let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)];
                    let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
                    let pixels = rows.iter().flat_map(|y| columns.map(|x| image[y * width + x]));
                    let products = weights.iter().zip(pixels).map(|(weight, pixel)| weight.times(pixel));
                    wanted.push(products.reduce(T::plus).unwrap());
                }
                let mut got = vec![T::default(); image.len()];
                simd.stencil(&weights, width, &image, &mut got);
                assert_same(&got, &wanted, (simd, width, height));
            }
        }
    }
    agree::<f32>();
    agree::<f64>();
    agree::<i32>();
    agree::<u8>();
}

#[test]
fn grey_is_within_one_level_of_the_weights_of_the_standard() {
    for simd in levels() {
        at_all_lengths_and_places(|bytes: &[u8]| {
            let (pixels, _) = bytes.as_chunks::<3>();
            let mut grey = vec![0_u8; pixels.len()];
            simd.grey(pixels.as_flattened(), &mut grey);
            for ([r, g, b], grey) in pixels.iter().zip(grey) {
                let truth = 0.299 * f64::from(*r) + 0.587 * f64::from(*g) + 0.114 * f64::from(*b);
                assert!((f64::from(grey) - truth).abs() < 1.0, "{grey} and not {truth}");
            }
        });
    }
}

#[test]
fn conversions_are_those_of_the_language() {
    fn agree<T: Sample, U: Sample + FromNumber<T>>() {
        for simd in levels() {
            at_all_lengths_and_places(|from: &[T]| {
                let wanted: Vec<U> = from.iter().map(|x| U::from_number(*x)).collect();
                let mut got = vec![U::default(); from.len()];
                simd.convert(from, &mut got);
                assert_same(&got, &wanted, simd);
            });
        }
    }
    agree::<u8, f32>();
    agree::<f32, u8>();
    agree::<f32, f64>();
    agree::<f64, f32>();
    agree::<f64, i64>();
    agree::<i64, f64>();
    agree::<f32, i32>();
    agree::<u16, f32>();
    agree::<f32, u16>();
    agree::<i32, u16>();
    assert_eq!(u8::from_number(f32::NAN), 0);
    assert_eq!((u8::from_number(-1.0_f64), u8::from_number(1e9_f64)), (0, 255));
}

#[test]
fn two_columns_meet_number_by_number() {
    for simd in levels() {
        at_all_lengths_and_places(|x: &[f64]| {
            let mut y: Vec<f32> = numbers(x.len(), 41);
            let wanted: Vec<f32> = x.iter().zip(&y).map(|(x, y)| *x as f32 * 0.5 + *y).collect();
            simd.map_with(x, &mut y, |x, y| x as f32 * 0.5 + y);
            assert_same(&y, &wanted, simd);
        });
    }
}

#[test]
fn a_kernel_over_slices_is_a_step_of_a_pipeline() {
    let frames = vec![vec![0.0_f32, 0.0, 9.0, 9.0], vec![1.0, 1.0, 1.0, 5.0]];
    let slopes = from_iter(frames).map_with(Simd::best, |simd, frame: Vec<f32>| {
        let mut slopes = vec![0.0; frame.len() - 1];
        simd.fir(&[1.0, -1.0], &frame, &mut slopes);
        simd.min_max(&slopes)
    });
    let slopes = slopes.collect().run_on(&Inline).unwrap().value;
    assert_eq!(slopes, [Some((0.0, 9.0)), Some((0.0, 4.0))]);
}
