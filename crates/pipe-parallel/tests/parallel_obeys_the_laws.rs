//! The parallel executor against the kit, in every shape that changes who does what.

use pipe_core::testing::laws;
use pipe_parallel::Parallel;

#[test]
fn one_worker_obeys_all_laws() {
    laws::executor(&Parallel::new().workers(1));
}

#[test]
fn two_workers_obey_all_laws() {
    laws::executor(&Parallel::new().workers(2));
}

#[test]
fn more_workers_than_cores_obey_all_laws() {
    laws::executor(&Parallel::new().workers(7));
}

#[test]
fn a_small_memory_limit_obeys_all_laws() {
    laws::executor(&Parallel::new().workers(3).memory_limit(4 << 10));
}

#[test]
fn exploding_items_stay_within_the_memory_limit() {
    for (workers, limit) in [(1, 1 << 20), (2, 1 << 20), (4, 256 << 10), (4, 1 << 10)] {
        let parallel = Parallel::new().workers(workers).memory_limit(limit);
        laws::an_exploding_item_stays_within(&parallel, limit + workers * (2 * (64 << 10)));
    }
}
