//! No allocation for getting an object and giving it back, and none per item in an arena. In a process of its own: it counts them all.
#![expect(
    unsafe_code,
    reason = "an allocator can only be written with it; this one hands on to the system's"
)]

use pipe_core::{Budget, FromIter, Inline, rows};
use pipe_mem::{Arena, ArenaPool, InArena, LimitedPool, Pool, SimplePool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Of this thread: tests run beside each other.
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: both methods hand their arguments on to `System`, unchanged, so its guarantees are ours.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
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

/// How often `work` allocates, once it has run in.
fn allocations(mut work: impl FnMut()) -> usize {
    work();
    let before = CALLS.get();
    (0..100).for_each(|_| work());
    CALLS.get() - before
}

fn buffer() -> Vec<u8> {
    Vec::with_capacity(64)
}

#[test]
fn getting_and_giving_back_allocates_nothing() {
    let pool = Pool::new(buffer, Vec::clear);
    assert_eq!(allocations(|| pool.get().push(1)), 0);
    // More than a magazine holds: half of it goes to the depot and comes back.
    let mut held = Vec::with_capacity(100);
    let many = || {
        held.extend((0..100).map(|_| pool.get()));
        held.clear();
    };
    assert_eq!(allocations(many), 0);
    let limited = LimitedPool::new(4, buffer, Vec::clear).expect("four are some");
    assert_eq!(allocations(|| limited.try_get().expect("it is free").push(1)), 0);
    let simple = SimplePool::new(4, buffer, Vec::clear).expect("four are some");
    assert_eq!(allocations(|| simple.try_get().expect("it is free").push(1)), 0);
}

struct Row<'a> {
    name: &'a str,
    values: &'a [f32],
}
rows!(Row);

fn row(arena: &Arena, id: u64) -> Row<'_> {
    let name = arena.format(format_args!("sensor-{id}"));
    Row { name, values: arena.slice_with(16, |k| k as f32) }
}

#[test]
fn rows_in_an_arena_cost_allocations_per_batch_and_none_per_item() {
    let arenas = ArenaPool::new();
    let count = |items: u64| {
        let before = CALLS.get();
        let rows = InArena::new(FromIter::new(0..items), row).arenas(&arenas).pipeline();
        let report = rows.fold(|| 0, |n, row| *n += row.name.len() + row.values.len(), |n, part| *n += part);
        assert!(report.run_on(&Inline).expect("nothing fails").value > 0);
        CALLS.get() - before
    };
    count(10_000);
    let (few, many) = (count(10_000), count(1_000_000));
    // A few for each batch, and on a slow day a batch has no more than a hundred items.
    assert!(many - few < 100_000, "{many} allocations for a million items, {few} for ten thousand");
}

#[test]
fn a_permit_allocates_nothing_at_any_depth_granted_or_refused() {
    let process = Budget::new(1_000);
    let pool = process.child("pipeline", 900).child("pool", 800);
    let _first = pool.try_take(1).expect("it holds nothing");
    assert_eq!(allocations(|| assert!(pool.try_take(700).is_some() && pool.try_take(900).is_none())), 0);
    let other = process.child("other", 1_000).overdraw(900);
    assert_eq!(allocations(|| assert!(pool.try_take(200).is_none())), 0);
    drop(other);
}
