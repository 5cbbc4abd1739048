//! A pipeline whose type has ended, async stages included: what [`Pipeline::boxed`] cannot be for every executor.

use crate::adapters::Identity;
use crate::executor::Executor;
use crate::inline::Inline;
use crate::item::Own;
use crate::lower::{AnyWorkers, Cut, Feed, Lower, Upstream};
use crate::pipeline::Pipeline;
use crate::plan::{AnySource, Node};
use crate::run::RunState;
use crate::testing::reactor::{Waiting, changed, nowhere};
use crate::testing::{Num, Provable};
use std::sync::Arc;

/// A pipeline over numbers whose type has ended.
pub(crate) type Numbers = Pipeline<Sealed, Identity, Own<Num>>;

/// What is upstream of it.
pub(crate) struct Sealed {
    lower: Box<LowerSealed>,
}

type LowerSealed =
    dyn FnOnce(&mut Vec<Node<'static, Waiting>>, &Arc<RunState>) -> Box<dyn AnySource + 'static>;

/// Ends the type of a pipeline, at an edge.
pub(crate) fn sealed<U: 'static, C: 'static>(pipeline: Pipeline<U, C, Own<Num>>) -> Numbers
where
    Cut<U, C, Num, AnyWorkers>: Lower<'static, dyn Provable>,
{
    pipeline.edge().over_upstream(|up| Sealed {
        lower: Box::new(move |nodes, run| Lower::<'static, dyn Provable>::lower(up, nodes, run)),
    })
}

impl Feed for Sealed {
    type Item = Own<Num>;
    type Batch = crate::batch::Items<Num>;
}

impl Upstream for Sealed {}

impl Lower<'static, dyn Provable + '_> for Sealed {
    fn lower(
        self,
        nodes: &mut Vec<Node<'static, Waiting>>,
        run: &Arc<RunState>,
    ) -> Box<dyn AnySource + 'static> {
        (self.lower)(nodes, run)
    }
}

/// For the iterator form, before which no async stage stands.
impl Lower<'static, Inline> for Sealed {
    fn lower(
        self,
        nodes: &mut Vec<Node<'static, <Inline as Executor<'static>>::Async>>,
        run: &Arc<RunState>,
    ) -> Box<dyn AnySource + 'static> {
        let mut own = Vec::new();
        let source = (self.lower)(&mut own, run);
        nodes.extend(own.into_iter().map(|node| changed(node, &mut nowhere)));
        source
    }
}
