//! The adapters as data: a stage of a random pipeline, with its meaning as plain code.

use crate::testing::{Num, Rng, steps};
use std::collections::{HashMap, VecDeque};
use std::fmt;

/// One adapter over [`Num`]. `Op::naive` says what it means, [`Shape`](crate::testing::Shape) which segments it makes, and the random
/// and the written-out pipelines add it with the adapter itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `map` that changes nothing.
    Pass,
    /// `map`: adds.
    Map(i64),
    /// `filter`: drops multiples.
    Filter(i64),
    /// `filter_map`: drops multiples, halves the rest.
    FilterMap(i64),
    /// `try_map`: multiples fail.
    TryMap(i64),
    /// `parse`, from a row of text: multiples fail.
    Parse(i64),
    /// `try_map`: multiples fail this many times.
    Flaky(i64, u32),
    /// `flat_map`: this many of each, counted up.
    FlatMap(u64),
    /// `map_with`: multiplies by a state of the worker that is not `Send`.
    MapWith(i64),
    /// `inspect` that sees nothing wrong.
    Inspect,
    /// `inspect` that panics at multiples.
    Panics(i64),
    /// `counted`.
    Counted,
    /// `stage` with a stage of one's own: emits one or two, and then fails multiples.
    Own(i64),
    /// `kernel`, over a block made of each item: halves, adds, clamps.
    Kernel(i64),
    /// `map_async`: adds; this many operations at once.
    MapAsync(i64, usize),
    /// `try_map_async`: multiples fail this many times; this many operations at once.
    TryMapAsync(i64, u32, usize),
    /// `edge`.
    Edge,
    /// `scan`: running sums.
    Scan,
    /// `take`.
    Take(u64),
    /// `skip`.
    Skip(u64),
    /// `take_while`: up to the first multiple.
    TakeWhile(i64),
    /// `enumerate`: adds the number to the value.
    Enumerate,
    /// `dedup`, on the value.
    Dedup,
    /// `dedup_by_key`, on the quotient.
    DedupBy(i64),
    /// `batch`, and the sum of each.
    Batch(usize),
    /// `windows`, and the sum of each.
    Windows(usize, usize),
    /// `serial` with a stage of one's own: differences; multiples fail.
    Serial(i64),
}

/// What a stage does with an item: in order, until something stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Does {
    Emit(Num),
    Fail(String),
    Panic(String),
    Enough,
}

/// What a stage remembers, in the naive loop.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    sum: i64,
    seen: u64,
    key: Option<i64>,
    group: VecDeque<Num>,
    gap: usize,
    calls: HashMap<u64, u32>,
}

impl Op {
    /// One that fuses with its neighbours.
    pub fn fusable(rng: &mut Rng) -> Op {
        let n = 2 + rng.below(6) as i64;
        match rng.below(26) {
            0 | 1 => Op::Map(n),
            2 | 3 => Op::Filter(n),
            4 | 5 => Op::FilterMap(n),
            6..=9 => Op::TryMap(n + 2),
            10..=13 => Op::Flaky(n, 1 + rng.below(4) as u32),
            14 | 15 => Op::FlatMap(rng.below(4)),
            16 | 17 => Op::MapWith(n),
            18 => Op::Inspect,
            19 => Op::Panics(200 + n * 13),
            20 | 21 => Op::Counted,
            22 | 23 => Op::Kernel(n),
            _ => Op::Own(n + 2),
        }
    }

    /// One that waits.
    pub fn asynchronous(rng: &mut Rng) -> Op {
        let (n, concurrency) = (2 + rng.below(6) as i64, 1 + rng.below(9) as usize);
        match rng.below(2) {
            0 => Op::MapAsync(n, concurrency),
            _ => Op::TryMapAsync(n, 1 + rng.below(4) as u32, concurrency),
        }
    }

    /// One that does the same and does not wait.
    #[must_use]
    pub fn in_sync(self) -> Op {
        match self {
            Op::MapAsync(n, _) => Op::Map(n),
            Op::TryMapAsync(n, fails, _) => Op::Flaky(n, fails),
            other => other,
        }
    }

    /// Whether it is a segment of its own, run by a reactor.
    pub fn is_async(self) -> bool {
        self.in_sync() != self
    }

    /// One that needs all items in order.
    pub fn serial(rng: &mut Rng) -> Op {
        let n = 2 + rng.below(6) as i64;
        match rng.below(20) {
            0..=2 => Op::Scan,
            3 => Op::Take(rng.below(400)),
            4 | 5 => Op::Skip(rng.below(20)),
            6 => Op::TakeWhile(100 + n),
            7 | 8 => Op::Enumerate,
            9 | 10 => Op::Dedup,
            11 | 12 => Op::DedupBy(n),
            13 | 14 => Op::Batch(n as usize - 1),
            15 | 16 => Op::Windows(n as usize - 1, 1 + rng.below(5) as usize),
            _ => Op::Serial(n + 3),
        }
    }

    /// Whether it is a segment of its own, run by one worker at a time.
    pub fn is_serial(self) -> bool {
        matches!(
            self,
            Op::Scan
                | Op::Take(_)
                | Op::Skip(_)
                | Op::TakeWhile(_)
                | Op::Enumerate
                | Op::Dedup
                | Op::DedupBy(_)
                | Op::Batch(_)
                | Op::Windows(..)
                | Op::Serial(_)
        )
    }

    /// Whether it may end the run before its input ends.
    pub fn may_end_early(self) -> bool {
        matches!(self, Op::Take(_) | Op::TakeWhile(_))
    }

    /// What the report calls it, without its number.
    pub fn name(self) -> &'static str {
        match self {
            Op::Pass | Op::Map(_) => "map",
            Op::Filter(_) => "filter",
            Op::FilterMap(_) => "filter_map",
            Op::TryMap(_) | Op::Flaky(..) => "try_map",
            Op::Parse(_) => "parse",
            Op::FlatMap(_) => "flat_map",
            Op::MapWith(_) => "map_with",
            Op::Inspect | Op::Panics(_) => "inspect",
            Op::Counted => "counted",
            Op::Own(_) => "stage",
            Op::Kernel(_) => "kernel",
            Op::MapAsync(..) => "map_async",
            Op::TryMapAsync(..) => "try_map_async",
            Op::Edge => "edge",
            Op::Scan => "scan",
            Op::Take(_) => "take",
            Op::Skip(_) => "skip",
            Op::TakeWhile(_) => "take_while",
            Op::Enumerate => "enumerate",
            Op::Dedup | Op::DedupBy(_) => "dedup",
            Op::Batch(_) => "batch",
            Op::Windows(..) => "windows",
            Op::Serial(_) => "serial",
        }
    }

    /// What it does with an item, as one would write it down.
    pub(crate) fn naive(self, memory: &mut Memory, item: Num) -> Vec<Does> {
        let value = item.value;
        match self {
            Op::Pass | Op::Inspect | Op::Counted | Op::Edge => vec![Does::Emit(item)],
            Op::Map(n) | Op::MapAsync(n, _) => vec![Does::Emit(item.with(value.wrapping_add(n)))],
            Op::Kernel(n) => vec![Does::Emit(item.with(steps::computed(n, value)))],
            Op::Filter(n) | Op::FilterMap(n) if value % n == 0 => vec![],
            Op::Filter(_) => vec![Does::Emit(item)],
            Op::FilterMap(_) => vec![Does::Emit(item.with(value / 2))],
            Op::TryMap(n) | Op::Parse(n) if value % n == 0 => vec![Does::Fail(steps::refusal(item, n))],
            Op::TryMap(_) | Op::Parse(_) => vec![Does::Emit(item)],
            Op::Flaky(n, _) | Op::TryMapAsync(n, ..) if value % n != 0 => vec![Does::Emit(item)],
            Op::Flaky(_, fails) | Op::TryMapAsync(_, fails, _) => {
                let calls = memory.calls.entry(item.id).or_default();
                *calls += 1;
                vec![if *calls <= fails { Does::Fail(steps::busy(item)) } else { Does::Emit(item) }]
            }
            Op::FlatMap(n) => {
                (0..n).map(|k| Does::Emit(item.child(k, value.wrapping_add(k as i64)))).collect()
            }
            Op::MapWith(n) => vec![Does::Emit(item.with(value.wrapping_mul(n)))],
            Op::Panics(n) if value % n == 0 => vec![Does::Panic(steps::panic_text(item))],
            Op::Panics(_) => vec![Does::Emit(item)],
            Op::Own(n) => {
                let mut all = vec![Does::Emit(item.child(0, value))];
                match value % n {
                    0 => all.push(Does::Fail(steps::refusal(item, n))),
                    1 => all.push(Does::Emit(item.child(1, value.wrapping_add(1)))),
                    _ => {}
                }
                all
            }
            _ => self.naive_serial(memory, item),
        }
    }

    fn naive_serial(self, memory: &mut Memory, item: Num) -> Vec<Does> {
        let value = item.value;
        let seen = memory.seen;
        memory.seen += 1;
        match self {
            Op::Take(0) => vec![Does::Enough],
            Op::Take(n) if seen + 1 == n => vec![Does::Emit(item), Does::Enough],
            Op::Skip(n) if seen < n => vec![],
            Op::Take(_) | Op::Skip(_) => vec![Does::Emit(item)],
            Op::TakeWhile(n) if value % n == 0 => vec![Does::Enough],
            Op::TakeWhile(_) => vec![Does::Emit(item)],
            Op::Scan => {
                memory.sum = memory.sum.wrapping_add(value);
                vec![Does::Emit(item.with(memory.sum))]
            }
            Op::Enumerate => vec![Does::Emit(item.with(value.wrapping_add(seen as i64)))],
            Op::Dedup | Op::DedupBy(_) => {
                let key = if let Op::DedupBy(n) = self { value / n } else { value };
                let before = memory.key.replace(key);
                if before == Some(key) { vec![] } else { vec![Does::Emit(item)] }
            }
            Op::Batch(n) => {
                memory.group.push_back(item);
                if memory.group.len() < n { vec![] } else { vec![Does::Emit(memory.take_group())] }
            }
            Op::Windows(..) if memory.gap > 0 => {
                memory.gap -= 1;
                vec![]
            }
            Op::Windows(size, every) => {
                memory.group.push_back(item);
                if memory.group.len() < size {
                    return vec![];
                }
                let window = Num::joined(memory.group.make_contiguous());
                memory.group.drain(..every.min(size));
                memory.gap = every.saturating_sub(size);
                vec![Does::Emit(window)]
            }
            Op::Serial(n) => {
                let before = std::mem::replace(&mut memory.sum, value);
                let fails = value % n == 0;
                vec![match fails {
                    true => Does::Fail(steps::refusal(item, n)),
                    false => Does::Emit(item.with(value.wrapping_sub(before))),
                }]
            }
            _ => unreachable!("`naive` has the others"),
        }
    }

    /// What it emits after its last item.
    pub(crate) fn naive_finish(self, memory: &mut Memory) -> Option<Num> {
        (matches!(self, Op::Batch(_)) && !memory.group.is_empty()).then(|| memory.take_group())
    }
}

impl Memory {
    fn take_group(&mut self) -> Num {
        let joined = Num::joined(self.group.make_contiguous());
        self.group.clear();
        joined
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::TryMap(n) => write!(f, ".try_map(|n| refuse multiples of {n})"),
            Op::Flaky(n, k) => write!(f, ".try_map(|n| fail multiples of {n} {k} times)"),
            Op::Panics(n) => write!(f, ".inspect(|n| panic at multiples of {n})"),
            Op::Map(n) => write!(f, ".map(|n| n + {n})"),
            Op::MapWith(n) => write!(f, ".map_with(|| {n}, |k, n| n * k)"),
            Op::Filter(n) => write!(f, ".filter(|n| n % {n} != 0)"),
            Op::FilterMap(n) => write!(f, ".filter_map(|n| (n % {n} != 0).then_some(n / 2))"),
            Op::FlatMap(n) => write!(f, ".flat_map(|n| n..n + {n})"),
            Op::Own(n) => write!(f, ".stage(Own({n}))"),
            Op::Serial(n) => write!(f, ".serial(Delta({n}))"),
            Op::Take(n) => write!(f, ".take({n})"),
            Op::Skip(n) => write!(f, ".skip({n})"),
            Op::TakeWhile(n) => write!(f, ".take_while(|n| n % {n} != 0)"),
            Op::DedupBy(n) => write!(f, ".dedup_by_key(|n| n / {n})"),
            Op::Batch(n) => write!(f, ".batch({n}).map(sum)"),
            Op::Windows(size, every) => write!(f, ".windows({size}, {every}).map(sum)"),
            Op::Enumerate => write!(f, ".enumerate().map(add)"),
            Op::Kernel(n) => write!(f, ".map(block).kernel(x / 2 + {n}, clamped).map(item)"),
            Op::MapAsync(n, most) => write!(f, ".map_async(|n| n + {n}).concurrency({most})"),
            Op::TryMapAsync(n, k, most) => {
                write!(f, ".try_map_async(|n| fail multiples of {n} {k} times).concurrency({most})")
            }
            other => write!(f, ".{}(..)", other.name()),
        }
    }
}
