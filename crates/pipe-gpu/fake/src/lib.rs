//! A CUDA driver library without a device: what pipe-gpu calls, computed on the CPU and watched closely.
//!
//! A test loads it; since its name is `libcuda.so.1`, who asks for a driver afterwards gets this one. It is as strict as a driver may be, and
//! says so where a real one would only crash, or not even that:
//!
//! * What is queued on a stream runs when the stream is waited for, not before: who forgets to wait gets wrong numbers.
//! * With several devices, what belongs to one of them may not be used in the context of another one.
//! * Memory that is freed, copied over its end, not pinned, or in use by a stream is a violation. So is a call without a context, and a kernel
//!   that writes beside the memory of the device.
//! * Any call can be told to fail, once or for ever. A call that frees does so also when it fails once; when the device is lost it does not.
//!
//! Kernels are the sources of pipe-gpu, compiled for the CPU; a test may have them run in another grid than the one that was asked for.
//!
//! What is alive, how many calls there were, how many streams were busy at once and what was violated can be asked for: `control.rs`.

mod calls;
mod control;
mod kernels;
mod memory;
mod state;
