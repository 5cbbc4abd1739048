//! The driver's functions, with the types that its header gives them; a pointer to a result is a reference here.
#![expect(
    unsafe_code,
    reason = "the functions of a library have names, and some of their parameters are addresses"
)]

use crate::kernels::{Grid, Kernel, Launch, Order};
use crate::state::{
    ALREADY_REGISTERED, Call, INVALID_DEVICE, INVALID_VALUE, NO_BINARY, NO_DEVICE, NOT_FOUND, OUT_OF_MEMORY,
    SUCCESS, State, Work, call, set_context,
};
use std::collections::{BTreeSet, VecDeque};
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};

/// The context of the first device; the others follow.
const CONTEXT: usize = 0xc0de;

/// Handles of functions: a function of the next device is this many further.
const OF_A_DEVICE: usize = 1 << 16;

#[unsafe(no_mangle)]
extern "C" fn cuInit(_flags: u32) -> i32 {
    call("cuInit", Call::Plain, |state| if state.devices == 0 { NO_DEVICE } else { SUCCESS })
}

#[unsafe(no_mangle)]
extern "C" fn cuDriverGetVersion(version: &mut i32) -> i32 {
    call("cuDriverGetVersion", Call::Plain, |_| {
        *version = 13_000;
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDeviceGetCount(count: &mut i32) -> i32 {
    call("cuDeviceGetCount", Call::Plain, |state| {
        *count = state.devices;
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDeviceGet(device: &mut i32, ordinal: i32) -> i32 {
    call("cuDeviceGet", Call::Plain, |state| {
        *device = ordinal;
        if (0..state.devices).contains(&ordinal) { SUCCESS } else { INVALID_DEVICE }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDeviceGetName(name: *mut u8, room: i32, device: i32) -> i32 {
    call("cuDeviceGetName", Call::Plain, |_| {
        let text = match device {
            0 => "fake device\0".to_owned(),
            other => format!("fake device {other}\0"),
        };
        assert!(text.len() <= room as usize, "no room for a name");
        // SAFETY: the caller has `room` bytes there.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), name, text.len()) };
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDeviceGetAttribute(value: &mut i32, attribute: i32, _device: i32) -> i32 {
    const CAPABILITY_MAJOR: i32 = 75;
    call("cuDeviceGetAttribute", Call::Plain, |state| {
        *value = if attribute == CAPABILITY_MAJOR { state.capability } else { 0 };
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDevicePrimaryCtxRetain(context: &mut usize, device: i32) -> i32 {
    call("cuDevicePrimaryCtxRetain", Call::Plain, |state| {
        *state.retained.entry(device).or_default() += 1;
        *context = CONTEXT + device as usize;
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDevicePrimaryCtxRelease_v2(device: i32) -> i32 {
    call("cuDevicePrimaryCtxRelease", Call::Closing, |state| {
        let retained = state.retained.entry(device).or_default();
        *retained -= 1;
        if *retained == 0 {
            state.tear_down(device);
        }
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSetCurrent(context: usize) -> i32 {
    let device = context.wrapping_sub(CONTEXT) as i32;
    call("cuCtxSetCurrent", Call::Entering(device), |state| {
        if state.retained.get(&device).is_none_or(|retained| *retained < 1) {
            state.violated("a context that is none was made current");
        }
        set_context(device);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuModuleLoadDataEx(
    module: &mut usize,
    image: *const u8,
    _options: u32,
    _names: *mut c_void,
    _values: *mut c_void,
) -> i32 {
    call("cuModuleLoadDataEx", Call::InContext, |state| {
        // SAFETY: the image is a cubin or PTX, as the caller promises.
        let Some(image) = (unsafe { image_of(image, state.capability) }) else { return NO_BINARY };
        let kernels = kernels_of(image);
        *module = state.handle();
        let owner = state.current;
        state.modules.insert(*module, (owner, kernels));
        SUCCESS
    })
}

/// Which kernels an image has, by their places in the table. Images are looked through once: tests open the device a thousand times.
fn kernels_of(image: &[u8]) -> BTreeSet<usize> {
    static SEEN: Mutex<Vec<(Vec<u8>, BTreeSet<usize>)>> = Mutex::new(Vec::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, kernels)) = seen.iter().find(|(other, _)| other == image) {
        return kernels.clone();
    }
    // A name ends with a zero in a cubin, and with a bracket in PTX: `pipe_map_u1` is not there because of `pipe_map_u16`.
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = image.split(|byte| !is_word(byte)).filter(|word| word.starts_with(b"pipe_"));
    let words: BTreeSet<&[u8]> = words.collect();
    let kernels = Kernel::all().iter().enumerate().filter(|(_, kernel)| words.contains(kernel.name()));
    let kernels: BTreeSet<usize> = kernels.map(|(at, _)| at).collect();
    seen.push((image.to_vec(), kernels.clone()));
    kernels
}

/// The bytes of an image; none, if it is machine code for other devices.
///
/// # Safety
/// The image is PTX with a zero at its end, or a cubin, which is an ELF file of 64 bits.
unsafe fn image_of<'a>(image: *const u8, capability: i32) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises: it has a header, and all that the header says.
    unsafe {
        if std::slice::from_raw_parts(image, 4) != b"\x7fELF" {
            return Some(CStr::from_ptr(image.cast()).to_bytes());
        }
        let u16_at = |at: usize| image.add(at).cast::<u16>().read_unaligned() as usize;
        let u64_at = |at: usize| image.add(at).cast::<u64>().read_unaligned() as usize;
        let (segments, sections) =
            (u64_at(32) + u16_at(54) * u16_at(56), u64_at(40) + u16_at(58) * u16_at(60));
        let generation = i32::from(image.add(48).read()) / 10;
        (generation == capability).then(|| std::slice::from_raw_parts(image, segments.max(sections)))
    }
}

#[unsafe(no_mangle)]
extern "C" fn cuModuleUnload(module: usize) -> i32 {
    call("cuModuleUnload", Call::Freeing, |state| {
        let owner = state.modules.get(&module).map(|(owner, _)| *owner);
        state.is_elsewhere("a module", owner);
        freed(state, "module", |state| state.modules.remove(&module).is_some())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuModuleGetFunction(function: &mut usize, module: usize, name: *const c_char) -> i32 {
    call("cuModuleGetFunction", Call::InContext, |state| {
        // SAFETY: a string, as the caller promises.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes();
        let known = Kernel::all().iter().position(|known| known.name() == name);
        let module = state.modules.get(&module);
        let found = known.zip(module).filter(|(kernel, (_, kernels))| kernels.contains(kernel));
        let Some((kernel, (owner, _))) = found else { return NOT_FOUND };
        *function = kernel + 1 + OF_A_DEVICE * *owner as usize;
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamCreateWithPriority(stream: &mut usize, _flags: u32, _priority: i32) -> i32 {
    call("cuStreamCreateWithPriority", Call::InContext, |state| {
        *stream = state.handle();
        let owner = state.current;
        state.streams.insert(*stream, (owner, VecDeque::new()));
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamDestroy_v2(stream: usize) -> i32 {
    call("cuStreamDestroy", Call::Freeing, |state| {
        let waiting = state.streams.remove(&stream);
        let owner = waiting.as_ref().map(|(owner, _)| *owner);
        state.is_elsewhere("a stream", owner);
        if waiting.as_ref().is_some_and(|(_, waiting)| !waiting.is_empty()) {
            state.violated("a stream was destroyed with work on it");
        }
        freed(state, "stream", |_| waiting.is_some())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamSynchronize(stream: usize) -> i32 {
    call("cuStreamSynchronize", Call::InContext, |state| state.synchronize(stream))
}

#[unsafe(no_mangle)]
extern "C" fn cuMemAllocHost_v2(address: &mut usize, bytes: usize) -> i32 {
    call("cuMemAllocHost", Call::InContext, |state| {
        *address = state.host.allocate(bytes, state.current);
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFreeHost(address: usize) -> i32 {
    call("cuMemFreeHost", Call::Freeing, |state| {
        if state.is_used(Some(address), None) {
            state.violated("pinned memory was freed while a stream uses it");
        }
        freed(state, "pinned memory", |state| state.host.free(address))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemHostRegister_v2(address: usize, bytes: usize, flags: u32) -> i32 {
    const PORTABLE: u32 = 1;
    const PAGE: usize = 4096;
    call("cuMemHostRegister", Call::InContext, |state| {
        let is_whole = bytes > 0 && address.is_multiple_of(PAGE) && bytes.is_multiple_of(PAGE);
        if flags != PORTABLE || !is_whole {
            state.violated("memory was registered that is no whole pages, or not for all devices");
        }
        let owner = state.current;
        if state.host.register(address, bytes, owner) { SUCCESS } else { ALREADY_REGISTERED }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemHostUnregister(address: usize) -> i32 {
    call("cuMemHostUnregister", Call::Freeing, |state| {
        if state.is_used(Some(address), None) {
            state.violated("memory was unregistered while a stream uses it");
        }
        freed(state, "registered memory", |state| state.host.unregister(address))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemAlloc_v2(address: &mut u64, bytes: usize) -> i32 {
    call("cuMemAlloc", Call::InContext, |state| match state.device.allocate(bytes, state.current) {
        Some(allocated) => {
            *address = allocated;
            SUCCESS
        }
        None => OUT_OF_MEMORY,
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFree_v2(address: u64) -> i32 {
    call("cuMemFree", Call::Freeing, |state| {
        let owner = state.device.owner(address);
        state.is_elsewhere("memory", owner);
        if state.is_used(None, Some(address)) {
            state.violated("memory of the device was freed while a stream uses it");
        }
        freed(state, "memory", |state| state.device.free(address))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyHtoDAsync_v2(device: u64, host: usize, bytes: usize, stream: usize) -> i32 {
    call("cuMemcpyHtoDAsync", Call::InContext, |state| {
        state.queue(stream, Work::There { device, host, bytes })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoHAsync_v2(host: usize, device: u64, bytes: usize, stream: usize) -> i32 {
    call("cuMemcpyDtoHAsync", Call::InContext, |state| {
        state.queue(stream, Work::Back { device, host, bytes })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: usize) -> i32 {
    call("cuMemcpyDtoDAsync", Call::InContext, |state| state.queue(stream, Work::Within { to, from, bytes }))
}

#[unsafe(no_mangle)]
extern "C" fn cuLaunchKernel(
    function: usize,
    blocks: u32,
    blocks_y: u32,
    blocks_z: u32,
    threads: u32,
    threads_y: u32,
    threads_z: u32,
    _shared: u32,
    stream: usize,
    parameters: *const *const c_void,
    _extra: *const c_void,
) -> i32 {
    call("cuLaunchKernel", Call::InContext, |state| {
        let (owner, at) = (function / OF_A_DEVICE, function % OF_A_DEVICE);
        state.is_elsewhere("a function", Some(owner as i32));
        let device = state.current;
        *state.launched.entry(device).or_default() += 1;
        let kernel = at.checked_sub(1).and_then(|at| Kernel::all().get(at));
        let is_grid = blocks > 0 && threads > 0 && [blocks_y, blocks_z, threads_y, threads_z] == [1; 4];
        let Some(kernel) = kernel.filter(|_| is_grid && threads <= 1024) else {
            state.violated("a launch of nothing, or of no grid");
            return INVALID_VALUE;
        };
        let grid = state.grid.unwrap_or(Grid { blocks, threads, order: Order::FirstFirst });
        // SAFETY: the parameters are those of the kernel, as the caller promises.
        let launch = unsafe { Launch::new(kernel, grid, parameters) };
        state.queue(stream, Work::Launch(launch))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGetErrorName(code: i32, text: &mut *const c_char) -> i32 {
    *text = match code {
        INVALID_VALUE => c"CUDA_ERROR_INVALID_VALUE",
        OUT_OF_MEMORY => c"CUDA_ERROR_OUT_OF_MEMORY",
        NO_DEVICE => c"CUDA_ERROR_NO_DEVICE",
        NO_BINARY => c"CUDA_ERROR_NO_BINARY_FOR_GPU",
        719 => c"CUDA_ERROR_LAUNCH_FAILED",
        915 => c"CUDA_ERROR_NEWER_THAN_OUR_BINDINGS",
        _ => {
            *text = std::ptr::null();
            return INVALID_VALUE;
        }
    }
    .as_ptr();
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn cuGetErrorString(code: i32, text: &mut *const c_char) -> i32 {
    *text = match code {
        OUT_OF_MEMORY => c"out of memory",
        719 => c"unspecified launch failure",
        _ => {
            *text = std::ptr::null();
            return INVALID_VALUE;
        }
    }
    .as_ptr();
    SUCCESS
}

fn freed(state: &mut State, what: &str, free: impl FnOnce(&mut State) -> bool) -> i32 {
    if free(state) {
        return SUCCESS;
    }
    state.violated(format!("{what} was freed twice, or never allocated"));
    INVALID_VALUE
}
