//! What peers send arrives whole, once and in order, or the source says of which connection not all did.

use super::each_seed;
use super::network::Network;
use crate::net::error::NetError;
use crate::net::framing::Framing;
use crate::net::inbox::{Inbox, Mail};
use crate::net::limits::{ListenSettings, WireLimits};
use crate::net::listener::{Frame, Serve};
use crate::net::socket::{Doors, Socket};
use crate::net::wire::Wire;
use pipe_core::testing::Rng;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{sleep, timeout};

#[test]
fn what_a_connection_sent_arrives_whole_once_and_in_order_or_its_error_says_how_far() {
    each_seed(|seed| async move {
        let mut rng = Rng::new(seed);
        let framing = [Framing::Lines, Framing::Prefixed][rng.below(2) as usize];
        let (network, doors) = Network::new(rng.number(), 3, 1_500);
        let connections = 1 + rng.below(8);
        let settings = ListenSettings {
            limits: WireLimits { max_frame: 300, ..WireLimits::default() },
            max_connections: 1 + rng.below(4) as usize,
            max_queued: 1 + rng.below(2_000) as usize,
            ..ListenSettings::default()
        };
        let inbox = listen(doors, framing, settings, connections);
        let network = Arc::new(network);
        let senders: Vec<_> = (0..connections)
            .map(|n| tokio::spawn(send(network.clone(), n.to_string(), framing, Rng::new(rng.number()))))
            .collect();
        let arrived = receive(&inbox, rng).await;
        for (sender, name) in senders.into_iter().zip(0u64..) {
            let sent = sender.await.expect("no law is broken");
            let name = name.to_string();
            sent.is_what_arrived(arrived.iter().filter(|item| peer(item) == name));
        }
    });
}

/// A listener on that network.
fn listen(doors: super::Doors, framing: Framing, settings: ListenSettings, connections: u64) -> Arc<Inbox> {
    let inbox = Arc::new(Inbox::new(settings.max_queued));
    let endpoint = crate::net::Endpoint::tcp("simulated:1");
    let serve = Serve { endpoint, framing, settings, inbox: inbox.clone(), connections: Some(connections) };
    tokio::spawn(async move {
        let ended = serve.serve(Doors::Simulated(doors)).await;
        serve.inbox.end(ended);
    });
    inbox
}

/// All that it gives, taken by somebody who is slow at times.
async fn receive(inbox: &Inbox, mut rng: Rng) -> Vec<Result<Frame, NetError>> {
    let mut all = Vec::new();
    loop {
        let (items, bytes) = (1 + rng.below(10) as usize, rng.below(500) as usize);
        let mail = poll_fn(|cx| match inbox.look(items, bytes, Some(cx.waker())) {
            Mail::Nothing => Poll::Pending,
            mail => Poll::Ready(mail),
        });
        match mail.await {
            Mail::Frames(frames) => all.extend(frames),
            Mail::End(how) => return how.map(|()| all).expect("no connection ends the source"),
            Mail::Nothing => unreachable!("it waits for more"),
        }
        if rng.below(10) == 0 {
            sleep(Duration::from_millis(rng.below(20_000))).await;
        }
    }
}

/// What somebody sent over a connection, and how far they know that they came.
struct Sent {
    frames: Vec<Vec<u8>>,
    /// Frames that were handed to the system.
    handed: usize,
    /// The other end has said that it has heard all.
    is_confirmed: bool,
    /// The last byte that went was not the last of a frame.
    ends_inside: bool,
}

async fn send(network: Arc<Network>, name: String, framing: Framing, mut rng: Rng) -> Sent {
    let socket = loop {
        match network.connect(&name).await {
            Ok(socket) => break socket,
            Err(_) => sleep(Duration::from_millis(rng.below(1_000))).await,
        }
    };
    // Its own limit is higher: some frames are refused at the other end.
    let limits = WireLimits { max_frame: 400, ..WireLimits::default() };
    let mut wire = Wire::new(socket, name.as_str().into(), framing, limits);
    let frames: Vec<_> = (0..rng.below(12)).map(|n| frame(&name, n, rng.below(305) as usize)).collect();
    let ends = frames.iter().scan(0, |end, frame| {
        let mut bytes = Vec::new();
        framing.add(frame, &mut bytes).expect("it has no line feed");
        *end += bytes.len();
        Some(*end)
    });
    let ends: Vec<_> = ends.collect();
    let sent = Sent { frames, handed: 0, is_confirmed: false, ends_inside: false };
    let sent = sent.all(&mut wire, rng).await;
    let Socket::Simulated(stream) = wire.socket() else { unreachable!("it was connected to the network") };
    let bytes = stream.sent();
    Sent { ends_inside: bytes > 0 && !ends.contains(&bytes), ..sent }
}

/// One that is like no other, without a line feed.
fn frame(name: &str, number: u64, bytes: usize) -> Vec<u8> {
    let filler = b"abcdefghijklm".iter().cycle().skip(number as usize);
    format!("{name}:{number}:").bytes().chain(filler.copied().take(bytes)).collect()
}

impl Sent {
    /// Sends all, unless it fails, or is dropped in the middle.
    async fn all(mut self, wire: &mut Wire, mut rng: Rng) -> Self {
        // Frames whose sending was dropped. The next call sends the rest first.
        let mut owed = 0;
        for frame in &self.frames {
            if rng.below(8) == 0 {
                sleep(Duration::from_millis(rng.below(70_000))).await;
            }
            // Not two in a row: the second might be dropped before its own frame has begun, and nobody could tell.
            let is_hasty = owed == 0 && rng.below(8) == 0;
            let patience = Duration::from_millis(if is_hasty { rng.below(20) } else { 1_000_000 });
            match timeout(patience, wire.send(frame)).await {
                Ok(Ok(())) => self.handed += 1 + std::mem::take(&mut owed),
                Ok(Err(error)) => return self.and_failed(&error, owed),
                Err(_) if rng.below(2) == 0 => return self,
                Err(_) => owed += 1,
            }
        }
        match wire.finish().await {
            Ok(()) => self.handed += owed,
            Err(error) => return self.and_failed(&error, owed),
        }
        self.is_confirmed = matches!(wire.receive().await, Ok(None));
        self
    }

    /// The error knows how far it came.
    fn and_failed(self, error: &NetError, owed: usize) -> Self {
        let frames = passed(error) as usize;
        assert!((self.handed..=self.handed + owed).contains(&frames), "{error}, after {}", self.handed);
        self
    }

    fn is_what_arrived<'a>(&self, arrived: impl Iterator<Item = &'a Result<Frame, NetError>>) {
        let (mut frames, mut error) = (0, None);
        for item in arrived {
            assert!(error.is_none(), "something came behind {error:?}");
            match item {
                Ok(frame) => {
                    assert_eq!(Some(&frame.bytes), self.frames.get(frames), "whole, once and in order");
                    frames += 1;
                }
                Err(failed) => {
                    assert_eq!(passed(failed), frames as u64, "{failed}");
                    error = Some(failed);
                }
            }
        }
        assert!(
            frames >= self.handed || error.is_some(),
            "{frames} of {} arrived without a word",
            self.handed
        );
        assert!(!self.ends_inside || error.is_some(), "the last frame is cut off, and nobody says so");
        if self.is_confirmed {
            assert!(frames == self.frames.len() && error.is_none(), "all was confirmed: {frames}, {error:?}");
        }
    }
}

fn peer(item: &Result<Frame, NetError>) -> &str {
    match item {
        Ok(frame) => &frame.peer,
        Err(error) => of_a_connection(error).0,
    }
}

fn passed(error: &NetError) -> u64 {
    of_a_connection(error).1
}

fn of_a_connection(error: &NetError) -> (&str, u64) {
    match error {
        NetError::TooLarge { peer, frames, .. }
        | NetError::Truncated { peer, frames, .. }
        | NetError::Slow { peer, frames, .. }
        | NetError::Idle { peer, frames, .. }
        | NetError::Stalled { peer, frames, .. }
        | NetError::Io { peer, frames, .. } => (peer, *frames),
        error => panic!("not an error of one connection: {error}"),
    }
}
