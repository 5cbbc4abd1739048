//! Why the device was not used.

use std::error::Error;
use std::fmt;

/// Why the device was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GpuError {
    /// The feature `cuda` was not switched on when the program was built.
    NotBuilt,
    /// There is no driver library on this machine.
    NoDriver {
        /// What the loader said.
        why: String,
    },
    /// The machine has fewer devices.
    NoSuchDevice {
        /// Which one was asked for, from 0.
        wanted: u32,
        /// How many there are.
        found: u32,
    },
    /// The driver refused a call. After this the device is not used again.
    Driver {
        /// The driver's function.
        call: &'static str,
        /// The driver's name of the error, such as `CUDA_ERROR_LAUNCH_FAILED`.
        name: String,
        /// The driver's words for it.
        text: String,
    },
    /// The device has no kernel for this.
    NoKernel {
        /// What was asked for.
        what: &'static str,
    },
    /// A kernel of one's own is not equal on both.
    Differs {
        /// The name of the function.
        entry: &'static str,
        /// How many numbers were to come out.
        len: usize,
        /// Which one differs, from 0.
        at: usize,
        /// What the CPU has made of it.
        cpu: String,
        /// What the device has made of it.
        device: String,
    },
    /// The device's memory, or the part of it that may be used, is taken.
    OutOfMemory {
        /// Bytes that a slot takes, or a column.
        wanted: usize,
        /// Bytes that slots and columns have.
        in_use: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl fmt::Display for GpuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GpuError::NotBuilt => write!(f, "the program was built without the feature `cuda`"),
            GpuError::NoDriver { why } => write!(f, "no CUDA driver: {why}"),
            GpuError::NoSuchDevice { wanted, found } => {
                write!(f, "there is no CUDA device {wanted}, the machine has {found}")
            }
            GpuError::Driver { call, name, text } => write!(f, "{call}: {name}, {text}"),
            GpuError::NoKernel { what } => write!(f, "the device has no kernel for {what}"),
            GpuError::Differs { entry, len, at, cpu, device } => {
                write!(
                    f,
                    "{entry} over {len} numbers: number {at} is {cpu} on the CPU, and {device} on the device"
                )
            }
            GpuError::OutOfMemory { wanted, in_use, limit } => {
                write!(
                    f,
                    "no room on the device for {wanted} bytes: {in_use} of {limit} that may be used are in use"
                )
            }
        }
    }
}

impl Error for GpuError {}
