//! The filter on every level, against the vector's own.

mod common;

use common::{Sample, assert_same, at_all_lengths_and_places, levels, numbers};
use pipe_cache::Tiled;
use pipe_core::kernel::{Blocks, Compare};
use pipe_core::{Inline, from_source};

const COMPARISONS: [Compare; 6] = [
    Compare::Less,
    Compare::LessOrEqual,
    Compare::Equal,
    Compare::NotEqual,
    Compare::GreaterOrEqual,
    Compare::Greater,
];

fn keeps_what_a_vector_keeps<T: Sample>() {
    for simd in levels() {
        for (at, compare) in COMPARISONS.into_iter().cycle().take(2 * T::EDGES.len()).enumerate() {
            let bound = T::EDGES[at / 2];
            at_all_lengths_and_places(|block: &[T]| {
                let (mut got, mut wanted) = (block.to_vec(), block.to_vec());
                simd.retain(compare, bound, &mut got);
                wanted.retain(|x| compare.holds(*x, bound));
                assert_same(&got, &wanted, (simd, compare, bound));
            });
        }
    }
}

#[test]
fn what_is_kept_is_what_a_vector_keeps_in_its_order() {
    keeps_what_a_vector_keeps::<f32>();
    keeps_what_a_vector_keeps::<f64>();
    keeps_what_a_vector_keeps::<i32>();
    keeps_what_a_vector_keeps::<i64>();
    keeps_what_a_vector_keeps::<u8>();
    keeps_what_a_vector_keeps::<u16>();
}

#[test]
fn all_and_nothing_are_kept_too() {
    for simd in levels() {
        for (bound, kept) in [(f32::NEG_INFINITY, 100), (f32::INFINITY, 0)] {
            let mut block: Vec<f32> = (0_i16..100).map(f32::from).collect();
            simd.retain(Compare::Greater, bound, &mut block);
            assert_eq!(block.len(), kept);
        }
    }
}

#[test]
fn blocks_stay_blocks_on_every_executor() {
    let block: Vec<f64> = numbers(1_000, 9);
    let blocks = || from_source(Blocks::new(block.clone(), 70)).retain(Compare::LessOrEqual, 0.5).collect();
    let (inline, tiled) =
        (blocks().run_on(&Inline).unwrap().value, blocks().run_on(&Tiled::new()).unwrap().value);
    assert_eq!(inline.len(), 1_000_usize.div_ceil(70));
    assert_same(&tiled.concat(), &inline.concat(), "tiled");
    let lengths = |blocks: &[Vec<f64>]| blocks.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&tiled), lengths(&inline));
}
