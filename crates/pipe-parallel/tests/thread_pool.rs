//! Threads that runs share: none waits for them, all come back, and who gets none works alone.

use pipe_core::{Event, RunError, from_iter};
use pipe_parallel::{Parallel, ThreadPool};
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Barrier, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// The sum of the numbers below `n`, by a run of its own, and at `depth` by runs within its items.
fn sum(n: u64, depth: u32, parallel: &Parallel) -> u64 {
    let add = |sum: &mut u64, n: u64| *sum += if depth == 0 { n } else { sum_below(n, depth, parallel) };
    from_iter(0..n).fold(|| 0, add, |all, part| *all += part).run_on(parallel).expect("nothing fails").value
}

fn sum_below(n: u64, depth: u32, parallel: &Parallel) -> u64 {
    sum(n, depth - 1, parallel)
}

fn expected(n: u64, depth: u32) -> u64 {
    (0..n).map(|n| if depth == 0 { n } else { expected(n, depth - 1) }).sum()
}

#[test]
fn pipelines_within_pipelines_end_also_where_the_pool_has_no_threads() {
    for threads in 0..3 {
        let parallel = Parallel::new().workers(4).pool(&ThreadPool::new(threads));
        assert_eq!(sum(60, 2, &parallel), expected(60, 2), "{threads} threads");
    }
}

#[test]
fn pipelines_within_pipelines_use_no_more_threads_than_the_pool_has() {
    let (pool, seen) = (ThreadPool::new(2), Mutex::new(HashSet::new()));
    let outer = Parallel::new().pool(&pool).spread_at_once();
    let inner = Parallel::new().workers(8).pool(&pool);
    let work = |n: u64| {
        let heavy = |n: u64| {
            seen.lock().unwrap().insert(thread::current().id());
            (0..2_000).fold(n, |x, y| std::hint::black_box(x ^ y))
        };
        from_iter(0..n).map(heavy).for_each(drop).run_on(&inner).expect("nothing fails").written
    };
    let report = from_iter(0..100).map(work).collect().run_on(&outer).expect("nothing fails");
    assert!(report.value.into_iter().eq(0..100));
    let seen = seen.into_inner().unwrap().len();
    assert!((1..=3).contains(&seen), "{seen} threads for a caller and a pool of two");
}

#[test]
fn runs_one_after_the_other_use_the_same_threads() {
    let pool = ThreadPool::new(1);
    let parallel = Parallel::new().pool(&pool).spread_at_once();
    let (barrier, seen) = (Barrier::new(2), Mutex::new(HashSet::new()));
    let meet = |n: u64| {
        // Both workers have an item, so both are here.
        barrier.wait();
        seen.lock().unwrap().insert(thread::current().id());
        n
    };
    for _ in 0..20 {
        let report = from_iter(0..2u64).map(meet).collect().run_on(&parallel).expect("nothing fails");
        assert_eq!((report.value, report.workers), (vec![0, 1], 2));
    }
    let seen: HashSet<ThreadId> = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 2);
}

/// Tells when the thread that has it ends.
struct Ends(mpsc::Sender<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

thread_local! {
    static ENDS: RefCell<Option<Ends>> = const { RefCell::new(None) };
}

#[test]
fn when_a_pool_goes_its_threads_do() {
    let (end, ended) = mpsc::channel();
    let (pool, caller, barrier) = (ThreadPool::new(2), thread::current().id(), Barrier::new(3));
    let stay = |n: u64| {
        barrier.wait();
        if thread::current().id() != caller {
            ENDS.set(Some(Ends(end.clone())));
        }
        n
    };
    let parallel = Parallel::new().pool(&pool).spread_at_once();
    let report = from_iter(0..3u64).map(stay).collect().run_on(&parallel).expect("nothing fails");
    assert_eq!((report.workers, ended.try_recv().is_err()), (3, true), "both are kept");
    drop((pool, parallel));
    (0..2).for_each(|_| ended.recv_timeout(Duration::from_secs(60)).expect("they leave"));
}

#[test]
fn a_run_whose_pool_is_busy_ends_on_its_own_thread() {
    let pool = ThreadPool::new(1);
    let (go, gone) = mpsc::channel::<()>();
    let (gone, inside) = (Mutex::new(gone), Barrier::new(3));
    thread::scope(|scope| {
        let parallel = Parallel::new().pool(&pool).spread_at_once();
        let wait = |n: u64| {
            inside.wait();
            gone.lock().unwrap().recv().expect("somebody lets it go");
            n
        };
        let busy = scope.spawn(move || from_iter(0..2u64).map(wait).collect().run_on(&parallel));
        inside.wait();
        // The only thread of the pool is in an item of the other run until this one is over.
        let heavy = |n: u64| (0..20_000).fold(n, |x, y| std::hint::black_box(x ^ y));
        let alone = Parallel::new().workers(2).pool(&pool);
        let report = from_iter(0..500u64).map(heavy).collect().run_on(&alone).expect("nothing fails");
        assert_eq!((report.workers, report.value.len()), (1, 500));
        (0..2).for_each(|_| go.send(()).unwrap());
        assert_eq!(busy.join().unwrap().expect("nothing fails").value, [0, 1]);
    });
}

#[test]
fn a_panic_on_a_thread_of_the_pool_ends_its_run_and_not_the_pool() {
    let parallel = Parallel::new().pool(&ThreadPool::new(2)).spread_at_once();
    for round in 0..50u64 {
        let fail = move |n: u64| {
            if n == round { std::panic::resume_unwind(Box::new("thrown")) } else { n }
        };
        let error = from_iter(0..200).map(fail).collect().run_on(&parallel).expect_err("one item panics");
        let RunError::Panicked { at, .. } = error else { panic!("{error}") };
        assert_eq!(at.map(|at| at.place()), Some(round));
    }
}

#[test]
fn many_runs_at_once_on_a_small_pool_all_end() {
    let parallel = Parallel::new().workers(4).pool(&ThreadPool::new(3));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..20).for_each(|n| assert_eq!(sum(20 + n, 1, &parallel), expected(20 + n, 1))));
        }
    });
}

/// Run by the test below, in a process where no thread can be started.
#[test]
#[ignore = "needs an environment of its own"]
fn child_without_threads() {
    let heavy = |n: u64| (0..20_000).fold(n, |x, y| std::hint::black_box(x ^ y));
    let report = from_iter(0..500u64).map(heavy).collect().run_on(&Parallel::new().workers(4)).unwrap();
    assert_eq!((report.workers, report.value.len()), (1, 500));
    let [Event::FewerWorkers { wanted: 4, got: 1, why }] = &report.events[..] else {
        panic!("{:?}", report.events)
    };
    assert!(!why.is_empty());
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn where_the_system_refuses_threads_the_run_goes_on_and_says_so() {
    let tests = std::env::current_exe().expect("this is one");
    // Stacks of 128 TiB: no address space has room for one.
    let child = std::process::Command::new(tests)
        .args(["--exact", "child_without_threads", "--ignored", "--test-threads=1"])
        .env("RUST_MIN_STACK", (1u64 << 47).to_string())
        .output()
        .expect("it can be started");
    let (out, error) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && out.contains("1 passed"), "{out}{error}");
}
