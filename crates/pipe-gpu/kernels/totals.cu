// Of a block a few numbers: how many compare so with a bound, the sum of integers, the least and the greatest.
//
// Two words of 64 bits come with each piece of a block and go back with the result. A thread adds up its own numbers first, one of each grid, and
// then adds once to the words, which all threads share. So only what is the same in any order is here: sums of floats are not.

#include "number.cuh"

#define FIRST (blockIdx.x * (u64)blockDim.x + threadIdx.x)
#define STRIDE ((u64)gridDim.x * blockDim.x)

enum Compare { LESS, LESS_OR_EQUAL, EQUAL, NOT_EQUAL, GREATER_OR_EQUAL, GREATER };

template <typename T> struct Bound { T x; };

template <typename T> __device__ __forceinline__ bool holds(u64 compare, T x, T bound) {
    switch (compare) {
    case LESS: return x < bound;
    case LESS_OR_EQUAL: return x <= bound;
    case EQUAL: return x == bound;
    case NOT_EQUAL: return x != bound;
    case GREATER_OR_EQUAL: return x >= bound;
    case GREATER: return x > bound;
    }
    return false;
}

template <typename T>
__device__ __forceinline__ void count(const T* x, u64* words, u64 len, u64 compare, const Bound<T>& bound) {
    u64 own = 0;
    for (u64 at = FIRST; at < len; at += STRIDE) own += holds(compare, x[at], bound.x) ? 1 : 0;
    if (own != 0) atomicAdd(words, own);
}

// The lower halves of the numbers in one word, the upper ones, which have the sign, in the other: neither overflows.
template <typename T> __device__ __forceinline__ void sum(const T* x, u64* words, u64 len) {
    u64 low = 0, high = 0;
    for (u64 at = FIRST; at < len; at += STRIDE) {
        const long long wide = x[at];
        low += (u64)wide & 0xffffffffull;
        high += (u64)(wide >> 32);
    }
    if (low != 0) atomicAdd(words, low);
    if (high != 0) atomicAdd(words + 1, high);
}

// A number as a word, so that words compare as numbers do; -0 is less than 0 then.
__device__ __forceinline__ u64 key(long long x) { return (u64)x ^ 1ull << 63; }
__device__ __forceinline__ u64 key(int x) { return key((long long)x); }
__device__ __forceinline__ u64 key(u8 x) { return key((long long)x); }
__device__ __forceinline__ u64 key(u16 x) { return key((long long)x); }
__device__ __forceinline__ u64 key(double x) {
    const u64 bits = (u64)__double_as_longlong(x);
    return (bits >> 63) != 0 ? ~bits : bits ^ 1ull << 63;
}
// Exactly.
__device__ __forceinline__ u64 key(float x) { return key((double)x); }

// What is not a number is passed over. Without any number the first word stays greater than the second one.
template <typename T> __device__ __forceinline__ void min_max(const T* x, u64* words, u64 len) {
    u64 least = ~0ull, most = 0;
    for (u64 at = FIRST; at < len; at += STRIDE) {
        if (x[at] != x[at]) continue;
        const u64 own = key(x[at]);
        least = own < least ? own : least;
        most = own > most ? own : most;
    }
    if (least <= most) {
        atomicMin(words, least);
        atomicMax(words + 1, most);
    }
}

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define KERNELS(name, T) \
    KERNEL pipe_count_##name(const T* x, u64* words, u64 len, u64 compare, const __grid_constant__ Bound<T> bound) { \
        count(x, words, len, compare, bound); \
    } \
    KERNEL pipe_min_max_##name(const T* x, u64* words, u64 len) { min_max(x, words, len); }
#define SUM(name, T) \
    KERNEL pipe_sum_##name(const T* x, u64* words, u64 len) { sum(x, words, len); }

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

#undef FIRST
#undef STRIDE
#undef KERNEL
#undef KERNELS
#undef SUM
