//! Chains of one segment: every adapter that fuses, right behind every one, itself included.

use super::{Chain, Start};
use crate::source::{from_iter, from_source};
use crate::testing::{Op, steps};

pub(super) fn chains() -> Vec<Chain> {
    // A walk that takes each of the 81 steps from one adapter to another once, cut into pieces; two longer ones are behind.
    chains! {
        [Map(3)] [Own(7)] [Own(6)] [Counted];
        [Counted] [Own(5)] [Inspect] [Own(4)];
        [Own(5)] [MapWith(3)] [Own(8)] [FlatMap(2)];
        [FlatMap(3)] [Own(9)] [TryMap(4)] [Own(6)];
        [Own(7)] [FilterMap(3)] [Own(5)] [Filter(4)];
        [Filter(3)] [Own(7)] [Map(2)] [Counted];
        [Counted] [Counted] [Inspect] [Counted];
        [Counted] [MapWith(5)] [Counted] [FlatMap(2)];
        [FlatMap(2)] [Counted] [TryMap(5)] [Counted];
        [Counted] [FilterMap(2)] [Counted] [Filter(3)];
        [Filter(2)] [Counted] [Map(1)] [Inspect];
        [Inspect] [Inspect] [MapWith(2)] [Inspect];
        [Inspect] [FlatMap(3)] [Inspect] [TryMap(6)];
        [Flaky(4, 2)] [Inspect] [FilterMap(3)] [Inspect];
        [Inspect] [Filter(4)] [Inspect] [Map(5)];
        [Map(2)] [MapWith(3)] [MapWith(4)] [FlatMap(2)];
        [FlatMap(2)] [MapWith(5)] [Flaky(6, 1)] [MapWith(2)];
        [MapWith(3)] [FilterMap(5)] [MapWith(3)] [Filter(5)];
        [Filter(6)] [MapWith(2)] [Map(1)] [FlatMap(3)];
        [FlatMap(2)] [FlatMap(3)] [Flaky(3, 3)] [FlatMap(2)];
        [FlatMap(3)] [FilterMap(4)] [FlatMap(2)] [Filter(3)];
        [Filter(5)] [FlatMap(2)] [Map(3)] [TryMap(7)];
        [TryMap(5)] [Flaky(3, 1)] [FilterMap(2)] [TryMap(3)];
        [Flaky(5, 2)] [Filter(3)] [TryMap(4)] [Map(2)];
        [Map(4)] [FilterMap(3)] [FilterMap(2)] [Filter(3)];
        [Filter(2)] [FilterMap(5)] [Map(1)] [Filter(7)];
        [Filter(5)] [Filter(3)] [Map(2)] [Map(3)];
        [Map(1)] [Filter(9)] [FlatMap(2)] [TryMap(8)] [MapWith(3)] [Flaky(7, 3)] [Own(9)] [Counted];
        [Own(8)] [Flaky(4, 2)] [FlatMap(2)] [Flaky(6, 1)] [Inspect] [FilterMap(5)] [Map(4)];
        [TryMap(4)] [Kernel(3)] [Flaky(5, 1)] [Kernel(1)];
    }
}
