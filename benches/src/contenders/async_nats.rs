//! The same by hand, on the client of NATS: batches in messages with ids, acknowledged when their results are; and a request for each item.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::nats_server::NatsServer;
use crate::tasks::messages::{Record, Sums, all_of, handle, items};
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, Subscriber, connect};
use futures_util::StreamExt;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

/// Messages that are sent before the first of them is acknowledged, and those that are asked for at once: as ours has them.
const IN_FLIGHT: usize = 64;

/// `ITEMS` in a message, each of `BYTES`.
pub(crate) fn batches<const ITEMS: usize, const BYTES: usize>(job: &Job) -> Result<Outcome, BoxError> {
    let server = NatsServer::start()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (done, finished) = channel();
    let source = runtime.block_on(async {
        for _ in 0..job.workers {
            let context = context(&server).await?;
            let (from, _) = (stream(&context, "in").await?, stream(&context, "out").await?);
            tokio::spawn(worker(context, from, job.parameter));
        }
        let from = stream(&context(&server).await?, "out").await?;
        tokio::spawn(sink(from, Sums::new(job.size, done)));
        context(&server).await
    })?;
    let outcome = timed(job.size, || {
        runtime.block_on(send::<ITEMS, BYTES>(source, job.size))?;
        all_of(&finished)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn context(server: &NatsServer) -> Result<Context, BoxError> {
    Ok(jetstream::new(connect(&server.url).await?))
}

/// A work queue, and its consumer.
async fn stream(context: &Context, name: &str) -> Result<PullConsumer, BoxError> {
    let config = Config {
        name: name.to_owned(),
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        max_bytes: 1 << 30,
        duplicate_window: Duration::from_secs(900),
        ..Config::default()
    };
    let stream = context.get_or_create_stream(config).await?;
    let config = pull::Config {
        durable_name: Some("workers".to_owned()),
        max_ack_pending: 4096,
        ..pull::Config::default()
    };
    Ok(stream.get_or_create_consumer("workers", config).await?)
}

async fn send<const ITEMS: usize, const BYTES: usize>(context: Context, size: u64) -> Result<(), BoxError> {
    let (mut items, mut sent, mut n) = (items(size, BYTES), VecDeque::new(), 0);
    loop {
        let batch: Vec<Record> = items.by_ref().take(ITEMS).collect();
        if batch.is_empty() {
            break;
        }
        sent.push_back(publish(&context, "in", &format!("net/{n}"), &batch).await?);
        n += 1;
        if sent.len() > IN_FLIGHT
            && let Some(first) = sent.pop_front()
        {
            first.await?;
        }
    }
    for receipt in sent {
        receipt.await?;
    }
    Ok(())
}

async fn publish(
    context: &Context,
    stream: &'static str,
    id: &str,
    batch: &[Record],
) -> Result<PublishAckFuture, BoxError> {
    let payload = postcard::to_allocvec(batch)?;
    Ok(context.send_publish(stream, PublishMessage::build().message_id(id).payload(payload.into())).await?)
}

async fn worker(context: Context, from: PullConsumer, rounds: u64) -> Result<(), BoxError> {
    let mut messages = from.stream().max_messages_per_batch(IN_FLIGHT).messages().await?;
    let permits = Arc::new(Semaphore::new(IN_FLIGHT));
    while let Some(message) = messages.next().await {
        let message = message?;
        let batch: Vec<Record> = postcard::from_bytes(&message.payload)?;
        let results: Vec<Record> = batch.into_iter().map(|record| handle(record, rounds)).collect();
        let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id")).ok_or("no id")?;
        let receipt = publish(&context, "out", &format!("{id}>work.0"), &results).await?;
        let permit = permits.clone().acquire_owned().await?;
        tokio::spawn(async move {
            if receipt.await.is_ok() {
                // If it is lost, the message comes again.
                let _ = message.ack().await;
            }
            drop(permit);
        });
    }
    Ok(())
}

async fn sink(from: PullConsumer, mut sums: Sums) -> Result<(), BoxError> {
    let mut messages = from.stream().max_messages_per_batch(IN_FLIGHT).messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let batch: Vec<Record> = postcard::from_bytes(&message.payload)?;
        batch.into_iter().for_each(|record| sums.add(record));
        message.ack().await?;
    }
    Ok(())
}

/// A request for each item, and the next one when its answer is there.
pub(crate) fn requests<const BYTES: usize>(job: &Job) -> Result<Outcome, BoxError> {
    let server = NatsServer::start()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (done, finished) = channel();
    let client = runtime.block_on(async {
        for _ in 0..job.workers {
            let client = connect(&server.url).await?;
            tokio::spawn(answer(
                client.clone(),
                client.queue_subscribe("work", "workers".into()).await?,
                job.parameter,
            ));
            client.flush().await?;
        }
        Ok::<_, BoxError>(connect(&server.url).await?)
    })?;
    let mut sums = Sums::new(job.size, done);
    timed(job.size, || {
        runtime.block_on(async {
            for item in items(job.size, BYTES) {
                let answer = client.request("work", postcard::to_allocvec(&item)?.into()).await?;
                sums.add(postcard::from_bytes(&answer.payload)?);
            }
            Ok::<_, BoxError>(())
        })?;
        all_of(&finished)
    })
}

async fn answer(client: Client, mut requests: Subscriber, rounds: u64) -> Result<(), BoxError> {
    while let Some(request) = requests.next().await {
        let result = handle(postcard::from_bytes(&request.payload)?, rounds);
        let reply = request.reply.ok_or("a request wants an answer")?;
        client.publish(reply, postcard::to_allocvec(&result)?.into()).await?;
    }
    Ok(())
}
