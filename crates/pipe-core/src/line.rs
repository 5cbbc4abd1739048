//! Workers in a row on one thread: a batch is pushed through all of them.
//!
//! A full output batch is handed to the next worker at once, inside the `emit` that filled it. So one batch per edge is alive, however
//! many outputs an item has.

use crate::error::{Payload, RunError};
use crate::left::drop_each;
use crate::opaque::opaque;
use crate::pace::Pace;
use crate::plan::{BoxBatch, Outlet, Ran, RunState, Worker};
use crate::stage::Flow;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// A row of workers, for those who write executors; use it as [`Line`] or [`SerialLine`].
///
/// It carries batches from the first worker to the outlet after the last one, in slices of about 100 us. Between slices it checks whether
/// the run was cancelled or has failed elsewhere.
pub struct LineOf<W: ?Sized> {
    stops: Vec<Stop<W>>,
    status: Status,
}

opaque!([W: ?Sized] LineOf[W]);

/// A row of workers on one thread.
pub type Line<'p> = LineOf<dyn Worker + 'p>;

/// A row of serial nodes, which may move between threads.
pub type SerialLine<'p> = LineOf<dyn Worker + Send + 'p>;

struct Stop<W: ?Sized> {
    worker: Box<W>,
    /// Sizes slices. Learns only while batches are longer than it allows: a batch that goes through whole needs no clock.
    pace: Pace,
    bound: bool,
    taken: u64,
    enough: bool,
    /// Its worker has failed behind the place where the run ends: it is not used again.
    failed: bool,
}

struct Status {
    run: Arc<RunState>,
    /// The first error wins: a worker hands on what it emitted before it reports its own failure, so an error further down belongs to an
    /// earlier item.
    error: Option<RunError>,
    enough: bool,
}

impl<W: Worker + ?Sized> LineOf<W> {
    /// A line of these workers, built on this thread.
    pub fn new(run: Arc<RunState>, workers: Vec<Box<W>>) -> Self {
        let stop = |worker| Stop {
            worker,
            pace: Pace::new(Pace::BATCH, usize::MAX),
            bound: false,
            taken: 0,
            enough: false,
            failed: false,
        };
        LineOf {
            stops: workers.into_iter().map(stop).collect(),
            status: Status { run, error: None, enough: false },
        }
    }

    /// Items that the first worker has taken.
    pub fn taken(&self) -> u64 {
        self.stops.first().map_or(0, |stop| stop.taken)
    }

    /// Carries one batch through all workers. What they emit is in `end` afterwards. `Break`: a stage, or `end`, has had enough; the
    /// source need not be asked again.
    ///
    /// # Errors
    /// A stage failed or panicked, or the run was cancelled. What was emitted before the failure has reached `end`. The line is then
    /// not used again.
    pub fn carry(&mut self, batch: BoxBatch, end: &mut dyn Outlet) -> Result<Flow, RunError> {
        let (stops, status) = (&mut *self.stops, &mut self.status);
        let ran = contained(|| {
            let _ = match stops.split_first_mut() {
                Some((first, stops)) => {
                    first.run(batch, &mut Down { stops, status, end: &mut *end }, Feed::Own)
                }
                None => end.put(batch),
            };
            // Batches of which nothing arrives further down, and that leave no pause, leave no other time for it.
            if status.error.is_none() && status.run.has_age() {
                Down { stops, status, end: &mut *end }.look();
            }
        });
        // A failure comes before what the rest of its batch throws when it is dropped.
        self.status.error.take().map_or(ran, Err)?;
        // A slice that was cut short by the switch or the deadline is no good end.
        self.status.run.check()?;
        Ok(if self.status.enough { Flow::Break(()) } else { Flow::Continue(()) })
    }

    /// When one of its workers wants to be looked at though no batch comes, by the run's clock: see [`Worker::due`].
    pub fn due(&self) -> Option<Duration> {
        self.stops.iter().filter(|stop| stop.is_used()).filter_map(|stop| stop.worker.due()).min()
    }

    /// Looks at all workers, as [`due`](LineOf::due) asked for. What they emit is in `end` afterwards.
    ///
    /// # Errors
    /// As for `carry`.
    pub fn look(&mut self, end: &mut dyn Outlet) -> Result<Flow, RunError> {
        for at in 0..self.stops.len() {
            let (stop, rest) = self.stops[at..].split_first_mut().expect("`at` is in range");
            if stop.is_used() {
                let mut down = Down { stops: rest, status: &mut self.status, end: &mut *end };
                let looked = contained(|| stop.worker.look(&mut down)).and_then(|looked| looked);
                // What failed further down belongs to an earlier item.
                self.status.error.take().map_or(looked, Err)?;
            }
        }
        self.status.run.check()?;
        Ok(if self.status.enough { Flow::Break(()) } else { Flow::Continue(()) })
    }

    /// Finishes all workers, the first one first. What they emit is in `end` afterwards.
    ///
    /// # Errors
    /// As for `carry`.
    pub fn finish(&mut self, end: &mut dyn Outlet) -> Result<(), RunError> {
        for at in 0..self.stops.len() {
            let (stop, rest) = self.stops[at..].split_first_mut().expect("`at` is in range");
            if stop.failed {
                continue;
            }
            let status = &mut self.status;
            let mut down = Down { stops: rest, status, end: &mut *end };
            let finished = contained(|| stop.worker.finish(&mut down)).and_then(|finished| finished);
            if let Err(error) = finished {
                self.status.error.get_or_insert(error);
            }
            self.status.error.take().map_or(Ok(()), Err)?;
        }
        Ok(())
    }
}

/// Each worker by itself: several may hold a state, or closures, that throw when they are dropped.
impl<W: ?Sized> Drop for LineOf<W> {
    fn drop(&mut self) {
        drop_each(take(&mut self.stops));
    }
}

/// Runs the harness itself under `catch_unwind`: a panic that no stage owns comes from the `Drop` of an item.
fn contained<R>(body: impl FnOnce() -> R) -> Result<R, RunError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|thrown| RunError::Panicked {
        stage: "drop of an item".to_owned(),
        at: None,
        payload: Payload::new(thrown),
    })
}

/// Whose a batch is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// The line was given it.
    Own,
    /// One of its workers emitted it.
    Within,
}

/// The rest of the line.
struct Down<'l, W: ?Sized> {
    stops: &'l mut [Stop<W>],
    status: &'l mut Status,
    end: &'l mut dyn Outlet,
}

impl<W: Worker + ?Sized> Outlet for Down<'_, W> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        match self.stops.split_first_mut() {
            None => self.end.put(batch),
            Some((stop, rest)) => {
                stop.run(batch, &mut Down { stops: rest, status: self.status, end: self.end }, Feed::Within)
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.end.is_closed()
    }

    fn wait_for_room(&mut self) -> Flow {
        self.end.wait_for_room()
    }

    fn gave_back(&mut self) {
        self.end.gave_back();
    }
}

impl<W: Worker + ?Sized> Down<'_, W> {
    /// Looks at the workers that want to be by now.
    fn look(&mut self) {
        for at in 0..self.stops.len() {
            let (stop, rest) = self.stops[at..].split_first_mut().expect("`at` is in range");
            let run = &self.status.run;
            if stop.is_used() && stop.worker.due().is_some_and(|due| run.clock().now() >= due) {
                let mut down = Down { stops: rest, status: &mut *self.status, end: &mut *self.end };
                if let Err(error) = stop.worker.look(&mut down) {
                    self.status.error.get_or_insert(error);
                }
            }
        }
    }
}

impl<W: Worker + ?Sized> Stop<W> {
    fn is_used(&self) -> bool {
        !self.enough && !self.failed
    }

    fn run(&mut self, mut batch: BoxBatch, down: &mut Down<'_, W>, feed: Feed) -> Flow {
        while !self.enough && down.may_go_on() {
            if feed == Feed::Own {
                down.end.share(&mut *batch);
            }
            let started = self.bound.then(|| down.status.run.measure());
            match self.worker.run(&mut *batch, self.pace.items(), down) {
                Ok(Ran::More(items)) => {
                    self.taken += items as u64;
                    self.bound = true;
                    if let Some(started) = started {
                        self.pace.learn(items, down.status.run.measure().saturating_sub(started));
                    }
                    if down.status.run.has_age() {
                        // Behind somebody who is slow what is kept becomes old meanwhile.
                        self.worker.flush(down);
                        down.look();
                    }
                }
                Ok(Ran::Done(items)) => {
                    self.taken += items as u64;
                    self.bound = false;
                    break;
                }
                Ok(Ran::Enough(items)) => {
                    self.taken += items as u64;
                    self.enough = true;
                    down.status.enough = true;
                }
                // Somebody behind has had enough at an earlier item, so the run was over before this one.
                Err(_) if down.stops.iter().any(|stop| stop.enough) => {
                    (self.enough, self.failed) = (true, true);
                    return Flow::Break(());
                }
                Err(error) => {
                    // What a stop further down had enough of was emitted before; a loop would have ended there.
                    if !down.stops.iter().any(|stop| stop.enough) {
                        down.status.error.get_or_insert(error);
                    }
                    return Flow::Break(());
                }
            }
        }
        if down.status.error.is_none() {
            self.worker.flush(down);
        }
        if self.enough || down.status.error.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
    }
}

impl<W: ?Sized> Down<'_, W> {
    fn may_go_on(&mut self) -> bool {
        if self.status.error.is_none() {
            self.status.error = self.status.run.check().err();
        }
        self.status.error.is_none() && !self.end.is_closed()
    }
}
