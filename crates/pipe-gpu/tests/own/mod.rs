//! Kernels of one's own, each with its function for the device from `kernels/custom.cu`.
#![expect(unsafe_code, reason = "what a kernel of one's own does on the device is a promise")]

use pipe_gpu::{CudaFunction, CustomKernel};

const PTX: &str = include_str!("../../kernels/out/custom.compute_75.ptx");

/// The middle one of three neighbours.
#[derive(Clone, Copy)]
pub(crate) struct Median;

// SAFETY: `kernels/custom.cu`: it reads two numbers more than it writes.
unsafe impl CustomKernel<f32> for Median {
    fn window(&self) -> usize {
        3
    }

    fn on_cpu(&self, x: &[f32], out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x.windows(3)) {
            let (low, high) = if x[1] < x[0] { (x[1], x[0]) } else { (x[0], x[1]) };
            *out = if x[2] < low {
                low
            } else if x[2] > high {
                high
            } else {
                x[2]
            };
        }
    }

    fn cuda(&self) -> CudaFunction {
        CudaFunction { ptx: PTX, entry: "pipe_custom_median_f32" }
    }
}

/// Steps until 1 is reached.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) factor: i32,
    /// One more than the function says, to see whether the test finds it.
    pub(crate) spoilt: bool,
}

// SAFETY: `kernels/custom.cu`: it makes of each number one, and stops after so many steps.
unsafe impl CustomKernel<i32> for Steps {
    fn on_cpu(&self, x: &[i32], out: &mut [i32]) {
        for (out, n) in out.iter_mut().zip(x) {
            let (mut n, mut steps) = (n.cast_unsigned(), 0);
            while n != 1 && steps < 50 {
                n = if n % 2 == 0 {
                    n / 2
                } else {
                    n.wrapping_mul(self.factor.cast_unsigned()).wrapping_add(1)
                };
                steps += 1;
            }
            *out = steps + i32::from(self.spoilt && steps == 7);
        }
    }

    fn cuda(&self) -> CudaFunction {
        CudaFunction { ptx: PTX, entry: "pipe_custom_steps_i32" }
    }

    fn parameters(&self) -> [i32; 8] {
        [self.factor, 1, 50, 0, 0, 0, 0, 0]
    }
}

pub(crate) const STEPS: Steps = Steps { factor: 3, spoilt: false };

/// One that is in no text.
#[derive(Clone, Copy)]
pub(crate) struct Missing;

// SAFETY: there is no such function.
unsafe impl CustomKernel<f32> for Missing {
    fn on_cpu(&self, x: &[f32], out: &mut [f32]) {
        out.copy_from_slice(x);
    }

    fn cuda(&self) -> CudaFunction {
        CudaFunction { ptx: PTX, entry: "pipe_custom_missing" }
    }
}
