//! Every call of the driver that this crate makes, behind safe types.
//!
//! A context of CUDA is current on a thread or it is not, so each function here first makes its own the current one. Nothing outside of
//! this module sees a pointer of the device, and no buffer is read, used again or freed while a copy may still be under way in it.
#![expect(
    unsafe_code,
    reason = "it hands pointers to the driver, which copies and computes behind the compiler's back"
)]

use super::shim;
use crate::element::{Element, kernels};
use crate::error::GpuError;
use crate::facts::DeviceFacts;
use crate::gate::Rates;
use crate::images::{PTX, SM_80, SM_90};
use crate::piece::{Launch, MOST_NUMBERS, Piece, Table, places};
use cust::context::{Context, CurrentContext};
use cust::device::{Device, DeviceAttribute};
use cust::error::CudaResult;
use cust::memory::{DeviceBuffer, LockedBuffer};
use cust::module::Module;
use cust::stream::{Stream, StreamFlags};
use cust::{CudaApiVersion, CudaFlags, sys};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::time::Instant;

/// Threads of a block of the grid.
const THREADS: u32 = 256;
/// The most blocks of a launch; threads walk on in strides. Four for each multiprocessor of an H100; not measured on a device.
const MOST_BLOCKS: u32 = 528;

/// A device that is open: its context, and the kernels in it.
pub(crate) struct Driver {
    /// In the order of `kernels`.
    functions: Vec<Option<Function>>,
    // Dropped before the context that they lie in.
    modules: ManuallyDrop<Vec<Module>>,
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
        let (modules, image) = load(major)?;
        let function = |kernel: Option<(String, usize)>| {
            let Some((name, image)) = kernel else { return Ok(None) };
            let function = called("cuModuleGetFunction", || modules[image].get_function(&name))?;
            Ok(Some(Function(function.to_raw())))
        };
        let functions = kernels().map(function).collect::<Result<_, _>>()?;
        let (modules, context) = (ManuallyDrop::new(modules), ManuallyDrop::new(context));
        let facts = DeviceFacts { name, image, cuda: (cuda.major(), cuda.minor()) };
        Ok(Driver { functions, modules, context, facts })
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
        // SAFETY: neither is used again. Without their context the modules cannot be unloaded; they go with the context.
        unsafe {
            if entered.is_ok() {
                ManuallyDrop::drop(&mut self.modules);
            }
            ManuallyDrop::drop(&mut self.context);
        }
    }
}

/// The images made for devices of this major capability, or else the texts that the driver compiles; with how their names end.
fn load(major: i32) -> Result<(Vec<Module>, &'static str), GpuError> {
    let images = match major {
        8 => Some(SM_80),
        9 => Some(SM_90),
        _ => None,
    };
    if let Some((name, images)) = images
        && let Ok(modules) = images.iter().map(|image| Module::from_cubin(image, &[])).collect()
    {
        return Ok((modules, name));
    }
    let (name, texts) = PTX;
    let modules = texts.iter().map(|text| called("cuModuleLoadDataEx", || Module::from_ptx(text, &[])));
    Ok((modules.collect::<Result<_, _>>()?, name))
}

/// Buffers of one size on both sides of the bus, and the stream on which pieces of blocks go there and back.
///
/// A piece is begun, and its end is waited for; between the two the pinned buffer belongs to the driver.
pub(crate) struct Slot {
    parts: ManuallyDrop<Parts>,
    /// The bytes of the pinned buffer that the piece under way comes back to.
    under_way: Option<Range<usize>>,
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
        driver.enter()?;
        let words = bytes / size_of::<u64>();
        let stream = called("cuStreamCreateWithPriority", || Stream::new(StreamFlags::NON_BLOCKING, None))?;
        let pinned = called("cuMemAllocHost", || LockedBuffer::new(&0, words))?;
        // SAFETY: nothing is copied from it that was not copied to it before.
        let device = called("cuMemAlloc", || unsafe { DeviceBuffer::uninitialized(words) })?;
        let parts = ManuallyDrop::new(Parts { device, pinned, stream });
        Ok(Slot { parts, under_way: None, driver: driver.clone() })
    }

    /// Sends a piece on its way: its inputs there, through the launches, and its output back.
    ///
    /// # Errors
    /// The driver's. Part of the way may have been begun; the slot waits for that when it is dropped.
    ///
    /// # Panics
    /// If a piece is under way, or this one is larger than the slot, or an input than its region.
    pub(crate) fn begin<T: Element>(&mut self, piece: &Piece<'_, T>) -> Result<(), GpuError> {
        let (places, end) = places::<T>(&piece.regions);
        assert!(self.under_way.is_none(), "a slot has one piece at a time");
        assert!(end <= self.parts.pinned.len() * size_of::<u64>(), "the piece is larger than the slot");
        assert!(piece.inputs.iter().zip(&piece.regions).all(|(input, region)| input.len() <= *region));
        self.driver.enter()?;
        let Parts { device, pinned, stream } = &mut *self.parts;
        let host = pinned.as_mut_ptr().cast::<u8>();
        let mut there = 0;
        for (input, place) in piece.inputs.iter().zip(places) {
            let bytes = size_of_val(*input);
            // SAFETY: the input is no longer than its region, which ends inside of the buffer, as asserted; and nothing is under way that
            // reads or writes it.
            unsafe { ptr::copy_nonoverlapping(input.as_ptr().cast::<u8>(), host.add(place), bytes) };
            there = place + bytes;
        }
        let back = places[piece.output]..places[piece.output] + piece.regions[piece.output] * size_of::<T>();
        self.under_way = Some(back.clone());
        let (at, stream) = (device.as_device_ptr().as_raw(), stream.as_inner());
        // SAFETY: both buffers have so many bytes, and neither is touched or freed before the stream was waited for: `under_way` says so.
        checked("cuMemcpyHtoDAsync", || unsafe {
            sys::cuMemcpyHtoDAsync_v2(at, host.cast::<c_void>(), there, stream)
        })?;
        for launch in piece.launches {
            self.driver.launch(stream, places.map(|place| at + place as u64), launch)?;
        }
        // SAFETY: as above.
        checked("cuMemcpyDtoHAsync", || unsafe {
            sys::cuMemcpyDtoHAsync_v2(
                host.add(back.start).cast::<c_void>(),
                at + back.start as u64,
                back.len(),
                stream,
            )
        })
    }

    /// Waits for the piece that is under way, and writes what came back to `output`.
    ///
    /// # Errors
    /// The driver's; `output` is as it was then.
    ///
    /// # Panics
    /// If `output` has not the length of the one that was begun.
    pub(crate) fn end<T: Element>(&mut self, output: &mut [T]) -> Result<(), GpuError> {
        let back = self.under_way.clone().unwrap_or_default();
        assert_eq!(back.len(), size_of_val(output), "the piece that was begun is the one that ends");
        self.wait()?;
        // SAFETY: both are valid for so many bytes, and nothing is under way any more. Any bits are a number.
        unsafe {
            let from = self.parts.pinned.as_ptr().cast::<u8>().add(back.start);
            ptr::copy_nonoverlapping(from, output.as_mut_ptr().cast(), back.len());
        }
        Ok(())
    }

    /// Whether no piece is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    fn wait(&mut self) -> Result<(), GpuError> {
        self.driver.enter()?;
        called("cuStreamSynchronize", || self.parts.stream.synchronize())?;
        self.under_way = None;
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
            let regions = [words, 0, 0];
            self.begin(&Piece { regions, inputs: &[&block], output: 0, launches: &[] })?;
            self.end(&mut block)?;
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
    }
}

impl Driver {
    /// Begins a kernel over the regions at these addresses, on the stream of their slot.
    fn launch<T: Element>(
        &self,
        stream: sys::CUstream,
        regions: [u64; 3],
        launch: &Launch<'_, T>,
    ) -> Result<(), GpuError> {
        let blocks =
            (launch.threads as u64).div_ceil(u64::from(THREADS)).clamp(1, u64::from(MOST_BLOCKS)) as u32;
        let function =
            self.functions[launch.family.kernel::<T>()].as_ref().expect("there is such a kernel").0;
        let len = launch.len as u64;
        let mut arguments = [ptr::null_mut::<c_void>(); 3 + 1 + MOST_NUMBERS + 1];
        let places = launch.regions.iter().map(|region| (&raw const regions[*region]).cast());
        let numbers = launch.numbers[..launch.takes].iter().map(|number| (&raw const *number).cast());
        let table = match launch.table {
            Table::None => None,
            Table::Program(program) => Some((&raw const *program).cast::<c_void>()),
            Table::Weights(weights) => Some((&raw const *weights).cast()),
            Table::Bound(bound) => Some((&raw const *bound).cast()),
        };
        let all = places.chain([(&raw const len).cast()]).chain(numbers).chain(table);
        arguments.iter_mut().zip(all).for_each(|(argument, from)| *argument = from.cast_mut());
        let arguments = arguments.as_mut_ptr();
        // SAFETY: the kernel takes these, of these types and this layout, in this order; the driver copies them before it returns. The numbers
        // lie in regions of the slot whose stream this is.
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
