//! How many numbers there are in each part of a range.

use super::Job;
use super::mapped::{Asked, Before, Question, What};
use super::words::{numbers_of, room, stripes, words_of};
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions, Table};
use pipe_core::BoxError;
use pipe_core::kernel::{self, Bins, KernelWorker, Reduction};
use std::{iter, ops::Range};

/// Words behind those of the parts: below the range, above it, and what is not a number.
const BESIDE: usize = 3;

/// How many numbers there are in each part of a range. Each piece takes tables of zeros with it, and they come back.
pub(crate) struct Histogram<'a, T: Element> {
    histogram: kernel::Histogram,
    question: Question<T>,
    before: Option<&'a Before<'a, T>>,
    stripes: usize,
    block: &'a [T],
    words: Vec<u64>,
    of_cpu: Option<Bins>,
}

impl<'a, T: Element> Histogram<'a, T> {
    /// Of the numbers, or of what the program before makes of them.
    pub(crate) fn new(
        histogram: &kernel::Histogram,
        before: Option<&'a Before<'a, T>>,
        slot_bytes: usize,
        block: &'a [T],
    ) -> Self {
        let ((low, high), words) = (histogram.range(), histogram.bins() + BESIDE);
        let asked = Asked { range: [low, high, histogram.scale()], bound: T::default() };
        Histogram {
            histogram: *histogram,
            question: Question { what: What::Histogram, detail: histogram.bins(), asked },
            before,
            stripes: stripes(slot_bytes, words),
            block,
            words: vec![0; words],
            of_cpu: None,
        }
    }

    pub(crate) fn result(self) -> Bins {
        let mut counts = self.words;
        let beside = counts.split_off(self.histogram.bins());
        let mut bins = Bins::new(counts, beside[0], beside[1], beside[2]);
        if let Some(rest) = self.of_cpu {
            Reduction::<T>::merge(&self.histogram, &mut bins, rest);
        }
        bins
    }

    /// Zeros, as many as the regions' second one has.
    pub(crate) fn zeros(&self) -> Vec<T> {
        numbers_of(iter::repeat_n(0, self.stripes * self.words.len()))
    }

    pub(crate) fn launches(&self, len: usize) -> Vec<Launch<'_, T>> {
        if let Some(before) = self.before {
            return before.launches(&self.question, len, self.stripes);
        }
        let numbers = [self.stripes, self.histogram.bins()];
        let launch = Launch::new(Family::Histogram, &[0, 1], len, &numbers);
        vec![launch.with(Table::Range(&self.question.asked.range))]
    }
}

impl<T: Element> Job<T> for Histogram<'_, T> {
    const FAMILY: Family = Family::Histogram;

    fn units(&self) -> usize {
        self.block.len()
    }

    fn bytes(&self) -> (usize, usize) {
        let tables = self.stripes * self.words.len() * size_of::<u64>();
        (size_of_val(self.block) + tables, tables)
    }

    fn regions(&self, units: usize) -> Regions {
        [units, room::<T>(self.stripes * self.words.len()), 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let regions = self.regions(units.len());
        let launches = &self.launches(units.len());
        slot.begin(&Piece { regions, inputs: &[&self.block[units], &self.zeros()], output: 1, launches })
    }

    fn take(&mut self, _: Range<usize>, came: &[T]) {
        for table in words_of(came).chunks(self.words.len()) {
            self.words.iter_mut().zip(table).for_each(|(all, more)| *all += more);
        }
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        let rest = &self.block[from..];
        self.of_cpu = Some(match self.before {
            Some(before) => {
                let results = before.on_cpu(cpu, rest)?;
                cpu.histogram(&self.histogram, &results)?
            }
            None => cpu.histogram(&self.histogram, rest)?,
        });
        Ok(())
    }
}
