//! What the written-out chains claim: every adapter that fuses has stood right behind every other one.
#![cfg(feature = "testing")]

use pipe_core::Inline;
use pipe_core::testing::laws;

/// Adapters that fuse with what is before and behind them.
const FUSE: [&str; 9] =
    ["map", "filter", "filter_map", "try_map", "flat_map", "map_with", "inspect", "counted", "stage"];

#[test]
fn every_adapter_that_fuses_has_stood_behind_every_one() {
    let coverage = laws::written_chains(&Inline);
    let missing = |pairs: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        pairs.iter().copied().filter(|(first, second)| !coverage.has_pair(first, second)).collect()
    };
    let pairs: Vec<_> = FUSE.iter().flat_map(|first| FUSE.map(|second| (*first, second))).collect();
    assert_eq!(missing(&pairs), [], "of {} pairs", pairs.len());
    assert_eq!(missing(&FUSE.map(|first| (first, "fold"))), [], "before a fold");
    assert_eq!(missing(&FUSE.map(|second| ("parse", second))), [], "over parsed rows");
    assert_eq!(missing(&["filter", "inspect", "counted"].map(|first| (first, "parse"))), [], "over rows");
}
