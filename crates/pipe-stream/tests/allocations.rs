//! No allocation per line, and none per batch that grows with it. In a process of its own: it counts them all.
#![expect(
    unsafe_code,
    reason = "an allocator can only be written with it; this one hands on to the system's"
)]

use pipe_core::Inline;
use pipe_stream::{AsLines, Encode, Lines, WriterSink};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static LARGE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: both methods hand their arguments on to `System`, unchanged, so its guarantees are ours.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        LARGE.fetch_add(usize::from(layout.size() >= 4_096), Relaxed);
        // SAFETY: the caller keeps the obligations of `alloc`, which are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above; `place` came from `System`, the only allocator here.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test, because the counters count what runs beside it too.
#[test]
fn neither_reading_nor_writing_allocates_per_line() {
    buffers_are_made_once_and_lines_cost_no_allocation();
    encoding_costs_no_allocation_per_line();
}

fn encoding_costs_no_allocation_per_line() {
    let count = |text: &[u8]| {
        let calls = CALLS.load(Relaxed);
        let lines = Lines::from_reader(text).buffer(16 << 10).pipeline().filter(|line| !line.is_empty());
        let report = lines.encode(AsLines).to(WriterSink::new(std::io::sink())).run_on(&Inline).unwrap();
        assert_eq!(report.value, text.len() as u64);
        CALLS.load(Relaxed) - calls
    };
    let text = b"fourteen bytes\n".repeat(1_000_000);
    let (few, many, batches) = (count(&text[..150_000]), count(&text), text.len() / (16 << 10));
    // Per batch: those of reading, a list of blocks, an erased batch.
    assert!(
        many - few <= 5 * batches + 10,
        "{many} allocations in {batches} batches, {few} in the first few"
    );
}

fn buffers_are_made_once_and_lines_cost_no_allocation() {
    let count = |text: &[u8]| {
        let (calls, large) = (CALLS.load(Relaxed), LARGE.load(Relaxed));
        let lines = Lines::from_reader(text).buffer(16 << 10).pipeline();
        let report = lines.fold(|| 0u64, |count, _| *count += 1, |all, part| *all += part).run_on(&Inline);
        assert_eq!(report.unwrap().value, text.len() as u64 / 15);
        (CALLS.load(Relaxed) - calls, LARGE.load(Relaxed) - large)
    };
    let text = b"fourteen bytes\n".repeat(1_000_000);
    let (few, large) = count(&text[..150_000]);
    let (many, still_large) = count(&text);
    assert_eq!(large, still_large, "buffers do not depend on the length of the input");
    let batches = text.len() / (16 << 10);
    // A reference count and an erased batch each.
    assert!(
        many - few <= 2 * batches + 10,
        "{many} allocations in {batches} batches, {few} in the first few"
    );
}
