//! The kernels, computed on the CPU. Written from `kernels/map.cu`, and not from the Rust code that fills the parameters.
#![expect(unsafe_code, reason = "parameters of a launch and numbers on the device are pointers")]

use crate::memory::DeviceMemory;
use std::ffi::c_void;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kernel {
    MapF32,
    MapF64,
}

impl Kernel {
    pub(crate) const ALL: [(&'static str, Kernel); 2] =
        [("pipe_map_f32", Kernel::MapF32), ("pipe_map_f64", Kernel::MapF64)];
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Op<T> {
    code: u32,
    a: T,
    b: T,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Program<T> {
    len: u32,
    ops: [Op<T>; 32],
}

/// A launch with its parameters, which the driver copies when it is asked for.
pub(crate) struct Launch {
    numbers: u64,
    len: u64,
    program: Either,
}

enum Either {
    F32(Box<Program<f32>>),
    F64(Box<Program<f64>>),
}

impl Launch {
    /// # Safety
    /// The parameters are those of the kernel.
    pub(crate) unsafe fn new(kernel: Kernel, parameters: *const *const c_void) -> Self {
        // SAFETY: both kernels have three parameters, of these types.
        unsafe {
            let parameter = |at: usize| *parameters.add(at);
            let program = match kernel {
                Kernel::MapF32 => Either::F32(Box::new(parameter(2).cast::<Program<f32>>().read())),
                Kernel::MapF64 => Either::F64(Box::new(parameter(2).cast::<Program<f64>>().read())),
            };
            Launch {
                numbers: parameter(0).cast::<u64>().read(),
                len: parameter(1).cast::<u64>().read(),
                program,
            }
        }
    }

    /// The address of the numbers.
    pub(crate) fn numbers(&self) -> u64 {
        self.numbers
    }

    pub(crate) fn run(&self, device: &mut DeviceMemory) -> Result<(), String> {
        let len = self.len as usize;
        match &self.program {
            Either::F32(program) => {
                let numbers = device.at(self.numbers, len * 4)?.cast::<f32>();
                // SAFETY: the memory was looked up, is aligned for `u64`, and any bits are a float.
                map(unsafe { std::slice::from_raw_parts_mut(numbers, len) }, program)
            }
            Either::F64(program) => {
                let numbers = device.at(self.numbers, len * 8)?.cast::<f64>();
                // SAFETY: as above.
                map(unsafe { std::slice::from_raw_parts_mut(numbers, len) }, program)
            }
        }
    }
}

fn map<T: Copy + PartialOrd + std::ops::Mul<Output = T> + std::ops::Add<Output = T>>(
    numbers: &mut [T],
    program: &Program<T>,
) -> Result<(), String> {
    let ops = program.ops.get(..program.len as usize).ok_or("a program that is longer than its list")?;
    if let Some(op) = ops.iter().find(|op| op.code > 2) {
        return Err(format!("no operation has the code {}", op.code));
    }
    for number in numbers {
        let step = |x: T, op: &Op<T>| match op.code {
            0 => x * op.a,
            1 => x + op.a,
            _ if x < op.a => op.a,
            _ if x > op.b => op.b,
            _ => x,
        };
        *number = ops.iter().fold(*number, step);
    }
    Ok(())
}
