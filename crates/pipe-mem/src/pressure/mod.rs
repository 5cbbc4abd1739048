//! How short memory is, asked now and then.

mod group;
mod level;
mod machine;
mod reading;
mod stall;
mod system;

pub use level::PressureLevel;
pub use reading::{Gauge, Reading, Scope};

use crate::shrink::{Shrink, Shrinkable};
use pipe_core::{Budget, Clock, Payload, SystemClock};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

/// Tells how short memory is, and lets go of what is idle when it is. Clones are the same.
///
/// It has no thread: who asks for the [`level`](Pressure::level) looks, if the last look was 100 ms ago. The level is the worst of what all
/// gauges say. It rises at once, and falls when all of them have said less for two seconds, so that it does not swing with what it causes.
///
/// ```
/// use pipe_core::from_iter;
/// use pipe_mem::{Lazy, Pool, Pressure};
///
/// let pressure = Pressure::of_this_process();
/// let buffers = Pool::new(|| Vec::<u8>::with_capacity(1 << 16), Vec::clear);
/// pressure.shrinks(&buffers);                       // idle buffers go when memory is short
/// let lazy = Lazy::new().watching(&pressure);       // and batches become smaller
/// let report = from_iter(0..1_000).map(|n| n + 1).for_each(drop).run_on(&lazy)?;
/// assert_eq!(report.written, 1_000);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct Pressure {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Box<dyn Clock>,
    sees: bool,
    /// In nanoseconds. Relaxed, as is all here: who reads an old value looks once too often under the lock, or sees the level before.
    next_look: AtomicU64,
    level: AtomicU8,
    freed: AtomicU64,
    /// Only ever tried, never waited for: who finds it taken takes the level as it is. So code of a user that runs under it, which drops
    /// idle objects, may ask too.
    looking: Mutex<Looking>,
    reading: Mutex<Option<Reading>>,
    shrinks: Mutex<Vec<Weak<dyn Shrink>>>,
    /// Those that nobody else has go with the next one that comes.
    budgets: Mutex<Vec<Budget>>,
}

struct Looking {
    gauges: Vec<Box<dyn Gauge>>,
    latest: PressureLevel,
    /// Until when each level was the latest.
    stood_until: [Option<Duration>; 4],
}

/// From one look to the next. A look reads a handful of files, which takes some 100 us.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A level falls when nothing was as high for this long.
const FALL_AFTER: Duration = Duration::from_secs(2);

impl Pressure {
    /// Measures what Linux reports: waits for memory (PSI) of this process's control group, else of the machine; how much of the limits of its group
    /// and of those above is in use (version 2 or 1); how much of the machine's memory is. Where nothing of it can be read, on other
    /// systems always, the level stays `Normal`, and [`Pressure::sees`] is false.
    pub fn of_this_process() -> Self {
        Pressure::new(system::gauges(), SystemClock::new())
    }

    /// Asks these gauges, by this clock: for tests, and for other ways to learn about memory.
    pub fn new(gauges: Vec<Box<dyn Gauge>>, clock: impl Clock + 'static) -> Self {
        let sees = !gauges.is_empty();
        let looking = Looking { gauges, latest: PressureLevel::Normal, stood_until: [None; 4] };
        let shared = Shared {
            clock: Box::new(clock),
            sees,
            next_look: AtomicU64::new(if sees { 0 } else { u64::MAX }),
            level: AtomicU8::new(0),
            freed: AtomicU64::new(0),
            looking: Mutex::new(looking),
            reading: Mutex::default(),
            shrinks: Mutex::default(),
            budgets: Mutex::default(),
        };
        Pressure { shared: Arc::new(shared) }
    }

    /// Whether there is any gauge to read. If not, the level is always `Normal`.
    pub fn sees(&self) -> bool {
        self.shared.sees
    }

    /// How short memory is. Looks at most ten times a second, and on a look lets everything registered shrink that has to; otherwise it costs
    /// a look at the clock.
    ///
    /// # Panics
    /// If a gauge does, or what is freed.
    pub fn level(&self) -> PressureLevel {
        let now = self.shared.clock.now();
        if nanoseconds(now) >= self.shared.next_look.load(Relaxed)
            && let Some(mut looking) = self.shared.try_look()
            // Again: somebody may have looked in between.
            && nanoseconds(now) >= self.shared.next_look.load(Relaxed)
        {
            self.shared.next_look.store(nanoseconds(now.saturating_add(LOOK_EVERY)), Relaxed);
            self.shared.look(&mut looking, now);
        }
        self.shared.level()
    }

    /// What was read when the level was last above `Normal`, or is: the gauge that said the most.
    pub fn reading(&self) -> Option<Reading> {
        *locked(&self.shared.reading)
    }

    /// Lets `what` shrink when memory is short, as long as it lives; that is not prolonged. Pools, or an `Arc` of a cache or of anything that
    /// is [`Shrink`].
    pub fn shrinks(&self, what: &impl Shrinkable) {
        let mut shrinks = locked(&self.shared.shrinks);
        shrinks.retain(|known| known.strong_count() > 0);
        shrinks.push(what.shrinks());
    }

    /// Lets `budget` grant less of its limit when memory is short: a half, a quarter, an eighth, and all of it again afterwards. What is in
    /// use beyond that is not taken away; it comes back batch by batch, and what can [spill](pipe_core::Spill) is asked to, the largest
    /// first, again with each look.
    pub fn limits(&self, budget: &Budget) {
        let mut budgets = locked(&self.shared.budgets);
        budgets.retain(|known| known.is_shared() && known != budget);
        budgets.push(budget.clone());
    }

    /// Whether it limits any budget.
    pub(crate) fn limits_any(&self) -> bool {
        !locked(&self.shared.budgets).is_empty()
    }

    /// How many idle objects and values were let go so far.
    pub fn freed(&self) -> u64 {
        self.shared.freed.load(Relaxed)
    }
}

impl Shared {
    fn level(&self) -> PressureLevel {
        PressureLevel::ALL[usize::from(self.level.load(Relaxed))]
    }

    fn try_look(&self) -> Option<MutexGuard<'_, Looking>> {
        match self.looking.try_lock() {
            Ok(looking) => Some(looking),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn look(&self, looking: &mut Looking, now: Duration) {
        let readings = looking.gauges.iter_mut().filter_map(|gauge| gauge.read());
        let worst = readings.max_by_key(Reading::level);
        let before = self.level();
        let level = looking.learn(worst.as_ref().map_or(PressureLevel::Normal, Reading::level), now);
        self.level.store(level as u8, Relaxed);
        if looking.latest == level && level > PressureLevel::Normal {
            *locked(&self.reading) = worst;
        }
        if level > PressureLevel::Normal || level != before {
            self.shrink(level);
        }
    }

    /// One after the other, and all of them, also if one panics.
    fn shrink(&self, level: PressureLevel) {
        for budget in locked(&self.budgets).iter() {
            budget.allow(level.halved(budget.limit()));
        }
        let registered: Vec<_> = locked(&self.shrinks).iter().filter_map(Weak::upgrade).collect();
        let mut thrown: Option<Payload> = None;
        for one in registered {
            match catch_unwind(AssertUnwindSafe(move || one.shrink(level))) {
                Ok(freed) => _ = self.freed.fetch_add(freed as u64, Relaxed),
                Err(panic) => _ = thrown.get_or_insert(Payload::new(panic)),
            }
        }
        if let Some(panic) = thrown {
            resume_unwind(panic.into_inner());
        }
    }
}

impl Looking {
    /// The worst level of the last two seconds, where each stands until the next look.
    fn learn(&mut self, latest: PressureLevel, now: Duration) -> PressureLevel {
        self.stood_until[self.latest as usize] = Some(now);
        self.latest = latest;
        let stands = |level: &PressureLevel| {
            let until = self.stood_until[*level as usize];
            *level == latest || until.is_some_and(|until| now.saturating_sub(until) < FALL_AFTER)
        };
        PressureLevel::ALL.into_iter().rev().find(stands).unwrap_or(latest)
    }
}

// Nothing under these locks panics.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.shared.level();
        f.debug_struct("Pressure").field("sees", &self.sees()).field("level", &level).finish_non_exhaustive()
    }
}
