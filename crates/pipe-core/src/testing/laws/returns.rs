//! Runs that are stopped come back.

use crate::cancel::Cancel;
use crate::executor::BlockingExecutor;
use crate::source::from_iter;
use crate::testing::steps::thrown;
use crate::testing::{Provable, ScriptedSink, VirtualClock};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Far more than any of these runs takes, also on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// However a run is stopped, `run_on` returns: it waits for nobody who will not come. Each way is run on a thread of its own, for which
/// `make` makes the executor; one that does not return is named, and its thread is left behind.
pub fn a_stopped_run_returns<X>(make: impl Fn() -> X + Clone + Send + 'static)
where
    X: BlockingExecutor<'static>,
{
    a_stopped_run_returns_within(PATIENCE, make);
}

/// As [`a_stopped_run_returns`], with less patience or more.
pub fn a_stopped_run_returns_within<X>(span: Duration, make: impl Fn() -> X + Clone + Send + 'static)
where
    X: BlockingExecutor<'static>,
{
    let ways: [(&str, fn(&dyn Provable) -> bool); 6] = [
        ("cancelled", cancelled),
        ("failed", |executor| fails(executor, |n| if n == 999 { Err("no".to_owned()) } else { Ok(n) })),
        ("panicked", |executor| fails(executor, |n| if n == 999 { thrown("no".to_owned()) } else { Ok(n) })),
        ("stopped by its sink", |executor| {
            let (sink, _) = ScriptedSink::new();
            from_iter(0u64..).edge().map(|n| n).to(sink.failing_at(500)).run_on(executor).is_err()
        }),
        ("satisfied", |executor| {
            from_iter(0u64..).edge().take(500).edge().for_each(drop).run_on(executor).is_ok()
        }),
        ("late", |executor| {
            let clock = VirtualClock::new();
            let time = clock.clone();
            let late = from_iter(0u64..).inspect(move |_| time.advance(Duration::from_millis(1))).edge();
            let ran =
                late.for_each(drop).within(Duration::from_millis(500)).clocked_by(clock).run_on(executor);
            ran.is_err()
        }),
    ];
    for (how, way) in ways {
        let (done, over) = channel();
        let make = make.clone();
        let runs = thread::spawn(move || {
            let ended = way(&make());
            // Nobody listens any more if this took too long.
            let _ = done.send(ended);
        });
        match over.recv_timeout(span) {
            Ok(ended) => assert!(ended, "a run that was {how} ended otherwise"),
            Err(RecvTimeoutError::Timeout) => panic!("a run that was {how} does not return"),
            Err(RecvTimeoutError::Disconnected) => {
                let thrown = runs.join().expect_err("it ended without a word");
                std::panic::resume_unwind(thrown)
            }
        }
    }
}

fn cancelled(executor: &dyn Provable) -> bool {
    let cancel = Cancel::new();
    let switch = cancel.clone();
    let look = move |n: &u64| {
        if *n == 999 {
            switch.cancel();
        }
    };
    from_iter(0u64..).inspect(look).edge().for_each(drop).cancelled_by(&cancel).run_on(executor).is_err()
}

fn fails(executor: &dyn Provable, stage: fn(u64) -> Result<u64, String>) -> bool {
    from_iter(0u64..).edge().try_map(stage).edge().for_each(drop).run_on(executor).is_err()
}
