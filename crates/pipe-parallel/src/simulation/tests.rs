//! The model against an ideal one, and by itself: what its policies lose on many workers, and when heavy items hold others up.

use super::*;

/// On 2, 4, 8, 16, 32 and 64 workers, by a model of an ideal: batches of 50 us, and any worker without a job has half of somebody's rest at
/// once. `None` where that was not computed.
const IDEAL: [(&str, [Option<f64>; 6]); 8] = [
    ("10 ns", [Some(1.91), Some(2.25), Some(2.27), Some(2.35), Some(2.35), Some(2.29)]),
    ("100 ns", [Some(1.99), Some(3.93), Some(6.53), Some(6.48), Some(6.40), Some(6.38)]),
    ("1 us", [Some(1.99), Some(3.98), Some(7.95), Some(15.9), Some(31.0), Some(41.9)]),
    ("10 us", [Some(1.99), Some(3.98), Some(7.96), Some(15.9), Some(31.8), Some(63.4)]),
    ("1 ms", [Some(2.00), Some(4.00), Some(8.00), Some(16.0), Some(31.9), Some(63.8)]),
    ("Pareto, 6 us in the mean", [Some(1.99), Some(3.98), None, Some(15.8), None, Some(56.3)]),
    ("1 us, each 1,000th 1 ms", [Some(1.98), Some(3.90), None, Some(14.4), None, Some(41.0)]),
    ("1 us, the last 1 % 100 us", [Some(1.99), Some(3.98), Some(7.96), Some(15.8), Some(31.1), Some(50.3)]),
];

#[test]
fn the_policies_lose_at_most_three_percent_of_the_ideal_on_up_to_64_workers() {
    for ((name, work), (known, ideal)) in workloads().into_iter().zip(IDEAL) {
        assert_eq!(name, known);
        for (workers, ideal) in [2, 4, 8, 16, 32, 64].into_iter().zip(ideal) {
            let Some(ideal) = ideal else { continue };
            let ours = speed_up(&work, workers);
            assert!(ours >= 0.97 * ideal, "{name} on {workers}: {ours:.2}, and {ideal} is ideal");
        }
    }
}

#[test]
fn no_number_of_workers_beats_the_serial_parts_or_itself() {
    for (name, work) in workloads() {
        let serial = work.items.len() as f64 * 20.0;
        let most = (work.items.iter().sum::<u64>() as f64 + 2.0 * serial) / serial;
        for workers in [3, 128] {
            let ours = speed_up(&work, workers);
            assert!(ours <= most.min(workers as f64), "{name} on {workers}: {ours}");
        }
    }
}

#[test]
fn one_worker_is_a_loop_that_pays_one_percent_for_its_batches() {
    for items in [vec![100; 100_000], vec![10_000; 10_000]] {
        let alone = speed_up(&Work { items, source: 20, sink: 20 }, 1);
        assert!((0.99..=1.0).contains(&alone), "{alone}");
    }
    assert!(speed_up(&Work { items: Vec::new(), source: 20, sink: 20 }, 4) <= 1.0);
}

#[test]
fn with_a_window_of_two_batches_for_each_worker_heavy_items_hold_the_others_up() {
    let (_, rare) = workloads().swap_remove(6);
    let end = |per_worker: usize| {
        let mut simulation = Simulation::new(&rare, 16);
        simulation.window = per_worker * 16;
        simulation.run()
    };
    let (short, set) = (end(2), Simulation::new(&rare, 16).run());
    assert!(short as f64 > 1.5 * set as f64, "{short} and {set} ns");
}
