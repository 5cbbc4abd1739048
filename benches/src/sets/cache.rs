//! `cache`: numeric kernels in the caches and beyond them, tables that are looked into, results that are kept.
//!
//! Kernels are called again and again on one buffer, and the fastest block of calls counts. `copy` moves as many bytes as the kernel has
//! to, and is the limit beyond the caches.

mod elementwise;
mod looks;
mod neighbours;
mod reductions;

pub(super) use looks::on_scores;

use super::Mode;
use crate::bar::Bar;
use crate::contender::Contender;
use crate::workload::Workload;
use pipe_cache::CacheSizes;

const SET: &str = "cache";

const PY: &str = "benches/contenders/python/numeric.py";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let mut workloads = elementwise::workloads(mode);
    workloads.extend(reductions::workloads(mode));
    workloads.extend(neighbours::workloads(mode));
    workloads.extend(looks::workloads(mode));
    workloads
}

/// A buffer, and how many numbers are handled between two looks at the clock.
#[derive(Clone, Copy)]
struct Buffer {
    numbers: u64,
    calls: u64,
}

/// 4 KiB, in the nearest cache: where what a call costs shows.
const NEAR: Buffer = Buffer { numbers: 1 << 10, calls: 2_000 };

/// 256 KiB: in the second level.
const CACHED: Buffer = Buffer { numbers: 1 << 16, calls: 50 };

/// The same, of which a block is one call.
const ONCE: Buffer = Buffer { numbers: 1 << 16, calls: 1 };

/// 64 MiB: in the third level of large processors, beyond that of others.
const LARGE: Buffer = Buffer { numbers: 1 << 24, calls: 1 };

/// 512 MiB: beyond all caches.
const BEYOND: Buffer = Buffer { numbers: 1 << 27, calls: 1 };

/// A kernel on a buffer; in a smoke run on a small one, once.
fn on(mode: Mode, name: &'static str, about: &'static str, buffer: Buffer) -> Workload {
    let small = Buffer { numbers: buffer.numbers.min(1 << 16), calls: 1 };
    let Buffer { numbers, calls } = if mode == Mode::Smoke { small } else { buffer };
    Workload::new(SET, name, about, numbers * calls).parameter(numbers).rounds_max(rounds(mode))
}

/// The fastest of many blocks hardly varies, and the first ones warm up.
fn rounds(mode: Mode) -> usize {
    match mode {
        Mode::Smoke => 1,
        Mode::Quick | Mode::Default => 6,
        Mode::Full => 11,
    }
}

/// A machine that does not tell its caches is taken to have 32 MiB.
const USUAL_CACHE: usize = 32 << 20;

/// Beyond the last cache of this machine what counts is its bandwidth; before that, whoever is best.
fn bar(buffer: Buffer, in_cache: Bar) -> Bar {
    let last = CacheSizes::read().last_level().unwrap_or(USUAL_CACHE) as u64;
    if 4 * buffer.numbers > last { Bar::limit(0.95) } else { in_cache }
}

/// Those in Python take a second to start, which a quick run spends where they set the bar.
fn unless_quick(mode: Mode, contenders: impl IntoIterator<Item = Contender>) -> Vec<Contender> {
    if mode == Mode::Quick { Vec::new() } else { contenders.into_iter().collect() }
}

fn python(package: &'static str, function: &'static str) -> Contender {
    Contender::done_by(package, PY, function)
}

/// On all processors; in the caches it takes ten times as long as on one.
fn parallel(function: &'static str) -> Contender {
    python("numba", function).named("numba-parallel")
}
