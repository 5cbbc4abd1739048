//! What is simulated: items that cost the same, and three kinds of skew.

use super::Work;

/// A workload and its name.
pub type Named = (&'static str, Work);

/// Everything that the report shows. Source and sink take 20 ns of an item each; so `(item + 40) / 20` is the most that any number of workers
/// can bring.
pub fn workloads() -> Vec<Named> {
    let rare = (0..100_000).map(|n| if n % 1_000 == 999 { 1_000_000 } else { 1_000 }).collect();
    let tail = (0..500_000).map(|n| if n >= 495_000 { 100_000 } else { 1_000 }).collect();
    let named = |name, items| (name, Work { items, source: 20, sink: 20 });
    vec![
        named("10 ns", vec![10; 500_000]),
        named("100 ns", vec![100; 500_000]),
        named("1 us", vec![1_000; 200_000]),
        named("10 us", vec![10_000; 50_000]),
        named("1 ms", vec![1_000_000; 3_000]),
        named("Pareto, 6 us in the mean", pareto(200_000)),
        named("1 us, each 1,000th 1 ms", rare),
        named("1 us, the last 1 % 100 us", tail),
    ]
}

/// With a shape of 1.5: a few items are as much work as hundreds of others. None is longer than 1.44 ms.
fn pareto(items: usize) -> Vec<u64> {
    let mut state = 1u64;
    let mut share = || {
        // SplitMix64: the same numbers each time.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((mixed ^ (mixed >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    };
    (0..items).map(|_| (2_000.0 * share().powf(-1.0 / 1.5)).min(1.44e6) as u64).collect()
}
