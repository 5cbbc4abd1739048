//! A program over two columns, in place of the first one.

use super::Job;
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::encode::{Encoded, code_of_binary, encode};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::{KernelWorker, PairProgram};
use std::iter;
use std::ops::Range;

/// A program over two columns, in place of the first one: its parts are launched one behind the other, over numbers that stay there.
pub(crate) struct Pair<'a, T: Element> {
    program: &'a PairProgram<T>,
    /// Over the first column, over the second, and over what came of both.
    encoded: [Vec<Encoded<T>>; 3],
    binary: usize,
    x: &'a mut [T],
    y: &'a [T],
}

impl<'a, T: Element> Pair<'a, T> {
    /// None, if the program has an operation that the device does not know.
    pub(crate) fn new(program: &'a PairProgram<T>, x: &'a mut [T], y: &'a [T]) -> Option<Self> {
        let len = x.len().min(y.len());
        Some(Pair {
            encoded: [encode(program.x())?, encode(program.y())?, encode(program.after())?],
            binary: code_of_binary(program.binary())?,
            program,
            x: &mut x[..len],
            y: &y[..len],
        })
    }
}

impl<T: Element> Job<T> for Pair<'_, T> {
    const FAMILY: Family = Family::Pair;

    fn units(&self) -> usize {
        self.x.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (2 * size_of_val(self.x), size_of_val(self.x))
    }

    fn regions(&self, units: usize) -> Regions {
        [units, units, 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let len = units.len();
        let [x, y, after] = &self.encoded;
        let meet = Launch::new(Family::Pair, &[0, 1], len, &[self.binary]);
        let before = Launch::programs(x, &[0], len).chain(Launch::programs(y, &[1], len));
        let launches: Vec<_> =
            before.chain(iter::once(meet)).chain(Launch::programs(after, &[0], len)).collect();
        let inputs = &[&self.x[units.clone()], &self.y[units]];
        slot.begin(&Piece { regions: self.regions(len), inputs, output: 0, launches: &launches })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        self.x[units].copy_from_slice(came);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        cpu.run_pair(self.program, &mut self.x[from..], &self.y[from..])
    }
}
