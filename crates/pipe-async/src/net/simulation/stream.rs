//! A connection in memory.

use pipe_core::testing::Rng;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes that are under way in one direction before who writes has to wait.
const ROOM: usize = 200;

/// One end. Reads and writes take what they get: a byte, or all there is, as the seed says.
#[derive(Debug)]
pub(in crate::net) struct Stream {
    link: Arc<Mutex<Link>>,
    end: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What the network does to one direction once this many bytes have gone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Both ends are told that the connection is gone, and what was under way is lost.
    Reset,
    /// Nothing arrives any more, and nobody is told.
    Silence,
}

#[derive(Debug)]
struct Link {
    rng: Rng,
    /// What the end of that number has sent.
    ways: [Way; 2],
    is_reset: bool,
}

#[derive(Debug, Default)]
struct Way {
    /// Each with the time at which it arrives; without one it never does.
    under_way: VecDeque<(Option<Instant>, VecDeque<u8>)>,
    /// Where nothing more will be sent: when that arrives.
    end: Option<Option<Instant>>,
    latest: Option<Instant>,
    sent: usize,
    fault: Option<(usize, Fault)>,
    is_silent: bool,
    /// Its sender has closed its socket, and how.
    is_gone: bool,
    is_cut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Stream {
    /// Both ends of a connection.
    pub(super) fn pair(mut rng: Rng, faults: [Option<(usize, Fault)>; 2]) -> [Stream; 2] {
        let ways = faults.map(|fault| Way { fault, ..Way::default() });
        let rng = Rng::new(rng.number());
        let link = Arc::new(Mutex::new(Link { rng, ways, is_reset: false }));
        [0, 1].map(|end| Stream { link: link.clone(), end, timer: None })
    }

    /// Whether the peer is to learn that it was cut off, when this is dropped.
    pub(in crate::net) fn cut_off(&self, is_cut: bool) {
        self.lock().ways[self.end].is_cut = is_cut;
    }

    /// Bytes that were written here.
    pub(super) fn sent(&self) -> usize {
        self.lock().ways[self.end].sent
    }

    fn lock(&self) -> MutexGuard<'_, Link> {
        self.link.lock().expect("no test panics with it")
    }
}

impl Link {
    fn reset(&mut self) -> io::Error {
        self.is_reset = true;
        self.ways.iter_mut().for_each(Way::wake);
        ErrorKind::ConnectionReset.into()
    }

    /// When something arrives that is sent now: not before what was sent before it.
    fn arrival(&mut self, end: usize) -> Option<Instant> {
        let delay = Duration::from_micros([0, 1_000, 50_000, 3_000_000][self.rng.below(4) as usize]);
        let way = &mut self.ways[end];
        let at = way.latest.max(Some(Instant::now() + delay));
        way.latest = at;
        at.filter(|_| !way.is_silent)
    }
}

impl Way {
    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut link = this.link.lock().expect("no test panics with it");
        let link = &mut *link;
        if link.is_reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let way = &mut link.ways[1 - this.end];
        let arrives = way.under_way.front().map(|(at, _)| *at).or(way.end);
        match arrives.flatten() {
            Some(at) if at <= Instant::now() => {
                let Some((_, bytes)) = way.under_way.front_mut() else { return Poll::Ready(Ok(())) };
                let most = bytes.len().min(out.remaining()) as u64;
                let some = 1 + link.rng.below(most.max(1));
                bytes.drain(..some.min(most) as usize).for_each(|byte| out.put_slice(&[byte]));
                if bytes.is_empty() {
                    way.under_way.pop_front();
                }
                way.writer.take().into_iter().for_each(Waker::wake);
                return Poll::Ready(Ok(()));
            }
            Some(at) => {
                let timer = this.timer.insert(Box::pin(sleep_until(at)));
                // It is not over: that was looked at.
                let _ = timer.as_mut().poll(cx);
            }
            None => {}
        }
        way.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut link = self.lock();
        if link.is_reset || link.ways[1 - self.end].is_gone {
            return Poll::Ready(Err(link.reset()));
        }
        let way = &mut link.ways[self.end];
        let under_way: usize = way.under_way.iter().map(|(_, bytes)| bytes.len()).sum();
        let left = way.fault.map_or(usize::MAX, |(at, _)| at - way.sent);
        match way.fault {
            Some((_, Fault::Reset)) if left == 0 => return Poll::Ready(Err(link.reset())),
            Some((_, Fault::Silence)) if left == 0 => {
                way.is_silent = true;
                way.fault = None;
            }
            _ => {}
        }
        let left = if left == 0 { usize::MAX } else { left };
        let most = bytes.len().min(ROOM - under_way).min(left);
        if most == 0 {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let some = 1 + link.rng.below(most as u64) as usize;
        let at = link.arrival(self.end);
        let way = &mut link.ways[self.end];
        way.sent += some;
        way.under_way.push_back((at, bytes[..some].iter().copied().collect()));
        way.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(some))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut link = self.lock();
        if link.is_reset {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        let at = link.arrival(self.end);
        let way = &mut link.ways[self.end];
        way.end.get_or_insert(at);
        way.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

/// As sockets of TCP: what was not read, or was cut off, is a reset for the peer; otherwise what was sent still arrives, and then its end.
impl Drop for Stream {
    fn drop(&mut self) {
        let Ok(mut link) = self.link.lock() else { return };
        let is_unread = link.ways[1 - self.end].under_way.iter().any(|(at, _)| at.is_some());
        let at = link.arrival(self.end);
        let way = &mut link.ways[self.end];
        way.is_gone = true;
        way.end.get_or_insert(at);
        if way.is_cut || is_unread {
            link.reset();
        }
        link.ways.iter_mut().for_each(Way::wake);
    }
}
