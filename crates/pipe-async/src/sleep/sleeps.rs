//! The sleeps of one driver: a wheel that its operations reach while they are polled.
//!
//! A driver *enters* its wheel before it polls, and *turns* it behind. In between operations set alarms without a look at the clock: their
//! spans begin when the wheel is turned, hence after the poll that set them, and are never over early. The driver's one timer is set to the next alarm of all.
//!
//! An alarm belongs to its sleep until that releases it, also after it has fired; so a number is never that of another sleep. What fires
//! takes its waker along: an alarm without one has fired. Wakers are foreign code, so they are cloned, called and dropped beside the lock.
//!
//! When a driver ends, the wakers of those that still wait are called. Where one of them is polled somewhere else, it then moves there.

use crate::alarms::{ticks, ticks_until, time_of};
use crate::runtime::{SharedClock, Timer};
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::wheel::{Due, Wheel};
use std::cell::RefCell;
use std::mem::{replace, take};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

thread_local! {
    /// The wheel of the driver that is polling on this thread.
    static CURRENT: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

/// The wheel of the driver that is polling on this thread, if one is.
pub(super) fn current() -> Option<Arc<Shared>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// The sleeps of one driver, or of the timer thread.
pub(crate) struct Sleeps {
    shared: Arc<Shared>,
    /// Kept from turn to turn: in the long run nothing is allocated.
    due: Vec<Waker>,
}

/// What sleeps see of it, on any thread.
pub(super) struct Shared {
    clock: SharedClock,
    tick: Duration,
    /// Serves its sleeps wherever they are polled.
    is_everywhere: bool,
    wheel: Mutex<Wheel<Waker>>,
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turned {
    pub(crate) fired: usize,
    pub(crate) then: Then,
}

/// When a wheel is to be turned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// There may be more that are due.
    AtOnce,
    At(Duration),
    /// When there is a sleep.
    Never,
}

/// How a sleep stands.
pub(super) enum Stands {
    Waits,
    /// It is in the wheel no longer: it has fired, if nothing is left, or belongs somewhere else.
    Released(Duration),
}

impl Sleeps {
    /// Those of a driver with this timer.
    pub(crate) fn new<C: Timer>(timer: &C) -> Self {
        Self::on(timer.clock(), C::TICK, false)
    }

    /// Those of who has no driver.
    pub(super) fn everywhere(clock: SharedClock, tick: Duration) -> Self {
        Self::on(clock, tick, true)
    }

    fn on(clock: SharedClock, tick: Duration, is_everywhere: bool) -> Self {
        let wheel = Mutex::new(Wheel::new());
        Sleeps { shared: Arc::new(Shared { clock, tick, is_everywhere, wheel }), due: Vec::new() }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Until the guard is dropped, sleeps that are polled on this thread lie in this wheel.
    pub(crate) fn enter(&self) -> Entered {
        Entered { before: CURRENT.with(|current| current.replace(Some(self.shared.clone()))) }
    }

    /// The spans of those that were set begin, and those that are over fire: `most` of them. `now` is asked if there are any.
    pub(crate) fn turn(&mut self, most: usize, now: impl FnOnce() -> Duration) -> Turned {
        let then = self.shared.turn(most, now, &mut self.due);
        let fired = self.due.len();
        self.due.drain(..).for_each(Waker::wake);
        Turned { fired, then }
    }
}

impl Drop for Sleeps {
    fn drop(&mut self) {
        let waiting: Vec<Waker> = {
            let mut wheel = self.shared.lock();
            wheel.values().map(|waker| replace(waker, Waker::noop().clone())).collect()
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// A driver polls on this thread; see [`Sleeps::enter`].
#[must_use = "the driver has left when it is dropped"]
pub(crate) struct Entered {
    before: Option<Arc<Shared>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(take(&mut self.before)));
    }
}

impl Shared {
    /// Sets an alarm, which wakes `waker` after `span`. Returns its number, to be released in the end.
    pub(super) fn set(&self, span: Duration, waker: &Waker) -> u32 {
        // In a word: nobody sleeps for 584 years.
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let waker = waker.clone();
        self.lock().set_after(span, waker)
    }

    /// Releases an alarm.
    pub(super) fn release(&self, number: u32) {
        let waker = self.lock().release(number);
        drop(waker);
    }

    /// Whether an alarm has fired. If not, it wakes `waker`, if it belongs to who asks; else it is released.
    pub(super) fn look(&self, number: u32, waker: &Waker) -> Stands {
        let is_here = self.is_here();
        let mut wheel = self.lock();
        let Some(kept) = wheel.value(number).as_mut() else {
            wheel.release(number);
            return Stands::Released(Duration::ZERO);
        };
        if is_here && kept.will_wake(waker) {
            return Stands::Waits;
        }
        drop(wheel);
        if is_here { self.change(number, waker) } else { self.take_back(number) }
    }

    /// As `look`, for a waker that was another one.
    fn change(&self, number: u32, waker: &Waker) -> Stands {
        let waker = waker.clone();
        let mut wheel = self.lock();
        // It may have fired meanwhile: only where another thread turns the wheel.
        let Some(kept) = wheel.value(number).as_mut() else {
            wheel.release(number);
            return Stands::Released(Duration::ZERO);
        };
        let before = replace(kept, waker);
        drop(wheel);
        drop(before);
        Stands::Waits
    }

    /// As `look`, where it belongs to somebody else.
    fn take_back(&self, number: u32) -> Stands {
        let now = (self.clock)();
        let mut wheel = self.lock();
        let due = wheel.due(number);
        let Some(waker) = wheel.release(number) else { return Stands::Released(Duration::ZERO) };
        drop(wheel);
        drop(waker);
        Stands::Released(match due {
            Due::At(tick) => time_of(tick, self.tick).saturating_sub(now),
            Due::After(span) => Duration::from_nanos(span),
        })
    }

    /// Whether a sleep that is polled on this thread now belongs to this wheel.
    fn is_here(&self) -> bool {
        let is_current = |current: &RefCell<Option<Arc<Shared>>>| {
            current.borrow().as_ref().is_some_and(|current| std::ptr::eq(&**current, self))
        };
        self.is_everywhere || CURRENT.try_with(is_current).unwrap_or(false)
    }

    fn turn(&self, most: usize, now: impl FnOnce() -> Duration, due: &mut Vec<Waker>) -> Then {
        let mut wheel = self.lock();
        if wheel.is_empty() {
            return Then::Never;
        }
        let now = now();
        let present = ticks(now, self.tick);
        while due.len() < most
            && let Some(number) = wheel.fire(present)
        {
            due.extend(wheel.value(number).take());
        }
        // Behind those that fire, so that each finds its list by the present. A span is never nothing, so none of these is due.
        wheel.begin(|span| ticks_until(now.saturating_add(Duration::from_nanos(span)), self.tick));
        match wheel.next().map(|tick| time_of(tick, self.tick)) {
            _ if due.len() == most => Then::AtOnce,
            Some(at) => Then::At(at),
            None => Then::Never,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wheel<Waker>> {
        self.wheel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
