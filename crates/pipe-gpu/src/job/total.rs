//! Of a block a few numbers, which are the same in any order: a count, the sum of integers, the extremes.

use super::Job;
use super::mapped::{Asked, Before, Question, What};
use super::words::{numbers_of, room, stripes, words_of};
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::encode::code_of_compare;
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions, Table};
use pipe_core::BoxError;
use pipe_core::kernel::{Compare, KernelWorker};
use std::{iter, ops::Range};

/// What the kernel makes of a piece, in two words that come with it.
type Words = [u64; 2];

/// What is made of the numbers.
pub(crate) trait Rule<T: Element> {
    const FAMILY: Family;
    /// The words before the first number.
    const NOTHING: Words;
    type Result;

    fn launch(&self, len: usize, stripes: usize) -> Launch<'_, T> {
        Launch::new(Self::FAMILY, &[0, 1], len, &[stripes])
    }

    /// The same of what a program makes of the numbers.
    fn question(&self) -> Question<T>;

    /// The words of two stripes or pieces as those of both.
    fn merged(&self, a: Words, b: Words) -> Words {
        [a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])]
    }

    fn result(&self, words: Words) -> Self::Result;

    fn with(&self, a: Self::Result, b: Self::Result) -> Self::Result;

    fn on_cpu(&self, cpu: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Self::Result, BoxError>;
}

/// A rule over a block. Pieces give words, and what the CPU has done is a result of its own.
pub(crate) struct Total<'a, T: Element, R: Rule<T>> {
    rule: R,
    question: Question<T>,
    before: Option<&'a Before<'a, T>>,
    stripes: usize,
    block: &'a [T],
    words: Words,
    of_cpu: Option<R::Result>,
}

impl<'a, T: Element, R: Rule<T>> Total<'a, T, R> {
    /// Of the numbers, or of what the program before makes of them.
    pub(crate) fn new(rule: R, before: Option<&'a Before<'a, T>>, slot_bytes: usize, block: &'a [T]) -> Self {
        let (question, stripes) = (rule.question(), stripes(slot_bytes, 2));
        Total { rule, question, before, stripes, block, words: R::NOTHING, of_cpu: None }
    }

    pub(crate) fn result(self) -> R::Result {
        let result = self.rule.result(self.words);
        match self.of_cpu {
            Some(rest) => self.rule.with(result, rest),
            None => result,
        }
    }

    /// The words before the first number, of all stripes.
    pub(crate) fn nothing(&self) -> Vec<T> {
        numbers_of(iter::repeat_n(R::NOTHING, self.stripes).flatten())
    }

    pub(crate) fn launches(&self, len: usize) -> Vec<Launch<'_, T>> {
        match self.before {
            Some(before) => before.launches(&self.question, len, self.stripes),
            None => vec![self.rule.launch(len, self.stripes)],
        }
    }
}

impl<T: Element, R: Rule<T>> Job<T> for Total<'_, T, R> {
    const FAMILY: Family = R::FAMILY;

    fn units(&self) -> usize {
        self.block.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.block), self.stripes * size_of::<Words>())
    }

    fn regions(&self, units: usize) -> Regions {
        [units, room::<T>(2 * self.stripes), 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let regions = self.regions(units.len());
        let launches = &self.launches(units.len());
        slot.begin(&Piece { regions, inputs: &[&self.block[units], &self.nothing()], output: 1, launches })
    }

    fn take(&mut self, _: Range<usize>, came: &[T]) {
        for stripe in words_of(came).as_chunks::<2>().0 {
            self.words = self.rule.merged(self.words, *stripe);
        }
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        let rest = &self.block[from..];
        self.of_cpu = Some(match self.before {
            Some(before) => {
                let results = before.on_cpu(cpu, rest)?;
                self.rule.on_cpu(cpu, &results)?
            }
            None => self.rule.on_cpu(cpu, rest)?,
        });
        Ok(())
    }
}

/// How many compare so with the bound.
pub(crate) struct Count<T>(pub(crate) Compare, pub(crate) T);

impl<T: Element> Rule<T> for Count<T> {
    const FAMILY: Family = Family::Count;
    const NOTHING: Words = [0, 0];
    type Result = u64;

    fn launch(&self, len: usize, stripes: usize) -> Launch<'_, T> {
        let launch = Launch::new(Family::Count, &[0, 1], len, &[stripes, code_of_compare(self.0)]);
        launch.with(Table::Bound(&self.1))
    }

    fn question(&self) -> Question<T> {
        let asked = Asked { range: [0.0; 3], bound: self.1 };
        Question { what: What::Count, detail: code_of_compare(self.0), asked }
    }

    fn result(&self, words: Words) -> u64 {
        words[0]
    }

    fn with(&self, a: u64, b: u64) -> u64 {
        a + b
    }

    fn on_cpu(&self, cpu: &mut dyn KernelWorker<T>, block: &[T]) -> Result<u64, BoxError> {
        cpu.count(self.0, self.1, block)
    }
}

/// The sum of integers.
pub(crate) struct Sum;

impl<T: Element> Rule<T> for Sum {
    const FAMILY: Family = Family::Sum;
    const NOTHING: Words = [0, 0];
    type Result = T::Total;

    fn question(&self) -> Question<T> {
        Question::plain(What::Sum)
    }

    fn result(&self, words: Words) -> T::Total {
        T::total_of(words).unwrap_or_else(|| T::default().as_total())
    }

    fn with(&self, a: T::Total, b: T::Total) -> T::Total {
        T::add_totals(a, b)
    }

    fn on_cpu(&self, cpu: &mut dyn KernelWorker<T>, block: &[T]) -> Result<T::Total, BoxError> {
        cpu.sum(block)
    }
}

/// The least number and the greatest.
pub(crate) struct MinMax;

impl<T: Element> Rule<T> for MinMax {
    const FAMILY: Family = Family::MinMax;
    const NOTHING: Words = [u64::MAX, 0];
    type Result = Option<(T, T)>;

    fn question(&self) -> Question<T> {
        Question::plain(What::MinMax)
    }

    fn merged(&self, a: Words, b: Words) -> Words {
        [a[0].min(b[0]), a[1].max(b[1])]
    }

    fn result(&self, [least, most]: Words) -> Option<(T, T)> {
        (least <= most).then(|| (T::of_key(least), T::of_key(most)))
    }

    fn with(&self, a: Option<(T, T)>, b: Option<(T, T)>) -> Option<(T, T)> {
        let (Some((low, high)), Some((least, most))) = (a, b) else { return a.or(b) };
        Some((if least < low { least } else { low }, if most > high { most } else { high }))
    }

    fn on_cpu(&self, cpu: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        cpu.min_max(block)
    }
}
