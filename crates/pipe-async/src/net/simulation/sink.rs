//! What a sink sends arrives whole, once and in order, and its run ends well only if all of it did.

use super::each_seed;
use crate::net::error::NetError;
use crate::net::framing::Framing;
use crate::net::limits::WireLimits;
use crate::net::wire_sink::{Blocking, WireSink};
use pipe_core::testing::Rng;
use pipe_core::{BoxError, Sink};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn what_a_sink_sends_arrives_whole_once_and_in_order_or_its_error_says_how_far() {
    each_seed(|seed| async move {
        let mut rng = Rng::new(seed);
        let framing = [Framing::Lines, Framing::Prefixed][rng.below(2) as usize];
        // Some are many blocks, most are a part of one.
        let most = [40, 4_000][rng.below(2) as usize];
        let frames: Vec<Vec<u8>> = (0..rng.below(60)).map(|n| frame(n, rng.below(most))).collect();
        let mut all = Vec::new();
        let ends: Vec<usize> = frames
            .iter()
            .map(|frame| {
                framing.add(frame, &mut all).expect("it has no line feed");
                all.len()
            })
            .collect();
        let fault = fault(&mut rng, all.len());
        let heard = Arc::new(Mutex::new(Heard::default()));
        let socket = Box::new(Socket { rng, fault, heard: heard.clone(), under_way: Vec::new() });
        let sink = WireSink::over(socket, "peer".into(), framing, WireLimits::default());
        let sent = send(sink, &frames);
        let heard = heard.lock().expect("nothing panics under it");
        assert!(all.starts_with(&heard.bytes), "something else arrived than was sent");
        match sent {
            Ok(bytes) => {
                assert!(heard.has_ended && heard.bytes == all, "it ended well, and not all has arrived");
                assert_eq!(bytes, all.len() as u64);
            }
            Err(error) => {
                let handed = handed(&error) as usize;
                assert!(fault.is_some(), "{error}, and nothing was wrong");
                let end = handed.checked_sub(1).map_or(0, |last| ends[last]);
                assert!(end <= heard.taken, "{handed} frames were handed on, of {} bytes", heard.taken);
            }
        }
    });
}

/// A sink that ends as the executor ends one: with its first error, or with a commit.
fn send(mut sink: WireSink, frames: &[Vec<u8>]) -> Result<u64, BoxError> {
    for frame in frames {
        sink.write(frame)?;
    }
    let delivered = Sink::<Vec<u8>>::commit(sink)?;
    assert_eq!(delivered.frames, frames.len() as u64);
    Ok(delivered.bytes)
}

/// How many frames an error says were handed to the system.
fn handed(error: &BoxError) -> u64 {
    match error.downcast_ref() {
        Some(
            NetError::Io { frames, .. }
            | NetError::Stalled { frames, .. }
            | NetError::Unconfirmed { frames, .. },
        ) => *frames,
        _ => panic!("not an error of a connection: {error}"),
    }
}

/// One that is like no other, without a line feed.
fn frame(number: u64, bytes: u64) -> Vec<u8> {
    let filler = b"abcdefghijklm".iter().cycle().skip(number as usize);
    format!("{number}:").bytes().chain(filler.copied().take(bytes as usize)).collect()
}

/// What the network does once it has taken this many bytes; behind the last one, while the end is to be confirmed.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// What is under way is lost, and the sender is told.
    Reset(usize),
    /// It takes no more, and the sender's time is over.
    Stall(usize),
    /// It says that it has taken nothing.
    Full(usize),
    /// The peer goes on talking, or says nothing, and never closes.
    Open,
}

fn fault(rng: &mut Rng, bytes: usize) -> Option<Fault> {
    let at = rng.below(bytes as u64 + 1) as usize;
    match rng.below(8) {
        0 | 1 => Some(Fault::Reset(at)),
        2 => Some(Fault::Stall(at)),
        3 => Some(Fault::Full(at)),
        4 => Some(Fault::Open),
        _ => None,
    }
}

/// The other end.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// With those that were lost on the way.
    taken: usize,
    has_ended: bool,
}

/// The system's side of a connection that blocks: it takes what it likes, and is interrupted now and then.
struct Socket {
    rng: Rng,
    fault: Option<Fault>,
    heard: Arc<Mutex<Heard>>,
    under_way: Vec<u8>,
}

impl Socket {
    /// What the fault does to this write, if it is its turn; else how many bytes there are before it.
    fn room(&mut self, taken: usize) -> io::Result<usize> {
        let left = |at: usize| if at > taken { Ok(at - taken) } else { Err(at) };
        match self.fault {
            Some(Fault::Reset(at)) => left(at).map_err(|_| {
                self.under_way.clear();
                ErrorKind::ConnectionReset.into()
            }),
            Some(Fault::Stall(at)) => left(at).map_err(|_| ErrorKind::WouldBlock.into()),
            Some(Fault::Full(at)) => Ok(at.saturating_sub(taken)),
            Some(Fault::Open) | None => Ok(usize::MAX),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.rng.below(6) == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let heard = self.heard.clone();
        let mut heard = heard.lock().expect("nothing panics under it");
        let room = self.room(heard.taken)?;
        let most = [10, 100_000][self.rng.below(2) as usize];
        let some = (1 + self.rng.below(most) as usize).min(bytes.len()).min(room);
        self.under_way.extend_from_slice(&bytes[..some]);
        heard.taken += some;
        // Some of it arrives.
        let arrives = self.rng.below(self.under_way.len() as u64 + 1) as usize;
        heard.bytes.extend(self.under_way.drain(..arrives));
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    /// What the peer says once all has been sent: something, perhaps, and then that it has heard the end.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let heard = self.heard.clone();
        let mut heard = heard.lock().expect("nothing panics under it");
        match self.rng.below(4) {
            0 => return Err(ErrorKind::Interrupted.into()),
            1 => return Ok(bytes.len().min(1 + self.rng.below(100) as usize)),
            _ => {}
        }
        match self.fault {
            // Where it would have been at the last byte, it is at the end.
            Some(Fault::Reset(_)) => {
                self.under_way.clear();
                Err(ErrorKind::ConnectionReset.into())
            }
            Some(Fault::Open | Fault::Stall(_) | Fault::Full(_)) => Err(ErrorKind::TimedOut.into()),
            None => {
                heard.bytes.append(&mut self.under_way);
                heard.has_ended = true;
                Ok(0)
            }
        }
    }
}

impl Blocking for Socket {
    fn limit(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn finish(&self) -> io::Result<()> {
        Ok(())
    }
}
