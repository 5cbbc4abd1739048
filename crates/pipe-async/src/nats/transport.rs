//! [`Nats`]: the contract on JetStream.

use super::gate::Attempts;
use super::options::NatsOptions;
use super::publishing::Publishing;
use super::streams::Streams;
use crate::transport::{
    Answer, Delivery, LONGEST, Message, Receipt, StreamSettings, Transport, TransportError, Verdict,
    check_stream, split,
};
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::{self, AckKind, Context};
use async_nats::{Client, Event};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use pipe_core::BoxError;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};

/// What a message may have beside its payload: the id, and the words around it.
const HEADERS: usize = 1024;

/// A mark that waits for longer is given up.
const MARK: Duration = Duration::from_secs(1);

/// Streams on NATS JetStream: a work queue for each, in files, acknowledged message by message.
///
/// One client on a thread of its own, with a runtime; callers block, and need none. Dropped, it gives what is under way a second, and ends.
///
/// ```no_run
/// use pipe_async::{Nats, NatsOptions, StreamSettings};
///
/// let nats = Nats::connect(&NatsOptions::new(["nats://127.0.0.1:4222"]), StreamSettings::default())?;
/// # Ok::<(), pipe_async::TransportError>(())
/// ```
pub struct Nats {
    client: Client,
    context: Context,
    streams: Arc<Streams>,
    settings: StreamSettings,
    connected: watch::Receiver<bool>,
    /// By stream: one that is full must not keep those from sending that make room in it.
    in_flight: Mutex<HashMap<String, Arc<InFlight>>>,
    runtime: Handle,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Nats {
    /// Connects. Waits for the first server that answers, as long as the patience of the settings, at most.
    ///
    /// # Errors
    /// [`TransportError::Config`] for settings that make no sense, [`TransportError::Connect`] if no server takes us. Among those is a server
    /// off this machine that does not encrypt.
    pub fn connect(options: &NatsOptions, settings: StreamSettings) -> Result<Self, TransportError> {
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
            on(&handle, async move {
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
        let client = opened.unwrap_or(Err(TransportError::Closed))?;
        // It spawns a task.
        let inside = handle.enter();
        let context = jetstream::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(Duration::from_secs(5))
            .build(client.clone());
        drop(inside);
        let streams = Streams::new(context.clone(), settings, options.replicas, options.storage);
        Ok(Nats {
            client,
            context,
            streams: Arc::new(streams),
            settings,
            connected,
            in_flight: Mutex::default(),
            runtime: handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    fn in_flight(&self, stream: &str) -> Arc<InFlight> {
        let mut all = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(stream) {
            Some(there) => there.clone(),
            None => all.entry(stream.to_owned()).or_default().clone(),
        }
    }

    fn attempts(&self) -> Attempts {
        Attempts::new(&self.connected, self.settings.patience)
    }

    /// Asks the server for something about a stream, which takes as long as `wait` if all is well, until it answers or patience is over.
    fn ask<T: Send + 'static, F: Future<Output = Result<T, BoxError>> + Send + 'static>(
        &self,
        stream: &str,
        wait: Duration,
        question: impl Fn(Arc<Streams>, String) -> F + Send + 'static,
    ) -> Result<T, TransportError> {
        let (streams, name, mut attempts) = (self.streams.clone(), stream.to_owned(), self.attempts());
        let asking = async move {
            loop {
                let limit = attempts.left() + wait;
                let asked = question(streams.clone(), name.clone());
                let failed = match tokio::time::timeout(limit, asked).await {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(failed)) => match failed.downcast::<TransportError>() {
                        Ok(for_good) => return Err(*for_good),
                        Err(failed) => failed,
                    },
                    Err(late) => late.into(),
                };
                streams.forget(&name);
                if !attempts.again().await {
                    let (attempts, waited) = (attempts.made(), attempts.waited());
                    return Err(TransportError::Unavailable {
                        stream: name,
                        attempts,
                        waited,
                        source: failed,
                    });
                }
            }
        };
        on(&self.runtime, asking).unwrap_or(Err(TransportError::Closed))
    }
}

/// Runs a future on the thread of the transport, and waits for it. `None`: the thread has ended.
fn on<T: Send + 'static>(runtime: &Handle, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (send, done) = mpsc::channel();
    runtime.spawn(async move {
        let _ = send.send(work.await);
    });
    done.recv().ok()
}

impl Transport for Nats {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        check_stream(stream)?;
        let (bytes, limit) =
            (message.payload.len() + message.id.len(), self.client.server_info().max_payload);
        if bytes + HEADERS > limit {
            let limit = limit.saturating_sub(HEADERS);
            return Err(TransportError::TooLarge { stream: stream.to_owned(), bytes, limit });
        }
        let seat = InFlight::enter(&self.in_flight(stream), self.settings.in_flight);
        let (answer, receipt) = Receipt::pending();
        let publishing =
            Publishing { stream: stream.to_owned(), id: message.id, payload: Bytes::from(message.payload) };
        let (context, streams, attempts) = (self.context.clone(), self.streams.clone(), self.attempts());
        self.runtime.spawn(async move {
            let published = publishing.run(&context, &streams, attempts).await;
            drop(seat);
            Answer::give(answer, published);
        });
        Ok(receipt)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        check_stream(stream)?;
        let (connected, wait) = (self.connected.clone(), wait.min(LONGEST));
        self.ask(stream, wait, move |streams, name| {
            let connected = connected.clone();
            async move {
                let fetched = fetch(&streams, &name, most, wait).await?;
                // Silence means that nothing is there, if there is somebody who would say so.
                if fetched.is_empty() && !*connected.borrow() {
                    return Err("there is no connection".into());
                }
                Ok(fetched)
            }
        })
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        check_stream(stream)?;
        self.ask(stream, Duration::ZERO, |streams, name| async move { streams.left(&name).await })
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        let (kind, patience) = match verdict {
            Verdict::Ack => (AckKind::Ack, self.settings.patience),
            Verdict::Retry(after) => (AckKind::Nak(Some(after.min(LONGEST))), self.settings.patience),
            // Kept until there is a connection again it would say nothing: the next one comes soon.
            Verdict::InProgress if !*self.connected.borrow() => return Ok(()),
            Verdict::InProgress => (AckKind::Progress, MARK.min(self.settings.patience)),
        };
        let (client, token) = (self.client.clone(), delivery.token.clone());
        // It has room as a rule, and then there is nothing to wait for.
        if let Some(told) = client.publish(token.clone(), kind.into()).now_or_never() {
            return told.map_err(|_| TransportError::Closed);
        }
        // The client keeps it over a reconnect, if it has room; if it is lost all the same, the message comes again.
        let settling =
            async move { tokio::time::timeout(patience, client.publish(token, kind.into())).await };
        match on(&self.runtime, settling) {
            Some(Ok(Ok(()))) => Ok(()),
            Some(Err(late)) => Err(TransportError::Unavailable {
                stream: delivery.stream.to_string(),
                attempts: 1,
                waited: patience,
                source: late.into(),
            }),
            _ => Err(TransportError::Closed),
        }
    }
}

/// Those that are there; if there are none, the first one that comes.
///
/// A request for many that waits cannot be withdrawn: what the server sends to it after we have gone stays on loan to nobody. So only a
/// request for one message waits, and it is heard to its end.
async fn fetch(
    streams: &Streams,
    name: &str,
    most: usize,
    wait: Duration,
) -> Result<Vec<Delivery>, BoxError> {
    let consumer = streams.consumer(name).await?;
    // The server's: the consumer may have been made by somebody with other settings.
    let lease = consumer.cached_info().config.ack_wait;
    if split(name).1.is_some() && !wait.is_zero() {
        // While one of its messages is on loan, the server would be silent about a partition, and tell of the next one only who waits.
        let first = consumer.batch().max_messages(1).expires(wait).messages().await?;
        let messages = heard(first, wait).await?;
        return in_hand(messages.into_iter().map(|message| delivery(message, name, lease)));
    }
    let there = consumer.fetch().max_messages(most).messages().await?;
    let mut messages = heard(there, Duration::ZERO).await?;
    if messages.is_empty() && !wait.is_zero() {
        let first = consumer.batch().max_messages(1).expires(wait).messages().await?;
        messages = heard(first, wait).await?;
    }
    in_hand(messages.into_iter().map(|message| delivery(message, name, lease)))
}

/// An error counts only if nothing came. What came is on loan, and thrown away it would use an attempt; the next request meets the error.
fn in_hand<T>(all: impl Iterator<Item = Result<T, BoxError>>) -> Result<Vec<T>, BoxError> {
    let mut first = None;
    let came: Vec<T> =
        all.filter_map(|one| one.map_err(|error| first = first.take().or(Some(error))).ok()).collect();
    match first {
        Some(error) if came.is_empty() => Err(error),
        _ => Ok(came),
    }
}

/// What the server sends for a request, until it says that this is all. It does not say so while as many messages are on loan as may be.
async fn heard(mut answers: Batch, wait: Duration) -> Result<Vec<jetstream::Message>, BoxError> {
    let late = wait + Duration::from_secs(1);
    let mut answered = Vec::new();
    while let Ok(Some(answer)) = tokio::time::timeout(late, answers.next()).await {
        let is_over = answer.is_err();
        answered.push(answer);
        if is_over {
            break;
        }
    }
    in_hand(answered.into_iter())
}

fn delivery(message: jetstream::Message, stream: &str, lease: Duration) -> Result<Delivery, BoxError> {
    let info = message.info()?;
    let (sequence, attempt) = (info.stream_sequence, u32::try_from(info.delivered).unwrap_or(u32::MAX));
    let headers = message.headers.as_ref();
    let id = headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
    let id = id.map_or_else(|| format!("{stream}#{sequence}"), |id| id.as_str().to_owned());
    let token = message.reply.as_ref().map(|reply| reply.to_string()).unwrap_or_default();
    let payload = Vec::from(message.message.payload);
    Ok(Delivery { message: Message { id, payload }, stream: stream.into(), sequence, attempt, lease, token })
}

/// How many messages are on their way.
#[derive(Default)]
struct InFlight {
    count: Mutex<u32>,
    left: Condvar,
}

struct Seat(Arc<InFlight>);

impl InFlight {
    /// Waits until there are fewer than `most`. Each of them has a limit to its time, so this has one, too.
    fn enter(this: &Arc<InFlight>, most: u32) -> Seat {
        let mut count = this.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count >= most {
            count = this.left.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
        *count += 1;
        Seat(this.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let client = self.client.clone();
        // What was said last, acknowledgements above all, is to arrive.
        on(&self.runtime, async move {
            let _ = tokio::time::timeout(Duration::from_secs(1), client.flush()).await;
        });
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_an_error_is_kept_and_an_error_alone_is_told() {
        let all = |all: Vec<Result<u32, BoxError>>| in_hand(all.into_iter()).ok();
        assert_eq!(all(vec![Ok(1), Ok(2), Err("gone".into())]), Some(vec![1, 2]));
        assert_eq!(all(vec![Err("gone".into())]), None);
        assert_eq!(all(vec![]), Some(vec![]));
    }
}
