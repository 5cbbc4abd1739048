//! Who is told what a run does, and what it is told.
#![cfg(feature = "testing")]

use pipe_core::testing::VirtualClock;
use pipe_core::{Event, FromIter, Inline, Observed, Part, Run, RunError, Slice, Source, from_iter};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// What an observer was told, in words and numbers that can be kept.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Began { segments: usize, stage: String },
    Working(Part),
    Worked(Slice),
    Noted(Event),
    Ended { taken: u64, written: u64, error: Option<String> },
}

type Diary = Arc<Mutex<Vec<Told>>>;

fn diary() -> (Diary, impl Fn(&Observed<'_>) + Send + Sync + 'static) {
    let diary = Diary::default();
    let pen = diary.clone();
    let write = move |what: &Observed<'_>| {
        let told = match what {
            Observed::Began { plan, .. } => Told::Began {
                segments: plan.segments.len(),
                stage: plan.segments.first().map_or(String::new(), |first| first.stages[0].name.clone()),
            },
            Observed::Working(part) => Told::Working(*part),
            Observed::Worked(slice) => Told::Worked(*slice),
            Observed::Noted(event) => Told::Noted((*event).clone()),
            Observed::Ended { report, error } => Told::Ended {
                taken: report.taken(),
                written: report.written,
                error: error.map(ToString::to_string),
            },
            _ => return,
        };
        pen.lock().unwrap().push(told);
    };
    (diary, write)
}

fn slices(diary: &Diary) -> Vec<Slice> {
    let told = diary.lock().unwrap();
    told.iter().filter_map(|told| if let Told::Worked(slice) = told { Some(*slice) } else { None }).collect()
}

#[test]
fn what_is_told_adds_up_to_the_report() {
    let ((seen, observer), clock) = (diary(), VirtualClock::new());
    let (reading, parsing, writing) = (clock.clone(), clock.clone(), clock.clone());
    let numbers = (0..10_000u64).inspect(move |_| reading.advance(MILLISECOND));
    let run = FromIter::new(numbers)
        .pipeline()
        .map(move |n| {
            parsing.advance(MILLISECOND * 3);
            n
        })
        .edge()
        .filter(|n| n % 2 == 0)
        .for_each(move |_| writing.advance(MILLISECOND * 2));
    let report = run.clocked_by(clock).observe(observer).run_on(&Inline).expect("nothing fails");
    let of = |part| slices(&seen).into_iter().filter(move |slice| slice.part == part);
    let busy = |part| of(part).map(|slice| slice.busy()).sum::<Duration>();
    let items = |part| of(part).map(|slice| slice.items).sum::<u64>();
    assert_eq!(busy(Part::Source), report.source_busy);
    assert_eq!(busy(Part::Sink), report.sink_busy);
    for (index, segment) in report.segments.iter().enumerate() {
        assert_eq!(Some(busy(Part::Segment(index))), segment.busy);
        assert_eq!(items(Part::Segment(index)), segment.taken);
    }
    assert_eq!(items(Part::Sink), report.written);
    assert_eq!(of(Part::Source).map(|slice| slice.bytes).sum::<u64>(), report.bytes);
    // All of the time of a single thread is somebody's.
    assert_eq!(slices(&seen).iter().map(Slice::busy).sum::<Duration>(), report.elapsed);
}

#[test]
fn the_beginning_is_told_first_and_the_end_last_and_slices_are_nested() {
    for fails in [false, true] {
        let (seen, observer) = diary();
        let numbers = FromIter::new(0..100_000u64).pipeline().try_map(move |n| match n {
            70_000 if fails => Err("no"),
            n => Ok(n),
        });
        let ended =
            numbers.named("check").edge().map(|n| n + 1).for_each(drop).observe(observer).run_on(&Inline);
        assert_eq!(ended.is_err(), fails);
        let told = seen.lock().unwrap();
        assert_eq!(told[0], Told::Began { segments: 2, stage: "check".to_owned() });
        let Some(Told::Ended { taken, written, error }) = told.last() else { panic!("{:?}", told.last()) };
        assert_eq!(error.as_deref(), fails.then_some("stage check failed at 70000: no"));
        assert_eq!(*written, if fails { 70_000 } else { 100_000 });
        assert!(taken >= written);
        let mut open = Vec::new();
        for told in &told[1..told.len() - 1] {
            match told {
                Told::Working(part) => open.push(*part),
                Told::Worked(slice) => assert_eq!(open.pop(), Some(slice.part)),
                told => panic!("{told:?}"),
            }
        }
        assert!(open.is_empty());
    }
}

#[test]
fn a_loop_without_batches_is_told_as_its_segment() {
    let (seen, observer) = diary();
    let report = from_iter(0..1_000u64).map(|n| n).for_each(drop).observe(observer).run_on(&Inline).unwrap();
    let slices = slices(&seen);
    assert!(slices.iter().all(|slice| slice.part == Part::Segment(0)));
    assert_eq!(slices.iter().map(|slice| slice.items).sum::<u64>(), report.taken());
}

#[test]
fn an_observer_that_panics_harms_nobody_and_is_in_the_report() {
    let ((seen, observer), (later, last)) = (diary(), diary());
    let calls = Arc::new(Mutex::new(0));
    let counted = calls.clone();
    let broken = move |_: &Observed<'_>| {
        *counted.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
        panic!("of its own")
    };
    let numbers = FromIter::new(0..50_000u64).pipeline().map(|n| n).for_each(drop);
    let report = numbers.observe(observer).observe(broken).observe(last).run_on(&Inline).expect("it goes on");
    assert_eq!((report.written, *calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner())), (50_000, 1));
    let [Event::Fallback { wanted, why, .. }] = &report.events[..] else { panic!("{:?}", report.events) };
    assert_eq!((&**wanted, &**why), ("an observer", "it panicked: of its own"));
    assert_eq!(seen.lock().unwrap().len(), later.lock().unwrap().len());
    assert!(seen.lock().unwrap().contains(&Told::Noted(report.events[0].clone())));
}

#[test]
fn a_handle_has_the_report_during_the_run_and_after_a_failure() {
    let run = Run::new();
    assert!(run.report().is_none());
    let seen = run.clone();
    let numbers = from_iter(0..10_000u64).map(|n| n).edge().try_map(move |n| {
        let so_far = seen.report().expect("it has begun");
        assert!(so_far.segments[0].emitted > n && so_far.executor == "Inline");
        if n < 9_000 { Ok(n) } else { Err("no") }
    });
    let failed = numbers.for_each(drop).handled_by(&run).run_on(&Inline);
    assert!(matches!(failed, Err(RunError::Stage { .. })));
    let report = run.report().expect("it stays");
    assert_eq!((report.segments[1].emitted, report.written), (9_000, 9_000));
    assert_eq!(report.elapsed, run.report().expect("it stays").elapsed, "time passes after the end");
}
