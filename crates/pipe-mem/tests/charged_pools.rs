//! What a pool promises that charges a budget: never above the limit, nothing counted twice or kept, nobody who waits in vain.

use pipe_core::{Budget, RunError, Weigh};
use pipe_mem::{LimitedPool, Pooled};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const EACH: usize = 10_000;
/// Room for two objects and a bit, whatever the pool adds for itself.
const LIMIT: usize = 25_000;
const LONG: Duration = Duration::from_secs(60);

fn buffers(budget: &Budget) -> LimitedPool<Vec<u8>> {
    LimitedPool::charging(budget, EACH, 100, || Vec::with_capacity(EACH), Vec::clear).expect("one has room")
}

fn lose<T>(object: T) {
    let lost = catch_unwind(AssertUnwindSafe(move || {
        let _object = object;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(lost.is_err());
}

/// Counts itself, from when it is made until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Weigh for Counted {
    fn heap(&self) -> usize {
        EACH
    }
}

#[test]
fn threads_never_exceed_the_budget_together_and_each_gets_its_turn() {
    let (live, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let make = {
        let (live, most) = (live.clone(), most.clone());
        move || {
            most.fetch_max(live.fetch_add(1, SeqCst) + 1, SeqCst);
            Counted(live.clone())
        }
    };
    let budget = Budget::new(LIMIT);
    let pool = LimitedPool::charging(&budget, EACH, 100, make, |_| ()).expect("one has room");
    drop((pool.try_get(), pool.try_get()));
    thread::scope(|scope| {
        for thread in 0..6 {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..300 {
                    let got = pool.get_within(LONG).expect("others give theirs back");
                    match (thread + round) % 50 {
                        0 => lose(got),
                        1 => pool.shrink_to(0),
                        _ => drop(got),
                    }
                }
            });
        }
    });
    assert_eq!(most.load(SeqCst), 2);
    assert!(budget.peak() <= LIMIT && budget.peak() >= 2 * EACH, "{} of {LIMIT}", budget.peak());
    assert_eq!(pool.statistics().live, live.load(SeqCst));
    drop(pool);
    assert_eq!((budget.in_use(), live.load(SeqCst)), (0, 0));
}

#[test]
fn what_has_no_room_is_refused_with_an_error_that_says_so() {
    let budget = Budget::new(LIMIT);
    let pool = buffers(&budget);
    let both = (pool.try_get().expect("the first"), pool.try_get().expect("the second"));
    assert!(pool.try_get().is_none());
    let error = pool.get_within(Duration::ZERO).expect_err("two have room");
    assert_eq!((error.live, error.limit), (2, 100));
    assert!(error.to_string().contains("no room for more, of 100 at most"), "{error}");
    let refused =
        LimitedPool::charging(&budget, EACH, 1, String::new, String::clear).expect_err("no room for a third");
    let RunError::Budget { wanted, in_use, limit, holders, .. } = &refused else { panic!("{refused}") };
    assert!(*wanted >= EACH && *in_use >= 2 * EACH && *limit == LIMIT, "{refused}");
    assert_eq!((holders[0].name.as_str(), holders[0].spillable), ("pool", false));
    drop(both);
    assert!(pool.try_get().is_some());
}

#[test]
fn an_idle_shrink_gives_bytes_back_and_room_for_one_stays() {
    let budget = Budget::new(LIMIT);
    let pool = buffers(&budget);
    let one = budget.in_use();
    drop((pool.try_get(), pool.try_get()));
    assert_eq!((budget.in_use(), budget.resident_bytes()), (2 * one, 2 * one), "idle ones count");
    pool.shrink_to(1);
    assert_eq!(budget.in_use(), one);
    pool.shrink_to(0);
    assert_eq!((budget.in_use(), pool.statistics().live), (one, 0));
    // Whatever others take meanwhile.
    let others = budget.overdraw(LIMIT);
    assert!(pool.get_within(Duration::ZERO).is_ok());
    drop((others, pool));
    assert_eq!(budget.in_use(), 0);
}

#[test]
fn a_guard_that_outlives_its_pool_gives_its_charge_back_once() {
    let budget = Budget::new(LIMIT);
    let pool = buffers(&budget);
    let one = budget.in_use();
    let both: [Pooled<_>; 2] = [pool.try_get().expect("the first"), pool.try_get().expect("the second")];
    drop(pool);
    assert_eq!(budget.in_use(), 2 * one);
    let [first, second] = both;
    drop(first);
    assert_eq!(budget.in_use(), one);
    lose(second);
    assert_eq!(budget.in_use(), 0);
}

#[test]
fn what_an_object_has_grown_to_is_counted_when_it_comes_back_and_dropped_where_there_is_no_room() {
    let budget = Budget::new(LIMIT);
    let pool = buffers(&budget);
    let one = budget.in_use();
    let mut object = pool.try_get().expect("the first");
    assert_eq!(object.heap(), 0, "the pool counts all of it");
    object.reserve_exact(EACH + 5_000);
    assert_eq!(object.heap(), 5_000, "who has it counts the rest");
    drop(object);
    assert_eq!((budget.in_use(), pool.statistics().idle), (one + 5_000, 1));
    let mut object = pool.try_get().expect("the same");
    object.reserve_exact(LIMIT);
    drop(object);
    assert_eq!((budget.in_use(), pool.statistics().live, budget.peak()), (one, 0, one + 5_000));
}

#[test]
fn an_object_that_cannot_be_made_leaves_its_room_to_the_next() {
    let budget = Budget::new(LIMIT);
    let tries = AtomicUsize::new(0);
    let make = move || match tries.fetch_add(1, SeqCst) {
        0 => std::panic::resume_unwind(Box::new(())),
        _ => Vec::<u8>::with_capacity(EACH),
    };
    let pool = LimitedPool::charging(&budget, EACH, 1, make, Vec::clear).expect("one has room");
    let before = budget.in_use();
    assert!(catch_unwind(AssertUnwindSafe(|| pool.try_get().is_some())).is_err());
    assert_eq!(budget.in_use(), before);
    assert!(pool.try_get().is_some());
}
