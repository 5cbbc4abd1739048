//! Random pipelines of parallel and serial stages, heavy enough for helpers to be started.

use crate::work::after;
use pipe_core::testing::Rng;
use pipe_core::{Boxed, Emit, Flow, Identity, Own, Pipeline, Sharing, Stage, Step, from_iter, skip};
use std::rc::Rc;

/// A pipeline over `i64` whose type has ended.
pub(crate) type Numbers = Pipeline<Boxed<'static, i64>, Identity, Own<i64>>;

/// One stage over `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `filter`: drops multiples.
    Filter(i64),
    /// `try_map` that skips multiples.
    SkipMultiples(i64),
    /// `map_with` a state that is not `Send`.
    Times(i64),
    /// An edge.
    Edge,
    /// `map` that takes this many rounds of work.
    Heavy(u64),
    /// Parallel: each item that many times.
    Explode(i64),
    /// `scan`: running sums.
    Sums,
    /// `dedup`.
    Dedup,
    /// `skip`.
    Skip(u64),
    /// `enumerate`, and index and item made one number.
    Number,
    /// `batch`, and each group made one number.
    Groups(usize),
    /// `windows`, and each one made a number.
    Windows(usize, usize),
    /// A serial stage that emits each item that many times, and at the end another one.
    Swell(i64),
    /// `take`.
    Take(u64),
    /// A parallel `try_map` that fails for one item in so many, by its value.
    FailParallel(u64),
    /// A serial stage that fails so.
    FailSerial(u64),
    /// A parallel `map` that panics so.
    PanicParallel(u64),
    /// A `scan` that panics so.
    PanicSerial(u64),
}

impl Part {
    pub(crate) fn parallel(rng: &mut Rng) -> Part {
        let number = 2 + rng.below(5) as i64;
        match rng.below(7) {
            0 => Part::Filter(number),
            1 => Part::SkipMultiples(number),
            2 => Part::Times(number),
            3 => Part::Edge,
            4 => Part::Explode(1 + rng.below(3) as i64),
            _ => Part::Heavy(rng.below(300)),
        }
    }

    pub(crate) fn serial(rng: &mut Rng) -> Part {
        match rng.below(8) {
            0 => Part::Sums,
            1 => Part::Dedup,
            2 => Part::Skip(rng.below(50)),
            3 => Part::Number,
            4 => Part::Groups(1 + rng.below(20) as usize),
            5 => Part::Windows(1 + rng.below(4) as usize, 1 + rng.below(4) as usize),
            6 => Part::Swell(1 + rng.below(3) as i64),
            _ => Part::Swell(2),
        }
    }

    /// Whether its state keeps items for later.
    pub(crate) fn holds_items(self) -> bool {
        matches!(self, Part::Groups(_) | Part::Windows(..))
    }

    pub(crate) fn add_to(self, pipeline: Numbers) -> Numbers {
        match self {
            Part::Filter(number) => pipeline.filter(move |n| n % number != 0).boxed(),
            Part::SkipMultiples(number) => {
                let other = move |n| if n % number == 0 { Err(refusal(n)) } else { Ok(n) };
                pipeline.try_map(other).on_error(skip()).boxed()
            }
            Part::Times(number) => {
                pipeline.map_with(move || Rc::new(number), |by, n| n.wrapping_mul(**by)).boxed()
            }
            Part::Edge => pipeline.edge().boxed(),
            Part::Heavy(rounds) => pipeline.map(move |n| after(n, rounds)).boxed(),
            Part::Explode(times) => {
                pipeline.flat_map(move |n: i64| (0..times).map(move |k| n.wrapping_add(k))).boxed()
            }
            Part::Sums => {
                let add = |sum: &mut i64, n| {
                    *sum = sum.wrapping_add(n);
                    *sum
                };
                pipeline.scan(|| 0, add).boxed()
            }
            Part::Dedup => pipeline.dedup_by_key(|n| n / 2).boxed(),
            Part::Skip(items) => pipeline.skip(items).boxed(),
            Part::Number => pipeline.enumerate().map(|(at, n)| n.wrapping_mul(31) ^ at as i64).boxed(),
            Part::Groups(size) => pipeline.batch(size).map(|group| mixed(&group)).boxed(),
            Part::Windows(size, every) => pipeline.windows(size, every).map(|window| mixed(&window)).boxed(),
            Part::Swell(times) => pipeline.serial(Swell(times)).boxed(),
            Part::Take(items) => pipeline.take(items).boxed(),
            Part::FailParallel(one_in) => {
                pipeline.try_map(move |n| if is_hit(n, one_in) { Err(refusal(n)) } else { Ok(n) }).boxed()
            }
            Part::FailSerial(one_in) => pipeline.serial(Picky(one_in)).boxed(),
            Part::PanicParallel(one_in) => pipeline.map(move |n| thrown_if(is_hit(n, one_in), n)).boxed(),
            Part::PanicSerial(one_in) => {
                pipeline.scan(|| (), move |(), n| thrown_if(is_hit(n, one_in), n)).boxed()
            }
        }
    }
}

/// A random pipeline's stages.
pub(crate) fn shape(rng: &mut Rng) -> Vec<Part> {
    let mut parts = Vec::new();
    for _ in 0..1 + rng.below(6) {
        parts.push(if rng.below(2) == 0 { Part::parallel(rng) } else { Part::serial(rng) });
    }
    // Something that pays for threads, wherever.
    parts.insert(rng.below(parts.len() as u64 + 1) as usize, Part::Heavy(200));
    parts
}

/// The same numbers each time, from bytes or not: a batch of one byte fits into any limit.
pub(crate) fn start(from_bytes: bool, items: u32) -> Numbers {
    let number = |n: u32| (u64::from(n).wrapping_mul(0x9E37_79B9) >> 7) as i64;
    if from_bytes {
        from_iter((0..items).map(|n| n as u8)).enumerate().map(move |(at, _)| number(at as u32)).boxed()
    } else {
        from_iter((0..items).map(number)).boxed()
    }
}

pub(crate) fn build(start: Numbers, parts: &[Part]) -> Numbers {
    parts.iter().fold(start, |pipeline, part| part.add_to(pipeline))
}

/// A serial stage that emits more than it takes.
struct Swell(i64);

impl Stage for Swell {
    type State = i64;
    const SHARING: Sharing = Sharing::Serial;
    fn state(&self) -> i64 {
        0
    }
}

impl Step<i64> for Swell {
    type Out = i64;

    fn push<O: Emit<i64>>(&self, taken: &mut i64, item: i64, out: &mut O) -> Flow {
        *taken += 1;
        (0..self.0).try_for_each(|k| out.emit(item ^ k))
    }

    fn finish<O: Emit<i64>>(&self, taken: i64, out: &mut O) -> Flow {
        out.emit(taken)
    }
}

/// A serial stage that refuses items.
struct Picky(u64);

impl Stage for Picky {
    type State = ();
    const SHARING: Sharing = Sharing::Serial;
    fn state(&self) {}
}

impl Step<i64> for Picky {
    type Out = i64;

    fn push<O: Emit<i64>>(&self, (): &mut (), item: i64, out: &mut O) -> Flow {
        if is_hit(item, self.0) { out.fail(refusal(item).into()) } else { out.emit(item) }
    }
}

/// Panics without the panic hook, which would print.
pub(crate) fn thrown_if(is_hit: bool, n: i64) -> i64 {
    if is_hit {
        std::panic::resume_unwind(Box::new(format!("thrown by {n}")));
    }
    n
}

fn mixed(group: &[i64]) -> i64 {
    group.iter().fold(group.len() as i64, |all, n| all.wrapping_mul(1_000_003).wrapping_add(*n))
}

fn is_hit(n: i64, one_in: u64) -> bool {
    (n as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(31).is_multiple_of(one_in)
}

fn refusal(n: i64) -> String {
    format!("{n} is refused")
}
