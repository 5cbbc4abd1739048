//! Numbers that stay on the device from one kernel to the next.

use crate::cuda::Slot;
use crate::custom::CustomKernel;
use crate::element::Element;
use crate::encode::encode;
use crate::error::GpuError;
use crate::executor::Gpu;
use crate::job::scan::{Scan, sums};
use crate::job::{Before, Count, Histogram, Job, Lanes, MinMax, Rule, Sum, Total, custom, retain};
use crate::mapped_column::MappedColumn;
use crate::piece::{Launch, places};
use crate::pool::{Pool, Room};
use pipe_core::kernel::{self, Bins, Compare, Program};
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// Bytes before each of the two places of the numbers: how many a filter has kept.
const HEAD: usize = 16;
/// At least this many bytes for what kernels leave besides: there is room for a histogram of any number of parts.
const BESIDE: usize = 1 << 20;

/// A column of numbers on the device: copied there once, computed over as often as you like, and copied back when it is asked for. What
/// goes over the bus in between are a few words for each result. Made by [`Gpu::column`].
///
/// Results are those of the scalar reference, as everywhere here. Only a sum of floats needs a word: see [`Column::sum`].
///
/// A column takes about two and a half times the bytes of its numbers on the device, and a megabyte; the limit is [`Gpu::device_memory`]. What
/// is begun runs on one stream: `run` returns before the device has computed, and what gives a result waits for it. No CPU steps in: an
/// error of the driver is the caller's, the numbers are lost then, and the device is not used again.
///
/// ```
/// use pipe_core::kernel::{Compare, Program};
/// use pipe_gpu::{Gpu, GpuError};
///
/// fn warm(gpu: &Gpu, readings: &[f32]) -> Result<(u64, f64), GpuError> {
///     let mut column = gpu.column(readings)?;
///     column.run(&Program::new().scale(0.1).add(-20.0))?;
///     column.retain(Compare::Greater, 5.0)?;
///     Ok((column.len() as u64, column.sum()?))
/// }
/// match warm(&Gpu::new(), &[0.0, 300.0, 500.0]) {
///     Ok(found) => assert_eq!(found, (2, 40.0)),
///     Err(why) => println!("{why}"), // no CUDA driver: ..
/// }
/// ```
pub struct Column<T: Element> {
    /// Freed before its room is another one's.
    slot: Slot,
    room: Room,
    /// Where the numbers lie, with their head, and where a filter would put what it keeps.
    front: usize,
    back: usize,
    /// Where kernels leave what they leave besides, and how many bytes that may be.
    beside: (usize, usize),
    len: usize,
    capacity: usize,
    numbers: PhantomData<T>,
}

impl Gpu {
    /// Copies numbers to the device, where they stay; of several devices to the one that has the least to do.
    ///
    /// # Errors
    /// Why there is no device, or no room on it.
    pub fn column<T: Element>(&self, numbers: &[T]) -> Result<Column<T>, GpuError> {
        let fleet = self.opened()?;
        let mut column = Column::of_capacity(fleet.least_busy(), numbers.len())?;
        column.refill(numbers)?;
        Ok(column)
    }
}

impl<T: Element> Column<T> {
    fn of_capacity(pool: &Arc<Pool>, capacity: usize) -> Result<Self, GpuError> {
        let [_, words, _] = retain::regions::<T>(capacity);
        let beside = words.max(sums(capacity)).max(Lanes::new(capacity).len()).max(BESIDE / size_of::<T>());
        let one = capacity.saturating_add(HEAD / size_of::<T>());
        let ([front, beside_at, back], bytes) = places::<T>(&[one, beside, one]);
        let bytes = bytes.checked_next_multiple_of(8).unwrap_or(usize::MAX);
        let (slot, room) = pool.staying(bytes)?;
        let beside = (beside_at, beside * size_of::<T>());
        Ok(Column { slot, room, front, back, beside, len: 0, capacity, numbers: PhantomData })
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many there may be: as many as it was made of.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts other numbers in place of those that are there: the next batch, in the same memory.
    ///
    /// # Errors
    /// The driver's; `OutOfMemory` for more than the [capacity](Column::capacity).
    pub fn refill(&mut self, numbers: &[T]) -> Result<(), GpuError> {
        if numbers.len() > self.capacity {
            let [wanted, limit] = [numbers.len(), self.capacity].map(|len| len * size_of::<T>());
            return Err(GpuError::OutOfMemory { wanted, in_use: 0, limit });
        }
        self.len = numbers.len();
        let put = self.slot.put(self.front + HEAD, numbers);
        self.or_lost(put)
    }

    /// Applies the program to each number, in one pass for each 32 operations.
    ///
    /// # Errors
    /// The driver's; `NoKernel` for an operation that the device does not know.
    pub fn run(&mut self, program: &Program<T>) -> Result<(), GpuError> {
        let Some(encoded) = encode(program) else {
            return Err(GpuError::NoKernel { what: "an operation of the program" });
        };
        let launches: Vec<_> = Launch::programs(&encoded, &[0], self.len).collect();
        self.launch(&launches)
    }

    /// Computes a kernel of one's own: n numbers become `n + 1 - window`.
    ///
    /// # Errors
    /// The driver's; also what it says of the kernel, which leaves the numbers as they are.
    pub fn transform(&mut self, kernel: &impl CustomKernel<T>) -> Result<(), GpuError> {
        self.room.pool.load(kernel.cuda())?;
        let len = (self.len + 1).saturating_sub(kernel.window().max(1));
        if len > 0 {
            let parameters = kernel.parameters();
            let launch = custom::launch(kernel, &parameters, &[0, 2], len);
            let places = [self.front + HEAD, self.beside.0, self.back + HEAD];
            let launched = self.slot.launch(places, &[launch]);
            self.or_lost(launched)?;
            mem::swap(&mut self.front, &mut self.back);
        }
        self.len = len;
        Ok(())
    }

    /// Keeps the numbers for which `compare` holds against `bound`, in their order.
    ///
    /// # Errors
    /// The driver's.
    pub fn retain(&mut self, compare: Compare, bound: T) -> Result<(), GpuError> {
        if self.len == 0 {
            return Ok(());
        }
        self.launch(&retain::launches(compare, &bound, self.len))?;
        let mut head = vec![T::default(); HEAD / size_of::<T>()];
        let got = self.slot.get(self.back, &mut head);
        self.or_lost(got)?;
        self.len = retain::kept_of(&head).min(self.len);
        mem::swap(&mut self.front, &mut self.back);
        Ok(())
    }

    /// Replaces each number by the sum of all numbers up to and including it. Integers only.
    ///
    /// # Errors
    /// The driver's; `NoKernel` for floats, whose sums depend on the order of additions.
    pub fn prefix_sum(&mut self) -> Result<(), GpuError> {
        if T::total_of([0; 2]).is_none() {
            return Err(GpuError::NoKernel { what: "running totals of floats" });
        }
        self.launch(&Scan { regions: &[0, 1], from: 0, sums: 0, len: self.len }.launches::<T, T>())
    }

    /// Counts the numbers for which `compare` holds against `bound`.
    ///
    /// # Errors
    /// The driver's.
    pub fn count(&mut self, compare: Compare, bound: T) -> Result<u64, GpuError> {
        self.total(Count(compare, bound), None)
    }

    /// The least number and the greatest; `None` if there is none.
    ///
    /// # Errors
    /// The driver's.
    pub fn min_max(&mut self) -> Result<Option<(T, T)>, GpuError> {
        self.total(MinMax, None)
    }

    /// The sum. Integers exactly; floats as pipe-core's [`Sum`](kernel::Sum) adds up blocks of 16,384 numbers, bit for bit: so as `Inline` does it
    /// over `Blocks::new(numbers, 16_384)`.
    ///
    /// # Errors
    /// The driver's.
    pub fn sum(&mut self) -> Result<T::Total, GpuError> {
        self.sum_of(None)
    }

    /// How many numbers there are in each part of a range.
    ///
    /// # Errors
    /// The driver's.
    pub fn histogram(&mut self, histogram: &kernel::Histogram) -> Result<Bins, GpuError> {
        self.bins_of(histogram, None)
    }

    /// The numbers as a program would leave them, to make something of; they stay as they are. The program and what is made of its results are one
    /// pass over the numbers, which reads them and writes nothing; with more than 32 operations it is a pass more for each 32, over a copy.
    ///
    /// # Errors
    /// `NoKernel` for an operation that the device does not know.
    pub fn mapped<'c>(&'c mut self, program: &'c Program<T>) -> Result<MappedColumn<'c, T>, GpuError> {
        MappedColumn::new(self, program)
    }

    /// Copies the numbers back: all, or as many as there is room for.
    ///
    /// # Errors
    /// The driver's; what is in `numbers` then is not said.
    pub fn read(&mut self, numbers: &mut [T]) -> Result<(), GpuError> {
        let len = numbers.len().min(self.len);
        let got = self.slot.get(self.front + HEAD, &mut numbers[..len]);
        self.or_lost(got)
    }

    /// All numbers, copied back.
    ///
    /// # Errors
    /// The driver's.
    pub fn to_vec(&mut self) -> Result<Vec<T>, GpuError> {
        let mut numbers = vec![T::default(); self.len];
        self.read(&mut numbers)?;
        Ok(numbers)
    }

    /// Waits until the device has computed what was begun.
    ///
    /// # Errors
    /// The driver's.
    pub fn wait(&mut self) -> Result<(), GpuError> {
        let waited = self.slot.wait();
        self.or_lost(waited)
    }

    /// How many bytes the device's memory moves in a second, those that are read and those that are written together: copies of the column beside itself,
    /// the best of five. What a pass over its numbers can be compared with; NaN for no numbers.
    ///
    /// # Errors
    /// The driver's.
    pub fn copy_rate(&mut self) -> Result<f64, GpuError> {
        const AT_ONCE: usize = 8;
        let bytes = self.len * size_of::<T>();
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            self.wait()?;
            let started = Instant::now();
            for _ in 0..AT_ONCE {
                let copied = self.slot.copy_within(self.front + HEAD, self.back + HEAD, bytes);
                self.or_lost(copied)?;
            }
            self.wait()?;
            best = best.min(started.elapsed().as_secs_f64());
        }
        let moved = (2 * AT_ONCE * bytes) as f64;
        Ok(if self.is_empty() { f64::NAN } else { moved / best })
    }

    pub(crate) fn total<R: Rule<T>>(
        &mut self,
        rule: R,
        before: Option<&Before<'_, T>>,
    ) -> Result<R::Result, GpuError> {
        let mut total = Total::new(rule, before, self.beside.1, &[]);
        let mut words = total.nothing();
        self.put_beside(&words)?;
        self.launch_behind(before, &total.launches(self.len))?;
        self.get_beside(&mut words)?;
        total.take(0..self.len, &words);
        Ok(total.result())
    }

    pub(crate) fn sum_of(&mut self, before: Option<&Before<'_, T>>) -> Result<T::Total, GpuError> {
        if T::total_of([0; 2]).is_some() {
            return self.total(Sum, before);
        }
        let lanes = Lanes::new(self.len);
        self.launch_behind(before, &lanes.launches(before))?;
        let mut came = vec![T::default(); lanes.len()];
        self.get_beside(&mut came)?;
        Ok(lanes.total(&came))
    }

    pub(crate) fn bins_of(
        &mut self,
        histogram: &kernel::Histogram,
        before: Option<&Before<'_, T>>,
    ) -> Result<Bins, GpuError> {
        let mut bins = Histogram::new(histogram, before, self.beside.1, &[]);
        let mut words = bins.zeros();
        self.put_beside(&words)?;
        self.launch_behind(before, &bins.launches(self.len))?;
        self.get_beside(&mut words)?;
        bins.take(0..self.len, &words);
        Ok(bins.result())
    }

    /// Launches over the numbers; or over a copy, if they would not stay as they are.
    fn launch_behind(
        &mut self,
        before: Option<&Before<'_, T>>,
        launches: &[Launch<'_, T>],
    ) -> Result<(), GpuError> {
        let bytes = self.len * size_of::<T>();
        if bytes == 0 || !before.is_some_and(Before::changes_numbers) {
            return self.launch(launches);
        }
        let (from, to) = (self.front + HEAD, self.back + HEAD);
        let copied = self.slot.copy_within(from, to, bytes);
        self.or_lost(copied)?;
        let launched = self.slot.launch([to, self.beside.0, to], launches);
        self.or_lost(launched)
    }

    fn put_beside(&mut self, words: &[T]) -> Result<(), GpuError> {
        let put = self.slot.put(self.beside.0, words);
        self.or_lost(put)
    }

    fn get_beside(&mut self, words: &mut [T]) -> Result<(), GpuError> {
        let got = self.slot.get(self.beside.0, words);
        self.or_lost(got)
    }

    fn launch(&mut self, launches: &[Launch<'_, T>]) -> Result<(), GpuError> {
        let launched = self.slot.launch([self.front + HEAD, self.beside.0, self.back], launches);
        self.or_lost(launched)
    }

    /// Whatever the driver refuses, the device is not used again.
    fn or_lost<U>(&self, result: Result<U, GpuError>) -> Result<U, GpuError> {
        result.inspect_err(|error| self.room.pool.fail(error.clone()))
    }
}

impl<T: Element> fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
