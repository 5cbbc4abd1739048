//! Reading one batch ahead: when it happens, when it does not, and that nothing is left of it.

use pipe_core::testing::VirtualClock;
use pipe_core::{BoxError, Items, Own, RunError, Source, Want, from_iter};
use pipe_mem::{Lazy, Prefetch, Pressure, Reading};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Far longer than anything here takes: only who would wait for ever waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives one item per batch, made by a function of how many there were before.
struct Each<F>(u64, F);

impl<T: Send + 'static, F: FnMut(u64) -> Result<Option<T>, BoxError> + Send> Source for Each<F> {
    type Item = Own<T>;
    type Batch = Items<T>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<T>>, BoxError> {
        let at = self.0;
        self.0 += 1;
        Ok((self.1)(at)?.map(|item| Items::new(at, vec![item])))
    }
}

fn ahead() -> Lazy {
    Lazy::new().prefetch(Prefetch::OneBatch)
}

/// A source that says which item it reads, and ends after ten.
fn telling() -> (Each<impl FnMut(u64) -> Result<Option<u64>, BoxError> + Send>, Receiver<u64>) {
    let (tell, told) = channel();
    let read = move |at| {
        // Nobody may listen any more.
        let _ = tell.send(at);
        Ok((at < 10).then_some(at))
    };
    (Each(0, read), told)
}

#[test]
fn the_next_batch_is_read_while_this_one_is_worked_on() {
    let (source, told) = telling();
    let told = Mutex::new(told);
    // Whoever works on an item waits until the one behind it is being read.
    let waits = source.pipeline().inspect(|item| {
        let told = told.lock().unwrap();
        while told.recv_timeout(PATIENCE).expect("nothing was read meanwhile") != item + 1 {}
    });
    assert_eq!(waits.collect().run_on(&ahead()).unwrap().value, Vec::from_iter(0..10));
}

#[test]
fn at_most_one_batch_is_read_ahead() {
    let (source, told) = telling();
    let mut most = 0;
    let report = source.pipeline().for_each(move |item| {
        most = told.try_iter().last().unwrap_or(0).max(most);
        assert!(most <= item + 1, "{most} was read while {item} was worked on");
    });
    assert_eq!(report.run_on(&ahead()).unwrap().written, 10);
}

#[test]
fn nothing_is_read_ahead_unless_asked_for_nor_while_memory_is_critical() {
    let gauge = || Some(Reading::OutOfMemory { times: 1 });
    let critical = Pressure::new(vec![Box::new(gauge)], VirtualClock::new());
    for lazy in [Lazy::new(), ahead().watching(&critical)] {
        let (source, told) = telling();
        let mut read = 0;
        let report = source.pipeline().for_each(move |item| {
            read = told.try_iter().last().unwrap_or(read);
            assert_eq!(read, item);
        });
        assert_eq!(report.run_on(&lazy).unwrap().written, 10);
    }
}

#[test]
fn nothing_is_read_ahead_behind_an_item_larger_than_its_part_of_the_limit() {
    let read = Arc::new(Mutex::new(0));
    let reading = read.clone();
    let source = Each(0, move |at| {
        *reading.lock().unwrap() = at;
        Ok((at < 5).then_some([0u8; 700]))
    });
    let mut item = 0;
    let run = source.pipeline().for_each(|bytes| {
        assert_eq!((bytes.len(), *read.lock().unwrap()), (700, item));
        item += 1;
    });
    let report = run.run_on(&ahead().memory_limit(1 << 10)).unwrap();
    assert_eq!(report.written, 5);
}

thread_local! {
    static LEFT: RefCell<Option<Left>> = const { RefCell::new(None) };
}

/// Says when the thread is gone on which it was put down.
struct Left(Arc<AtomicBool>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Runs it on a source that leaves a mark on its thread, and checks that the thread is gone afterwards.
fn leaves_no_thread(run: impl FnOnce(Each<Box<dyn FnMut(u64) -> Result<Option<u64>, BoxError> + Send>>)) {
    let gone = Arc::new(AtomicBool::new(false));
    let mark = gone.clone();
    run(Each(
        0,
        Box::new(move |at| {
            LEFT.with_borrow_mut(|left| _ = left.get_or_insert_with(|| Left(mark.clone())));
            Ok(Some(at))
        }),
    ));
    assert!(gone.load(SeqCst), "the thread is still there");
}

#[test]
fn no_run_leaves_its_thread_behind() {
    leaves_no_thread(|source| {
        let some = source.pipeline().take(3).collect().run_on(&ahead());
        assert_eq!(some.unwrap().value, [0, 1, 2]);
    });
    leaves_no_thread(|source| {
        let failed =
            source.pipeline().try_map(|n| if n < 3 { Ok(n) } else { Err("no") }).collect().run_on(&ahead());
        assert!(matches!(failed, Err(RunError::Stage { .. })));
    });
    leaves_no_thread(|source| {
        let thrown = source.pipeline().for_each(|n| assert!(n < 3, "too many")).run_on(&ahead());
        assert!(matches!(thrown, Err(RunError::Panicked { .. })));
    });
}

#[test]
fn errors_and_panics_of_the_source_come_after_what_it_gave() {
    let written = Mutex::new(Vec::new());
    let run = |end: fn() -> Result<Option<u64>, BoxError>| {
        written.lock().unwrap().clear();
        let source = Each(0, move |at| if at < 3 { Ok(Some(at)) } else { end() });
        source.pipeline().for_each(|n| written.lock().unwrap().push(n)).run_on(&ahead()).unwrap_err()
    };
    assert!(matches!(run(|| Err("the disk is gone".into())), RunError::Source { .. }));
    assert_eq!(*written.lock().unwrap(), [0, 1, 2]);
    let thrown = run(|| panic!("the source is gone"));
    assert!(matches!(&thrown, RunError::Panicked { stage, .. } if stage == "source"), "{thrown:?}");
    assert_eq!(*written.lock().unwrap(), [0, 1, 2]);
}

/// Panics when it is dropped on its way, and not when it was worked on.
struct Fragile(Option<Sender<()>>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if let Some(dropped) = self.0.take() {
            // The test may have failed already.
            let _ = dropped.send(());
            panic!("it broke");
        }
    }
}

#[test]
fn a_batch_that_was_read_for_nothing_is_dropped_and_its_panic_is_an_error() {
    let (dropped, told) = channel();
    let source = Each(0, move |at| Ok((at < 100).then(|| Fragile(Some(dropped.clone())))));
    let sound = source.pipeline().map(|mut item: Fragile| drop(item.0.take()));
    let ended = sound.take(1).for_each(drop).run_on(&ahead());
    assert!(
        matches!(&ended, Err(RunError::Panicked { stage, .. }) if stage == "drop of an item"),
        "{ended:?}"
    );
    assert_eq!(told.try_iter().count(), 1);
}

#[test]
fn both_batches_fit_into_the_limit() {
    for limit in [1 << 10, 1 << 14, 1 << 20] {
        let texts = from_iter(0..20_000u64).map(|n| format!("{n:>40}")).edge().map(|text| text.len());
        let report = texts.for_each(drop).run_on(&ahead().memory_limit(limit)).expect("each text fits");
        assert!((1..=limit).contains(&report.peak_bytes), "{} of {limit}", report.peak_bytes);
        assert_eq!(report.written, 20_000);
    }
}
