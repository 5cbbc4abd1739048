//! The kernels: the sources in `kernels/`, compiled for the CPU by `build.rs`, and launched here as they are on a device.
#![expect(unsafe_code, reason = "a C++ compiler has made the kernels, and their parameters are pointers")]

use crate::memory::DeviceMemory;
use std::ffi::{CStr, c_char, c_void};

/// A kernel, as `host/cuda.h` lays it out.
#[repr(C)]
pub(crate) struct Kernel {
    name: *const c_char,
    parameters: *const Parameter,
    len: usize,
    run: unsafe extern "C" fn(u32, u32, Order, *const *mut c_void),
}

/// One of its parameters.
#[derive(Clone, Copy)]
#[repr(C)]
struct Parameter {
    bytes: usize,
    is_pointer: bool,
}

// SAFETY: the table is constant, and so is what it points to.
unsafe impl Sync for Kernel {}

#[cfg(has_kernels)]
unsafe extern "C" {
    // Linked in by `build.rs`.
    static fake_kernel_table: Kernel;
    static fake_kernel_table_len: usize;
}

impl Kernel {
    /// All kernels; none where no C++ compiler was when this was built.
    pub(crate) fn all() -> &'static [Kernel] {
        #[cfg(has_kernels)]
        // SAFETY: the table has that many.
        return unsafe { std::slice::from_raw_parts(&raw const fake_kernel_table, fake_kernel_table_len) };
        #[cfg(not(has_kernels))]
        &[]
    }

    pub(crate) fn name(&self) -> &'static [u8] {
        // SAFETY: a literal.
        unsafe { CStr::from_ptr(self.name) }.to_bytes()
    }

    fn parameters(&self) -> &'static [Parameter] {
        // SAFETY: a kernel has that many.
        unsafe { std::slice::from_raw_parts(self.parameters, self.len) }
    }
}

/// Blocks of the grid, and threads of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) blocks: u32,
    pub(crate) threads: u32,
    pub(crate) order: Order,
}

/// Which of its threads runs first.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum Order {
    FirstFirst,
    LastFirst,
}

/// A launch with its parameters, which the driver copies when it is asked for.
pub(crate) struct Launch {
    kernel: &'static Kernel,
    grid: Grid,
    /// The bytes of each parameter, aligned for all that there is.
    values: Vec<Box<[u128]>>,
}

impl Launch {
    /// # Safety
    /// The parameters are those of the kernel.
    pub(crate) unsafe fn new(kernel: &'static Kernel, grid: Grid, parameters: *const *const c_void) -> Self {
        let copied = |(at, parameter): (usize, &Parameter)| {
            let mut value = vec![0_u128; parameter.bytes.div_ceil(16)].into_boxed_slice();
            // SAFETY: as the caller promises; and there is room for its bytes.
            unsafe {
                let from = (*parameters.add(at)).cast::<u8>();
                std::ptr::copy_nonoverlapping(from, value.as_mut_ptr().cast(), parameter.bytes);
            }
            value
        };
        Launch { kernel, grid, values: kernel.parameters().iter().enumerate().map(copied).collect() }
    }

    /// The addresses on the device among its parameters.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = u64> {
        let all = self.kernel.parameters().iter().zip(&self.values);
        all.filter(|(parameter, _)| parameter.is_pointer).map(|(_, value)| value[0] as u64)
    }

    pub(crate) fn run(mut self, device: &mut DeviceMemory) -> Result<(), String> {
        for (parameter, value) in self.kernel.parameters().iter().zip(&mut self.values) {
            if parameter.is_pointer {
                value[0] = device.at(value[0] as u64, 0)? as usize as u128;
            }
        }
        let values: Vec<*mut c_void> =
            self.values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        // SAFETY: the parameters are those of the kernel, with addresses of memory that is alive. One that writes beyond it is found below.
        unsafe { (self.kernel.run)(self.grid.blocks, self.grid.threads, self.grid.order, values.as_ptr()) };
        let name = String::from_utf8_lossy(self.kernel.name());
        device.unspoilt().map_err(|what| format!("{name}: {what}"))
    }
}
