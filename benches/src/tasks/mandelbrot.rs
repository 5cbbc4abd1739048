//! `mandelbrot`: an item is a row of the picture; rows in the middle take long, those at the edges do not.

use super::task::Task;

pub(crate) struct Mandelbrot;

/// After which a point counts as one of the set.
const STEPS: u32 = 500;

impl Task for Mandelbrot {
    /// The row, of how many in all, and how wide they are.
    type In = (u64, u64, u64);
    type Out = Vec<u8>;
    const CHUNK: usize = 1;

    fn items(size: u64, width: u64) -> impl Iterator<Item = Self::In> + Send + 'static {
        let mut rows = 0..size;
        std::iter::from_fn(move || rows.next().map(|row| (row, size, width)))
    }

    fn work((row, rows, width): Self::In) -> Vec<u8> {
        let im = row as f64 / rows as f64 * 2.4 - 1.2;
        (0..width).map(|at| steps(at as f64 / width as f64 * 3.0 - 2.0, im) as u8).collect()
    }

    fn digest(output: &Vec<u8>) -> u64 {
        output.iter().fold(0, |all, steps| all.wrapping_mul(31).wrapping_add(u64::from(*steps)))
    }
}

/// How long a point stays near.
fn steps(re: f64, im: f64) -> u32 {
    let (mut x, mut y, mut steps) = (0.0, 0.0, 0);
    while steps < STEPS && x * x + y * y < 4.0 {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        steps += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_in_the_set_and_far_away_is_not() {
        assert_eq!((steps(0.0, 0.0), steps(-1.0, 0.0)), (STEPS, STEPS));
        assert_eq!(steps(2.0, 2.0), 1);
    }
}
