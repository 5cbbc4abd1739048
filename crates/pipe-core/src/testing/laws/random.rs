//! Random pipelines against the naive loop.

use crate::error::RunError;
use crate::testing::oracle::expect_read;
use crate::testing::{Case, Coverage, Finish, LetterLog, Num, Provable, check};
use std::ops::Range;

/// The seeds of a test: these, or the one in the environment variable `PIPE_SEED`, to see a failure again.
///
/// # Panics
/// `PIPE_SEED` is no number.
pub fn seeds(all: Range<u64>) -> Range<u64> {
    match std::env::var("PIPE_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("PIPE_SEED is a number");
            seed..seed.saturating_add(1)
        }
        Err(_) => all,
    }
}

/// Random pipelines over random inputs, under random policies: outputs, order, error, position, dead letters and accounts are those of
/// the naive loop. A failure names its seed; `PIPE_SEED` runs it alone.
pub fn random_cases(executor: &dyn Provable, seeds: Range<u64>) -> Coverage {
    let mut coverage = Coverage::new();
    for seed in seeds {
        check_case(executor, seed, &mut coverage);
    }
    coverage
}

/// One of them.
pub fn random_case(executor: &dyn Provable, seed: u64) -> Coverage {
    let mut coverage = Coverage::new();
    check_case(executor, seed, &mut coverage);
    coverage
}

fn check_case(executor: &dyn Provable, seed: u64, coverage: &mut Coverage) {
    let case = Case::on(executor, seed);
    let (shape, expected, log) = (case.shape(), case.expected(), LetterLog::new());
    let ran = check::run(case.pipeline(&log), case.finish, executor);
    let agrees = check::differs(&ran, &shape, case.finish, &expected, &log);
    if let Err(why) = agrees.and_then(|()| case.records_agree(&log)) {
        let name = executor.says().map_or("an executor", |profile| profile.name);
        panic!("{name} gives something else than the naive loop (PIPE_SEED={seed}): {why}\n{case}");
    }
    coverage.note_run(executor, &ran);
    coverage.note_form(executor, case.input, case.finish);
}

/// A random pipeline as an iterator: it gives the outputs of the naive loop, then its error; and a part of it gives a part of them, and
/// can be dropped at any place.
pub fn random_iterator(seed: u64) {
    let mut case = Case::new(seed);
    case.make_sync();
    // An iterator is the end itself, and gives its outputs in order also where any would do.
    case.finish = Finish::Sink(crate::testing::End::default());
    let shape = case.shape();
    let expected = expect_read(&shape, &case.input.naive(&case.script), case.finish.end());
    let wanted: Vec<Num> = expected.outputs.iter().map(|(_, item)| *item).collect();
    let log = LetterLog::new();
    let part = wanted.len() / 2;
    let first: Result<Vec<Num>, RunError> = case.pipeline(&log).iter().take(part).collect();
    let text = |error: &RunError| error.to_string();
    match first {
        Ok(first) => {
            assert!(first == wanted[..part], "PIPE_SEED={seed}: the first {part} items differ\n{case}")
        }
        // What comes before the first output may be too much for its policy.
        Err(RunError::TooManyFailures { .. }) if !expected.may_abort.is_empty() => {}
        Err(error) => panic!("PIPE_SEED={seed}: {error} before item {part}\n{case}"),
    }
    let (mut got, mut failed) = (Vec::new(), None);
    for item in case.pipeline(&log).iter() {
        match item {
            Ok(item) => got.push(item),
            Err(error) => assert!(failed.replace(error).is_none(), "PIPE_SEED={seed}: two errors\n{case}"),
        }
    }
    if matches!(failed, Some(RunError::TooManyFailures { .. })) && !expected.may_abort.is_empty() {
        return;
    }
    let failed = failed.as_ref().map(text);
    assert_eq!(failed, expected.error, "PIPE_SEED={seed}: how it ends\n{case}");
    assert!(got == wanted, "PIPE_SEED={seed}: {} items, and not {}\n{case}", got.len(), wanted.len());
}
