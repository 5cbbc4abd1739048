//! Sources that wait for others: they are told when the run wants nothing more of them, however they are put together.

use pipe_core::{
    BoxError, Boxed, Cancel, FromIter, Identity, Inline, Items, Own, Pipeline, Run, RunError, Source, Want,
    concat, from_source, merge, zip,
};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Wake;
use std::thread;
use std::time::Duration;

/// Waits for an item that never comes, and says so; it ends its wait when it is told to.
struct Waits {
    waits: Sender<()>,
    switch: Arc<Switch>,
}

#[derive(Default)]
struct Switch {
    is_on: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Switch {
    fn wake(self: Arc<Self>) {
        *self.is_on.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

impl Source for Waits {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<u64>>, BoxError> {
        self.waits.send(())?;
        let is_on = self.switch.is_on.lock().unwrap();
        let patience = Duration::from_secs(60);
        let (is_on, _) = self.switch.changed.wait_timeout_while(is_on, patience, |is_on| !*is_on).unwrap();
        if *is_on { Ok(None) } else { Err("nobody told it".into()) }
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        stop.wake(self.switch.clone().into());
    }
}

fn waits() -> (Waits, Receiver<()>) {
    let (waits, waiting) = channel();
    (Waits { waits, switch: Arc::default() }, waiting)
}

/// A run of what `make` makes of such a source ends when it is drained, and when it is cancelled.
fn is_told(make: impl Fn(Waits) -> Pipeline<Boxed<'static, u64>, Identity, Own<u64>>) {
    let ended = |stop: fn(&Run)| {
        let ((source, waiting), handle) = (waits(), Run::new());
        let run = make(source).for_each(drop).handled_by(&handle);
        thread::scope(|scope| {
            let ran = scope.spawn(|| run.run_on(&Inline));
            waiting.recv().expect("it is pulled");
            stop(&handle);
            ran.join().expect("nothing panics").map(|report| report.drained)
        })
    };
    assert!(ended(|run| run.drain(Duration::from_secs(3_600))).expect("it ends well"));
    assert!(matches!(ended(Run::cancel), Err(RunError::Cancelled)));
}

#[test]
fn a_source_that_waits_is_told_that_the_run_wants_no_more_however_it_is_wrapped() {
    is_told(|source| source.pipeline().boxed());
    is_told(|source| {
        let boxed: Box<dyn Source<Item = Own<u64>, Batch = Items<u64>>> = Box::new(source);
        boxed.pipeline().boxed()
    });
    is_told(|source| from_source(source).skip_rows(1).boxed());
    is_told(|source| from_source(source).take_rows(1).boxed());
    is_told(|source| concat([source]).pipeline().boxed());
    is_told(|source| merge([source]).pipeline().boxed());
    is_told(|source| zip(source, FromIter::new(0..9u64)).pipeline().map(|(n, _)| n).boxed());
    is_told(|source| zip(FromIter::new(0..9u64), source).pipeline().map(|(_, n)| n).boxed());
}
