//! One worker's kernels: which job each of them is, and whether the device or the CPU does it.

use crate::cuda::Target;
use crate::custom::CustomKernel;
use crate::element::{Element, Family};
use crate::encode::Encoding;
use crate::error::GpuError;
use crate::executor::{Gpu, Without};
use crate::fleet::Fleet;
use crate::gate::{Clock, Gate, Place};
use crate::job::{
    Before, Count, Custom, Fir, Grey, Histogram, Job, Map, MapTo, MinMax, Pair, PrefixSum, Results, Retain,
    Rule, Stencil, Sum, Total, WindowSums,
};
use crate::log::Topic;
use crate::piece::most_units;
use crate::pinned::PinnedBlock;
use crate::stream::stream;
use pipe_core::kernel::{
    self, Bins, Compare, Compensated, KernelWorker, KernelWorkers, Moments, PairProgram, Program,
};
use pipe_core::{BoxError, Event};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

/// The family of the serial stage, which has a new worker for each block: its clock goes from one to the next.
const SERIAL: Family = Family::PrefixDown;

/// The kernels of one stage, for one worker.
pub(crate) struct Worker {
    gpu: Gpu,
    fleet: Arc<Fleet>,
    cpu: Box<dyn KernelWorkers>,
    /// A stage may use more than one kernel: each is measured by itself.
    clocks: [Clock; Family::ALL.len()],
}

impl<T: Element> KernelWorker<T> for Worker {
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError> {
        let Some(encoding) = Encoding::new(program) else {
            self.note_unknown();
            return T::of(&mut *self.cpu).run(program, block);
        };
        if encoding.is_empty() {
            return Ok(());
        }
        self.compute(&mut Map { program: encoding, block })
    }

    fn run_pair(&mut self, program: &PairProgram<T>, x: &mut [T], y: &[T]) -> Result<(), BoxError> {
        match Pair::new(program, x, y) {
            Some(mut pair) => self.compute(&mut pair),
            None => {
                self.note_unknown();
                T::of(&mut *self.cpu).run_pair(program, x, y)
            }
        }
    }

    // What makes no sense is the CPU's, for these: it says what becomes of it.
    fn fir(&mut self, taps: &[T], x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        match Fir::new(taps, x, out) {
            Some(mut fir) => self.compute(&mut fir),
            None => T::of(&mut *self.cpu).fir(taps, x, out),
        }
    }

    fn window_sums(&mut self, width: usize, x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        match WindowSums::new(width, x, out) {
            Some(mut sums) => self.compute(&mut sums),
            None => T::of(&mut *self.cpu).window_sums(width, x, out),
        }
    }

    fn stencil(
        &mut self,
        weights: &[T; 9],
        width: usize,
        image: &[T],
        out: &mut [T],
    ) -> Result<(), BoxError> {
        match Stencil::new(weights, width, image, out) {
            Some(mut stencil) => self.compute(&mut stencil),
            None => T::of(&mut *self.cpu).stencil(weights, width, image, out),
        }
    }

    fn grey(&mut self, rgb: &[T], grey: &mut [T]) -> Result<(), BoxError> {
        self.compute(&mut Grey::new(rgb, grey))
    }

    fn retain(&mut self, compare: Compare, bound: T, block: &mut Vec<T>) -> Result<(), BoxError> {
        let mut retain = Retain::new(compare, bound, block);
        self.compute(&mut retain)?;
        retain.finish();
        Ok(())
    }

    fn prefix_sum(&mut self, before: T, block: &mut [T]) -> Result<T, BoxError> {
        match PrefixSum::new(before, block) {
            Some(mut sum) => {
                self.compute(&mut sum)?;
                Ok(sum.last())
            }
            // One after the other: an order of additions that has no work for a device.
            None => T::of(&mut *self.cpu).prefix_sum(before, block),
        }
    }

    fn histogram(&mut self, histogram: &kernel::Histogram, block: &[T]) -> Result<Bins, BoxError> {
        self.bins(histogram, None, block)
    }

    fn count(&mut self, compare: Compare, bound: T, block: &[T]) -> Result<u64, BoxError> {
        self.total(Count(compare, bound), None, block)
    }

    fn compensated_sum(&mut self, block: &[T]) -> Result<Compensated, BoxError> {
        T::of(&mut *self.cpu).compensated_sum(block)
    }

    fn sum(&mut self, block: &[T]) -> Result<T::Total, BoxError> {
        match T::total_of([0; 2]) {
            Some(_) => self.total(Sum, None, block),
            // In lanes: an order of additions that has no work for a device.
            None => T::of(&mut *self.cpu).sum(block),
        }
    }

    fn min_max(&mut self, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        self.total(MinMax, None, block)
    }

    fn moments(&mut self, block: &[T]) -> Result<Moments, BoxError> {
        T::of(&mut *self.cpu).moments(block)
    }

    fn mapped_count(
        &mut self,
        program: &Program<T>,
        compare: Compare,
        bound: T,
        block: &[T],
    ) -> Result<u64, BoxError> {
        match Before::new(program) {
            Some(before) => self.total(Count(compare, bound), Some(&before), block),
            None => {
                let results = self.mapped(program, block)?;
                self.count(compare, bound, &results)
            }
        }
    }

    fn mapped_histogram(
        &mut self,
        program: &Program<T>,
        histogram: &kernel::Histogram,
        block: &[T],
    ) -> Result<Bins, BoxError> {
        match Before::new(program) {
            Some(before) => self.bins(histogram, Some(&before), block),
            None => {
                let results = self.mapped(program, block)?;
                self.histogram(histogram, &results)
            }
        }
    }

    fn mapped_sum(&mut self, program: &Program<T>, block: &[T]) -> Result<T::Total, BoxError> {
        match Before::new(program).filter(|_| T::total_of([0; 2]).is_some()) {
            Some(before) => self.total(Sum, Some(&before), block),
            None => {
                let results = self.mapped(program, block)?;
                self.sum(&results)
            }
        }
    }

    fn mapped_min_max(&mut self, program: &Program<T>, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        match Before::new(program) {
            Some(before) => self.total(MinMax, Some(&before), block),
            None => {
                let results = self.mapped(program, block)?;
                self.min_max(&results)
            }
        }
    }

    fn as_any(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }
}

impl Worker {
    pub(crate) fn new(gpu: Gpu, fleet: Arc<Fleet>) -> Self {
        let cpu = gpu.cpu.worker();
        let mut clocks = [Clock::default(); Family::ALL.len()];
        clocks[SERIAL as usize] = *gpu.serial_clock();
        Worker { gpu, fleet, cpu, clocks }
    }

    /// On the device, if it is there, has room, and is worth the way; and on the CPU what it has not done.
    fn compute<T: Element, J: Job<T>>(&mut self, job: &mut J) -> Result<(), BoxError> {
        if job.units() == 0 {
            return Ok(());
        }
        if let Some(error) = self.fleet.failure() {
            let error = error.clone();
            return self.without_device(error, job, 0);
        }
        match self.place(J::FAMILY, bytes_one_way(job)) {
            Ok(Place::Device) => {}
            Ok(Place::Cpu) => return self.timed(job),
            Err(error) => return self.without_device(error, job, 0),
        }
        let piece = most_units::<T>(job.units(), self.fleet.slot_bytes(), |units| job.regions(units));
        if piece == 0 {
            let slot = self.fleet.slot_bytes();
            self.gpu.note(Topic::Slot, || {
                format!("what one result is made of has no room in a slot of {slot} bytes")
            });
            return job.on_cpu(T::of(&mut *self.cpu), 0);
        }
        let (done, failed) = stream(&self.fleet, self.gpu.slots, piece, job);
        if done > 0 {
            let with = || Event::Kernels { runner: "gpu", with: self.fleet.facts().to_string() };
            self.gpu.log.note(Topic::Used, with);
        }
        match failed {
            None => Ok(()),
            Some(error) => self.without_device(error, job, done),
        }
    }

    /// A kernel of one's own. One that the driver does not take is the CPU's from then on, and others stay on the device.
    pub(crate) fn custom<T: Element>(
        &mut self,
        kernel: &impl CustomKernel<T>,
        x: &[T],
        out: &mut [T],
    ) -> Result<(), BoxError> {
        let mut job = Custom::new(kernel, x, out);
        match self.fleet.load(kernel.cuda()) {
            Ok(()) => self.compute(&mut job),
            Err(error) if self.gpu.without == Without::Fail => Err(error.into()),
            Err(error) => {
                self.gpu.note(Topic::Custom, || format!("{}: {error}", kernel.cuda().entry));
                job.on_cpu(T::of(&mut *self.cpu), 0)
            }
        }
    }

    /// A program over a pinned block: from its memory to that of another one, which is the result then.
    pub(crate) fn pinned<T: Element>(
        &mut self,
        program: &Program<T>,
        mut block: PinnedBlock<T>,
    ) -> Result<PinnedBlock<T>, BoxError> {
        if let Some(error) = block.refused() {
            self.gpu.note_unpinned(|| error.to_string());
        }
        let encoding = Encoding::new(program).filter(|program| block.is_pinned() && !program.is_empty());
        let with_room = encoding.and_then(|encoding| {
            let mut other = block.another();
            let pages = if other.is_pinned() { other.take_pages() } else { None };
            Some((encoding, pages?, other))
        });
        let Some((encoding, pages, mut other)) = with_room else {
            self.run(program, &mut block)?;
            return Ok(block);
        };
        let target = Target::new(pages);
        let results = Results::InBlock;
        let map = Map { program: encoding, block: &mut block };
        let mut job = MapTo { map, target: &target, results };
        let computed = self.compute(&mut job);
        let results = job.results;
        other.put_pages(target.into_pages());
        computed?;
        Ok(match results {
            Results::InBlock => block,
            Results::InTarget => other,
        })
    }

    fn total<T: Element, R: Rule<T>>(
        &mut self,
        rule: R,
        before: Option<&Before<'_, T>>,
        block: &[T],
    ) -> Result<R::Result, BoxError> {
        let mut total = Total::new(rule, before, self.fleet.slot_bytes(), block);
        self.compute(&mut total)?;
        Ok(total.result())
    }

    fn bins<T: Element>(
        &mut self,
        histogram: &kernel::Histogram,
        before: Option<&Before<'_, T>>,
        block: &[T],
    ) -> Result<Bins, BoxError> {
        let mut bins = Histogram::new(histogram, before, self.fleet.slot_bytes(), block);
        self.compute(&mut bins)?;
        Ok(bins.result())
    }

    /// What a program makes of a block, where nothing is made of its results on the way.
    fn mapped<T: Element>(&mut self, program: &Program<T>, block: &[T]) -> Result<Vec<T>, BoxError> {
        let mut results = block.to_vec();
        self.run(program, &mut results)?;
        Ok(results)
    }

    #[cold]
    fn note_unknown(&self) {
        self.gpu
            .note(Topic::Vocabulary, || "the device does not know an operation of the program".to_owned());
    }

    /// Where a block goes that takes so many bytes each way.
    fn place(&self, family: Family, bytes: usize) -> Result<Place, GpuError> {
        if self.gpu.gate == Gate::Open {
            return Ok(Place::Device);
        }
        let Some(seconds) = self.clocks[family as usize].seconds() else { return Ok(Place::Cpu) };
        let rates = match self.gpu.gate {
            Gate::With(rates) => rates,
            Gate::Measured | Gate::Open => self.fleet.rates()?,
        };
        let cpu = seconds * bytes as f64;
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
    fn timed<T: Element, J: Job<T>>(&mut self, job: &mut J) -> Result<(), BoxError> {
        let clock = &mut self.clocks[J::FAMILY as usize];
        if clock.seconds().is_some() {
            return job.on_cpu(T::of(&mut *self.cpu), 0);
        }
        let started = Instant::now();
        let done = job.on_cpu(T::of(&mut *self.cpu), 0);
        clock.took(started.elapsed().as_secs_f64() / bytes_one_way(job) as f64);
        if J::FAMILY == SERIAL {
            *self.gpu.serial_clock() = *clock;
        }
        done
    }

    /// What the device has not done, from this unit on, is done by the CPU; unless the run is strict.
    #[cold]
    fn without_device<T: Element, J: Job<T>>(
        &mut self,
        error: GpuError,
        job: &mut J,
        from: usize,
    ) -> Result<(), BoxError> {
        if self.gpu.without == Without::Fail {
            return Err(error.into());
        }
        match &error {
            // Somebody else has the room, and may give it back.
            GpuError::OutOfMemory { .. } => self.gpu.note(Topic::Memory, || error.to_string()),
            _ if self.fleet.in_use() > 0 => self.gpu.note_others(|| error.to_string()),
            _ => self.gpu.note(Topic::Device, || error.to_string()),
        }
        job.on_cpu(T::of(&mut *self.cpu), from)
    }
}

/// Rates are of a block that comes back as long as it went there: the mean of both ways.
fn bytes_one_way<T: Element>(job: &impl Job<T>) -> usize {
    let (there, back) = job.bytes();
    there.midpoint(back)
}
