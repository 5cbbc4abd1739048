//! Memory on both sides of the bus, and the stream on which numbers go there and back.
#![expect(
    unsafe_code,
    reason = "it hands pointers to the driver, which copies and computes behind the compiler's back"
)]

use super::driver::{Driver, called, checked};
use super::pages::{Target, Use};
use crate::element::Element;
use crate::error::GpuError;
use crate::gate::Rates;
use crate::piece::{Launch, Piece, places};
use cust::memory::{DeviceBuffer, LockedBuffer};
use cust::stream::{Stream, StreamFlags};
use cust::sys;
use std::ffi::c_void;
use std::mem::{self, ManuallyDrop};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use std::{ptr, slice};

/// Buffers of one size on both sides of the bus, and the stream on which pieces of blocks go there and back.
///
/// A piece is begun, and its end is waited for; between the two the pinned buffer belongs to the driver.
pub(crate) struct Slot {
    parts: ManuallyDrop<Parts>,
    /// The bytes of the pinned buffer that the piece under way comes back to.
    under_way: Option<Range<usize>>,
    /// Of the memory that is not this slot's and that what is under way reads or writes.
    uses: Vec<Use>,
    driver: Arc<Driver>,
}

struct Parts {
    device: DeviceBuffer<u64>,
    pinned: LockedBuffer<u64>,
    stream: Stream,
}

impl Slot {
    /// For pieces of up to `bytes`, a multiple of eight.
    ///
    /// # Errors
    /// The driver's. What had been made by then is freed.
    pub(crate) fn new(driver: &Arc<Driver>, bytes: usize) -> Result<Self, GpuError> {
        Self::with_device_bytes(driver, bytes, bytes)
    }

    /// With more room on the device than pieces have: for numbers that stay there.
    ///
    /// # Errors
    /// As `new`.
    pub(crate) fn with_device_bytes(
        driver: &Arc<Driver>,
        bytes: usize,
        on_device: usize,
    ) -> Result<Self, GpuError> {
        driver.enter()?;
        let words = |bytes: usize| bytes.div_ceil(size_of::<u64>());
        let stream = called("cuStreamCreateWithPriority", || Stream::new(StreamFlags::NON_BLOCKING, None))?;
        let pinned = called("cuMemAllocHost", || LockedBuffer::new(&0, words(bytes)))?;
        // SAFETY: nothing is copied from it that was not copied to it before.
        let device = called("cuMemAlloc", || unsafe { DeviceBuffer::uninitialized(words(on_device)) })?;
        let parts = ManuallyDrop::new(Parts { device, pinned, stream });
        Ok(Slot { parts, under_way: None, uses: Vec::new(), driver: driver.clone() })
    }

    /// Sends a piece on its way: its inputs there, through the launches, and its output back.
    ///
    /// # Errors
    /// The driver's. Part of the way may have been begun; the slot waits for that when it is dropped.
    ///
    /// # Panics
    /// If a piece is under way, or this one is larger than the slot, or an input than its region.
    pub(crate) fn begin<T: Element>(&mut self, piece: &Piece<'_, T>) -> Result<(), GpuError> {
        let (from, back) = self.compute(piece)?;
        self.under_way = Some(back.clone());
        let Parts { pinned, stream, .. } = &mut *self.parts;
        let (to, stream) = (pinned.as_mut_ptr().cast::<u8>().wrapping_add(back.start), stream.as_inner());
        // SAFETY: both buffers have this many bytes, and neither is touched or freed before the stream was waited for: `under_way` says so.
        checked("cuMemcpyDtoHAsync", || unsafe {
            sys::cuMemcpyDtoHAsync_v2(to.cast::<c_void>(), from, back.len(), stream)
        })
    }

    /// As `begin`, and the output goes straight to a target, from this byte on. So nothing has come back for [`Slot::end`] to show.
    ///
    /// # Errors
    /// As `begin`.
    ///
    /// # Panics
    /// As `begin`; and if the target has no room for the output.
    pub(crate) fn begin_to<T: Element>(
        &mut self,
        piece: &Piece<'_, T>,
        target: &Target,
        at: usize,
    ) -> Result<(), GpuError> {
        let (from, back) = self.compute(piece)?;
        let (to, of_target) = target.place(at, back.len());
        self.uses.push(of_target);
        let stream = self.parts.stream.as_inner();
        // SAFETY: the target has room, as it has asserted, and is neither read nor freed before this slot has given up its use: after the stream
        // was waited for.
        checked("cuMemcpyDtoHAsync", || unsafe {
            sys::cuMemcpyDtoHAsync_v2(to.cast::<c_void>(), from, back.len(), stream)
        })
    }

    /// Begins the copies there and the launches. Where the output is then: its address on the device, and its bytes within the slot.
    fn compute<T: Element>(&mut self, piece: &Piece<'_, T>) -> Result<(u64, Range<usize>), GpuError> {
        let (places, end) = places::<T>(&piece.regions);
        assert!(self.under_way.is_none(), "a slot has one piece at a time");
        assert!(end <= self.pinned_bytes(), "the piece is larger than the slot");
        assert!(piece.inputs.iter().zip(&piece.regions).all(|(input, region)| input.len() <= *region));
        self.driver.enter()?;
        self.under_way = Some(0..0);
        let Parts { device, pinned, stream } = &mut *self.parts;
        let (at, stream) = (device.as_device_ptr().as_raw(), stream.as_inner());
        let host = pinned.as_mut_ptr().cast::<u8>();
        let (mut straight, mut staged) = (Vec::new(), None::<Range<usize>>);
        for (input, place) in piece.inputs.iter().zip(places) {
            if let Some(of_input) = self.driver.registered().using(input) {
                self.uses.push(of_input);
                straight.push((input, place));
                continue;
            }
            let bytes = size_of_val(*input);
            // SAFETY: the input is no longer than its region, which ends inside of the buffer, as asserted; and nothing is under way that
            // reads or writes it.
            unsafe { ptr::copy_nonoverlapping(input.as_ptr().cast::<u8>(), host.wrapping_add(place), bytes) };
            staged = Some(staged.map_or(place, |staged| staged.start)..place + bytes);
        }
        if let Some(Range { start, end }) = staged {
            let from = host.wrapping_add(start).cast::<c_void>();
            // SAFETY: both buffers have this many bytes, and neither is touched or freed before the stream was waited for.
            checked("cuMemcpyHtoDAsync", || unsafe {
                sys::cuMemcpyHtoDAsync_v2(at + start as u64, from, end - start, stream)
            })?;
        }
        // Behind the others: what lies between those was copied over these.
        for (input, place) in straight {
            let from = input.as_ptr().cast::<c_void>();
            // SAFETY: the input is pinned memory, which is not freed while there is a use of it; and this slot has one until the stream was
            // waited for.
            checked("cuMemcpyHtoDAsync", || unsafe {
                sys::cuMemcpyHtoDAsync_v2(at + place as u64, from, size_of_val(*input), stream)
            })?;
        }
        for launch in piece.launches {
            self.driver.launch(stream, places.map(|place| at + place as u64), launch)?;
        }
        let output = places[piece.output];
        Ok((at + output as u64, output..output + piece.regions[piece.output] * size_of::<T>()))
    }

    /// Waits for the piece that is under way; the region that has come back, as numbers of the type that it was begun with.
    ///
    /// # Errors
    /// The driver's.
    pub(crate) fn end<T: Element>(&mut self) -> Result<&[T], GpuError> {
        let back = self.under_way.clone().unwrap_or_default();
        self.wait()?;
        debug_assert!(back.end <= self.pinned_bytes() && back.start.is_multiple_of(size_of::<T>()));
        // SAFETY: the pinned buffer has these bytes, as asserted when the piece was begun, at a place that is aligned for all numbers; and nothing
        // is under way any more that writes them. Any bits are a number.
        Ok(unsafe {
            let from = self.parts.pinned.as_ptr().cast::<u8>().add(back.start);
            slice::from_raw_parts(from.cast::<T>(), back.len() / size_of::<T>())
        })
    }

    /// Sends numbers to the device, from this byte on, in parts that the pinned buffer has room for. The last one may be under way afterwards.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// If they have no room there.
    pub(crate) fn put<T: Element>(&mut self, at: usize, numbers: &[T]) -> Result<(), GpuError> {
        assert!(at + size_of_val(numbers) <= self.device_bytes(), "there is no room for them");
        if let Some(of_numbers) = self.driver.registered().using(numbers) {
            return self.put_straight(at, numbers, of_numbers);
        }
        let each = self.pinned_bytes() / size_of::<T>();
        for (part, to) in numbers.chunks(each).zip((at..).step_by(each * size_of::<T>())) {
            self.wait()?;
            self.under_way = Some(0..0);
            let Parts { device, pinned, stream } = &mut *self.parts;
            let (host, bytes) = (pinned.as_mut_ptr().cast::<u8>(), size_of_val(part));
            // SAFETY: the pinned buffer has room for as many, and nothing is under way in it.
            unsafe { ptr::copy_nonoverlapping(part.as_ptr().cast::<u8>(), host, bytes) };
            let (to, stream) = (device.as_device_ptr().as_raw() + to as u64, stream.as_inner());
            // SAFETY: both buffers have this many bytes there, and neither is touched or freed before the stream was waited for.
            checked("cuMemcpyHtoDAsync", || unsafe {
                sys::cuMemcpyHtoDAsync_v2(to, host.cast::<c_void>(), bytes, stream)
            })?;
        }
        Ok(())
    }

    /// As `put`, from memory that is pinned. Nothing of it is under way afterwards: its owner may write to it.
    fn put_straight<T: Element>(
        &mut self,
        at: usize,
        numbers: &[T],
        of_numbers: Use,
    ) -> Result<(), GpuError> {
        self.driver.enter()?;
        self.under_way = Some(0..0);
        self.uses.push(of_numbers);
        let Parts { device, stream, .. } = &*self.parts;
        let (to, stream) = (device.as_device_ptr().as_raw() + at as u64, stream.as_inner());
        let (from, bytes) = (numbers.as_ptr().cast::<c_void>(), size_of_val(numbers));
        // SAFETY: there is room, as the caller has asserted, and pinned memory is not freed while there is a use of it.
        checked("cuMemcpyHtoDAsync", || unsafe { sys::cuMemcpyHtoDAsync_v2(to, from, bytes, stream) })?;
        self.wait()
    }

    /// Begins kernels over regions that begin at these bytes on the device.
    ///
    /// # Errors
    /// The driver's.
    pub(crate) fn launch<T: Element>(
        &mut self,
        places: [usize; 3],
        launches: &[Launch<'_, T>],
    ) -> Result<(), GpuError> {
        self.driver.enter()?;
        self.under_way = Some(0..0);
        let Parts { device, stream, .. } = &*self.parts;
        let regions = places.map(|place| device.as_device_ptr().as_raw() + place as u64);
        launches.iter().try_for_each(|launch| self.driver.launch(stream.as_inner(), regions, launch))
    }

    /// Begins a copy from one place on the device to another one.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// If they overlap, or are not on the device.
    pub(crate) fn copy_within(&mut self, from: usize, to: usize, bytes: usize) -> Result<(), GpuError> {
        assert!(
            from.max(to) + bytes <= self.device_bytes() && from.abs_diff(to) >= bytes,
            "there is no room"
        );
        self.driver.enter()?;
        self.under_way = Some(0..0);
        let Parts { device, stream, .. } = &*self.parts;
        let [from, to] = [from, to].map(|place| device.as_device_ptr().as_raw() + place as u64);
        // SAFETY: both are in the buffer, which is not freed before the stream was waited for.
        checked("cuMemcpyDtoDAsync", || unsafe {
            sys::cuMemcpyDtoDAsync_v2(to, from, bytes, stream.as_inner())
        })
    }

    /// Waits for all that is under way, and brings numbers back that begin at this byte on the device.
    ///
    /// # Errors
    /// The driver's; what is in `numbers` then is not said.
    ///
    /// # Panics
    /// If there are not as many.
    pub(crate) fn get<T: Element>(&mut self, at: usize, numbers: &mut [T]) -> Result<(), GpuError> {
        assert!(at + size_of_val(numbers) <= self.device_bytes(), "there are not as many");
        let each = self.pinned_bytes() / size_of::<T>();
        for (part, from) in numbers.chunks_mut(each).zip((at..).step_by(each * size_of::<T>())) {
            self.driver.enter()?;
            self.under_way = Some(0..size_of_val(part));
            let Parts { device, pinned, stream } = &mut *self.parts;
            let (from, stream) = (device.as_device_ptr().as_raw() + from as u64, stream.as_inner());
            let (host, bytes) = (pinned.as_mut_ptr().cast::<c_void>(), size_of_val(part));
            // SAFETY: as in `put`; what is under way there is before it on the stream.
            checked("cuMemcpyDtoHAsync", || unsafe { sys::cuMemcpyDtoHAsync_v2(host, from, bytes, stream) })?;
            part.copy_from_slice(self.end()?);
        }
        Ok(())
    }

    fn device_bytes(&self) -> usize {
        self.parts.device.len() * size_of::<u64>()
    }

    fn pinned_bytes(&self) -> usize {
        self.parts.pinned.len() * size_of::<u64>()
    }

    /// Whether no piece is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Waits for all that is under way.
    ///
    /// # Errors
    /// The driver's.
    pub(crate) fn wait(&mut self) -> Result<(), GpuError> {
        self.driver.enter()?;
        called("cuStreamSynchronize", || self.parts.stream.synchronize())?;
        self.under_way = None;
        self.uses.clear();
        Ok(())
    }

    /// How fast blocks get there and back: the best of three, of a small one and of one that fills the slot.
    pub(crate) fn rates(&mut self) -> Result<Rates, GpuError> {
        let words = self.parts.pinned.len();
        let small = self.seconds(words.min(512))?;
        let large = self.seconds(words)?;
        let bytes = words.saturating_sub(512) * size_of::<u64>();
        Ok(Rates { bytes_per_second: bytes as f64 / (large - small).max(1e-9), seconds_per_block: small })
    }

    fn seconds(&mut self, words: usize) -> Result<f64, GpuError> {
        let block = vec![0.0_f64; words];
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let started = Instant::now();
            let regions = [words, 0, 0];
            self.begin(&Piece { regions, inputs: &[&block], output: 0, launches: &[] })?;
            self.end::<f64>()?;
            best = best.min(started.elapsed().as_secs_f64());
        }
        Ok(best)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // After a failure something may still be under way. Here, too, the second answer counts: if it is an error, the device is gone.
        let is_idle = self.is_idle() || self.wait().is_ok() || self.wait().is_ok();
        if is_idle && self.driver.enter_to_free().is_ok() {
            // SAFETY: they are not used again, and nothing is under way in them. Otherwise they are left to the context, which frees them
            // when it goes: freeing what a copy still writes to would be worse than keeping it.
            unsafe { ManuallyDrop::drop(&mut self.parts) };
        }
        if !is_idle {
            // They are in use for ever.
            mem::forget(mem::take(&mut self.uses));
        }
    }
}
