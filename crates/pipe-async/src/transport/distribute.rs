//! One program on every machine: a job of named parts, of which each process does one, or all.

use super::contract::Transport;
use super::done::{DistributeError, Done};
use super::error::TransportError;
use super::frame::FrameLimits;
use super::partition::{Key, Route, check_partitions, names};
use super::place::{END, Place, Run};
use super::role::Role;
use super::settings::check_stream;
use super::stream_sink::{Sent, StreamSink};
use super::taken::Taken;
use super::worker::{WorkerSettings, suspects};
use pipe_core::{Cancel, RunError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Begins a job: its source, its stages and its sink, joined by streams of a transport. Every process has the same program, and its [`Role`]
/// says which part it does. Workers of a stage may be added and taken away while the job goes on.
///
/// The name is that of this input: the streams are named `<job>-<stage>`, and the ids of all messages begin with it. The name of a stage has no
/// `-`, so that no two jobs have a stream in common. A process that is started again under the same name goes on where it was; another
/// input needs another name.
///
/// A job ends by itself, in every process: when the source is at its end, and each stream has become empty. What failed for good is then in
/// the streams `<job>-<stage>-dead`. On a server the empty streams stay, with the ids that they remember, until somebody removes them.
///
/// ```
/// use pipe_async::{LocalTransport, Role, StreamSettings, distribute};
/// use pipe_core::{Cancel, Inline, Source, from_iter};
/// use std::sync::Arc;
///
/// let streams = Arc::new(LocalTransport::new(StreamSettings::default())?);
/// let mut sum = 0u64;
/// let job = distribute(streams, "squares")
///     .source(|sink| Ok(from_iter(0..10_000u64).to(sink).run_on(&Inline)?.value))
///     .stage("square", |numbers| Ok(numbers.pipeline().map(|n: u64| n * n).collect().run_on(&Inline)?.value))
///     .sink("sum", |squares| {
///         sum += squares.sum::<u64>();
///         Ok(())
///     });
/// // Over machines the role is `Role::of_process()`: the same program with `--role source`, `--role square`, `--role sum`.
/// job.run(&Role::All, &Cancel::new())?;
/// assert_eq!(sum, (0..10_000u64).map(|n| n * n).sum::<u64>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn distribute<X: Transport + 'static>(transport: Arc<X>, job: &str) -> Distribute {
    let limits = FrameLimits { linger: None, ..FrameLimits::default() };
    let settings = WorkerSettings { limits, ..WorkerSettings::default() };
    Distribute { transport, job: job.to_owned(), settings }
}

/// A job that has no source yet; see [`distribute`].
#[must_use]
pub struct Distribute {
    transport: Arc<dyn Transport>,
    job: String,
    settings: WorkerSettings,
}

impl Distribute {
    /// Other settings for all workers and for the frames of the source; their `idle` is not used. With a `linger` a source that is started
    /// again may send items twice; unless set there is none here.
    pub fn settings(self, settings: WorkerSettings) -> Self {
        Distribute { settings, ..self }
    }

    /// What makes the items: a pipeline that ends in the sink it is given. The role of its process is `source`.
    pub fn source<'j, T: Serialize + DeserializeOwned + 'static>(
        self,
        source: impl FnOnce(StreamSink<T>) -> Result<Sent, RunError> + Send + 'j,
    ) -> Stages<'j, T> {
        let Distribute { transport, job, settings } = self;
        let run: RunPart<'j, T> = Box::new(move |place, route| {
            // There is always a part behind it.
            let Some(route) = route else { return Ok(Done::default()) };
            place.run_source(source, route)
        });
        let job = Distributed { transport, job, settings, parts: Vec::new(), wrong: None };
        Stages { job, last: Last { name: SOURCE.to_owned(), from: Vec::new(), run } }
    }
}

/// A part whose outputs have nowhere to go yet.
struct Last<'j, T> {
    name: String,
    /// The streams that it takes from: one, or the partitions of one.
    from: Vec<String>,
    run: RunPart<'j, T>,
}

type RunPart<'j, T> = Box<dyn FnOnce(Place, Option<Route<T>>) -> Result<Done, DistributeError> + Send + 'j>;

/// A job whose last part gives items of `T`.
#[must_use]
pub struct Stages<'j, T> {
    job: Distributed<'j>,
    last: Last<'j, T>,
}

impl<'j, T: Serialize + DeserializeOwned + 'static> Stages<'j, T> {
    /// A stage that any number of processes work on: what becomes of the items of one message; see [`Worker`](crate::Worker).
    pub fn stage<Out: Serialize + DeserializeOwned + 'static>(
        self,
        name: &str,
        work: impl FnMut(Taken<T>) -> Result<Vec<Out>, RunError> + Send + 'j,
    ) -> Stages<'j, Out> {
        let (job, stream) = self.into_stream(name);
        let run: RunPart<'j, Out> = Box::new(move |place, route| place.run_stage(route.as_ref(), work));
        Stages { job, last: Last { name: name.to_owned(), from: vec![stream], run } }
    }

    /// The end: what becomes of the items of a message, outside of the streams. One process does it, or several that share what they write to.
    /// A message may come twice, with the same [`Taken::id`].
    pub fn sink(
        self,
        name: &str,
        mut work: impl FnMut(Taken<T>) -> Result<(), RunError> + Send + 'j,
    ) -> Distributed<'j> {
        let nothing = move |items: Taken<T>| work(items).map(|()| Vec::<()>::new());
        self.stage(name, nothing).end()
    }

    /// Divides the stream into this many partitions, by the numbers of the keys; see [`key_of`](crate::key_of). In the next part the items of one key come in their
    /// order, and one worker at a time has those of a partition.
    pub fn by_key(self, partitions: u32, key: impl Fn(&T) -> u64 + Send + Sync + 'static) -> Keyed<'j, T> {
        Keyed { stages: self, partitions, key: Arc::new(key) }
    }

    fn into_stream(self, next: &str) -> (Distributed<'j>, String) {
        let Stages { mut job, last } = self;
        let stream = job.stream(next);
        job.add(last, Some(Route::into_one(&stream)));
        (job, stream)
    }

    fn end(self) -> Distributed<'j> {
        let Stages { mut job, last } = self;
        job.add(last, None);
        job
    }
}

/// A job whose last part gives items of `T`, each partition in its order.
///
/// In a process each partition has a thread, and where several processes do the same part, the next message of a partition may go to another
/// one: what a key needs from one message to the next does not belong into the memory of a worker. When a worker ends, what it had goes to
/// another, after its lease and before anything else of that partition. An item that failed for good is passed over. One that ended its
/// workers is, too, but the items that came in its message are set apart with it, and come later than others of their keys.
#[must_use]
pub struct Keyed<'j, T> {
    stages: Stages<'j, T>,
    partitions: u32,
    key: Key<T>,
}

impl<'j, T: Serialize + DeserializeOwned + 'static> Keyed<'j, T> {
    /// A stage, as in [`Stages::stage`].
    pub fn stage<Out: Serialize + DeserializeOwned + 'static>(
        self,
        name: &str,
        work: impl Fn(Taken<T>) -> Result<Vec<Out>, RunError> + Send + Sync + 'j,
    ) -> Stages<'j, Out> {
        let Keyed { stages: Stages { mut job, last }, partitions, key } = self;
        job.note(check_partitions(partitions));
        let stream = job.stream(name);
        job.add(last, Some(Route::by_key(&stream, partitions.max(1), key)));
        let run: RunPart<'j, Out> = Box::new(move |place, route| place.run_partitions(route.as_ref(), work));
        Stages { job, last: Last { name: name.to_owned(), from: names(&stream, partitions), run } }
    }

    /// The end, as in [`Stages::sink`].
    pub fn sink(
        self,
        name: &str,
        work: impl Fn(Taken<T>) -> Result<(), RunError> + Send + Sync + 'j,
    ) -> Distributed<'j> {
        self.stage(name, move |items| work(items).map(|()| Vec::<()>::new())).end()
    }
}

const SOURCE: &str = "source";

/// A whole job, of which this process does a part; see [`distribute`].
#[must_use]
pub struct Distributed<'j> {
    transport: Arc<dyn Transport>,
    job: String,
    settings: WorkerSettings,
    parts: Vec<Part<'j>>,
    /// The first setting that makes no sense.
    wrong: Option<TransportError>,
}

struct Part<'j> {
    name: String,
    from: Vec<String>,
    run: Run<'j>,
}

impl<'j> Distributed<'j> {
    /// Does the part of this role, until the job is over or stopped. Stopped, it finishes the message it is at, and a source sends no more; the
    /// next process of that role goes on.
    ///
    /// With [`Role::All`] a part that fails stops the others.
    ///
    /// # Errors
    /// [`DistributeError`]: a name that is none or a role that no part has, before anything is done; the source, or a stream for longer than
    /// its patience.
    ///
    /// # Panics
    /// With what a part panicked with outside of the pipeline of a message.
    pub fn run(self, role: &Role, stop: &Cancel) -> Result<Done, DistributeError> {
        let Distributed { transport, job, settings, parts, wrong } = self;
        check_names(&job, parts.iter().map(|part| part.name.as_str()).collect())?;
        wrong.map_or(Ok(()), Err)?;
        let last = parts.len() - 1;
        let does = |n: usize, name: &str| match role {
            Role::All => true,
            Role::Source => n == 0,
            Role::Stage(stage) => n > 0 && name == stage,
            Role::Sink => n == last,
        };
        let stop = stop.child();
        let (mut streams, mut places) = (Vec::new(), Vec::new());
        for (n, Part { name, from, run }) in parts.into_iter().enumerate() {
            streams.extend(from.iter().cloned());
            if does(n, &name) {
                let (transport, job, stop) = (transport.clone(), job.clone(), stop.clone());
                places.push((
                    Place { transport, job, name, from, streams: streams.clone(), settings, stop },
                    run,
                ));
            }
        }
        if places.is_empty() {
            let why = "no part of the job has this name";
            return Err(TransportError::Config { field: "role", value: role.to_string(), why }.into());
        }
        std::thread::scope(|scope| {
            let run = |(place, run): (Place, Run<'j>)| scope.spawn(move || place.until_done(run));
            let running: Vec<_> = places.into_iter().map(run).collect();
            let ended: Vec<_> = running
                .into_iter()
                .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            ended.into_iter().try_fold(Done::default(), |all, done| Ok(all.and(done?)))
        })
    }

    fn stream(&self, part: &str) -> String {
        format!("{}-{part}", self.job)
    }

    fn add<T: 'static>(&mut self, last: Last<'j, T>, route: Option<Route<T>>) {
        let Last { name, from, run } = last;
        self.parts.push(Part { name, from, run: Box::new(move |place| run(place, route)) });
    }

    fn note(&mut self, checked: Result<(), TransportError>) {
        self.wrong = self.wrong.take().or(checked.err());
    }
}

/// Roles and streams that are no stages.
const TAKEN: [&str; 4] = ["all", END, "dead", "suspect"];

/// The streams of a job are `<job>-<part>`, and of each part `<job>-<part>-dead` and `<job>-<part>-suspect`. A part has no `-` and none of these
/// names, so the last `-` tells where the job ends, and two jobs never share a stream.
fn check_names(job: &str, parts: Vec<&str>) -> Result<(), TransportError> {
    let wrong = |field, value: &str, why| Err(TransportError::Config { field, value: value.to_owned(), why });
    if job.contains('.') {
        return wrong("job", job, "a dot is for partitions");
    }
    let (mut seen, sink) = (BTreeSet::from([SOURCE]), parts.len() - 1);
    for (n, part) in parts.into_iter().enumerate().skip(1) {
        check_stream(&suspects(&format!("{job}-{part}")))?;
        if part.contains(['-', '.']) {
            return wrong("stage", part, "a part's name is made of letters, digits and _");
        }
        if TAKEN.contains(&part) || (part == "sink" && n != sink) {
            return wrong("stage", part, "this name is taken: another stream or role has it");
        }
        if !seen.insert(part) {
            return wrong("stage", part, "each part has a name of its own");
        }
    }
    Ok(())
}

impl fmt::Debug for Distributed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        f.debug_struct("Distributed").field("job", &self.job).field("parts", &parts).finish_non_exhaustive()
    }
}

impl fmt::Debug for Distribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribute").field("job", &self.job).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Stages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages")
            .field("job", &self.job)
            .field("last", &self.last.name)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Keyed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("stages", &self.stages)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
