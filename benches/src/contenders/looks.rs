//! Looks into tables, and results that are computed each time or kept in a map.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::looks::{computed, fill, find, log_uniform, uniform};
use crate::tasks::numeric::{numbers, scored};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A loop, over a table in pages of the usual size.
pub(crate) fn probe_loop(job: &Job) -> Result<Outcome, BoxError> {
    let mut table = vec![0; 2 * job.parameter as usize];
    fill(&mut table);
    let keys = uniform(job.size, job.parameter);
    timed(job.size, || Ok(keys.iter().map(|key| find(black_box(&table), *key)).fold(0, u64::wrapping_add)))
}

/// The map of the standard library, with the hash of hashbrown.
pub(crate) fn probe_hash_map(job: &Job) -> Result<Outcome, BoxError> {
    let taken = (1..=job.parameter).step_by(2).map(|key| (key, key ^ 0xFF));
    let table: HashMap<u64, u64, foldhash::fast::FixedState> = taken.collect();
    let keys = uniform(job.size, job.parameter);
    timed(job.size, || {
        Ok(keys.iter().filter_map(|key| table.get(key)).fold(0, |sum: u64, x| sum.wrapping_add(*x)))
    })
}

/// How a result is kept that is written first.
fn in_map(keys: &[u64], rounds: u64) -> u64 {
    let known: Mutex<HashMap<u64, u64>> = Mutex::default();
    let result =
        |key: &u64| *known.lock().expect("no panic").entry(*key).or_insert_with(|| computed(*key, rounds));
    keys.iter().map(result).fold(0, u64::wrapping_add)
}

fn each_time(keys: &[u64], rounds: u64) -> u64 {
    keys.iter().map(|key| computed(*key, rounds)).fold(0, u64::wrapping_add)
}

pub(crate) fn words_in_map(job: &Job) -> Result<Outcome, BoxError> {
    let keys = log_uniform(job.size, 100_000);
    timed(job.size, || Ok(in_map(&keys, job.parameter)))
}

pub(crate) fn words_each_time(job: &Job) -> Result<Outcome, BoxError> {
    let keys = log_uniform(job.size, 100_000);
    timed(job.size, || Ok(each_time(&keys, job.parameter)))
}

pub(crate) fn known_in_map(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, 1_000);
    timed(job.size, || Ok(in_map(&keys, job.parameter)))
}

pub(crate) fn new_each_time(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, u64::MAX);
    timed(job.size, || Ok(each_time(&keys, job.parameter)))
}

/// Two counters side by side, on one cache line.
pub(crate) fn counters_shared(job: &Job) -> Result<Outcome, BoxError> {
    let counters = [const { AtomicU64::new(0) }; 2];
    timed(job.size, || Ok(counted(job.size, &counters[0], &counters[1])))
}

/// Two threads, each with a counter of its own.
pub(crate) fn counted(size: u64, one: &AtomicU64, other: &AtomicU64) -> u64 {
    let count = |counter: &AtomicU64| (0..size / 2).for_each(|_| _ = counter.fetch_add(1, Ordering::Relaxed));
    std::thread::scope(|scope| {
        scope.spawn(|| count(one));
        count(other);
    });
    one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed)
}

/// A table's column, step by step: each step makes a new vector of the last one.
pub(crate) fn scores_step_by_step(job: &Job) -> Result<Outcome, BoxError> {
    let readings = numbers(job.size as usize, 1).to_vec();
    timed(job.size, || {
        let centred: Vec<f32> = readings.iter().map(|x| x - 0.125).collect();
        let scaled: Vec<f32> = centred.iter().map(|x| x * 0.5).collect();
        let bounded: Vec<f32> = scaled.iter().map(|x| x.clamp(-1.0, 1.0)).collect();
        let scores: Vec<f32> = bounded.iter().map(|x| x.exp()).collect();
        let sum: f64 = scores.iter().map(|x| f64::from(*x)).sum();
        Ok(scored(sum, job.size))
    })
}

/// The same in one loop.
pub(crate) fn scores_loop(job: &Job) -> Result<Outcome, BoxError> {
    let readings = numbers(job.size as usize, 1).to_vec();
    timed(job.size, || {
        let score = |x: &f32| f64::from(((x - 0.125) * 0.5).clamp(-1.0, 1.0).exp());
        Ok(scored(readings.iter().map(score).sum(), job.size))
    })
}
