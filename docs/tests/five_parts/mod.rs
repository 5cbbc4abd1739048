//! A pipeline of source, row, serial stage, row and sink, in which each part does what it is given: for trials that slow one of them down.

use pipe_core::{BlockingExecutor, FromIter, Report, Source};
use pipe_metrics::Resources;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

/// Computes for so many units of about the same time.
pub(crate) fn work(units: u64) {
    let mut x = 1u64;
    for _ in 0..units * 25 {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// What a part does for each item.
pub(crate) type Does = Arc<dyn Fn() + Send + Sync>;

/// Runs it over so many items.
pub(crate) fn five_parts<'p>(
    items: u64,
    parts: [Does; 5],
    executor: &impl BlockingExecutor<'p, Async = Infallible>,
) -> (Report<()>, Resources) {
    let resources = Resources::new();
    let [read, parse, number, render, write] = parts;
    let parsed = FromIter::new((0..items).inspect(move |_| read())).pipeline().map(move |n| {
        parse();
        n
    });
    let numbered = parsed.scan(
        || 0u64,
        move |sum, n| {
            number();
            *sum += n;
            *sum
        },
    );
    let rendered = numbered.edge().map(move |n| {
        render();
        n
    });
    let report = rendered.for_each(move |_| write()).observe(resources.clone()).run_on(executor).unwrap();
    (report, resources)
}
