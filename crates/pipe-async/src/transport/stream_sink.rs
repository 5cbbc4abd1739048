//! The end of a pipeline whose items go on in a stream.

use super::contract::{Message, Published, Receipt, Transport};
use super::error::TransportError;
use super::frame::{FrameLimits, FrameWriter};
use super::schema::Schema;
use super::settings::{LONGEST, check_stream};
use pipe_core::{BoxError, Sink};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

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
    /// Sends frames that are not full; started with the first item.
    linger: Option<JoinHandle<()>>,
    items: PhantomData<fn(T)>,
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
    stream: String,
    name: String,
    limits: FrameLimits,
    open: Mutex<Open>,
    /// A frame was begun, or the sink is over.
    begun: Condvar,
}

struct Open {
    writer: FrameWriter,
    sent: Sent,
    receipts: VecDeque<Receipt>,
    /// What went wrong while nobody was writing.
    failed: Option<TransportError>,
    over: bool,
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
        limits.check()?;
        check_stream(stream)?;
        let open = Open {
            writer: FrameWriter::new(Schema::of::<T>(), limits),
            sent: Sent::default(),
            receipts: VecDeque::new(),
            failed: None,
            over: false,
        };
        let shared = Shared {
            transport,
            stream: stream.to_owned(),
            name: name.to_owned(),
            limits,
            open: Mutex::new(open),
            begun: Condvar::new(),
        };
        Ok(StreamSink { shared: Arc::new(shared), linger: None, items: PhantomData })
    }
}

impl<T: Serialize + DeserializeOwned> Sink<T> for StreamSink<T> {
    type Done = Sent;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        // A lock per item: a source that pauses leaves a frame to the thread that lingers, and no other call would tell.
        let mut open = self.shared.lock();
        if let Some(error) = open.failed.take() {
            return Err(error.into());
        }
        if !open.writer.push(&item)? {
            self.shared.send(&mut open)?;
            open.writer.push(&item)?;
        }
        if open.writer.is_full() {
            self.shared.send(&mut open)?;
        } else if open.writer.count() == 1 && self.shared.limits.linger.is_some() {
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
        self.shared.send(&mut open)?;
        while let Some(receipt) = open.receipts.pop_front() {
            open.sent.duplicates += u64::from(receipt.wait()? == Published::Duplicate);
        }
        Ok(open.sent)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the frame, if there is one.
    fn send(&self, open: &mut Open) -> Result<(), TransportError> {
        let count = open.writer.count();
        let Some(payload) = open.writer.take() else { return Ok(()) };
        let id = format!("{}/{}+{count}", self.name, open.sent.items);
        open.receipts.push_back(self.transport.publish(&self.stream, Message { id, payload })?);
        open.sent.items += u64::from(count);
        open.sent.messages += 1;
        if open.receipts.len() > IN_FLIGHT
            && let Some(first) = open.receipts.pop_front()
        {
            open.sent.duplicates += u64::from(first.wait()? == Published::Duplicate);
        }
        Ok(())
    }

    /// Sends each frame that is still the same after its time.
    fn linger(&self) {
        let linger = self.limits.linger.unwrap_or(LONGEST).min(LONGEST);
        let mut open = self.lock();
        while !open.over {
            if open.writer.count() == 0 {
                open = self.begun.wait(open).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (frame, until) = (open.sent.messages, Instant::now() + linger);
            while open.sent.messages == frame && !open.over && Instant::now() < until {
                let span = until.saturating_duration_since(Instant::now());
                open = self.begun.wait_timeout(open, span).unwrap_or_else(PoisonError::into_inner).0;
            }
            if open.sent.messages == frame
                && !open.over
                && let Err(error) = self.send(&mut open)
            {
                open.failed = Some(error);
                return;
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
        let (stream, name) = (&self.shared.stream, &self.shared.name);
        f.debug_struct("StreamSink").field("stream", stream).field("name", name).finish_non_exhaustive()
    }
}
