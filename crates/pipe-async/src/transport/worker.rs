//! A worker: takes messages of a stream, runs a pipeline over the items of each, sends what comes out, and only then acknowledges.

use super::ahead::Ahead;
use super::contract::{Transport, giving_up};
use super::error::TransportError;
use super::frame::FrameLimits;
use super::give_up::GiveUp;
use super::keeper::Keeper;
use super::partition::{Route, split};
use super::schema::Schemas;
use super::settings::{check_items, check_stream};
use super::shift::Shift;
use super::taken::Taken;
use pipe_core::{Cancel, Retry, RunError, exponential};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a worker waits for messages before it looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(250);

/// How long a worker that is stopped waits for the results of finished messages to arrive, and for a server that does not answer.
const DRAIN: Duration = Duration::from_secs(5);

/// One stage of many processes: from a stream, through a pipeline, into a stream.
///
/// Each message is a run of its own, over its items alone: the pipeline may filter, fail, or make many of one, on any executor; what it keeps
/// from one item to the next it keeps within a message. The ids of what it sends are made of the id of what it took, so a message that is
/// worked on twice, because its worker was killed between sending and acknowledging, leaves its results once. This holds within the
/// [duplicate window](crate::StreamSettings::duplicate_window) of the stream they go into, and while the pipeline makes the same of the same
/// items. Where other items fail the second time, results may be there twice; none is missing.
///
/// An item that fails is tried again with its message, after a wait; at the last attempt it goes to the stream `<stream>-dead` as a
/// [`Letter`](crate::Letter), and the others of its message go on without it. So does a message that is no frame, at once, and at the last attempt one
/// whose results are too large for their stream. An item that ends its worker is found, too: see [`WorkerSettings::max_attempts`].
///
/// ```
/// use pipe_async::{FrameLimits, LocalTransport, StreamSettings, StreamSink, Worker, WorkerSettings};
/// use pipe_core::{Cancel, Inline, Source, from_iter};
/// use std::{sync::Arc, time::Duration};
///
/// let streams = Arc::new(LocalTransport::new(StreamSettings::default())?);
/// let orders = StreamSink::new(streams.clone(), "orders", "import", FrameLimits::default())?;
/// from_iter(0..10_000u64).to(orders).run_on(&Inline)?;
///
/// let until_idle = WorkerSettings { idle: Some(Duration::from_millis(50)), ..WorkerSettings::default() };
/// let enrich = Worker::new(streams.clone(), "enrich", "orders", until_idle)?.into_stream("enriched")?;
/// let did = enrich.run(&Cancel::new(), |orders| {
///     Ok(orders.pipeline().filter(|n: &u64| n % 2 == 0).map(|n| n * n).collect().run_on(&Inline)?.value)
/// })?;
/// assert_eq!((did.items, did.outputs), (10_000, 5_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Worker {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) stage: String,
    pub(super) from: String,
    into: Option<String>,
    pub(super) settings: WorkerSettings,
    /// Of the workers of several partitions one does.
    takes_suspects: bool,
}

/// Settings of a [`Worker`].
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// How often an item is tried before it becomes a letter: 5 times unless set.
    ///
    /// Deliveries count: also those that ended without a word because the worker did, and those that a cancelled worker gave back. A message that was delivered more often goes to the
    /// stream `<stream>-suspect`, of which a worker holds one message at a time; one that goes on to end workers there is taken apart, and
    /// the item that does so on its own becomes a letter. Those that were only held with it do not.
    pub max_attempts: u32,
    /// The waits between attempts; their number is not used. From 100 ms to 30 s unless set.
    pub backoff: Retry,
    /// The most messages that are fetched at once: 64 unless set, and as many as take 5 ms to work on. A worker holds at most three times as
    /// many: those it works on, those whose results are on their way, and the next ones. So in memory this is three times it and the
    /// size of a frame, and what it makes of one.
    pub fetch: usize,
    /// How long a message may be worked on before it is given to another worker: 1 hour unless set.
    pub longest: Duration,
    /// The worker ends when no message has come for this long. `None`, unless set: it ends when it is cancelled.
    pub idle: Option<Duration>,
    /// Of what it reads and what it sends.
    pub limits: FrameLimits,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        WorkerSettings {
            max_attempts: 5,
            backoff: exponential(u32::MAX),
            fetch: 64,
            longest: Duration::from_secs(3600),
            idle: None,
            limits: FrameLimits::default(),
        }
    }
}

/// What a worker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worked {
    /// Messages that it finished.
    pub messages: u64,
    /// Items of these that went through the pipeline.
    pub items: u64,
    /// Items that it sent.
    pub outputs: u64,
    /// Frames that it sent and that the next stream had already, from a worker that did not come to acknowledge.
    pub duplicates: u64,
    /// Messages that were delivered to it for at least the second time.
    pub redelivered: u64,
    /// Messages that it gave back to be tried again.
    pub retried: u64,
    /// Letters that it wrote.
    pub letters: u64,
    /// Messages that it set apart to find the item that ends workers.
    pub suspects: u64,
}

impl Worked {
    /// What two workers did.
    pub(super) fn and(self, other: Worked) -> Worked {
        Worked {
            messages: self.messages + other.messages,
            items: self.items + other.items,
            outputs: self.outputs + other.outputs,
            duplicates: self.duplicates + other.duplicates,
            redelivered: self.redelivered + other.redelivered,
            retried: self.retried + other.retried,
            letters: self.letters + other.letters,
            suspects: self.suspects + other.suspects,
        }
    }
}

impl Worker {
    /// Takes messages from the stream `from`. The name of the stage is part of the ids of what it sends: another name is other results.
    ///
    /// # Errors
    /// [`TransportError::Config`]: a setting is zero where nothing could be done, or the name of a stream is none.
    pub fn new<X: Transport + 'static>(
        transport: Arc<X>,
        stage: &str,
        from: &str,
        settings: WorkerSettings,
    ) -> Result<Self, TransportError> {
        check_items(from)?;
        check_stream(&suspects(from))?;
        settings.limits.check()?;
        for (field, is_zero) in [
            ("max_attempts", settings.max_attempts == 0),
            ("fetch", settings.fetch == 0),
            ("longest", settings.longest.is_zero()),
        ] {
            if is_zero {
                let (value, why) = ("0".to_owned(), "nothing could be done");
                return Err(TransportError::Config { field, value, why });
            }
        }
        let (stage, from) = (stage.to_owned(), from.to_owned());
        let takes_suspects = split(&from).1.is_none_or(|partition| partition == 0);
        Ok(Worker { transport, stage, from, into: None, settings, takes_suspects })
    }

    /// Sends what the pipeline gives into a stream. Without it the pipeline has a sink of its own, and gives nothing; let that sink know
    /// a message by [`Taken::id`].
    ///
    /// # Errors
    /// [`TransportError::Config`]: the name of the stream is none.
    pub fn into_stream(mut self, into: &str) -> Result<Self, TransportError> {
        check_items(into)?;
        self.into = Some(into.to_owned());
        Ok(self)
    }

    /// Works until it is cancelled or idle. Cancelled, it finishes and acknowledges the message it is at, and gives the rest back. If a stream has
    /// no room for its results, or the server is away, it waits five seconds and no longer: what is not acknowledged then is worked on
    /// again, by another worker, and since its results have the same ids they are there once.
    ///
    /// The closure runs a pipeline over the items of one message. It blocks; of several workers on several threads each has a closure. The next
    /// messages are fetched meanwhile.
    ///
    /// # Errors
    /// The transport failed for longer than its patience. What was not acknowledged is delivered again, to this worker or another.
    pub fn run<In, Out>(
        &self,
        stop: &Cancel,
        work: impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<Worked, TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let route = self.into.as_deref().map(Route::into_one);
        let idle = self.settings.idle;
        self.run_until(
            stop,
            route.as_ref(),
            work,
            |_, idle_for| Ok(idle.is_some_and(|idle| idle_for >= idle)),
        )
    }

    /// The same with the end told by `is_over`, which is asked when nothing came for this long.
    pub(super) fn run_until<In, Out>(
        &self,
        stop: &Cancel,
        route: Option<&Route<Out>>,
        mut work: impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
        mut is_over: impl FnMut(&dyn Transport, Duration) -> Result<bool, TransportError>,
    ) -> Result<Worked, TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let keeper = Keeper::new(self.settings.longest);
        // Two, since the time of the second one begins when the message that the worker is at has been worked on.
        let asks = giving_up(&self.transport, &GiveUp::after(stop, DRAIN));
        let tells = giving_up(&self.transport, &GiveUp::after(stop, DRAIN));
        let mut shift = Shift::new(self, &*tells, &keeper, Schemas::of::<In, Out>());
        std::thread::scope(|scope| {
            let end = keeper.until_dropped();
            let keeping = scope.spawn(|| keeper.run(&*self.transport));
            let (ahead, fetching) = Ahead::new(&*asks, &self.from, self.settings.fetch, &keeper);
            let fetching = scope.spawn(|| fetching.run(stop, LOOK));
            let wait = self.settings.idle.map_or(LOOK, |idle| idle.min(LOOK));
            let (mut last, mut looked) = (Instant::now(), Instant::now());
            let mut until_over = || {
                // A thread that ends before it is told to has panicked.
                while !stop.is_cancelled() && !keeping.is_finished() {
                    let Some(fetched) = ahead.there() else { break };
                    let mut fetched = fetched?;
                    if fetched.is_empty() {
                        // There is time for it, and who waits for the next message may wait for this.
                        shift.acknowledge(0)?;
                        let Some(waited) = ahead.wait(wait) else { break };
                        fetched = waited?;
                    }
                    let mut any = !fetched.is_empty();
                    let (count, began) = (fetched.len(), Instant::now());
                    shift.take(fetched, stop, route, &mut work)?;
                    ahead.took(count, began.elapsed());
                    if self.takes_suspects && (!any || looked.elapsed() > LOOK) {
                        let suspect = asks.fetch(&suspects(&self.from), 1, Duration::ZERO)?;
                        any |= !suspect.is_empty();
                        suspect.iter().for_each(|delivery| keeper.hold(delivery));
                        shift.take(suspect, stop, route, &mut work)?;
                        looked = Instant::now();
                    }
                    if any {
                        last = Instant::now();
                    } else if is_over(&*asks, last.elapsed())? {
                        break;
                    }
                }
                shift.acknowledge(0)
            };
            let ended = match until_over() {
                // Only who is told to stop gives up.
                Err(TransportError::Stopped) => shift.acknowledge(0),
                ended => ended,
            };
            // Before anything is given back, or that would be fetched.
            drop(ahead);
            let unused = fetching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let given_back = ended.and_then(|()| shift.give_back(unused));
            drop(end);
            keeping.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            given_back
        })?;
        Ok(shift.worked())
    }
}

/// The stream of the messages that may have ended a worker.
pub(super) fn suspects(stream: &str) -> String {
    format!("{}-suspect", split(stream).0)
}

/// Whether what was to be sent is to blame, and not who was to take it.
pub(super) fn is_of_the_message(error: &TransportError) -> bool {
    matches!(error, TransportError::TooLarge { .. } | TransportError::Frame { .. })
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worker { stage, from, into, settings, .. } = self;
        f.debug_struct("Worker")
            .field("stage", stage)
            .field("from", from)
            .field("into", into)
            .field("settings", settings)
            .finish_non_exhaustive()
    }
}
