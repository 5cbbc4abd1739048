//! Plain loops, compiled for all that this processor has: what `-C target-cpu=native` would make of them.

#![expect(
    unsafe_code,
    reason = "a function that is compiled for more than the default target has to be called so"
)]

/// Calls `work` from a function with AVX-512, or with AVX2 where that is the most there is. What is inlined into it is compiled for it.
#[inline(always)]
pub(crate) fn native<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
        {
            // SAFETY: the processor has AVX-512 with BW, DQ and VL; what has these has AVX2, FMA and BMI too.
            return unsafe { v4(work) };
        }
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi2")
        {
            // SAFETY: the processor has AVX2, FMA and BMI2; what has these has BMI1, LZCNT and POPCNT too.
            return unsafe { v3(work) };
        }
    }
    work()
}

/// # Safety
/// The processor has these.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn v4<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// # Safety
/// The processor has these.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn v3<R>(work: impl FnOnce() -> R) -> R {
    work()
}
