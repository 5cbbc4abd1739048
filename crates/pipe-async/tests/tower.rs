//! Services of tower as stages: each item has a clone that is ready before it is called. Gates instead of time.
#![cfg(feature = "tower")]

use pipe_async::{Async, ServiceCalls, ServiceError};
use pipe_core::{RunError, TookTooLong, exponential, from_iter, skip};
use std::collections::VecDeque;
use std::future::{Ready, poll_fn, ready};
use std::num::ParseIntError;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower_service::Service;

/// Lets this many calls through as its gate has permits. A clone that is ready holds one, until it is called or dropped.
struct Gated {
    gate: Arc<Mutex<Gate>>,
    is_ready: bool,
    waits: bool,
}

#[derive(Default)]
struct Gate {
    permits: usize,
    waiting: usize,
    most_waiting: usize,
    called: Vec<u32>,
    wakers: Vec<Waker>,
    /// Who waits until this many wait.
    watcher: Option<(usize, Waker)>,
    /// Clones that fail instead of becoming ready, and how.
    broken: VecDeque<ParseIntError>,
}

fn no_number() -> ParseIntError {
    "x".parse::<u32>().unwrap_err()
}

impl Gated {
    fn new(permits: usize) -> Self {
        Gated {
            gate: Arc::new(Mutex::new(Gate { permits, ..Gate::default() })),
            is_ready: false,
            waits: false,
        }
    }
}

impl Gate {
    fn open(&mut self, permits: usize) {
        self.permits += permits;
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// Readiness is not cloned.
impl Clone for Gated {
    fn clone(&self) -> Self {
        Gated { gate: self.gate.clone(), is_ready: false, waits: false }
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting -= usize::from(self.waits);
        if self.is_ready {
            gate.open(1);
        }
    }
}

impl Service<u32> for Gated {
    type Response = u32;
    type Error = ParseIntError;
    type Future = Ready<Result<u32, ParseIntError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ParseIntError>> {
        let mut gate = self.gate.lock().unwrap();
        if let Some(error) = gate.broken.pop_front() {
            return Poll::Ready(Err(error));
        }
        let was_waiting = std::mem::replace(&mut self.waits, gate.permits == 0 && !self.is_ready);
        gate.waiting = gate.waiting + usize::from(self.waits) - usize::from(was_waiting);
        if !self.waits {
            gate.permits -= usize::from(!self.is_ready);
            self.is_ready = true;
            return Poll::Ready(Ok(()));
        }
        gate.most_waiting = gate.most_waiting.max(gate.waiting);
        gate.wakers.push(cx.waker().clone());
        if gate.watcher.as_ref().is_some_and(|(count, _)| *count == gate.waiting) {
            gate.watcher.take().unwrap().1.wake();
        }
        Poll::Pending
    }

    fn call(&mut self, n: u32) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        self.gate.lock().unwrap().called.push(n);
        ready(if n % 100 == 7 { Err(no_number()) } else { Ok(n + 1) })
    }
}

/// Until this many clones wait for the gate.
async fn are_waiting(gate: &Mutex<Gate>, count: usize) {
    let waiting = poll_fn(|cx| {
        let mut gate = gate.lock().unwrap();
        if gate.waiting == count {
            return Poll::Ready(());
        }
        gate.watcher = Some((count, cx.waker().clone()));
        Poll::Pending
    });
    // It is not what is tested; but a run that has failed shall not make the test wait for ever.
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("nobody waits any more");
}

#[tokio::test]
async fn a_service_that_is_not_ready_keeps_operations_waiting_and_no_more_than_may_be_in_flight() {
    let service = Gated::new(0);
    let gate = service.gate.clone();
    let calls = ServiceCalls::new(service);
    let run = from_iter(8..100u32).try_map_async(move |n| calls.call(n)).concurrency(4).collect();
    let run = tokio::spawn(run.run_on(&Async::tokio()).into_future());
    are_waiting(&gate, 4).await;
    assert!(gate.lock().unwrap().called.is_empty(), "called before it was ready");
    // One at a time at first, then all that is left.
    for called in 1..=3 {
        gate.lock().unwrap().open(1);
        while gate.lock().unwrap().called.len() < called {
            tokio::task::yield_now().await;
        }
        are_waiting(&gate, 4).await;
        assert_eq!(gate.lock().unwrap().called.len(), called);
    }
    gate.lock().unwrap().open(1_000);
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.value, (9..101).collect::<Vec<_>>());
    let mut gate = gate.lock().unwrap();
    gate.called.sort_unstable();
    assert_eq!((gate.most_waiting, gate.waiting, gate.permits), (4, 0, 1_003 - 92));
    assert_eq!(gate.called, (8..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_fails_and_a_service_that_does_not_become_ready_are_told_apart() {
    let service = Gated::new(1_000);
    let gate = service.gate.clone();
    let fails = |service: Gated| async move {
        let calls = ServiceCalls::new(service);
        from_iter(0..20u32)
            .try_map_async(move |n| calls.call(n))
            .collect()
            .run_on(&Async::tokio())
            .await
            .unwrap_err()
    };
    let failed = fails(service.clone()).await;
    let Some(ServiceError::Call { source }) = failed.stage_error() else { panic!("{failed}") };
    assert!(source.is::<ParseIntError>(), "the service's own error");
    assert!(matches!(&failed, RunError::Stage { at: Some(at), .. } if at.place() == 7), "{failed:?}");
    gate.lock().unwrap().broken.push_back(no_number());
    let failed = fails(service).await;
    let Some(ServiceError::NotReady { source }) = failed.stage_error() else { panic!("{failed}") };
    assert!(source.is::<ParseIntError>(), "the service's own error");
}

#[tokio::test]
async fn each_attempt_has_a_clone_of_its_own() {
    let service = Gated::new(1_000);
    let gate = service.gate.clone();
    // Each of these breaks one clone, which is not asked again.
    gate.lock().unwrap().broken.extend([no_number(), no_number(), no_number()]);
    let calls = ServiceCalls::new(service);
    let run = from_iter(0..10u32).try_map_async(move |n| calls.call(n)).concurrency(1);
    let run = run.retry(exponential(4).first(Duration::from_millis(1))).on_error(skip()).collect();
    let report = run.run_on(&Async::tokio()).await.unwrap();
    let skipped = report.skipped();
    assert_eq!((report.value, skipped), ((1..=10).filter(|n| *n != 8).collect::<Vec<_>>(), 1));
    // The seventh failed four times.
    assert_eq!(gate.lock().unwrap().called.len(), 9 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_cut_short_leaves_the_gate_as_it_was() {
    let service = Gated::new(0);
    let gate = service.gate.clone();
    let calls = ServiceCalls::new(service);
    let run = from_iter(8..12u32).try_map_async(move |n| calls.call(n)).timeout(Duration::from_secs(1));
    let failed = run.collect().run_on(&Async::tokio()).await.unwrap_err();
    assert!(failed.stage_error::<TookTooLong>().is_some(), "{failed}");
    let gate = gate.lock().unwrap();
    assert_eq!((gate.waiting, gate.permits, gate.called.len()), (0, 0, 0));
}
