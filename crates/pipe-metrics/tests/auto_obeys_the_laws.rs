//! The executor that chooses, against the kit: where it keeps what it has, and where it hands the rest on in the middle.
#![cfg(all(feature = "advice", unix))]

use pipe_core::Inline;
use pipe_core::testing::laws;
use pipe_metrics::Auto;

#[test]
fn it_obeys_all_laws_where_the_head_is_all() {
    let coverage = laws::executor(&Auto::new(Inline).or(Inline));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn it_obeys_all_laws_where_it_hands_on_after_a_batch() {
    let coverage = laws::executor(&Auto::new(Inline).or(Inline).decide_at_once());
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(|| Auto::new(Inline).or(Inline).decide_at_once());
}
