//! Kernels of one's own: a function for the CPU and one for the device, side by side.
#![expect(unsafe_code, reason = "what a kernel of one's own does on the device is a promise")]

use crate::element::Element;
use crate::error::GpuError;
use crate::executor::{Gpu, Without};
use crate::gate::Gate;
use crate::worker::Worker;
use pipe_core::kernel::{Kernel, KernelWorker};
use pipe_core::{BoxError, Event};
use std::sync::Arc;

/// How many numbers a function may be given besides.
pub(crate) const PARAMETERS: usize = 8;

/// A kernel of one's own: what a CPU computes, and a CUDA function that gives the same. [`Custom`] makes a step of it.
///
/// Number `i` of what comes out is made of the numbers `i` to `i + window - 1`, and of nothing else: blocks are cut into pieces wherever the device
/// has room. Compile with `--fmad=false` what is to be equal bit for bit; [`Gpu::check`] is the test that it is.
///
/// ```
/// use pipe_core::kernel::Blocks;
/// use pipe_core::from_source;
/// use pipe_gpu::{CudaFunction, Custom, CustomKernel, Gpu};
///
/// /// Of each three neighbours the middle one.
/// struct Median;
///
/// // SAFETY: the function reads `len + 2` numbers and writes `len`.
/// unsafe impl CustomKernel<f32> for Median {
///     fn window(&self) -> usize {
///         3
///     }
///     fn on_cpu(&self, x: &[f32], out: &mut [f32]) {
///         for (out, x) in out.iter_mut().zip(x.windows(3)) {
///             *out = x[2].clamp(x[0].min(x[1]), x[0].max(x[1]));
///         }
///     }
///     fn cuda(&self) -> CudaFunction {
///         CudaFunction {
///             ptx: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/out/custom.compute_75.ptx")),
///             entry: "pipe_custom_median_f32",
///         }
///     }
/// }
///
/// let blocks = Blocks::new(vec![1.0_f32, 9.0, 2.0, 3.0, 2.5], 5);
/// let smooth = from_source(blocks).transform(Custom(Median)).collect().run_on(&Gpu::new())?;
/// assert_eq!(smooth.value, [[2.0, 3.0, 2.5]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// # Safety
///
/// The function that [`cuda`](CustomKernel::cuda) names is a kernel with the parameters `(const T* x, T* out, unsigned long long len)`, and after
/// them, if it likes, a struct of eight `T` by value. In a grid of one dimension, of any size, it reads no other memory than `len + window - 1`
/// numbers at `x`, writes no other than `len` numbers at `out`, and ends.
pub unsafe trait CustomKernel<T: Element>: Send + Sync {
    /// How many neighbours each number is made of: one unless it says otherwise. Zero is taken for one.
    fn window(&self) -> usize {
        1
    }

    /// Computes all of `out`. `x` has `window - 1` numbers more.
    fn on_cpu(&self, x: &[T], out: &mut [T]);

    /// The function that does the same on the device: the same one whenever it is asked.
    fn cuda(&self) -> CudaFunction;

    /// What the function gets besides, by value.
    fn parameters(&self) -> [T; PARAMETERS] {
        [T::default(); PARAMETERS]
    }
}

/// A function of a device, by its text and its name. The driver compiles it when it is first needed, once for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CudaFunction {
    /// PTX, which `nvcc -ptx` or NVRTC makes of CUDA.
    pub ptx: &'static str,
    /// The name of the function in it: `extern "C"`, or as the compiler has made it.
    pub entry: &'static str,
}

/// A kernel of one's own as a step: `.transform(Custom(kernel))`. A block of n numbers becomes one of `n + 1 - window`. Where there is no device, the
/// CPU computes it: on every runner, in the kernel's own function.
#[derive(Debug, Clone, Copy)]
pub struct Custom<K>(
    /// The kernel.
    pub K,
);

impl<T: Element, K: CustomKernel<T>> Kernel<T> for Custom<K> {
    type Out = T;

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<T>,
    ) -> Result<(), BoxError> {
        out.resize((block.len() + 1).saturating_sub(self.0.window().max(1)), T::default());
        match worker.as_any().and_then(|worker| worker.downcast_mut::<Worker>()) {
            Some(device) => device.custom(&self.0, block, out),
            None => {
                self.0.on_cpu(block, out);
                Ok(())
            }
        }
    }
}

impl Gpu {
    /// Computes a kernel of one's own on the device and on the CPU, over blocks of all awkward lengths: none, around a vector, a warp and a block of the
    /// grid, and around a piece of a block and several of them. `number` makes the numbers.
    ///
    /// ```
    /// # use pipe_gpu::{CustomKernel, Gpu, GpuError};
    /// fn equal_on_both(kernel: &impl CustomKernel<f32>) {
    ///     match Gpu::new().check(kernel, |n| n as f32 * 0.37 - 20.0) {
    ///         Err(GpuError::NoDriver { why }) => println!("SKIP: {why}"),
    ///         checked => checked.expect("it is equal on both"),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// `Differs` with the first number that is not equal, bit for bit but for what is not a number; and why the device was not used.
    pub fn check<T: Element>(
        &self,
        kernel: &impl CustomKernel<T>,
        number: impl Fn(usize) -> T,
    ) -> Result<(), GpuError> {
        let mut gpu = self.clone();
        (gpu.gate, gpu.without, gpu.log) = (Gate::Open, Without::Fail, Arc::default());
        let fleet = gpu.opened()?;
        let mut worker = Worker::new(gpu.clone(), fleet.clone());
        let piece = fleet.slot_bytes() / size_of::<T>();
        let around = [piece / 2, piece, 3 * piece];
        let lengths = (0..70).chain([255, 256, 257, 1_000, 4_095, 4_096, 4_097]);
        for len in lengths.chain(around.into_iter().flat_map(|len| [len.saturating_sub(1), len, len + 1])) {
            let x: Vec<T> = (0..len + kernel.window().max(1) - 1).map(&number).collect();
            let (mut device, mut cpu) = (vec![T::default(); len], vec![T::default(); len]);
            worker.custom(kernel, &x, &mut device).map_err(as_gpu_error)?;
            kernel.on_cpu(&x, &mut cpu);
            equal(kernel.cuda().entry, &cpu, &device)?;
        }
        let fell_back = gpu.log.take().into_iter().any(|event| matches!(event, Event::Fallback { .. }));
        match fell_back {
            true => Err(GpuError::NoKernel { what: "a window that has no room in a slot" }),
            false => Ok(()),
        }
    }
}

fn as_gpu_error(error: BoxError) -> GpuError {
    match error.downcast::<GpuError>() {
        Ok(error) => *error,
        Err(error) => GpuError::Driver {
            call: "the kernel",
            name: "no error of the driver".to_owned(),
            text: error.to_string(),
        },
    }
}

fn equal<T: Element>(entry: &'static str, cpu: &[T], device: &[T]) -> Result<(), GpuError> {
    let is_nothing = |x: T| x.partial_cmp(&x).is_none();
    let differs = |(a, b): (&T, &T)| a.to_bytes() != b.to_bytes() && !(is_nothing(*a) && is_nothing(*b));
    match cpu.iter().zip(device).position(differs) {
        None => Ok(()),
        Some(at) => Err(GpuError::Differs {
            entry,
            len: cpu.len(),
            at,
            cpu: format!("{:?}", cpu[at]),
            device: format!("{:?}", device[at]),
        }),
    }
}
