//! Sinks made of sinks.
#![cfg(feature = "testing")]

use pipe_core::testing::{Pull, Rng, ScriptedSink, ScriptedSource};
use pipe_core::{BoxError, Inline, Position, RunError, Sink, from_iter, from_source, route, tee};

/// Keeps items with their positions; refuses to be written without.
#[derive(Default)]
struct Places(Vec<(u64, u64)>);

impl Sink<u64> for Places {
    type Done = Vec<(u64, u64)>;
    const POSITIONS: bool = true;

    fn write(&mut self, _: u64) -> Result<(), BoxError> {
        Err("written without a position".into())
    }

    fn write_at(&mut self, position: Position, item: u64) -> Result<(), BoxError> {
        self.0.push((position.raw(), item));
        Ok(())
    }

    fn commit(self) -> Result<Self::Done, BoxError> {
        Ok(self.0)
    }
}

/// Keeps items; refuses positions, for which it has not asked.
#[derive(Default)]
struct Plain(Vec<u64>);

impl Sink<u64> for Plain {
    type Done = Vec<u64>;

    fn write(&mut self, item: u64) -> Result<(), BoxError> {
        self.0.push(item);
        Ok(())
    }

    fn write_at(&mut self, _: Position, _: u64) -> Result<(), BoxError> {
        Err("written with a position".into())
    }

    fn commit(self) -> Result<Self::Done, BoxError> {
        Ok(self.0)
    }
}

fn positions_of<S: Sink<u64>>(_: &S) -> bool {
    S::POSITIONS
}

#[test]
fn every_branch_gets_what_it_asks_for() {
    let even = |n: &u64| n.is_multiple_of(2);
    assert!(!positions_of(&tee(Plain::default(), Plain::default())));
    assert!(!positions_of(&route(even, Plain::default(), Plain::default())));
    let inner = route(even, Places::default(), tee(Plain::default(), Places::default()));
    let sink = tee(Plain::default(), inner);
    assert!(positions_of(&sink));

    let kept = from_iter(0..20_000u64).filter(|n| n % 3 != 0).map(|n| n * 10 + 1).map(|n| n / 10);
    let (all, (evens, (odds, odd_places))) = kept.to(sink).run_on(&Inline).unwrap().value;
    let expected: Vec<u64> = (0..20_000).filter(|n| n % 3 != 0).collect();
    assert_eq!(all, expected);
    let places =
        |keep: fn(&u64) -> bool| expected.iter().copied().filter(keep).map(|n| (n, n)).collect::<Vec<_>>();
    assert_eq!(evens, places(|n| n % 2 == 0));
    assert_eq!(odd_places, places(|n| n % 2 == 1));
    assert_eq!(odds, odd_places.into_iter().map(|(_, n)| n).collect::<Vec<_>>());
}

#[test]
fn without_positions_it_is_the_same() {
    let sink = tee(vec![], route(|n: &u64| *n < 5, Plain::default(), tee(vec![], vec![])));
    let (all, (low, (high, again))) = from_iter(0..10u64).to(sink).run_on(&Inline).unwrap().value;
    assert_eq!((all.len(), low, &high), (10, vec![0, 1, 2, 3, 4], &vec![5, 6, 7, 8, 9]));
    assert_eq!(high, again);
}

#[test]
fn the_way_may_depend_on_the_items_before() {
    let mut rng = Rng::new(3);
    let coins: Vec<bool> = (0..1_000).map(|_| rng.below(2) == 0).collect();
    let mut toss = coins.clone().into_iter();
    let (heads, tails) = from_iter(0..1_000usize)
        .to(route(move |_: &usize| toss.next().unwrap(), vec![], vec![]))
        .run_on(&Inline)
        .unwrap()
        .value;
    assert!(heads.iter().all(|n| coins[*n]) && tails.iter().all(|n| !coins[*n]));
    assert_eq!(heads.len() + tails.len(), 1_000);
}

#[test]
fn the_first_failed_commit_is_the_error_and_the_rest_is_dropped_uncommitted() {
    // (which of the two fails) -> (commits of the first, commits of the second)
    for (fails, commits) in [(0, (0, 0)), (1, (1, 0)), (2, (1, 1))] {
        let (mut first, first_log) = ScriptedSink::new();
        let (mut second, second_log) = ScriptedSink::new();
        first = if fails == 0 { first.failing_to_commit() } else { first };
        second = if fails == 1 { second.failing_to_commit() } else { second };
        let ended = from_iter(0..3u64).to(tee(first, second)).run_on(&Inline);
        assert_eq!(ended.is_ok(), fails == 2);
        if let Err(error) = ended {
            assert!(matches!(error, RunError::Sink { written: 3, .. }), "{error}");
        }
        assert_eq!((first_log.commits(), second_log.commits()), commits);
        assert_eq!((first_log.drops(), second_log.drops()), (1, 1));
        assert_eq!((first_log.items(), second_log.items()), (vec![0, 1, 2], vec![0, 1, 2]));
    }
}

#[test]
fn a_failed_write_ends_the_run_and_nothing_is_committed() {
    for first_fails in [true, false] {
        let (first, first_log) = ScriptedSink::new();
        let (second, second_log) = ScriptedSink::new();
        let (first, second) =
            if first_fails { (first.failing_at(2), second) } else { (first, second.failing_at(2)) };
        let ended = from_iter(0..5u64).to(tee(first, second)).run_on(&Inline).unwrap_err();
        assert!(matches!(ended, RunError::Sink { written: 2, .. }), "{ended}");
        assert_eq!((first_log.commits(), second_log.commits()), (0, 0));
        assert_eq!((first_log.drops(), second_log.drops()), (1, 1));
        assert_eq!(first_log.items().len(), if first_fails { 2 } else { 3 });
    }
}

#[test]
fn a_failed_source_commits_neither() {
    let (first, first_log) = ScriptedSink::new();
    let (second, second_log) = ScriptedSink::new();
    let source = ScriptedSource::new([Pull::Give(vec![1, 2, 3]), Pull::Fail("gone".into())]);
    let ended = from_source(source).to(route(|n| *n == 2, first, second)).run_on(&Inline);
    assert!(matches!(ended, Err(RunError::Source { .. })));
    assert_eq!((first_log.items(), second_log.items()), (vec![2], vec![1, 3]));
    assert_eq!((first_log.commits(), second_log.commits()), (0, 0));
}
