//! Sources made of sources.
#![cfg(feature = "testing")]

use pipe_core::testing::{Pull, Rng, ScriptedSource};
use pipe_core::{
    Batch, Bound, BoxError, BranchError, BranchErrorKind, BranchSource, Flow, FromIter, Inline, Items,
    Merged, Own, Position, Reread, RunError, Sink, Source, Truncate, Want, branch, concat, from_source,
    merge, zip,
};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

const ALL: Want = Want { items: usize::MAX, bytes: usize::MAX };

/// Long enough never to be waited for.
const LONG: Duration = Duration::from_secs(3_600);

/// `items` numbers from `first` on, in batches of random sizes.
fn script(rng: &mut Rng, first: u64, items: u64) -> ScriptedSource<u64> {
    let (mut pulls, mut next) = (Vec::new(), first);
    while next < first + items {
        let end = (next + 1 + rng.below(5)).min(first + items);
        pulls.push(Pull::Give((next..end).collect()));
        next = end;
    }
    ScriptedSource::new(pulls)
}

/// Item and position of all that a source gives, in slices of random sizes.
fn drain<S: Source<Item = Own<T>>, T>(mut source: S, rng: &mut Rng) -> Result<Vec<(Position, T)>, BoxError> {
    let mut all = Vec::new();
    while let Some(mut batch) = source.pull(Want { items: 1 + rng.below(7) as usize, bytes: 1 << 20 })? {
        assert_eq!(batch.position(), 0, "nothing was lent yet");
        let mut parts = vec![batch.split(), Some(batch)];
        while let Some(part) = parts.pop() {
            let Some(mut part) = part else { continue };
            let limit = 1 + rng.below(3) as usize;
            while part.drive(limit, |at, item| {
                all.push((Position::from_raw(at), item));
                Flow::Continue(())
            }) > 0
            {
                assert_eq!(part.position(), all.last().unwrap().0.raw());
            }
        }
    }
    Ok(all)
}

/// How many items each input has; which of the fan-ins is meant.
fn lengths(rng: &mut Rng) -> Vec<u64> {
    (0..rng.below(5)).map(|_| rng.below(20)).collect()
}

#[test]
fn concat_gives_one_after_the_other_and_names_the_input() {
    for seed in 0..300 {
        let rng = &mut Rng::new(seed);
        let lengths = lengths(rng);
        let inputs: Vec<_> = lengths.iter().map(|items| script(rng, 100, *items)).collect();
        let expected: Vec<_> = lengths
            .iter()
            .enumerate()
            .flat_map(|(input, items)| {
                (0..*items).map(move |n| (Position::from_raw(n).of_input(input), 100 + n))
            })
            .collect();
        assert_eq!(drain(concat(inputs), rng).unwrap(), expected, "seed {seed}");
    }
}

#[test]
fn merge_gives_all_and_each_input_in_order() {
    for seed in 0..300 {
        let rng = &mut Rng::new(seed);
        let lengths = lengths(rng);
        let inputs: Vec<_> = lengths.iter().map(|items| script(rng, 100, *items)).collect();
        let merged = drain(merge(inputs), rng).unwrap();
        for (input, items) in lengths.iter().enumerate() {
            let of_input: Vec<_> = merged.iter().filter(|(at, _)| at.input() == input).copied().collect();
            let expected: Vec<_> =
                (0..*items).map(|n| (Position::from_raw(n).of_input(input), 100 + n)).collect();
            assert_eq!(of_input, expected, "seed {seed}");
        }
        assert_eq!(merged.len() as u64, lengths.iter().sum::<u64>());
    }
}

#[test]
fn zip_pairs_until_the_shorter_ends() {
    for seed in 0..300 {
        let rng = &mut Rng::new(seed);
        let (left, right) = (rng.below(30), rng.below(30));
        let (a, b) = (script(rng, 0, left), script(rng, 1_000, right));
        let expected: Vec<_> =
            (0..left.min(right)).map(|n| (Position::from_raw(n), (n, 1_000 + n))).collect();
        assert_eq!(drain(zip(a, b), rng).unwrap(), expected, "seed {seed}");
    }
}

#[test]
fn merge_takes_turns() {
    let input = |n: u64, batches| ScriptedSource::new((0..batches).map(|_| Pull::Give(vec![n])));
    let merged =
        from_source(merge([input(0, 3), input(1, 1), input(2, 5)])).collect().run_on(&Inline).unwrap();
    assert_eq!(merged.value, [0, 1, 2, 0, 2, 0, 2, 2, 2]);
}

#[test]
fn an_error_names_the_input() {
    let inputs =
        || [ScriptedSource::new([Pull::Give(vec![0; 9])]), ScriptedSource::new([Pull::Give(vec![1, 0, 2])])];
    let refuse = |n: u64| if n == 2 { Err("two") } else { Ok(n) };
    let errors = [
        from_source(concat(inputs())).try_map(refuse).collect().run_on(&Inline).unwrap_err(),
        from_source(merge(inputs())).try_map(refuse).collect().run_on(&Inline).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "stage try_map#0 failed at 2 of input 1: two");
    }
}

#[test]
fn more_inputs_than_positions_can_tell_share_the_last_number() {
    let inputs = (0..300u64).map(|n| FromIter::new([n]));
    for (position, n) in drain(concat(inputs), &mut Rng::new(0)).unwrap() {
        assert_eq!(position.input() as u64, n.min(255));
    }
}

#[test]
fn none_and_one_are_fine() {
    let none: [FromIter<std::ops::Range<u64>>; 0] = [];
    assert!(merge(none).pull(ALL).unwrap().is_none());
    assert!(concat([FromIter::new(0..0u64), FromIter::new(0..0)]).pull(ALL).unwrap().is_none());
    assert_eq!(
        drain(merge([FromIter::new(5..6u64)]), &mut Rng::new(0)).unwrap(),
        [(Position::from_raw(0), 5)]
    );
}

#[test]
fn sources_of_several_types_are_boxed() {
    type Numbers = Box<dyn Source<Item = Own<u64>, Batch = Items<u64>>>;
    let make = || -> [Numbers; 2] {
        [Box::new(FromIter::new(0..2u64)), Box::new(ScriptedSource::new([Pull::Give(vec![7])]))]
    };
    assert_eq!(from_source(concat(make())).collect().run_on(&Inline).unwrap().value, [0, 1, 7]);
    let [a, b] = make();
    assert_eq!(from_source(zip(a, b)).collect().run_on(&Inline).unwrap().value, [(0, 7)]);
}

#[test]
fn the_error_of_an_input_is_the_error_of_the_run() {
    let inputs =
        || [ScriptedSource::new([Pull::Give(vec![1]), Pull::Fail("gone".into())]), ScriptedSource::new([])];
    let [a, b] = inputs();
    let ends = [
        from_source(concat(inputs())).collect().run_on(&Inline).map(|_| ()),
        from_source(merge(inputs())).collect().run_on(&Inline).map(|_| ()),
        from_source(zip(FromIter::new(0..9u64), a)).collect().run_on(&Inline).map(|_| ()),
    ];
    drop(b);
    for end in ends {
        assert_eq!(end.unwrap_err().to_string(), "source: gone");
    }
}

#[test]
fn a_tagged_batch_can_be_cut_and_read_again() {
    let mut batch = merge([FromIter::new(0..0u64), FromIter::new(10..20)]).pull(ALL).unwrap().unwrap();
    assert_eq!(batch.truncate(4), 4);
    let mut one = batch.reread().unwrap();
    let mut seen = Vec::new();
    let mut see = |at, item| {
        seen.push((Position::from_raw(at).to_string(), item));
        Flow::Continue(())
    };
    assert_eq!((one.drive(9, &mut see), batch.drive(9, &mut see)), (1, 4));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[4], ("3 of input 1".to_owned(), 13));
    assert_eq!((batch.is_empty(), batch.payload(), batch.bytes()), (true, 0, 0));
    assert!(batch.record(0).is_none() && batch.into_inner().len() == 0);
}

#[test]
fn zipped_items_weigh_what_they_own() {
    let texts = |n: usize, len: usize| FromIter::new(vec!["x".repeat(len); n]);
    let mut source = zip(texts(10, 100), texts(4, 1_000));
    let batch = source.pull(ALL).unwrap().unwrap();
    assert_eq!(batch.bytes(), 4 * (size_of::<(String, String)>() + 1_100));
}

fn open(name: &str) -> (pipe_core::BranchSink<u64>, BranchSource<u64>) {
    branch(name, Bound { stall_after: LONG, ..Bound::default() }).unwrap()
}

/// One item of the next batch.
fn next<S: Source<Item = Own<u64>>>(source: &mut S) -> Option<u64> {
    let mut batch = source.pull(Want { items: 1, ..ALL }).unwrap()?;
    let mut item = None;
    batch.drive(1, |_, lent| {
        item = Some(lent);
        Flow::Continue(())
    });
    item
}

#[test]
fn a_silent_input_does_not_hold_up_the_others() {
    let ((mut a, from_a), (mut b, from_b), (c, from_c)) = (open("a"), open("b"), open("c"));
    let mut merged = merge([merge([from_a, from_b]), merge([from_c])]).stall_after(LONG);
    b.write(1).unwrap();
    assert_eq!(next(&mut merged), Some(1));
    a.write(2).unwrap();
    assert_eq!(next(&mut merged), Some(2));
    c.commit().unwrap();
    b.write(3).unwrap();
    assert_eq!(next(&mut merged), Some(3));
    a.commit().unwrap();
    b.commit().unwrap();
    assert_eq!(next(&mut merged), None);
}

#[test]
fn a_merge_that_waits_is_woken_by_any_input() {
    let ((mut a, from_a), (mut b, from_b)) = (open("a"), open("b"));
    let (mut c, from_c) = open("c");
    let inputs: [Box<dyn Source<Item = Own<u64>, Batch = _>>; 2] =
        [Box::new(concat([from_a, from_c])), Box::new(concat([from_b]))];
    let mut merged: Merged<_> = merge(inputs).stall_after(LONG);
    thread::scope(|scope| {
        // Each item is waited for before the next is written: so the order is known, and the reader mostly waits when it comes.
        let (tell, told) = channel();
        scope.spawn(move || [(); 4].map(|()| tell.send(next(&mut merged)).unwrap()));
        let read = || told.recv().unwrap();
        b.write(1).unwrap();
        assert_eq!(read(), Some(1));
        a.write(2).unwrap();
        a.commit().unwrap();
        assert_eq!(read(), Some(2));
        c.write(3).unwrap();
        assert_eq!(read(), Some(3));
        c.commit().unwrap();
        b.commit().unwrap();
        assert_eq!(read(), None);
    });
}

#[test]
fn a_zip_inside_a_merge_keeps_what_has_no_partner_yet() {
    let ((mut a, from_a), (mut b, from_b)) = (open("a"), open("b"));
    let (mut c, from_c) = open("c");
    let pairs: [Box<dyn Source<Item = Own<(u64, u64)>, Batch = Items<(u64, u64)>>>; 2] =
        [Box::new(zip(from_a, from_b)), Box::new(zip(from_c, FromIter::new(0..9)))];
    let mut merged = merge(pairs).stall_after(LONG);
    let mut pull = || {
        let batch = merged.pull(ALL).unwrap()?;
        Some(batch.into_inner().collect::<Vec<_>>())
    };
    a.write(1).unwrap();
    c.write(2).unwrap();
    assert_eq!(pull(), Some(vec![(2, 0)]));
    b.write(3).unwrap();
    assert_eq!(pull(), Some(vec![(1, 3)]));
    c.commit().unwrap();
    a.commit().unwrap();
    assert_eq!(pull(), None);
}

#[test]
fn what_cannot_end_stalls_and_says_so() {
    let limit = Duration::from_millis(20);
    let tight =
        || branch::<u64>("tight", Bound { items: 2, stall_after: limit, ..Bound::default() }).unwrap();
    let ((a, from_a), (b, from_b)) = (tight(), tight());
    let (written, read) = thread::scope(|scope| {
        let reader = scope.spawn(|| from_source(concat([from_a, from_b])).collect().run_on(&Inline));
        let writer = pipe_core::from_iter(0..100u64).to(pipe_core::tee(a, b)).run_on(&Inline);
        (writer, reader.join().unwrap())
    });
    let stalled = |error: RunError| {
        let kind = error.stage_error::<BranchError>().map(BranchError::kind);
        assert!(
            matches!(
                kind,
                Some(
                    BranchErrorKind::Stalled { .. }
                        | BranchErrorKind::Abandoned
                        | BranchErrorKind::Closed { .. }
                )
            ),
            "{error}"
        );
        matches!(kind, Some(BranchErrorKind::Stalled { .. }))
    };
    assert!(
        stalled(written.unwrap_err()) | stalled(read.unwrap_err()),
        "one of them stalled, the other perhaps because of it"
    );

    let (_into, out) = tight();
    let error = merge([out]).stall_after(limit).pull(ALL).err().unwrap();
    let error = error.downcast_ref::<BranchError>().unwrap();
    assert!(matches!(error.kind(), BranchErrorKind::Stalled { waited, .. } if waited >= limit));
    assert_eq!(error.branch(), "merge of 1");
    let refused = merge([FromIter::new(0..1u64)]).stall_after(Duration::ZERO).check();
    assert!(matches!(refused, Err(RunError::Config { field: "merge.stall_after", .. })));
}
