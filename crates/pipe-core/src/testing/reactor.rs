//! Async stages of random pipelines, and who drives them.

use crate::async_step::{AsyncStep, MapAsync, TryMapAsync};
use crate::clock::Clock;
use crate::error::RunError;
use crate::executor::{Drives, Executor, Profile};
use crate::kernel::Runner;
use crate::opaque::opaque;
use crate::plan::{Node, Nodes, Plan, Work};
use crate::run::RunState;
use crate::testing::{Num, Provable, steps};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// An executor with a reactor on trial: as the executor itself, and with async stages in the random pipelines.
///
/// An executor alone is [`Provable`] too, and then drives none.
pub struct WithReactor<X>(pub X);

opaque!([X] WithReactor[X]);

impl<X> Provable for WithReactor<X>
where
    X: Executor<'static, Ran = Result<(), RunError>> + Drives<'static, Passing> + Drives<'static, Failing>,
{
    fn says(&self) -> Result<Profile, RunError> {
        self.0.profile()
    }

    fn computes(&self) -> Arc<dyn Runner> {
        self.0.runner()
    }

    fn shows(&self) -> Arc<dyn Clock> {
        self.0.clock()
    }

    fn has_reactor(&self) -> bool {
        true
    }

    fn runs(&self, plan: Plan<'static, Waiting>) -> Result<(), RunError> {
        self.0.execute(driven(plan, |Waiting { step, segment, run }| match step {
            Waits::Passing(step) => <X as Drives<'static, Passing>>::drive(step, segment, &run),
            Waits::Failing(step) => <X as Drives<'static, Failing>>::drive(step, segment, &run),
        }))
    }
}

/// The step behind `map_async` in a random pipeline.
pub type Passing = MapAsync<Call<Num>, Num>;

/// The step behind `try_map_async` in a random pipeline.
pub type Failing = TryMapAsync<Call<Result<Num, String>>, Num, Num, String>;

/// Starts an operation.
pub type Call<T> = Box<dyn Fn(Num) -> Operation<T> + Send + Sync>;

/// An operation of a random pipeline.
pub type Operation<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An async stage of a plan, before the executor on trial has been asked how it drives it.
pub struct Waiting {
    step: Waits,
    segment: usize,
    run: Arc<RunState>,
}

opaque!([] Waiting[]);

enum Waits {
    Passing(Passing),
    Failing(Failing),
}

impl Drives<'static, Passing> for dyn Provable + '_ {
    fn drive(step: Passing, segment: usize, run: &Arc<RunState>) -> Waiting {
        Waiting { step: Waits::Passing(step), segment, run: run.clone() }
    }
}

impl Drives<'static, Failing> for dyn Provable + '_ {
    fn drive(step: Failing, segment: usize, run: &Arc<RunState>) -> Waiting {
        Waiting { step: Waits::Failing(step), segment, run: run.clone() }
    }
}

const _: fn() = || {
    fn is_step<S: AsyncStep<In = Num, Out = Num>>() {}
    is_step::<Passing>();
    is_step::<Failing>();
};

/// The same plan, its async stages as `drive` makes them.
pub(crate) fn driven<A, B>(plan: Plan<'static, A>, mut drive: impl FnMut(A) -> B) -> Plan<'static, B> {
    let run = plan.run().clone();
    let Nodes { source, nodes, first } = match plan.into_loop() {
        Ok(whole) => return Plan::of_loop(whole, run),
        Err(nodes) => nodes,
    };
    let nodes = nodes.into_iter().map(|node| changed(node, &mut drive)).collect();
    Plan::from_nodes(Nodes { source, nodes, first }, run)
}

/// The same node, driven so if it waits.
pub(crate) fn changed<A, B>(node: Node<'static, A>, drive: &mut impl FnMut(A) -> B) -> Node<'static, B> {
    let work = match node.work {
        Work::Parallel(segment) => Work::Parallel(segment),
        Work::Serial(worker) => Work::Serial(worker),
        Work::Async(stage) => Work::Async(drive(stage)),
    };
    Node { segment: node.segment, work }
}

/// Where no async stage can come: a random pipeline for an executor without a reactor has none.
pub(crate) fn nowhere<B>(_: Waiting) -> B {
    unreachable!("an async stage on an executor without a reactor")
}

/// Adds `n`, after a while.
pub(crate) fn passing(n: i64) -> Call<Num> {
    let add = steps::map(n);
    Box::new(move |item| after(item, add(item)))
}

/// As [`steps::flaky`], after a while.
pub(crate) fn failing(n: i64, fails: u32) -> Call<Result<Num, String>> {
    let flaky = steps::flaky(n, fails);
    Box::new(move |item| after(item, flaky(item)))
}

/// An operation that is not over at once: how often it is polled has nothing to do with the order of the items.
fn after<T: Send + Unpin + 'static>(item: Num, output: T) -> Operation<T> {
    let (mut polls, mut output) = (item.id % 4, Some(output));
    Box::pin(poll_fn(move |cx| {
        if polls == 0 {
            return Poll::Ready(output.take().expect("it is polled until it is ready, and then no more"));
        }
        polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
}
