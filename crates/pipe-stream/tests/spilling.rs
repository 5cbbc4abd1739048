//! What goes to disk, beside what stays in memory.
#![cfg(feature = "spill")]

use pipe_core::testing::{Fuzz, Rng};
use pipe_core::{
    Backlog, Bound, BranchError, BranchErrorKind, Budget, Event, Inline, Position, Report, RunError, Sink,
    Spill, Weigh, branch, from_iter, from_source,
};
use pipe_stream::{DiskQueue, Scratch, ScratchError, SpillingGroups, Stored, Text};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use tempfile::{TempDir, tempdir};

/// A directory for temporary files; at the end nothing is in there, and nobody has anything of it.
struct Place {
    dir: TempDir,
    scratch: Scratch,
}

impl Place {
    fn with_limit(limit: u64) -> Self {
        let dir = tempdir().unwrap();
        Place { scratch: Scratch::new(dir.path(), limit), dir }
    }

    fn is_clean(&self) -> bool {
        self.scratch.in_use() == 0 && fs::read_dir(self.dir.path()).unwrap().next().is_none()
    }
}

/// `rows` numbers below `keys`, one per line, as text.
fn numbers(rng: &mut Rng, rows: u64, keys: u64) -> String {
    (0..rows).map(|_| format!("key number {}\n", rng.below(keys))).collect()
}

fn counted(text: &str) -> BTreeMap<Vec<u8>, u64> {
    let mut counts = BTreeMap::new();
    text.lines().for_each(|line| *counts.entry(line.as_bytes().to_vec()).or_default() += 1);
    counts
}

type Counts = SpillingGroups<u64>;

fn count(text: &str, scratch: &Scratch, fuzz: &Fuzz) -> Result<Report<Counts>, RunError> {
    let counts = Text::new(text.to_owned().into()).pipeline().fold(
        || SpillingGroups::new(scratch, |all: &mut u64, part| *all += part),
        |groups, key| *groups.at(key) += 1,
        SpillingGroups::merge,
    );
    counts.spilling().run_on(fuzz)
}

#[test]
fn groups_of_a_hundred_times_the_budget_are_those_of_a_map() {
    let (limit, place) = (24 << 10, Place::with_limit(1 << 30));
    for seed in 0..3 {
        let text = numbers(&mut Rng::new(seed), 40_000, 200_000);
        let naive = counted(&text);
        let bytes: usize = naive.keys().map(|key| key.len() + size_of::<(Vec<u8>, u64)>() + 33).sum();
        assert!(bytes > 100 * limit, "{bytes} bytes");
        let report = count(&text, &place.scratch, &Fuzz::new(seed).memory_limit(limit)).unwrap();
        assert!(report.value.spills() > 100 && place.scratch.in_use() > 0);
        let spilled = report.events.iter().any(|event| matches!(event, Event::Spilled { times: 10.., .. }));
        assert!(spilled, "{:?}", report.events);
        let sorted = report.value.into_sorted().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        assert!(sorted.into_iter().eq(naive), "seed {seed}");
        assert!(place.is_clean());
    }
}

#[test]
fn accumulators_stay_within_the_limit() {
    let (limit, place) = (1 << 20, Place::with_limit(1 << 30));
    let text = numbers(&mut Rng::new(7), 100_000, 90_000);
    let report = count(&text, &place.scratch, &Fuzz::new(5).memory_limit(limit)).unwrap();
    assert!(report.peak_bytes <= limit * 3 / 2, "{} bytes", report.peak_bytes);
    assert!(report.value.heap() <= limit / 2, "{} bytes are still in memory", report.value.heap());
    assert!(report.value.spills() > 1);
}

#[test]
fn values_that_own_memory_come_back_whole_and_in_the_order_in_which_one_worker_had_them() {
    let place = Place::with_limit(1 << 30);
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let mut naive = BTreeMap::<Vec<u8>, Vec<String>>::new();
        let merge = |all: &mut Vec<String>, mut part: Vec<String>| all.append(&mut part);
        let (mut all, rows) = (SpillingGroups::new(&place.scratch, merge), rng.below(2_000));
        for row in 0..rows {
            // Some keys are longer than a buffer is.
            let len = [3, 3, 3, 20_000][rng.below(4) as usize] + rng.below(2) as usize;
            let key = vec![b'a' + rng.below(3) as u8; len];
            all.at(&key).push(row.to_string());
            naive.entry(key).or_default().push(row.to_string());
            if rng.below(15) == 0 {
                all.spill().unwrap();
            }
        }
        let sorted = all.into_sorted().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        // In order as long as nothing was merged beforehand, and by then too: pieces that follow each other are.
        assert!(sorted.into_iter().eq(naive), "seed {seed}");
    }
    assert!(place.is_clean());
}

#[test]
fn what_nobody_spilled_makes_no_file() {
    let none = Scratch::new("/no/such/directory", 0);
    let report = count("b\na\nb", &none, &Fuzz::new(1)).unwrap();
    assert!(report.events.is_empty());
    let sorted: Result<Vec<_>, _> = report.value.into_sorted().unwrap().collect();
    assert_eq!(sorted.unwrap(), [(b"a".to_vec(), 1), (b"b".to_vec(), 2)]);
}

#[test]
fn a_full_disk_ends_the_run_with_path_and_bytes() {
    let place = Place::with_limit(100_000);
    let text = numbers(&mut Rng::new(1), 60_000, 50_000);
    let failed = count(&text, &place.scratch, &Fuzz::new(2).memory_limit(64 << 10)).unwrap_err();
    let error: &ScratchError = failed.stage_error().unwrap();
    let ScratchError::Full { path, wanted, in_use, limit: 100_000 } = error else { panic!("{error}") };
    assert!(path == place.dir.path() && in_use + wanted > 100_000, "{error}");
    assert!(place.is_clean(), "what was written is gone");

    let nowhere = Scratch::new(place.dir.path().join("none"), 1 << 30);
    let failed = count(&text, &nowhere, &Fuzz::new(2).memory_limit(64 << 10)).unwrap_err();
    let error: &ScratchError = failed.stage_error().unwrap();
    assert!(matches!(error, ScratchError::Io { operation: "create", .. }), "{error}");
}

/// Panics when it is stored, or does not load.
struct Broken(u8);

impl Stored for Broken {
    fn store(&self, to: &mut Vec<u8>) {
        assert!(self.0 != 7, "on purpose");
        to.push(self.0);
    }

    fn load(_: &mut &[u8]) -> Option<Self> {
        None
    }
}

impl Weigh for Broken {
    fn heap(&self) -> usize {
        0
    }
}

#[test]
fn a_panic_while_it_spills_is_the_error_of_the_run_and_leaves_no_file() {
    let place = Place::with_limit(1 << 30);
    let groups = Text::new(numbers(&mut Rng::new(1), 20_000, 20_000).into()).pipeline().fold(
        || SpillingGroups::new(&place.scratch, |_: &mut Broken, _| ()),
        |groups, key| _ = groups.at_or_else(key, || Broken(if key.ends_with(b"77") { 7 } else { 0 })),
        SpillingGroups::merge,
    );
    let failed = groups.spilling().run_on(&Fuzz::new(1).memory_limit(64 << 10)).unwrap_err();
    assert!(
        matches!(&failed, RunError::Panicked { payload, .. } if payload.message() == "on purpose"),
        "{failed}"
    );
    assert!(place.is_clean());
}

#[test]
fn a_spill_that_failed_half_way_loses_nothing_and_can_be_tried_again() {
    let place = Place::with_limit(9_000);
    let mut groups = SpillingGroups::new(&place.scratch, |all: &mut u32, part| *all += part);
    (0..1_000u32).for_each(|n| *groups.at(format!("key number {n:04}").as_bytes()) += n);
    let before = groups.heap();
    assert!(groups.spill().is_err(), "8 KiB fit, and then no more");
    assert_eq!((groups.heap(), groups.spills(), place.scratch.in_use()), (before, 0, 0));
    let sorted: Vec<_> = groups.into_sorted().unwrap().map(|group| group.unwrap().1).collect();
    assert!(sorted.into_iter().eq(0..1_000));
}

#[test]
fn what_does_not_load_is_an_error_and_the_last_thing_that_comes() {
    let place = Place::with_limit(1 << 20);
    let mut groups = SpillingGroups::new(&place.scratch, |_: &mut Broken, _| ());
    groups.at_or_else(b"a", || Broken(0));
    groups.spill().unwrap();
    assert!(matches!(groups.into_sorted(), Err(ScratchError::Damaged { offset: 10, .. })));
    assert!(place.is_clean());
}

#[test]
fn groups_within_their_part_spill_when_another_is_refused() {
    let (process, place) = (Budget::new(1 << 20), Place::with_limit(1 << 20));
    let (other, third) = (process.child("other", 1 << 20), process.child("third", 1 << 20));
    let held = (other.try_take(1).unwrap(), third.overdraw(800_000));
    let lines = Text::new(numbers(&mut Rng::new(3), 20_000, 2_000).into()).pipeline();
    let counts = lines.fold(
        || SpillingGroups::new(&place.scratch, |all: &mut u64, part| *all += part),
        |groups, key| {
            *groups.at(key) += 1;
            // Within its part, but there is no room.
            assert!(groups.heap() < 100_000 || other.try_take(300_000).is_none());
        },
        SpillingGroups::merge,
    );
    let report = counts.spilling().run_on(&Inline.budget(&process)).unwrap();
    assert!(matches!(report.events[..], [Event::Spilled { .. }]), "{:?}", report.events);
    assert_eq!(process.in_use(), 800_001);
    drop(held);
}

#[test]
fn a_queue_on_disk_gives_what_it_got_in_order_and_gives_its_files_back() {
    let place = Place::with_limit(1 << 24);
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let (mut queue, mut naive) = (DiskQueue::new(&place.scratch), VecDeque::new());
        for number in 0..rng.below(4_000) {
            // In phases, so that it becomes long and short again.
            if rng.below(10) < 2 + number / 300 % 7 {
                let len = [0, 10, 300, 100_000][if rng.below(300) == 0 { 3 } else { rng.below(3) as usize }];
                let item = vec![number as u8; len];
                queue.push(Position::from_raw(number), item.clone()).unwrap();
                naive.push_back((Position::from_raw(number), item));
            } else {
                assert_eq!(queue.pop().unwrap(), naive.pop_front(), "seed {seed}, {number}");
            }
        }
        while let Some(item) = naive.pop_front() {
            assert_eq!(queue.pop().unwrap(), Some(item), "seed {seed}");
        }
        assert!(queue.pop().unwrap().is_none());
        assert!(place.is_clean(), "seed {seed}: {} bytes", place.scratch.in_use());
    }
}

#[test]
fn a_branch_that_spills_never_holds_up_its_writer_and_loses_nothing() {
    let place = Place::with_limit(1 << 24);
    let (into, out) = branch("late", Bound { items: 100, bytes: 10_000, ..Bound::default() }).unwrap();
    let into = into.spilling(DiskQueue::new(&place.scratch));
    let texts = || (0..20_000u64).map(|n| format!("text number {n}"));
    // One after the other, on one thread: an edge that blocks would never let the first one end.
    let sent = from_iter(texts()).to(into).run_on(&Fuzz::new(1)).unwrap().value;
    assert!((sent.sent, sent.dropped) == (20_000, 0) && place.scratch.in_use() > 200_000);
    let report = from_source(out).edge().collect().run_on(&Fuzz::new(2)).unwrap();
    assert!(report.value.into_iter().eq(texts()));
    let [Event::Spilled { stage, times: 19_000.., .. }] = &report.events[..] else {
        panic!("{:?}", report.events)
    };
    assert!(stage == "branch late" && place.is_clean());
}

#[test]
fn a_branch_whose_disk_is_full_ends_its_writer_and_a_reader_that_is_gone_takes_the_file_along() {
    let place = Place::with_limit(100_000);
    let (into, out) = branch("late", Bound { items: 1, ..Bound::default() }).unwrap();
    let into = into.spilling(DiskQueue::new(&place.scratch));
    let failed = from_iter(0..100_000u64).to(into).run_on(&Inline).unwrap_err();
    assert!(matches!(failed.stage_error(), Some(ScratchError::Full { limit: 100_000, .. })), "{failed}");
    let abandoned = from_source(out).for_each(drop).run_on(&Inline).unwrap_err();
    assert!(abandoned.stage_error::<BranchError>().is_some(), "{abandoned}");
    assert!(place.is_clean());

    let (into, out) = branch("left", Bound { items: 1, ..Bound::default() }).unwrap();
    let mut into = into.spilling(DiskQueue::new(&place.scratch));
    (0..5_000u64).for_each(|n| into.write(n).unwrap());
    assert!(place.scratch.in_use() > 0);
    drop(out);
    assert!(place.is_clean());
    let closed = into.write(0).unwrap_err();
    assert_eq!(closed.downcast_ref().map(BranchError::kind), Some(BranchErrorKind::Closed { unread: 5_000 }));
}
