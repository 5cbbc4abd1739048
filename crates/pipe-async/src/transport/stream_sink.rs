//! The end of a pipeline whose items go on in a stream.

use super::contract::{Message, Published, Receipt, Transport, giving_up};
use super::error::TransportError;
use super::frame::{FrameLimits, FrameWriter};
use super::give_up::GiveUp;
use super::partition::{Route, check_partitions, names, split};
use super::schema::Schema;
use super::settings::{LONGEST, check_items};
use pipe_core::{BoxError, Cancel, Sink};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Frames that are sent before the first of them has its receipt. More gain nothing, and are lost work if the run fails.
const IN_FLIGHT: usize = 64;

/// Writes items into a stream, in frames. The run has ended well only when the stream has acknowledged all of them.
///
/// Frames have the ids `name/first+count`, of the items as they come. With [`FrameLimits::linger`] at `None` a run over the same input
/// makes the same frames; started again within the duplicate window, it adds what the stream does not have and nothing else.
///
/// ```
/// use pipe_async::{FrameLimits, LocalTransport, StreamSettings, StreamSink};
/// use pipe_core::{Inline, from_iter};
/// use std::sync::Arc;
///
/// let streams = Arc::new(LocalTransport::new(StreamSettings::default())?);
/// let limits = FrameLimits { linger: None, ..FrameLimits::default() };
/// let sink = || StreamSink::new(streams.clone(), "orders", "import", limits);
/// let sent = from_iter(0..2_500u64).to(sink()?).run_on(&Inline)?.value;
/// assert_eq!((sent.items, sent.messages, sent.duplicates), (2_500, 3, 0));
///
/// let again = from_iter(0..2_500u64).to(sink()?).run_on(&Inline)?.value;
/// assert_eq!(again.duplicates, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StreamSink<T> {
    shared: Arc<Shared>,
    route: Arc<Route<T>>,
    name: String,
    /// Sends frames that are not full; started with the first item.
    linger: Option<JoinHandle<()>>,
}

/// What a [`StreamSink`] leaves behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Items that the stream has acknowledged.
    pub items: u64,
    /// Frames they were sent in.
    pub messages: u64,
    /// Frames that the stream had before.
    pub duplicates: u64,
}

struct Shared {
    transport: Arc<dyn Transport>,
    /// From when on nothing is sent.
    stop: Option<Cancel>,
    limits: FrameLimits,
    open: Mutex<Open>,
    /// A frame was begun, or the sink is over.
    begun: Condvar,
}

struct Open {
    lanes: Vec<Lane>,
    /// What went wrong while nobody was writing.
    failed: Option<TransportError>,
    over: bool,
}

/// The way into one stream, or into one partition.
struct Lane {
    stream: String,
    name: String,
    writer: FrameWriter,
    sent: Sent,
    receipts: VecDeque<Receipt>,
    /// Frames that are sent before the first of them has its receipt.
    in_flight: usize,
}

impl<T: Serialize + DeserializeOwned> StreamSink<T> {
    /// Into `stream`. The `name` is the first part of the ids: of this input, whoever sends it.
    ///
    /// # Errors
    /// [`TransportError::Config`]: a limit that leaves no room for an item, or a name of a stream that is none.
    pub fn new<X: Transport + 'static>(
        transport: Arc<X>,
        stream: &str,
        name: &str,
        limits: FrameLimits,
    ) -> Result<Self, TransportError> {
        check_items(stream)?;
        Self::along(transport, Route::into_one(stream), name, limits)
    }

    /// Into as many partitions of the stream, by the numbers of their keys; see [`key_of`](crate::key_of). Items of one key stay in their
    /// order, and each partition has a frame of its own that is filled.
    ///
    /// # Errors
    /// [`TransportError::Config`]: not 1 to 256 partitions, or the name of the stream is that of a partition.
    pub fn by_key(
        self,
        partitions: u32,
        key: impl Fn(&T) -> u64 + Send + Sync + 'static,
    ) -> Result<Self, TransportError> {
        check_partitions(partitions)?;
        names(self.route.stream(), partitions).iter().try_for_each(|name| check_items(name))?;
        let route = Route::by_key(self.route.stream(), partitions, Arc::new(key));
        self.changed(Arc::new(route), self.shared.limits)
    }

    /// With other limits for its frames. Fewer items in a frame are smaller parts of the work: for items that take long.
    ///
    /// # Errors
    /// [`TransportError::Config`]: a limit that leaves no room for an item.
    pub fn limits(self, limits: FrameLimits) -> Result<Self, TransportError> {
        self.changed(self.route.clone(), limits)
    }

    /// Until `stop` is on. From then on nothing is sent, and a write or an end that waits for room ends with [`TransportError::Stopped`]: the run
    /// fails, and sent again under the same name, the items that are there already are not there twice.
    #[must_use]
    pub fn cancelled_by(self, stop: &Cancel) -> Self {
        let transport = giving_up(&self.shared.transport, &GiveUp::after(stop, Duration::ZERO));
        Self::open(transport, self.route.clone(), &self.name, self.shared.limits, Some(stop.clone()))
    }

    /// The same items on another way, or in other frames.
    fn changed(&self, route: Arc<Route<T>>, limits: FrameLimits) -> Result<Self, TransportError> {
        limits.check()?;
        let Shared { transport, stop, .. } = &*self.shared;
        Ok(Self::open(transport.clone(), route, &self.name, limits, stop.clone()))
    }

    pub(super) fn along(
        transport: Arc<dyn Transport>,
        route: Route<T>,
        name: &str,
        limits: FrameLimits,
    ) -> Result<Self, TransportError> {
        limits.check()?;
        Ok(Self::open(transport, Arc::new(route), name, limits, None))
    }

    fn open(
        transport: Arc<dyn Transport>,
        route: Arc<Route<T>>,
        name: &str,
        limits: FrameLimits,
        stop: Option<Cancel>,
    ) -> Self {
        let schema = Schema::of::<T>();
        let lane = |stream: &String| {
            let (in_flight, name) = match split(stream).1 {
                None => (IN_FLIGHT, name.to_owned()),
                // A frame that is tried again must not be overtaken.
                Some(partition) => (0, format!("{name}.{partition}")),
            };
            let (writer, receipts) = (FrameWriter::new(schema, limits), VecDeque::new());
            Lane { stream: stream.clone(), name, writer, sent: Sent::default(), receipts, in_flight }
        };
        let lanes = route.streams().iter().map(lane).collect();
        let open = Mutex::new(Open { lanes, failed: None, over: false });
        let shared = Shared { transport, stop, limits, open, begun: Condvar::new() };
        StreamSink { shared: Arc::new(shared), route, name: name.to_owned(), linger: None }
    }
}

impl<T: Serialize + DeserializeOwned> Sink<T> for StreamSink<T> {
    type Done = Sent;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        let lane = self.route.of(&item);
        // A lock per item: a source that pauses leaves a frame to the thread that lingers, and no other call would tell.
        let mut open = self.shared.lock();
        if let Some(error) = open.failed.take() {
            return Err(error.into());
        }
        let lane = &mut open.lanes[lane];
        if !lane.writer.push(&item)? {
            lane.send(&self.shared)?;
            lane.writer.push(&item)?;
        }
        if lane.writer.is_full() {
            lane.send(&self.shared)?;
        } else if lane.writer.count() == 1 && self.shared.limits.linger.is_some() {
            self.shared.begun.notify_all();
            if self.linger.is_none() {
                let shared = self.shared.clone();
                self.linger = Some(
                    std::thread::Builder::new().name("linger".to_owned()).spawn(move || shared.linger())?,
                );
            }
        }
        Ok(())
    }

    fn commit(self) -> Result<Sent, BoxError> {
        let mut open = self.shared.lock();
        if let Some(error) = open.failed.take() {
            return Err(error.into());
        }
        open.lanes.iter_mut().try_for_each(|lane| lane.send(&self.shared))?;
        let mut all = Sent::default();
        for lane in &mut open.lanes {
            lane.wait_for(0)?;
            all.items += lane.sent.items;
            all.messages += lane.sent.messages;
            all.duplicates += lane.sent.duplicates;
        }
        Ok(all)
    }
}

impl Lane {
    /// Sends the frame, if there is one.
    fn send(&mut self, shared: &Shared) -> Result<(), TransportError> {
        let count = self.writer.count();
        let Some(payload) = self.writer.take() else { return Ok(()) };
        self.wait_for(self.in_flight)?;
        if shared.stop.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(TransportError::Stopped);
        }
        let id = format!("{}/{}+{count}", self.name, self.sent.items);
        self.receipts.push_back(shared.transport.publish(&self.stream, Message { id, payload })?);
        self.sent.items += u64::from(count);
        self.sent.messages += 1;
        Ok(())
    }

    /// Waits until no more than `most` frames have no receipt.
    fn wait_for(&mut self, most: usize) -> Result<(), TransportError> {
        while self.receipts.len() > most
            && let Some(first) = self.receipts.pop_front()
        {
            self.sent.duplicates += u64::from(first.wait()? == Published::Duplicate);
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends each frame that is still the same after its time.
    fn linger(&self) {
        let linger = self.limits.linger.unwrap_or(LONGEST).min(LONGEST);
        let begun = |lane: &Lane| (lane.writer.count() > 0).then_some(lane.sent.messages);
        let mut open = self.lock();
        while !open.over {
            let frames: Vec<Option<u64>> = open.lanes.iter().map(begun).collect();
            let is_same = |open: &Open| {
                open.lanes.iter().map(begun).zip(&frames).any(|(now, then)| now.is_some() && now == *then)
            };
            if !is_same(&open) {
                open = self.begun.wait(open).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let until = Instant::now() + linger;
            while is_same(&open) && !open.over && Instant::now() < until {
                let span = until.saturating_duration_since(Instant::now());
                open = self.begun.wait_timeout(open, span).unwrap_or_else(PoisonError::into_inner).0;
            }
            let Open { lanes, over, failed } = &mut *open;
            for (lane, frame) in lanes.iter_mut().zip(&frames) {
                if *over || begun(lane).is_none() || begun(lane) != *frame {
                    continue;
                }
                if let Err(error) = lane.send(self) {
                    *failed = Some(error);
                    return;
                }
            }
        }
    }
}

impl<T> Drop for StreamSink<T> {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.begun.notify_all();
        if let Some(linger) = self.linger.take() {
            let _ = linger.join();
        }
    }
}

impl<T> fmt::Debug for StreamSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSink").field("route", &self.route).finish_non_exhaustive()
    }
}
