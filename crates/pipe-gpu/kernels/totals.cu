// Of a block a few numbers: how many compare so with a bound, the sum of integers, the least and the greatest, how many are in each part of a
// range; and sums of floats, lane by lane. `totals.cuh` says how threads share them.

#include "number.cuh"
#include "compare.cuh"
#include "totals.cuh"

// Each number once, whichever thread has it: 16 bytes of numbers at a time, and of large numbers several loads under way.
template <typename T, typename F> __device__ __forceinline__ void each(const T* x, u64 len, F f) {
    constexpr int N = 16 / sizeof(T);
    const uint4* const vectors = reinterpret_cast<const uint4*>(x);
    const u64 whole = len / N;
    #pragma unroll (N < 8 ? 4 : 1)
    for (u64 at = FIRST; at < whole; at += STRIDE) {
        union { uint4 vector; T x[N]; } both;
        both.vector = vectors[at];
        #pragma unroll
        for (int k = 0; k < N; k++) f(both.x[k]);
    }
    for (u64 at = whole * N + FIRST; at < len; at += STRIDE) f(x[at]);
}

template <typename T>
__device__ __forceinline__ void
count(const T* x, u64* words, u64 len, u64 stripes, u64 compare, const Bound<T>& bound) {
    u64 own = 0;
    each(x, len, [&](T x) { own += holds(compare, x, bound.x) ? 1 : 0; });
    if (own != 0) atomicAdd(words + 2 * (FIRST % stripes), own);
}

// The lower halves of the numbers in one word, the upper ones, which have the sign, in the other: neither overflows.
template <typename T> __device__ __forceinline__ void sum(const T* x, u64* words, u64 len, u64 stripes) {
    u64 low = 0, high = 0;
    each(x, len, [&](T x) {
        const long long wide = x;
        low += (u64)wide & 0xffffffffull;
        high += (u64)(wide >> 32);
    });
    words += 2 * (FIRST % stripes);
    if (low != 0) atomicAdd(words, low);
    if (high != 0) atomicAdd(words + 1, high);
}

// What is not a number is passed over. Without any number the first word stays greater than the second one.
template <typename T> __device__ __forceinline__ void min_max(const T* x, u64* words, u64 len, u64 stripes) {
    u64 least = ~0ull, most = 0;
    each(x, len, [&](T x) {
        if (x != x) return;
        const u64 own = key(x);
        least = own < least ? own : least;
        most = own > most ? own : most;
    });
    words += 2 * (FIRST % stripes);
    if (least <= most) {
        atomicMin(words, least);
        atomicMax(words + 1, most);
    }
}

template <typename T>
__device__ __forceinline__ void
histogram(const T* numbers, u64* counts, u64 len, u64 stripes, u64 bins, const Range& range) {
    counts += (bins + 3) * (FIRST % stripes);
    each(numbers, len, [&](T number) { atomicAdd(counts + part(number, bins, range), 1ull); });
}

template <typename T> __device__ __forceinline__ void lanes(const T* x, T* lanes, u64 len) {
    const u64 all = (len + CHUNK - 1) / CHUNK * LANES;
    for (u64 lane = FIRST; lane < all; lane += STRIDE) {
        const u64 start = lane / LANES * CHUNK, end = start + CHUNK < len ? start + CHUNK : len;
        T sum = 0;
        #pragma unroll 8
        for (u64 at = start + lane % LANES; at < end; at += LANES) sum = Number<T>::add(sum, x[at]);
        lanes[lane] = sum;
    }
}

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define KERNELS(name, T) \
    KERNEL pipe_count_##name( \
        const T* x, u64* words, u64 len, u64 stripes, u64 compare, const __grid_constant__ Bound<T> bound \
    ) { count(x, words, len, stripes, compare, bound); } \
    KERNEL pipe_min_max_##name(const T* x, u64* words, u64 len, u64 stripes) { min_max(x, words, len, stripes); } \
    KERNEL pipe_histogram_##name( \
        const T* x, u64* counts, u64 len, u64 stripes, u64 bins, const __grid_constant__ Range range \
    ) { histogram(x, counts, len, stripes, bins, range); }
#define SUM(name, T) \
    KERNEL pipe_sum_##name(const T* x, u64* words, u64 len, u64 stripes) { sum(x, words, len, stripes); }
#define SUM_OF_LANES(name, T) \
    KERNEL pipe_lanes_##name(const T* x, T* sums, u64 len) { lanes(x, sums, len); }

KERNELS(f32, float)
KERNELS(f64, double)
KERNELS(i32, int)
KERNELS(i64, long long)
KERNELS(u8, u8)
KERNELS(u16, u16)

SUM(i32, int)
SUM(i64, long long)
SUM(u8, u8)
SUM(u16, u16)

SUM_OF_LANES(f32, float)
SUM_OF_LANES(f64, double)

#undef FIRST
#undef STRIDE
#undef LANES
#undef CHUNK
#undef KERNEL
#undef KERNELS
#undef SUM
#undef SUM_OF_LANES
