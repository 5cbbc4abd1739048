//! The lazy executor against the kit, with limits of all sizes and with none.

use pipe_core::testing::laws;
use pipe_mem::Lazy;

fn obeys_all_laws(lazy: &Lazy) {
    let coverage = laws::executor(lazy);
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn without_a_limit_it_obeys_all_laws() {
    obeys_all_laws(&Lazy::new());
}

#[test]
fn with_a_small_limit_it_obeys_all_laws() {
    obeys_all_laws(&Lazy::new().memory_limit(1 << 20));
}

#[test]
fn it_stays_within_any_limit() {
    laws::within_limits(&|limit| Box::new(Lazy::new().memory_limit(limit)), &|_| 0);
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(Lazy::new);
}
