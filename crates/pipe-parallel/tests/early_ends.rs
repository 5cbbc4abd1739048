//! How runs with serial stages end before their source: well, failed, cancelled, out of time, drained.

mod work;

use pipe_core::testing::{Live, Pull, Rng, ScriptedSink, ScriptedSource};
use pipe_core::{
    BoxError, Cancel, Clock, Emit, Flow, Inline, Items, Own, Run, RunError, Sharing, Source, Stage, Step,
    Want, from_iter, from_source,
};
use pipe_parallel::Parallel;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Wake;
use std::thread;
use std::time::Duration;
use work::after;

#[test]
fn an_end_further_down_comes_before_a_later_failure_of_the_same_batch() {
    let refuse = |n| if n == 5 { Err("refused") } else { Ok(n) };
    for workers in [0, 1, 2] {
        let source = ScriptedSource::new([Pull::Give((0..10i64).collect())]);
        let taken = from_source(source).try_map(refuse).take(3).collect();
        let ran = match workers {
            0 => taken.run_on(&Inline),
            workers => taken.run_on(&Parallel::new().workers(workers)),
        };
        assert_eq!(ran.expect("`take` ends before it").value, [0, 1, 2]);
    }
}

/// Ends the run at a marker.
struct Until(i64);

impl Stage for Until {
    type State = ();
    fn state(&self) {}
}

impl Step<i64> for Until {
    type Out = i64;

    fn push<O: Emit<i64>>(&self, (): &mut (), item: i64, out: &mut O) -> Flow {
        if item == self.0 { Flow::Break(()) } else { out.emit(item) }
    }
}

#[test]
fn what_comes_after_an_end_marker_is_neither_delivered_nor_heard_of() {
    for round in 0..40 {
        let at = [0, 1, 900, 2_500][round % 4];
        let (sink, log) = ScriptedSink::new();
        from_iter(0..20_000i64)
            .map(|n| after(n, 200))
            .try_map(move |n| if n > at + 3 { Err(format!("{n} is behind the end")) } else { Ok(n) })
            .stage(Until(at))
            .scan(|| (), |(), n| n)
            .map(|n| after(n, 100))
            .to(sink)
            .run_on(&Parallel::new().workers(1 + round % 7))
            .expect("a loop would have ended before the first failure");
        assert!(
            log.items() == (0..at).collect::<Vec<_>>(),
            "{} items, the end is at {at}",
            log.items().len()
        );
        assert_eq!(log.commits(), 1);
    }
}

#[test]
fn accumulators_survive_a_failure_that_an_earlier_end_undoes() {
    for round in 0..100 {
        let parallel = Parallel::new().workers(1 + round % 7);
        let report = from_iter(0..10_000i64)
            .try_map(|n| if n >= 1_100 { Err("behind the end") } else { Ok(after(n, 300)) })
            .take(1_000)
            .map(|n| after(n, 300))
            .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
            .run_on(&parallel)
            .expect("`take` ends before the first failure");
        assert_eq!(report.value, 999 * 500);
    }
}

/// Fails when it finishes, having emitted something.
struct FailsAtTheEnd;

impl Stage for FailsAtTheEnd {
    type State = ();
    const SHARING: Sharing = Sharing::Serial;
    fn state(&self) {}
}

impl Step<i64> for FailsAtTheEnd {
    type Out = i64;

    fn push<O: Emit<i64>>(&self, (): &mut (), item: i64, out: &mut O) -> Flow {
        out.emit(item)
    }

    fn finish<O: Emit<i64>>(&self, (): (), out: &mut O) -> Flow {
        out.emit(-1)?;
        out.fail("the end".into())
    }
}

#[test]
fn a_failure_while_finishing_comes_after_all_items() {
    for workers in [1, 2, 3, 7] {
        let (sink, log) = ScriptedSink::new();
        let error = from_iter(0..3_000i64)
            .map(|n| after(n, 300))
            .serial(FailsAtTheEnd)
            .named("last")
            .map(|n| after(n, 100))
            .to(sink)
            .run_on(&Parallel::new().workers(workers))
            .expect_err("it fails at the end");
        assert_eq!(error.to_string(), "stage last failed: the end");
        assert!(log.items() == (0..3_000).chain([-1]).collect::<Vec<_>>(), "{} items", log.items().len());
        assert_eq!(log.commits(), 0);
    }
}

/// Panics without the panic hook, which would print.
fn thrown<T>() -> T {
    std::panic::resume_unwind(Box::new("thrown".to_owned()))
}

#[test]
fn however_a_run_with_serial_stages_ends_no_item_is_left() {
    let endings: [(&str, fn(i64) -> Result<i64, String>); 3] = [
        ("well", Ok),
        ("failed", |n| if n == 1_500 { Err("no".to_owned()) } else { Ok(n) }),
        ("panicked", |n| if n == 1_500 { thrown() } else { Ok(n) }),
    ];
    for round in 0..10 {
        for (ending, end) in endings {
            let live = Live::new();
            let (source, out) = (live.clone(), live.clone());
            let ran = from_iter((0..3_000i64).map(move |n| source.item(n)))
                .map(|item| after(item.value, 200))
                .scan(|| (), |(), n| n)
                .try_map(move |n| end(n).map(|n| out.item(n)))
                .batch(7)
                .map(|group| group)
                .for_each(drop)
                .run_on(&Parallel::new().workers(1 + round % 7).memory_limit(1 << 10 << (round % 3 * 5)));
            assert_eq!(ran.is_ok(), ending == "well");
            assert_eq!(live.now(), 0, "a run that {ending} left items behind");
        }
    }
}

#[test]
fn a_run_with_serial_stages_is_cancelled_anywhere() {
    let mut rng = Rng::new(7);
    for round in 0..60 {
        let (at, place) = (rng.below(10_000) as i64, rng.below(4));
        let cancel = Cancel::new();
        let here = |stage, n| {
            if stage == place && n == at {
                cancel.cancel();
            }
            n
        };
        let (sink, log) = ScriptedSink::new();
        let ran = from_iter(0i64..)
            .map(|n| here(0, after(n, 100)))
            .scan(|| (), |(), n| here(1, n))
            .map(|n| here(2, after(n, 100)))
            .scan(|| (), |(), n| here(3, n))
            .to(sink)
            .cancelled_by(&cancel)
            .run_on(&Parallel::new().workers(1 + round % 7).memory_limit(4 << 10 << (round % 3 * 4)));
        assert!(matches!(ran, Err(RunError::Cancelled)), "round {round}: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1));
        assert!(log.items().iter().copied().eq(0..log.items().len() as i64), "round {round}: out of order");
    }
}

/// A clock that items move.
#[derive(Clone, Default)]
struct Ticks(Arc<AtomicU64>);

impl Clock for Ticks {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }

    fn wait(&self, _: Duration, _: &Cancel) {}
}

#[test]
fn a_deadline_ends_the_run_as_timed_out() {
    for (round, workers) in [1, 2, 3, 7].into_iter().cycle().take(40).enumerate() {
        let (ticks, (sink, log)) = (Ticks::default(), ScriptedSink::new());
        let tick = |n| {
            ticks.0.fetch_add(1, Relaxed);
            after(n, 100)
        };
        let endless = from_iter(0i64..).map(tick);
        let parallel = Parallel::new().workers(workers);
        let span = Duration::from_millis(round as u64 * 311);
        // The loop of a plan with one segment, and nodes.
        let ran = if round % 2 == 0 {
            endless.to(sink).within(span).clocked_by(ticks.clone()).run_on(&parallel)
        } else {
            let serial = endless.scan(|| (), |(), n| n).map(|n| n);
            serial.to(sink).within(span).clocked_by(ticks.clone()).run_on(&parallel)
        };
        assert!(matches!(ran, Err(RunError::TimedOut)), "round {round}: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1));
    }
}

#[test]
fn a_drained_run_delivers_what_it_has_read() {
    for workers in [1, 2, 7] {
        let run = Run::new();
        let whole = from_iter(0i64..)
            .map(|n| after(n, 100))
            .batch(10)
            .map(|group| group.iter().map(|n| after(*n, 50)).collect::<Vec<_>>())
            .collect()
            .handled_by(&run);
        let report = thread::scope(|scope| {
            let ended = scope.spawn(|| whole.run_on(&Parallel::new().workers(workers)));
            while run.progress().taken < 5_000 {
                thread::yield_now();
            }
            run.drain(Duration::from_secs(60));
            ended.join().expect("nothing panics").expect("there is time enough")
        });
        let items = report.value.concat();
        assert!(report.drained && items.len() as u64 == report.taken(), "{} items", items.len());
        assert!(items.into_iter().eq(0..report.taken() as i64));
    }
}

/// An item that panics when it is dropped unread.
struct Fragile(i64, Option<Live>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if self.1.is_some() && !thread::panicking() {
            thrown()
        }
    }
}

#[test]
fn items_that_panic_when_they_are_dropped_end_the_run_with_an_error() {
    for round in 0..40 {
        let ran = from_iter(0..20_000i64)
            .map(|n| Fragile(after(n, 100), (n > 2_000).then(Live::new)))
            .scan(|| (), |(), item| item)
            .map(|mut item| {
                item.1 = None;
                after(item.0, 100)
            })
            .take(3_000)
            .collect()
            .run_on(&Parallel::new().workers(1 + round % 7));
        // Either all of them were used or dropped in time, or one was dropped on the way.
        match ran {
            Ok(report) => assert!(report.value.into_iter().eq(0..3_000)),
            Err(RunError::Panicked { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    // The executor is usable afterwards, and so is this one thread.
    assert_eq!(from_iter(0..9).skip(1).collect().run_on(&Inline).expect("nothing fails").value.len(), 8);
}

/// Long enough that it is over only if something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives one number, then waits for another that never comes, until it is told to stop.
struct Waits {
    given: bool,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    /// Whether it waits, and whether it was told.
    waits: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Told {
    fn wait_for(&self, what: fn(&(bool, bool)) -> bool) -> bool {
        let waits = self.waits.lock().unwrap();
        let (waits, _) = self.changed.wait_timeout_while(waits, PATIENCE, |waits| !what(waits)).unwrap();
        what(&waits)
    }
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.waits.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

impl Source for Waits {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<u64>>, BoxError> {
        if !std::mem::replace(&mut self.given, true) {
            return Ok(Some(Items::new(0, vec![0])));
        }
        self.told.waits.lock().unwrap().0 = true;
        self.told.changed.notify_all();
        assert!(self.told.wait_for(|(_, told)| *told), "nobody told it");
        Ok(None)
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        stop.wake(self.told.clone().into());
    }
}

#[test]
fn a_source_that_waits_is_told_when_a_stage_has_failed_or_has_had_enough() {
    let workers = Parallel::new().workers(2).spread_at_once();
    let (told, too) = (Arc::<Told>::default(), Arc::<Told>::default());
    let refuse =
        |_| Err::<u64, _>(if told.wait_for(|(waits, _)| *waits) { "refused" } else { "it does not wait" });
    let source = Waits { given: false, told: told.clone() };
    let failed = source.pipeline().try_map(refuse).for_each(drop).run_on(&workers);
    assert!(matches!(failed, Err(RunError::Stage { .. })), "{failed:?}");
    assert_eq!(*told.waits.lock().unwrap(), (true, true));
    let source = Waits { given: false, told: too.clone() };
    let enough = source.pipeline().inspect(|_| assert!(too.wait_for(|(waits, _)| *waits))).take(1).collect();
    assert_eq!(enough.run_on(&workers).unwrap().value, [0]);
    assert_eq!(*too.waits.lock().unwrap(), (true, true));
}
