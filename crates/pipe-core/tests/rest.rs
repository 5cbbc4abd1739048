//! A stage that gathers items is asked for what it has at each pause, so that order is kept however batches are shared.
#![cfg(feature = "testing")]

use pipe_core::testing::Fuzz;
use pipe_core::{Emit, Flow, Inline, RunError, Stage, Step, from_iter, skip};

/// Strings together what comes, ten at most.
struct Strings;

impl Stage for Strings {
    type State = Vec<u64>;
    fn state(&self) -> Vec<u64> {
        Vec::new()
    }
}

impl Step<u64> for Strings {
    type Out = Vec<u64>;

    fn push<O: Emit<Vec<u64>>>(&self, string: &mut Vec<u64>, item: u64, out: &mut O) -> Flow {
        string.push(item);
        if string.len() < 10 { Flow::Continue(()) } else { out.emit(std::mem::take(string)) }
    }

    fn rest<O: Emit<Vec<u64>>>(&self, string: &mut Vec<u64>, out: &mut O) -> Flow {
        if string.is_empty() { Flow::Continue(()) } else { out.emit(std::mem::take(string)) }
    }

    fn finish<O: Emit<Vec<u64>>>(&self, mut string: Vec<u64>, out: &mut O) -> Flow {
        self.rest(&mut string, out)
    }
}

#[test]
fn what_is_gathered_keeps_its_place() {
    for seed in 0..200 {
        let strings = from_iter(0..3_000).stage(Strings).map(|string| string).collect();
        let strings = strings.run_on(&Fuzz::new(seed)).unwrap().value;
        assert!(strings.concat().into_iter().eq(0..3_000), "seed {seed}");
        assert!(strings.iter().all(|string| (1..=10).contains(&string.len())));
    }
}

#[test]
fn what_fails_in_what_was_gathered_is_the_business_of_its_stage() {
    // A string of several is refused, wherever it comes out.
    let picky = |string: Vec<u64>| if string.contains(&2_999) { Err("the end") } else { Ok(string) };
    let report = from_iter(0..3_000).stage(Strings).try_map(picky).on_error(skip()).collect().run_on(&Inline);
    let report = report.unwrap();
    assert_eq!(report.skipped(), 1);
    let kept = report.value.concat();
    assert!(kept.iter().copied().eq(0..kept.len() as u64) && kept.len() >= 2_990);
    for seed in 0..50 {
        let failed =
            from_iter(0..3_000).stage(Strings).try_map(picky).collect().run_on(&Fuzz::new(seed)).unwrap_err();
        let RunError::Stage { stage, .. } = failed else { panic!("{failed}") };
        assert_eq!(stage, "try_map#1");
    }
}
