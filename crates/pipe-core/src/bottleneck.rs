//! Which part limits a run, and what to do about it: from the report alone.
//!
//! ```text
//! load of a part = how long it was busy / how long it could have been: its workers x elapsed
//! ```
//!
//! A run cannot be faster than its most loaded part. That is the source, the sink, or a serial segment, of which one thread at a time does
//! the work, or the parallel segments, for which all workers together are there. With one worker each part has its share of the one thread,
//! and the largest share is the one to begin with. Where nobody was busy something else was waited for: operations of an async stage, or room
//! within the memory limit.
//!
//! The gain is that of a model: parts keep their work, and the time of a run is that of its most loaded part, or of all work divided by
//! the workers, if that is more. Memory bandwidth, caches that are shared, and clocks that change with the load are not in it, so it is what
//! to expect at most.

use crate::event::Event;
use crate::observer::Part;
use crate::report::{Report, SegmentReport};
use crate::settings::SegmentKind;
use std::fmt;
use std::time::Duration;

/// The part that limits a run: what [`Report::bottleneck`] finds.
///
/// ```
/// use pipe_core::{Inline, Part, from_iter};
///
/// let sums = from_iter(0..3_000u64).map(|n| (0..n).fold(n, |sum, k| sum.rotate_left(1) ^ k)).named("mix");
/// let report = sums.for_each(drop).run_on(&Inline)?;
/// if let Some(found) = report.bottleneck() {
///     assert_eq!((found.part, &*found.stages), (Part::Segment(0), "mix"));
///     println!("{found}"); // segment 0 (mix) limits the run: busy 99% of the time; with 2 workers up to 2.0 times as fast
/// }
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Bottleneck {
    /// Which part it is.
    pub part: Part,
    /// The names of its stages, as the report has them. Empty for source and sink.
    pub stages: String,
    /// What there is too little of.
    pub limit: Limit,
    /// The share of its time that the part was busy; 1 is always. For [`Limit::Memory`], the share of the limit that was in use.
    pub load: f64,
    /// What helps most.
    pub remedy: Remedy,
    /// How many times as fast the run could be with the remedy, at most. `None` where the report does not tell.
    pub gain: Option<f64>,
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Threads, for what any number of workers may do.
    Workers,
    /// The one thread that may be in this part at a time.
    OneThread,
    /// Operations in flight.
    Concurrency,
    /// Room for batches.
    Memory,
}

/// What helps most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Twice as many workers: another executor, or a larger number.
    Workers(usize),
    /// The part doing its work in half of the time.
    LessWork,
    /// Twice as many operations in flight.
    Concurrency(usize),
    /// Twice the memory limit, in bytes.
    Memory(usize),
}

/// Below this something else than work limits a run with several workers, if there is anything else.
const BUSY: f64 = 0.5;

/// And where there is nothing else, a part is named that is busy for so long, and twice as long as the next one: on a machine that others
/// use, or where batches are small, workers also wait for their turn.
const STANDS_OUT: f64 = 0.1;

/// From this share of the memory limit on, batches were kept waiting for room.
const FULL: f64 = 0.9;

/// Runs that were measured for less say nothing: starting threads is a part of them.
const SHORT: Duration = Duration::from_millis(1);

impl<T> Report<T> {
    /// The part that limits the run. `None` if it was too short to tell, or none of its parts stands out.
    ///
    /// It is found from what the report has, so it costs the run nothing. A segment is the smallest part: put an
    /// [`edge`](crate::Pipeline::edge) between stages to tell them apart. A pipeline over an iterator that ran as one loop is one part.
    pub fn bottleneck(&self) -> Option<Bottleneck> {
        let work = Work::of(self)?;
        let (part, load, next) = work.most_loaded()?;
        if load < BUSY && !work.is_alone() {
            let waiting = self.waiting(&work);
            if waiting.is_some() || load < STANDS_OUT.max(2.0 * next) {
                return waiting;
            }
        }
        let (limit, remedy) = match part {
            Part::Segment(index) if work.is_parallel(index) => match self.more_workers() {
                true => (Limit::Workers, Remedy::Workers(work.workers * 2)),
                false => (Limit::Workers, Remedy::LessWork),
            },
            _ => (Limit::OneThread, Remedy::LessWork),
        };
        let gain = work.gain(part, remedy);
        Some(Bottleneck { part, stages: self.stages_of(part), limit, load, remedy, gain })
    }

    /// How many times as fast the run could be with this remedy for this part, at most: by the model of [`Report::bottleneck`]. `None` if the run
    /// was too short to tell, or the model does not know: of operations in flight, and of memory.
    pub fn gain(&self, part: Part, remedy: Remedy) -> Option<f64> {
        Work::of(self)?.gain(part, remedy)
    }

    /// Nobody was busy: something was waited for.
    fn waiting(&self, work: &Work) -> Option<Bottleneck> {
        let used = self.peak_bytes as f64 / self.memory_limit.max(1) as f64;
        if used >= FULL {
            let (part, ..) = work.most_loaded()?;
            let (stages, remedy) =
                (self.stages_of(part), Remedy::Memory(self.memory_limit.saturating_mul(2)));
            return Some(Bottleneck { part, stages, limit: Limit::Memory, load: used, remedy, gain: None });
        }
        // Of several async stages the one with the least in flight holds the others up; but not one that itself lacked items, or room.
        let held_up = |it: &SegmentReport| (it.starved + it.blocked).as_secs_f64() > BUSY * work.elapsed;
        let waits = self.segments.iter().enumerate().filter(|(_, it)| !held_up(it));
        let waits = waits.filter_map(|(index, it)| Some((it.concurrency?, index)));
        let (concurrency, index) = waits.min()?;
        let part = Part::Segment(index);
        let remedy = Remedy::Concurrency(concurrency.saturating_mul(2));
        let (_, load, _) = work.most_loaded()?;
        // Its operations twice as fast, until the most loaded part of the rest has no time left.
        let gain = Some((1.0 / load.max(BUSY)).min(2.0));
        let stages = self.stages_of(part);
        Some(Bottleneck { part, stages, limit: Limit::Concurrency, load: 1.0, remedy, gain })
    }

    /// Whether more workers are worth a try: not where an executor found that they would not pay, or could not get them.
    fn more_workers(&self) -> bool {
        let refused =
            |event: &Event| matches!(event, Event::StayedInline { .. } | Event::FewerWorkers { .. });
        !self.events.iter().any(refused)
    }

    fn stages_of(&self, part: Part) -> String {
        let Part::Segment(index) = part else { return String::new() };
        let names = self.segments[index].stages.iter().map(|stage| &*stage.name);
        names.collect::<Vec<_>>().join(" > ")
    }
}

/// How much work each part had, in seconds, and who was there to do it.
#[derive(Clone)]
struct Work {
    elapsed: f64,
    workers: usize,
    /// Each on threads of its own, as on executors with a reactor: parts do not share.
    apart: bool,
    parts: Vec<(Part, Share, f64)>,
}

/// Who does the work of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    AllWorkers,
    OneThread,
}

impl Work {
    /// `None` where it was too short, or nothing was measured.
    fn of<T>(report: &Report<T>) -> Option<Work> {
        if report.elapsed < SHORT {
            return None;
        }
        let apart = report.segments.iter().any(|segment| segment.kind == SegmentKind::Async);
        let share = |segment: &SegmentReport| match segment.kind {
            SegmentKind::Parallel if !apart => Share::AllWorkers,
            _ => Share::OneThread,
        };
        let mut parts = vec![(Part::Source, Share::OneThread, report.source_busy.as_secs_f64())];
        for (index, segment) in report.segments.iter().enumerate() {
            if let Some(busy) = segment.busy {
                parts.push((Part::Segment(index), share(segment), busy.as_secs_f64()));
            }
        }
        parts.push((Part::Sink, Share::OneThread, report.sink_busy.as_secs_f64()));
        let busy = parts.iter().any(|(_, _, seconds)| *seconds > 0.0);
        let workers = report.workers.max(1);
        busy.then_some(Work { elapsed: report.elapsed.as_secs_f64(), workers, apart, parts })
    }

    fn is_alone(&self) -> bool {
        self.workers == 1 && !self.apart
    }

    fn is_parallel(&self, index: usize) -> bool {
        self.parts.iter().any(|(part, share, _)| *part == Part::Segment(index) && *share == Share::AllWorkers)
    }

    /// The part that had the least time left, its load, and that of the next one. Of the parallel segments, which share the workers, the
    /// one with most work, and the load of all of them.
    fn most_loaded(&self) -> Option<(Part, f64, f64)> {
        let mut loads: Vec<_> = self
            .parts
            .iter()
            .map(|&(part, share, seconds)| {
                // With one worker each part has a share of its one thread.
                let shared = share == Share::AllWorkers && self.workers > 1;
                let load = if shared { self.parallel() / self.workers as f64 } else { seconds };
                (part, shared, load / self.elapsed, seconds)
            })
            .collect();
        loads.sort_by(|a, b| b.2.total_cmp(&a.2).then(b.3.total_cmp(&a.3)));
        let (part, shared, load, _) = *loads.first()?;
        let next = loads.iter().skip(1).find(|other| !(shared && other.1)).map_or(0.0, |next| next.2);
        Some((part, load.min(1.0), next))
    }

    fn parallel(&self) -> f64 {
        let parallel = self.parts.iter().filter(|(_, share, _)| *share == Share::AllWorkers);
        parallel.map(|(_, _, seconds)| seconds).sum()
    }

    /// How long the run takes by the model.
    fn seconds(&self) -> f64 {
        let single = self.parts.iter().filter(|(_, share, _)| *share == Share::OneThread);
        let longest = single.map(|(_, _, seconds)| *seconds).fold(0.0, f64::max);
        if self.apart {
            return longest;
        }
        let all: f64 = self.parts.iter().map(|(_, _, seconds)| seconds).sum();
        longest.max(all / self.workers as f64)
    }

    fn gain(&self, slow: Part, remedy: Remedy) -> Option<f64> {
        let mut after = self.clone();
        match remedy {
            Remedy::Workers(workers) => after.workers = workers.max(1),
            Remedy::LessWork => {
                let slow = after.parts.iter_mut().filter(|(part, ..)| *part == slow);
                slow.for_each(|(_, _, seconds)| *seconds /= 2.0);
            }
            Remedy::Concurrency(_) | Remedy::Memory(_) => return None,
        }
        Some(self.seconds() / after.seconds())
    }
}

/// One line: who limits the run, by what, what helps, and how much.
impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Segment(_) => write!(f, "{} ({})", self.part, self.stages)?,
            Part::Source | Part::Sink => write!(f, "the {}", self.part)?,
        }
        let load = 100.0 * self.load;
        match self.limit {
            Limit::Workers if matches!(self.remedy, Remedy::Workers(3..)) => {
                write!(f, " limits the run: all workers busy {load:.0}% of the time")?;
            }
            Limit::Workers | Limit::OneThread => write!(f, " limits the run: busy {load:.0}% of the time")?,
            Limit::Concurrency => write!(f, " limits the run: it waits for its operations")?,
            Limit::Memory => write!(f, " waits for memory: {load:.0}% of the limit in use")?,
        }
        match self.remedy {
            Remedy::Workers(workers) => write!(f, "; with {workers} workers")?,
            Remedy::LessWork => write!(f, "; in half of its time")?,
            Remedy::Concurrency(concurrency) => write!(f, "; with {concurrency} in flight")?,
            Remedy::Memory(bytes) => write!(f, "; with {} MiB", bytes as f64 / f64::from(1 << 20))?,
        }
        match self.gain {
            Some(gain) => write!(f, " up to {gain:.1} times as fast"),
            None => write!(f, " it would not"),
        }
    }
}
