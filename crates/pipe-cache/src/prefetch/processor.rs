//! The instruction that fetches a cache line.

#![expect(unsafe_code, reason = "there is no safe form of this instruction")]

/// Fetches the line of this address into the nearest cache. Any address will do: one that cannot be read is ignored.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(super) fn fetch(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: PREFETCHT0 reads and writes nothing that a program could see, and raises no fault, whatever the address (Intel SDM volume
    // 2, PREFETCHh); it is a part of SSE, which each x86_64 has.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

/// Fetches the line of this address into the nearest cache. Any address will do: one that cannot be read is ignored.
#[inline(always)]
#[cfg(target_arch = "aarch64")]
pub(super) fn fetch(address: *const u8) {
    // SAFETY: PRFM is a hint: it changes no register and no memory, and raises no synchronous abort (Arm ARM, PRFM).
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(readonly, nostack, preserves_flags));
    }
}
