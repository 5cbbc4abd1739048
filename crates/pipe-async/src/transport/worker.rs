//! A worker: takes messages of a stream, runs a pipeline over the items of each, sends what comes out, and only then acknowledges.

use super::attempt::{Attempt, Outcome};
use super::contract::{Delivery, Message, Published, Receipt, Transport, Verdict};
use super::error::TransportError;
use super::frame::FrameLimits;
use super::keeper::Keeper;
use super::letter::{Letter, dead};
use super::settings::check_stream;
use super::taken::Taken;
use pipe_core::{Cancel, Retry, RunError, exponential};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a worker waits for messages before it looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(250);

/// One stage of many processes: from a stream, through a pipeline, into a stream.
///
/// Each message is a run of its own, over its items alone: the pipeline may filter, fail, or make many of one, on any executor; what it keeps
/// from one item to the next it keeps within a message. The ids of what it sends are made of the id of what it took, so a message that is
/// worked on twice, because its worker was killed between sending and acknowledging, leaves its results once.
///
/// An item that fails is tried again with its message, after a wait; at the last attempt it goes to the stream `<stream>-dead` as a
/// [`Letter`], and the others of its message go on without it. So does a message that is no frame, at once. An item that ends its
/// worker is found, too: see [`WorkerSettings::max_attempts`].
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
    transport: Arc<dyn Transport>,
    stage: String,
    from: String,
    into: Option<String>,
    settings: WorkerSettings,
}

/// Settings of a [`Worker`].
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// How often an item is tried before it becomes a letter: 5 times unless set.
    ///
    /// Deliveries count, also those that ended without a word because the worker did. A message that was delivered more often goes to the
    /// stream `<stream>-suspect`, of which a worker holds one message at a time; one that goes on to end workers there is taken apart, and
    /// the item that does so on its own becomes a letter. Those that were only held with it do not.
    pub max_attempts: u32,
    /// The waits between attempts; their number is not used. From 100 ms to 30 s unless set.
    pub backoff: Retry,
    /// Messages that are fetched at once: 64 unless set. What a worker holds in memory is this times the size of a frame, and what it makes
    /// of one.
    pub fetch: usize,
    /// How long a message may be worked on before it is given to another worker: 1 hour unless set.
    pub longest: Duration,
    /// The worker ends when no message came for so long. `None`, unless set: it ends when it is cancelled.
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
        Ok(Worker { transport, stage: stage.to_owned(), from: from.to_owned(), into: None, settings })
    }

    /// Sends what the pipeline gives into a stream. Without it the pipeline has a sink of its own, and gives nothing; let that sink know
    /// a message by [`Taken::id`].
    ///
    /// # Errors
    /// [`TransportError::Config`]: the name of the stream is none.
    pub fn into_stream(mut self, into: &str) -> Result<Self, TransportError> {
        check_stream(into)?;
        self.into = Some(into.to_owned());
        Ok(self)
    }

    /// Works until it is cancelled or idle. Cancelled, it finishes and acknowledges the message it is at, and gives the rest back.
    ///
    /// The closure runs a pipeline over the items of one message. It blocks; of several workers on several threads each has a closure.
    ///
    /// # Errors
    /// The transport failed for longer than its patience. What was not acknowledged is delivered again, to this worker or another.
    pub fn run<In, Out>(
        &self,
        stop: &Cancel,
        mut work: impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<Worked, TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let keeper = Keeper::new(self.settings.longest);
        std::thread::scope(|scope| {
            let _end = keeper.until_dropped();
            scope.spawn(|| keeper.run(&*self.transport));
            let mut shift =
                Shift { worker: self, keeper: &keeper, open: VecDeque::new(), worked: Worked::default() };
            let (mut last, mut looked) = (Instant::now(), Instant::now());
            while !stop.is_cancelled() && self.settings.idle.is_none_or(|idle| last.elapsed() < idle) {
                let wait = self.settings.idle.map_or(LOOK, |idle| idle.min(LOOK));
                let fetched = self.transport.fetch(&self.from, self.settings.fetch, wait)?;
                let mut any = !fetched.is_empty();
                shift.take(fetched, stop, &mut work)?;
                if !any || looked.elapsed() > LOOK {
                    let suspect = self.transport.fetch(&suspects(&self.from), 1, Duration::ZERO)?;
                    any |= !suspect.is_empty();
                    shift.take(suspect, stop, &mut work)?;
                    looked = Instant::now();
                }
                if any {
                    last = Instant::now();
                }
            }
            Ok(shift.worked)
        })
    }
}

/// The stream of the messages that may have ended a worker.
fn suspects(stream: &str) -> String {
    format!("{stream}-suspect")
}

/// A worker at work.
struct Shift<'w> {
    worker: &'w Worker,
    keeper: &'w Keeper,
    /// Messages whose results are on their way, in the order they were taken.
    open: VecDeque<(Delivery, Vec<Receipt>)>,
    worked: Worked,
}

impl Shift<'_> {
    /// Works on what was fetched at once.
    fn take<In, Out>(
        &mut self,
        fetched: Vec<Delivery>,
        stop: &Cancel,
        work: &mut impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<(), TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        fetched.iter().for_each(|delivery| self.keeper.hold(delivery));
        let (fresh, mut again): (Vec<_>, Vec<_>) =
            fetched.into_iter().partition(|delivery| delivery.attempt == 1);
        // One of these may have ended the worker that held them all. The others are to get through before it does so again.
        let order = RandomState::new();
        again.sort_by_cached_key(|delivery| order.hash_one(delivery.sequence));
        self.worked.redelivered += again.len() as u64;
        for delivery in fresh.into_iter().chain(again) {
            if stop.is_cancelled() {
                self.settle(&delivery, Verdict::Retry(Duration::ZERO))?;
                continue;
            }
            if delivery.attempt > 1 {
                self.acknowledge(0)?;
            }
            self.one(delivery, work)?;
            self.acknowledge(self.worker.settings.fetch)?;
        }
        self.acknowledge(0)
    }

    fn one<In, Out>(
        &mut self,
        delivery: Delivery,
        work: &mut impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<(), TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let Worker { stage, from, settings, .. } = self.worker;
        let outcome = Attempt::new(&delivery, stage, from, settings.max_attempts, settings.limits).run(work);
        let Outcome::Over { outputs, letters, suspects, items } = outcome else {
            self.worked.retried += 1;
            let after = settings.backoff.wait(delivery.attempt, delivery.sequence);
            return self.settle(&delivery, Verdict::Retry(after));
        };
        let mut receipts = Vec::new();
        self.worked.suspects += suspects.len() as u64;
        for message in suspects {
            receipts.push(self.worker.transport.publish(&self::suspects(from), message)?);
        }
        if let Some(into) = &self.worker.into {
            for (payload, count) in outputs {
                let id = format!("{}>{stage}.{}", delivery.message.id, receipts.len());
                receipts.push(self.worker.transport.publish(into, Message { id, payload })?);
                self.worked.outputs += u64::from(count);
            }
        }
        for letter in letters {
            receipts.push(self.write(letter)?);
        }
        self.worked.items += items;
        self.open.push_back((delivery, receipts));
        Ok(())
    }

    fn write(&mut self, letter: Letter) -> Result<Receipt, TransportError> {
        let stream = dead(&self.worker.from);
        let message = letter.message(self.worker.settings.limits);
        let message = message.map_err(|source| TransportError::Frame { stream: stream.clone(), source })?;
        self.worked.letters += 1;
        self.worker.transport.publish(&stream, message)
    }

    /// Acknowledges messages whose results have arrived, until no more than `most` are left.
    fn acknowledge(&mut self, most: usize) -> Result<(), TransportError> {
        while self.open.len() > most
            && let Some((delivery, receipts)) = self.open.pop_front()
        {
            for receipt in receipts {
                self.worked.duplicates += u64::from(receipt.wait()? == Published::Duplicate);
            }
            self.settle(&delivery, Verdict::Ack)?;
            self.worked.messages += 1;
        }
        Ok(())
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.keeper.release(delivery);
        self.worker.transport.settle(delivery, verdict)
    }
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
