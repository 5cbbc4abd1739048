//! Settings that make no sense are errors before anything runs; decisions are in the report.

use pipe_core::{Event, RunError, from_iter};
use pipe_parallel::Parallel;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex};
use std::thread;

#[test]
fn zero_is_a_config_error_before_anything_is_pulled() {
    for (parallel, field) in [
        (Parallel::new().workers(0), "workers"),
        (Parallel::new().workers(2).memory_limit(0), "memory_limit"),
    ] {
        let pulled = AtomicUsize::new(0);
        let items = (0..10).inspect(|_| _ = pulled.fetch_add(1, Relaxed));
        let error = from_iter(items).collect().run_on(&parallel).expect_err("zero makes no sense");
        let RunError::Config { field: named, value, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*named, &**value, pulled.load(Relaxed)), (field, "0", 0));
    }
}

#[test]
fn an_item_larger_than_the_limit_is_a_budget_error() {
    let parallel = Parallel::new().workers(2).memory_limit(1 << 10);
    let error = from_iter((0..10).map(|n| [n; 4096])).edge().map(|item| item[0]).collect().run_on(&parallel);
    let error = error.expect_err("4 KiB do not fit into 1 KiB");
    let RunError::Budget { wanted, limit, .. } = error else { panic!("{error:?}") };
    assert_eq!((wanted, limit), (4 * 4096, 1 << 10));
}

#[test]
fn cheap_work_stays_on_the_calling_thread_and_the_report_says_so() {
    let report = from_iter(0..1_000u64).map(|n| n + 1).collect().run_on(&Parallel::new().workers(4)).unwrap();
    assert_eq!(report.workers, 1);
    assert!(matches!(report.events[..], [Event::StayedInline { .. }]), "{:?}", report.events);
    let single = from_iter(0..1_000u64).map(|n| n + 1).collect().run_on(&Parallel::new().workers(1)).unwrap();
    assert_eq!((single.workers, single.events.len()), (1, 0));
}

#[test]
fn heavy_items_are_worked_on_by_all_workers_at_once() {
    // From item 1,000 on, nobody goes on before four threads have come: with fewer workers this would not end.
    let (here, all_here) = (Mutex::new(HashSet::new()), Condvar::new());
    let heavy = |n: u64| {
        (0..10_000).for_each(|x: u64| _ = std::hint::black_box(x));
        if n >= 1_000 {
            let mut here = here.lock().unwrap();
            here.insert(thread::current().id());
            all_here.notify_all();
            drop(all_here.wait_while(here, |here| here.len() < 4).unwrap());
        }
        n
    };
    let report = from_iter(0..3_000u64).map(heavy).collect().run_on(&Parallel::new().workers(4)).unwrap();
    assert_eq!((report.workers, report.value.len()), (4, 3_000));
}

#[test]
fn a_pipeline_inside_a_stage_of_another_ends() {
    let inner = |n: u64| {
        let sum = from_iter(0..n).fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
        sum.run_on(&Parallel::new().workers(2)).unwrap().value
    };
    let report = from_iter(0..300u64).map(inner).collect().run_on(&Parallel::new().workers(3)).unwrap();
    assert_eq!(report.value, (0..300).map(|n: u64| n * n.saturating_sub(1) / 2).collect::<Vec<_>>());
}
