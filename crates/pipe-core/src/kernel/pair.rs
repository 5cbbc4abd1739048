//! Programs over two columns.

use crate::item::{Item, Own};
use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::runner::KernelWorker;
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::settings::Emits;
use crate::stage::{Emit, Flow, Stage, Step, Then};

/// How a number of one column and that of another become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// `x + y`.
    Add,
    /// `x - y`.
    Sub,
    /// `x * y`.
    Mul,
    /// `y` if it is less than `x`, else `x`.
    Min,
    /// `y` if it is greater than `x`, else `x`.
    Max,
}

impl Binary {
    /// What it makes of two numbers.
    #[inline(always)]
    pub fn apply<T: Number>(self, x: T, y: T) -> T {
        match self {
            Binary::Add => x.plus(y),
            Binary::Sub => x.minus(y),
            Binary::Mul => x.times(y),
            Binary::Min if y < x => y,
            Binary::Max if y > x => y,
            Binary::Min | Binary::Max => x,
        }
    }
}

/// A program over two columns: one program over each, a binary operation that joins them number by number, and one program over the result.
///
/// ```
/// use pipe_core::kernel::{Binary, Program};
///
/// let axpy = Program::new().scale(2.0).with(Binary::Add);
/// assert_eq!(axpy.apply(3.0, 1.0), 7.0);
/// let distance = Program::new().with(Binary::Sub).then(Program::new().abs());
/// assert_eq!(distance.apply(3.0, 5.0), 2.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PairProgram<T: Number> {
    x: Program<T>,
    y: Program<T>,
    binary: Binary,
    after: Program<T>,
}

impl<T: Number> Program<T> {
    /// Starts a program over two columns: this program runs over the first one, and `binary` joins the result with the second.
    pub fn with(self, binary: Binary) -> PairProgram<T> {
        PairProgram { x: self, y: Program::new(), binary, after: Program::new() }
    }
}

impl<T: Number> PairProgram<T> {
    /// Sets the program that runs over the second column, before the two are joined.
    pub fn second(mut self, y: Program<T>) -> Self {
        self.y = y;
        self
    }

    /// Appends a program that runs over the joined numbers.
    pub fn then(mut self, after: Program<T>) -> Self {
        self.after = after.ops().iter().fold(self.after, |all, op| all.then(*op));
        self
    }

    /// The program over the first column.
    pub fn x(&self) -> &Program<T> {
        &self.x
    }

    /// The program over the second column.
    pub fn y(&self) -> &Program<T> {
        &self.y
    }

    /// The operation that joins the two columns.
    pub fn binary(&self) -> Binary {
        self.binary
    }

    /// The program over the joined numbers.
    pub fn after(&self) -> &Program<T> {
        &self.after
    }

    /// The result for one pair of numbers. It defines what the program means; to compute many, run it on blocks.
    pub fn apply(&self, x: T, y: T) -> T {
        self.after.apply(self.binary.apply(self.x.apply(x), self.y.apply(y)))
    }
}

/// Two columns of one length: a pair of blocks, lent or owned.
pub trait TwoColumns<T> {
    /// The first one, owned, since it becomes the result; and the second one.
    fn columns(self) -> (Vec<T>, impl AsRef<[T]>);
}

impl<T, X: Into<Vec<T>>, Y: AsRef<[T]>> TwoColumns<T> for (X, Y) {
    fn columns(self) -> (Vec<T>, impl AsRef<[T]>) {
        (self.0.into(), self.1)
    }
}

/// Computes a program over each pair of blocks; made by [`Pipeline::pair_kernel`].
pub struct PairStep<T: Number> {
    program: PairProgram<T>,
}

opaque!([T: Number] PairStep[T]);

impl<T: Number> Stage for PairStep<T> {
    /// Made at the first block, when the run can be asked for its runner.
    type State = Option<Box<dyn KernelWorker<T>>>;

    fn state(&self) -> Self::State {
        None
    }
}

impl<T: Number, In: TwoColumns<T>> Step<In> for PairStep<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, worker: &mut Self::State, item: In, out: &mut O) -> Flow {
        let worker = worker.get_or_insert_with(|| T::worker(out.context().runner().worker()));
        let (mut x, y) = item.columns();
        let y = y.as_ref();
        if x.len() != y.len() {
            return out.fail(format!("a column of {} numbers and one of {}", x.len(), y.len()).into());
        }
        match worker.run_pair(&self.program, &mut x, y) {
            Ok(()) => out.emit(x),
            Err(error) => out.fail(error),
        }
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Computes a program over each pair of blocks: `(x, y)`, lent or owned, of one length, or the pair is a failed item.
    ///
    /// ```
    /// use pipe_core::kernel::{Binary, Program, Sum};
    /// use pipe_core::{Inline, from_iter};
    ///
    /// let columns = [(vec![1.0_f32, 2.0], vec![10.0_f32, 20.0]), (vec![3.0], vec![30.0])];
    /// let product = from_iter(columns).pair_kernel(Program::new().with(Binary::Mul)).reduce(Sum);
    /// assert_eq!(product.run_on(&Inline)?.value, Some(140.0)); // the scalar product of both columns
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn pair_kernel<T: Number>(
        self,
        program: PairProgram<T>,
    ) -> Pipeline<U, Then<C, PairStep<T>>, Own<Vec<T>>>
    where
        for<'a> I::Of<'a>: TwoColumns<T>,
    {
        self.then("pair_kernel", Emits::One, PairStep { program })
    }
}

/// The reference.
pub(super) fn run_pair<T: Number>(program: &PairProgram<T>, x: &mut [T], y: &[T]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x = program.apply(*x, *y));
}
