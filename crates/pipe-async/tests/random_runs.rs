//! Runs with random numbers in every place, against the naive loops; and stopped at random places, against lock-ups and leaks.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::{Live, Pull, Rng, ScriptedSink, ScriptedSource};
use pipe_core::{Cancel, RunError, exponential, from_iter, from_source, per_second, skip};
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// More than any of these runs takes, by a factor of a thousand.
const LOCKED_UP: Duration = Duration::from_secs(60);

/// The runs of a normal test; `PIPE_SEEDS=10000` tries more.
fn seeds() -> u64 {
    std::env::var("PIPE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

fn runtime(seed: u64) -> Runtime {
    let mut runtime =
        if seed.is_multiple_of(2) { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    runtime.worker_threads(2).enable_time().build().expect("a runtime")
}

/// Waits now and then, in a way that has nothing to do with the order.
async fn wait(n: u64, seed: u64) {
    for _ in 0..Rng::new(seed ^ n).below(4) {
        yield_now().await;
    }
}

struct Case {
    batches: Vec<Vec<u64>>,
    /// Each item becomes this many.
    times: u64,
    /// Multiples fail.
    failing: u64,
    /// Multiples are dropped.
    dropped: u64,
    concurrency: [usize; 3],
    /// Of the first async stage.
    window: usize,
    per_key: usize,
    limit: usize,
    shards: usize,
    /// Source and sink are in the task.
    in_task: bool,
}

impl Case {
    fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        // Batches small enough for the smallest limit.
        let mut batch = |_| (0..=rng.below(7)).map(|_| rng.below(1_000)).collect();
        let batches = (0..40).map(&mut batch).collect();
        let mut concurrency = || 1 + Rng::new(rng.number()).below(100) as usize;
        let concurrency = [concurrency(), concurrency(), concurrency()];
        let limit = [64, 1 << 10, 64 << 10, 16 << 20][rng.below(4) as usize];
        let (times, failing, dropped) = (rng.below(8), 2 + rng.below(9), 2 + rng.below(9));
        let (window, per_key) = (1 + rng.below(200) as usize, 1 + rng.below(20) as usize);
        let (shards, in_task) = (1 + rng.below(3) as usize, rng.below(3) == 0);
        Case { batches, times, failing, dropped, concurrency, window, per_key, limit, shards, in_task }
    }

    fn expected(&self) -> Vec<u64> {
        let items = self.batches.iter().flatten().flat_map(|n| (0..self.times).map(move |k| n + k));
        let kept = items.filter(|n| n % self.failing != 0 && n % self.dropped != 0);
        kept.scan(0, |sum, n| {
            *sum += n * 3;
            Some(*sum)
        })
        .collect()
    }

    async fn outputs(self, seed: u64) -> Result<Vec<u64>, RunError> {
        let Case { batches, times, failing, dropped, window, per_key, limit, shards, in_task, .. } = self;
        let [first, second, third] = self.concurrency;
        let source = ScriptedSource::new(batches.into_iter().map(Pull::Give));
        let passing = move |n| async move {
            wait(n, seed).await;
            n
        };
        let run = from_source(source)
            .flat_map(move |n| (0..times).map(move |k| n + k))
            .try_map_async(move |n| async move {
                wait(n, seed).await;
                if n % failing == 0 { Err("a multiple") } else { Ok(n) }
            })
            .concurrency(first)
            .window(window)
            .per_key(|n| n % 3, per_key)
            .rate(per_second(1_000_000).burst(100))
            .timeout(LOCKED_UP)
            .retry(exponential(2).first(Duration::ZERO))
            .on_error(skip())
            .map_async(passing)
            .concurrency(second)
            .filter(move |n| n % dropped != 0)
            .edge()
            .map_with(|| Rc::new(3), |three, n| n * **three)
            .scan(
                || 0,
                |sum, n| {
                    *sum += n;
                    *sum
                },
            )
            .map_async(passing)
            .concurrency(third)
            .collect();
        let executor = Async::tokio().memory_limit(limit).shards(shards);
        let report =
            if in_task { run.run_on(&executor.in_task()).await } else { run.run_on(&executor).await };
        Ok(report?.value)
    }
}

#[test]
fn outputs_equal_the_naive_loops() {
    for seed in 0..seeds() {
        let case = Case::random(seed);
        let expected = case.expected();
        let outputs = runtime(seed).block_on(async { timeout(LOCKED_UP, case.outputs(seed)).await });
        let outputs = outputs.unwrap_or_else(|_| panic!("seed {seed} locked up"));
        let outputs = outputs.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(outputs == expected, "seed {seed}: the outputs differ");
    }
}

/// How a run is stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Cancel,
    Drop,
    Deadline,
    /// A stage fails.
    Fail,
}

async fn is_stopped(seed: u64) {
    let mut rng = Rng::new(seed);
    let stop = [Stop::Cancel, Stop::Drop, Stop::Deadline, Stop::Fail][rng.below(4) as usize];
    let (live, cancel, (sink, log)) = (Live::new(), Cancel::new(), ScriptedSink::new());
    let (source, out, concurrency) = (live.clone(), live.clone(), 1 + rng.below(100) as usize);
    let span = Duration::from_micros(rng.below(3_000));
    let shards = 1 + rng.below(3) as usize;
    let fails = if matches!(stop, Stop::Fail) { rng.below(3_000) } else { u64::MAX };
    let run = from_iter((0u64..).map(move |n| source.item(n)))
        .map_async(move |item| async move {
            wait(item.value, seed).await;
            item
        })
        .concurrency(concurrency)
        .flat_map(move |item| (0..3).map(|_| out.item(item.value)).collect::<Vec<_>>())
        .try_map_async(move |item| async move {
            wait(item.value, seed).await;
            if item.value == fails { Err("stop") } else { Ok(item) }
        })
        .map(|item| item.value)
        .to(sink)
        .cancelled_by(&cancel);
    let run = if matches!(stop, Stop::Deadline) { run.within(span) } else { run };
    let run = tokio::spawn(run.run_on(&Async::tokio().memory_limit(1 << 16).shards(shards)));
    sleep(span).await;
    match stop {
        Stop::Cancel => cancel.cancel(),
        Stop::Drop => run.abort(),
        Stop::Deadline | Stop::Fail => {}
    }
    match (stop, run.await) {
        (Stop::Drop, Err(aborted)) => assert!(aborted.is_cancelled()),
        (Stop::Cancel, Ok(Err(RunError::Cancelled))) | (Stop::Deadline, Ok(Err(RunError::TimedOut))) => {}
        (Stop::Fail, Ok(Err(error))) => {
            assert_eq!(error.to_string(), format!("stage try_map_async#2 failed at {fails}: stop"));
            assert_eq!(log.items().len() as u64, fails * 3);
        }
        (stop, ended) => {
            panic!("seed {seed}, {stop:?}: {:?}", ended.map(|ran| ran.map(|report| report.value)))
        }
    }
    // Only who dropped a run has to wait for its threads.
    while matches!(stop, Stop::Drop) && (live.now() > 0 || log.drops() == 0) {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((live.now(), log.commits(), log.drops()), (0, 0, 1), "seed {seed}, {stop:?}");
}

#[test]
fn runs_that_are_stopped_end_and_leave_nothing() {
    for seed in 0..seeds() {
        let ended = runtime(seed).block_on(async { timeout(LOCKED_UP, is_stopped(seed)).await });
        ended.unwrap_or_else(|_| panic!("seed {seed} locked up"));
    }
}
