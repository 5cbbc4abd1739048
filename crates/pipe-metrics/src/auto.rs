//! An executor that measures the head of the input on the calling thread, and then lets the executor of its choice run the rest.
//!
//! ```text
//! | loop, 100 us a slice |  batches, each part measured  |  the executor that was chosen        |
//!   cheap? to its end        until it is clear: the head     the rest of the same source
//! ```
//!
//! The head is a part of the run: its items are worked on once, by the definition that the user wrote, and their outputs are delivered. What
//! the chosen executor gets is the rest of the source, the serial workers as the head has left them, and the worker of the first parallel segment.
//! Workers of later parallel segments emit what they have gathered when the head ends, as any worker does when it ends.

use crate::advice::{Advice, Candidate, Machine, advise, clear_choice};
use crate::head::{Head, Measured};
use pipe_core::kernel::{Runner, Scalar};
use pipe_core::plan::{Loop, Nodes, Plan, Ran, RunState, left};
use pipe_core::{Event, Executor, Pace, Profile, RunError};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Chooses among executors by measuring the head of the real input, says why, and runs the pipeline on it.
///
/// What is cheap, short, or done by one thread at a time stays on the calling thread: no other is started. What waits gets more
/// workers than there are processors, if an executor with that many is among the choices. A report has the reasons as an event, and
/// [`Auto::advice`] has them as numbers.
///
/// The first choice is what its memory limit and its budget are taken from. An only choice is run as it is. While the head is measured one item
/// is under way at a time, and one that alone is larger than the limit passes, as it does on [`Inline`](pipe_core::Inline).
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::Auto;
///
/// let auto = Auto::new(Inline); // .or(Parallel::new()).or(Parallel::new().workers(64))
/// let sum = from_iter(0..1_000u64).map(|n| n * n).fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
/// let report = sum.run_on(&auto)?;
/// assert_eq!(report.value, 332_833_500);
/// println!("{report}"); // with a second choice also which of them it was, and why
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct Auto {
    choices: Vec<Arc<dyn Choice>>,
    head: Duration,
    /// Of the run that has chosen last.
    advice: Arc<Mutex<Option<Advice>>>,
}

/// An executor for pipelines without async stages, whatever they borrow.
trait Choice: for<'p> Executor<'p, Ran = Result<(), RunError>, Async = Infallible> + Send + Sync {}

impl<X> Choice for X where
    X: for<'p> Executor<'p, Ran = Result<(), RunError>, Async = Infallible> + Send + Sync
{
}

/// The head is this long at most.
const HEAD: Duration = Duration::from_millis(200);

/// From here on an item of a loop costs so much that several workers might pay. Where they do not, what is lost is the loop: up to 1.5 ns an item,
/// as batches cost; so it is not tried where that is more than an eighth.
const OPEN_NS: f64 = 12.0;

/// Slices in a row that say so: one alone may have been interrupted, or was the first.
const EVIDENCE: u32 = 4;

/// From here on two are enough: an interruption does not look like this twice, and four items of a millisecond would be a long wait.
const CLEAR_NS: f64 = 1_000.0;

/// From this many items on slices may become eight times as long as the one before, as in `Parallel`: each costs a tenth of a microsecond.
const FEW: usize = 8;

impl Auto {
    /// With one executor to choose from: where no other is better.
    pub fn new<X>(first: X) -> Self
    where
        X: for<'p> Executor<'p, Ran = Result<(), RunError>, Async = Infallible> + Send + Sync + 'static,
    {
        Auto { choices: vec![Arc::new(first)], head: HEAD, advice: Arc::default() }
    }

    /// With one more. Of those that are equally good the one that was named first is taken.
    #[must_use]
    pub fn or<X>(mut self, other: X) -> Self
    where
        X: for<'p> Executor<'p, Ran = Result<(), RunError>, Async = Infallible> + Send + Sync + 'static,
    {
        self.choices.push(Arc::new(other));
        self
    }

    /// What the run that chose last has measured, and why it has chosen what. `None` if no run has: its input ended before, or it was cheap.
    pub fn advice(&self) -> Option<Advice> {
        self.advice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the last choice after the first batch: for tests, whose inputs end before anything is measured.
    #[doc(hidden)]
    #[must_use]
    pub fn decide_at_once(mut self) -> Self {
        self.head = Duration::ZERO;
        self
    }

    /// Runs it as one loop while that is cheap. Returns what is left of it, if it is not, and how many items make a batch.
    fn alone<'p>(
        &self,
        mut whole: Box<dyn Loop<'p> + 'p>,
        run: &RunState,
    ) -> Result<Option<(Nodes<'p>, Pace)>, RunError> {
        match self.slices(&mut *whole, run) {
            Ok(Some(pace)) => Ok(Some((whole.open(), pace))),
            // Behind the result: what it throws is the error of a run that has none.
            ended => ended.and(left(whole)).map(|()| None),
        }
    }

    /// Slice by slice, to the end (`None`), or until it is not cheap.
    fn slices<'p>(&self, whole: &mut (dyn Loop<'p> + 'p), run: &RunState) -> Result<Option<Pace>, RunError> {
        let (mut pace, mut evidence, mut items) = (Pace::new(Pace::BATCH, usize::MAX), 0, 0);
        let (began, mut least) = (Instant::now(), f64::INFINITY);
        loop {
            run.check()?;
            let started = Instant::now();
            let ran = whole.run(pace.items())?;
            let elapsed = started.elapsed();
            let (Ran::More(n) | Ran::Done(n) | Ran::Enough(n)) = ran;
            (0..if n < FEW { 1 } else { 3 }).for_each(|_| pace.learn(n, elapsed));
            items += n;
            let ns = elapsed.as_nanos() as f64 / n.max(1) as f64;
            if !matches!(ran, Ran::More(_)) {
                let ns = if least.is_finite() { least } else { ns };
                note(
                    run,
                    &format!(
                        "stayed on the calling thread: {items} items of {ns:.1} ns each in {:.1?}",
                        began.elapsed()
                    ),
                );
                run.check()?;
                whole.finish()?;
                return Ok(None);
            }
            if elapsed * 2 >= Pace::BATCH {
                least = least.min(ns);
                evidence = match ns {
                    CLEAR_NS.. => evidence + EVIDENCE / 2,
                    OPEN_NS.. => evidence + 1,
                    _ => 0,
                };
            }
            if evidence >= EVIDENCE || self.head.is_zero() {
                return Ok(Some(pace));
            }
        }
    }

    fn candidates(&self) -> Result<Vec<Candidate>, RunError> {
        let candidate = |choice: &Arc<dyn Choice>| {
            let Profile { name, workers, .. } = choice.profile()?;
            Ok(Candidate { executor: name, workers })
        };
        self.choices.iter().map(candidate).collect()
    }

    /// Which choice runs the rest.
    fn choose(&self, measured: &Measured, candidates: &[Candidate], run: &RunState) -> usize {
        if self.head.is_zero() {
            return self.choices.len() - 1;
        }
        let advice = advise(measured, candidates, Machine::here());
        note(run, &advice.to_string());
        let chosen = advice.chosen;
        *self.advice.lock().unwrap_or_else(PoisonError::into_inner) = Some(advice);
        chosen
    }
}

fn note(run: &RunState, what: &str) {
    run.note(Event::Remark { stage: "auto".to_owned(), what: what.to_owned() });
}

impl<'p> Executor<'p> for Auto {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        let profiles: Vec<_> =
            self.choices.iter().map(|choice| choice.profile()).collect::<Result<_, _>>()?;
        let workers = profiles.iter().map(|profile| profile.workers).max().unwrap_or(1);
        let first = profiles.into_iter().next().expect("there is one from the start");
        Ok(Profile { name: "Auto", workers, ..first })
    }

    /// That of the first choice that has one of its own.
    fn runner(&self) -> Arc<dyn Runner> {
        let runners = self.choices.iter().map(|choice| choice.runner());
        let own = runners.into_iter().find(|runner| runner.name() != Scalar.name());
        own.unwrap_or_else(|| Arc::new(Scalar))
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        if let [only] = &self.choices[..] {
            return only.execute(plan);
        }
        let run = plan.run().clone();
        let (nodes, pace) = match plan.into_loop() {
            Err(nodes) => (nodes, Pace::new(Pace::BATCH, usize::MAX)),
            Ok(whole) => match self.alone(whole, &run)? {
                None => return Ok(()),
                Some(opened) => opened,
            },
        };
        let (candidates, machine) = (self.candidates()?, Machine::here());
        let judge = |measured: &Measured| clear_choice(measured, &candidates, machine);
        let Some((nodes, measured)) = Head::new(nodes, pace, &run)?.run(self.head, judge)? else {
            note(&run, "stayed on the calling thread: the input ended within the head");
            return Ok(());
        };
        let chosen = self.choose(&measured, &candidates, &run);
        self.choices[chosen].execute(Plan::from_nodes(nodes, run))
    }
}

impl fmt::Debug for Auto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.choices.iter().map(|choice| choice.profile().map_or("?", |profile| profile.name));
        f.debug_struct("Auto").field("choices", &names.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
