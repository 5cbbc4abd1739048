//! What a run does when memory becomes short: smaller batches, and a line in its report for each change.

use pipe_core::testing::VirtualClock;
use pipe_core::{BoxError, Budget, Event, FromIter, Items, Own, RunError, Source, Want, from_iter};
use pipe_mem::PressureLevel::{self, Critical, High, Moderate, Normal};
use pipe_mem::{Lazy, Pressure, Reading, Scope};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A source that writes down what it was asked for, 100 ms later each time, while memory becomes as short as it says.
struct Asked {
    items: FromIter<std::ops::Range<u64>>,
    clock: VirtualClock,
    levels: std::vec::IntoIter<PressureLevel>,
    level: Arc<Mutex<PressureLevel>>,
    wants: Arc<Mutex<Vec<Want>>>,
}

impl Source for Asked {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<u64>>, BoxError> {
        self.wants.lock().unwrap().push(want);
        self.clock.advance(Duration::from_millis(100));
        let Some(level) = self.levels.next() else { return Ok(None) };
        *self.level.lock().unwrap() = level;
        self.items.pull(want)
    }
}

fn run(levels: Vec<PressureLevel>) -> (Vec<Want>, Vec<Event>) {
    let (clock, level, wants) = (VirtualClock::new(), Arc::new(Mutex::new(Normal)), Arc::default());
    let said = level.clone();
    let gauge = move || {
        let used = [10, 80, 90, 95][*said.lock().unwrap() as usize];
        Some(Reading::Usage { scope: Scope::Group, used: used << 20, limit: 100 << 20 })
    };
    let pressure = Pressure::new(vec![Box::new(gauge)], clock.clone());
    let (items, levels, asked) = (FromIter::new(0..u64::MAX), levels.into_iter(), Arc::clone(&wants));
    let source = Asked { items, clock, levels, level, wants: asked };
    let report =
        source.pipeline().for_each(drop).run_on(&Lazy::new().watching(&pressure)).expect("nothing fails");
    let wants = wants.lock().unwrap().clone();
    (wants, report.events)
}

#[test]
fn each_level_halves_the_bytes_of_a_batch() {
    let (wants, _) = run(vec![Normal, Moderate, High, Critical]);
    let full = wants[0].bytes;
    let bytes: Vec<_> = wants.iter().map(|want| want.bytes).collect();
    assert_eq!(bytes, [full, full, full / 2, full / 4, full / 8], "what was read is known one batch later");
}

#[test]
fn each_change_is_in_the_report_with_who_said_so_and_what_was_done() {
    let down = vec![Normal; 21];
    let (_, events) = run([vec![Normal, Moderate, Critical, Critical], down].concat());
    let texts: Vec<_> = events.iter().map(ToString::to_string).collect();
    let expected = [
        "memory pressure moderate: the control group uses 80 of 100 MiB; batches of 1/2, 0 idle objects let go",
        "memory pressure critical: the control group uses 95 of 100 MiB; batches of 1/8, nothing is read ahead, \
         0 idle objects let go",
        "memory pressure normal: nothing was short for two seconds; batches are of full size again",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn a_budget_that_grants_less_is_in_the_report() {
    let process = Budget::new(1 << 20);
    let (clock, gauge) = (VirtualClock::new(), || {
        Some(Reading::Usage { scope: Scope::Group, used: 9 << 20, limit: 10 << 20 })
    });
    let pressure = Pressure::new(vec![Box::new(gauge)], clock);
    pressure.limits(&process);
    let lazy = Lazy::new().budget(&process).watching(&pressure);
    let report = from_iter(0..10).for_each(drop).run_on(&lazy).expect("nothing fails");
    let text = report.events[0].to_string();
    assert!(text.ends_with("; batches of 1/4, budgets grant 1/4, 0 idle objects let go"), "{text}");
    assert_eq!((process.allowance(), process.in_use()), (1 << 18, 0));
}

#[test]
fn where_memory_is_never_short_nothing_is_said() {
    assert_eq!(run(vec![Normal; 50]).1, []);
}

#[test]
fn changes_without_end_do_not_fill_the_report() {
    let round = [vec![High], vec![Normal; 21]].concat();
    let (_, events) = run(round.repeat(80));
    assert_eq!(events.len(), 100);
    assert!(events[99].to_string().ends_with("further changes are not noted"), "{}", events[99]);
}

#[test]
fn a_system_that_does_not_tell_is_a_fallback_in_the_report() {
    let pressure = Pressure::new(Vec::new(), VirtualClock::new());
    let report =
        from_iter(0..10).for_each(drop).run_on(&Lazy::new().watching(&pressure)).expect("nothing fails");
    assert!(matches!(&report.events[..], [Event::Fallback { .. }]), "{:?}", report.events);
}

#[test]
fn a_gauge_that_panics_ends_the_run_with_its_words() {
    let gauge = || -> Option<Reading> { panic!("the needle is stuck") };
    let pressure = Pressure::new(vec![Box::new(gauge)], VirtualClock::new());
    let ended = from_iter(0..10).for_each(drop).run_on(&Lazy::new().watching(&pressure));
    let Err(RunError::Panicked { stage, .. }) = &ended else { panic!("{ended:?}") };
    assert_eq!(stage, "memory pressure");
    assert!(from_iter(0..10).for_each(drop).run_on(&Lazy::new()).is_ok());
}
