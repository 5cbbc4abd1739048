//! Every reduction on every level, against what pipe-core says that it means.

mod common;

use common::{Sample, at_all_lengths_and_places, levels, numbers};
use pipe_cache::Tiled;
use pipe_core::kernel::{
    ArgMinMax, Blocks, Compare, Float, KernelWorker, MeanVar, Program, Runner, Scalar, Sum,
};
use pipe_core::{Inline, from_source};

fn agree_with_the_reference<T: Sample>() {
    for simd in levels() {
        at_all_lengths_and_places(|block: &[T]| {
            let wanted = Scalar.sum(block).unwrap();
            // A sum that is not a number is not equal to itself.
            assert_eq!(format!("{:?}", simd.sum(block)), format!("{wanted:?}"), "{simd:?}");
            assert_eq!(simd.min_max(block), Scalar.min_max(block).unwrap(), "{simd:?}");
            let moments = KernelWorker::<T>::moments(&mut Scalar, block).unwrap();
            assert_eq!(format!("{:?}", simd.moments(block)), format!("{moments:?}"), "{simd:?}");
        });
    }
}

#[test]
fn sums_extremes_and_moments_agree_with_the_reference_bit_for_bit() {
    agree_with_the_reference::<f32>();
    agree_with_the_reference::<f64>();
    agree_with_the_reference::<i32>();
    agree_with_the_reference::<i64>();
    agree_with_the_reference::<u8>();
    agree_with_the_reference::<u16>();
}

#[test]
fn a_scalar_product_is_the_sum_of_the_products() {
    fn agree<T: Sample + Float>() {
        for simd in levels() {
            at_all_lengths_and_places(|block: &[T]| {
                let other: Vec<T> = numbers(block.len(), 11);
                let products: Vec<T> = block.iter().zip(&other).map(|(a, b)| a.times(*b)).collect();
                let wanted = Scalar.sum(&products).unwrap();
                let got = [simd.dot(block, &other), simd.dot(&other, block)];
                assert!(got.iter().all(|got| got.is_same(wanted)), "{simd:?}: {got:?} and not {wanted:?}");
            });
        }
    }
    agree::<f32>();
    agree::<f64>();
}

#[test]
fn axpy_is_what_the_loop_gives() {
    for simd in levels() {
        at_all_lengths_and_places(|x: &[i32]| {
            let mut y: Vec<i32> = numbers(x.len(), 12);
            let wanted: Vec<i32> =
                x.iter().zip(&y).map(|(x, y)| x.wrapping_mul(-7).wrapping_add(*y)).collect();
            simd.axpy(-7, x, &mut y);
            assert_eq!(y, wanted);
        });
    }
}

/// Tiles of no whole number, of fewer than all lanes, of some more, and of the usual size.
const TILES: [usize; 5] = [1, 100, 1_000, 1 << 14, usize::MAX];

fn mapped_in_tiles<T: Sample>() {
    let program = Program::new().mul_add(T::EDGES[2], T::EDGES[3]).clamp(T::EDGES[4], T::EDGES[6]).square();
    for simd in levels() {
        for tile in TILES {
            let mut tiled = T::worker(Tiled::new().level(simd.level()).tile(tile).worker());
            at_all_lengths_and_places(|block: &[T]| {
                let results: Vec<T> = block.iter().map(|x| program.apply(*x)).collect();
                let wanted = format!("{:?}", Scalar.sum(&results).unwrap());
                let what = || format!("{} numbers in tiles of {tile} bytes, {simd:?}", block.len());
                assert_eq!(format!("{:?}", tiled.mapped_sum(&program, block).unwrap()), wanted, "{}", what());
                let extremes = tiled.mapped_min_max(&program, block).unwrap();
                assert_eq!(extremes, Scalar.min_max(&results).unwrap(), "{}", what());
                let count = tiled.mapped_count(&program, Compare::Greater, T::EDGES[2], block).unwrap();
                let wanted = Scalar.count(Compare::Greater, T::EDGES[2], &results).unwrap();
                assert_eq!(count, wanted, "{}", what());
            });
        }
    }
}

#[test]
fn what_is_made_of_a_programs_results_tile_by_tile_is_that_of_all_of_them_bit_for_bit() {
    mapped_in_tiles::<f32>();
    mapped_in_tiles::<f64>();
    mapped_in_tiles::<i32>();
    mapped_in_tiles::<i64>();
    mapped_in_tiles::<u8>();
    mapped_in_tiles::<u16>();
}

#[test]
fn a_reduced_pipeline_gives_the_same_on_every_executor() {
    let block: Vec<f32> = numbers::<f32>(100_000, 5).into_iter().filter(|x| x.abs() < 1e6).collect();
    for size in [1, 63, 64, 1_000, 1 << 20] {
        let blocks = || from_source(Blocks::new(block.clone(), size));
        let inline = blocks().reduce(MeanVar).run_on(&Inline).unwrap().value;
        assert_eq!(blocks().reduce(MeanVar).run_on(&Tiled::new()).unwrap().value, inline);
        let inline = blocks().reduce(Sum).run_on(&Inline).unwrap().value;
        assert_eq!(blocks().reduce(Sum).run_on(&Tiled::new()).unwrap().value, inline);
        let inline = blocks().reduce(ArgMinMax).run_on(&Inline).unwrap().value;
        assert_eq!(blocks().reduce(ArgMinMax).run_on(&Tiled::new()).unwrap().value, inline);
    }
}
