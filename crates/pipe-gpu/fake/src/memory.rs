//! Memory of both sides: every copy is held against what is allocated.
#![expect(unsafe_code, reason = "it copies from and to the buffers that it lends as pointers")]

use std::collections::BTreeMap;

/// Pinned memory, by address.
pub(crate) struct HostMemory {
    ranges: BTreeMap<usize, Pinned>,
    /// Bytes that were copied from memory that is not the driver's, and to it.
    pub(crate) straight: usize,
}

/// A range of it, and the device in whose context it was pinned.
struct Pinned {
    owner: i32,
    bytes: usize,
    /// The driver's own, or else somebody else's that was registered.
    own: Option<Box<[u64]>>,
}

impl HostMemory {
    pub(crate) const fn new() -> Self {
        HostMemory { ranges: BTreeMap::new(), straight: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn clear(&mut self, device: i32) {
        self.ranges.retain(|_, pinned| pinned.owner != device);
    }

    /// The address of a new one.
    pub(crate) fn allocate(&mut self, bytes: usize, owner: i32) -> usize {
        // What it was before does not matter: it looks like a number that nobody wrote.
        let mut memory = vec![0x7ff4_dead_7fa0_dead; bytes.div_ceil(8)].into_boxed_slice();
        let address = memory.as_mut_ptr() as usize;
        let bytes = memory.len() * 8;
        self.ranges.insert(address, Pinned { owner, bytes, own: Some(memory) });
        address
    }

    pub(crate) fn free(&mut self, address: usize) -> bool {
        let is_own = self.ranges.get(&address).is_some_and(|pinned| pinned.own.is_some());
        is_own && self.ranges.remove(&address).is_some()
    }

    /// Whether it could be: not if a part of it is pinned already.
    pub(crate) fn register(&mut self, address: usize, bytes: usize, owner: i32) -> bool {
        let before = self.ranges.range(..address + bytes).next_back();
        let is_free = before.is_none_or(|(from, pinned)| from + pinned.bytes <= address);
        if is_free {
            self.ranges.insert(address, Pinned { owner, bytes, own: None });
        }
        is_free
    }

    pub(crate) fn unregister(&mut self, address: usize) -> bool {
        let is_other = self.ranges.get(&address).is_some_and(|pinned| pinned.own.is_none());
        is_other && self.ranges.remove(&address).is_some()
    }

    /// Whether an address is in the range that begins there.
    pub(crate) fn is_in(&self, range: usize, address: usize) -> bool {
        self.ranges.get(&range).is_some_and(|pinned| (range..range + pinned.bytes).contains(&address))
    }

    /// Whether all of it is pinned; then it is copied.
    fn copies(&mut self, address: usize, bytes: usize) -> bool {
        let found = self.ranges.range(..=address).next_back();
        let Some((_, pinned)) = found.filter(|(from, pinned)| address + bytes <= *from + pinned.bytes) else {
            return false;
        };
        if pinned.own.is_none() {
            self.straight += bytes;
        }
        true
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
        host: &mut HostMemory,
        from: usize,
        bytes: usize,
    ) -> Result<(), String> {
        if !host.copies(from, bytes) {
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
        host: &mut HostMemory,
        to: usize,
        bytes: usize,
    ) -> Result<(), String> {
        if !host.copies(to, bytes) {
            return Err(format!("{bytes} bytes copied to memory that is not pinned"));
        }
        let from = self.at(from, bytes)?;
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(from, to as *mut u8, bytes) };
        Ok(())
    }
}
