//! The executor that chooses, among those of several crates.

use pipe_core::testing::laws;
use pipe_core::{Emit, Event, Flow, FromIter, Inline, Report, Source, Stage, Step};
use pipe_metrics::Auto;
use pipe_parallel::Parallel;
use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;

#[test]
fn it_obeys_the_laws_where_it_hands_on_to_two_workers_after_a_batch() {
    laws::named(&Auto::new(Inline).or(Parallel::new().workers(2).spread_at_once()).decide_at_once());
    laws::random_cases(
        &Auto::new(Inline).or(Parallel::new().workers(2).spread_at_once()).decide_at_once(),
        laws::seeds(0..200),
    );
}

/// What was decided, in words.
fn said(report: &Report<()>) -> Vec<String> {
    let events = report.events.iter().filter_map(|event| match event {
        Event::Remark { stage, what } if stage == "auto" => Some(what.clone()),
        _ => None,
    });
    events.collect()
}

#[test]
fn the_rest_runs_on_as_many_workers_as_the_choice_has_and_no_item_is_lost() {
    let threads = Mutex::new(HashSet::new());
    let auto =
        Auto::new(Inline).or(Parallel::new().workers(7)).or(Parallel::new().workers(3).spread_at_once());
    let numbers = FromIter::new(0..20_000u64).pipeline().map(|n| {
        threads.lock().unwrap().insert(thread::current().id());
        n + 1
    });
    let report = numbers.collect().run_on(&auto.decide_at_once()).expect("nothing fails");
    assert!(report.value.iter().copied().eq(1..=20_000));
    assert_eq!(report.workers, 3);
    assert!(threads.into_inner().unwrap().len() <= 3);
}

#[test]
fn a_short_run_says_that_it_stayed() {
    let auto = Auto::new(Inline).or(Parallel::new().workers(2));
    // One batch: nothing can be clear after it.
    let report = FromIter::new(0..1u8).pipeline().map(|n| n).for_each(drop).run_on(&auto).expect("it ends");
    assert_eq!(said(&report), ["stayed on the calling thread: the input ended within the head"]);
    assert_eq!((report.workers, auto.advice()), (1, None));
}

#[test]
fn a_trivial_chain_starts_no_thread() {
    let here = thread::current().id();
    let auto = Auto::new(Inline).or(Parallel::new().workers(2));
    let chain = pipe_core::from_iter(0..1_000u64).map(|n| n + 1).filter(|n| n % 2 == 0).map(|n| n * 3);
    let report =
        chain.for_each(move |_| assert_eq!(thread::current().id(), here)).run_on(&auto).expect("it ends");
    assert_eq!((report.workers, report.written, said(&report).len()), (1, 500, 1));
}

#[test]
fn an_only_choice_runs_as_it_is() {
    let auto = Auto::new(Parallel::new().workers(2).spread_at_once());
    let numbers = FromIter::new(0..10_000u64).pipeline().map(|n| n + 1);
    let report = numbers.collect().run_on(&auto).expect("nothing fails");
    assert!(report.value.iter().copied().eq(1..=10_000));
    assert_eq!((report.workers, auto.advice()), (2, None));
}

/// Sums of seven items, and of what is left.
struct Sums;

impl Stage for Sums {
    type State = (u64, u64);

    fn state(&self) -> (u64, u64) {
        (0, 0)
    }
}

impl Step<u64> for Sums {
    type Out = u64;

    fn push<O: Emit<u64>>(&self, (items, sum): &mut (u64, u64), item: u64, out: &mut O) -> Flow {
        (*items, *sum) = (*items + 1, *sum + item);
        if *items < 7 {
            return Flow::Continue(());
        }
        *items = 0;
        out.emit(std::mem::take(sum))
    }

    fn finish<O: Emit<u64>>(&self, (items, sum): (u64, u64), out: &mut O) -> Flow {
        if items > 0 { out.emit(sum) } else { Flow::Continue(()) }
    }
}

#[test]
fn what_workers_emit_where_the_head_ends_may_be_enough_and_what_stages_behind_keep_still_comes() {
    for (items, most) in [(1, 1), (5, 1), (100, 2), (3_000, 5)] {
        let auto = Auto::new(Inline).or(Parallel::new().workers(3)).decide_at_once();
        let sums = FromIter::new(0..items).pipeline().edge().stage(Sums).take(most);
        let groups = sums.batch(1_000).map(|group| group.len() as u64).edge().map(|n| n);
        let report = groups.collect().run_on(&auto).expect("nothing fails");
        assert_eq!(report.value.iter().sum::<u64>(), items.div_ceil(7).min(most), "{items} items");
    }
}
