//! Who computes the kernels of a run: the device where it is there and worth it, the runner for the CPU elsewhere.

use crate::error::GpuError;
use crate::log::{Log, Topic};
#[cfg(feature = "cuda")]
use crate::{gate::Gate, pool::Pool, worker::Worker};
use pipe_core::kernel::{KernelWorker, Runner};
use pipe_core::{BoxError, Event};
use std::sync::Arc;

/// What happens to a block that the device cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// It is computed on the CPU.
    FallBack,
    /// It is a failed item.
    Fail,
}

/// The runner of one run.
#[derive(Clone)]
pub(crate) struct GpuRunner {
    /// The device, or why there is none.
    #[cfg(feature = "cuda")]
    pub(crate) device: Result<Arc<Pool>, GpuError>,
    #[cfg(not(feature = "cuda"))]
    pub(crate) device: Result<std::convert::Infallible, GpuError>,
    pub(crate) cpu: Arc<dyn Runner>,
    #[cfg(feature = "cuda")]
    pub(crate) gate: Gate,
    #[cfg(feature = "cuda")]
    pub(crate) slots: usize,
    pub(crate) without: Without,
    pub(crate) log: Arc<Log>,
}

impl Runner for GpuRunner {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn f32(&self) -> Box<dyn KernelWorker<f32>> {
        self.worker(self.cpu.f32())
    }

    fn f64(&self) -> Box<dyn KernelWorker<f64>> {
        self.worker(self.cpu.f64())
    }

    fn events(&self) -> Vec<Event> {
        self.log.take()
    }
}

impl GpuRunner {
    #[cfg(feature = "cuda")]
    fn worker<T: crate::cuda::Real>(&self, cpu: Box<dyn KernelWorker<T>>) -> Box<dyn KernelWorker<T>> {
        match &self.device {
            Ok(pool) => Box::new(Worker::new(self.clone(), pool.clone(), cpu)),
            Err(error) => self.absent(error, cpu),
        }
    }

    #[cfg(not(feature = "cuda"))]
    fn worker<T: 'static>(&self, cpu: Box<dyn KernelWorker<T>>) -> Box<dyn KernelWorker<T>> {
        match &self.device {
            Ok(never) => match *never {},
            Err(error) => self.absent(error, cpu),
        }
    }

    /// The worker of a run without a device.
    fn absent<T: 'static>(
        &self,
        error: &GpuError,
        cpu: Box<dyn KernelWorker<T>>,
    ) -> Box<dyn KernelWorker<T>> {
        if self.without == Without::Fail {
            return Box::new(Refusing(error.clone()));
        }
        self.log.note(Topic::Device, self.cpu.name(), || error.to_string());
        cpu
    }
}

/// Fails every block. For a strict run on an executor that does not ask for a device before it begins.
struct Refusing(GpuError);

impl<T> KernelWorker<T> for Refusing {
    fn run(&mut self, _: &pipe_core::kernel::Program<T>, _: &mut [T]) -> Result<(), BoxError> {
        Err(self.0.clone().into())
    }
}
