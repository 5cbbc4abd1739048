//! The executor: its settings, and how they become a runner.

use crate::error::GpuError;
use crate::facts::DeviceFacts;
#[cfg(feature = "cuda")]
use crate::gate::Clock;
use crate::gate::{Gate, Rates};
use crate::log::Log;
use pipe_core::kernel::{Runner, Scalar};
use pipe_core::plan::Plan;
use pipe_core::{Budget, Executor, Inline, MemorySettings, Profile, RunError};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
#[cfg(feature = "cuda")]
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(feature = "cuda")]
type Device = Arc<crate::fleet::Fleet>;
#[cfg(not(feature = "cuda"))]
type Device = Infallible;

/// What happens to a block that the device cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// It is computed on the CPU.
    FallBack,
    /// It is a failed item.
    Fail,
}

/// Computes kernels on a CUDA device: as an executor on the calling thread, as a runner inside of any other.
///
/// Where there is no device, or it fails in mid-run, kernels go on on the CPU, and one event in the report says why. Clones use the same
/// device and its memory.
#[derive(Clone)]
pub struct Gpu {
    ordinals: Vec<u32>,
    memory: MemorySettings,
    device_memory: usize,
    slot_bytes: usize,
    pub(crate) slots: usize,
    pub(crate) gate: Gate,
    pub(crate) without: Without,
    pub(crate) cpu: Arc<dyn Runner>,
    /// Opened when it is first needed, with the settings of then.
    device: Arc<OnceLock<Result<Device, GpuError>>>,
    pub(crate) log: Arc<Log>,
    /// How long the CPU takes for the serial stage, which has a new worker for each block.
    #[cfg(feature = "cuda")]
    serial: Arc<Mutex<Clock>>,
}

impl Gpu {
    /// The first device, with up to 256 MiB of its memory, and plain loops where it is not used.
    pub fn new() -> Self {
        Gpu {
            ordinals: vec![0],
            memory: MemorySettings::default(),
            device_memory: 256 << 20,
            slot_bytes: 4 << 20,
            slots: 3,
            gate: Gate::Measured,
            without: Without::FallBack,
            cpu: Arc::new(Scalar),
            device: Arc::default(),
            log: Arc::default(),
            #[cfg(feature = "cuda")]
            serial: Arc::default(),
        }
    }

    /// Which device, from 0, in the order of the driver.
    pub fn device(self, ordinal: u32) -> Self {
        self.devices([ordinal])
    }

    /// Which devices, each once. The pieces of a block go to all of them, each to the one that has the fewest under way; [`Gpu::slots`] and
    /// [`Gpu::device_memory`] are those of each. One that fails in mid-run leaves the work to the others, and one event says so. None is a config error
    /// when the pipeline is run; if one of them cannot be opened, none is used.
    pub fn devices(mut self, ordinals: impl IntoIterator<Item = u32>) -> Self {
        self.ordinals.clear();
        for ordinal in ordinals {
            if !self.ordinals.contains(&ordinal) {
                self.ordinals.push(ordinal);
            }
        }
        self.reopened()
    }

    /// How many bytes may be alive between source and sink, see [`MemorySettings`]. Buffers of the device are not among them. As on
    /// [`Inline`] only accumulators are weighed, and batches become smaller with the limit.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Takes from this budget, together with all other runs that do; see [`MemorySettings`].
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }

    /// How many bytes the slots may take on the device; as many are pinned on the host. Less than one slot is a config error when the
    /// pipeline is run.
    pub fn device_memory(mut self, bytes: usize) -> Self {
        self.device_memory = bytes;
        self.reopened()
    }

    /// How many bytes go to the device at once: 4 MiB unless set; rounded up to a multiple of eight. Zero is a config error when the
    /// pipeline is run.
    pub fn slot_bytes(mut self, bytes: usize) -> Self {
        self.slot_bytes = bytes.checked_next_multiple_of(8).unwrap_or(usize::MAX);
        self.reopened()
    }

    /// How many pieces of a block are under way at once, each in a slot with a stream of its own: 3 unless set, so that one is copied
    /// there, one computed and one copied back. Fewer, where the device's memory has no room for more. Zero is a config error when the
    /// pipeline is run.
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// How it is decided whether a block is worth the way to the device.
    pub fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// What computes kernels where the device does not; plain loops unless set.
    pub fn or_on(mut self, cpu: impl Runner + 'static) -> Self {
        self.cpu = Arc::new(cpu);
        #[cfg(feature = "cuda")]
        {
            self.serial = Arc::default();
        }
        self
    }

    /// Makes it an error where there is no device, and where it fails in mid-run. What the gate keeps on the CPU, and a program that the
    /// device does not know, are none.
    pub fn strict(mut self) -> Self {
        self.without = Without::Fail;
        self
    }

    /// What is known of the device, of several the first. Opens it, if no run has done so.
    ///
    /// # Errors
    /// Why there is none.
    pub fn device_facts(&self) -> Result<DeviceFacts, GpuError> {
        #[cfg(feature = "cuda")]
        return self.opened().map(|fleet| fleet.first().facts().clone());
        #[cfg(not(feature = "cuda"))]
        self.opened().map(|never| match never {})
    }

    /// How fast its bus is, as [`Gate::Measured`] takes it: copies of a few pieces there and back. Measured once for a device.
    ///
    /// # Errors
    /// Why there is no device, or why it failed.
    pub fn rates(&self) -> Result<Rates, GpuError> {
        #[cfg(feature = "cuda")]
        return self.opened()?.rates();
        #[cfg(not(feature = "cuda"))]
        self.opened().map(|never| match never {})
    }

    /// Its settings are of another device now, or of another use of it.
    fn reopened(mut self) -> Self {
        self.device = Arc::default();
        self
    }

    pub(crate) fn opened(&self) -> Result<Device, GpuError> {
        self.device.get_or_init(|| self.open()).clone()
    }

    #[cfg(feature = "cuda")]
    pub(crate) fn serial_clock(&self) -> MutexGuard<'_, Clock> {
        self.serial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "cuda")]
    fn open(&self) -> Result<Device, GpuError> {
        let fleet = crate::fleet::Fleet::open(&self.ordinals, self.slot_bytes, self.device_memory)?;
        Ok(Arc::new(fleet))
    }

    #[cfg(not(feature = "cuda"))]
    fn open(&self) -> Result<Device, GpuError> {
        Err(GpuError::NotBuilt)
    }

    /// Settings that make no sense.
    pub(crate) fn refusal(&self) -> Option<RunError> {
        let config = |field, value: String, why| Some(RunError::Config { field, value, why });
        if self.ordinals.is_empty() {
            return config("devices", "[]".to_owned(), "no device would be used");
        }
        if self.slot_bytes == 0 {
            return config("slot_bytes", "0".to_owned(), "nothing could be copied to the device");
        }
        if self.slots == 0 {
            return config("slots", "0".to_owned(), "no piece of a block could be under way");
        }
        if self.device_memory < self.slot_bytes {
            return config("device_memory", self.device_memory.to_string(), "there is no room for one slot");
        }
        if self.without == Without::Fail
            && let Err(error) = self.opened()
        {
            return config("strict", error.to_string(), "there is no device to be strict about");
        }
        None
    }
}

impl Default for Gpu {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu")
            .field("devices", &self.ordinals)
            .field("device_memory", &self.device_memory)
            .field("slot_bytes", &self.slot_bytes)
            .field("slots", &self.slots)
            .field("gate", &self.gate)
            .field("or_on", &self.cpu.name())
            .finish_non_exhaustive()
    }
}

impl<'p> Executor<'p> for Gpu {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.memory.profile("Gpu", 1)
    }

    /// For one run, which has its own events.
    fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(Gpu { log: Arc::default(), ..self.clone() })
    }

    /// As `Inline` does: what differs is who computes the kernels.
    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        Inline.execute(plan)
    }
}
