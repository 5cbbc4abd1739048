//! What the tests of kernels share: levels, numbers that are at an edge, all lengths and places around a vector.

#![allow(dead_code, reason = "each test file is compiled with this one and uses a part of it")]

use pipe_cache::{Element, Level, Simd};
use pipe_core::testing::Rng;
use std::fmt::Debug;

/// Each level that this processor has, forced.
pub(crate) fn levels() -> Vec<Simd> {
    let levels: Vec<Simd> = Level::ALL.into_iter().filter_map(Simd::at).collect();
    assert!(levels.iter().any(|simd| simd.level() == Level::Scalar));
    levels
}

/// Numbers to test with: some at the edges of their type, and any.
pub(crate) trait Sample: Element + Debug {
    const EDGES: &'static [Self];
    fn any(rng: &mut Rng) -> Self;
    fn is_same(self, other: Self) -> bool;
}

macro_rules! float {
    ($float:ident) => {
        impl Sample for $float {
            const EDGES: &'static [Self] = &[
                0.0,
                -0.0,
                1.0,
                -1.0,
                0.5,
                2.5,
                -3.5,
                $float::NAN,
                $float::INFINITY,
                $float::NEG_INFINITY,
                $float::MIN_POSITIVE,
                -$float::MIN_POSITIVE / 4.0,
                $float::MAX,
                $float::MIN,
                $float::EPSILON,
                1e7,
                -88.5,
                709.5,
            ];

            fn any(rng: &mut Rng) -> Self {
                (rng.below(1 << 24) as $float - 8_388_608.0) / 65_536.0
            }

            /// Bit for bit; any not-a-number is as good as any other.
            fn is_same(self, other: Self) -> bool {
                self.to_bits() == other.to_bits() || self.is_nan() && other.is_nan()
            }
        }
    };
}
float!(f32);
float!(f64);

macro_rules! integer {
    ($($integer:ident),+) => { $(
        impl Sample for $integer {
            const EDGES: &'static [Self] = &[
                0, 1, 2, $integer::MAX, $integer::MAX - 1, $integer::MIN, $integer::MIN + 1, $integer::MAX / 2, 3, 77,
            ];

            fn any(rng: &mut Rng) -> Self {
                rng.number() as $integer
            }

            fn is_same(self, other: Self) -> bool {
                self == other
            }
        }
    )+ };
}
integer!(i32, i64, u8, u16);

/// Edges and others, mixed.
pub(crate) fn numbers<T: Sample>(count: usize, seed: u64) -> Vec<T> {
    let mut rng = Rng::new(seed);
    let one = |rng: &mut Rng| match rng.below(4) {
        0 => T::EDGES[rng.below(T::EDGES.len() as u64) as usize],
        _ => T::any(rng),
    };
    (0..count).map(|_| one(&mut rng)).collect()
}

/// Calls the test with blocks of all lengths from none to three of the widest vectors and one more, then some long ones, each at a different
/// place in its line of the cache; and for one length at all places.
pub(crate) fn at_all_lengths_and_places<T: Sample>(mut test: impl FnMut(&[T])) {
    let vector = 64 / size_of::<T>();
    let longest = 5_003;
    let numbers = numbers::<T>(longest + 2 * vector, 7);
    for len in (0..=3 * vector + 1).chain([64, 127, 128, 129, 1_000, longest]) {
        let start = len * 5 % vector;
        test(&numbers[start..start + len]);
    }
    (0..vector).for_each(|start| test(&numbers[start..start + 3 * vector + 1]));
}

pub(crate) fn assert_same<T: Sample>(got: &[T], wanted: &[T], what: impl Debug) {
    assert_eq!(got.len(), wanted.len(), "{what:?}");
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!(got.is_same(*wanted), "{what:?}: number {at} is {got:?} and not {wanted:?}");
    }
}
