//! The tiled executor against the kit.

use pipe_cache::Tiled;
use pipe_core::testing::laws;

#[test]
fn it_obeys_all_laws() {
    let coverage = laws::executor(&Tiled::new());
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(Tiled::new);
}
