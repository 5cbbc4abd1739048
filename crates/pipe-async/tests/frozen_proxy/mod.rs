//! A way to a server that can be frozen: nothing passes in either direction, no connection is closed, and nobody is told. So does a network
//! that is cut in two; thawed, it goes on with what was held back, as TCP does.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Its connections are closed, and its threads gone, when it is dropped.
pub(crate) struct FrozenProxy {
    at: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_frozen: bool,
    is_over: bool,
    ends: Vec<TcpStream>,
    passing: Vec<JoinHandle<()>>,
}

impl FrozenProxy {
    /// To a server at `nats://host:port`. Nothing is frozen yet.
    pub(crate) fn to(url: &str) -> Self {
        let server = url.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let accepting = {
            let shared = shared.clone();
            std::thread::spawn(move || shared.accept(&listener, &server))
        };
        FrozenProxy { at, shared, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.at)
    }

    pub(crate) fn freeze(&self) {
        self.shared.lock().is_frozen = true;
    }

    pub(crate) fn thaw(&self) {
        self.shared.lock().is_frozen = false;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener, server: &str) {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(server) else { continue };
            let mut state = self.lock();
            if state.is_over {
                return;
            }
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (from, to, this) = (from.try_clone().unwrap(), to.try_clone().unwrap(), self.clone());
                state.ends.push(from.try_clone().unwrap());
                state.passing.push(std::thread::spawn(move || this.pass(from, to)));
            }
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let mut state = self.lock();
            while state.is_frozen && !state.is_over {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // The other direction ends, too.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

impl Drop for FrozenProxy {
    fn drop(&mut self) {
        let passing = {
            let mut state = self.shared.lock();
            state.is_over = true;
            state.ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
            std::mem::take(&mut state.passing)
        };
        self.shared.changed.notify_all();
        // Wakes who accepts.
        let _ = TcpStream::connect(self.at);
        passing.into_iter().chain(self.accepting.take()).for_each(|thread| drop(thread.join()));
    }
}
