//! The work that is measured, and how long it takes.

use pipe_core::kernel::Program;
use std::time::Instant;

/// A program of so many operations, each of which changes a number and none of which lets it grow.
pub(crate) fn program(operations: usize) -> Program<f32> {
    (0..operations).fold(Program::new(), |program, n| match n % 2 {
        0 => program.scale(0.999),
        _ => program.add(0.001),
    })
}

/// The numbers that it begins with.
pub(crate) fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|n| ((n * 7_919) % 1_013) as f32 * 0.001 - 0.5).collect()
}

/// The seconds that each of two says it took, the best of some rounds in turn, so that both meet the same machine.
pub(crate) fn in_turn<E>(
    rounds: usize,
    mut one: impl FnMut() -> Result<f64, E>,
    mut other: impl FnMut() -> Result<f64, E>,
) -> Result<[f64; 2], E> {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..rounds {
        best[0] = best[0].min(one()?);
        best[1] = best[1].min(other()?);
    }
    Ok(best)
}

/// The seconds that it takes, the best of some rounds.
pub(crate) fn best<E>(rounds: usize, mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    (0..rounds).try_fold(f64::INFINITY, |best, _| Ok(timed(&mut work)?.min(best)))
}

/// The seconds that it takes.
pub(crate) fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}
