//! Every call of the driver that this crate makes, behind safe types.
//!
//! A context of CUDA is current on a thread or it is not, so each function here first makes its own the current one. Nothing outside of
//! this module sees a pointer of the device, and no buffer is read, used again or freed while a copy may still be under way in it.
#![expect(
    unsafe_code,
    reason = "it hands pointers to the driver, which copies and computes behind the compiler's back"
)]

use super::shim;
use crate::element::{Element, KERNELS};
use crate::encode::Encoded;
use crate::error::GpuError;
use crate::facts::DeviceFacts;
use crate::gate::Rates;
use crate::images::{PTX, SM_80, SM_90};
use cust::context::{Context, CurrentContext};
use cust::device::{Device, DeviceAttribute};
use cust::error::CudaResult;
use cust::memory::{DeviceBuffer, LockedBuffer};
use cust::module::Module;
use cust::stream::{Stream, StreamFlags};
use cust::{CudaApiVersion, CudaFlags, sys};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::time::Instant;

/// Threads of a block of the grid.
const THREADS: u32 = 256;
/// The most blocks of a launch; threads walk on in strides. Four for each multiprocessor of an H100; not measured on a device.
const MOST_BLOCKS: u32 = 528;

/// A device that is open: its context, and the kernels in it.
pub(crate) struct Driver {
    /// In the order of `KERNELS`.
    functions: Vec<Function>,
    // Dropped before the context that it lies in.
    module: ManuallyDrop<Module>,
    context: ManuallyDrop<Context>,
    facts: DeviceFacts,
}

/// A handle of a function of the module.
struct Function(sys::CUfunction);

// SAFETY: the driver's handles are numbers to us, and its functions may be called from any thread.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Driver {
    /// Opens the device of this number.
    ///
    /// # Errors
    /// Why there is none, or why it cannot be used.
    pub(crate) fn open(ordinal: u32) -> Result<Self, GpuError> {
        shim::driver_library().map_err(|why| GpuError::NoDriver { why: why.to_owned() })?;
        called("cuInit", || cust::init(CudaFlags::empty()))?;
        let found = called("cuDeviceGetCount", Device::num_devices)?;
        if ordinal >= found {
            return Err(GpuError::NoSuchDevice { wanted: ordinal, found });
        }
        let device = called("cuDeviceGet", || Device::get_device(ordinal))?;
        let name = called("cuDeviceGetName", || device.name())?;
        let cuda = called("cuDriverGetVersion", CudaApiVersion::get)?;
        let major =
            called("cuDeviceGetAttribute", || device.get_attribute(DeviceAttribute::ComputeCapabilityMajor))?;
        let context = called("cuDevicePrimaryCtxRetain", || Context::new(device))?;
        // `Context::new` has done so, too, and thrown the result away.
        called("cuCtxSetCurrent", || CurrentContext::set_current(&context))?;
        let (module, image) = load(major)?;
        let function = |name: &&str| {
            let function = called("cuModuleGetFunction", || module.get_function(name))?;
            Ok(Function(function.to_raw()))
        };
        let functions = KERNELS.iter().map(function).collect::<Result<_, _>>()?;
        let (module, context) = (ManuallyDrop::new(module), ManuallyDrop::new(context));
        let facts = DeviceFacts { name, image, cuda: (cuda.major(), cuda.minor()) };
        Ok(Driver { functions, module, context, facts })
    }

    pub(crate) fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    /// Makes the context that of this thread. Every function that calls the driver does it first.
    fn enter(&self) -> Result<(), GpuError> {
        called("cuCtxSetCurrent", || CurrentContext::set_current(&*self.context))
    }

    /// As `enter`, to free what lies in it. A call may fail because of an earlier one, and is told so once; so the second answer counts.
    fn enter_to_free(&self) -> Result<(), GpuError> {
        self.enter().or_else(|_| self.enter())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let entered = self.enter_to_free();
        // SAFETY: neither is used again. Without its context the module cannot be unloaded; it goes with the context.
        unsafe {
            if entered.is_ok() {
                ManuallyDrop::drop(&mut self.module);
            }
            ManuallyDrop::drop(&mut self.context);
        }
    }
}

/// The image made for devices of this major capability, or else the text that the driver compiles; with its name.
fn load(major: i32) -> Result<(Module, &'static str), GpuError> {
    let image = match major {
        8 => Some(SM_80),
        9 => Some(SM_90),
        _ => None,
    };
    if let Some((name, image)) = image
        && let Ok(module) = Module::from_cubin(image, &[])
    {
        return Ok((module, name));
    }
    let (name, text) = PTX;
    Ok((called("cuModuleLoadDataEx", || Module::from_ptx(text, &[]))?, name))
}

/// Buffers of one size on both sides of the bus, and the stream on which blocks go there and back.
///
/// A block is begun, and its end is waited for; between the two the pinned buffer belongs to the driver.
pub(crate) struct Slot {
    parts: ManuallyDrop<Parts>,
    /// Bytes of the block that is under way.
    under_way: usize,
    driver: Arc<Driver>,
}

struct Parts {
    device: DeviceBuffer<u64>,
    pinned: LockedBuffer<u64>,
    stream: Stream,
}

impl Slot {
    /// For blocks of up to `bytes`, a multiple of eight.
    ///
    /// # Errors
    /// The driver's. What had been made by then is freed.
    pub(crate) fn new(driver: &Arc<Driver>, bytes: usize) -> Result<Self, GpuError> {
        driver.enter()?;
        let words = bytes / size_of::<u64>();
        let stream = called("cuStreamCreateWithPriority", || Stream::new(StreamFlags::NON_BLOCKING, None))?;
        let pinned = called("cuMemAllocHost", || LockedBuffer::new(&0, words))?;
        // SAFETY: nothing is copied from it that was not copied to it before.
        let device = called("cuMemAlloc", || unsafe { DeviceBuffer::uninitialized(words) })?;
        let parts = ManuallyDrop::new(Parts { device, pinned, stream });
        Ok(Slot { parts, under_way: 0, driver: driver.clone() })
    }

    /// Sends a block on its way: there, through the launches, and back.
    ///
    /// # Errors
    /// The driver's. Part of the way may have been begun; the slot waits for that when it is dropped.
    ///
    /// # Panics
    /// If a block is under way, or this one is larger than the slot.
    pub(crate) fn begin<T: Element>(&mut self, block: &[T], launches: &[Encoded<T>]) -> Result<(), GpuError> {
        let bytes = size_of_val(block);
        assert!(self.under_way == 0, "a slot has one block at a time");
        assert!(bytes <= self.parts.pinned.len() * size_of::<u64>(), "the block is larger than the slot");
        self.driver.enter()?;
        let Parts { device, pinned, stream } = &mut *self.parts;
        // SAFETY: both are valid for `bytes`, as asserted, and nothing is under way that reads or writes `pinned`.
        unsafe { ptr::copy_nonoverlapping(block.as_ptr().cast::<u8>(), pinned.as_mut_ptr().cast(), bytes) };
        self.under_way = bytes;
        let (there, here) = (device.as_device_ptr().as_raw(), pinned.as_mut_ptr().cast::<c_void>());
        let stream = stream.as_inner();
        // SAFETY: both buffers have `bytes`, and neither is touched or freed before the stream was waited for: `under_way` says so.
        checked("cuMemcpyHtoDAsync", || unsafe { sys::cuMemcpyHtoDAsync_v2(there, here, bytes, stream) })?;
        for launch in launches {
            self.driver.launch(stream, there, block.len(), launch)?;
        }
        // SAFETY: as above.
        checked("cuMemcpyDtoHAsync", || unsafe { sys::cuMemcpyDtoHAsync_v2(here, there, bytes, stream) })
    }

    /// Waits for the block that is under way, and writes it to `block`.
    ///
    /// # Errors
    /// The driver's; `block` is as it was then.
    ///
    /// # Panics
    /// If `block` has not the length of the one that was begun.
    pub(crate) fn end<T: Element>(&mut self, block: &mut [T]) -> Result<(), GpuError> {
        let bytes = size_of_val(block);
        assert_eq!(self.under_way, bytes, "the block that was begun is the one that ends");
        self.wait()?;
        // SAFETY: both are valid for `bytes`, and nothing is under way any more. Any bits are a number.
        unsafe {
            ptr::copy_nonoverlapping(
                self.parts.pinned.as_ptr().cast::<u8>(),
                block.as_mut_ptr().cast(),
                bytes,
            )
        };
        Ok(())
    }

    /// Whether no block is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    fn wait(&mut self) -> Result<(), GpuError> {
        self.driver.enter()?;
        called("cuStreamSynchronize", || self.parts.stream.synchronize())?;
        self.under_way = 0;
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
        let mut block = vec![0.0_f64; words];
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let started = Instant::now();
            self.begin(&block, &[])?;
            self.end(&mut block)?;
            best = best.min(started.elapsed().as_secs_f64());
        }
        Ok(best)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // After a failure something may still be under way. Here, too, the second answer counts: if it is an error, the device is gone.
        let is_idle = self.under_way == 0 || self.wait().is_ok() || self.wait().is_ok();
        if is_idle && self.driver.enter_to_free().is_ok() {
            // SAFETY: they are not used again, and nothing is under way in them. Otherwise they are left to the context, which frees them
            // when it goes: freeing what a copy still writes to would be worse than keeping it.
            unsafe { ManuallyDrop::drop(&mut self.parts) };
        }
    }
}

impl Driver {
    /// Begins a kernel over `len` numbers at `there`, on the stream of a slot.
    fn launch<T: Element>(
        &self,
        stream: sys::CUstream,
        mut there: u64,
        len: usize,
        launch: &Encoded<T>,
    ) -> Result<(), GpuError> {
        let mut len = len as u64;
        let blocks = len.div_ceil(u64::from(THREADS)).clamp(1, u64::from(MOST_BLOCKS)) as u32;
        let function = self.functions[T::KERNEL].0;
        let mut arguments: [*mut c_void; 3] =
            [(&raw mut there).cast(), (&raw mut len).cast(), (&raw const *launch).cast_mut().cast()];
        let arguments = arguments.as_mut_ptr();
        // SAFETY: the kernel takes these three, of these types and this layout; the driver copies them before it returns. The numbers are
        // `len` ones in a buffer of the slot whose stream this is.
        checked("cuLaunchKernel", || unsafe {
            sys::cuLaunchKernel(function, blocks, 1, 1, THREADS, 1, 1, 0, stream, arguments, ptr::null_mut())
        })
    }
}

/// A call through cust.
fn called<T>(call: &'static str, function: impl FnOnce() -> CudaResult<T>) -> Result<T, GpuError> {
    shim::take_folded();
    function().map_err(|error| refused(call, error as i32))
}

/// A call that cust has no safe function for.
fn checked(call: &'static str, function: impl FnOnce() -> sys::CUresult) -> Result<(), GpuError> {
    shim::take_folded();
    match function() {
        sys::CUresult::CUDA_SUCCESS => Ok(()),
        error => Err(refused(call, error as i32)),
    }
}

#[cold]
fn refused(call: &'static str, code: i32) -> GpuError {
    let (name, text) = shim::describe(shim::take_folded().unwrap_or(code));
    GpuError::Driver { call, name, text }
}
