//! Arenas: what they give out, what they free, and rows that lie in them on every executor of this crate and the reference.

use pipe_core::{Budget, FromIter, Inline, RunError, rows, skip};
use pipe_mem::{Arena, ArenaPool, InArena, Lazy};
use std::convert::Infallible;
use std::rc::Rc;
use std::thread;

#[test]
fn things_in_an_arena_do_not_touch_each_other() {
    let mut arena = Arena::new();
    for round in 0..5u64 {
        let numbers: Vec<&mut u64> = (0..100).map(|n| arena.alloc(n + round)).collect();
        let texts: Vec<&str> = (0..100).map(|n| arena.format(format_args!("{n}/{round}"))).collect();
        let slices: Vec<&mut [u64]> = (0..100).map(|n| arena.slice_with(n, |k| (n * k) as u64)).collect();
        let copies: Vec<&mut str> = texts.iter().map(|text| arena.text(text)).collect();
        for n in 0..100 {
            assert_eq!(*numbers[n], n as u64 + round);
            assert_eq!((texts[n], &*copies[n]), (&*format!("{n}/{round}"), &*format!("{n}/{round}")));
            assert!(slices[n].iter().enumerate().all(|(k, x)| *x == (n * k) as u64));
        }
        arena.reset();
    }
    assert_eq!(arena.slice(&[1, 2, 3]), [1, 2, 3]);
}

#[test]
fn what_is_boxed_is_dropped_with_its_box() {
    let (arena, seen) = (Arena::new(), Rc::new(()));
    let boxed = arena.boxed(seen.clone());
    assert_eq!(Rc::strong_count(&boxed), 2);
    drop(boxed);
    assert_eq!(Rc::strong_count(&seen), 1);
}

#[test]
fn an_arena_moves_to_another_thread_with_what_owns_it() {
    let arenas = ArenaPool::new();
    let arena = arenas.get();
    arena.text("here");
    let text = thread::scope(|scope| scope.spawn(move || arena.text("there").to_owned()).join());
    assert_eq!(text.expect("nothing panics"), "there");
    assert_eq!((arenas.statistics().idle, arenas.get().bytes() > 0), (1, true));
}

#[test]
fn an_arena_that_grew_too_large_gives_its_memory_back() {
    let arenas = ArenaPool::keeping(8, 64 << 10);
    arenas.get().slice(&[0u8; 10_000]);
    assert!((10_000..64 << 10).contains(&arenas.get().bytes()), "kept");
    arenas.get().slice(&[0u8; 100_000]);
    assert_eq!(arenas.get().bytes(), 0, "given back");
}

#[test]
fn the_budget_knows_what_an_arena_has_until_it_is_dropped() {
    let budget = Budget::new(1 << 20);
    let mut arena = Arena::with_capacity(10_000);
    arena.charge_to(&budget);
    let before = budget.in_use();
    assert_eq!(before, arena.bytes());
    arena.slice(&[0u8; 50_000]);
    arena.recharge();
    assert_eq!(budget.in_use(), arena.bytes());
    assert!(budget.in_use() >= before + 50_000);
    drop(arena);
    assert_eq!(budget.in_use(), 0);
}

#[derive(Clone, Copy)]
struct Row<'a> {
    arena: &'a Arena,
    name: &'a str,
    values: &'a [u64],
}
rows!(Row);

fn row(arena: &Arena, id: u64) -> Row<'_> {
    let name = arena.format(format_args!("sensor-{id}"));
    Row { arena, name, values: arena.slice_with((id % 20) as usize, |k| id + k as u64) }
}

fn upper(row: Row<'_>) -> Result<Row<'_>, Infallible> {
    let name = row.arena.text(row.name);
    name.make_ascii_uppercase();
    Ok(Row { name, ..row })
}

fn even(row: Row<'_>) -> Result<Row<'_>, std::fmt::Error> {
    if row.values.len().is_multiple_of(2) { Ok(row) } else { Err(std::fmt::Error) }
}

#[test]
fn rows_in_arenas_are_those_of_a_loop() {
    let expected: Vec<String> = (0..5_000u64)
        .filter(|id| id % 20 % 2 == 0)
        .map(|id| format!("SENSOR-{id}:{:?}", (0..id % 20).map(|k| id + k).collect::<Vec<_>>()))
        .collect();
    let arenas = ArenaPool::keeping(4, 1 << 20);
    let pipeline = || {
        InArena::new(FromIter::new(0..5_000u64), row)
            .arenas(&arenas)
            .pipeline()
            .parse(upper)
            .parse(even)
            .on_error(skip())
            .map(|row| format!("{}:{:?}", row.name, row.values))
            .collect()
    };
    for limit in [1 << 10, 64 << 10, 1 << 20] {
        let ran = pipeline().run_on(&Lazy::new().memory_limit(limit)).expect("all fits");
        assert_eq!((ran.value == expected, ran.skipped()), (true, 2_500));
    }
    let ran = pipeline().run_on(&Inline).expect("nothing fails");
    assert_eq!((ran.value == expected, ran.skipped()), (true, 2_500));
    let statistics = arenas.statistics();
    assert!(statistics.live == statistics.idle && statistics.misses <= 2, "{statistics:?}");
}

#[test]
fn a_panic_in_a_stage_costs_its_arena_and_no_more() {
    let arenas = ArenaPool::new();
    let stuck = |at: u64| {
        let rows = InArena::new(FromIter::new(0..1_000u64), row).arenas(&arenas).pipeline();
        rows.inspect(move |row| assert!(row.values.first() != Some(&at), "stuck"))
            .map(|row| row.values.len())
            .for_each(drop)
            .run_on(&Lazy::new())
    };
    assert!(matches!(stuck(500 + 1), Err(RunError::Panicked { .. })));
    assert!(stuck(u64::MAX).is_ok());
    let statistics = arenas.statistics();
    assert_eq!(statistics.live, statistics.idle);
}
