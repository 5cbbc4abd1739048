//! The page again and again. Alone in its file, because it looks at the memory of the whole process.
#![cfg(feature = "prometheus")]

use pipe_core::{Inline, from_iter};
use pipe_metrics::{Counters, text};

/// A build for debugging takes half a millisecond for a page.
const PAGES: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

/// Resident memory in pages of the system, where it tells.
fn resident() -> Option<usize> {
    std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()
}

#[test]
fn memory_is_the_same_after_very_many_pages_as_after_the_first() {
    let counters = Counters::new();
    from_iter([1])
        .map(|n| n)
        .for_each(drop)
        .observe(counters.of("one"))
        .run_on(&Inline)
        .expect("nothing fails");
    let first = text(&counters);
    (0..100).for_each(|_| drop(text(&counters)));
    let before = resident();
    for _ in 0..PAGES {
        assert_eq!(text(&counters).len(), first.len());
    }
    assert_eq!(text(&counters), first);
    if let Some((before, after)) = before.zip(resident()) {
        assert!(after < before + 256, "{PAGES} pages, and {} more pages of memory", after - before);
    }
}
