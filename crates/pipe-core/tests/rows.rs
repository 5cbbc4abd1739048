//! The first rows of a source.
#![cfg(feature = "testing")]

use pipe_core::testing::{Pull, Rng, ScriptedSource};
use pipe_core::{
    Batch, Cancel, Flow, FromIter, Inline, Items, RunError, Source, Truncate, from_source, skip,
};

const ROWS: u64 = 30;

/// 30 numbers in batches of random sizes, then a failure if `fails`.
fn rows(rng: &mut Rng, fails: bool) -> ScriptedSource<u64> {
    let (mut pulls, mut next) = (Vec::new(), 0);
    while next < ROWS {
        let end = (next + 1 + rng.below(8)).min(ROWS);
        pulls.push(Pull::Give((next..end).collect()));
        next = end;
    }
    pulls.extend(fails.then(|| Pull::Fail("pulled on".into())));
    ScriptedSource::new(pulls)
}

#[test]
fn rows_are_left_out_and_taken_as_by_an_iterator() {
    for seed in 0..20 {
        let rng = &mut Rng::new(seed);
        for left_out in 0..ROWS + 3 {
            for taken in [0, 1, 2, ROWS - 1, ROWS, u64::MAX] {
                let pipeline = from_source(rows(rng, false)).skip_rows(left_out).take_rows(taken);
                let seen = pipeline.collect().run_on(&Inline).unwrap().value;
                let naive = (0..ROWS).skip(left_out as usize).take(usize::try_from(taken).unwrap());
                assert_eq!(seen, naive.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn the_source_is_not_pulled_behind_the_last_row() {
    for seed in 0..20 {
        let rng = &mut Rng::new(seed);
        for taken in 0..=ROWS {
            let seen = from_source(rows(rng, true)).take_rows(taken).collect().run_on(&Inline).unwrap();
            assert_eq!(seen.value.len() as u64, taken);
        }
        let seen = from_source(rows(rng, true)).take_rows(ROWS + 1).collect().run_on(&Inline);
        assert!(matches!(seen, Err(RunError::Source { .. })));
    }
}

#[test]
fn positions_stay_what_they_are() {
    let refuse = |n: u64| if n == 17 { Err("seventeen") } else { Ok(n) };
    let ended =
        from_source(rows(&mut Rng::new(1), false)).skip_rows(5).try_map(refuse).collect().run_on(&Inline);
    assert_eq!(ended.unwrap_err().to_string(), "stage try_map#0 failed at 17: seventeen");
}

#[test]
fn settings_made_before_are_kept() {
    let cancel = Cancel::new();
    cancel.cancel();
    let pipeline =
        from_source(FromIter::new(0u64..)).cancelled_by(&cancel).on_error(skip()).skip_rows(1).take_rows(9);
    assert!(matches!(pipeline.collect().run_on(&Inline), Err(RunError::Cancelled)));
}

/// A batch with nothing but what a batch must have: it does not know when it is empty.
struct Bare(Items<u64>);

impl Batch for Bare {
    type Item<'a> = u64;

    fn bytes(&self) -> usize {
        0
    }

    fn drive(&mut self, limit: usize, each: impl for<'a> FnMut(u64, u64) -> Flow) -> usize {
        self.0.drive(limit, each)
    }

    fn position(&self) -> u64 {
        Batch::position(&self.0)
    }
}

struct BareSource(ScriptedSource<u64>);

impl Source for BareSource {
    type Item = pipe_core::Own<u64>;
    type Batch = Bare;

    fn pull(&mut self, want: pipe_core::Want) -> Result<Option<Bare>, pipe_core::BoxError> {
        Ok(self.0.pull(want)?.map(Bare))
    }
}

#[test]
fn the_defaults_of_a_minimal_batch_will_do() {
    for left_out in 0..ROWS + 3 {
        let source = BareSource(rows(&mut Rng::new(left_out), false));
        let seen = from_source(source).skip_rows(left_out).map(|n| n).collect().run_on(&Inline).unwrap();
        assert_eq!(seen.value, (left_out..ROWS).collect::<Vec<_>>());
    }
}

#[test]
fn a_batch_that_was_lent_from_is_cut_behind_what_is_left() {
    for lent in 0..=9usize {
        for kept in 0..12usize {
            let mut batch = Items::at((10..19).collect(), (0..9u64).collect());
            batch.drive(lent, |_, _| Flow::Continue(()));
            let left = kept.min(9 - lent);
            assert_eq!(Truncate::truncate(&mut batch, kept), left);
            let seen: Vec<_> = std::iter::from_fn(|| batch.next_at()).collect();
            assert_eq!(seen, (lent as u64..(lent + left) as u64).map(|n| (10 + n, n)).collect::<Vec<_>>());
        }
    }
}
