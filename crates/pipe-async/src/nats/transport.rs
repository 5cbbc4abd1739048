//! [`Nats`]: the contract on JetStream.

use super::connection::{Connection, on};
use super::fetching::fetch;
use super::gate::Attempts;
use super::in_flight::InFlight;
use super::lane::{Lane, Underway};
use super::options::NatsOptions;
use super::publishing::Publishing;
use super::streams::Streams;
use crate::transport::{
    Delivery, GiveUp, LONGEST, Message, Receipt, StreamSettings, Transport, TransportError, Verdict,
    check_stream,
};
use async_nats::jetstream::AckKind;
use bytes::Bytes;
use futures_util::FutureExt;
use pipe_core::BoxError;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

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
    connection: Arc<Connection>,
    give_up: Option<GiveUp>,
}

impl Nats {
    /// Connects. Waits for the first server that answers, as long as the patience of the settings, at most.
    ///
    /// # Errors
    /// [`TransportError::Config`] for settings that make no sense, [`TransportError::Connect`] if no server takes us. Among those is a server
    /// off this machine that does not encrypt.
    pub fn connect(options: &NatsOptions, settings: StreamSettings) -> Result<Self, TransportError> {
        Ok(Nats { connection: Arc::new(Connection::open(options, settings)?), give_up: None })
    }

    fn lane(&self, stream: &str) -> Arc<Lane> {
        let Connection { lanes, runtime, context, streams, .. } = &*self.connection;
        let mut all = lanes.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(stream) {
            Some(there) => there.clone(),
            None => {
                let lane = Arc::new(Lane::new(stream, runtime, context, streams));
                all.entry(stream.to_owned()).or_insert(lane).clone()
            }
        }
    }

    fn attempts(&self) -> Attempts {
        Attempts::new(&self.connection.connected, self.connection.settings.patience)
    }

    /// Asks the server for something about a stream, which takes as long as `wait` if all is well, until it answers or patience is over.
    fn ask<T: Send + 'static, F: Future<Output = Result<T, BoxError>> + Send + 'static>(
        &self,
        stream: &str,
        wait: Duration,
        question: impl Fn(Arc<Streams>, String) -> F + Send + 'static,
    ) -> Result<T, TransportError> {
        let (streams, name, mut attempts) =
            (self.connection.streams.clone(), stream.to_owned(), self.attempts());
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
                attempts.failed(&failed);
                if !attempts.again().await {
                    return Err(attempts.give_up(name, failed));
                }
            }
        };
        on(&self.connection.runtime, self.give_up.as_ref(), asking)?
    }
}

impl Transport for Nats {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        check_stream(stream)?;
        let Connection { client, context, streams, settings, runtime, .. } = &*self.connection;
        let (bytes, limit) = (message.payload.len() + message.id.len(), client.max_payload());
        if bytes + HEADERS > limit {
            let limit = limit.saturating_sub(HEADERS);
            return Err(TransportError::TooLarge { stream: stream.to_owned(), bytes, limit });
        }
        let lane = self.lane(stream);
        let seat = InFlight::enter(&lane.in_flight, settings.in_flight, self.give_up.as_ref())?;
        let (answer, receipt) = Receipt::pending();
        let publishing = Publishing {
            stream: lane.subject.clone(),
            id: message.id,
            payload: Bytes::from(message.payload),
        };
        let message = Underway { publishing, attempts: self.attempts(), seat, answer };
        lane.send(runtime, context, streams, message);
        Ok(receipt.giving_up(self.give_up.clone()))
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        check_stream(stream)?;
        let (connected, wait) = (self.connection.connected.clone(), wait.min(LONGEST));
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
            Verdict::Ack => (AckKind::Ack, self.connection.settings.patience),
            Verdict::Retry(after) => {
                (AckKind::Nak(Some(after.min(LONGEST))), self.connection.settings.patience)
            }
            // Kept until there is a connection again it would say nothing: the next one comes soon.
            Verdict::InProgress if !*self.connection.connected.borrow() => return Ok(()),
            Verdict::InProgress => (AckKind::Progress, MARK.min(self.connection.settings.patience)),
        };
        let (client, token) = (self.connection.client.clone(), delivery.token.clone());
        // It has room as a rule, and then there is nothing to wait for.
        if let Some(told) = client.publish(token.clone(), kind.into()).now_or_never() {
            return told.map_err(|_| TransportError::Closed);
        }
        // The client keeps it over a reconnect, if it has room; if it is lost all the same, the message comes again.
        let settling =
            async move { tokio::time::timeout(patience, client.publish(token, kind.into())).await };
        match on(&self.connection.runtime, self.give_up.as_ref(), settling)? {
            Ok(Ok(())) => Ok(()),
            Err(late) => Err(TransportError::Unavailable {
                stream: delivery.stream.to_string(),
                attempts: 1,
                waited: patience,
                source: late.into(),
            }),
            Ok(Err(_)) => Err(TransportError::Closed),
        }
    }

    fn giving_up(&self, when: &GiveUp) -> Option<Arc<dyn Transport>> {
        Some(Arc::new(Nats { connection: self.connection.clone(), give_up: Some(when.clone()) }))
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("settings", &self.connection.settings).finish_non_exhaustive()
    }
}
