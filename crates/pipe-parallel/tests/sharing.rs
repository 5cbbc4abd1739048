//! Who works on a batch that turns out heavy, counted.

use pipe_core::testing::{Live, Pull, ScriptedSink, ScriptedSource};
use pipe_core::{RunError, from_source};
use pipe_parallel::Parallel;
use std::collections::HashSet;
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Knows which threads have come. Each waits a little until there are this many.
struct Meeting {
    here: Mutex<HashSet<ThreadId>>,
    more: Condvar,
    wanted: usize,
}

impl Meeting {
    fn of(wanted: usize) -> Self {
        Meeting { here: Mutex::default(), more: Condvar::new(), wanted }
    }

    /// At most a millisecond: between two items the worker may share what is left.
    fn come(&self) {
        let mut here = self.here.lock().unwrap();
        if here.insert(thread::current().id()) {
            self.more.notify_all();
        }
        let few = |here: &mut HashSet<_>| here.len() < self.wanted;
        drop(self.more.wait_timeout_while(here, Duration::from_millis(1), few).unwrap());
    }

    fn came(&self) -> usize {
        self.here.lock().unwrap().len()
    }
}

const ITEMS: i64 = 5_000;

fn one_batch() -> ScriptedSource<i64> {
    ScriptedSource::new([Pull::Give((0..ITEMS).collect())])
}

fn of(workers: usize) -> Parallel {
    Parallel::new().workers(workers).spread_at_once()
}

#[test]
fn one_heavy_batch_is_run_by_all_workers_in_order() {
    for workers in [2, 3, 7] {
        let meeting = Meeting::of(workers);
        let come = |n| {
            meeting.come();
            n
        };
        let report =
            from_source(one_batch()).map(come).collect().run_on(&of(workers)).expect("nothing fails");
        assert_eq!(meeting.came(), workers);
        assert!(report.value.into_iter().eq(0..ITEMS));
    }
}

#[test]
fn a_heavy_batch_behind_a_serial_stage_is_run_by_all_workers_in_order() {
    let meeting = Meeting::of(3);
    let come = |n| {
        meeting.come();
        n
    };
    let source = from_source(one_batch()).scan(|| 0, |seen, n| (std::mem::replace(seen, *seen + 1), n));
    let report = source.map(come).collect().run_on(&of(3)).expect("nothing fails");
    assert_eq!(meeting.came(), 3);
    assert!(report.value.into_iter().eq((0..ITEMS).map(|n| (n, n))));
}

#[test]
fn pieces_of_a_batch_lose_and_double_nothing_where_order_does_not_matter() {
    for workers in [2, 7] {
        let meeting = Meeting::of(workers);
        let come = |n| {
            meeting.come();
            n
        };
        let ran = from_source(one_batch()).map(come).unordered().collect().run_on(&of(workers));
        let mut items = ran.expect("nothing fails").value;
        items.sort_unstable();
        assert_eq!(meeting.came(), workers);
        assert!(items.into_iter().eq(0..ITEMS));
    }
}

#[test]
fn accumulators_hold_what_was_in_the_pieces() {
    let meeting = Meeting::of(3);
    let add = |sum: &mut i64, n: i64| {
        meeting.come();
        *sum += n;
    };
    let report = from_source(one_batch()).fold(|| 0, add, |all, part| *all += part).run_on(&of(3));
    assert_eq!(report.expect("nothing fails").value, ITEMS * (ITEMS - 1) / 2);
    assert_eq!(meeting.came(), 3);
}

/// Panics without the panic hook, which would print.
fn thrown<T>() -> T {
    std::panic::resume_unwind(Box::new("thrown".to_owned()))
}

#[test]
fn the_lowest_failure_of_a_shared_batch_wins_and_what_comes_before_it_is_delivered() {
    for round in 0..40 {
        let (workers, panics) = (2 + round % 6, round % 2 == 0);
        let first = [0, 1, 700, 2_499, 2_500, 4_999][round % 5];
        let (meeting, live) = (Meeting::of(workers), Live::new());
        let out = live.clone();
        let (sink, log) = ScriptedSink::new();
        let error = from_source(one_batch())
            .map(|n| out.item(n))
            .try_map(|item| {
                let n = item.value;
                // The others begin with items that fail, too.
                meeting.come();
                match n >= first && (n - first) % 50 == 0 {
                    true if panics => thrown(),
                    true => Err(format!("refused {n}")),
                    false => Ok(item),
                }
            })
            .map(|item| item.value)
            .to(sink)
            .run_on(&of(workers))
            .expect_err("some items fail");
        match error {
            RunError::Stage { at, source, .. } if !panics => {
                assert_eq!(
                    (at.map(|at| at.place()), source.to_string()),
                    (Some(first as u64), format!("refused {first}"))
                );
            }
            RunError::Panicked { at, .. } if panics => {
                assert_eq!(at.map(|at| at.place()), Some(first as u64))
            }
            other => panic!("{other}"),
        }
        assert!(log.items().into_iter().eq(0..first), "{} were delivered, not {first}", log.items().len());
        assert_eq!((live.now(), log.commits()), (0, 0));
    }
}

#[test]
fn what_comes_behind_the_end_of_a_shared_batch_is_neither_delivered_nor_heard_of() {
    for round in 0..20 {
        let workers = 2 + round % 6;
        let meeting = Meeting::of(workers);
        let last = [1, 700, 2_500][round % 3];
        let report = from_source(one_batch())
            .try_map(|n| {
                meeting.come();
                if n >= 2_600 { Err("behind the end") } else { Ok(n) }
            })
            .take(last)
            .collect()
            .run_on(&of(workers))
            .expect("`take` ends before the first failure");
        assert!(report.value.into_iter().eq(0..last as i64));
    }
}
