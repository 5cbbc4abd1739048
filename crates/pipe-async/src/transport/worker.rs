//! A worker: takes messages of a stream, runs a pipeline over the items of each, sends what comes out, and only then acknowledges.

use super::attempt::{Attempt, Outcome, Results};
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
/// worked on twice, because its worker was killed between sending and acknowledging, leaves its results once. This holds within the
/// [duplicate window](crate::StreamSettings::duplicate_window) of the stream they go into, and while the pipeline makes the same of the same
/// items. Where other items fail the second time, results may be there twice; none is missing.
///
/// An item that fails is tried again with its message, after a wait; at the last attempt it goes to the stream `<stream>-dead` as a
/// [`Letter`], and the others of its message go on without it. So does a message that is no frame, at once, and at the last attempt one
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
    /// Deliveries count: also those that ended without a word because the worker did, and those that a cancelled worker gave back. A message that was delivered more often goes to the
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

/// Whether what was to be sent is to blame, and not who was to take it.
fn is_of_the_message(error: &TransportError) -> bool {
    matches!(error, TransportError::TooLarge { .. } | TransportError::Frame { .. })
}

/// A worker at work.
struct Shift<'w> {
    worker: &'w Worker,
    keeper: &'w Keeper,
    /// In the order they were taken.
    open: VecDeque<Open>,
    worked: Worked,
}

/// A message whose results are on their way.
struct Open {
    delivery: Delivery,
    receipts: Vec<Receipt>,
    items: u64,
    outputs: u64,
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
        let sent = match self.attempt(&delivery).run(work) {
            Outcome::Again => return self.again(&delivery),
            Outcome::Over(results) => self.send(&delivery, results),
        };
        match sent {
            Ok((receipts, items, outputs)) => {
                self.open.push_back(Open { delivery, receipts, items, outputs });
                Ok(())
            }
            Err(error) => self.refused(&delivery, error),
        }
    }

    fn attempt<'d>(&self, delivery: &'d Delivery) -> Attempt<'d>
    where
        Self: 'd,
    {
        let Worker { stage, from, settings, .. } = self.worker;
        Attempt::new(delivery, stage, from, settings.max_attempts, settings.limits)
    }

    fn again(&mut self, delivery: &Delivery) -> Result<(), TransportError> {
        self.worked.retried += 1;
        let after = self.worker.settings.backoff.wait(delivery.attempt, delivery.sequence);
        self.settle(delivery, Verdict::Retry(after))
    }

    /// Sends what became of a message. The letters are safe before the first output leaves: were it the other way round, a worker killed
    /// in between would leave outputs without the items of the letters, and nothing that tells of these.
    fn send(
        &mut self,
        delivery: &Delivery,
        results: Results,
    ) -> Result<(Vec<Receipt>, u64, u64), TransportError> {
        let Worker { transport, stage, from, into, .. } = self.worker;
        let Results { outputs, letters, suspects, items, without } = results;
        for letter in letters {
            self.write(letter)?;
        }
        let (mut receipts, mut sent) = (Vec::new(), 0);
        self.worked.suspects += suspects.len() as u64;
        for message in suspects {
            receipts.push(transport.publish(&self::suspects(from), message)?);
        }
        if let Some(into) = into {
            for (n, (payload, count)) in outputs.into_iter().enumerate() {
                let id = format!("{}>{stage}{without}.{n}", delivery.message.id);
                receipts.push(transport.publish(into, Message { id, payload })?);
                sent += u64::from(count);
            }
        }
        Ok((receipts, items, sent))
    }

    /// Results that no stream would take at any time are a failure of their message. Whatever else went wrong ends the worker.
    fn refused(&mut self, delivery: &Delivery, error: TransportError) -> Result<(), TransportError> {
        if !is_of_the_message(&error) {
            return Err(error);
        }
        if delivery.attempt < self.worker.settings.max_attempts {
            return self.again(delivery);
        }
        let letter = self.attempt(delivery).dead(&error.to_string());
        self.write(letter)?;
        self.settle(delivery, Verdict::Ack)?;
        self.worked.messages += 1;
        Ok(())
    }

    /// Writes a letter, and waits until it is safe. One that is too large loses what it can do without.
    fn write(&mut self, mut letter: Letter) -> Result<(), TransportError> {
        let stream = dead(&self.worker.from);
        loop {
            let message = letter.message(self.worker.settings.limits);
            let written = message
                .map_err(|source| TransportError::Frame { stream: stream.clone(), source })
                .and_then(|message| self.worker.transport.publish(&stream, message)?.wait());
            match written {
                Err(error) if is_of_the_message(&error) && letter.shorten() => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        self.worked.letters += 1;
        Ok(())
    }

    /// Acknowledges messages whose results have arrived, until no more than `most` are left.
    fn acknowledge(&mut self, most: usize) -> Result<(), TransportError> {
        while self.open.len() > most
            && let Some(Open { delivery, receipts, items, outputs }) = self.open.pop_front()
        {
            let arrived: Result<Vec<Published>, _> = receipts.into_iter().map(Receipt::wait).collect();
            match arrived {
                Ok(arrived) => {
                    self.settle(&delivery, Verdict::Ack)?;
                    let duplicates = arrived.iter().filter(|published| **published == Published::Duplicate);
                    self.worked.duplicates += duplicates.count() as u64;
                    self.worked.items += items;
                    self.worked.outputs += outputs;
                    self.worked.messages += 1;
                }
                Err(error) => self.refused(&delivery, error)?,
            }
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
