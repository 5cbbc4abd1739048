//! What is made of the results of a program, in the same pass.

use crate::element::{Element, Family};
use crate::encode::Encoding;
use crate::piece::{Launch, Table};
use pipe_core::BoxError;
use pipe_core::kernel::{KernelWorker, Program};

/// A program that numbers go through before something is made of them.
pub(crate) struct Before<'a, T: Element> {
    /// Of one operation at least.
    program: Encoding<'a, T>,
}

/// What is made of its results, as `kernels/mapped.cu` has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Count = 0,
    MinMax = 1,
    Sum = 2,
    Histogram = 3,
}

/// And with which numbers: how a count compares, or how many parts a histogram has, and what is by value.
pub(crate) struct Question<T> {
    pub(crate) what: What,
    pub(crate) detail: usize,
    pub(crate) asked: Asked<T>,
}

/// The range of a histogram as its lowest number, its highest one, and the parts per unit; and the bound of a count.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Asked<T> {
    pub(crate) range: [f64; 3],
    pub(crate) bound: T,
}

impl<T: Element> Question<T> {
    /// That has no more to it.
    pub(crate) fn plain(what: What) -> Self {
        Question { what, detail: 0, asked: Asked { range: [0.0; 3], bound: T::default() } }
    }
}

impl<'a, T: Element> Before<'a, T> {
    /// None, if the device does not know an operation, or there is none.
    pub(crate) fn new(program: &'a Program<T>) -> Option<Self> {
        Encoding::new(program).filter(|program| !program.is_empty()).map(|program| Before { program })
    }

    /// Whether the numbers are changed where they are: by all launches but the last one, which is enough for a short program.
    pub(crate) fn changes_numbers(&self) -> bool {
        self.program.launches().len() > 1
    }

    /// The launches over the first region, with words in the second one.
    pub(crate) fn launches<'l>(
        &'l self,
        question: &'l Question<T>,
        len: usize,
        stripes: usize,
    ) -> Vec<Launch<'l, T>> {
        let numbers = [stripes, question.what as usize, question.detail];
        let last = Launch::new(Family::Mapped, &[0, 1], len, &numbers).with(Table::Asked(&question.asked));
        self.up_to(last)
    }

    /// All launches of the program but the last one, whose part of the program is done by this launch.
    pub(crate) fn up_to<'l>(&'l self, last: Launch<'l, T>) -> Vec<Launch<'l, T>> {
        let (end, first) =
            self.program.launches().split_last().expect("a program that is none is no `Before`");
        let len = last.len;
        Launch::programs(first, &[0], len).chain([last.behind(end)]).collect()
    }

    /// What the CPU makes of numbers.
    ///
    /// # Errors
    /// The worker's.
    pub(crate) fn on_cpu(&self, cpu: &mut dyn KernelWorker<T>, numbers: &[T]) -> Result<Vec<T>, BoxError> {
        let mut results = numbers.to_vec();
        cpu.run(self.program.program(), &mut results)?;
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_the_kernel() {
        assert_eq!(size_of::<Asked<u8>>(), 32);
        assert_eq!(size_of::<Asked<f32>>(), 32);
        assert_eq!(size_of::<Asked<f64>>(), 32);
    }
}
