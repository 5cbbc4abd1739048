//! What a test tells the driver and asks it.
#![expect(unsafe_code, reason = "the functions of a library have names")]

use crate::kernels::{Grid, Kernel, Order};
use crate::state::{Failing, reset, state};

/// Back to the beginning: one device, nothing alive, no call made.
#[unsafe(no_mangle)]
extern "C" fn fake_reset() {
    reset();
}

/// Lets the call of this number fail with `code`, counted from 1; with `lost`, every later one, too.
#[unsafe(no_mangle)]
extern "C" fn fake_fail(at: u64, code: i32, lost: bool) {
    let mut state = state();
    let at = state.calls + at;
    state.failing = Some(Failing { at, code, is_lost: lost, device: None });
}

/// As `fake_fail`, with every call in the context of this device from then on.
#[unsafe(no_mangle)]
extern "C" fn fake_lose(device: i32, at: u64, code: i32) {
    let mut state = state();
    let at = state.calls + at;
    state.failing = Some(Failing { at, code, is_lost: true, device: Some(device) });
}

/// How many kernels were launched on a device.
#[unsafe(no_mangle)]
extern "C" fn fake_launched(device: i32) -> usize {
    state().launched.get(&device).copied().unwrap_or_default()
}

/// How many devices there are, of which major capability, with how many bytes.
#[unsafe(no_mangle)]
extern "C" fn fake_machine(devices: i32, capability: i32, bytes: usize) {
    let mut state = state();
    (state.devices, state.capability, state.device.capacity) = (devices, capability, bytes);
}

/// How many kernels it has: none, if it was built without a C++ compiler.
#[unsafe(no_mangle)]
extern "C" fn fake_kernels() -> usize {
    Kernel::all().len()
}

/// Every launch has this grid from now on, whichever is asked for, and its last thread runs first.
#[unsafe(no_mangle)]
extern "C" fn fake_grid(blocks: u32, threads: u32) {
    state().grid = Some(Grid { blocks, threads, order: Order::LastFirst });
}

/// Calls so far.
#[unsafe(no_mangle)]
extern "C" fn fake_calls() -> u64 {
    state().calls
}

/// Objects that are alive, references of the context among them.
#[unsafe(no_mangle)]
extern "C" fn fake_alive() -> usize {
    let state = state();
    state.left() + state.retained.values().map(|retained| retained.unsigned_abs() as usize).sum::<usize>()
}

/// The most bytes that were in use on all devices.
#[unsafe(no_mangle)]
extern "C" fn fake_peak() -> usize {
    state().device.peak
}

/// Bytes that were copied from memory that was registered, and to it.
#[unsafe(no_mangle)]
extern "C" fn fake_straight() -> usize {
    state().host.straight
}

/// The most streams that had work at once.
#[unsafe(no_mangle)]
extern "C" fn fake_busiest() -> usize {
    state().busiest
}

/// Writes what was violated, line by line, as far as it fits; gives how long all of it is.
#[unsafe(no_mangle)]
extern "C" fn fake_violations(text: *mut u8, room: usize) -> usize {
    let all = state().violations.join("\n");
    // SAFETY: the caller has `room` bytes there.
    unsafe { std::ptr::copy_nonoverlapping(all.as_ptr(), text, all.len().min(room)) };
    all.len()
}
