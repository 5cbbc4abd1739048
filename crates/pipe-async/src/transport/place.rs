//! Where a process does a part of a job.

use super::contract::{Message, Receipt, Transport, giving_up};
use super::done::{DistributeError, Done};
use super::ends::Ends;
use super::error::TransportError;
use super::give_up::GiveUp;
use super::partition::Route;
use super::stream_sink::{Sent, StreamSink};
use super::taken::Taken;
use super::worker::{Worked, Worker, WorkerSettings};
use pipe_core::{Cancel, RunError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The name of the stream that says that the source is at its end.
pub(super) const END: &str = "end";

/// What is done there.
pub(super) type Run<'j> = Box<dyn FnOnce(Place) -> Result<Done, DistributeError> + Send + 'j>;

/// Where a part does its work.
pub(super) struct Place {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) job: String,
    pub(super) name: String,
    /// The streams that it takes from: one, or the partitions of one.
    pub(super) from: Vec<String>,
    /// All from the source down to its own.
    pub(super) streams: Vec<String>,
    pub(super) settings: WorkerSettings,
    pub(super) stop: Cancel,
}

/// Stops the others of this process, unless told that all is well: also while a panic unwinds.
struct StopsOthers(Option<Cancel>);

impl StopsOthers {
    fn new(stop: &Cancel) -> Self {
        StopsOthers(Some(stop.clone()))
    }

    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for StopsOthers {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.cancel();
        }
    }
}

impl Place {
    /// Runs a part; if it fails or panics, the others of this process are stopped.
    pub(super) fn until_done(self, run: Run<'_>) -> Result<Done, DistributeError> {
        let stops = StopsOthers::new(&self.stop);
        let done = run(self)?;
        stops.not();
        Ok(done)
    }

    fn end(&self) -> String {
        format!("{}-{END}", self.job)
    }

    pub(super) fn run_source<T: Serialize + DeserializeOwned>(
        self,
        source: impl FnOnce(StreamSink<T>) -> Result<Sent, RunError>,
        route: Route<T>,
    ) -> Result<Done, DistributeError> {
        let sink = StreamSink::along(self.transport.clone(), route, &self.job, self.settings.limits)?;
        let sent = match source(sink.cancelled_by(&self.stop)) {
            Ok(sent) => sent,
            // It is not at its end; who stopped it knows why.
            Err(_) if self.stop.is_cancelled() => return Ok(Done::default()),
            Err(error) => return Err(DistributeError::Source(error)),
        };
        let end = Message { id: format!("{}/end", self.job), payload: Vec::new() };
        let transport = giving_up(&self.transport, &GiveUp::after(&self.stop, Duration::ZERO));
        match transport.publish(&self.end(), end).and_then(Receipt::wait) {
            Ok(_) => Ok(Done { sent: Some(sent), ..Done::default() }),
            Err(TransportError::Stopped) => Ok(Done::default()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn run_stage<In: Serialize + DeserializeOwned, Out: Serialize + DeserializeOwned>(
        self,
        route: Option<&Route<Out>>,
        work: impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<Done, DistributeError> {
        let worked = self.work_on(&self.from[0], route, work);
        self.done(worked)
    }

    pub(super) fn run_partitions<In: Serialize + DeserializeOwned, Out: Serialize + DeserializeOwned>(
        self,
        route: Option<&Route<Out>>,
        work: impl Fn(Taken<In>) -> Result<Vec<Out>, RunError> + Sync,
    ) -> Result<Done, DistributeError> {
        let (place, work) = (&self, &work);
        let all = std::thread::scope(|scope| {
            let mut running = Vec::new();
            for from in &self.from {
                running.push(scope.spawn(move || {
                    let stops = StopsOthers::new(&place.stop);
                    let worked = place.work_on(from, route, work)?;
                    stops.not();
                    Ok(worked)
                }));
            }
            let ended: Vec<Result<_, _>> = running
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            ended.into_iter().try_fold(Worked::default(), |all, worked| Ok(all.and(worked?)))
        });
        self.done(all)
    }

    fn work_on<In: Serialize + DeserializeOwned, Out: Serialize + DeserializeOwned>(
        &self,
        from: &str,
        route: Option<&Route<Out>>,
        work: impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<Worked, TransportError> {
        let settings = WorkerSettings { idle: None, ..self.settings };
        let worker = Worker::new(Arc::new(self.transport.clone()), &self.name, from, settings)?;
        let mut ends = Ends::new(self.end(), self.streams.clone());
        worker.run_until(&self.stop, route, work, |transport, _| ends.is_over(transport))
    }

    fn done(&self, worked: Result<Worked, TransportError>) -> Result<Done, DistributeError> {
        let worked = BTreeMap::from([(self.name.clone(), worked?)]);
        Ok(Done { sent: None, worked })
    }
}
