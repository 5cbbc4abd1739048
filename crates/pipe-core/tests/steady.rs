//! A stage that has decided something for many items is called by the shorter way, and nothing else changes.

use pipe_core::{BoxError, Emit, Flow, Inline, RunError, Stage, Step, from_iter};
use std::sync::atomic::{AtomicU64, Ordering};

/// Adds one. Steady from an item on; counts which way each came.
#[derive(Default)]
struct PlusOne {
    after: u64,
    pushed: AtomicU64,
    steady: AtomicU64,
}

impl PlusOne {
    fn steady_after(after: u64) -> Self {
        PlusOne { after, ..PlusOne::default() }
    }

    fn counts(&self) -> (u64, u64) {
        (self.pushed.load(Ordering::Relaxed), self.steady.load(Ordering::Relaxed))
    }
}

impl Stage for &PlusOne {
    type State = u64;

    const MAY_BE_UNSTEADY: bool = true;

    fn state(&self) -> u64 {
        0
    }

    fn is_steady(&self, seen: &u64) -> bool {
        *seen >= self.after
    }
}

impl Step<u64> for &PlusOne {
    type Out = u64;

    fn push<O: Emit<u64>>(&self, seen: &mut u64, n: u64, out: &mut O) -> Flow {
        *seen += 1;
        self.pushed.fetch_add(1, Ordering::Relaxed);
        out.emit(n + 1)
    }

    fn push_steady<O: Emit<u64>>(&self, seen: &mut u64, n: u64, out: &mut O) -> Flow {
        assert!(*seen >= self.after, "it was not steady yet");
        self.steady.fetch_add(1, Ordering::Relaxed);
        out.emit(n + 1)
    }
}

const ITEMS: u64 = 100_000;

/// The most that go the longer way behind a decision: the rest of its slice.
const SLICE: u64 = 4_096;

#[test]
fn behind_the_decision_all_items_go_the_short_way() {
    let one = PlusOne::steady_after(10);
    let out = from_iter(0..ITEMS).stage(&one).collect().run_on(&Inline).unwrap().value;
    assert!(out.into_iter().eq(1..=ITEMS));
    let (pushed, steady) = one.counts();
    assert_eq!(pushed + steady, ITEMS);
    assert!((10..10 + SLICE).contains(&pushed), "{pushed} went the longer way");
}

#[test]
fn it_is_the_same_between_other_stages_and_in_several_segments() {
    let (one, other) = (PlusOne::steady_after(10), PlusOne::steady_after(1));
    let twice = from_iter(0..ITEMS).flat_map(|n| [n, n]).stage(&one).filter(|n| n % 2 == 0);
    let sums = twice.serial(&other).collect().run_on(&Inline).unwrap().value;
    let oracle: Vec<u64> =
        (0..ITEMS).flat_map(|n| [n + 1; 2]).filter(|n| n % 2 == 0).map(|n| n + 1).collect();
    assert_eq!(sums, oracle);
    assert!(
        one.counts().1 > ITEMS && other.counts().1 > ITEMS / 2,
        "{:?} {:?}",
        one.counts(),
        other.counts()
    );
}

#[test]
fn a_chain_is_steady_when_each_of_its_stages_is() {
    let (early, late) = (PlusOne::steady_after(1), PlusOne::steady_after(50_000));
    from_iter(0..ITEMS).stage(&early).stage(&late).for_each(drop).run_on(&Inline).unwrap();
    assert_eq!(early.counts(), late.counts());
    assert!((50_000..50_000 + SLICE).contains(&early.counts().0), "{:?}", early.counts());
    let never = PlusOne::steady_after(u64::MAX);
    from_iter(0..ITEMS).stage(&early).stage(&never).for_each(drop).run_on(&Inline).unwrap();
    assert_eq!(never.counts(), (ITEMS, 0));
}

/// Fails, has enough, or panics, once it is steady or when it is asked.
struct Ends {
    asked: fn(),
    steady: fn() -> Result<Flow, BoxError>,
}

impl Stage for Ends {
    type State = bool;

    const MAY_BE_UNSTEADY: bool = true;

    fn state(&self) -> bool {
        false
    }

    fn is_steady(&self, seen: &bool) -> bool {
        (self.asked)();
        *seen
    }
}

impl Step<u64> for Ends {
    type Out = u64;

    fn push<O: Emit<u64>>(&self, seen: &mut bool, n: u64, out: &mut O) -> Flow {
        *seen = true;
        out.emit(n)
    }

    fn push_steady<O: Emit<u64>>(&self, _: &mut bool, _: u64, out: &mut O) -> Flow {
        (self.steady)().unwrap_or_else(|error| out.fail(error))
    }
}

#[test]
fn what_ends_a_run_there_ends_it_as_elsewhere() {
    let ends = |asked, steady| {
        from_iter(0..ITEMS).stage(Ends { asked, steady }).named("ends").collect().run_on(&Inline)
    };
    let enough = ends(|| (), || Ok(Flow::Break(()))).unwrap().value;
    assert!((1..=SLICE as usize).contains(&enough.len()), "{} items", enough.len());
    let failed = ends(|| (), || Err("steadily".into())).unwrap_err().to_string();
    assert!(failed.contains("ends") && failed.contains("steadily"), "{failed}");
    let thrown = ends(|| (), || panic!("there")).unwrap_err();
    assert!(matches!(&thrown, RunError::Panicked { stage, .. } if stage == "ends"), "{thrown}");
    let thrown = ends(|| panic!("when asked"), || Ok(Flow::Continue(()))).unwrap_err();
    assert!(thrown.to_string().contains("when asked"), "{thrown}");
}
