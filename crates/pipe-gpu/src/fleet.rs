//! The devices of a run, and their slots for a block: each piece goes to the device that has the fewest of them under way.

use crate::cuda::{Driver, Pages, Registered, Slot};
use crate::custom::CudaFunction;
use crate::error::GpuError;
use crate::gate::Rates;
use crate::pool::Pool;
use std::sync::Arc;

/// Devices that are open, at least one; and what is said of all of them.
pub(crate) struct Fleet {
    pools: Vec<Arc<Pool>>,
    facts: String,
}

impl Fleet {
    /// Opens these devices.
    ///
    /// # Errors
    /// Why one of them cannot be used.
    pub(crate) fn open(ordinals: &[u32], slot_bytes: usize, limit: usize) -> Result<Self, GpuError> {
        let registered = Arc::new(Registered::default());
        let open = |ordinal: &u32| {
            Ok(Arc::new(Pool::new(Driver::open(*ordinal, registered.clone())?, slot_bytes, limit)))
        };
        let pools = ordinals.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let facts = match pools.as_slice() {
            [] => return Err(GpuError::NoSuchDevice { wanted: 0, found: 0 }),
            [one] => one.facts().to_string(),
            several => {
                let each = several.iter().zip(ordinals);
                let each = each.map(|(pool, ordinal)| format!("device {ordinal}: {}", pool.facts()));
                each.collect::<Vec<_>>().join("; ")
            }
        };
        Ok(Fleet { pools, facts })
    }

    /// What is known of all devices, for an event.
    pub(crate) fn facts(&self) -> &str {
        &self.facts
    }

    /// The first device.
    pub(crate) fn first(&self) -> &Arc<Pool> {
        &self.pools[0]
    }

    /// How many devices are still used.
    pub(crate) fn in_use(&self) -> usize {
        self.working().count()
    }

    /// Why no device is used any more, if none is.
    pub(crate) fn failure(&self) -> Option<&GpuError> {
        match self.working().next() {
            Some(_) => None,
            None => self.pools.iter().find_map(|pool| pool.failure()),
        }
    }

    pub(crate) fn slot_bytes(&self) -> usize {
        self.first().slot_bytes()
    }

    /// How fast the bus of one device is: what several have in common behind it is not known.
    ///
    /// # Errors
    /// Why it could not be measured; that device is not used any more then.
    pub(crate) fn rates(&self) -> Result<Rates, GpuError> {
        let pool = self.working().next().unwrap_or(self.first());
        pool.rates().inspect_err(|error| pool.fail_if_lost(error))
    }

    /// Sees to it that all devices have a function of one's own.
    ///
    /// # Errors
    /// What a driver says of it.
    pub(crate) fn load(&self, function: CudaFunction) -> Result<(), GpuError> {
        self.working().try_for_each(|pool| pool.load(function))
    }

    /// Pins memory, for all devices.
    ///
    /// # Errors
    /// Why it could not be pinned. The device is used on: only copies are slower.
    pub(crate) fn pin(&self, pages: &mut Pages) -> Result<(), GpuError> {
        match self.working().next() {
            Some(pool) => pool.pin(pages),
            None => Err(self.failure().cloned().unwrap_or(GpuError::NoSuchDevice { wanted: 0, found: 0 })),
        }
    }

    /// The device with the fewest slots lent and bytes taken, for what stays on one.
    pub(crate) fn least_busy(&self) -> &Arc<Pool> {
        self.working().min_by_key(|pool| pool.business()).unwrap_or(self.first())
    }

    /// Slots for pieces that are under way together, each from the device that has lent the fewest: as many as are wanted of each device, or fewer, but
    /// one at least.
    ///
    /// # Errors
    /// Why there is none. A device that fails is not used any more.
    pub(crate) fn lend(&self, wanted: usize) -> Result<Lent, GpuError> {
        let mut lent = Lent { slots: Vec::new() };
        let mut asked: Vec<(&Arc<Pool>, usize)> = self.working().map(|pool| (pool, 0)).collect();
        let mut refused = None;
        while lent.slots.len() < wanted {
            let least = asked.iter_mut().min_by_key(|(pool, own)| (pool.lent(), *own));
            let Some((pool, own)) = least else { break };
            match pool.one() {
                Ok(slot) => {
                    *own += 1;
                    lent.slots.push((pool.clone(), slot));
                }
                Err(error) => {
                    pool.fail_if_lost(&error);
                    refused = Some(error);
                    let without = pool.clone();
                    asked.retain(|(pool, _)| !Arc::ptr_eq(pool, &without));
                }
            }
        }
        match (lent.slots.is_empty(), refused) {
            // Some do with fewer.
            (false, _) => Ok(lent),
            (true, Some(error)) => Err(error),
            (true, None) => {
                Err(self.failure().cloned().unwrap_or(GpuError::NoSuchDevice { wanted: 0, found: 0 }))
            }
        }
    }

    fn working(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.iter().filter(|pool| pool.failure().is_none())
    }
}

/// Slots with the devices that they are of, until it is dropped.
pub(crate) struct Lent {
    slots: Vec<(Arc<Pool>, Slot)>,
}

impl Lent {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Does something with a slot. If that fails, its device is not used any more.
    ///
    /// # Errors
    /// As `action`.
    pub(crate) fn with<U>(
        &mut self,
        slot: usize,
        action: impl FnOnce(&mut Slot) -> Result<U, GpuError>,
    ) -> Result<U, GpuError> {
        let (pool, slot) = &mut self.slots[slot];
        action(slot).inspect_err(|error| pool.fail_if_lost(error))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.slots.drain(..).for_each(|(pool, slot)| pool.take_back(slot));
    }
}
