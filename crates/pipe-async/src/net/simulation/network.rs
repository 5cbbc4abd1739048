//! Where connections are made.

use super::stream::{Fault, Stream};
use crate::net::socket::Socket;
use pipe_core::testing::Rng;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Connects those who dial with those who listen, in a way that its seed says.
#[derive(Debug)]
pub(super) struct Network {
    rng: Mutex<Rng>,
    come: UnboundedSender<(Socket, Arc<str>)>,
    /// One of this many connections meets a fault, in one direction or both.
    faulty: u64,
    /// The most bytes that pass before it does.
    reach: u64,
}

/// Where the network's connections arrive.
#[derive(Debug)]
pub(in crate::net) struct Doors(Mutex<UnboundedReceiver<(Socket, Arc<str>)>>);

impl Network {
    pub(super) fn new(seed: u64, faulty: u64, reach: u64) -> (Self, Doors) {
        let (come, arrives) = unbounded_channel();
        let rng = Mutex::new(Rng::new(seed));
        (Network { rng, come, faulty, reach }, Doors(Mutex::new(arrives)))
    }

    /// As a dial does: after some time, and one in five times in vain.
    pub(super) async fn connect(&self, name: &str) -> io::Result<Socket> {
        let (delay, is_refused) = (Duration::from_millis(self.below(100)), self.below(5) == 0);
        tokio::time::sleep(delay).await;
        if is_refused {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let faults = [(); 2].map(|()| {
            let fault = if self.below(2) == 0 { Fault::Reset } else { Fault::Silence };
            (self.below(self.faulty) == 0).then(|| (self.below(self.reach) as usize, fault))
        });
        let [here, there] = Stream::pair(Rng::new(self.below(u64::MAX)), faults);
        self.come.send((Socket::Simulated(there), name.into())).map_err(|_| ErrorKind::ConnectionRefused)?;
        Ok(Socket::Simulated(here))
    }

    fn below(&self, end: u64) -> u64 {
        self.rng.lock().expect("no test panics with it").below(end)
    }
}

impl Doors {
    pub(in crate::net) async fn accept(&self) -> io::Result<(Socket, Arc<str>)> {
        let come = poll_fn(|cx| self.0.lock().expect("no test panics with it").poll_recv(cx)).await;
        come.ok_or_else(|| ErrorKind::BrokenPipe.into())
    }
}
