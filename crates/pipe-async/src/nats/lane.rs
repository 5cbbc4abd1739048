//! What is on its way into one stream: how many messages, and the answers to them, in the order they were sent.

use super::gate::Attempts;
use super::in_flight::{InFlight, Seat};
use super::publishing::{Attempted, Publishing};
use super::streams::Streams;
use crate::transport::Answer;
use async_nats::Subject;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// An answer that takes longer counts as lost, and the message is sent again.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// Of one stream: one that is full must not keep those from sending that make room in it, nor one that is slow the answers of others.
pub(super) struct Lane {
    pub(super) subject: Subject,
    pub(super) in_flight: Arc<InFlight>,
    /// Without a bound of its own: each has a seat. Dropped, it ends the task that hears the answers.
    sent: UnboundedSender<Sent>,
}

/// A message whose first attempt has begun.
struct Sent {
    message: Underway,
    acknowledged: PublishAckFuture,
    due: Instant,
}

/// A message, and who waits for it.
pub(super) struct Underway {
    pub(super) publishing: Publishing,
    pub(super) attempts: Attempts,
    pub(super) seat: Seat,
    pub(super) answer: Answer,
}

impl Lane {
    pub(super) fn new(stream: &str, runtime: &Handle, context: &Context, streams: &Arc<Streams>) -> Self {
        let (sent, underway) = unbounded_channel();
        runtime.spawn(hear(underway, context.clone(), streams.clone()));
        Lane { subject: stream.into(), in_flight: Arc::default(), sent }
    }

    /// Sends it on the thread of the caller, if nothing has to be waited for; a task of its own is for all other cases.
    pub(super) fn send(
        &self,
        runtime: &Handle,
        context: &Context,
        streams: &Arc<Streams>,
        message: Underway,
    ) {
        // The client sets timers.
        let inside = runtime.enter();
        match message.publishing.send_now(context, streams) {
            Some(acknowledged) => {
                let due = Instant::now() + ANSWER.min(message.attempts.left());
                // Without a task that hears it the runtime has ended, and the answer is that.
                let _ = self.sent.send(Sent { message, acknowledged, due });
            }
            None => drop(runtime.spawn(message.run(context.clone(), streams.clone(), None))),
        }
        drop(inside);
    }
}

impl Underway {
    /// Attempts it until the stream has it or patience is over; `first` is what became of the first attempt, if there was one.
    async fn run(self, context: Context, streams: Arc<Streams>, first: Option<Attempted>) {
        let Underway { publishing, attempts, seat, answer } = self;
        let published = publishing.run(&context, &streams, attempts, first).await;
        drop(seat);
        answer.give(published);
    }
}

/// Hears the answers one after another, as they come. A message that was not taken well goes on in a task of its own.
async fn hear(mut sent: UnboundedReceiver<Sent>, context: Context, streams: Arc<Streams>) {
    while let Some(Sent { message, acknowledged, due }) = sent.recv().await {
        let first = match timeout_at(due, acknowledged.into_future()).await {
            Ok(answer) => message.publishing.answer(answer, &streams),
            Err(late) => Err(late.into()),
        };
        match first {
            Ok(published) => {
                drop(message.seat);
                message.answer.give(Ok(published));
            }
            failed => drop(tokio::spawn(message.run(context.clone(), streams.clone(), Some(failed)))),
        }
    }
}
