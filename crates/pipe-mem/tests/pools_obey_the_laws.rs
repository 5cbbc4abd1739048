//! What all pools promise, and what each promises beside that.

use pipe_mem::{Lend, LimitedPool, Pool, SimplePool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Makes things, and knows how many there are.
#[derive(Clone, Default)]
struct Maker {
    made: Arc<AtomicUsize>,
    alive: Arc<AtomicUsize>,
    fails: Arc<AtomicBool>,
}

struct Thing {
    used: usize,
    out: AtomicBool,
    alive: Arc<AtomicUsize>,
}

impl Maker {
    fn make(&self) -> Thing {
        assert!(!self.fails.load(Relaxed), "cannot make");
        self.made.fetch_add(1, Relaxed);
        self.alive.fetch_add(1, Relaxed);
        Thing { used: 0, out: AtomicBool::new(false), alive: self.alive.clone() }
    }

    fn counts(&self) -> (usize, usize) {
        (self.made.load(Relaxed), self.alive.load(Relaxed))
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Relaxed);
    }
}

/// Marks a thing with this cannot be reset.
const STUCK: usize = usize::MAX;

fn reset(thing: &mut Thing) {
    assert_ne!(thing.used, STUCK, "cannot reset");
    thing.used = 0;
}

fn obeys_the_laws<P: Lend<Object = Thing> + Sync>(new: impl Fn(Maker) -> P) {
    let case = || {
        let maker = Maker::default();
        (new(maker.clone()), maker)
    };
    what_comes_back_is_reset_and_lent_again(case());
    what_a_panic_dropped_is_not_lent_again(case());
    what_cannot_be_reset_is_dropped(case());
    no_object_is_lent_twice_at_a_time(case());
    a_pool_survives_a_failed_make(case());
    for out in 0..3 {
        all_is_dropped_once(case(), out);
    }
}

fn what_comes_back_is_reset_and_lent_again<P: Lend<Object = Thing>>((pool, maker): (P, Maker)) {
    for _ in 0..100 {
        let mut thing = pool.try_get().expect("one is free");
        assert_eq!(thing.used, 0);
        thing.used = 7;
    }
    let (made, alive) = maker.counts();
    assert!(made == alive && pool.idle() == alive && (1..=3).contains(&made), "{made} made, {alive} alive");
}

fn what_a_panic_dropped_is_not_lent_again<P: Lend<Object = Thing>>((pool, maker): (P, Maker)) {
    let before = pool.try_get().map(drop).map_or(0, |()| maker.counts().1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _thing = pool.try_get();
        panic!("with a thing in hand");
    }));
    assert!(panicked.is_err());
    assert_eq!((maker.counts().1, pool.idle()), (before - 1, before - 1));
    let all: Vec<_> = std::iter::from_fn(|| pool.try_get()).take(3).collect();
    assert_eq!(all.len(), 3, "another takes its place");
}

fn what_cannot_be_reset_is_dropped<P: Lend<Object = Thing>>((pool, maker): (P, Maker)) {
    let mut thing = pool.try_get().expect("one is free");
    let before = maker.counts().1;
    thing.used = STUCK;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(thing))).is_err());
    assert_eq!((maker.counts().1, pool.idle()), (before - 1, before - 1));
    let all: Vec<_> = std::iter::from_fn(|| pool.try_get()).take(3).collect();
    assert!(all.len() == 3 && all.iter().all(|thing| thing.used == 0));
}

fn no_object_is_lent_twice_at_a_time<P: Lend<Object = Thing> + Sync>((pool, maker): (P, Maker)) {
    let hammer = || {
        let mut held = Vec::new();
        for step in 0..20_000u32 {
            // No pattern that both threads share, and up to two in hand.
            if step.wrapping_mul(0x9E37_79B9) >> 30 == 0 {
                held.pop();
            } else if held.len() < 2
                && let Some(thing) = pool.try_get()
            {
                assert!(!thing.out.swap(true, Relaxed), "somebody else has it");
                held.push(Held(thing));
            } else {
                held.clear();
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(hammer);
        }
    });
    assert_eq!(pool.idle(), maker.counts().1, "all are back");
}

/// A guard of a thing, marked as out until just before it goes back.
struct Held<G: std::ops::Deref<Target = Thing>>(G);

impl<G: std::ops::Deref<Target = Thing>> Drop for Held<G> {
    fn drop(&mut self) {
        assert!(self.0.out.swap(false, Relaxed), "somebody else had it");
    }
}

fn a_pool_survives_a_failed_make<P: Lend<Object = Thing>>((pool, maker): (P, Maker)) {
    maker.fails.store(true, Relaxed);
    // A pool that makes its objects beforehand has some.
    let had: Vec<_> = (0..3).filter_map(|_| catch_unwind(AssertUnwindSafe(|| pool.try_get())).ok()).collect();
    assert!(had.len() == maker.counts().1);
    drop(had);
    maker.fails.store(false, Relaxed);
    let all: Vec<_> = std::iter::from_fn(|| pool.try_get()).take(3).collect();
    assert_eq!(all.len(), 3);
}

fn all_is_dropped_once<P: Lend<Object = Thing>>((pool, maker): (P, Maker), out: usize) {
    let things: Vec<_> = (0..3).map_while(|_| pool.try_get()).collect();
    drop(things.into_iter().skip(out).collect::<Vec<_>>());
    drop(pool);
    let (made, alive) = maker.counts();
    assert!(made >= 3 && alive == 0, "{alive} of {made} left");
}

#[test]
fn a_pool_obeys_the_laws() {
    for max_idle in [3, 8, 64, 1024] {
        obeys_the_laws(|maker| Pool::keeping(max_idle, move || maker.make(), reset));
    }
}

#[test]
fn a_limited_pool_obeys_the_laws() {
    obeys_the_laws(|maker| LimitedPool::new(3, move || maker.make(), reset).expect("three are some"));
}

#[test]
fn a_simple_pool_obeys_the_laws() {
    obeys_the_laws(|maker| SimplePool::new(3, move || maker.make(), reset).expect("three are some"));
}
