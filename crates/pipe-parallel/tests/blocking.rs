//! Stages that say that they wait: others work meanwhile, and not too many.

use pipe_core::{RunError, from_iter};
use pipe_parallel::{Parallel, blocking};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;

fn of(workers: usize) -> Parallel {
    Parallel::new().workers(workers).spread_at_once()
}

/// A number that threads wait for.
#[derive(Default)]
struct Count {
    value: Mutex<usize>,
    changed: Condvar,
}

impl Count {
    fn add(&self) {
        *self.value.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, value: usize) {
        drop(self.changed.wait_while(self.value.lock().unwrap(), |now| *now < value).unwrap());
    }
}

#[test]
fn while_all_workers_wait_others_do_the_rest() {
    const ITEMS: usize = 40;
    for workers in [2, 3] {
        // The first items, one for each worker, wait for all others: with these workers alone that would never end.
        let done = Count::default();
        let work = |n: usize| {
            if n < workers {
                blocking(|| done.wait_for(ITEMS - workers));
            } else {
                done.add();
            }
            n
        };
        let report = from_iter(0..ITEMS).map(work).collect().run_on(&of(workers)).expect("nothing fails");
        assert!(report.value.into_iter().eq(0..ITEMS));
        assert!((workers + 1..=2 * workers).contains(&report.workers), "{} came", report.workers);
    }
}

#[test]
fn there_are_as_many_stand_ins_as_workers_and_no_more() {
    let (now, most, all) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(4));
    let wait = |n: usize| {
        blocking(|| {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            // The first four: each thread that there may be is in one.
            if n < 4 {
                all.wait();
            }
            now.fetch_sub(1, SeqCst);
        });
        n
    };
    let report = from_iter(0..200).map(wait).unordered().collect().run_on(&of(2)).expect("nothing fails");
    assert_eq!((report.value.len(), report.workers, most.into_inner()), (200, 4, 4));
}

#[test]
fn what_stand_ins_have_added_up_is_in_the_result() {
    for workers in [2, 5] {
        for _ in 0..20 {
            let add = |sum: &mut u64, n: u64| *sum += if n.is_multiple_of(3) { blocking(|| n) } else { n };
            let report = from_iter(0..2_000).fold(|| 0, add, |all, part| *all += part).run_on(&of(workers));
            assert_eq!(report.expect("nothing fails").value, 1_999 * 1_000);
        }
    }
}

#[test]
fn stand_ins_keep_the_order_behind_serial_stages_and_the_lowest_failure() {
    for round in 0..40u64 {
        let first = 100 + 7 * round;
        let work = |n: u64| if n.is_multiple_of(5) { blocking(|| n) } else { n };
        let fail = move |n: u64| {
            if n >= first { Err(format!("refused {n}")) } else { Ok(n) }
        };
        let chain = || from_iter(0..1_000u64).map(work).scan(|| 0, std::mem::replace).map(work);
        let report = chain().collect().run_on(&of(3)).expect("nothing fails");
        assert!(report.value.into_iter().eq(std::iter::once(0).chain(0..999)));
        let error = chain().try_map(fail).collect().run_on(&of(3)).expect_err("some items fail");
        let RunError::Stage { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.to_string(), format!("refused {first}"));
    }
}

#[test]
fn a_panic_in_a_wait_ends_the_run_and_leaves_the_thread_as_it_was() {
    let parallel = of(2);
    for _ in 0..20 {
        let throw =
            |n: u64| blocking(|| if n == 9 { std::panic::resume_unwind(Box::new("thrown")) } else { n });
        let error = from_iter(0..100).map(throw).collect().run_on(&parallel).expect_err("one panics");
        let RunError::Panicked { at, .. } = error else { panic!("{error}") };
        assert_eq!(at.map(|at| at.place()), Some(9));
    }
    assert_eq!(blocking(|| 5), 5, "outside of a run it just waits");
}

#[test]
fn one_worker_is_one_thread_whatever_waits() {
    let threads = Mutex::new(HashSet::new());
    let wait = |n: u64| {
        threads.lock().unwrap().insert(thread::current().id());
        blocking(|| n)
    };
    let chain = from_iter(0..64u64).map(wait).scan(|| 0, std::mem::replace).map(wait);
    let report = chain.collect().run_on(&of(1)).expect("nothing fails");
    assert_eq!((report.value.len(), report.workers), (64, 1));
    assert_eq!(threads.into_inner().unwrap().len(), 1);
}
