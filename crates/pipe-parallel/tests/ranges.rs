//! Ranges on many workers: each index once, in order, merged whole.

use pipe_core::{Event, RunError, from_chunks, from_range};
use pipe_parallel::Parallel;

fn of(workers: usize) -> Parallel {
    Parallel::new().workers(workers).spread_at_once()
}

#[test]
fn each_index_comes_once_and_in_order_on_any_number_of_workers() {
    for workers in [1, 2, 5] {
        let report =
            from_range(7..300_000).map(|i| i * 2).collect().run_on(&of(workers)).expect("nothing fails");
        assert!(report.value.into_iter().eq((7..300_000).map(|i| i * 2)));
    }
}

#[test]
fn a_reduction_over_borrowed_data_is_that_of_a_loop() {
    let data: Vec<u64> = (0..1_000_000).map(|n| n * n % 1_001).collect();
    for workers in [1, 2, 5] {
        let sum = from_range(0..data.len()).fold(|| 0, |sum, i| *sum += data[i], |all, part| *all += part);
        assert_eq!(sum.run_on(&of(workers)).expect("nothing fails").value, data.iter().sum::<u64>());
    }
}

#[test]
fn parts_of_a_slice_come_once_and_in_order_on_any_number_of_workers() {
    let data: Vec<u64> = (0..100_001).collect();
    for workers in [1, 2, 5] {
        let parts = from_chunks(&data, 7).map(<[u64]>::to_vec).collect();
        let report = parts.run_on(&of(workers)).expect("nothing fails");
        assert_eq!(report.value.concat(), data);
    }
}

#[test]
fn the_lowest_failure_of_a_range_wins() {
    let fail = |i: usize| if i >= 70_000 && i.is_multiple_of(1_000) { Err("no") } else { Ok(i) };
    let error = from_range(0..200_000).try_map(fail).for_each(drop).run_on(&of(4)).expect_err("some fail");
    let RunError::Stage { at, .. } = error else { panic!("{error}") };
    assert_eq!(at.map(|at| at.place()), Some(70_000));
}

#[test]
fn cheap_items_of_a_range_are_shared_because_none_is_moved() {
    let mix = |i: usize| (0..4).fold(i, |x, _| std::hint::black_box(x ^ 0x9E37).wrapping_mul(31));
    let sum = from_range(0..4_000_000).fold(|| 0, |sum, i| *sum ^= mix(i), |all, part| *all ^= part);
    let report = sum.run_on(&Parallel::new().workers(2)).expect("nothing fails");
    let stayed = report.events.iter().any(|event| matches!(event, Event::StayedInline { .. }));
    assert!(!stayed, "{:?}", report.events);
    assert_eq!(report.value, (0..4_000_000).fold(0, |sum, i| sum ^ mix(i)));
}
