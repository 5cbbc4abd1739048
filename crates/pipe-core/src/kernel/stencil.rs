//! Weighted sums over the neighbours of each pixel.

use crate::error::RunError;
use crate::kernel::number::{Float, Number};
use crate::kernel::pair::{Binary, PairProgram};
use crate::kernel::program::Program;
use crate::kernel::runner::KernelWorker;
use crate::kernel::transform::Kernel;
use crate::stage::BoxError;

/// Makes of each pixel the sum of itself and its eight neighbours, each times its weight. A block is an image: whole rows of one width.
/// Beyond the border its pixels are repeated.
///
/// ```
/// use pipe_core::kernel::{Blocks, Stencil};
/// use pipe_core::{Inline, from_source};
///
/// let image = vec![0.0, 0.0, 16.0, 0.0, 0.0, 16.0];
/// let blurred = from_source(Blocks::new(image, 6)).transform(Stencil::blur(3)?);
/// assert_eq!(blurred.collect().run_on(&Inline)?.value, [[0.0, 4.0, 12.0, 0.0, 4.0, 12.0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stencil<T> {
    weights: [T; 9],
    width: usize,
}

impl<T: Number> Stencil<T> {
    /// A stencil with these nine weights, row by row from the upper left, for images that are `width` pixels wide.
    ///
    /// # Errors
    /// `Config` for rows of none.
    pub fn new(weights: [T; 9], width: usize) -> Result<Self, RunError> {
        if width == 0 {
            let (field, value) = ("stencil.width", "0".to_owned());
            return Err(RunError::Config { field, value, why: "a row has at least one pixel" });
        }
        Ok(Stencil { weights, width })
    }
}

impl<T: Float> Stencil<T> {
    /// Smooths, with the weights 1 2 1, 2 4 2, 1 2 1, all over 16.
    ///
    /// # Errors
    /// As `new`.
    pub fn blur(width: usize) -> Result<Self, RunError> {
        Self::of([1, 2, 1, 2, 4, 2, 1, 2, 1].map(|weight| f64::from(weight) / 16.0), width)
    }

    /// The slope along a row, by Sobel's weights: -1 0 1, -2 0 2, -1 0 1.
    ///
    /// # Errors
    /// As `new`.
    pub fn sobel_x(width: usize) -> Result<Self, RunError> {
        Self::of([-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0], width)
    }

    /// The slope down a column, by Sobel's weights: -1 -2 -1, 0 0 0, 1 2 1.
    ///
    /// # Errors
    /// As `new`.
    pub fn sobel_y(width: usize) -> Result<Self, RunError> {
        Self::of([-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0], width)
    }

    fn of(weights: [f64; 9], width: usize) -> Result<Self, RunError> {
        Self::new(weights.map(T::nearest), width)
    }
}

impl<T: Number> Kernel<T> for Stencil<T> {
    type Out = T;

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<T>,
    ) -> Result<(), BoxError> {
        whole_rows(block.len(), self.width)?;
        out.resize(block.len(), T::default());
        worker.stencil(&self.weights, self.width, block, out)
    }
}

/// How steep an image is at each pixel: the length of the slope that both of Sobel's stencils give.
///
/// ```
/// use pipe_core::kernel::{Blocks, Sobel};
/// use pipe_core::{Inline, from_source};
///
/// let edge = vec![0.0_f32, 0.0, 9.0, 9.0, 0.0, 0.0, 9.0, 9.0];
/// let slopes = from_source(Blocks::new(edge, 8)).transform(Sobel::new(4)?);
/// assert_eq!(slopes.collect().run_on(&Inline)?.value, [[0.0, 36.0, 36.0, 0.0, 0.0, 36.0, 36.0, 0.0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sobel<T> {
    x: Stencil<T>,
    y: Stencil<T>,
}

impl<T: Float> Sobel<T> {
    /// For images that are `width` pixels wide.
    ///
    /// # Errors
    /// `Config` for rows of none.
    pub fn new(width: usize) -> Result<Self, RunError> {
        Ok(Sobel { x: Stencil::sobel_x(width)?, y: Stencil::sobel_y(width)? })
    }
}

impl<T: Float> Kernel<T> for Sobel<T> {
    type Out = T;

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<T>,
    ) -> Result<(), BoxError> {
        self.x.compute(worker, block, out)?;
        let mut down = Vec::new();
        self.y.compute(worker, block, &mut down)?;
        worker.run_pair(&length(), out, &down)
    }
}

/// The square root of `x * x + y * y`.
fn length<T: Float>() -> PairProgram<T> {
    let square = Program::new().square();
    square.clone().with(Binary::Add).second(square).then(Program::new().sqrt())
}

fn whole_rows(pixels: usize, width: usize) -> Result<(), BoxError> {
    match pixels.is_multiple_of(width) {
        true => Ok(()),
        false => Err(format!("a block of {pixels} pixels is no image with rows of {width}").into()),
    }
}

/// The reference.
pub(super) fn stencil<T: Number>(weights: &[T; 9], width: usize, image: &[T], out: &mut [T]) {
    let height = image.len() / width.max(1);
    for (at, out) in out.iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)];
        let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
        let pixels = rows.iter().flat_map(|y| columns.map(|x| image[y * width + x]));
        let products = weights.iter().zip(pixels).map(|(weight, pixel)| weight.times(pixel));
        *out = products.reduce(T::plus).unwrap_or_default();
    }
}
