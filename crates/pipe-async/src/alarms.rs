//! Alarms of one driver: a wheel of them, and one timer of the runtime for the next.

use crate::runtime::Timer;
use crate::wheel::Wheel;
use std::task::Context;
use std::time::Duration;

/// Alarms with values `T`, on the clock of the timer `C`.
pub(crate) struct Alarms<C, T> {
    timer: C,
    wheel: Wheel<T>,
    /// When this was last looked at.
    now: Duration,
    /// A look that is wanted besides: by nobody's alarm.
    look: Option<Duration>,
    /// What the timer is set to. It is not set anew for a later time: while operations end and others begin, the first deadline moves on
    /// all the time.
    set_to: Option<Duration>,
}

impl<C: Timer, T> Alarms<C, T> {
    pub(crate) fn new() -> Self {
        Alarms { timer: C::start(), wheel: Wheel::new(), now: Duration::ZERO, look: None, set_to: None }
    }

    /// Its timer.
    pub(crate) fn timer(&self) -> &C {
        &self.timer
    }

    /// Looks at the clock: once for many operations.
    pub(crate) fn look(&mut self) {
        self.now = self.timer.now();
    }

    /// The time of the last look.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Sets an alarm for `span` after the last look: never early, hence up to a tick late.
    pub(crate) fn set(&mut self, span: Duration, value: T) {
        let at = self.now.saturating_add(span);
        self.wheel.set(ticks_until(at, C::TICK), value);
    }

    /// Wakes the task at this time, besides all alarms. Holds until the next call.
    pub(crate) fn look_at(&mut self, at: Option<Duration>) {
        self.look = at;
    }

    /// Gives away what is due. The task is woken when there is more. True if the time of `look_at` has come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, mut due: impl FnMut(T)) -> bool {
        loop {
            let next = self.wheel.next().map(|tick| time_of(tick, C::TICK));
            let Some(at) = [next, self.look].into_iter().flatten().min() else { return false };
            let set_to = self.set_to.map_or(at, |set_to| set_to.min(at));
            if self.timer.poll_until(set_to, cx).is_pending() {
                self.set_to = Some(set_to);
                return false;
            }
            self.set_to = None;
            self.look();
            let now = ticks(self.now, C::TICK);
            while let Some(number) = self.wheel.fire(now) {
                self.wheel.release(number).into_iter().for_each(&mut due);
            }
            if self.look.is_some_and(|at| at <= self.now) {
                self.look = None;
                return true;
            }
        }
    }
}

/// How many ticks have passed at that time.
pub(crate) fn ticks(at: Duration, tick: Duration) -> u64 {
    match (nanoseconds(at), nanoseconds(tick)) {
        (Some(at), Some(tick)) => at / tick,
        _ => u64::try_from(at.as_nanos() / tick.as_nanos()).unwrap_or(u64::MAX),
    }
}

/// The first tick that is not before that time.
pub(crate) fn ticks_until(at: Duration, tick: Duration) -> u64 {
    ticks(at.saturating_add(tick - Duration::from_nanos(1)), tick)
}

/// When that tick is.
pub(crate) fn time_of(ticks: u64, tick: Duration) -> Duration {
    let nanoseconds = u128::from(ticks) * tick.as_nanos();
    // Both parts are in range: a tick is no longer than a second.
    Duration::new((nanoseconds / SECOND) as u64, (nanoseconds % SECOND) as u32)
}

const SECOND: u128 = 1_000_000_000;

/// In a word, which has room for 584 years: longer numbers divide slowly.
fn nanoseconds(span: Duration) -> Option<u64> {
    u64::try_from(span.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SharedClock;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::{Poll, Waker};

    /// A timer whose time a test sets.
    struct Hand(Rc<Cell<Duration>>);

    thread_local!(static NOW: Rc<Cell<Duration>> = Rc::default());

    impl Timer for Hand {
        const TICK: Duration = Duration::from_millis(1);

        fn start() -> Self {
            Hand(NOW.with(Rc::clone))
        }

        fn now(&self) -> Duration {
            self.0.get()
        }

        fn clock(&self) -> SharedClock {
            unreachable!("no sleep leaves this test")
        }

        fn poll_until(&mut self, at: Duration, _: &mut Context<'_>) -> Poll<()> {
            if at <= self.0.get() { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    #[test]
    fn a_run_may_be_older_than_the_milliseconds_of_32_bits() {
        let (mut alarms, clock) = (Alarms::<Hand, &str>::new(), NOW.with(Rc::clone));
        let old = Duration::from_secs(50 * 24 * 3_600);
        clock.set(old);
        alarms.look();
        alarms.set(Duration::from_secs(1), "due");
        let mut fired = Vec::new();
        let mut poll = |alarms: &mut Alarms<Hand, &'static str>| {
            alarms.poll(&mut Context::from_waker(Waker::noop()), |what| fired.push(what));
            fired.len()
        };
        assert_eq!(poll(&mut alarms), 0);
        clock.set(old + Duration::from_secs(1));
        assert_eq!(poll(&mut alarms), 1);
    }

    #[test]
    fn no_alarm_fires_early_and_none_more_than_a_tick_late() {
        let mut alarms = Alarms::<Hand, Duration>::new();
        let clock = NOW.with(Rc::clone);
        for micros in (0..20_000).step_by(130) {
            alarms.look();
            let span = Duration::from_micros(micros * 7 % 9_000);
            alarms.set(span, alarms.now() + span);
            clock.set(Duration::from_micros(micros));
            let now = clock.get();
            alarms.poll(&mut Context::from_waker(Waker::noop()), |at| {
                assert!(at <= now && now < at + 2 * Hand::TICK, "{at:?} at {now:?}");
            });
        }
    }
}
