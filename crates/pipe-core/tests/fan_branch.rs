//! The bounded edge between two runs.
#![cfg(feature = "testing")]

use pipe_core::testing::{Live, Pull, Rng, ScriptedSink, ScriptedSource};
use pipe_core::{
    Batch, Bound, BranchError, BranchErrorKind, BranchReport, BranchSink, BranchSource, Inline, Overflow,
    Position, RunError, Sink, Source, Want, Weigh, branch, from_iter, from_source, route, tee,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

const ALL: Want = Want { items: usize::MAX, bytes: usize::MAX };

/// Longer than any test: a wait that should have been woken hangs, and does not pass by its limit.
const NEVER: Duration = Duration::MAX;

fn bound(items: usize, overflow: Overflow) -> Bound {
    Bound { items, overflow, stall_after: NEVER, ..Bound::default() }
}

fn kind(error: &(dyn std::error::Error + 'static)) -> BranchErrorKind {
    error.downcast_ref::<BranchError>().unwrap_or_else(|| panic!("{error}")).kind()
}

/// What is there now; `None` where a pull would wait.
fn try_pull<T: Send + 'static>(source: &mut BranchSource<T>, want: Want) -> Option<Vec<(u64, T)>> {
    let Poll::Ready(batch) = source.poll_pull(want, Waker::noop()) else { return None };
    let mut batch = batch.unwrap()?;
    Some(std::iter::from_fn(|| batch.next_at()).collect())
}

#[test]
fn a_bound_of_zero_is_a_config_error() {
    let fields = [
        (Bound { items: 0, ..Bound::default() }, "branch.items"),
        (Bound { bytes: 0, ..Bound::default() }, "branch.bytes"),
        (Bound { stall_after: Duration::ZERO, ..Bound::default() }, "branch.stall_after"),
    ];
    for (bound, expected) in fields {
        match branch::<u64>("b", bound) {
            Err(RunError::Config { field, .. }) => assert_eq!(field, expected),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{expected} was taken"),
        }
    }
}

#[test]
fn items_come_in_order_with_their_positions_through_the_smallest_edges() {
    for (items, bytes) in [(1, 1), (1, 1 << 20), (1 << 20, 1), (3, 100), (1 << 20, 1 << 20)] {
        let bound = Bound { items, bytes, stall_after: NEVER, ..Bound::default() };
        let (into, out) = branch("all", bound).unwrap();
        let writer = from_iter(0..3_000u64).filter(|n| n % 7 != 0).map(|n| n * 2).to(into);
        let bad = |n: u64| if n > 5_000 { Err("large") } else { Ok(n + 1) };
        let reader = from_source(out).try_map(bad).collect();
        let (sent, read) = thread::scope(|scope| {
            let reader = scope.spawn(|| reader.run_on(&Inline));
            (writer.run_on(&Inline), reader.join().unwrap())
        });
        // The reader names the place in the writer's source, and is gone before the writer's end.
        match read.unwrap_err() {
            RunError::Stage { at, .. } => assert_eq!(at, Some(Position::from_raw(2_501))),
            error => panic!("{error}"),
        }
        assert!(
            sent.is_err() || items > 500 && bytes > 1 << 10,
            "a full edge without a reader fails the writer"
        );

        let (into, out) = branch("all", bound).unwrap();
        let writer = from_iter(0..3_000u64).filter(|n| n % 7 != 0).to(into);
        let reader = from_source(out).collect();
        let (sent, read) = thread::scope(|scope| {
            let reader = scope.spawn(|| reader.run_on(&Inline));
            (writer.run_on(&Inline).unwrap(), reader.join().unwrap().unwrap())
        });
        let expected: Vec<u64> = (0..3_000).filter(|n| n % 7 != 0).collect();
        assert_eq!(sent.value, BranchReport { sent: expected.len() as u64, dropped: 0 });
        assert_eq!((read.taken(), read.value), (expected.len() as u64, expected));
    }
}

/// The edge as a loop over a queue.
struct Naive {
    queue: VecDeque<(u64, String)>,
    bound: Bound,
    report: BranchReport,
}

fn weight(text: &str) -> usize {
    size_of::<String>() + text.len()
}

impl Naive {
    fn fits(&self, text: &str) -> bool {
        let bytes: usize = self.queue.iter().map(|(_, text)| weight(text)).sum();
        self.queue.is_empty()
            || self.queue.len() < self.bound.items && bytes + weight(text) <= self.bound.bytes
    }

    fn write(&mut self, position: u64, text: String) {
        self.report.sent += 1;
        while self.bound.overflow == Overflow::DropOldest && !self.fits(&text) {
            self.queue.pop_front();
            self.report.dropped += 1;
        }
        match self.fits(&text) {
            true => self.queue.push_back((position, text)),
            false => self.report.dropped += 1,
        }
    }

    fn pull(&mut self, want: Want) -> Option<Vec<(u64, String)>> {
        let (mut some, mut bytes) = (Vec::new(), 0);
        while some.is_empty() || some.len() < want.items && bytes < want.bytes {
            let Some((position, text)) = self.queue.pop_front() else { break };
            bytes += weight(&text);
            some.push((position, text));
        }
        (!some.is_empty()).then_some(some)
    }
}

#[test]
fn random_writes_and_pulls_agree_with_the_naive_queue() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let overflow = [Overflow::Block, Overflow::DropOldest, Overflow::DropNewest][rng.below(3) as usize];
        let (items, bytes) = (1 + rng.below(6) as usize, 1 + rng.below(300) as usize);
        let bound = Bound { items, bytes, overflow, stall_after: NEVER };
        let (mut into, mut out) = branch("texts", bound).unwrap();
        let mut naive = Naive { queue: VecDeque::new(), bound, report: BranchReport { sent: 0, dropped: 0 } };
        for position in 0..200u64 {
            let text = "x".repeat(rng.below(60) as usize);
            let waits = overflow == Overflow::Block && !naive.fits(&text);
            if rng.below(3) > 0 && !waits {
                naive.write(position, text.clone());
                into.write_at(Position::from_raw(position), text).unwrap();
            } else {
                let want = Want { items: rng.below(4) as usize, bytes: rng.below(200) as usize };
                assert_eq!(try_pull(&mut out, want), naive.pull(want), "seed {seed}");
            }
        }
        assert_eq!(into.commit().unwrap(), naive.report, "seed {seed}");
        assert_eq!(try_pull(&mut out, ALL), naive.pull(ALL), "seed {seed}");
        assert!(out.pull(ALL).unwrap().is_none());
    }
}

#[test]
fn a_batch_weighs_what_its_items_own() {
    let (mut into, mut out) = branch("texts", bound(10, Overflow::Block)).unwrap();
    into.write("x".repeat(1_000)).unwrap();
    into.write("y".repeat(10)).unwrap();
    let batch = out.pull(ALL).unwrap().unwrap();
    assert_eq!(Batch::bytes(&batch), 2 * size_of::<String>() + 1_010);

    struct Page(Vec<u8>);
    impl Weigh for Page {
        fn heap(&self) -> usize {
            self.0.heap()
        }
    }
    let (into, mut out) = branch("pages", bound(10, Overflow::Block)).unwrap();
    let mut into = into.weighed();
    into.write(Page(vec![0; 500])).unwrap();
    assert_eq!(Batch::bytes(&out.pull(ALL).unwrap().unwrap()), size_of::<Page>() + 500);
}

#[test]
fn a_writer_that_ends_without_a_commit_fails_the_reader() {
    let (mut into, mut out) = branch("b", bound(10, Overflow::Block)).unwrap();
    into.write(1).unwrap();
    drop(into);
    let failed = out.pull(ALL).err().unwrap();
    assert_eq!(kind(&*failed), BranchErrorKind::Abandoned);
    assert_eq!(failed.to_string(), "branch b: its writer ended without a commit");
}

#[test]
fn half_an_output_is_not_committed() {
    let (into, out) = branch("b", bound(2, Overflow::Block)).unwrap();
    let (copy, log) = ScriptedSink::new();
    let source = ScriptedSource::new([Pull::Give((0..100).collect()), Pull::Panic("lost".into())]);
    let (written, read) = thread::scope(|scope| {
        let reader = scope.spawn(move || from_source(out).to(copy).run_on(&Inline));
        (from_source(source).to(into).run_on(&Inline), reader.join().unwrap())
    });
    assert!(matches!(written, Err(RunError::Panicked { .. })));
    let error = read.unwrap_err();
    assert_eq!(error.stage_error::<BranchError>().map(BranchError::kind), Some(BranchErrorKind::Abandoned));
    assert_eq!((log.commits(), log.drops()), (0, 1));
}

#[test]
fn a_reader_that_ends_early_fails_a_writer_that_must_not_lose_items() {
    let (mut into, mut out) = branch("b", bound(10, Overflow::Block)).unwrap();
    for n in 0..3 {
        into.write(n).unwrap();
    }
    assert_eq!(try_pull(&mut out, Want { items: 1, ..ALL }), Some(vec![(0, 0)]));
    drop(out);
    let failed = into.write(3).unwrap_err();
    assert_eq!(kind(&*failed), BranchErrorKind::Closed { unread: 2 });
    assert_eq!(failed.to_string(), "branch b: its reader has ended, with 2 items unread");
    assert_eq!(kind(&*into.commit().unwrap_err()), BranchErrorKind::Closed { unread: 2 });

    // All was read, though not to the end.
    let (mut into, mut out) = branch("b", bound(10, Overflow::Block)).unwrap();
    into.write(0).unwrap();
    assert_eq!(try_pull(&mut out, ALL), Some(vec![(0, 0)]));
    drop(out);
    assert_eq!(into.commit().unwrap(), BranchReport { sent: 1, dropped: 0 });
}

#[test]
fn a_branch_that_may_lose_items_counts_what_nobody_reads() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let (mut into, mut out) = branch("b", bound(10, overflow)).unwrap();
        for n in 0..3 {
            into.write(n).unwrap();
        }
        assert_eq!(try_pull(&mut out, Want { items: 1, ..ALL }), Some(vec![(0, 0)]));
        drop(out);
        into.write(3).unwrap();
        assert_eq!(into.commit().unwrap(), BranchReport { sent: 4, dropped: 3 });
    }
}

#[test]
fn waits_end_at_their_limit_and_say_how_full_the_edge_is() {
    let limit = Duration::from_millis(20);
    let (mut into, mut out) = branch("b", Bound { stall_after: limit, ..bound(2, Overflow::Block) }).unwrap();
    let (error, started) = (out.pull(ALL).err().unwrap(), Instant::now());
    assert!(
        matches!(kind(&*error), BranchErrorKind::Stalled { waited, items: 0, bytes: 0 } if waited >= limit),
        "{error}"
    );
    into.write(1u64).unwrap();
    into.write(2).unwrap();
    let error = into.write(3).unwrap_err();
    assert!(started.elapsed() >= limit);
    assert!(
        matches!(kind(&*error), BranchErrorKind::Stalled { waited, items: 2, bytes: 16 } if waited >= limit),
        "{error}"
    );
}

/// Lets `wait` and `wake` begin at once: over some rounds either is first. Right in either order.
fn waits<R: Send>(wait: impl FnOnce() -> R + Send, wake: impl FnOnce()) -> R {
    let gate = Barrier::new(2);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            gate.wait();
            wait()
        });
        gate.wait();
        wake();
        waiting.join().unwrap()
    })
}

#[test]
fn whoever_waits_is_woken_by_the_end_of_the_other() {
    let make = || branch::<u64>("b", bound(1, Overflow::Block)).unwrap();
    for _ in 0..200 {
        let (into, mut out) = make();
        assert!(waits(move || out.pull(ALL).unwrap().is_none(), move || assert!(into.commit().is_ok())));
        let (into, mut out) = make();
        let failed = waits(move || out.pull(ALL).err().unwrap(), move || drop(into));
        assert_eq!(kind(&*failed), BranchErrorKind::Abandoned);
        let (mut into, out) = make();
        into.write(1).unwrap();
        let failed = waits(move || into.write(2).unwrap_err(), move || drop(out));
        assert_eq!(kind(&*failed), BranchErrorKind::Closed { unread: 1 });
        let (mut into, mut out) = make();
        into.write(1).unwrap();
        waits(move || into.write(2).unwrap(), || drop(out.pull(ALL).unwrap()));
    }
}

/// Counts its wake-ups.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_that_found_nothing_is_woken_once_by_an_item_and_by_each_end() {
    type End = fn(BranchSink<u64>);
    let ends: [End; 3] = [
        |mut into| {
            into.write(1).unwrap();
            // Nobody waits any more.
            into.write(2).unwrap();
            into.commit().unwrap();
        },
        |into| _ = into.commit().unwrap(),
        drop,
    ];
    for end in ends {
        let (into, mut out) = branch("b", bound(2, Overflow::Block)).unwrap();
        let woken = Arc::new(Woken::default());
        assert!(out.poll_pull(ALL, &Waker::from(woken.clone())).is_pending());
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        end(into);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(out.poll_pull(ALL, Waker::noop()).is_ready());
    }
}

#[test]
fn every_item_is_dropped_once_wherever_it_is() {
    for overflow in [Overflow::Block, Overflow::DropOldest, Overflow::DropNewest] {
        for reader_first in [true, false] {
            let live = Live::new();
            let (mut into, mut out) = branch("b", bound(4, overflow)).unwrap();
            for n in 0..4 {
                into.write(live.item(n)).unwrap();
            }
            drop(out.pull(Want { items: 1, ..ALL }).unwrap());
            if overflow != Overflow::Block {
                (4..10).for_each(|n| into.write(live.item(n)).unwrap());
            }
            if reader_first {
                drop(out);
                assert_eq!(live.now(), 0, "what is unread does not wait for the writer");
                drop(into);
            } else {
                drop(into);
                drop(out);
            }
            assert_eq!(live.now(), 0);
        }
    }
}

#[test]
fn branches_go_into_tees_and_routes() {
    let make = |name: &str| branch::<u64>(name, bound(3, Overflow::Block)).unwrap();
    let ((a, from_a), (b, from_b), (c, from_c)) = (make("a"), make("b"), make("c"));
    let into = tee(a, route(|n: &u64| n.is_multiple_of(3), b, tee(Vec::new(), c)));
    let read = |source: BranchSource<u64>| {
        thread::spawn(move || from_source(source).collect().run_on(&Inline).unwrap().value)
    };
    let readers = [read(from_a), read(from_b), read(from_c)];
    let (a, (b, (kept, c))) = from_iter(0..1_000u64).to(into).run_on(&Inline).unwrap().value;
    let [from_a, from_b, from_c] = readers.map(|reader| reader.join().unwrap());
    assert_eq!([a.sent, b.sent, c.sent], [1_000, 334, 666]);
    assert_eq!(from_a, (0..1_000).collect::<Vec<_>>());
    assert_eq!(from_b, (0..1_000).filter(|n| n % 3 == 0).collect::<Vec<_>>());
    assert_eq!((&from_c, &kept), (&kept, &(0..1_000).filter(|n| n % 3 != 0).collect::<Vec<_>>()));
}

#[test]
fn both_sides_may_move_to_other_threads() {
    fn is_send<T: Send>() {}
    is_send::<BranchSink<Vec<u8>>>();
    is_send::<BranchSource<Vec<u8>>>();
}
