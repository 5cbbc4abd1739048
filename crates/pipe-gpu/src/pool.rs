//! The slots of a device, lent to the workers of a run, and how many bytes there may be.
//!
//! They are made when they are first wanted and used again; so pinned memory, which is slow to get, is got once. How many there may be is
//! what the budget has room for. Nobody waits for one: who gets none computes on the CPU.

use crate::cuda::{Driver, Pages, Slot};
use crate::custom::CudaFunction;
use crate::error::GpuError;
use crate::facts::DeviceFacts;
use crate::gate::Rates;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A device that is open, and its slots.
pub(crate) struct Pool {
    driver: Arc<Driver>,
    /// Bytes of each slot on the device; as many are pinned on the host.
    slot_bytes: usize,
    /// Bytes that all slots together may have on the device.
    limit: usize,
    slots: Mutex<Slots>,
    rates: OnceLock<Rates>,
    /// Why the device is not used any more.
    failure: OnceLock<GpuError>,
}

#[derive(Default)]
struct Slots {
    idle: Vec<Slot>,
    /// Idle or lent.
    made: usize,
    /// Bytes on the device that numbers stay in.
    staying: usize,
}

impl Pool {
    pub(crate) fn new(driver: Driver, slot_bytes: usize, limit: usize) -> Self {
        Pool {
            driver: Arc::new(driver),
            // A slot of nothing is refused before a run; who has not asked gets one that works.
            slot_bytes: slot_bytes.max(8),
            limit,
            slots: Mutex::default(),
            rates: OnceLock::new(),
            failure: OnceLock::new(),
        }
    }

    pub(crate) fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    pub(crate) fn facts(&self) -> &DeviceFacts {
        self.driver.facts()
    }

    /// Sees to it that a function of one's own is there; on a device that is not used any more it need not be.
    ///
    /// # Errors
    /// What the driver says of it.
    pub(crate) fn load(&self, function: CudaFunction) -> Result<(), GpuError> {
        if self.failure().is_some() { Ok(()) } else { self.driver.load(function) }
    }

    /// Why the device is not used any more, if it is not.
    pub(crate) fn failure(&self) -> Option<&GpuError> {
        self.failure.get()
    }

    /// The device is not used any more. The first one to say so says why.
    pub(crate) fn fail(&self, error: GpuError) {
        self.failure.get_or_init(|| error);
        // None is made any more either, and those that are lent are dropped when they come back.
        let mut slots = self.lock();
        let idle = std::mem::take(&mut slots.idle);
        slots.made -= idle.len();
        drop(slots);
        drop(idle);
    }

    /// The device is not used any more, unless it only lacked memory, which somebody else may give back.
    pub(crate) fn fail_if_lost(&self, error: &GpuError) {
        if !matches!(error, GpuError::OutOfMemory { .. }) {
            self.fail(error.clone());
        }
    }

    /// How many slots are lent.
    pub(crate) fn lent(&self) -> usize {
        let slots = self.lock();
        slots.made - slots.idle.len()
    }

    /// Slots that are lent, and bytes that columns have.
    pub(crate) fn business(&self) -> (usize, usize) {
        let slots = self.lock();
        (slots.made - slots.idle.len(), slots.staying)
    }

    /// A slot, until it is taken back.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn one(&self) -> Result<Slot, GpuError> {
        let mut slots = self.lock();
        if let Some(slot) = slots.idle.pop() {
            return Ok(slot);
        }
        let full = self.full(&slots, self.slot_bytes)?;
        slots.made += 1;
        drop(slots);
        Slot::new(&self.driver, self.slot_bytes).map_err(|error| {
            self.lock().made -= 1;
            if is_out_of_memory(&error) { full } else { error }
        })
    }

    /// Keeps a slot for the next one who wants it, unless something may be under way in it.
    pub(crate) fn take_back(&self, slot: Slot) {
        let mut slots = self.lock();
        if slot.is_idle() && self.failure().is_none() {
            slots.idle.push(slot);
        } else {
            drop(slots);
            drop(slot);
            self.lock().made -= 1;
        }
    }

    /// What to say if the device has no room for this many bytes though the limit has.
    ///
    /// # Errors
    /// The same, if the limit has no room for them.
    fn full(&self, slots: &Slots, wanted: usize) -> Result<GpuError, GpuError> {
        let in_use = slots.made * self.slot_bytes + slots.staying;
        let full = GpuError::OutOfMemory { wanted, in_use, limit: self.limit };
        if wanted > self.limit.saturating_sub(in_use) { Err(full) } else { Ok(full) }
    }

    /// A slot with so many bytes on the device for numbers that stay there, and the room that it takes.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn staying(self: &Arc<Self>, bytes: usize) -> Result<(Slot, Room), GpuError> {
        if let Some(error) = self.failure() {
            return Err(error.clone());
        }
        let mut slots = self.lock();
        let full = self.full(&slots, bytes)?;
        slots.staying += bytes;
        drop(slots);
        let room = Room { pool: self.clone(), bytes };
        match Slot::with_device_bytes(&self.driver, self.slot_bytes, bytes) {
            Ok(slot) => Ok((slot, room)),
            Err(error) => Err(if is_out_of_memory(&error) { full } else { error }),
        }
    }

    /// Pins memory.
    ///
    /// # Errors
    /// The driver's.
    pub(crate) fn pin(&self, pages: &mut Pages) -> Result<(), GpuError> {
        pages.pin(&self.driver)
    }

    /// How fast its bus is: measured once.
    pub(crate) fn rates(&self) -> Result<Rates, GpuError> {
        if let Some(rates) = self.rates.get() {
            return Ok(*rates);
        }
        let mut slot = self.one()?;
        let measured = slot.rates();
        self.take_back(slot);
        let measured = measured?;
        Ok(*self.rates.get_or_init(|| measured))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes on the device that are among those that are limited until it is dropped: after what lies in them.
pub(crate) struct Room {
    pub(crate) pool: Arc<Pool>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.pool.lock().staying -= self.bytes;
    }
}

fn is_out_of_memory(error: &GpuError) -> bool {
    matches!(error, GpuError::Driver { name, .. } if name == "CUDA_ERROR_OUT_OF_MEMORY")
}
