//! Stopping a run from outside.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

/// A switch that stops runs. Clones are the same switch; once on it stays on.
///
/// Workers look at it after each item, so a run ends within one item per worker. It does not interrupt a closure or a read that blocks.
///
/// ```
/// use pipe_core::{Cancel, Inline, RunError, from_iter};
///
/// let cancel = Cancel::new();
/// let endless = from_iter(0u64..).inspect(|n| if *n == 1_000 { cancel.cancel() });
/// let ended = endless.for_each(|_| ()).cancelled_by(&cancel).run_on(&Inline);
/// assert!(matches!(ended, Err(RunError::Cancelled)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    on: AtomicBool,
    /// Loops stop, but the switch is not on: the source is to act as if it were at its end.
    drained: AtomicBool,
    /// How often loops were asked to pause.
    pauses: AtomicU64,
    followers: Mutex<Followers>,
    switched: Condvar,
}

/// Who has to be told.
#[derive(Debug, Default)]
struct Followers {
    /// The leashes of the loops that it stops.
    leashes: Vec<Weak<AtomicU64>>,
    /// Of these, the leashes of loops that take from a source themselves: a drain stops them, and lets the others finish what they have.
    source_leashes: Vec<Weak<AtomicU64>>,
    /// The switches that go on with this one.
    children: Vec<Weak<Shared>>,
    /// Tasks that wait for something else, and would not notice.
    wakers: Vec<Waker>,
}

impl Cancel {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Switches it on. More calls do nothing.
    pub fn cancel(&self) {
        self.shared.switch_on();
    }

    /// Whether it is on.
    pub fn is_cancelled(&self) -> bool {
        // Relaxed: nothing is published with the flag.
        self.shared.on.load(Relaxed)
    }

    /// A switch that is switched on together with this one, and can also be switched on alone.
    pub fn child(&self) -> Cancel {
        let child = Cancel::new();
        self.adopt(&child);
        child
    }

    /// Lets `child` go on with this one, from now on.
    pub(crate) fn adopt(&self, child: &Cancel) {
        {
            let mut followers = self.shared.followers();
            followers.children.retain(|child| child.strong_count() > 0);
            followers.children.push(Arc::downgrade(&child.shared));
        }
        // Switched on before the child was in the list: then it was on before the lock was taken here.
        if self.shared.on.load(SeqCst) {
            child.cancel();
        }
    }

    /// Wakes a task once: when this is switched on, or its run is told to drain and may have to end sooner. For executors whose waits are
    /// futures. A task that was woken by a drain comes here again, and then looks how much time is left.
    pub fn wake(&self, waker: Waker) {
        self.shared.followers().wakers.push(waker);
        // As in `adopt`.
        if self.shared.on.load(SeqCst) {
            self.shared.wake();
        }
    }

    /// Waits for `span`, or until it is switched on.
    pub fn wait(&self, span: Duration) {
        let off = |_: &mut Followers| !self.shared.on.load(SeqCst);
        let waited = self.shared.switched.wait_timeout_while(self.shared.followers(), span, off);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// A leash that is cut to zero when the switch is turned on.
    pub(crate) fn leash(&self) -> Leash {
        let pauses = self.shared.pauses.load(SeqCst);
        let leash = Leash { cancel: self.clone(), until: Arc::new(AtomicU64::new(0)), pauses, paused: false };
        let mut followers = self.shared.followers();
        followers.leashes.retain(|leash| leash.strong_count() > 0);
        followers.leashes.push(Arc::downgrade(&leash.until));
        leash
    }

    /// As `leash`, for a loop that takes from the source itself: it is cut to drain as well.
    pub(crate) fn source_leash(&self) -> Leash {
        let leash = self.leash();
        self.shared.followers().source_leashes.push(Arc::downgrade(&leash.until));
        leash
    }

    /// Stops the loops over sources, as if these had come to their end.
    pub(crate) fn drain(&self) {
        self.shared.drained.store(true, SeqCst);
        cut(&self.shared.followers().source_leashes);
        self.shared.wake();
    }

    /// Lets each loop stop once, after its present item or the first one of its next slice, and go on.
    pub(crate) fn pause(&self) {
        self.shared.pauses.fetch_add(1, SeqCst);
        cut(&self.shared.followers().leashes);
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.shared.drained.load(Relaxed)
    }
}

impl Shared {
    fn switch_on(&self) {
        self.on.store(true, SeqCst);
        let children = {
            let mut followers = self.followers();
            cut(&followers.leashes);
            std::mem::take(&mut followers.children)
        };
        self.switched.notify_all();
        self.wake();
        children.iter().filter_map(Weak::upgrade).for_each(|child| child.switch_on());
    }

    /// Not under the lock: a waker is foreign code.
    fn wake(&self) {
        let wakers = std::mem::take(&mut self.followers().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn followers(&self) -> MutexGuard<'_, Followers> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(leashes: &[Weak<AtomicU64>]) {
    leashes.iter().filter_map(Weak::upgrade).for_each(|leash| leash.store(0, SeqCst));
}

/// How far a loop may go, or zero once it has to stop: so that one comparison per item answers both questions.
#[derive(Debug)]
pub(crate) struct Leash {
    cancel: Cancel,
    until: Arc<AtomicU64>,
    /// Those that this loop has heard of.
    pauses: u64,
    /// It has heard of one, and not answered yet.
    paused: bool,
}

impl Leash {
    /// Lets the loop go on until it has taken `items` in all.
    ///
    /// A `cancel` at the same time is not lost: of the two stores to `until` and the two accesses to the switch, all sequentially
    /// consistent, either the one of `cancel` comes last, or the switch is seen here. The same holds for a `pause` and its count.
    pub(crate) fn pay_out(&mut self, items: u64) -> &AtomicU64 {
        self.until.store(items, SeqCst);
        let pauses = self.cancel.shared.pauses.load(SeqCst);
        if self.cancel.shared.on.load(SeqCst) || pauses != self.pauses {
            self.paused |= pauses != self.pauses;
            self.pauses = pauses;
            self.until.store(0, SeqCst);
        }
        &self.until
    }

    /// Whether it was asked to pause since this was asked last.
    pub(crate) fn take_pause(&mut self) -> bool {
        let pauses = self.cancel.shared.pauses.load(SeqCst);
        let asked = std::mem::replace(&mut self.paused, false) || pauses != self.pauses;
        self.pauses = pauses;
        asked
    }

    /// As `pay_out`, for a loop that takes from the source itself and therefore also stops to drain.
    pub(crate) fn pay_out_source(&mut self, items: u64) -> &AtomicU64 {
        self.pay_out(items);
        if self.cancel.shared.drained.load(SeqCst) {
            self.until.store(0, SeqCst);
        }
        &self.until
    }

    /// For who has to stop this loop alone, after the present item.
    pub(crate) fn knife(&self) -> Knife {
        Knife { until: self.until.clone() }
    }
}

/// Cuts one leash.
#[derive(Debug)]
pub(crate) struct Knife {
    until: Arc<AtomicU64>,
}

impl Knife {
    pub(crate) fn cut(&self) {
        self.until.store(0, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    #[test]
    fn a_leash_is_cut_whenever_the_switch_is_turned_on() {
        let cancel = Cancel::new();
        let (mut early, mut late) = (cancel.leash(), cancel.leash());
        assert_eq!(early.pay_out(7).load(Relaxed), 7);
        drop(cancel.leash());
        cancel.clone().cancel();
        assert_eq!(early.until.load(Relaxed), 0);
        assert_eq!(early.pay_out(9).load(Relaxed), 0);
        assert_eq!(late.pay_out(9).load(Relaxed), 0);
        assert_eq!(cancel.leash().pay_out(9).load(Relaxed), 0);
        assert!(cancel.is_cancelled());
    }

    #[test]
    fn a_pause_stops_each_loop_once_whether_it_runs_or_is_about_to() {
        let cancel = Cancel::new();
        let (mut running, mut resting) = (cancel.leash(), cancel.leash());
        running.pay_out(9);
        cancel.pause();
        assert_eq!(running.until.load(Relaxed), 0);
        assert_eq!([running.take_pause(), running.take_pause()], [true, false]);
        assert_eq!(running.pay_out(9).load(Relaxed), 9);
        assert_eq!(resting.pay_out(9).load(Relaxed), 0);
        assert_eq!(resting.pay_out(9).load(Relaxed), 9);
        assert_eq!([resting.take_pause(), resting.take_pause()], [true, false]);
        assert_eq!(cancel.leash().pay_out(9).load(Relaxed), 9);
        assert!(!cancel.is_cancelled() && !cancel.is_drained());
    }

    #[test]
    fn children_follow_their_parent_and_not_the_other_way_round() {
        let parent = Cancel::new();
        let (first, second) = (parent.child(), parent.child());
        let grandchild = second.child();
        first.cancel();
        assert_eq!((parent.is_cancelled(), second.is_cancelled()), (false, false));
        parent.cancel();
        assert!(second.is_cancelled() && grandchild.is_cancelled() && parent.child().is_cancelled());
    }

    #[test]
    fn a_drained_loop_over_a_source_stops_and_others_finish_what_they_have() {
        let cancel = Cancel::new();
        let (mut leash, mut other) = (cancel.source_leash(), cancel.leash());
        leash.pay_out_source(9);
        other.pay_out(9);
        cancel.drain();
        assert_eq!((leash.until.load(Relaxed), other.until.load(Relaxed)), (0, 9));
        assert_eq!(leash.pay_out_source(9).load(Relaxed), 0);
        assert_eq!(leash.pay_out(9).load(Relaxed), 9);
        assert!(!cancel.is_cancelled() && cancel.is_drained());
    }

    #[test]
    fn a_task_is_woken_once_by_drain_and_by_cancel_and_at_once_when_it_comes_late() {
        struct Count(AtomicU64);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let (cancel, woken) = (Cancel::new(), Arc::new(Count(AtomicU64::new(0))));
        for (stop, times) in [(Cancel::drain as fn(&Cancel), 1), (Cancel::drain, 2), (Cancel::cancel, 3)] {
            cancel.wake(woken.clone().into());
            assert_eq!(woken.0.load(SeqCst), times - 1);
            stop(&cancel);
            stop(&cancel);
            assert_eq!(woken.0.load(SeqCst), times);
        }
        cancel.wake(woken.clone().into());
        assert_eq!(woken.0.load(SeqCst), 4);
    }

    #[test]
    fn a_wait_ends_when_the_switch_is_turned_on() {
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            scope.spawn(|| cancel.wait(Duration::from_secs(3_600)));
            cancel.cancel();
        });
        cancel.wait(Duration::from_secs(3_600));
    }
}
