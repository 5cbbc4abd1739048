//! The kernels, computed on the CPU. Written from `kernels/map.cu`, and not from the Rust code that fills the parameters.
#![expect(unsafe_code, reason = "parameters of a launch and numbers on the device are pointers")]

use crate::memory::DeviceMemory;
use crate::number::{Number, Program};
use std::ffi::c_void;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kernel {
    MapF32,
    MapF64,
    MapI32,
    MapI64,
    MapU8,
    MapU16,
}

impl Kernel {
    pub(crate) const ALL: [(&'static str, Kernel); 6] = [
        ("pipe_map_f32", Kernel::MapF32),
        ("pipe_map_f64", Kernel::MapF64),
        ("pipe_map_i32", Kernel::MapI32),
        ("pipe_map_i64", Kernel::MapI64),
        ("pipe_map_u8", Kernel::MapU8),
        ("pipe_map_u16", Kernel::MapU16),
    ];
}

/// A launch with its parameters, which the driver copies when it is asked for.
pub(crate) struct Launch {
    numbers: u64,
    len: u64,
    map: Box<dyn Fn(*mut u8, usize) -> Result<(), String> + Send>,
    /// Bytes of a number.
    size: usize,
}

impl Launch {
    /// # Safety
    /// The parameters are those of the kernel.
    pub(crate) unsafe fn new(kernel: Kernel, parameters: *const *const c_void) -> Self {
        // SAFETY: all kernels have three parameters, and only the type of the numbers differs.
        unsafe {
            match kernel {
                Kernel::MapF32 => Self::of::<f32>(parameters),
                Kernel::MapF64 => Self::of::<f64>(parameters),
                Kernel::MapI32 => Self::of::<i32>(parameters),
                Kernel::MapI64 => Self::of::<i64>(parameters),
                Kernel::MapU8 => Self::of::<u8>(parameters),
                Kernel::MapU16 => Self::of::<u16>(parameters),
            }
        }
    }

    /// # Safety
    /// The parameters are those of the kernel for `T`.
    unsafe fn of<T: Number>(parameters: *const *const c_void) -> Self {
        // SAFETY: as the caller promises.
        let (numbers, len, program) = unsafe {
            let parameter = |at: usize| *parameters.add(at);
            let numbers = parameter(0).cast::<u64>().read();
            (numbers, parameter(1).cast::<u64>().read(), parameter(2).cast::<Program<T>>().read())
        };
        let map = move |numbers: *mut u8, len: usize| {
            // SAFETY: `run` has looked the memory up; it is aligned for `u64`, and any bits are a number.
            program.run(unsafe { std::slice::from_raw_parts_mut(numbers.cast::<T>(), len) })
        };
        Launch { numbers, len, map: Box::new(map), size: size_of::<T>() }
    }

    /// The address of the numbers.
    pub(crate) fn numbers(&self) -> u64 {
        self.numbers
    }

    pub(crate) fn run(&self, device: &mut DeviceMemory) -> Result<(), String> {
        let len = self.len as usize;
        (self.map)(device.at(self.numbers, len * self.size)?, len)
    }
}
