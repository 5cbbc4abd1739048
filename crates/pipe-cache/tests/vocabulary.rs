//! The kernels that came with pipe-core's vocabulary, on every level, against what pipe-core says that they mean.

mod common;

use common::{Sample, assert_same, at_all_lengths_and_places, levels, numbers};
use pipe_cache::{Simd, Tiled};
use pipe_core::kernel::{
    Binary, Blocks, Compare, CompensatedSum, Count, Fir, KernelWorker, PairProgram, Program, Scalar, Stencil,
    WindowSums,
};
use pipe_core::{Inline, from_iter, from_source};

const COMPARISONS: [Compare; 6] = [
    Compare::Less,
    Compare::LessOrEqual,
    Compare::Equal,
    Compare::NotEqual,
    Compare::GreaterOrEqual,
    Compare::Greater,
];

/// The test, for each type of numbers.
macro_rules! for_all_numbers {
    ($test:ident) => {
        $test::<f32>();
        $test::<f64>();
        $test::<i32>();
        $test::<i64>();
        $test::<u8>();
        $test::<u16>();
    };
}

#[test]
fn a_count_is_that_of_the_reference() {
    fn agree<T: Sample>() {
        for simd in levels() {
            for (compare, bound) in COMPARISONS.into_iter().zip(T::EDGES.iter().copied().cycle().skip(2)) {
                at_all_lengths_and_places(|block: &[T]| {
                    let wanted = Scalar.count(compare, bound, block).unwrap();
                    assert_eq!(simd.count(compare, bound, block), wanted, "{simd:?} {compare:?} {bound:?}");
                });
            }
        }
    }
    for_all_numbers!(agree);
    assert_eq!(
        Simd::best().count(Compare::Equal, 7, &vec![7_u8; 100_000]),
        100_000,
        "more than a byte counts"
    );
}

#[test]
fn a_compensated_sum_has_the_bits_of_the_reference() {
    fn agree<T: Sample>() {
        for simd in levels() {
            at_all_lengths_and_places(|block: &[T]| {
                // Not a number is not equal to itself.
                let wanted = format!("{:?}", Scalar.compensated_sum(block).unwrap());
                assert_eq!(format!("{:?}", simd.compensated_sum(block)), wanted, "{simd:?}");
                let finite: Vec<T> =
                    block.iter().copied().filter(|x| x.magnitude() < T::EDGES[2].plus(T::EDGES[2])).collect();
                assert_eq!(
                    simd.compensated_sum(&finite),
                    Scalar.compensated_sum(&finite).unwrap(),
                    "{simd:?}"
                );
            });
        }
    }
    for_all_numbers!(agree);
}

#[test]
fn filters_windows_stencils_and_grey_have_the_bits_of_the_reference() {
    fn agree<T: Sample>() {
        let taps: Vec<T> = numbers(5, 21);
        let weights: [T; 9] = numbers(9, 31).try_into().unwrap();
        for simd in levels() {
            at_all_lengths_and_places(|x: &[T]| {
                let same =
                    |what: &str, outputs: usize, ours: &dyn Fn(&mut [T]), reference: &dyn Fn(&mut [T])| {
                        let (mut got, mut wanted) =
                            (vec![T::default(); outputs], vec![T::default(); outputs]);
                        ours(&mut got);
                        reference(&mut wanted);
                        assert_same(&got, &wanted, (simd, what));
                    };
                let outputs = |under: usize| (x.len() + 1).saturating_sub(under);
                same("fir", outputs(5), &|out| simd.fir(&taps, x, out), &|out| {
                    Scalar.fir(&taps, x, out).unwrap()
                });
                for width in [1, 6, 8, 100] {
                    let reference = |out: &mut [T]| Scalar.window_sums(width, x, out).unwrap();
                    same("window sums", outputs(width), &|out| simd.window_sums(width, x, out), &reference);
                }
                for width in [7, 64, x.len()] {
                    let Some(rows) = x.len().checked_div(width) else { continue };
                    let image = &x[..rows * width];
                    let reference = |out: &mut [T]| Scalar.stencil(&weights, width, image, out).unwrap();
                    same(
                        "stencil",
                        image.len(),
                        &|out| simd.stencil(&weights, width, image, out),
                        &reference,
                    );
                }
                let rgb = &x[..x.len() / 3 * 3];
                same("grey", rgb.len() / 3, &|out| simd.grey(rgb, out), &|out| {
                    Scalar.grey(rgb, out).unwrap()
                });
            });
        }
    }
    for_all_numbers!(agree);
}

#[test]
fn programs_of_two_columns_have_the_bits_of_the_reference_in_tiles_of_any_size() {
    fn programs<T: Sample>() -> Vec<PairProgram<T>> {
        let [a, b, c] = [T::EDGES[2], T::EDGES[4], T::EDGES[5]];
        let binaries = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Min, Binary::Max];
        let one = |binary| {
            let x = Program::new().scale(b).add(a);
            let bare = x.clone().with(binary);
            let whole = x
                .with(binary)
                .second(Program::new().abs().sub(c))
                .then(Program::new().clamp(c, b))
                .then(Program::new().square());
            [bare, whole]
        };
        binaries.into_iter().flat_map(one).collect()
    }
    fn agree<T: Sample>() {
        for program in programs::<T>() {
            for simd in levels() {
                at_all_lengths_and_places(|x: &[T]| {
                    let y: Vec<T> = numbers(x.len(), 41);
                    let (mut got, mut wanted) = (x.to_vec(), x.to_vec());
                    simd.run_pair(&program, &mut got, &y);
                    Scalar.run_pair(&program, &mut wanted, &y).unwrap();
                    assert_same(&got, &wanted, (simd, &program));
                });
            }
        }
    }
    for_all_numbers!(agree);
    let (x, y): (Vec<f32>, Vec<f32>) = (numbers(3_001, 3), numbers(3_001, 4));
    let program = &programs::<f32>()[1];
    let mut wanted = x.clone();
    Scalar.run_pair(program, &mut wanted, &y).unwrap();
    for bytes in [1, 3, 9, 100, 4_096, 1 << 20] {
        let pair = from_iter([(x.clone(), y.clone())]).pair_kernel(program.clone()).collect();
        let got = pair.run_on(&Tiled::new().tile(bytes)).unwrap().value.concat();
        assert_same(&got, &wanted, bytes);
    }
}

#[test]
fn the_shorter_column_says_how_far_a_program_of_two_goes() {
    let mut x = [1, 2, 3];
    Simd::best().run_pair(&Program::new().with(Binary::Add), &mut x, &[10, 20]);
    assert_eq!(x, [11, 22, 3]);
    Simd::best().run_pair(&Program::new().with(Binary::Add), &mut x, &[1; 9]);
    assert_eq!(x, [12, 23, 4]);
}

#[test]
fn a_pipeline_of_kernels_gives_the_same_on_every_executor() {
    let block: Vec<f32> = numbers::<f32>(60_000, 6).into_iter().filter(|x| x.abs() < 1e6).collect();
    let pipeline = || {
        let blocks = from_source(Blocks::new(block[..38_400].to_vec(), 3_200));
        blocks
            .transform(Stencil::blur(64).unwrap())
            .transform(Fir::new(vec![0.5, 0.25]).unwrap())
            .transform(WindowSums::new(9).unwrap())
    };
    let inline = pipeline().collect().run_on(&Inline).unwrap().value;
    let tiled = pipeline().collect().run_on(&Tiled::new()).unwrap().value;
    assert_eq!(inline.len(), 12);
    assert_same(&tiled.concat(), &inline.concat(), "tiled");
    let sum = |on_tiles| match on_tiles {
        true => pipeline().reduce(CompensatedSum).run_on(&Tiled::new()),
        false => pipeline().reduce(CompensatedSum).run_on(&Inline),
    };
    assert_eq!(sum(true).unwrap().value, sum(false).unwrap().value);
    let count = Count(Compare::Greater, 0.0);
    let inline = pipeline().reduce(count).run_on(&Inline).unwrap().value;
    assert_eq!(pipeline().reduce(count).run_on(&Tiled::new()).unwrap().value, inline);
}
