//! The tree of budgets: what a child takes counts in all above, in equal parts, and is given back exactly.
#![cfg(feature = "testing")]

use pipe_core::testing::{Fuzz, Rng};
use pipe_core::{Budget, Event, Inline, Permit, Run, RunError, from_iter};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// The rules of `Budget`, on plain numbers.
struct Naive {
    nodes: Vec<Node>,
}

struct Node {
    parent: Option<usize>,
    limit: usize,
    in_use: usize,
    /// Of permits that were taken right here.
    in_flight: usize,
    /// The largest request within its part that was refused since it was granted something.
    wants: usize,
    /// Whether a request from right here was refused since one was granted.
    refused: bool,
}

impl Naive {
    fn path(&self, leaf: usize) -> Vec<usize> {
        std::iter::successors(Some(leaf), |node| self.nodes[*node].parent).collect()
    }

    fn children(&self, parent: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].parent == Some(parent)).collect()
    }

    fn take(&mut self, leaf: usize, bytes: usize) -> bool {
        let path = self.path(leaf);
        if self.nodes[leaf].in_flight > 0 && !self.has_room(&path, bytes) {
            self.nodes[leaf].refused = true;
            return false;
        }
        self.nodes[leaf].in_flight += bytes;
        path.iter().for_each(|node| self.nodes[*node].in_use += bytes);
        self.forget(leaf);
        true
    }

    fn has_room(&mut self, path: &[usize], bytes: usize) -> bool {
        for (level, &node) in path.iter().enumerate() {
            let (limit, after) = (self.nodes[node].limit, self.nodes[node].in_use + bytes);
            let Some(from) = level.checked_sub(1).map(|below| path[below]) else {
                if after > limit {
                    return false;
                }
                continue;
            };
            let children = self.children(node);
            let in_part = self.nodes[from].in_use + bytes <= limit / children.len();
            let others = children.iter().filter(|child| **child != from);
            let wanted: usize = others.map(|child| self.nodes[*child].wants).sum();
            if after > limit || !in_part && wanted > 0 && after + wanted > limit {
                if in_part {
                    self.nodes[from].wants = self.nodes[from].wants.max(bytes);
                }
                return false;
            }
        }
        true
    }

    fn forget(&mut self, leaf: usize) {
        self.nodes[leaf].refused = false;
        self.path(leaf).into_iter().for_each(|node| self.nodes[node].wants = 0);
    }

    fn give_back(&mut self, leaf: usize, bytes: usize) {
        self.nodes[leaf].in_flight -= bytes;
        self.path(leaf).into_iter().for_each(|node| self.nodes[node].in_use -= bytes);
        if self.nodes[leaf].in_flight == 0 && self.nodes[leaf].refused {
            self.forget(leaf);
        }
    }
}

#[test]
fn a_random_tree_grants_and_refuses_as_its_rules_say() {
    let mut refused = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut budgets = vec![Budget::new(1_000)];
        let node = |parent, limit| Node { parent, limit, in_use: 0, in_flight: 0, wants: 0, refused: false };
        let mut naive = Naive { nodes: vec![node(None, 1_000)] };
        for number in 1..2 + rng.below(8) as usize {
            let (parent, limit) = (rng.below(number as u64) as usize, 1 + rng.below(1_500) as usize);
            budgets.push(budgets[parent].child(format!("b{number}"), limit));
            naive.nodes.push(node(Some(parent), limit.min(naive.nodes[parent].limit)));
        }
        let mut live: Vec<(usize, Permit)> = Vec::new();
        for _ in 0..400 {
            if rng.below(3) == 0 && !live.is_empty() {
                let (leaf, permit) = live.swap_remove(rng.below(live.len() as u64) as usize);
                naive.give_back(leaf, permit.bytes());
            } else {
                let (leaf, bytes) = (rng.below(budgets.len() as u64) as usize, 1 + rng.below(300) as usize);
                let free = budgets[leaf].free();
                let granted = budgets[leaf].try_take(bytes);
                if naive.nodes[leaf].in_flight > 0 {
                    assert_eq!(
                        granted.is_some(),
                        bytes <= free,
                        "seed {seed}: {bytes} of b{leaf}, {free} free"
                    );
                }
                assert_eq!(granted.is_some(), naive.take(leaf, bytes), "seed {seed}: {bytes} of b{leaf}");
                refused += usize::from(granted.is_none());
                live.extend(granted.map(|permit| (leaf, permit)));
            }
            for (budget, node) in budgets.iter().zip(&naive.nodes) {
                assert_eq!(budget.in_use(), node.in_use, "seed {seed}: {}", budget.name());
            }
        }
        drop(live);
        assert!(budgets.iter().all(|budget| budget.in_use() == 0), "seed {seed}");
    }
    assert!(refused > 10_000, "{refused} refusals prove little");
}

#[test]
fn what_one_level_refuses_counts_on_none_and_leaves_no_peak() {
    let process = Budget::new(100);
    let (pipeline, other) = (process.child("pipeline", 90), process.child("other", 90));
    let consumer = pipeline.child("consumer", 80);
    let held = (other.try_take(60).unwrap(), consumer.try_take(10).unwrap());
    assert!(consumer.try_take(31).is_none(), "the process has 30");
    assert_eq!((consumer.in_use(), pipeline.in_use(), process.in_use()), (10, 10, 70));
    assert_eq!((consumer.peak(), pipeline.peak(), process.peak()), (10, 10, 70));
    let most = consumer.try_take(30).unwrap();
    assert_eq!((consumer.peak(), pipeline.peak(), process.peak()), (40, 40, 100));
    drop((held, most));
    assert_eq!((consumer.in_use(), pipeline.in_use(), process.in_use()), (0, 0, 0));
}

#[test]
fn who_was_refused_within_its_part_goes_before_who_has_more() {
    let process = Budget::new(100);
    let (hog, late) = (process.child("hog", 100), process.child("late", 100));
    let mut held: Vec<_> = (0..10).map(|_| hog.try_take(10).expect("nobody else wants it")).collect();
    let first = late.try_take(10).expect("it holds nothing");
    assert!(late.try_take(20).is_none());
    held.truncate(8);
    assert!(hog.try_take(10).is_none(), "there would be room, but the other is hungry");
    let second = late.try_take(10).expect("there is room");
    held.truncate(4);
    assert!(hog.try_take(5).is_some(), "it has come down to its part");
    drop((first, second));
    // One that is gone is not hungry any more.
    held.extend((0..6).map_while(|_| hog.try_take(10)));
    let alone = late.try_take(1);
    assert!(late.try_take(40).is_none());
    drop((alone, late));
    held.truncate(6);
    assert!(hog.try_take(40).is_some());
}

#[test]
fn what_is_free_for_one_beyond_its_part_leaves_room_for_who_waits() {
    let process = Budget::new(100);
    let (hog, late) = (process.child("hog", 100), process.child("late", 100));
    let mut held: Vec<_> = (0..8).map(|_| hog.try_take(10).expect("nobody else wants it")).collect();
    let _one = late.try_take(10).expect("it holds nothing");
    assert!((hog.free(), late.free()) == (10, 10) && !hog.is_overdrawn());
    assert!(late.try_take(25).is_none());
    assert!(hog.free() == 0 && hog.is_overdrawn(), "15 more must become free before it may have any");
    assert_eq!((late.free(), late.is_overdrawn()), (10, false));
    held.truncate(6);
    assert_eq!((hog.free(), late.free()), (5, 30), "of the 30 that are free 25 are kept for the other");
    assert!(hog.try_take(6).is_none() && hog.try_take(5).is_some());
}

#[test]
fn who_was_refused_and_asks_no_more_does_not_keep_its_part_for_ever() {
    let process = Budget::new(100);
    let (hog, late) = (process.child("hog", 100), process.child("late", 100));
    let held: Vec<_> = (0..9).map(|_| hog.try_take(10).expect("nobody else wants it")).collect();
    let one = late.try_take(5).expect("it holds nothing");
    assert!(late.try_take(10).is_none());
    assert!(hog.try_take(1).is_none(), "4 are free, and the other waits for 10");
    drop(one);
    assert!(hog.try_take(10).is_some(), "the other has nothing in flight: it gets what it asks for anyhow");
    // The same where it is another level that refuses, and a grandchild that was refused.
    let inner = late.child("inner", 100);
    let one = inner.try_take(5).expect("it holds nothing");
    assert!(inner.try_take(10).is_none() && hog.try_take(1).is_none());
    drop(one);
    assert!(hog.try_take(10).is_some());
    drop(held);
}

#[test]
fn a_permit_grows_only_into_what_is_free() {
    let process = Budget::new(100);
    let (pools, run) = (process.child("pools", 60), process.child("run", 100));
    let mut kept = pools.resident();
    assert!(kept.try_grow(50) && !kept.try_grow(11) && kept.try_grow(10));
    assert_eq!((kept.bytes(), pools.resident_bytes(), process.resident_bytes()), (60, 60, 60));
    let mut batch = run.try_take(30).expect("there is room");
    assert!(!batch.try_grow(11) && batch.try_grow(10));
    drop(kept);
    assert_eq!((process.in_use(), process.resident_bytes(), process.peak()), (40, 0, 100));
}

#[test]
fn an_allowance_that_shrinks_refuses_what_it_would_have_granted_and_grows_back() {
    let process = Budget::new(100);
    let run = process.child("run", 100);
    let first = run.try_take(40).unwrap();
    process.allow(50);
    assert_eq!((process.allowance(), process.limit(), run.free()), (50, 100, 10));
    assert!(run.try_take(11).is_none() && !run.is_overdrawn());
    process.allow(30);
    assert!(run.is_overdrawn() && run.free() == 0);
    drop(first);
    let one = run.try_take(60).expect("one thing can always move");
    process.allow(usize::MAX);
    assert_eq!(process.allowance(), 100);
    assert!(run.try_take(40).is_some());
    drop(one);
}

#[test]
fn a_run_that_was_held_back_says_so() {
    let process = Budget::new(1 << 20);
    let run = || {
        from_iter(0..50_000u64)
            .edge()
            .map(|n| n)
            .for_each(drop)
            .run_on(&Fuzz::new(4).budget(&process))
            .unwrap()
    };
    assert!(run().events.is_empty());
    process.allow(1_000);
    assert!(matches!(run().events[..], [Event::HeldBack { times: 1.. }]), "{:?}", run().events);
    // Also where a handle has asked meanwhile.
    let handle = Run::new();
    let watched =
        from_iter(0..50_000u64).edge().map(|n| n).for_each(|_| _ = handle.report()).handled_by(&handle);
    let report = watched.run_on(&Fuzz::new(4).budget(&process)).unwrap();
    assert!(matches!(report.events[..], [Event::HeldBack { times: 1.. }]), "{:?}", report.events);
}

#[test]
fn threads_that_share_a_tree_leave_it_empty_and_within_its_limit() {
    const LIMIT: usize = 1_000;
    let process = Budget::new(LIMIT);
    let granted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (run, granted) = (process.child(format!("run {seed}"), LIMIT), &granted);
            scope.spawn(move || {
                let mut rng = Rng::new(seed);
                // Never without one, so that each grant is an ordinary one.
                let _one = run.try_take(1).expect("it holds nothing");
                for _ in 0..20_000 {
                    let permit = run.try_take(1 + rng.below(400) as usize);
                    granted.fetch_add(usize::from(permit.is_some()), SeqCst);
                }
            });
        }
    });
    assert_eq!(process.in_use(), 0);
    assert!(process.peak() <= LIMIT + 4 && granted.load(SeqCst) > 4, "{} at most", process.peak());
    let all: Vec<_> = (0..10).map(|_| process.try_take(100)).collect();
    assert!(all.iter().all(Option::is_some), "nobody is left hungry");
}

#[test]
fn the_error_names_who_holds_the_most() {
    let process = Budget::new(10_000);
    let (cache, pools) = (process.child("cache", 5_000), process.child("pools", 5_000));
    let mut kept = cache.resident();
    kept.resize(4_000);
    let _held = (pools.child("pool `pages`", 5_000).overdraw(3_000), pools.overdraw(500));
    let mut index = process.spiller("index").resident();
    index.resize(2_000);
    let names: Vec<_> = process.consumers().iter().map(ToString::to_string).collect();
    let expected = ["cache (4000 bytes)", "pools/pool `pages` (3000 bytes)", "index (2000 bytes, spillable)"];
    assert_eq!((&names[..3], &*names[3]), (&expected.map(str::to_owned)[..], "pools (500 bytes)"));

    let grows =
        from_iter(0..100_000u64).fold(Vec::new, |all, n| all.push(n), |all, mut part| all.append(&mut part));
    let failed = grows.run_on(&Fuzz::new(3).budget(&process)).unwrap_err();
    let RunError::Budget { stage, holders, limit: 10_000, .. } = &failed else { panic!("{failed}") };
    assert_eq!((&**stage, holders.len()), ("fold#0", 3));
    assert_eq!(holders[0].name, "Fuzz/fold#0");
    assert!(failed.to_string().contains("held by Fuzz/fold#0 ("), "{failed}");
    assert_eq!(process.in_use(), 9_500, "the run has given all of it back");
}

#[test]
fn runs_in_a_run_share_its_budget_and_end() {
    let process = Budget::new(1_000);
    let inner = Fuzz::new(2).budget(&process);
    let nested = from_iter(0..200u64).edge().map(move |n| {
        let sum = from_iter(0..n).edge().fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
        sum.run_on(&inner).expect("it moves one batch at least").value
    });
    let sums = nested.edge().collect().run_on(&Fuzz::new(1).budget(&process)).expect("so does this one");
    assert_eq!(sums.value, (0..200u64).map(|n| (0..n).sum()).collect::<Vec<u64>>());
    assert_eq!(process.in_use(), 0);
}

#[test]
fn a_shared_budget_is_the_limit_of_its_runs_and_zero_is_refused() {
    let numbers = || from_iter(0..10u64).for_each(drop);
    let process = Budget::new(5_000);
    let report = |fuzz: Fuzz| numbers().run_on(&fuzz.budget(&process)).expect("nothing fails");
    assert_eq!(report(Fuzz::new(1)).memory_limit, 5_000);
    assert_eq!(report(Fuzz::new(1).memory_limit(100)).memory_limit, 100);
    assert_eq!(report(Fuzz::new(1).memory_limit(6_000)).memory_limit, 5_000);
    let refused = numbers().run_on(&Inline.budget(&Budget::new(0))).unwrap_err();
    assert!(matches!(refused, RunError::Config { field: "budget", .. }), "{refused}");
}
