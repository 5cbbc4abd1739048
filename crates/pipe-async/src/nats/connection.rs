//! One client on a thread of its own.

use super::lane::{ANSWER, Lane};
use super::options::NatsOptions;
use super::streams::Streams;
use crate::transport::{GiveUp, StreamSettings, TICK, TransportError};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, Event};
use pipe_core::BoxError;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};

/// Dropped, it gives what is under way a second, and ends.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) streams: Arc<Streams>,
    pub(super) settings: StreamSettings,
    pub(super) connected: watch::Receiver<bool>,
    /// By stream.
    pub(super) lanes: Mutex<HashMap<String, Arc<Lane>>>,
    pub(super) runtime: Handle,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Connection {
    pub(super) fn open(options: &NatsOptions, settings: StreamSettings) -> Result<Self, TransportError> {
        settings.check()?;
        let addresses = options.addresses()?;
        let refused = |source: BoxError| TransportError::Connect { server: options.names(), source };
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| refused(Box::new(error)))?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let spawned = std::thread::Builder::new().name("nats".to_owned()).spawn(move || {
            // An error means that the sender was dropped: that is the signal.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        let thread = spawned.map_err(|error| refused(Box::new(error)))?;
        let (tell, connected) = watch::channel(false);
        let opened = {
            let options = options.clone();
            on(&handle, None, async move {
                let connect = options.to_connect(&addresses).await?;
                let connect = connect.event_callback(move |event| {
                    match event {
                        Event::Connected => drop(tell.send_replace(true)),
                        Event::Disconnected | Event::Closed => drop(tell.send_replace(false)),
                        _ => {}
                    }
                    std::future::ready(())
                });
                // No end to reconnecting: each message has its own patience.
                let has_to_encrypt = options.has_to_encrypt(&addresses);
                let opening = connect.max_reconnects(None).connect(addresses);
                let refused = |source: BoxError| TransportError::Connect { server: options.names(), source };
                match tokio::time::timeout(settings.patience, opening).await {
                    Ok(Ok(client)) => Ok(client),
                    // A server without TLS answers a greeting that it does not understand, and the error is about that.
                    Ok(Err(error)) if has_to_encrypt => {
                        Err(refused(format!("{error} (off this machine it has to speak TLS)").into()))
                    }
                    Ok(Err(error)) => Err(refused(Box::new(error))),
                    Err(late) => Err(refused(Box::new(late))),
                }
            })
        };
        let client = opened??;
        // It spawns a task.
        let inside = handle.enter();
        let context =
            jetstream::ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).build(client.clone());
        drop(inside);
        let streams = Streams::new(context.clone(), settings, options.replicas, options.storage);
        Ok(Connection {
            client,
            context,
            streams: Arc::new(streams),
            settings,
            connected,
            lanes: Mutex::default(),
            runtime: handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

/// Runs a future on the thread of the transport, and waits for it.
pub(super) fn on<T: Send + 'static>(
    runtime: &Handle,
    give_up: Option<&GiveUp>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, TransportError> {
    let (send, done) = mpsc::channel();
    let task = runtime.spawn(async move {
        let _ = send.send(work.await);
    });
    let Some(when) = give_up else { return done.recv().map_err(|_| TransportError::Closed) };
    loop {
        match done.recv_timeout(TICK) {
            Ok(answer) => return Ok(answer),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(TransportError::Closed),
            Err(mpsc::RecvTimeoutError::Timeout) if when.is_due() => {
                task.abort();
                return Err(TransportError::Stopped);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let client = self.client.clone();
        // What was said last, acknowledgements above all, is to arrive.
        let _ = on(&self.runtime, None, async move {
            let _ = tokio::time::timeout(Duration::from_secs(1), client.flush()).await;
        });
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
