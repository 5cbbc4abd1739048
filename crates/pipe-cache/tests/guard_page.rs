//! No kernel reads or writes behind the last number: behind it is a page that ends the process.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a page is mapped, and made one that nobody may touch")]

mod common;

use common::{Sample, levels, numbers};
use pipe_cache::{Element, Simd};
use pipe_core::kernel::{Binary, Compare, Program};
use std::ptr;

/// The largest page that is usual, so that one of them is a whole number of pages everywhere.
const PAGE: usize = 64 << 10;

/// A page to use, and one behind it that nobody may touch.
struct Guarded {
    start: *mut u8,
}

impl Guarded {
    fn new() -> Self {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address that the system chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), 2 * PAGE, access, kind, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: the second page is a part of the mapping above, and nothing refers to it.
        assert_eq!(unsafe { libc::mprotect(start.cast::<u8>().add(PAGE).cast(), PAGE, libc::PROT_NONE) }, 0);
        Guarded { start: start.cast() }
    }

    /// The last numbers before the guard.
    fn last<T: Element>(&mut self, len: usize) -> &mut [T] {
        assert!(len * size_of::<T>() <= PAGE);
        // SAFETY: these bytes are at the end of the first page, which can be read and written and is borrowed from `self`; they begin at a
        // multiple of the number's size, as pages do; the system has filled them with zeros, and any bytes are a number.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(PAGE).cast::<T>().sub(len), len) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`, which nothing borrows any more.
        unsafe { libc::munmap(self.start.cast(), 2 * PAGE) };
    }
}

/// As many as three of the widest vectors have, and one more.
fn lengths<T>() -> std::ops::RangeInclusive<usize> {
    0..=3 * (64 / size_of::<T>()) + 1
}

fn kernels_on_both_sides<T: Sample>(simd: Simd) {
    let (mut guarded, mut other) = (Guarded::new(), Guarded::new());
    for len in lengths::<T>() {
        let x = guarded.last::<T>(len);
        x.copy_from_slice(&numbers::<T>(len, 3));
        simd.sum(x);
        simd.min_max(x);
        simd.moments(x);
        simd.compensated_sum(x);
        simd.count(Compare::Less, T::default(), x);
        simd.dot(x, other.last(len));
        simd.run_pair(&Program::new().with(Binary::Add).second(Program::new().abs()), x, other.last(len));
        simd.axpy(x.first().copied().unwrap_or_default(), x, other.last(len));
        simd.stencil(&[T::default(); 9], len.max(1), x, other.last(len));
        simd.map_with(x, other.last::<T>(len), |x, y| y.plus(x));
        for width in 1..=len {
            simd.window_sums(width, x, other.last(len + 1 - width));
            simd.fir(&vec![T::default(); width.min(17)], x, other.last(len + 1 - width.min(17)));
        }
        simd.run(&Program::new().add(T::default()).clamp(T::default(), T::default()), x);
        simd.retain(Compare::Less, T::default(), &mut x.to_vec());
    }
}

#[test]
fn no_kernel_touches_what_is_behind_its_numbers() {
    for simd in levels() {
        kernels_on_both_sides::<f32>(simd);
        kernels_on_both_sides::<f64>(simd);
        kernels_on_both_sides::<i32>(simd);
        kernels_on_both_sides::<u8>(simd);
        let (mut guarded, mut other) = (Guarded::new(), Guarded::new());
        for len in lengths::<u8>() {
            simd.count_byte(0, guarded.last(len));
            simd.histogram(guarded.last(len));
            simd.convert(guarded.last::<u8>(len), other.last::<f32>(len));
            simd.grey::<u8>(guarded.last(3 * len), other.last(len));
        }
        simd.histogram(guarded.last(50_001));
        simd.stencil(&[0.5; 9], 20, guarded.last::<f32>(100), other.last(100));
        for len in (128..300).step_by(13).chain([783, 1_000, 5_775, 7_003]) {
            simd.fir(&[0.5; 16], guarded.last::<f32>(len), other.last(len - 15));
            simd.fir(&[0.5; 13], guarded.last::<f64>(len), other.last(len - 12));
            simd.window_sums(64, guarded.last::<f32>(len), other.last(len - 63));
            simd.window_means(64, guarded.last::<f32>(len), other.last(len - 63));
            simd.window_sums(20, guarded.last::<f64>(len), other.last(len - 19));
        }
        for len in lengths::<f32>() {
            simd.dot(guarded.last::<f32>(len), other.last(len));
            for taps in 1..=len.min(17) {
                let (x, out) = (guarded.last::<f32>(len), other.last(len + 1 - taps));
                simd.fir(&vec![0.5; taps], x, out);
            }
        }
    }
}
