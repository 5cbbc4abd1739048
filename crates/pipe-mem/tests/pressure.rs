//! Memory pressure: which level it is, and what lets go. Readings are scripted, and the clock is held still.

use pipe_core::Budget;
use pipe_core::testing::{Rng, VirtualClock};
use pipe_mem::PressureLevel::{self, Critical, High, Moderate, Normal};
use pipe_mem::{ArenaPool, LimitedPool, Pool, Pressure, Reading, Scope, Shrink, WeakCache};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// A machine whose memory is as short as the test says.
struct Machine {
    level: Arc<Mutex<PressureLevel>>,
    reads: Arc<AtomicUsize>,
    clock: VirtualClock,
    pressure: Pressure,
}

fn reading(level: PressureLevel) -> Reading {
    let used = [10, 80, 90, 95][level as usize];
    Reading::Usage { scope: Scope::Machine, used, limit: 100 }
}

fn machine() -> Machine {
    let (level, reads, clock) =
        (Arc::new(Mutex::new(Normal)), Arc::new(AtomicUsize::new(0)), VirtualClock::new());
    let (said, counted) = (level.clone(), reads.clone());
    let gauge = move || {
        counted.fetch_add(1, Relaxed);
        Some(reading(*said.lock().unwrap()))
    };
    let pressure = Pressure::new(vec![Box::new(gauge)], clock.clone());
    Machine { level, reads, clock, pressure }
}

impl Machine {
    /// The level by the next look, at which this is read.
    fn reads(&self, level: PressureLevel) -> PressureLevel {
        *self.level.lock().unwrap() = level;
        self.clock.advance(LOOK);
        self.pressure.level()
    }
}

#[test]
fn it_rises_at_once_and_falls_after_two_seconds_of_less() {
    let machine = machine();
    assert_eq!(machine.pressure.level(), Normal);
    assert_eq!([Moderate, Critical].map(|level| machine.reads(level)), [Moderate, Critical]);
    for _ in 0..20 {
        assert_eq!(machine.reads(High), Critical);
    }
    assert_eq!(machine.reads(Normal), High, "two seconds after the first reading of less");
    for _ in 0..19 {
        assert_eq!(machine.reads(Normal), High);
    }
    assert_eq!(machine.reads(Normal), Normal);
}

#[test]
fn the_level_is_the_worst_that_stood_in_the_last_two_seconds() {
    let mut rng = Rng::new(7);
    for _ in 0..50 {
        let machine = machine();
        // Each reading, with the time from which it stands until that of the next.
        let mut history: Vec<(Duration, PressureLevel)> = Vec::new();
        for _ in 0..200 {
            // Mostly low, so that it falls at times.
            let level = PressureLevel::ALL[rng.below(5).saturating_sub(1) as usize % 4];
            let level = if rng.below(8) == 0 { level } else { Normal };
            machine.clock.advance(Duration::from_millis(100 + rng.below(900)));
            *machine.level.lock().unwrap() = level;
            let now = machine.clock.passed();
            history.push((now, level));
            let until = |at: usize| history.get(at + 1).map_or(now + LOOK, |(next, _)| *next);
            let stood = history.iter().enumerate().filter(|(at, _)| until(*at) + 2 * SECOND > now);
            let worst = stood.map(|(_, (_, level))| *level).max().unwrap();
            assert_eq!(machine.pressure.level(), worst, "{history:?}");
        }
    }
}

#[test]
fn the_worst_gauge_counts_and_those_that_say_nothing_do_not() {
    let says = |level| Box::new(move || Some(reading(level)));
    let gauges: Vec<Box<dyn pipe_mem::Gauge>> =
        vec![says(Moderate), Box::new(|| None), says(High), says(Normal)];
    let pressure = Pressure::new(gauges, VirtualClock::new());
    assert_eq!((pressure.level(), pressure.reading()), (High, Some(reading(High))));
}

#[test]
fn it_looks_once_in_a_tenth_of_a_second_however_often_it_is_asked() {
    let machine = machine();
    for tenth in 1..=30 {
        (0..100).for_each(|_| _ = machine.pressure.level());
        assert_eq!(machine.reads.load(Relaxed), tenth);
        machine.clock.advance(LOOK - Duration::from_nanos(1));
        machine.pressure.level();
        assert_eq!(machine.reads.load(Relaxed), tenth);
        machine.clock.advance(Duration::from_nanos(1));
    }
}

#[test]
fn without_gauges_it_is_always_normal_and_says_that_it_sees_nothing() {
    let clock = VirtualClock::new();
    let pressure = Pressure::new(Vec::new(), clock.clone());
    clock.advance(SECOND);
    assert_eq!((pressure.level(), pressure.sees(), pressure.reading()), (Normal, false, None));
}

/// Reads the files of this machine. What they say cannot be known, only that it is one of the levels, and what belongs to it.
#[test]
fn this_machine_says_something_sane() {
    let pressure = Pressure::of_this_process();
    let level = pressure.level();
    if !pressure.sees() {
        eprintln!("SKIPPED: this system does not tell how short memory is");
        return assert_eq!(level, Normal);
    }
    assert_eq!(pressure.reading().map_or(Normal, |reading| reading.level()), level);
    if let Some(Reading::Usage { used, limit, .. }) = pressure.reading() {
        assert!(limit > 1 << 20 && used <= limit.saturating_mul(2), "{used} of {limit} bytes");
    }
}

/// Lends this many objects at once, and takes them back. One that is bound to no thread keeps them in one place.
fn idle(pool: &LimitedPool<Vec<u8>>, count: usize) {
    let all: Vec<_> = (0..count).map(|_| pool.try_get().unwrap()).collect();
    drop(all);
}

#[test]
fn a_pool_keeps_half_then_a_quarter_then_none_of_its_idle_objects() {
    let machine = machine();
    let pool = LimitedPool::new(64, || vec![0u8; 16], |_| {}).unwrap();
    machine.pressure.shrinks(&pool);
    idle(&pool, 64);
    machine.reads(Normal);
    assert_eq!(pool.statistics().idle, 64);
    for (level, kept) in [(Moderate, 32), (High, 16), (Critical, 0)] {
        machine.reads(level);
        assert_eq!((pool.statistics().idle, pool.statistics().live), (kept, kept), "{level}");
    }
    assert_eq!(machine.pressure.freed(), 64);
    // As long as it lasts, at each look.
    idle(&pool, 64);
    machine.reads(Critical);
    assert_eq!((pool.statistics().idle, machine.pressure.freed()), (0, 128));
}

#[test]
fn what_threads_and_arena_pools_keep_shrinks_too() {
    let machine = machine();
    let (pool, arenas) = (Pool::keeping(64, Vec::<u8>::new, Vec::clear), ArenaPool::keeping(64, 1 << 10));
    machine.pressure.shrinks(&pool);
    machine.pressure.shrinks(&arenas);
    let out: Vec<_> = (0..64).map(|_| (pool.get(), arenas.get())).collect();
    drop(out);
    assert!(pool.statistics().idle > 32 && arenas.statistics().idle > 32, "{pool:?} {arenas:?}");
    machine.reads(Critical);
    // This thread gives up what it keeps when it puts back one the next time.
    drop((pool.get(), arenas.get()));
    machine.reads(Critical);
    assert!(pool.statistics().idle <= 1 && arenas.statistics().idle <= 1, "{pool:?} {arenas:?}");
}

#[test]
fn a_cache_keeps_fewer_values_and_again_as_many_when_it_is_over_and_finds_what_is_in_use() {
    let machine = machine();
    let cache = Arc::new(WeakCache::keeping(8));
    machine.pressure.shrinks(&cache);
    let fill = || (0..8).for_each(|key| drop(cache.get_or_insert_with(key, || key * 10)));
    let alive = || (0..8).filter(|key| cache.get(key).is_some()).count();
    fill();
    // Asked for again, the last two are spared.
    assert_eq!([6, 7].map(|key| cache.get(&key).map(|value| *value)), [Some(60), Some(70)]);
    let used = cache.get_or_insert_with(0, || unreachable!());
    machine.reads(High);
    assert_eq!([1, 2, 3, 4, 5].map(|key| cache.get(&key)), [const { None }; 5]);
    assert!(cache.get(&0).is_some_and(|value| Arc::ptr_eq(&value, &used)), "it is in use");
    fill();
    assert_eq!(alive(), 2, "two are kept, and the one in use is one of them since it was asked for");
    machine.reads(Critical);
    assert_eq!(alive(), 1, "what is in use is found, and not kept");
    fill();
    assert_eq!(alive(), 1);
    (0..21).for_each(|_| _ = machine.reads(Normal));
    fill();
    assert_eq!(alive(), 8);
}

#[test]
fn what_is_registered_may_go() {
    let machine = machine();
    let (pool, cache) = (Pool::new(|| 0u8, |_| {}), Arc::new(WeakCache::<u8, u8>::keeping(1)));
    machine.pressure.shrinks(&pool);
    machine.pressure.shrinks(&cache);
    assert_eq!((Arc::strong_count(&cache), Arc::weak_count(&cache)), (1, 1));
    drop((pool, cache));
    assert_eq!(machine.reads(Critical), Critical);
    assert_eq!(machine.pressure.freed(), 0);
}

/// Panics at `High`, and asks for the level meanwhile.
struct Unruly {
    pressure: Pressure,
    asked: Mutex<Vec<(PressureLevel, PressureLevel)>>,
}

impl Shrink for Unruly {
    fn shrink(&self, level: PressureLevel) -> usize {
        self.asked
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push((level, self.pressure.level()));
        assert!(level != High, "of all levels this one");
        1
    }
}

#[test]
fn all_shrink_also_if_one_panics_and_one_may_ask_for_the_level_meanwhile() {
    let machine = machine();
    let unruly = || Arc::new(Unruly { pressure: machine.pressure.clone(), asked: Mutex::default() });
    let both = [unruly(), unruly()];
    both.iter().for_each(|one| machine.pressure.shrinks(one));
    assert_eq!(machine.reads(Moderate), Moderate);
    let thrown = catch_unwind(AssertUnwindSafe(|| machine.reads(High))).expect_err("it panicked");
    assert_eq!(thrown.downcast_ref(), Some(&"of all levels this one"));
    assert_eq!(machine.reads(Critical), Critical);
    for one in both {
        assert_eq!(*one.asked.lock().unwrap(), [Moderate, High, Critical].map(|level| (level, level)));
    }
    assert_eq!(machine.pressure.freed(), 4);
}

#[test]
fn a_budget_refuses_when_memory_is_short_asks_who_can_spill_and_grows_back() {
    let (machine, process) = (machine(), Budget::new(800));
    machine.pressure.limits(&process);
    machine.pressure.limits(&Budget::new(1));
    let (run, index) = (process.child("run", 800), process.spiller("index"));
    let mut rows = index.resident();
    rows.resize(150);
    let first = run.try_take(10).unwrap();
    let allowed = [Normal, Moderate, High].map(|level| (machine.reads(level), process.allowance()));
    assert_eq!(allowed, [(Normal, 800), (Moderate, 400), (High, 200)]);
    assert!(run.try_take(50).is_none(), "there are 40 left");
    assert!(index.is_asked_to_spill(), "the other was refused within its part");
    index.has_spilled();
    machine.reads(High);
    assert!(!index.is_asked_to_spill(), "160 of 200");
    machine.reads(Critical);
    assert!(index.is_asked_to_spill() && process.allowance() == 100);
    rows.resize(0);
    index.has_spilled();
    (0..21).for_each(|_| _ = machine.reads(Normal));
    assert_eq!((machine.pressure.level(), process.allowance()), (Normal, 800));
    assert!(run.try_take(700).is_some() && !index.is_asked_to_spill());
    drop(first);
}
