//! Chains over borrowed rows: text in, parsed where it lies, owned only at the end of the segment.

use super::{Chain, Trial};
use crate::item::Own;
use crate::lower::Start;
use crate::pipeline::{Pipeline, Retries};
use crate::source::from_source;
use crate::stage::{Emit, Flow, Stage, Step};
use crate::testing::check::Ran;
use crate::testing::row::{Row, again, line, row};
use crate::testing::{Num, Op, TextSource, steps};

/// [`steps::Own`] over rows.
struct OwnRows(steps::Own);

impl Stage for OwnRows {
    type State = std::rc::Rc<()>;

    fn state(&self) -> Self::State {
        self.0.state()
    }
}

impl Step<Row<'_>> for OwnRows {
    type Out = Num;

    fn push<O: Emit<Num>>(&self, state: &mut Self::State, item: Row<'_>, out: &mut O) -> Flow {
        self.0.push(state, again(&item), out)
    }
}

type Texts = Pipeline<Start<TextSource>, crate::adapters::Identity, &'static str>;

fn texts(trial: &Trial<'_>) -> Texts {
    from_source(TextSource::new(trial.items().into_iter().map(line)))
}

/// A chain from text: what it adds, and the same as data.
macro_rules! chain {
    ([$($op:expr),+], |$texts:ident| $pipeline:expr) => {
        Chain {
            ops: vec![$($op),+],
            run: |trial| {
                let $texts = texts(trial);
                ended(trial, $pipeline)
            },
        }
    };
}

pub(super) fn chains() -> Vec<Chain> {
    use Op::{Counted, Filter, FilterMap, FlatMap, Inspect, Map, MapWith, Own, Parse, Pass, TryMap};
    vec![
        chain!([Parse(5), Map(2)], |texts| texts.parse(row(5)).map(|row| steps::map(2)(again(&row)))),
        chain!([Parse(5), Filter(3), Pass], |texts| {
            texts.parse(row(5)).filter(|row| steps::filter(3)(&row.num)).map(|row| again(&row))
        }),
        chain!([Parse(5), FilterMap(2)], |texts| {
            texts.parse(row(5)).filter_map(|row| steps::filter_map(2)(again(&row)))
        }),
        chain!([Parse(5), TryMap(4)], |texts| texts
            .parse(row(5))
            .try_map(|row| steps::try_map(4)(again(&row)))),
        chain!([Parse(5), FlatMap(3)], |texts| {
            texts.parse(row(5)).flat_map(|row| steps::flat_map(3)(again(&row)))
        }),
        chain!([Parse(5), MapWith(3)], |texts| {
            let multiply = |n: &mut std::rc::Rc<i64>, row: Row<'_>| steps::multiply(n, again(&row));
            texts.parse(row(5)).map_with(steps::multiplier(3), multiply)
        }),
        chain!([Parse(5), Inspect, Pass], |texts| texts.parse(row(5)).inspect(|_| ()).map(|row| again(&row))),
        chain!([Parse(5), Counted, Pass], |texts| texts.parse(row(5)).counted().map(|row| again(&row))),
        chain!([Parse(5), Own(6)], |texts| texts.parse(row(5)).stage(OwnRows(steps::Own(6)))),
        chain!([Inspect, Parse(5), Pass], |texts| texts.inspect(|_| ()).parse(row(5)).map(|row| again(&row))),
        chain!([Counted, Parse(5), Pass], |texts| texts.counted().parse(row(5)).map(|row| again(&row))),
        chain!([Filter(2), Parse(5), Pass], |texts| {
            let odd = |line: &&str| line.ends_with(['1', '3', '5', '7', '9']);
            texts.filter(odd).parse(row(5)).map(|row| again(&row))
        }),
    ]
}

/// Letters carry the line as it stood in the input.
fn ended<C>(trial: &Trial<'_>, pipeline: Pipeline<Start<TextSource>, C, Own<Num>>) -> Ran
where
    C: for<'a> Step<&'a str, Out = Num> + Retries<Start<TextSource>> + 'static,
{
    let ran = match trial.start {
        super::Start::Iter => trial.straight(pipeline),
        super::Start::Script => trial.batched(pipeline),
    };
    let lines = trial.items();
    for letter in trial.log.letters() {
        let at = letter.at.and_then(|at| usize::try_from(at).ok()).expect("every line has a place");
        let text = line(lines[at]);
        assert_eq!(
            letter.record.as_deref(),
            Some(text.as_bytes()),
            "a letter of line {at} carries another record"
        );
    }
    ran
}
