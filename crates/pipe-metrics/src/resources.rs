//! What the threads of a run do while they are in a part: compute, or wait for what. Linux tells, by two ways that cost a run little:
//!
//! * the processor time of each thread, read when a slice begins and when it is over: a third of a microsecond each;
//! * a look from outside, every 5 ms, at the system call that each thread in a part sleeps in. The workers do not notice.
//!
//! Nothing is asked of closures: a lock that one takes, a socket that it reads are found from outside. What they do on threads of their own is
//! not seen.

use crate::diagnosis::{Diagnosis, diagnose};
use crate::doing::{Doing, doing};
use pipe_core::{Observed, Observer, Part, Report};
use rustix::thread::{Pid, gettid};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// How often it is looked what threads do.
const LOOK: Duration = Duration::from_millis(5);

/// Threads that are looked at: those that come later are left out.
const THREADS: usize = 1_024;

/// An observer of one run that learns what its threads wait for: named with `.observe(resources.clone())`.
///
/// ```
/// use pipe_core::{FromIter, Inline, Source};
/// use pipe_metrics::{Doing, Resources};
///
/// let resources = Resources::new();
/// let mixed = FromIter::new(0..3_000u64).pipeline().map(|n| (0..n).fold(n, |sum, k| sum.rotate_left(1) ^ k)).named("mix");
/// let report = mixed.for_each(drop).observe(resources.clone()).run_on(&Inline)?;
/// if let Some(found) = resources.diagnosis(&report) {
///     println!("{found}"); // segment 0 (mix) limits the run: it computes for 99% of its time; ..
/// }
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone, Default)]
pub struct Resources {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Rung when the run has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    is_over: bool,
    /// By the number that the system gives them.
    threads: BTreeMap<i32, Watched>,
    usage: BTreeMap<Part, Usage>,
}

/// A thread, and the parts that it is in: the last one is what it works on.
struct Watched {
    pid: Pid,
    inside: Vec<Inside>,
}

struct Inside {
    part: Part,
    /// The processor time of the thread when it began, and how much of what came since was that of parts behind it.
    began: Duration,
    behind: Duration,
}

/// What the threads in a part did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How long they were in it, added up: without the parts behind it, and without waits for room.
    pub busy: Duration,
    /// How long of that a processor worked for them.
    pub computed: Duration,
    /// What they were found doing, and how often.
    pub looks: BTreeMap<Doing, u64>,
}

impl Resources {
    /// To observe one run.
    pub fn new() -> Self {
        Self::default()
    }

    /// So far, of each part that has been at work.
    pub fn usage(&self) -> BTreeMap<Part, Usage> {
        self.shared.lock().usage.clone()
    }

    /// The part that limits the run, and what it lacks: [`Report::bottleneck`] together with what was seen. `None` as there.
    pub fn diagnosis<T>(&self, report: &Report<T>) -> Option<Diagnosis> {
        let found = report.bottleneck()?;
        let usage = self.shared.lock().usage.get(&found.part).cloned().unwrap_or_default();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Some(diagnose(report, found, &usage, processors))
    }
}

impl Observer for Resources {
    fn observe(&self, what: &Observed<'_>) {
        match what {
            Observed::Began { .. } => {
                let shared = Arc::downgrade(&self.shared);
                // Without it processor times are left.
                let _ = thread::Builder::new().name("pipe-resources".to_owned()).spawn(|| look_on(shared));
            }
            // The clock before the lock, which others wait for.
            Observed::Working(part) => {
                let now = computed();
                self.shared.lock().begin(*part, now);
            }
            Observed::Worked(slice) => {
                let now = computed();
                self.shared.lock().end(slice.part, slice.busy(), now);
            }
            Observed::Ended { .. } => {
                self.shared.lock().is_over = true;
                self.shared.ended.notify_all();
            }
            _ => {}
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// This thread, if there is room for it.
    fn here(&mut self) -> Option<&mut Watched> {
        let pid = PID.with(|pid| *pid);
        let key = pid.as_raw_nonzero().get();
        if self.threads.len() >= THREADS && !self.threads.contains_key(&key) {
            return None;
        }
        Some(self.threads.entry(key).or_insert_with(|| Watched { pid, inside: Vec::new() }))
    }

    fn begin(&mut self, part: Part, now: Duration) {
        if let Some(thread) = self.here() {
            thread.inside.push(Inside { part, began: now, behind: Duration::ZERO });
        }
    }

    fn end(&mut self, part: Part, busy: Duration, now: Duration) {
        let Some(inside) = self.here().and_then(|thread| thread.inside.pop()) else { return };
        let whole = now.saturating_sub(inside.began);
        if let Some(before) = self.here().and_then(|thread| thread.inside.last_mut()) {
            before.behind += whole;
        }
        let usage = self.usage.entry(part).or_default();
        usage.busy += busy;
        usage.computed += whole.saturating_sub(inside.behind);
    }
}

thread_local! {
    /// This thread's number: to ask for it is a system call.
    static PID: Pid = gettid();
}

/// For how long a processor has worked for this thread.
fn computed() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Looks again and again what threads in parts do, until the run is over or nobody wants to know.
fn look_on(shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        let state = shared.lock();
        let (state, _) = shared
            .ended
            .wait_timeout_while(state, LOOK, |state| !state.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_over {
            return;
        }
        let inside = |thread: &Watched| Some((thread.pid, thread.inside.last()?.part));
        let threads: Vec<_> = state.threads.values().filter_map(inside).collect();
        drop(state);
        // Not under the lock, which workers take.
        let seen: Vec<_> = threads.into_iter().filter_map(|(pid, part)| Some((part, doing(pid)?))).collect();
        let mut state = shared.lock();
        for (part, doing) in seen {
            *state.usage.entry(part).or_default().looks.entry(doing).or_default() += 1;
        }
    }
}
