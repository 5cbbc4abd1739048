//! A job over a server: each part with a connection of its own, as on a machine of its own.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::nats_server::NatsServer;
use crate::tasks::messages::{Record, Sums, all_of, handle, items};
use pipe_async::{FrameLimits, Nats, NatsOptions, Role, StreamSettings, Taken, WorkerSettings, distribute};
use pipe_core::{Cancel, Inline, from_iter};
use std::sync::{Arc, mpsc::channel};

/// `ITEMS` in a message, each of `BYTES`.
pub(crate) fn batches<const ITEMS: u32, const BYTES: usize>(job: &Job) -> Result<Outcome, BoxError> {
    let server = NatsServer::start()?;
    let (stop, (size, rounds)) = (Cancel::new(), (job.size, job.parameter));
    let limits = FrameLimits { items: ITEMS, linger: None, ..FrameLimits::default() };
    let connect = || Nats::connect(&NatsOptions::new([&server.url]), StreamSettings::default());
    let (done, finished) = channel();
    std::thread::scope(|scope| {
        let part = |role: Role| -> Result<_, BoxError> {
            let (nats, stop, done) = (connect()?, stop.clone(), done.clone());
            let mut sums = Sums::new(size, done);
            let job = distribute(Arc::new(nats), "net")
                .settings(WorkerSettings { limits, ..WorkerSettings::default() })
                .source(move |sink| Ok(from_iter(items(size, BYTES)).to(sink).run_on(&Inline)?.value))
                .stage("work", move |records: Taken<Record>| {
                    Ok(records.map(|record| handle(record, rounds)).collect::<Vec<Record>>())
                })
                .sink("sum", move |records| {
                    records.for_each(|record| sums.add(record));
                    Ok(())
                });
            Ok(move || job.run(&role, &stop))
        };
        for _ in 0..job.workers {
            scope.spawn(part(Role::Stage("work".to_owned()))?);
        }
        scope.spawn(part(Role::Sink)?);
        let source = part(Role::Source)?;
        let outcome = timed(size, || {
            source()?;
            all_of(&finished)
        });
        stop.cancel();
        outcome
    })
}
