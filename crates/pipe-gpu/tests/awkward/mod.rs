//! What tests of kernels share: awkward numbers of all types, awkward lengths, and workers of the device and of the reference.

use crate::fake::Fake;
use pipe_core::Event;
use pipe_core::kernel::{KernelWorker, Number, Runner, Scalar};
use pipe_gpu::{Gate, Gpu};

/// Every launch has one of these. The first one is what would be asked for; in the others the last thread runs first, since the order of threads
/// must not matter.
const GRIDS: [Option<(u32, u32)>; 4] = [None, Some((1, 1)), Some((3, 5)), Some((7, 64))];

pub(crate) fn gpu(slot_bytes: usize) -> Gpu {
    Gpu::new().slot_bytes(slot_bytes).device_memory(3 * slot_bytes).gate(Gate::Open).strict()
}

/// Calls it with a worker for each shape of grid, and finds that it was on the device.
pub(crate) fn on_all_grids_in_slots<T: Number>(bytes: usize, test: impl Fn(&mut dyn KernelWorker<T>, &str)) {
    let Some(fake) = Fake::new() else { return };
    for grid in GRIDS {
        let fake = fake.again_on(grid);
        let gpu = gpu(bytes);
        test(&mut *T::worker(gpu.worker()), &format!("grid {grid:?}, slots of {bytes} bytes"));
        assert!(fake.peak() > 0, "nothing was on the device");
        // That a kernel has no room in a slot would be an event.
        let others = gpu.events().into_iter().filter(|event| !matches!(event, Event::Kernels { .. }));
        assert_eq!(others.collect::<Vec<_>>(), [], "it was not on the device");
        drop(gpu);
        fake.assert_clean(format!("grid {grid:?}"));
    }
}

/// A type, with numbers that are awkward to it.
pub(crate) trait Awkward: Number {
    const NUMBERS: &'static [Self];
    /// Equal in one bit as in all; what is not a number is all one.
    fn bits(self) -> u64;
}

macro_rules! awkward_floats {
    ($($float:ident)+) => { $(
        impl Awkward for $float {
            const NUMBERS: &'static [$float] = &[
                0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.7, -20.3, 1e4, 1e-3, $float::NAN, $float::INFINITY, $float::NEG_INFINITY,
                $float::MAX, $float::MIN, $float::MIN_POSITIVE, -$float::MIN_POSITIVE / 4.0, $float::EPSILON, 8_388_609.5, -0.1,
            ];

            fn bits(self) -> u64 {
                if self.is_nan() { u64::MAX } else { u64::from(self.to_bits()) }
            }
        }
    )+ };
}
// For example: impl Awkward for f32 { const NUMBERS: &'static [f32] = &[0.0, -0.0, ..]; .. }
awkward_floats!(f32 f64);

macro_rules! awkward_integers {
    ($($integer:ident)+) => { $(
        impl Awkward for $integer {
            const NUMBERS: &'static [$integer] = &[
                0, 1, 2, 3, 7, 100, 127, 128, 200, $integer::MAX, $integer::MAX - 1, $integer::MIN, $integer::MIN + 1, $integer::MAX / 2,
                $integer::MAX / 2 + 1, $integer::MAX / 3,
            ];

            fn bits(self) -> u64 {
                self as u64
            }
        }
    )+ };
}
// For example: impl Awkward for u8 { const NUMBERS: &'static [u8] = &[0, 1, 2, ..]; .. }
awkward_integers!(i64 u8 u16);

impl Awkward for i32 {
    const NUMBERS: &'static [i32] = &[0, 1, -1, 3, -7, 1 << 20, -(1 << 30), i32::MAX, i32::MIN, i32::MIN + 1];

    fn bits(self) -> u64 {
        u64::from(self.cast_unsigned())
    }
}

/// The awkward ones in turn, from another one on for each seed.
pub(crate) fn numbers<T: Awkward>(len: usize, seed: usize) -> Vec<T> {
    T::NUMBERS.iter().copied().cycle().skip(seed).take(len).collect()
}

#[track_caller]
pub(crate) fn assert_equal<T: Awkward>(got: &[T], wanted: &[T], when: impl Fn() -> String) {
    let bits = |numbers: &[T]| numbers.iter().map(|x| x.bits()).collect::<Vec<_>>();
    assert!(bits(got) == bits(wanted), "{}: {got:?}, and not {wanted:?}", when());
}

/// Around nothing, a vector of 16 bytes, a warp, and a block of the grid.
pub(crate) const LENGTHS: [usize; 22] =
    [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257, 1_037];

/// Slots that hold all of a block, and slots of some numbers more than the least piece.
const SLOTS: [usize; 2] = [1 << 16, 1 << 11];

/// Calls it with the worker of the device and that of the reference, on all grids, in large slots and small ones.
pub(crate) fn on_both<T: Awkward>(test: impl Fn(&mut dyn KernelWorker<T>, &mut dyn KernelWorker<T>, &str)) {
    for bytes in SLOTS {
        on_all_grids_in_slots(bytes, |device, when| test(device, &mut *T::worker(Scalar.worker()), when));
    }
}
