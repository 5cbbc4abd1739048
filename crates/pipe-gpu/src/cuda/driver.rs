//! A device that is open, and how the driver is called: every call that this crate makes is here or in `slot.rs`, behind safe types.
//!
//! A context of CUDA is current on a thread or it is not, so each function here first makes its own the current one. Nothing outside of
//! this module sees a pointer of the device, and no buffer is read, used again or freed while a copy may still be under way in it.
#![expect(
    unsafe_code,
    reason = "it hands pointers to the driver, which copies and computes behind the compiler's back"
)]

use super::pages::Registered;
use super::shim;
use crate::custom::CudaFunction;
use crate::element::{Element, kernels};
use crate::error::GpuError;
use crate::facts::DeviceFacts;
use crate::images::{PTX, SM_80, SM_90};
use crate::piece::{self, Launch, MOST_NUMBERS, Table};
use cust::context::{Context, CurrentContext};
use cust::device::{Device, DeviceAttribute};
use cust::error::CudaResult;
use cust::module::Module;
use cust::{CudaApiVersion, CudaFlags, sys};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

/// Threads of a block of the grid.
const THREADS: u32 = 256;
/// The most blocks of a launch; threads walk on in strides. Eight for each of the 132 multiprocessors of an H100 or H200, which have room for as
/// many threads; not measured on a device.
const MOST_BLOCKS: u32 = 1_056;

/// A device that is open: its context, and the kernels in it.
pub(crate) struct Driver {
    /// In the order of `kernels`.
    functions: Vec<Option<Function>>,
    // Dropped before the context that they lie in.
    modules: ManuallyDrop<Vec<Module>>,
    own: ManuallyDrop<Mutex<Vec<Own>>>,
    context: ManuallyDrop<Context>,
    facts: DeviceFacts,
    registered: Arc<Registered>,
}

/// A function of one's own, with the module that it is in; or what the driver said of it.
struct Own {
    function: CudaFunction,
    loaded: Result<(Module, Function), GpuError>,
}

/// A handle of a function of the module.
#[derive(Clone, Copy)]
struct Function(sys::CUfunction);

// SAFETY: the driver's handles are numbers to us, and its functions may be called from any thread.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Driver {
    /// Opens the device of this number. What one of several devices has pinned is pinned for all.
    ///
    /// # Errors
    /// Why there is none, or why it cannot be used.
    pub(crate) fn open(ordinal: u32, registered: Arc<Registered>) -> Result<Self, GpuError> {
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
        Ok(Driver { functions, modules, own: ManuallyDrop::default(), context, facts, registered })
    }

    pub(crate) fn facts(&self) -> &DeviceFacts {
        &self.facts
    }

    pub(super) fn registered(&self) -> &Registered {
        &self.registered
    }

    /// Sees to it that a function of one's own is there. The driver compiles it once, and is asked once.
    ///
    /// # Errors
    /// What the driver says of it.
    pub(crate) fn load(&self, function: CudaFunction) -> Result<(), GpuError> {
        self.own(function).map(|_| ())
    }

    fn own(&self, function: CudaFunction) -> Result<Function, GpuError> {
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|own| is_same(own.function, function));
        if let Some(own) = known {
            return own.loaded.as_ref().map(|(_, function)| *function).map_err(Clone::clone);
        }
        self.enter()?;
        let module = called("cuModuleLoadDataEx", || Module::from_ptx(function.ptx, &[]));
        let loaded = module.and_then(|module| {
            let found = called("cuModuleGetFunction", || module.get_function(function.entry))?;
            let found = Function(found.to_raw());
            Ok((module, found))
        });
        let found = loaded.as_ref().map(|(_, function)| *function).map_err(Clone::clone);
        all.push(Own { function, loaded });
        found
    }

    /// Makes the context that of this thread. Every function that calls the driver does it first.
    pub(super) fn enter(&self) -> Result<(), GpuError> {
        called("cuCtxSetCurrent", || CurrentContext::set_current(&*self.context))
    }

    /// As `enter`, to free what lies in it. A call may fail because of an earlier one, and is told so once; so the second answer counts.
    pub(super) fn enter_to_free(&self) -> Result<(), GpuError> {
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
                ManuallyDrop::drop(&mut self.own);
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

impl Driver {
    /// Begins a kernel over the regions at these addresses, on the stream of their slot.
    pub(super) fn launch<T: Element>(
        &self,
        stream: sys::CUstream,
        regions: [u64; 3],
        launch: &Launch<'_, T>,
    ) -> Result<(), GpuError> {
        let blocks =
            (launch.threads as u64).div_ceil(u64::from(THREADS)).clamp(1, u64::from(MOST_BLOCKS)) as u32;
        let function = match launch.function {
            piece::Function::Ours(kernel) => self.functions[kernel].expect("there is such a kernel").0,
            piece::Function::Own(function) => self.own(function)?.0,
        };
        let len = launch.len as u64;
        let mut arguments = [ptr::null_mut::<c_void>(); 3 + 1 + MOST_NUMBERS + 2];
        let places = launch.regions.iter().map(|region| (&raw const regions[*region]).cast());
        let numbers = launch.numbers[..launch.takes].iter().map(|number| (&raw const *number).cast());
        let table = match launch.table {
            Table::None => None,
            Table::Program(program) => Some((&raw const *program).cast::<c_void>()),
            Table::Weights(weights) => Some((&raw const *weights).cast()),
            Table::Bound(bound) => Some((&raw const *bound).cast()),
            Table::Range(range) => Some((&raw const *range).cast()),
            Table::Asked(asked) => Some((&raw const *asked).cast()),
            Table::Parameters(parameters) => Some((&raw const *parameters).cast()),
        };
        let program = launch.program.map(|program| (&raw const *program).cast());
        let all = places.chain([(&raw const len).cast()]).chain(numbers).chain(table).chain(program);
        debug_assert!(all.clone().count() <= arguments.len(), "there is room for all arguments of a kernel");
        arguments.iter_mut().zip(all).for_each(|(argument, from)| *argument = from.cast_mut());
        let arguments = arguments.as_mut_ptr();
        // SAFETY: the kernel takes these, of these types and this layout, in this order; the driver copies them before it returns. The numbers
        // lie in regions of the slot whose stream this is.
        checked("cuLaunchKernel", || unsafe {
            sys::cuLaunchKernel(function, blocks, 1, 1, THREADS, 1, 1, 0, stream, arguments, ptr::null_mut())
        })
    }
}

/// By where the texts are, which is quick, or by what they say: a constant may be in several places.
fn is_same(a: CudaFunction, b: CudaFunction) -> bool {
    a.entry == b.entry && (ptr::eq(a.ptx, b.ptx) || a.ptx == b.ptx)
}

/// A call through cust.
pub(super) fn called<T>(call: &'static str, function: impl FnOnce() -> CudaResult<T>) -> Result<T, GpuError> {
    shim::take_folded();
    function().map_err(|error| refused(call, error as i32))
}

/// A call that cust has no safe function for.
pub(super) fn checked(call: &'static str, function: impl FnOnce() -> sys::CUresult) -> Result<(), GpuError> {
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
