//! Laws for the parts that others write: sources, batches, stages, sinks.

use crate::batch::{Batch, Reread};
use crate::context::Context;
use crate::executor::{Executor, Profile};
use crate::inline::Inline;
use crate::item::Item;
use crate::run::RunState;
use crate::settings::Settings;
use crate::sink::Sink;
use crate::source::{Source, Want, from_source};
use crate::stage::{BoxError, Emit, Flow, Step};
use crate::testing::{Fuzz, Pull, Rng, ScriptedSource};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A source gives the same items in the same order, each once, whatever is wanted; its positions increase; no batch knows that it
/// is empty; and its end is an end. `own` makes something of an item that can be kept and compared.
///
/// ```
/// use pipe_core::testing::{TextSource, laws};
///
/// laws::source(|| TextSource::new(["one", "two", "three"]), |line: &str| line.to_owned());
/// ```
pub fn source<S: Source, T: PartialEq + Debug>(
    make: impl Fn() -> S,
    own: impl for<'a> Fn(<S::Item as Item>::Of<'a>) -> T,
) {
    let all = read(make(), Want::MOST, &own, false);
    for want in wants() {
        let got = read(make(), want, &own, false);
        assert!(got == all, "asked for {want:?} it gives {} items, and not {}", got.len(), all.len());
    }
}

/// As [`source()`], for a source that counts its items before it gives them: no batch has more than were wanted.
pub fn counted_source<S: Source, T: PartialEq + Debug>(
    make: impl Fn() -> S,
    own: impl for<'a> Fn(<S::Item as Item>::Of<'a>) -> T,
) {
    source(&make, &own);
    for want in wants() {
        read(make(), want, &own, true);
    }
}

fn wants() -> impl Iterator<Item = Want> {
    let sizes = [(1, 1), (1, 1 << 18), (2, 1 << 18), (7, 64), (8_192, 1), (8_192, 100), (100, 1 << 18)];
    sizes.into_iter().map(|(items, bytes)| Want { items, bytes })
}

fn read<S: Source, T>(
    mut source: S,
    want: Want,
    own: &impl for<'a> Fn(<S::Item as Item>::Of<'a>) -> T,
    counted: bool,
) -> Vec<(u64, T)> {
    let mut all: Vec<(u64, T)> = Vec::new();
    while let Some(mut batch) = source.pull(want).unwrap_or_else(|error| panic!("it fails: {error}")) {
        assert!(!batch.is_empty(), "a batch that knows that it has no item");
        let before = all.len();
        batch.load().unwrap_or_else(|error| panic!("a batch cannot be loaded: {error}"));
        batch.drive(usize::MAX, |at, item| {
            assert!(all.last().is_none_or(|(last, _)| *last < at), "position {at} comes twice, or too late");
            all.push((at, own(item)));
            Flow::Continue(())
        });
        let items = all.len() - before;
        assert!(!counted || items <= want.items, "a batch of {items} items, and {} were wanted", want.items);
    }
    all
}

/// A batch lends the same items at the same positions however often it is driven and left; `position` names the item lent last, also
/// after a break and after a panic; halves hold all; `is_empty` and `payload` do not lie. `make` makes the same batch each time.
///
/// ```
/// use pipe_core::Items;
/// use pipe_core::testing::laws;
///
/// laws::batch(|| Items::new(40, vec![1, 2, 3]), |n| n);
/// ```
pub fn batch<B: Batch, T: PartialEq + Debug>(make: impl Fn() -> B, own: impl for<'a> Fn(B::Item<'a>) -> T) {
    let all = driven(&mut make(), usize::MAX, &own);
    assert!(make().payload() <= make().bytes(), "it has more bytes of items than it keeps alive");
    for limit in 1..=all.len() + 1 {
        let (mut batch, mut seen) = (make(), Vec::new());
        loop {
            let some = driven(&mut batch, limit, &own);
            assert!(some.len() <= limit, "it lent {} items, and {limit} were allowed", some.len());
            let Some((last, _)) = some.last() else { break };
            assert_eq!(batch.position(), *last, "the position of the item lent last");
            seen.extend(some);
        }
        assert!(seen == all, "driven {limit} at a time it lends other items");
        assert_eq!(driven(&mut batch, limit, &own).len(), 0, "an empty batch lends an item");
    }
    for stop in 0..all.len() {
        left(make(), stop, &all, &own);
        halved(make(), stop, &all, &own);
    }
}

fn driven<B: Batch, T>(
    batch: &mut B,
    limit: usize,
    own: &impl for<'a> Fn(B::Item<'a>) -> T,
) -> Vec<(u64, T)> {
    let mut seen = Vec::new();
    let empty = batch.is_empty();
    let lent = batch.drive(limit, |at, item| {
        seen.push((at, own(item)));
        Flow::Continue(())
    });
    assert_eq!(lent, seen.len(), "how many it says it lent");
    assert!(!empty || lent == 0, "it was empty, and lent {lent} items");
    seen
}

/// Left by a break, and by a panic, at item `stop`.
fn left<B: Batch, T: PartialEq + Debug>(
    mut batch: B,
    stop: usize,
    all: &[(u64, T)],
    own: &impl for<'a> Fn(B::Item<'a>) -> T,
) {
    let mut count = 0;
    let lent = batch.drive(usize::MAX, |_, _| {
        count += 1;
        if count > stop { Flow::Break(()) } else { Flow::Continue(()) }
    });
    assert_eq!((lent, batch.position()), (stop + 1, all[stop].0), "left by a break: how many, and where");
    let Some(next) = all.get(stop + 1) else { return };
    let thrown =
        catch_unwind(AssertUnwindSafe(|| batch.drive(usize::MAX, |_, _| resume_unwind(Box::new(())))));
    assert!(thrown.is_err(), "it swallowed a panic");
    assert_eq!(batch.position(), next.0, "the position after a panic");
    assert!(
        driven(&mut batch, usize::MAX, own) == all[stop + 2..],
        "after a break and a panic other items follow"
    );
}

/// Split after `lent` items.
fn halved<B: Batch, T: PartialEq + Debug>(
    mut front: B,
    lent: usize,
    all: &[(u64, T)],
    own: &impl for<'a> Fn(B::Item<'a>) -> T,
) {
    let mut seen = if lent == 0 { Vec::new() } else { driven(&mut front, lent, own) };
    let back = front.split();
    seen.extend(driven(&mut front, usize::MAX, own));
    if let Some(mut back) = back {
        let half = driven(&mut back, usize::MAX, own);
        assert!(!half.is_empty(), "it gave away an empty half");
        seen.extend(half);
    }
    assert!(seen == all, "split after {lent} items its halves hold others");
}

/// A batch that can be read again gives its next item alone, at its position, and keeps it.
pub fn reread<B: Reread, T: PartialEq + Debug>(make: impl Fn() -> B, own: impl for<'a> Fn(B::Item<'a>) -> T) {
    let mut batch = make();
    for expected in driven(&mut make(), usize::MAX, &own) {
        let expected = [expected];
        for _ in 0..2 {
            let mut one = batch.reread().expect("there is one more");
            assert_eq!(driven(&mut one, usize::MAX, &own), expected, "read again it is another one");
        }
        assert_eq!(driven(&mut batch, 1, &own), expected, "it has not kept the item");
    }
    assert!(batch.reread().is_none(), "it gives an item that it has not");
}

/// A stage gives the same outputs for an input however that is cut into batches and whoever works on them, and stops when it is told to.
/// For stages whose outputs come from `push`, not from `finish`.
pub fn stage<S, In, T>(make: impl Fn() -> S, input: &[In])
where
    S: Step<In, Out = T> + 'static,
    In: Clone + Send + 'static,
    T: PartialEq + Debug + Send + 'static,
{
    let whole = [input.to_vec()].into_iter().filter(|items| !items.is_empty());
    let expected = outputs(make(), whole, &Inline);
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let (mut rest, mut cut) = (input, Vec::new());
        while !rest.is_empty() {
            let (front, back) = rest.split_at((1 + rng.below(9) as usize).min(rest.len()));
            (rest, _) = (back, cut.push(front.to_vec()));
        }
        let got = outputs(make(), cut.into_iter(), &Fuzz::new(seed));
        assert!(got == expected, "seed {seed}: with other batches and workers it gives other outputs");
    }
    for allowed in 0..=expected.len().min(50) {
        stops(&make(), input, allowed);
    }
}

fn outputs<S, In, T, X>(stage: S, batches: impl Iterator<Item = Vec<In>>, executor: &X) -> Vec<T>
where
    S: Step<In, Out = T> + 'static,
    In: Send + 'static,
    T: Send + 'static,
    X: Executor<'static, Ran = Result<(), crate::RunError>>,
{
    let source = ScriptedSource::new(batches.map(Pull::Give));
    let ran = from_source(source).stage(stage).on_error(crate::skip()).collect().run_on(executor);
    ran.unwrap_or_else(|error| panic!("it fails: {error}")).value
}

/// Refuses the output after `allowed` ones: from then on the stage has to return `Break` and emit nothing.
fn stops<S: Step<In>, In: Clone>(stage: &S, input: &[In], allowed: usize) {
    struct Refuses {
        left: usize,
        broken: bool,
        context: Context,
    }
    impl<T> Emit<T> for Refuses {
        fn emit(&mut self, _: T) -> Flow {
            assert!(!self.broken, "it emits after it was told to stop");
            self.broken = self.left == 0;
            self.left = self.left.saturating_sub(1);
            if self.broken { Flow::Break(()) } else { Flow::Continue(()) }
        }
        fn context(&mut self) -> &mut Context {
            &mut self.context
        }
        fn fail(&mut self, _: BoxError) -> Flow {
            Flow::Continue(())
        }
    }
    let profile = Profile { name: "a law", workers: 1, memory_limit: 1 << 20, budget: None };
    let run = RunState::new(
        Settings::new(),
        profile,
        Executor::<'static>::runner(&Inline),
        Executor::<'static>::clock(&Inline),
    );
    let context = Context::new(run.clone(), 0, run.cancel().leash().knife());
    let mut out = Refuses { left: allowed, broken: false, context };
    let mut state = stage.state();
    for item in input {
        let flow = stage.push(&mut state, item.clone(), &mut out);
        if out.broken {
            assert!(flow.is_break(), "it was told to stop, and wants to go on");
            return;
        }
    }
}

/// A sink keeps what was written when it is committed, also when that is nothing; and one that is dropped uncommitted does not keep the
/// next one from doing so. `read` gives what the last committed sink has kept.
///
/// ```
/// use pipe_core::testing::{ScriptedSink, laws};
/// use std::sync::Mutex;
///
/// let last = Mutex::new(None);
/// let make = || {
///     let (sink, log) = ScriptedSink::new();
///     *last.lock().unwrap() = Some(log);
///     sink
/// };
/// laws::sink(make, &[1, 2, 3], || last.lock().unwrap().as_ref().unwrap().items());
/// ```
pub fn sink<S: Sink<T>, T: Clone + PartialEq + Debug>(
    make: impl Fn() -> S,
    items: &[T],
    read: impl Fn() -> Vec<T>,
) {
    let write = |sink: &mut S, items: &[T]| {
        for item in items {
            sink.write(item.clone()).unwrap_or_else(|error| panic!("it cannot write {item:?}: {error}"));
        }
    };
    let commit = |sink: S| match sink.commit() {
        Ok(_) => (),
        Err(error) => panic!("it cannot commit: {error}"),
    };
    for written in [items.len(), 0, items.len() / 2] {
        // One that failed before.
        let mut dropped = make();
        write(&mut dropped, &items[..items.len() / 2]);
        drop(dropped);
        let mut sink = make();
        write(&mut sink, &items[..written]);
        commit(sink);
        assert_eq!(read(), items[..written], "what it has kept after the commit");
    }
}
