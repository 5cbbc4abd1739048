//! The transport inside of one process: nothing to set up, and the same contract.

use super::contract::{Delivery, Message, Published, Receipt, Transport, Verdict};
use super::error::TransportError;
use super::give_up::{GiveUp, TICK};
use super::partition::split;
use super::settings::{LONGEST, StreamSettings, check_stream};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Streams in the memory of this process, for development and tests: what runs over it runs over any other transport. Clones share the
/// streams. Nothing outlives the process.
///
/// A message weighs what its payload and its id do, and 256 bytes; so do the ids that are remembered. If these come to weigh more than a
/// stream may hold, the oldest are forgotten before their window ends. Each partition is a stream in this.
///
/// ```
/// use pipe_async::{LocalTransport, Message, StreamSettings, Transport, Verdict};
/// use std::time::Duration;
///
/// let streams = LocalTransport::new(StreamSettings::default())?;
/// streams.publish("orders", Message { id: "1".into(), payload: b"tea".into() })?.wait()?;
///
/// let got = streams.fetch("orders", 10, Duration::from_secs(1))?;
/// assert_eq!(got[0].message.payload, b"tea");
/// streams.settle(&got[0], Verdict::Ack)?;
/// # Ok::<(), pipe_async::TransportError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalTransport {
    shared: Arc<Shared>,
    give_up: Option<GiveUp>,
}

/// What is kept of a message beside its bytes, rounded up: its places in the maps, and its id once more.
const KEPT: u64 = 256;

#[derive(Debug)]
struct Shared {
    settings: StreamSettings,
    streams: Mutex<HashMap<Arc<str>, Stream>>,
    /// Something was published, settled or given back.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stream {
    /// Sequence of the message published last, from 1.
    last: u64,
    bytes: u64,
    messages: BTreeMap<u64, Stored>,
    /// To be delivered.
    ready: BTreeSet<u64>,
    /// On loan, or given back and not due yet.
    waiting: BTreeSet<(Instant, u64)>,
    ids: HashSet<Arc<str>>,
    /// The ids in the order they came, to forget them in.
    recent: VecDeque<(Instant, Arc<str>)>,
    recent_bytes: u64,
}

#[derive(Debug)]
struct Stored {
    message: Message,
    attempt: u32,
    /// When it is delivered again; `None` for one that is ready.
    due: Option<Instant>,
    /// Somebody has it. One that was given back and is due later is not.
    on_loan: bool,
}

impl Stored {
    fn weight(&self) -> u64 {
        weight(&self.message)
    }
}

fn weight(message: &Message) -> u64 {
    (message.payload.len() + message.id.len()) as u64 + KEPT
}

impl LocalTransport {
    /// # Errors
    /// [`TransportError::Config`]: a setting is zero, or the duplicate window is shorter than two leases.
    pub fn new(settings: StreamSettings) -> Result<Self, TransportError> {
        settings.check()?;
        let shared = Shared { settings, streams: Mutex::default(), changed: Condvar::new() };
        Ok(LocalTransport { shared: Arc::new(shared), give_up: None })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Stream>> {
        self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change. One that gives up looks again sooner.
    fn wait<'g>(
        &self,
        streams: MutexGuard<'g, HashMap<Arc<str>, Stream>>,
        until: Instant,
    ) -> Result<MutexGuard<'g, HashMap<Arc<str>, Stream>>, TransportError> {
        let mut span = until.saturating_duration_since(Instant::now());
        if let Some(when) = &self.give_up {
            if when.is_due() {
                return Err(TransportError::Stopped);
            }
            span = span.min(TICK);
        }
        Ok(self.shared.changed.wait_timeout(streams, span).unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Transport for LocalTransport {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        check_stream(stream)?;
        let settings = &self.shared.settings;
        let bytes = weight(&message);
        if bytes > settings.max_bytes {
            let (stream, bytes, limit) = (stream.to_owned(), bytes as usize, settings.max_bytes as usize);
            return Err(TransportError::TooLarge { stream, bytes, limit });
        }
        let (answer, receipt) = Receipt::pending();
        let patience = Instant::now() + settings.patience;
        let mut streams = self.lock();
        loop {
            let queue = streams.entry(stream.into()).or_default();
            queue.forget(settings);
            if queue.ids.contains(message.id.as_str()) {
                answer.give(Ok(Published::Duplicate));
                return Ok(receipt);
            }
            if queue.bytes + bytes <= settings.max_bytes {
                queue.store(message);
                self.shared.changed.notify_all();
                answer.give(Ok(Published::Stored));
                return Ok(receipt);
            }
            if Instant::now() >= patience {
                let full = TransportError::Full { stream: stream.to_owned(), waited: settings.patience };
                answer.give(Err(full));
                return Ok(receipt);
            }
            streams = self.wait(streams, patience)?;
        }
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        check_stream(stream)?;
        let name: Arc<str> = stream.into();
        let settings = &self.shared.settings;
        let until = Instant::now() + wait.min(LONGEST);
        let mut streams = self.lock();
        loop {
            let queue = streams.entry(name.clone()).or_default();
            let now = Instant::now();
            queue.wake(now);
            let lent = queue.lend(&name, most, now, settings);
            if !lent.is_empty() || now >= until || most == 0 {
                return Ok(lent);
            }
            let next = queue.waiting.first().map_or(until, |(due, _)| until.min(*due));
            streams = self.wait(streams, next)?;
        }
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        let mut streams = self.lock();
        if let Some(queue) = streams.get_mut(&delivery.stream) {
            let now = Instant::now();
            match verdict {
                Verdict::Ack => queue.remove(delivery.sequence),
                Verdict::Retry(after) => queue.give_back(delivery, now + after.min(LONGEST)),
                Verdict::InProgress => {
                    queue.postpone(delivery, now + self.shared.settings.lease);
                }
            }
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        check_stream(stream)?;
        Ok(self.lock().get(stream).map_or(0, |queue| queue.messages.len() as u64))
    }

    fn giving_up(&self, when: &GiveUp) -> Option<Arc<dyn Transport>> {
        Some(Arc::new(LocalTransport { shared: self.shared.clone(), give_up: Some(when.clone()) }))
    }
}

impl Stream {
    fn store(&mut self, message: Message) {
        self.last += 1;
        self.bytes += weight(&message);
        self.recent_bytes += message.id.len() as u64 + KEPT;
        let id: Arc<str> = message.id.as_str().into();
        self.ids.insert(id.clone());
        self.recent.push_back((Instant::now(), id));
        self.ready.insert(self.last);
        self.messages.insert(self.last, Stored { message, attempt: 0, due: None, on_loan: false });
    }

    /// Forgets ids that are older than the window, or more than there is room for.
    fn forget(&mut self, settings: &StreamSettings) {
        while let Some((came, id)) = self.recent.front()
            && (came.elapsed() > settings.duplicate_window || self.recent_bytes > settings.max_bytes)
        {
            self.recent_bytes -= id.len() as u64 + KEPT;
            self.ids.remove(id);
            self.recent.pop_front();
        }
    }

    /// What is due is ready.
    fn wake(&mut self, now: Instant) {
        while let Some(&(due, sequence)) = self.waiting.first()
            && due <= now
        {
            self.waiting.pop_first();
            self.ready.insert(sequence);
            if let Some(stored) = self.messages.get_mut(&sequence) {
                stored.due = None;
                stored.on_loan = false;
            }
        }
    }

    fn lend(
        &mut self,
        name: &Arc<str>,
        most: usize,
        now: Instant,
        settings: &StreamSettings,
    ) -> Vec<Delivery> {
        // What was given back and is not due yet counts, too: in a partition nothing may overtake it.
        let most_on_loan = if split(name).1.is_some() { 1 } else { settings.max_on_loan as usize };
        let room = most_on_loan.saturating_sub(self.waiting.len());
        let due = now + settings.lease;
        let mut lent = Vec::new();
        while lent.len() < most.min(room)
            && let Some(sequence) = self.ready.pop_first()
        {
            let Some(stored) = self.messages.get_mut(&sequence) else { continue };
            stored.attempt += 1;
            stored.due = Some(due);
            stored.on_loan = true;
            self.waiting.insert((due, sequence));
            lent.push(Delivery {
                message: stored.message.clone(),
                stream: name.clone(),
                sequence,
                attempt: stored.attempt,
                lease: settings.lease,
                token: String::new(),
            });
        }
        lent
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(stored) = self.messages.remove(&sequence) {
            self.bytes -= stored.weight();
            self.ready.remove(&sequence);
            if let Some(due) = stored.due {
                self.waiting.remove(&(due, sequence));
            }
        }
    }

    fn give_back(&mut self, delivery: &Delivery, until: Instant) {
        if let Some(stored) = self.postpone(delivery, until) {
            stored.on_loan = false;
        }
    }

    /// Only of the loan that the word is about: a message that was given back, or went to somebody else meanwhile, is left as it is.
    fn postpone(&mut self, delivery: &Delivery, until: Instant) -> Option<&mut Stored> {
        let sequence = delivery.sequence;
        let stored = self.messages.get_mut(&sequence)?;
        if !stored.on_loan || stored.attempt != delivery.attempt {
            return None;
        }
        if let Some(due) = stored.due.replace(until) {
            self.waiting.remove(&(due, sequence));
            self.waiting.insert((until, sequence));
        }
        Some(stored)
    }
}
