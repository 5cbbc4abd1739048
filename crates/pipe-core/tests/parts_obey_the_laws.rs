//! Sources, batches, stages and sinks of this crate and of the kit against their laws; and ones with a flaw, which these have to notice.
#![cfg(feature = "testing")]

use pipe_core::testing::{PlacedSink, Pull, ScriptedSink, ScriptedSource, TextSource, Texts, laws};
use pipe_core::{Batch, BoxError, Emit, Flow, Items, Own, Sink, Source, Stage, Step, Want};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

fn texts() -> Texts {
    let want = Want { items: 100, bytes: 1 << 20 };
    TextSource::new(["a", "bc", "", "def", "g"]).pull(want).unwrap().unwrap()
}

#[test]
fn sources_obey_their_laws() {
    laws::counted_source(|| TextSource::new((0..500).map(|n| n.to_string())), |line: &str| line.to_owned());
    let script = || (0..20u64).map(|k| Pull::Give((k * 10..k * 10 + 10).collect()));
    laws::source(|| ScriptedSource::new(script()), |n: u64| n);
}

#[test]
fn batches_obey_their_laws() {
    laws::batch(|| Items::new(7, (0..20u64).collect()), |n| n);
    laws::batch(|| Items::at(vec![3, 5, 9, 10], vec!["a", "b", "c", "d"]), |n| n);
    laws::batch(|| Items::new(0, vec![String::from("x"); 3]).owning(3), |text| text);
    laws::batch(texts, |line: &str| line.to_owned());
    laws::reread(|| Items::new(7, (0..20u64).collect()), |n| n);
    laws::reread(texts, |line: &str| line.to_owned());
}

#[test]
fn sinks_obey_their_laws() {
    let last = Mutex::new(None);
    let make = || {
        let (sink, log) = ScriptedSink::new();
        *last.lock().unwrap() = Some(log);
        sink
    };
    laws::sink(make, &[1, 2, 3, 4], || last.lock().unwrap().as_ref().unwrap().items());
    let kept = RefCell::new(None);
    let make = || {
        let (sink, log) = PlacedSink::new();
        *kept.borrow_mut() = Some(log);
        sink
    };
    let read = || kept.borrow().as_ref().unwrap().items().into_iter().map(|(_, item)| item).collect();
    laws::sink(make, &[1, 2, 3, 4], read);
}

/// Emits each item as often as it says; goes on when it is told to stop, if it is `deaf`; counts what it has seen, if it `counts`.
struct Repeat {
    deaf: bool,
    counts: bool,
}

impl Stage for Repeat {
    type State = u64;

    fn state(&self) -> u64 {
        0
    }
}

impl Step<u64> for Repeat {
    type Out = u64;

    fn push<O: Emit<u64>>(&self, seen: &mut u64, item: u64, out: &mut O) -> Flow {
        *seen += 1;
        for _ in 0..item % 4 {
            let flow = out.emit(if self.counts { *seen } else { item });
            if flow.is_break() && !self.deaf {
                return flow;
            }
        }
        Flow::Continue(())
    }
}

/// Whether a law holds.
fn holds(law: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(law)).is_ok()
}

#[test]
fn stages_obey_their_laws_and_those_that_do_not_are_noticed() {
    let input: Vec<u64> = (0..60).collect();
    let law = |deaf: bool, counts: bool| holds(|| laws::stage(|| Repeat { deaf, counts }, &input));
    assert!(law(false, false));
    assert!(!law(true, false), "it does not stop");
    assert!(!law(false, true), "its outputs depend on who gets which item");
}

/// Numbers, with a flaw.
struct Flawed {
    left: Vec<u64>,
    flaw: &'static str,
    pulls: usize,
}

impl Source for Flawed {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<u64>>, BoxError> {
        self.pulls += 1;
        let items = match self.flaw {
            "gives too many" => 10,
            _ => want.items,
        };
        if self.flaw == "gives nothing" && self.pulls == 2 {
            return Ok(Some(Items::new(0, Vec::new())));
        }
        let items = items.min(self.left.len());
        let mut batch: Vec<u64> = self.left.drain(..items).collect();
        if self.flaw == "loses one" && batch.len() > 3 {
            batch.pop();
        }
        let first = match self.flaw {
            "forgets where it is" => 0,
            _ => batch.first().copied().unwrap_or(0),
        };
        Ok((!batch.is_empty()).then_some(Items::new(first, batch)))
    }
}

#[test]
fn flaws_of_sources_are_noticed() {
    let law = |flaw| {
        let make = move || Flawed { left: (0..50).collect(), flaw, pulls: 0 };
        holds(move || laws::counted_source(make, |n| n))
    };
    assert!(law("none"));
    for flaw in ["gives too many", "gives nothing", "loses one", "forgets where it is"] {
        assert!(!law(flaw), "a source that {flaw} is not noticed");
    }
}

/// A batch of five numbers, with a flaw.
struct Five {
    items: Items<u64>,
    flaw: &'static str,
}

impl Batch for Five {
    type Item<'a> = u64;

    fn bytes(&self) -> usize {
        Batch::bytes(&self.items)
    }

    fn is_empty(&self) -> bool {
        self.flaw == "says it is empty" || Batch::is_empty(&self.items)
    }

    fn drive(&mut self, limit: usize, each: impl FnMut(u64, u64) -> Flow) -> usize {
        self.items.drive(if self.flaw == "lends too many" { 5 } else { limit }, each)
    }

    fn position(&self) -> u64 {
        Batch::position(&self.items) + u64::from(self.flaw == "says the next position")
    }

    fn split(&mut self) -> Option<Self> {
        let back = self.items.split()?;
        let flaw = self.flaw;
        (flaw != "loses a half").then_some(Five { items: back, flaw })
    }
}

#[test]
fn flaws_of_batches_are_noticed() {
    let law = |flaw| {
        let make = move || Five { items: Items::new(3, (0..5).collect()), flaw };
        holds(move || laws::batch(make, |n| n))
    };
    assert!(law("none"));
    for flaw in ["says it is empty", "lends too many", "says the next position", "loses a half"] {
        assert!(!law(flaw), "a batch that {flaw} is not noticed");
    }
}

#[test]
fn a_sink_that_keeps_what_was_not_committed_is_noticed() {
    struct Eager<'s>(&'s Mutex<Vec<u64>>);
    impl Sink<u64> for Eager<'_> {
        type Done = ();
        fn write(&mut self, item: u64) -> Result<(), BoxError> {
            self.0.lock().unwrap().push(item);
            Ok(())
        }
        fn commit(self) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let kept = Mutex::new(Vec::new());
    assert!(!holds(|| laws::sink(|| Eager(&kept), &[1, 2, 3, 4], || kept.lock().unwrap().clone())));
}
