//! A run: its stretches on their threads, its async stages in the caller's task, and how they end.
//!
//! ```text
//! source > stages  --edge-->  operations in flight  --edge-->  stages > sink
//! thread           batches    the task that awaits  batches    thread
//! ```
//!
//! # Who waits for whom
//!
//! * A *thread* waits for a batch on its input edge, for room on its output edge, or, in front of the source, for bytes of the budget.
//! * The *task* never blocks. It looks at all its stages until none has moved, and then leaves its waker with the edges, with the
//!   operations, with the timer of the deadline and with the run's switch.
//! * Who changes what another may wait for says so (`Edges::ring` and its like) after the change.
//!
//! # Why nothing locks up
//!
//! An edge that is empty takes a batch, whatever the budget says; a stage that has nothing under way starts one operation; the source gives
//! a batch when nothing is in flight. So, from the sink back: the last stretch takes what is on its edge, which is then empty; who is
//! before it may put a batch, and therefore go on, and so on up to the source. Each part needs at most room for one batch behind it, and
//! that always comes, unless an operation never ends: against that there are the deadline and the switch.
//!
//! # How it ends
//!
//! * *Well:* each part closes its output edge when it is done; the reader takes what is left and does the same. The sink commits.
//! * *A part has had enough* (`take`): it closes its input edge well; who is before it stops and finishes.
//! * *A part fails:* what it had handed on before still goes its way, and the parts behind it end without finishing: the sink is not
//!   committed. The parts before it stop. If one behind it fails as well, that was an earlier item, and its error is that of the run.
//! * *Cancelled, or out of time:* operations are dropped at once, all edges are closed, threads end within a slice.
//! * *The future is dropped:* the same, and nobody waits for the threads.
//!
//! A run is over when all threads have dropped what they had.

mod post;

use crate::driver::{AsyncWorker, Progress};
use crate::edges::Edges;
use crate::ends::Ends;
use crate::polled_stretch::Inside;
use crate::runtime::{Runtime, Seat, Timer};
use crate::stretch::{End, Stretch};
use pipe_core::plan::{RunState, discard};
use pipe_core::{Pace, RunError};
use post::{Hand, Post, Round};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

/// What a run consists of, from the source on.
pub(crate) enum Part<R: Runtime> {
    Stretch(Stretch),
    Driver(Box<R::Worker>),
}

/// One run. Dropped before its end, it stops it.
pub(crate) struct Conductor<R: Runtime> {
    run: Arc<RunState>,
    edges: Arc<Edges>,
    /// What the task runs, from the source on.
    posts: Vec<Seated<R>>,
    ends: Arc<Ends>,
    switch: Arc<Switch>,
    timer: R::Timer,
    /// How many operations are a portion. By what the run measures with: the system's clock, also where the runtime's is paused.
    portion: Pace,
    /// On the timer's clock.
    deadline: Option<Duration>,
    /// Why it was stopped from outside.
    stopped: Option<RunError>,
    is_over: bool,
}

/// A part of the run in the task.
enum Seated<R: Runtime> {
    Driver(Post<R::Worker>),
    Stretch(R::Inside),
}

impl<R: Runtime> Seated<R> {
    fn begin_lack(&mut self, now: Duration) {
        match self {
            Seated::Driver(post) => post.begin_lack(now),
            Seated::Stretch(stretch) => stretch.begin_lack(now),
        }
    }

    fn count_lack(&mut self, run: &RunState, now: Duration) {
        match self {
            Seated::Driver(post) => post.count_lack(run, now),
            Seated::Stretch(stretch) => stretch.count_lack(run, now),
        }
    }
}

/// How long the task goes on before it lets others run. A timer beside it is late by this much, and by one portion.
pub(crate) const TURN: Duration = Duration::from_millis(1);

/// The most rounds in a turn, for clocks that stand still meanwhile.
pub(crate) const ROUNDS: u32 = 4_096;

/// How long one portion of operations is to take: after it the other stages are looked at, and the clock.
pub(crate) const PORTION: Duration = Duration::from_micros(250);

/// The most operations in a portion, however cheap: their outputs stay in the cache.
pub(crate) const MOST: usize = 1_024;

impl<R: Runtime> Conductor<R> {
    /// Starts the threads. Part number `n` reads edge `n - 1` and writes edge `n`.
    pub(crate) fn start(parts: Vec<Part<R>>, run: Arc<RunState>) -> Result<Self, RunError> {
        run.time_left().map_or(Ok(()), |_| R::Timer::check())?;
        let edges = Edges::new(parts.len() - 1, run.clone());
        let ends = Arc::new(Ends::new(parts.len()));
        let switch = Arc::new(Switch { fired: AtomicBool::new(true), edges: Arc::downgrade(&edges) });
        let mut conductor = Conductor {
            run,
            edges,
            posts: Vec::new(),
            ends,
            switch,
            timer: R::Timer::start(),
            portion: Pace::new(PORTION, MOST),
            deadline: None,
            stopped: None,
            is_over: false,
        };
        let mut threads = 0;
        for (place, part) in parts.into_iter().enumerate() {
            match part {
                Part::Driver(mut worker) => {
                    threads += worker.begin(&conductor.edges, &conductor.ends)?;
                    let permit = conductor.run.budget().overdraw(0);
                    conductor.posts.push(Seated::Driver(Post::new(place, worker, permit)));
                }
                Part::Stretch(stretch) => match R::seat(place, stretch) {
                    Seat::Task(stretch) => conductor.posts.push(Seated::Stretch(stretch)),
                    Seat::Thread(stretch) => {
                        conductor.spawn(place, stretch)?;
                        threads += 1;
                    }
                },
            }
        }
        conductor.run.note_workers(threads.max(1));
        Ok(conductor)
    }

    fn spawn(&self, place: usize, stretch: Stretch) -> Result<(), RunError> {
        let (edges, run, ends) = (self.edges.clone(), self.run.clone(), self.ends.clone());
        let body = move || {
            let end = stretch.run(&edges, &run);
            ends.set(place, end);
            edges.ring();
        };
        let spawned = thread::Builder::new().name(format!("pipe-stretch-{place}")).spawn(body);
        spawned.map(drop).map_err(|error| RunError::Config {
            field: "threads",
            value: error.to_string(),
            why: "each stretch of sync stages needs one",
        })
    }

    /// As a future's.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RunError>> {
        // First, so that no change from here on is missed.
        self.edges.watch(cx.waker());
        self.look_at_switch(cx);
        let now = self.run.clock().now();
        self.posts.iter_mut().for_each(|seated| seated.count_lack(&self.run, now));
        // What was left over the last time is handed on first, or a stage that never stands still would keep it.
        let mut hand = Hand::Anything;
        let began = self.run.measure();
        let (mut before, mut rounds) = (began, 0);
        loop {
            let progress = self.round(Round { most: self.portion.items(), hand }, cx);
            let now = self.run.measure();
            rounds += 1;
            // What really ran, also where nothing was over: what wakes come singly for says what each of many will cost.
            self.portion.learn(progress.operations, now.saturating_sub(before));
            // Also where nothing is left to do: a thread may wake it at once, and then again, before others had their turn.
            if now.saturating_sub(began) >= TURN || rounds >= ROUNDS {
                self.edges.unwatch();
                R::come_back(cx);
                return Poll::Pending;
            }
            if !progress.moved {
                break;
            }
            (hand, before) = (Hand::Batches, now);
        }
        let Some(result) = self.ends.result(&mut self.stopped) else {
            let now = self.run.clock().now();
            self.posts.iter_mut().for_each(|seated| seated.begin_lack(now));
            return Poll::Pending;
        };
        self.is_over = true;
        Poll::Ready(result)
    }

    /// Every stage once; that next to the sink first, since it makes room for the others.
    fn round(&mut self, round: Round, cx: &mut Context<'_>) -> Progress {
        let mut progress = Progress::default();
        for post in self.posts.iter_mut().rev() {
            progress = progress.and(match post {
                Seated::Driver(post) => post.step(round, &self.edges, &self.run, &self.ends, cx),
                Seated::Stretch(stretch) => stretch.step(&self.edges, &self.run, &self.ends, cx),
            });
        }
        progress
    }

    fn look_at_switch(&mut self, cx: &mut Context<'_>) {
        if self.stopped.is_some() {
            return;
        }
        if self.switch.fired.swap(false, SeqCst) {
            self.run.cancel().wake(self.switch.clone().into());
            // There may be another deadline now, or one for the first time.
            self.deadline = None;
        }
        loop {
            if let Err(error) = self.run.check() {
                return self.stop(error);
            }
            let Some(left) = self.run.time_left() else { return };
            // Not zero: the run's clock may lag behind the timer's.
            let span = left.max(Duration::from_millis(1));
            let deadline = *self.deadline.get_or_insert_with(|| self.timer.now().saturating_add(span));
            if self.timer.poll_until(deadline, cx).is_pending() {
                return;
            }
            self.deadline = None;
        }
    }

    fn stop(&mut self, error: RunError) {
        self.stopped = Some(error);
        for post in &mut self.posts {
            match post {
                Seated::Driver(post) => post.end(End::Stopped, &self.edges, &self.ends),
                Seated::Stretch(stretch) => stretch.end(End::Stopped, &self.edges, &self.ends),
            }
        }
        self.edges.stop();
    }
}

impl<R: Runtime> Drop for Conductor<R> {
    fn drop(&mut self) {
        if !self.is_over {
            self.run.cancel().cancel();
            // Each by itself: two panics at once would end the process, and nobody is there to be told of one.
            self.posts.drain(..).for_each(discard);
            self.edges.stop();
        }
    }
}

/// Wakes the task when the run is to stop.
struct Switch {
    /// It has to be put up again.
    fired: AtomicBool,
    /// Weak: the run keeps this switch, and the edges keep the run.
    edges: Weak<Edges>,
}

impl Wake for Switch {
    fn wake(self: Arc<Self>) {
        self.fired.store(true, SeqCst);
        if let Some(edges) = self.edges.upgrade() {
            edges.ring();
        }
    }
}
