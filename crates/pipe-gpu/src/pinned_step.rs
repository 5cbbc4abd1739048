//! A program as a step over pinned blocks.

use crate::element::Element;
use crate::pinned::PinnedBlock;
use crate::worker::Worker;
use pipe_core::kernel::{KernelWorker, Program};
use pipe_core::{Emit, Flow, Stage, Step};

/// A program over pinned blocks: `.stage(Pinned(program))`, where `.kernel(program)` would copy each block. A block goes to the device from its own
/// memory, and its results to that of another one of the same [`PinnedBlocks`](crate::PinnedBlocks). What the CPU computes, it computes in place: on every runner.
#[derive(Debug, Clone)]
pub struct Pinned<T: Element>(
    /// The program.
    pub Program<T>,
);

impl<T: Element> Stage for Pinned<T> {
    /// Made at the first block, when the run can be asked for its runner.
    type State = Option<Box<dyn KernelWorker<T>>>;

    fn state(&self) -> Self::State {
        None
    }
}

impl<T: Element> Step<PinnedBlock<T>> for Pinned<T> {
    type Out = PinnedBlock<T>;

    fn push<O: Emit<PinnedBlock<T>>>(
        &self,
        worker: &mut Self::State,
        mut block: PinnedBlock<T>,
        out: &mut O,
    ) -> Flow {
        let worker = worker.get_or_insert_with(|| T::worker(out.context().runner().worker()));
        let done = match worker.as_any().and_then(|worker| worker.downcast_mut::<Worker>()) {
            Some(device) => device.pinned(&self.0, block),
            None => worker.run(&self.0, &mut block).map(|()| block),
        };
        match done {
            Ok(block) => out.emit(block),
            Err(error) => out.fail(error),
        }
    }
}
