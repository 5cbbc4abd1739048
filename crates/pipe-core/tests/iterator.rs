//! A pipeline as an iterator.
#![cfg(feature = "testing")]

use pipe_core::testing::{LetterLog, Live, Pull, ScriptedSource, laws};
use pipe_core::{RunError, from_iter, from_source};

#[test]
fn it_gives_what_run_on_would() {
    let chain =
        || from_iter(0..10_000u64).filter(|n| n % 3 == 0).flat_map(|n| [n, n + 1]).edge().map(|n| n * 2);
    let run = chain().collect().run_on(&pipe_core::Inline).unwrap().value;
    let iterated: Vec<u64> = chain().iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(iterated, run);
}

#[test]
fn dropping_it_drops_the_rest_and_pulls_no_more() {
    let live = Live::new();
    let (items, outputs) = (live.clone(), live.clone());
    let mut squares =
        from_iter((0u64..).map(move |n| items.item(n))).map(|n| outputs.item(n.value * n.value)).iter();
    let first: Vec<u64> = squares.by_ref().take(10).map(|n| n.unwrap().value).collect();
    assert_eq!(first, (0..10).map(|n| n * n).collect::<Vec<_>>());
    drop(squares);
    assert_eq!(live.now(), 0);
    // Batches begin with one item and double, so that little is read ahead.
    assert!(live.made() < 2 * 64, "{} items were made for ten", live.made());
}

#[test]
fn an_item_that_never_ends_can_be_dropped_only_between_batches_so_it_gives_a_budget_error() {
    let endless = from_iter([0u64]).flat_map(|n| std::iter::repeat_n([n; 1 << 10], 1 << 20)).iter();
    let last = endless.last().unwrap();
    assert!(matches!(last, Err(RunError::Budget { .. })), "8 GiB from one item");
}

#[test]
fn an_error_comes_after_what_was_emitted_before_it_and_ends_the_iteration() {
    let mut narrow = from_iter([1u32, 2, 300, 4]).try_map(u8::try_from).named("narrow").iter();
    assert_eq!(narrow.next().unwrap().unwrap(), 1);
    assert_eq!(narrow.next().unwrap().unwrap(), 2);
    assert_eq!(
        narrow.next().unwrap().unwrap_err().to_string(),
        "stage narrow failed at 2: out of range integral type conversion attempted"
    );
    assert!(narrow.next().is_none());
    assert!(narrow.next().is_none());
}

#[test]
fn an_error_of_the_source_comes_after_what_it_gave() {
    let script = [Pull::Give(vec![1, 2]), Pull::Fail("torn".to_owned())];
    let all: Vec<_> = from_source(ScriptedSource::new(script))
        .map(|n| n * 10)
        .iter()
        .map(|n| n.map_err(|error| error.to_string()))
        .collect();
    assert_eq!(all, [Ok(10), Ok(20), Err("source: torn".to_owned())]);
}

#[test]
fn what_stages_keep_until_the_end_comes_at_the_end() {
    let mut source = from_source(ScriptedSource::<u8>::new([])).iter();
    assert!(source.next().is_none());
    let one: Vec<u8> = from_iter([7u8]).iter().map(Result::unwrap).collect();
    assert_eq!(one, [7]);
}

#[test]
fn dead_letters_are_finished_at_the_end_after_an_error_and_when_it_is_dropped() {
    let odd = |n: u64| if n % 2 == 1 { Err("odd") } else { Ok(n) };
    let all = LetterLog::new();
    assert_eq!(from_iter(0..10).try_map(odd).on_error(all.policy()).iter().count(), 5);
    assert_eq!((all.letters().len(), all.finishes()), (5, 1));
    let part = LetterLog::new();
    drop(from_iter(0..10).try_map(odd).on_error(part.policy()).iter().nth(1));
    assert_eq!(part.finishes(), 1);
    let failed = LetterLog::new();
    let chain = from_iter(0..10).try_map(odd).on_error(failed.policy());
    let last = chain.try_map(|n| if n == 6 { Err("six") } else { Ok(n) }).iter().last().unwrap();
    assert_eq!(last.unwrap_err().to_string(), "stage try_map#1 failed at 6: six");
    assert_eq!(failed.finishes(), 1);
    let torn = LetterLog::new().failing_to_finish();
    let last = from_iter(0..10).try_map(odd).on_error(torn.policy()).iter().last().unwrap();
    assert_eq!(last.unwrap_err().to_string(), "dead letters of stage try_map#0: full");
}

#[test]
fn random_pipelines_give_as_iterators_what_the_naive_loop_gives() {
    for seed in laws::seeds(0..500) {
        laws::random_iterator(seed);
    }
}

#[test]
fn the_first_outputs_of_an_item_that_explodes_can_be_had_and_the_rest_dropped() {
    let many = from_iter([0u64]).flat_map(|_| 0..100_000_000u64).iter_within(1 << 20);
    let first: Vec<u64> = many.take(10).map(Result::unwrap).collect();
    assert_eq!(first, (0..10).collect::<Vec<_>>());
}
