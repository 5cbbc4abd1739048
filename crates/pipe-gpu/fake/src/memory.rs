//! Memory of both sides: every copy is held against what is allocated.
#![expect(unsafe_code, reason = "it copies from and to the buffers that it lends as pointers")]

use std::collections::BTreeMap;

/// Pinned buffers, by address, each with the device in whose context it was allocated.
pub(crate) struct HostMemory(BTreeMap<usize, (i32, Box<[u64]>)>);

impl HostMemory {
    pub(crate) const fn new() -> Self {
        HostMemory(BTreeMap::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self, device: i32) {
        self.0.retain(|_, (owner, _)| *owner != device);
    }

    /// The address of a new one.
    pub(crate) fn allocate(&mut self, bytes: usize, owner: i32) -> usize {
        // What it was before does not matter: it looks like a number that nobody wrote.
        let mut memory = vec![0x7ff4_dead_7fa0_dead; bytes.div_ceil(8)].into_boxed_slice();
        let address = memory.as_mut_ptr() as usize;
        self.0.insert(address, (owner, memory));
        address
    }

    pub(crate) fn free(&mut self, address: usize) -> bool {
        self.0.remove(&address).is_some()
    }

    /// Whether an address is in the buffer that begins there.
    pub(crate) fn is_in(&self, buffer: usize, address: usize) -> bool {
        self.0.get(&buffer).is_some_and(|(_, memory)| (buffer..buffer + memory.len() * 8).contains(&address))
    }

    pub(crate) fn holds(&self, address: usize, bytes: usize) -> bool {
        let found = self.0.range(..=address).next_back();
        found.is_some_and(|(from, (_, memory))| address + bytes <= from + memory.len() * 8)
    }
}

/// What memory holds that nobody has written: it looks like a number that nobody wrote.
const UNTOUCHED: u64 = 0x7ff4_beef_7fa0_beef;

/// As memory of a device is aligned.
#[derive(Clone)]
#[repr(C, align(256))]
struct Line([u64; LINE / 8]);

const LINE: usize = 256;

/// A buffer, with a line before it and at least one behind it that nobody may touch.
struct Buffer {
    lines: Vec<Line>,
    bytes: usize,
    owner: i32,
}

impl Buffer {
    fn new(bytes: usize, owner: i32) -> Self {
        Buffer { lines: vec![Line([UNTOUCHED; LINE / 8]); bytes.div_ceil(LINE) + 2], bytes, owner }
    }

    /// Whether nothing was written beside it.
    fn is_unspoilt(&self) -> bool {
        // SAFETY: lines consist of bytes, without any between them.
        let all =
            unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast::<u8>(), self.lines.len() * LINE) };
        let expected = UNTOUCHED.to_ne_bytes();
        let untouched =
            |beside: std::ops::Range<usize>| beside.into_iter().all(|at| all[at] == expected[at % 8]);
        untouched(0..LINE) && untouched(LINE + self.bytes..all.len())
    }
}

/// Buffers of all devices. Their addresses are none of this process, so who follows one crashes.
pub(crate) struct DeviceMemory {
    buffers: BTreeMap<u64, Buffer>,
    next: u64,
    /// Bytes that there are.
    pub(crate) capacity: usize,
    pub(crate) in_use: usize,
    pub(crate) peak: usize,
}

impl DeviceMemory {
    pub(crate) const fn new() -> Self {
        DeviceMemory {
            buffers: BTreeMap::new(),
            next: 0x7fff_0000_0000_0000,
            capacity: usize::MAX,
            in_use: 0,
            peak: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.buffers.len()
    }

    pub(crate) fn clear(&mut self, device: i32) {
        self.buffers.retain(|_, buffer| buffer.owner != device);
        self.in_use = self.buffers.values().map(|buffer| buffer.bytes).sum();
    }

    /// The device that has memory there.
    pub(crate) fn owner(&self, address: u64) -> Option<i32> {
        self.buffers.range(..=address).next_back().map(|(_, buffer)| buffer.owner)
    }

    /// The address of a new one, if there is room.
    pub(crate) fn allocate(&mut self, bytes: usize, owner: i32) -> Option<u64> {
        if bytes > self.capacity.saturating_sub(self.in_use) {
            return None;
        }
        self.in_use += bytes;
        self.peak = self.peak.max(self.in_use);
        let address = self.next;
        // A gap behind each, so that one end is not the next one's beginning.
        self.next += bytes as u64 + 4096;
        self.next = self.next.next_multiple_of(LINE as u64);
        self.buffers.insert(address, Buffer::new(bytes, owner));
        Some(address)
    }

    pub(crate) fn free(&mut self, address: u64) -> bool {
        let freed = self.buffers.remove(&address);
        self.in_use -= freed.as_ref().map_or(0, |buffer| buffer.bytes);
        freed.is_some()
    }

    /// Whether an address is in the buffer that begins there, or at its end.
    pub(crate) fn holds(&self, buffer: u64, address: u64) -> bool {
        let found = self.buffers.get(&buffer);
        found.is_some_and(|found| (buffer..=buffer + found.bytes as u64).contains(&address))
    }

    /// The bytes at an address.
    pub(crate) fn at(&mut self, address: u64, bytes: usize) -> Result<*mut u8, String> {
        let found = self.buffers.range_mut(..=address).next_back();
        let (from, buffer) = found.ok_or("the device has no memory there")?;
        let offset = (address - from) as usize;
        if offset + bytes > buffer.bytes {
            return Err(format!("{bytes} bytes at {offset} of {} on the device", buffer.bytes));
        }
        Ok(buffer.lines.as_mut_ptr().cast::<u8>().wrapping_add(LINE + offset))
    }

    /// Nothing was written beside a buffer.
    pub(crate) fn unspoilt(&self) -> Result<(), String> {
        match self.buffers.values().all(Buffer::is_unspoilt) {
            true => Ok(()),
            false => Err("memory beside a buffer was written".to_owned()),
        }
    }

    pub(crate) fn copy(&mut self, to: u64, from: u64, bytes: usize) -> Result<(), String> {
        if from.abs_diff(to) < bytes as u64 {
            return Err(format!("{bytes} bytes copied onto themselves"));
        }
        let (from, to) = (self.at(from, bytes)?, self.at(to, bytes)?);
        // SAFETY: both were looked up and are alive; they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
        Ok(())
    }

    pub(crate) fn write(
        &mut self,
        to: u64,
        host: &HostMemory,
        from: usize,
        bytes: usize,
    ) -> Result<(), String> {
        if !host.holds(from, bytes) {
            return Err(format!("{bytes} bytes copied from memory that is not pinned"));
        }
        let to = self.at(to, bytes)?;
        // SAFETY: both were looked up, and both buffers are alive.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to, bytes) };
        Ok(())
    }

    pub(crate) fn read(
        &mut self,
        from: u64,
        host: &HostMemory,
        to: usize,
        bytes: usize,
    ) -> Result<(), String> {
        if !host.holds(to, bytes) {
            return Err(format!("{bytes} bytes copied to memory that is not pinned"));
        }
        let from = self.at(from, bytes)?;
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(from, to as *mut u8, bytes) };
        Ok(())
    }
}
