// What needs to know of all that is before a number: running totals, and where a number goes when those before it are left out.
//
// A thread takes a chunk of neighbours, one behind the other, and leaves their sum; of these sums, chunks are summed up again, until one chunk
// is left. Then down: each chunk begins with the sum of all chunks before it. Each level is a launch, so no thread waits for another one. The
// additions come in another order than on the CPU, which integers do not notice. Floats would: there is no such kernel for them.

#include "number.cuh"
#include "compare.cuh"

#define FIRST (blockIdx.x * (u64)blockDim.x + threadIdx.x)
#define STRIDE ((u64)gridDim.x * blockDim.x)

// As `job/scan.rs` has it.
#define CHUNK 16

#define CHUNKS(len) (((len) + CHUNK - 1) / CHUNK)
#define END(chunk, len) ((chunk) * CHUNK + CHUNK < (len) ? (chunk) * CHUNK + CHUNK : (len))

// `len` numbers that begin at `from`; their sums go to `to`.
template <typename T> __device__ __forceinline__ void prefix_up(const T* x, T* sums, u64 len, u64 from, u64 to) {
    for (u64 chunk = FIRST; chunk < CHUNKS(len); chunk += STRIDE) {
        T sum = 0;
        for (u64 at = chunk * CHUNK; at < END(chunk, len); at++) sum = Number<T>::add(sum, x[from + at]);
        sums[to + chunk] = sum;
    }
}

// In place; the sums of chunks at `to` are running totals already. One chunk alone has none.
template <typename T> __device__ __forceinline__ void prefix_down(T* x, const T* sums, u64 len, u64 from, u64 to) {
    for (u64 chunk = FIRST; chunk < CHUNKS(len); chunk += STRIDE) {
        T sum = 0;
        if (chunk > 0) sum = sums[to + chunk - 1];
        for (u64 at = chunk * CHUNK; at < END(chunk, len); at++) {
            sum = Number<T>::add(sum, x[from + at]);
            x[from + at] = sum;
        }
    }
}

// How many of each chunk are kept.
template <typename T>
__device__ __forceinline__ void retain_count(const T* x, u64* counts, u64 len, u64 compare, const Bound<T>& bound) {
    for (u64 chunk = FIRST; chunk < CHUNKS(len); chunk += STRIDE) {
        u64 kept = 0;
        for (u64 at = chunk * CHUNK; at < END(chunk, len); at++) kept += holds(compare, x[at], bound.x) ? 1 : 0;
        counts[chunk] = kept;
    }
}

// `counts` are running totals. How many are kept goes before them, in the first word of two.
template <typename T>
__device__ __forceinline__ void
retain(const T* x, const u64* counts, T* out, u64 len, u64 compare, const Bound<T>& bound) {
    T* const kept = out + 16 / sizeof(T);
    const u64 chunks = CHUNKS(len);
    for (u64 chunk = FIRST; chunk < chunks; chunk += STRIDE) {
        u64 to = chunk > 0 ? counts[chunk - 1] : 0;
        for (u64 at = chunk * CHUNK; at < END(chunk, len); at++) {
            if (holds(compare, x[at], bound.x)) kept[to++] = x[at];
        }
        if (chunk + 1 == chunks) *reinterpret_cast<u64*>(out) = to;
    }
}

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define PREFIX(name, T) \
    KERNEL pipe_prefix_up_##name(const T* x, T* sums, u64 len, u64 from, u64 to) { prefix_up(x, sums, len, from, to); } \
    KERNEL pipe_prefix_down_##name(T* x, const T* sums, u64 len, u64 from, u64 to) { prefix_down(x, sums, len, from, to); }
#define RETAIN(name, T) \
    KERNEL pipe_retain_count_##name( \
        const T* x, u64* counts, u64 len, u64 compare, const __grid_constant__ Bound<T> bound \
    ) { retain_count(x, counts, len, compare, bound); } \
    KERNEL pipe_retain_##name( \
        const T* x, const u64* counts, T* out, u64 len, u64 compare, const __grid_constant__ Bound<T> bound \
    ) { retain(x, counts, out, len, compare, bound); }

PREFIX(i32, int)
PREFIX(i64, long long)
PREFIX(u8, u8)
PREFIX(u16, u16)

RETAIN(f32, float)
RETAIN(f64, double)
RETAIN(i32, int)
RETAIN(i64, long long)
RETAIN(u8, u8)
RETAIN(u16, u16)

#undef FIRST
#undef STRIDE
#undef CHUNK
#undef CHUNKS
#undef END
#undef KERNEL
#undef PREFIX
#undef RETAIN
