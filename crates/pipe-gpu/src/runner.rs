//! What computes the kernels of a run: the device where it is there and worth it, the runner for the CPU elsewhere.

use crate::error::GpuError;
use crate::executor::{Gpu, Without};
use crate::log::Topic;
use pipe_core::kernel::{KernelWorker, KernelWorkers, Number, Program, Runner};
use pipe_core::{BoxError, Event, RunError};

/// On any executor: `Parallel::new().kernels(Gpu::new())`. Workers share the device, its budget, and what is said of it.
impl Runner for Gpu {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn worker(&self) -> Box<dyn KernelWorkers> {
        let error = match self.opened() {
            #[cfg(feature = "cuda")]
            Ok(fleet) => return Box::new(crate::worker::Worker::new(self.clone(), fleet)),
            #[cfg(not(feature = "cuda"))]
            Ok(never) => match never {},
            Err(error) => error,
        };
        if self.without == Without::Fail {
            return Box::new(Refusing(error));
        }
        self.note(Topic::Device, || error.to_string());
        self.cpu.worker()
    }

    /// The device is opened here if the run is strict, else by the first kernel: a pipeline without one has no need of it.
    fn prepare(&self) -> Result<Vec<Event>, RunError> {
        self.refusal().map_or(Ok(()), Err)?;
        // Which loops the CPU would take is of interest only where it falls back.
        let events = self.cpu.prepare()?;
        Ok(events.into_iter().filter(|event| matches!(event, Event::Fallback { .. })).collect())
    }

    fn events(&self) -> Vec<Event> {
        let mut events = self.log.take();
        events.extend(self.cpu.events());
        events
    }
}

impl Gpu {
    /// Says, once in a run, why kernels are computed on the CPU.
    pub(crate) fn note(&self, topic: Topic, why: impl FnOnce() -> String) {
        self.log.note(topic, || Event::Fallback {
            wanted: "kernels on the device".to_owned(),
            got: format!("kernels on the CPU ({})", self.cpu.name()),
            why: why(),
        });
    }
}

#[cfg(feature = "cuda")]
impl Gpu {
    /// Says, once in a run, why one device of several is not used any more.
    pub(crate) fn note_others(&self, why: impl FnOnce() -> String) {
        self.log.note(Topic::Others, || Event::Fallback {
            wanted: "kernels on all devices".to_owned(),
            got: "kernels on the other devices".to_owned(),
            why: why(),
        });
    }

    /// Says, once in a run, why blocks are not pinned.
    pub(crate) fn note_unpinned(&self, why: impl FnOnce() -> String) {
        self.log.note(Topic::Unpinned, || Event::Fallback {
            wanted: "copies from the blocks themselves".to_owned(),
            got: "copies through pinned memory".to_owned(),
            why: why(),
        });
    }
}

/// Fails every block: for who asks for a worker of a strict run without a device, and has not asked `prepare`.
struct Refusing(GpuError);

impl<T: Number> KernelWorker<T> for Refusing {
    fn run(&mut self, _: &Program<T>, _: &mut [T]) -> Result<(), BoxError> {
        Err(self.0.clone().into())
    }
}
