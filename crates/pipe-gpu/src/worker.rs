//! One worker's kernels: blocks cut into pieces, which go to the device and back on several streams at once.

use crate::element::Element;
use crate::encode::{Encoded, encode};
use crate::error::GpuError;
use crate::executor::{Gpu, Without};
use crate::gate::{Gate, Place};
use crate::log::Topic;
use crate::pool::Pool;
use pipe_core::kernel::{Compare, Compensated, KernelWorker, KernelWorkers, Moments, PairProgram, Program};
use pipe_core::{BoxError, Event};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Blocks that the CPU computes to learn how long it takes. The faster one counts: the first finds everything cold.
const TRIALS: u32 = 2;

/// The kernels of one stage, for one worker.
pub(crate) struct Worker {
    gpu: Gpu,
    pool: Arc<Pool>,
    cpu: Box<dyn KernelWorkers>,
    /// Blocks that the CPU has computed so far, at most `TRIALS`, and its best seconds for a byte.
    trials: u32,
    cpu_seconds: f64,
}

impl<T: Element> KernelWorker<T> for Worker {
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError> {
        if block.is_empty() {
            return Ok(());
        }
        if let Some(error) = self.pool.failure() {
            let error = error.clone();
            return self.without_device(error, program, block);
        }
        let Some(launches) = encode(program) else {
            let why = || "the device does not know an operation of the program".to_owned();
            self.gpu.note(Topic::Vocabulary, why);
            return T::of(&mut *self.cpu).run(program, block);
        };
        if launches.is_empty() {
            return Ok(());
        }
        match self.place(size_of_val(block)) {
            Ok(Place::Device) => {}
            Ok(Place::Cpu) => return self.timed(program, block),
            Err(error) => return self.without_device(error, program, block),
        }
        let (done, failed) = stream(&self.pool, self.gpu.slots, &launches, block);
        if done > 0 {
            let with = || Event::Kernels { runner: "gpu", with: self.pool.facts().to_string() };
            self.gpu.log.note(Topic::Used, with);
        }
        match failed {
            None => Ok(()),
            Some(error) => self.without_device(error, program, &mut block[done..]),
        }
    }

    // Numbers that come from the host and become fewer, or one, are done before they could be on the device, and other kernels have
    // no program there: see docs/design/gpu.md.
    fn retain(&mut self, compare: Compare, bound: T, block: &mut Vec<T>) -> Result<(), BoxError> {
        T::of(&mut *self.cpu).retain(compare, bound, block)
    }

    fn run_pair(&mut self, program: &PairProgram<T>, x: &mut [T], y: &[T]) -> Result<(), BoxError> {
        T::of(&mut *self.cpu).run_pair(program, x, y)
    }

    fn fir(&mut self, taps: &[T], x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        T::of(&mut *self.cpu).fir(taps, x, out)
    }

    fn window_sums(&mut self, width: usize, x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        T::of(&mut *self.cpu).window_sums(width, x, out)
    }

    fn stencil(
        &mut self,
        weights: &[T; 9],
        width: usize,
        image: &[T],
        out: &mut [T],
    ) -> Result<(), BoxError> {
        T::of(&mut *self.cpu).stencil(weights, width, image, out)
    }

    fn grey(&mut self, rgb: &[T], grey: &mut [T]) -> Result<(), BoxError> {
        T::of(&mut *self.cpu).grey(rgb, grey)
    }

    fn count(&mut self, compare: Compare, bound: T, block: &[T]) -> Result<u64, BoxError> {
        T::of(&mut *self.cpu).count(compare, bound, block)
    }

    fn compensated_sum(&mut self, block: &[T]) -> Result<Compensated, BoxError> {
        T::of(&mut *self.cpu).compensated_sum(block)
    }

    fn sum(&mut self, block: &[T]) -> Result<T::Total, BoxError> {
        T::of(&mut *self.cpu).sum(block)
    }

    fn min_max(&mut self, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        T::of(&mut *self.cpu).min_max(block)
    }

    fn moments(&mut self, block: &[T]) -> Result<Moments, BoxError> {
        T::of(&mut *self.cpu).moments(block)
    }
}

impl Worker {
    pub(crate) fn new(gpu: Gpu, pool: Arc<Pool>) -> Self {
        let cpu = gpu.cpu.worker();
        Worker { gpu, pool, cpu, trials: 0, cpu_seconds: f64::INFINITY }
    }

    /// Where a block of `bytes` goes.
    fn place(&self, bytes: usize) -> Result<Place, GpuError> {
        if self.gpu.gate == Gate::Open {
            return Ok(Place::Device);
        }
        if self.trials < TRIALS {
            return Ok(Place::Cpu);
        }
        let rates = match self.gpu.gate {
            Gate::With(rates) => rates,
            Gate::Measured | Gate::Open => self.pool.rates()?,
        };
        let cpu = self.cpu_seconds * bytes as f64;
        let place = rates.place(bytes, cpu);
        if place == Place::Cpu {
            self.gpu.note(Topic::Gate, || {
                let (cpu, bus) = (cpu * 1e6, rates.seconds(bytes) * 1e6);
                format!(
                    "a block of {bytes} bytes takes {cpu:.1} us there, and {bus:.1} us to the device and back"
                )
            });
        }
        Ok(place)
    }

    /// Computes on the CPU, and learns from the first blocks how long that takes.
    fn timed<T: Element>(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError> {
        if self.trials == TRIALS {
            return T::of(&mut *self.cpu).run(program, block);
        }
        let started = Instant::now();
        let done = T::of(&mut *self.cpu).run(program, block);
        let seconds = started.elapsed().as_secs_f64() / size_of_val(block) as f64;
        self.cpu_seconds = self.cpu_seconds.min(seconds);
        self.trials += 1;
        done
    }

    /// What the device has not done is done by the CPU; unless the run is strict.
    #[cold]
    fn without_device<T: Element>(
        &mut self,
        error: GpuError,
        program: &Program<T>,
        rest: &mut [T],
    ) -> Result<(), BoxError> {
        let topic = match &error {
            // Somebody else has the room, and may give it back.
            GpuError::OutOfMemory { .. } => Topic::Memory,
            lost => {
                self.pool.fail(lost.clone());
                Topic::Device
            }
        };
        if self.gpu.without == Without::Fail {
            return Err(error.into());
        }
        self.gpu.note(topic, || error.to_string());
        T::of(&mut *self.cpu).run(program, rest)
    }
}

/// Sends the block through the device in pieces, with a piece in each slot: while one is computed, others are copied. How many numbers
/// have come back, and why not all; the others are as they were.
fn stream<T: Element>(
    pool: &Pool,
    wanted: usize,
    launches: &[Encoded<T>],
    block: &mut [T],
) -> (usize, Option<GpuError>) {
    let piece = pool.slot_bytes() / size_of::<T>();
    let pieces = block.len().div_ceil(piece);
    let mut lent = match pool.lend(wanted.clamp(1, pieces)) {
        Ok(lent) => lent,
        Err(error) => return (0, Some(error)),
    };
    let slots = lent.slots();
    // Those whose end was not waited for yet, the oldest first.
    let mut under_way: VecDeque<(usize, Range<usize>)> = VecDeque::with_capacity(slots.len());
    let mut done = 0;
    for at in 0..pieces + slots.len() {
        if at >= slots.len()
            && let Some((slot, range)) = under_way.pop_front()
        {
            let end = range.end;
            if let Err(error) = slots[slot].end(&mut block[range]) {
                return (done, Some(error));
            }
            done = end;
        }
        if at < pieces {
            let range = at * piece..block.len().min((at + 1) * piece);
            if let Err(error) = slots[at % slots.len()].begin(&block[range.clone()], launches) {
                return (done, Some(error));
            }
            under_way.push_back((at % slots.len(), range));
        }
    }
    (done, None)
}
