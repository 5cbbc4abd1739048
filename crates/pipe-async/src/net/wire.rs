//! One connection that carries frames.

use super::error::NetError;
use super::framing::{Found, Framing};
use super::limits::WireLimits;
use super::patience::Patience;
use super::socket::Socket;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::task::unconstrained;
use tokio::time::Instant;

/// How much is read at least at once.
const READ: usize = 8 << 10;

/// A connection that sends and receives frames, within [`WireLimits`]. Made by [`Dial`](crate::Dial), or accepted by a
/// [`Listener`](crate::Listener).
///
/// After an error it is of no more use.
pub struct Wire {
    socket: Socket,
    peer: Arc<str>,
    framing: Framing,
    limits: WireLimits,
    /// What has come.
    input: Vec<u8>,
    /// Where what has not been given begins.
    start: usize,
    /// How many bytes from there on hold no end of a frame.
    looked_at: usize,
    /// Since when the next frame is under way, or nothing has come.
    since: Option<Instant>,
    received: u64,
    /// What is to be sent, and how much of it was.
    output: Vec<u8>,
    written: usize,
    /// Since when what is in `output` waits for the peer.
    send_begun: Option<Instant>,
    sent: u64,
    patience: Patience,
}

impl Wire {
    pub(super) fn new(socket: Socket, peer: Arc<str>, framing: Framing, limits: WireLimits) -> Self {
        Wire {
            socket,
            peer,
            framing,
            limits,
            input: Vec::new(),
            start: 0,
            looked_at: 0,
            since: None,
            received: 0,
            output: Vec::new(),
            written: 0,
            send_begun: None,
            sent: 0,
            patience: Patience::default(),
        }
    }

    /// The address of the other end.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The next frame, or `None` when the peer has closed the connection between two frames.
    ///
    /// Dropping the future loses nothing: the next call goes on where it was, with the same deadline.
    ///
    /// # Errors
    /// [`NetError::TooLarge`], [`NetError::Truncated`], [`NetError::Slow`], [`NetError::Idle`], [`NetError::Io`].
    pub async fn receive(&mut self) -> Result<Option<&[u8]>, NetError> {
        let (frame, next) = loop {
            match self.framing.find(&self.input[self.start..], self.looked_at, self.limits.max_frame) {
                Found::Frame(frame, next) => break (frame, next),
                Found::More(looked_at) => self.looked_at = looked_at,
                Found::TooLarge(bytes) => {
                    let (peer, frames, limit) = (self.peer.clone(), self.received, self.limits.max_frame);
                    return Err(NetError::TooLarge { peer, frames, bytes, limit });
                }
            }
            if !self.read().await? {
                return Ok(None);
            }
        };
        let start = self.start;
        self.start += next;
        (self.looked_at, self.since) = (0, None);
        self.received += 1;
        Ok(Some(&self.input[start..][frame]))
    }

    /// Reads some more of a frame that has not come yet. False: the peer has closed between two frames.
    async fn read(&mut self) -> Result<bool, NetError> {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        let got = self.input.len();
        let span = if got > 0 { self.limits.frame_timeout } else { self.limits.idle_timeout };
        self.input.reserve(READ);
        let reading = self.socket.read_buf(&mut self.input);
        let since = &mut self.since;
        let until = || deadline(*since.get_or_insert_with(Instant::now), span);
        let read = self.patience.until(until, reading).await;
        let (peer, frames) = (&self.peer, self.received);
        let waited = || self.since.map_or(Duration::ZERO, |since| since.elapsed());
        match read {
            Some(Ok(0)) if got == 0 => Ok(false),
            Some(Ok(0)) => Err(NetError::Truncated { peer: peer.clone(), frames, got }),
            Some(Ok(_)) => {
                if got == 0 {
                    // The frame's own time begins with the wait for its next bytes.
                    self.since = None;
                }
                Ok(true)
            }
            Some(Err(source)) => Err(NetError::Io { peer: peer.clone(), frames, source }),
            None if got == 0 => Err(NetError::Idle { peer: peer.clone(), frames, waited: waited() }),
            None => Err(NetError::Slow { peer: peer.clone(), frames, got, waited: waited() }),
        }
    }

    /// Sends a frame: hands all of it to the system. That the peer has read it only its answer tells.
    ///
    /// If the future is dropped in the middle, the next call sends the rest first. If it is dropped before that rest has gone, nothing of its
    /// own frame is sent.
    ///
    /// # Errors
    /// [`NetError::TooLarge`] and [`NetError::NotALine`]: nothing was sent. [`NetError::Stalled`], [`NetError::Io`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), NetError> {
        // What a send that was dropped has left: so a peer that does not read gets no more than one frame ahead.
        self.send_rest().await?;
        add(self.framing, &self.limits, &self.peer, self.sent, frame, &mut self.output)?;
        self.send_rest().await
    }

    /// Sends what is left of a frame, in the time that it has from its beginning on.
    async fn send_rest(&mut self) -> Result<(), NetError> {
        if self.output.is_empty() {
            return Ok(());
        }
        while self.written < self.output.len() {
            let writing = self.socket.write(&self.output[self.written..]);
            let (begun, span) = (&mut self.send_begun, self.limits.frame_timeout);
            let until = || deadline(*begun.get_or_insert_with(Instant::now), span);
            let written = self.patience.until(until, writing).await;
            let (peer, frames) = (&self.peer, self.sent);
            match written {
                Some(Ok(0)) => {
                    let source = std::io::ErrorKind::WriteZero.into();
                    return Err(NetError::Io { peer: peer.clone(), frames, source });
                }
                Some(Ok(written)) => self.written += written,
                Some(Err(source)) => return Err(NetError::Io { peer: peer.clone(), frames, source }),
                None => {
                    let waited = self.send_begun.map_or(Duration::ZERO, |begun| begun.elapsed());
                    let left = self.output.len() - self.written;
                    return Err(NetError::Stalled { peer: peer.clone(), frames, left, waited });
                }
            }
        }
        self.output.clear();
        (self.written, self.send_begun) = (0, None);
        self.sent += 1;
        Ok(())
    }

    /// Says that nothing more will be sent. What the peer sends can still be received.
    ///
    /// # Errors
    /// [`NetError::Io`]; [`NetError::Stalled`] for what is left of a frame whose sending was dropped.
    pub async fn finish(&mut self) -> Result<(), NetError> {
        self.send_rest().await?;
        self.socket.shutdown().await.map_err(|source| {
            let (peer, frames) = (self.peer.clone(), self.sent);
            NetError::Io { peer, frames, source }
        })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether it lies between two exchanges: nothing half sent, nothing that has come unasked, and not closed by the peer.
    pub(super) fn is_at_rest(&mut self) -> bool {
        if self.start < self.input.len() || !self.output.is_empty() {
            return false;
        }
        let mut byte = [0];
        // Not with the task's own waker: this is a look, not a wait.
        let mut cx = Context::from_waker(Waker::noop());
        let socket = &mut self.socket;
        let look = poll_fn(|cx| Pin::new(&mut *socket).poll_read(cx, &mut ReadBuf::new(&mut byte)));
        // A task that has had its turn is told by tokio that nothing has come.
        pin!(unconstrained(look)).poll(&mut cx).is_pending()
    }
}

/// A time so far ahead that it is out of range is never.
pub(super) fn deadline(since: Instant, span: Duration) -> Instant {
    let years = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    since.checked_add(span).unwrap_or(since + years)
}

/// Adds a frame to what is to be sent.
pub(super) fn add(
    framing: Framing,
    limits: &WireLimits,
    peer: &Arc<str>,
    frames: u64,
    frame: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), NetError> {
    if frame.len() > limits.max_frame {
        let (bytes, limit) = (frame.len() as u64, limits.max_frame);
        return Err(NetError::TooLarge { peer: peer.clone(), frames, bytes, limit });
    }
    framing.add(frame, out).map_err(|at| NetError::NotALine { peer: peer.clone(), frames, at })
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wire { peer, framing, received, sent, .. } = self;
        write!(f, "Wire({peer}, {framing:?}, {received} received, {sent} sent)")
    }
}
