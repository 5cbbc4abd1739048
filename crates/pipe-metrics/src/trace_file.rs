//! A file of what each thread did when, for ui.perfetto.dev and chrome://tracing.
//!
//! The format is that of the "Trace Event Format" (JSON array form): a process per run, a track per thread, a complete event (`X`) per
//! slice, with those of the parts behind it inside of it.

use crate::json::escaped;
use pipe_core::{Event, Explain, Observed, Observer, Part, Slice};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// A trace file. It is written while runs go on, some 150 bytes per slice, and is complete once [`finish`](TraceFile::finish) was
/// called; viewers also read one that is not.
///
/// ```
/// use pipe_core::{FromIter, Inline, Source};
/// use pipe_metrics::TraceFile;
///
/// let path = std::env::temp_dir().join("pipe-metrics-example.json");
/// let trace = TraceFile::create(&path)?;
/// FromIter::new(0..10_000u32).pipeline().map(|n| n).for_each(drop).observe(trace.of("numbers")).run_on(&Inline)?;
/// let written = trace.finish()?;
/// assert!(written.events > 0 && written.dropped == 0);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TraceFile {
    shared: Arc<Shared>,
}

struct Shared {
    began: Instant,
    tracks: Mutex<Tracks>,
}

struct Tracks {
    /// `None` after an error, and at the end.
    out: Option<Box<dyn Write + Send>>,
    /// Why there is no more.
    error: Option<io::Error>,
    /// By run and thread, of runs that are under way.
    threads: HashMap<(u32, ThreadId), u32>,
    last_track: u32,
    /// Runs so far.
    runs: u32,
    /// Events that may still be written.
    room: u64,
    written: Traced,
}

/// What is in a trace file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traced {
    /// Slices, names of tracks, and other events that were written.
    pub events: u64,
    /// Those there was no room for. The last line of the file says so too.
    pub dropped: u64,
}

/// Some 150 MB; more is no joy in a viewer.
const EVENTS: u64 = 1_000_000;

impl TraceFile {
    /// Creates, or empties, the file. Of a million events at most, [unless](TraceFile::limited_to) that is changed.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::to(BufWriter::new(File::create(path)?)))
    }

    /// Writes to something else than a file. It gets many small writes: buffer them.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        let tracks = Tracks {
            out: Some(Box::new(out)),
            error: None,
            threads: HashMap::new(),
            last_track: 0,
            runs: 0,
            room: EVENTS,
            written: Traced::default(),
        };
        TraceFile { shared: Arc::new(Shared { began: Instant::now(), tracks: Mutex::new(tracks) }) }
    }

    /// Holds at most `events` events; later ones are counted and left out.
    pub fn limited_to(self, events: u64) -> Self {
        self.shared.lock().room = events;
        self
    }

    /// The observer of one run of the pipeline `name`.
    pub fn of(&self, name: &str) -> RunTrace {
        RunTrace { shared: self.shared.clone(), pipeline: name.to_owned(), begun: OnceLock::new() }
    }

    /// Completes the file. Runs that are still under way are not in it any more.
    ///
    /// # Errors
    /// It could not be written: now, or at any time before.
    pub fn finish(self) -> io::Result<Traced> {
        let mut tracks = self.shared.lock();
        tracks.error.take().map_or(Ok(()), Err)?;
        let written = tracks.written;
        let label = match written.dropped {
            0 => "complete".to_owned(),
            dropped => format!("{dropped} events were dropped"),
        };
        tracks.line(format_args!(
            "{{\"ph\":\"M\",\"name\":\"process_labels\",\"pid\":0,\"args\":{{\"labels\":\"{label}\"}}}}"
        ))?;
        if let Some(mut out) = tracks.out.take() {
            writeln!(out, "\n]")?;
            out.flush()?;
        }
        Ok(written)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tracks> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracks {
    /// The track of this thread in a run, which is named where it is new.
    fn track(&mut self, pid: u32) -> u32 {
        let current = thread::current();
        if let Some(known) = self.threads.get(&(pid, current.id())) {
            return *known;
        }
        self.last_track += 1;
        let tid = self.last_track;
        self.threads.insert((pid, current.id()), tid);
        let name = current.name().map_or_else(|| format!("thread {tid}"), str::to_owned);
        self.name("thread_name", pid, tid, &name);
        tid
    }

    fn name(&mut self, what: &str, pid: u32, tid: u32, name: &str) {
        let name = escaped(name);
        self.event(format_args!(
            "{{\"ph\":\"M\",\"name\":\"{what}\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"name\":\"{name}\"}}}}"
        ));
    }

    fn event(&mut self, event: fmt::Arguments<'_>) {
        if self.room == 0 || self.out.is_none() {
            self.written.dropped += 1;
            return;
        }
        self.room -= 1;
        if let Err(error) = self.line(event) {
            (self.out, self.error) = (None, Some(error));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        write!(out, "{}{line}", if self.written.events == 0 { "[\n" } else { ",\n" })?;
        self.written.events += 1;
        Ok(())
    }
}

/// Writes down one run: made by [`TraceFile::of`].
pub struct RunTrace {
    shared: Arc<Shared>,
    pipeline: String,
    begun: OnceLock<Begun>,
}

struct Begun {
    pid: u32,
    /// Since the trace began.
    at: Duration,
    /// Names of the segments.
    segments: Vec<String>,
}

impl Observer for RunTrace {
    fn observe(&self, what: &Observed<'_>) {
        match what {
            Observed::Began { plan, .. } => self.begin(plan),
            Observed::Worked(slice) => self.slice(slice),
            Observed::Noted(event) => self.note(event),
            Observed::Ended { .. } => self.end(),
            _ => {}
        }
    }
}

impl RunTrace {
    fn begin(&self, plan: &Explain) {
        let mut tracks = self.shared.lock();
        tracks.runs += 1;
        let pid = tracks.runs;
        let names = plan.segments.iter().map(|segment| {
            let names: Vec<_> = segment.stages.iter().map(|stage| &*stage.name).collect();
            escaped(&names.join(" > "))
        });
        let begun = Begun { pid, at: self.shared.began.elapsed(), segments: names.collect() };
        let _ = self.begun.set(begun);
        tracks.name("process_name", pid, 0, &format!("{} on {}", self.pipeline, plan.profile.name));
    }

    fn slice(&self, slice: &Slice) {
        let Some(begun) = self.begun.get() else { return };
        let name = match slice.part {
            Part::Source => "source",
            Part::Segment(index) => begun.segments.get(index).map_or("", |name| name),
            Part::Sink => "sink",
        };
        let (pid, part) = (begun.pid, slice.part);
        let started = microseconds(begun.at + slice.started);
        let length = microseconds(slice.ended.saturating_sub(slice.started));
        let (items, bytes, busy) = (slice.items, slice.bytes, microseconds(slice.busy()));
        let mut tracks = self.shared.lock();
        let tid = tracks.track(pid);
        tracks.event(format_args!(
            "{{\"ph\":\"X\",\"name\":\"{name}\",\"cat\":\"{part}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{started},\
             \"dur\":{length},\"args\":{{\"items\":{items},\"bytes\":{bytes},\"busy_us\":{busy}}}}}"
        ));
    }

    fn end(&self) {
        let Some(Begun { pid, .. }) = self.begun.get() else { return };
        self.shared.lock().threads.retain(|(run, _), _| run != pid);
    }

    fn note(&self, event: &Event) {
        let Some(Begun { pid, .. }) = self.begun.get() else { return };
        let (name, at) = (escaped(&event.to_string()), microseconds(self.shared.began.elapsed()));
        let mut tracks = self.shared.lock();
        let tid = tracks.track(*pid);
        tracks.event(format_args!(
            "{{\"ph\":\"i\",\"s\":\"p\",\"name\":\"{name}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{at}}}"
        ));
    }
}

/// The unit of the format, with three digits behind the point.
fn microseconds(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e3
}
