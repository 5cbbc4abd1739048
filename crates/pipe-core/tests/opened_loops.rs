//! A run that begins as one loop and goes on with nodes, as on an executor that first looks whether several workers pay.

use pipe_core::plan::{Line, NoEnd, Node, Plan, Ran, RunState, Segment, Work, Worker};
use pipe_core::{
    BoxError, Event, Executor, MemorySettings, Profile, RunError, Spill, Want, Weigh, from_iter,
};
use std::convert::Infallible;
use std::sync::Arc;

/// The first `items` in the loop, the others through nodes.
struct Opens {
    items: usize,
    memory: MemorySettings,
}

impl<'p> Executor<'p> for Opens {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.memory.profile("Opens", 1)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let run = plan.run().clone();
        let mut whole = plan.into_loop().expect("an iterator, one segment, a sink");
        let mut left = self.items;
        while left > 0 {
            match whole.run(left)? {
                Ran::More(items) => left -= items,
                ended => panic!("the input is longer: {ended:?}"),
            }
        }
        let mut opened = whole.open();
        let mut first = opened.first;
        let workers = opened.nodes.into_iter().map(|node| worker(node, &mut first, &run));
        let mut line = Line::new(run.clone(), workers.collect::<Result<_, _>>()?);
        while let Some(batch) = opened.source.pull(Want { items: 1_000, bytes: 1 << 20 })? {
            assert!(line.carry(batch, &mut NoEnd)?.is_continue());
        }
        line.finish(&mut NoEnd)
    }
}

fn worker<'p>(
    node: Node<'p>,
    first: &mut Option<Box<dyn Worker + 'p>>,
    run: &Arc<RunState>,
) -> Result<Box<dyn Worker + 'p>, RunError> {
    match node.work {
        Work::Parallel(segment) => first.take().map_or_else(|| Segment::worker(segment, run.clone()), Ok),
        Work::Serial(worker) => Ok(worker),
        Work::Async(never) => match never {},
    }
}

/// Numbers, and the sum of those that are on disk.
#[derive(Default)]
struct Numbers {
    kept: Vec<u64>,
    spilled: u64,
}

impl Weigh for Numbers {
    fn heap(&self) -> usize {
        self.kept.heap()
    }
}

impl Spill for Numbers {
    fn spill(&mut self) -> Result<u64, BoxError> {
        let bytes = size_of_val(&self.kept[..]);
        self.spilled += std::mem::take(&mut self.kept).iter().sum::<u64>();
        Ok(bytes as u64)
    }
}

#[test]
fn what_was_spilled_before_a_loop_is_opened_is_in_the_report() {
    let mut memory = MemorySettings::default();
    memory.set_limit(16 << 10);
    let opens = Opens { items: 4_000, memory };
    let sum = from_iter(0..5_000u64).fold(
        Numbers::default,
        // Nothing is kept of what comes through nodes.
        |numbers, n| {
            if n < 4_000 {
                numbers.kept.push(n)
            }
        },
        |all, part| all.kept.extend(part.kept),
    );
    let report = sum.spilling().run_on(&opens).expect("it spills");
    let value = report.value.spilled + report.value.kept.iter().sum::<u64>();
    assert_eq!(value, (0..4_000).sum::<u64>());
    let spilled: Vec<_> =
        report.events.iter().filter(|event| matches!(event, Event::Spilled { .. })).collect();
    assert!(matches!(spilled[..], [Event::Spilled { times: 2.., bytes: 16_000.., .. }]), "{spilled:?}");
}
