// Of a block a few numbers, of what a program makes of it: the results of the program go nowhere else, so the block is read once, and nothing is
// written. How threads share the few numbers is what `totals.cuh` says.
//
// One kernel for each type: what is made of the results is the last step of the walk through the list, and all threads take the same one. A kernel
// for each of them would have a copy of the walk each.

#include "number.cuh"
#include "compare.cuh"
#include "program.cuh"
#include "totals.cuh"

// What is made of the results. As `src/job/mapped.rs` has it.
enum What { COUNT, MIN_MAX, SUM, HISTOGRAM };

// The range of a histogram, and the bound of a count.
template <typename T> struct Asked { Range range; T bound; };

// What one thread has so far: the two words of a count, of extremes, of a sum. A histogram is added to where it is.
struct Own { u64 first, second; };

// Integers: their lower halves in one word, their upper ones, which have the sign, in the other. There is no such sum of floats.
template <typename T> __device__ __forceinline__ void add_halves(Own& own, T x) {
    const long long wide = x;
    own.first += (u64)wide & 0xffffffffull;
    own.second += (u64)(wide >> 32);
}
__device__ __forceinline__ void add_halves(Own&, float) {}
__device__ __forceinline__ void add_halves(Own&, double) {}

// What is not a number is passed over.
template <typename T> __device__ __forceinline__ void stretch(Own& own, T x) {
    if (x != x) return;
    const u64 word = key(x);
    own.first = word < own.first ? word : own.first;
    own.second = word > own.second ? word : own.second;
}

// One step on all numbers that a thread holds, of which the last vector may have fewer.
#define EACH(step) \
    _Pragma("unroll") \
    for (int k = 0; k < N; k++) { const T v = x[k]; if (k < rest) { step; } } \
    break

template <typename T, int N>
__device__ __forceinline__ void
take(u64 what, u64 detail, const Asked<T>& asked, const T (&x)[N], u64 rest, Own& own, u64* words) {
    switch (what) {
    case COUNT: EACH(own.first += holds(detail, v, asked.bound) ? 1 : 0);
    case MIN_MAX: EACH(stretch(own, v));
    case SUM: EACH(add_halves(own, v));
    case HISTOGRAM: EACH(atomicAdd(words + part(v, detail, asked.range), 1ull));
    }
}

template <typename T>
__device__ __forceinline__ void
mapped(
    const T* numbers, u64* words, u64 len, u64 stripes, u64 what, u64 detail, const Asked<T>& asked, const Program<T>& program
) {
    constexpr int N = 16 / sizeof(T);
    words += (what == HISTOGRAM ? detail + 3 : 2) * (FIRST % stripes);
    Own own = {what == MIN_MAX ? ~0ull : 0, 0};
    const uint4* const vectors = reinterpret_cast<const uint4*>(numbers);
    for (u64 at = FIRST; at < (len + N - 1) / N; at += STRIDE) {
        union { uint4 vector; T x[N]; } both;
        const T* const from = numbers + at * N;
        const u64 rest = len - at * N;
        if (rest >= N) {
            both.vector = vectors[at];
        } else {
            #pragma unroll
            for (int k = 0; k < N; k++) both.x[k] = k < rest ? from[k] : (T)0;
        }
        apply<T, N>(program, both.x);
        take<T, N>(what, detail, asked, both.x, rest, own, words);
    }
    if (what == HISTOGRAM) return;
    if (what == MIN_MAX) {
        if (own.first <= own.second) {
            atomicMin(words, own.first);
            atomicMax(words + 1, own.second);
        }
        return;
    }
    if (own.first != 0) atomicAdd(words, own.first);
    if (own.second != 0) atomicAdd(words + 1, own.second);
}

// As `lanes` of `totals.cu`: some numbers of a lane walk through the list together, and are added in their order.
template <typename T>
__device__ __forceinline__ void mapped_lanes(const T* numbers, T* lanes, u64 len, const Program<T>& program) {
    constexpr int N = 16 / sizeof(T);
    const u64 all = (len + CHUNK - 1) / CHUNK * LANES;
    for (u64 lane = FIRST; lane < all; lane += STRIDE) {
        const u64 start = lane / LANES * CHUNK, end = start + CHUNK < len ? start + CHUNK : len;
        T sum = 0;
        for (u64 at = start + lane % LANES; at < end; at += N * LANES) {
            T x[N];
            #pragma unroll
            for (int k = 0; k < N; k++) x[k] = at + k * LANES < end ? numbers[at + k * LANES] : (T)0;
            apply<T, N>(program, x);
            #pragma unroll
            for (int k = 0; k < N; k++) if (at + k * LANES < end) sum = Number<T>::add(sum, x[k]);
        }
        lanes[lane] = sum;
    }
}

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define MAPPED(name, T) \
    KERNEL pipe_mapped_##name( \
        const T* x, u64* words, u64 len, u64 stripes, u64 what, u64 detail, const __grid_constant__ Asked<T> asked, \
        const __grid_constant__ Program<T> program \
    ) { mapped(x, words, len, stripes, what, detail, asked, program); }
#define LANES_OF(name, T) \
    KERNEL pipe_mapped_lanes_##name(const T* x, T* sums, u64 len, const __grid_constant__ Program<T> program) { \
        mapped_lanes(x, sums, len, program); \
    }

MAPPED(f32, float)
MAPPED(f64, double)
MAPPED(i32, int)
MAPPED(i64, long long)
MAPPED(u8, u8)
MAPPED(u16, u16)

LANES_OF(f32, float)
LANES_OF(f64, double)

#undef FIRST
#undef STRIDE
#undef EACH
#undef LANES
#undef CHUNK
#undef KERNEL
#undef MAPPED
#undef LANES_OF
