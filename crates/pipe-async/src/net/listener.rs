//! A source of what others send.

use super::endpoint::Endpoint;
use super::error::NetError;
use super::framing::Framing;
use super::inbox::{Inbox, Mail};
use super::limits::ListenSettings;
use super::socket::{Bound, Doors};
use super::wire::Wire;
use pipe_core::{BoxError, Cancel, Items, Own, Payload, Pulled, Source, Want, Weigh};
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long to wait when the system has refused to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A frame, and who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Its address.
    pub peer: Arc<str>,
    /// What it sent, without prefix or line feed.
    pub bytes: Vec<u8>,
}

impl Weigh for Frame {
    fn heap(&self) -> usize {
        self.bytes.capacity()
    }
}

/// A source that accepts connections and gives their frames, those of one connection in order.
///
/// It works on any executor: a thread of its own reads the sockets, bounded in connections and bytes, so a slow pipeline slows its peers down.
///
/// An item is a frame, or how a connection ended if it did not end well: `.try_map(|arrived| arrived)` makes that an error like any other,
/// which [`on_error`](pipe_core::Pipeline::on_error) may skip. A peer that fails concerns no other.
///
/// It ends [after a number of connections](Listener::connections), [when it is told to](Listener::until), and with the run, also where it waits
/// for frames: cancelled, dropped, drained, failed or satisfied, a run closes its port and all connections. A run that is dropped does so at
/// once, and is not waited for. A deadline ends the wait on [`Async`](crate::Async); other executors look at the clock between batches.
///
/// ```
/// use pipe_async::{Endpoint, Framing, ListenSettings, Listener, WireLimits, WireSink};
/// use pipe_core::{Inline, Source, from_iter, skip};
///
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Lines, ListenSettings::default())?;
/// let to = listener.endpoint().clone();
/// let sender = std::thread::spawn(move || {
///     let sink = WireSink::connect(&to, Framing::Lines, WireLimits::default()).unwrap();
///     from_iter(["one", "two"]).to(sink).run_on(&Inline).unwrap();
/// });
/// let lines = listener
///     .connections(1)
///     .pipeline()
///     .try_map(|arrived| arrived)
///     .on_error(skip())
///     .map(|frame| String::from_utf8_lossy(&frame.bytes).into_owned())
///     .collect()
///     .run_on(&Inline)?;
/// assert_eq!(lines.value, ["one", "two"]);
/// # sender.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Listener {
    endpoint: Endpoint,
    framing: Framing,
    settings: ListenSettings,
    /// Until the thread is started, by the first pull.
    bound: Option<Bound>,
    thread: Option<JoinHandle<()>>,
    inbox: Arc<Inbox>,
    stop: Cancel,
    connections: Option<u64>,
    /// The position of the next item.
    next: u64,
}

impl Listener {
    /// Listens there. Connections are accepted once it is pulled.
    ///
    /// # Errors
    /// [`NetError::Config`], [`NetError::Bind`].
    pub fn bind(endpoint: &Endpoint, framing: Framing, settings: ListenSettings) -> Result<Self, NetError> {
        settings.check()?;
        let (bound, endpoint) =
            Bound::new(endpoint).map_err(|source| NetError::Bind { endpoint: endpoint.clone(), source })?;
        Ok(Listener {
            endpoint,
            framing,
            settings,
            bound: Some(bound),
            thread: None,
            inbox: Arc::new(Inbox::new(settings.max_queued)),
            stop: Cancel::new(),
            connections: None,
            next: 0,
        })
    }

    /// Where it listens, with the number of its port.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Ends when `count` connections have come and gone.
    pub fn connections(mut self, count: u64) -> Self {
        self.connections = Some(count);
        self
    }

    /// Ends when this is switched on: gives what has come, and closes all connections.
    pub fn until(mut self, stop: &Cancel) -> Self {
        self.stop = stop.child();
        self
    }

    /// Starts the thread that reads, if it has not been.
    fn start(&mut self) -> Result<(), NetError> {
        let Some(bound) = self.bound.take() else { return Ok(()) };
        let serve = Serve {
            endpoint: self.endpoint.clone(),
            framing: self.framing,
            settings: self.settings,
            inbox: self.inbox.clone(),
            connections: self.connections,
        };
        let stop = self.stop.clone();
        let started = std::thread::Builder::new().name("listener".to_owned()).spawn(move || {
            let (inbox, place) = (serve.inbox.clone(), serve.endpoint.to_string());
            let ran = catch_unwind(AssertUnwindSafe(|| serve.run(bound, stop)));
            inbox.end(ran.unwrap_or_else(|thrown| Err(panicked(place.into(), thrown))));
        });
        let started = started.map_err(|source| NetError::Bind { endpoint: self.endpoint.clone(), source })?;
        self.thread = Some(started);
        Ok(())
    }

    fn give(&mut self, mail: Mail) -> Pulled<Items<Result<Frame, NetError>>> {
        match mail {
            Mail::Nothing => Poll::Pending,
            Mail::End(how) => Poll::Ready(how.map(|()| None).map_err(Into::into)),
            Mail::Frames(frames) => {
                let heap = frames.iter().flatten().map(Weigh::heap).sum();
                let first = self.next;
                self.next += frames.len() as u64;
                Poll::Ready(Ok(Some(Items::new(first, frames).owning(heap))))
            }
        }
    }
}

impl Source for Listener {
    type Item = Own<Result<Frame, NetError>>;
    type Batch = Items<Result<Frame, NetError>>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        self.start()?;
        loop {
            let mail = self.inbox.wait(want.items, want.bytes);
            if let Poll::Ready(pulled) = self.give(mail) {
                return pulled;
            }
        }
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        self.start()?;
        let mail = self.inbox.look(want.items, want.bytes, Some(waker));
        self.give(mail)
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        stop.wake(Arc::new(Ends(Arc::downgrade(&self.inbox))).into());
    }
}

/// Ends the wait of the one who pulls. Weak: a switch may outlive what it stops.
struct Ends(Weak<Inbox>);

impl Wake for Ends {
    fn wake(self: Arc<Self>) {
        if let Some(inbox) = self.0.upgrade() {
            inbox.end(Ok(()));
        }
    }
}

/// Ends the thread, and with it all connections.
impl Drop for Listener {
    fn drop(&mut self) {
        // Our own, or a child of what the user has: this stops nothing else.
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It ends at once, whatever it waits for; a panic in it has been told to the system's hook.
            drop(thread.join());
        }
        #[cfg(unix)]
        if let Endpoint::Unix(path) = &self.endpoint {
            drop(std::fs::remove_file(path));
        }
    }
}

/// What the thread needs.
pub(super) struct Serve {
    pub(super) endpoint: Endpoint,
    pub(super) framing: Framing,
    pub(super) settings: ListenSettings,
    pub(super) inbox: Arc<Inbox>,
    pub(super) connections: Option<u64>,
}

impl Serve {
    /// Until all connections have come and gone, or `stop`. With the runtime all tasks end.
    fn run(self, bound: Bound, stop: Cancel) -> Result<(), NetError> {
        let refused = |source| NetError::Bind { endpoint: self.endpoint.clone(), source };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(refused)?;
        runtime.block_on(async {
            let doors = bound.listen().map_err(refused)?;
            // A task, so that it is polled only when it was woken: each poll leaves a waker with the switch.
            let mut stopped = tokio::spawn(poll_fn(move |cx| {
                stop.wake(cx.waker().clone());
                if stop.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
            }));
            let mut serving = pin!(self.serve(doors));
            poll_fn(|cx| match Pin::new(&mut stopped).poll(cx) {
                Poll::Ready(_) => Poll::Ready(Ok(())),
                Poll::Pending => serving.as_mut().poll(cx),
            })
            .await
        })
    }

    /// Until all connections have come and gone.
    pub(super) async fn serve(&self, doors: Doors) -> Result<(), NetError> {
        let most = self.settings.max_connections;
        let seats = Arc::new(Semaphore::new(most));
        let (mut come, mut refused) = (0, None);
        while self.connections.is_none_or(|all| come < all) {
            // The semaphore is never closed.
            let Ok(seat) = seats.clone().acquire_owned().await else { return Ok(()) };
            match doors.accept().await {
                Ok((socket, peer)) => {
                    (come, refused) = (come + 1, None);
                    let wire = Wire::new(socket, peer.clone(), self.framing, self.settings.limits);
                    let inbox = self.inbox.clone();
                    let reading = read(wire, peer.clone(), inbox.clone(), seat);
                    tokio::spawn(watched(reading, peer, inbox));
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(source) => {
                    let (since, attempts) =
                        refused.map_or((Instant::now(), 1), |(since, before)| (since, before + 1));
                    let (endpoint, waited) = (self.endpoint.clone(), since.elapsed());
                    let Some(left) =
                        self.settings.accept_timeout.checked_sub(waited).filter(|left| !left.is_zero())
                    else {
                        return Err(NetError::Accept { endpoint, waited, attempts, source });
                    };
                    refused = Some((since, attempts));
                    tokio::time::sleep(PAUSE.min(left)).await;
                }
            }
        }
        drop(seats.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await);
        Ok(())
    }
}

/// Reads to the end. A panic in it ends the source: it would be a connection lost without a word.
async fn watched(reading: impl Future<Output = ()>, peer: Arc<str>, inbox: Arc<Inbox>) {
    let mut reading = pin!(reading);
    let read = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| reading.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(thrown) => Poll::Ready(Err(thrown)),
    });
    if let Err(thrown) = read.await {
        inbox.end(Err(panicked(peer, thrown)));
    }
}

fn panicked(peer: Arc<str>, thrown: Box<dyn Any + Send>) -> NetError {
    NetError::Panicked { peer, message: Payload::new(thrown).message() }
}

/// Whether a peer has gone before it was accepted, which concerns no other. Any other error is the system's, which may recover.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// All frames of a connection.
async fn read(mut wire: Wire, peer: Arc<str>, inbox: Arc<Inbox>, _seat: OwnedSemaphorePermit) {
    // A peer that is cut off, by an error or by the end of the run, is not to take that for a well-read end.
    wire.socket().break_off();
    loop {
        let arrived = match wire.receive().await {
            Ok(None) => return wire.socket().end_well(),
            Ok(Some(bytes)) => Ok(Frame { peer: peer.clone(), bytes: bytes.to_vec() }),
            Err(error) => Err(error),
        };
        let is_over = arrived.is_err();
        inbox.put(arrived).await;
        if is_over {
            return;
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("endpoint", &self.endpoint)
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_panics_is_the_error_of_its_peer_behind_what_had_come() {
        let inbox = Arc::new(Inbox::new(1_000));
        let frame = || Ok(Frame { peer: "b".into(), bytes: vec![7] });
        inbox.put(frame()).await;
        watched(async {}, "a".into(), inbox.clone()).await;
        watched(async { panic!("a bug") }, "a".into(), inbox.clone()).await;
        // The others go on until they are closed; nobody reads that.
        inbox.put(frame()).await;
        assert!(matches!(inbox.wait(10, 10), Mail::Frames(frames) if frames.len() == 1));
        let Mail::End(Err(error)) = inbox.wait(10, 10) else { panic!("it ends with the error") };
        assert_eq!(error.to_string(), "a: its reader panicked: a bug");
        assert!(matches!(inbox.wait(10, 10), Mail::End(Ok(()))));
    }
}
