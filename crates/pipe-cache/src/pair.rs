//! Programs over two columns.

use crate::element::Element;
use crate::simd::Simd;
use crate::tile::apply;
use pipe_core::kernel::{Binary, PairProgram, Program};
use pulp::WithSimd;

impl Simd {
    /// Applies the program to each number of `x` and the one of `y` in the same place, for as many as both have; in tiles, so that it reads
    /// both columns and writes one of them once, however long it is.
    ///
    /// ```
    /// use pipe_core::kernel::{Binary, Program};
    ///
    /// let mut x = [3.0_f32, 5.0];
    /// let square = Program::new().square();
    /// let length = square.clone().with(Binary::Add).second(square).then(Program::new().sqrt());
    /// pipe_cache::Simd::best().run_pair(&length, &mut x, &[4.0, 12.0]);
    /// assert_eq!(x, [5.0, 13.0]);
    /// ```
    pub fn run_pair<T: Element>(&self, program: &PairProgram<T>, x: &mut [T], y: &[T]) {
        self.run_pair_in_tiles(Self::TILE_BYTES, program, x, y);
    }

    /// A tile of one column and one of the other take this many bytes together.
    pub(crate) fn run_pair_in_tiles<T: Element>(
        &self,
        bytes: usize,
        program: &PairProgram<T>,
        x: &mut [T],
        y: &[T],
    ) {
        let len = x.len().min(y.len());
        let (x, y) = (&mut x[..len], &y[..len]);
        let tile = (bytes / 2 / size_of::<T>()).max(1);
        let copied = if program.y().ops().is_empty() { 0 } else { tile.min(len) };
        let mut buffer = vec![T::default(); copied];
        self.arch().dispatch(PairTiles { program, x, y, tile, buffer: &mut buffer });
    }
}

struct PairTiles<'b, T: Element> {
    program: &'b PairProgram<T>,
    x: &'b mut [T],
    y: &'b [T],
    /// How many numbers.
    tile: usize,
    /// Where the second column is computed, which is lent and stays as it is. Empty if there is nothing to compute.
    buffer: &'b mut [T],
}

impl<T: Element> WithSimd for PairTiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let PairTiles { program, x, y, tile, buffer } = self;
        for (x, y) in x.chunks_mut(tile).zip(y.chunks(tile)) {
            run(program.x(), x);
            if buffer.is_empty() {
                meet(program.binary(), x, y);
            } else {
                let buffer = &mut buffer[..y.len()];
                buffer.copy_from_slice(y);
                run(program.y(), buffer);
                meet(program.binary(), x, buffer);
            }
            run(program.after(), x);
        }
    }
}

#[inline(always)]
fn run<T: Element>(program: &Program<T>, tile: &mut [T]) {
    for op in program.ops() {
        apply(*op, tile);
    }
}

/// A loop for each operation, so that which one it is is asked once per tile.
#[inline(always)]
fn meet<T: Element>(binary: Binary, x: &mut [T], y: &[T]) {
    match binary {
        Binary::Add => each(
            x,
            y,
            #[inline(always)]
            |x, y| x.plus(y),
        ),
        Binary::Sub => each(
            x,
            y,
            #[inline(always)]
            |x, y| x.minus(y),
        ),
        Binary::Mul => each(
            x,
            y,
            #[inline(always)]
            |x, y| x.times(y),
        ),
        Binary::Min => each(
            x,
            y,
            #[inline(always)]
            |x, y| if y < x { y } else { x },
        ),
        Binary::Max => each(
            x,
            y,
            #[inline(always)]
            |x, y| if y > x { y } else { x },
        ),
        binary => each(x, y, |x, y| binary.apply(x, y)),
    }
}

#[inline(always)]
fn each<T: Copy>(x: &mut [T], y: &[T], f: impl Fn(T, T) -> T) {
    for (x, y) in x.iter_mut().zip(y) {
        *x = f(*x, *y);
    }
}
