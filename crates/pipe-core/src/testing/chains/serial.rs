//! Chains with a serial stage in the middle, and fused ones before and after it.

use super::{Chain, Start};
use crate::source::{from_iter, from_source};
use crate::testing::{Op, steps};

pub(super) fn chains() -> Vec<Chain> {
    chains! {
        [Map(2)] [Scan] [TryMap(5)];
        [Filter(3)] [Take(40)] [Own(6)];
        [FilterMap(2)] [Skip(7)] [FlatMap(2)];
        [TryMap(4)] [TakeWhile(211)] [MapWith(2)];
        [FlatMap(2)] [Enumerate] [Filter(3)];
        [MapWith(3)] [Dedup] [FilterMap(3)];
        [Inspect] [DedupBy(50)] [Counted];
        [Counted] [Batch(4)] [Flaky(3, 2)];
        [Own(5)] [Windows(3, 2)] [Inspect];
        [Flaky(4, 1)] [Serial(6)] [Map(1)];
        [Scan] [Batch(3)] [Windows(2, 1)];
        [Serial(7)] [Skip(3)] [Take(100)] [Scan] [Map(1)];
        [Map(1)] [Edge] [TryMap(6)] [Edge] [Enumerate] [Own(4)] [Edge] [Flaky(5, 1)];
        [FlatMap(3)] [Batch(5)] [TryMap(3)] [Take(9)] [Inspect];
    }
}
