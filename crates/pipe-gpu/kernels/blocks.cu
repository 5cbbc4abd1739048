// From one or two blocks another one: two columns that meet, colours that become grey, sums over neighbours.
//
// A thread makes one number, and takes the next one a grid further: so any grid makes all of them. Sums are added in the order that pipe-core
// tells, each addition rounded by itself, so bits are those of the CPU. Neighbours are read once for each number that they are in, from the
// cache; on numbers that come over the bus that is hidden.

#include "number.cuh"

#define FIRST (blockIdx.x * (u64)blockDim.x + threadIdx.x)
#define STRIDE ((u64)gridDim.x * blockDim.x)

enum Binary { PLUS, MINUS, TIMES, LEAST, MOST };

// `x` meets `y`, and becomes the result.
template <typename T> __device__ __forceinline__ void pair(T* x, const T* y, u64 len, u64 binary) {
    for (u64 at = FIRST; at < len; at += STRIDE) {
        const T a = x[at], b = y[at];
        switch (binary) {
        case PLUS: x[at] = Number<T>::add(a, b); break;
        case MINUS: x[at] = Number<T>::sub(a, b); break;
        case TIMES: x[at] = Number<T>::mul(a, b); break;
        case LEAST: x[at] = b < a ? b : a; break;
        case MOST: x[at] = b > a ? b : a; break;
        }
    }
}

// Three numbers become one.
template <typename T> __device__ __forceinline__ void grey(const T* rgb, T* out, u64 len) {
    for (u64 at = FIRST; at < len; at += STRIDE) {
        out[at] = Number<T>::luma(rgb[3 * at], rgb[3 * at + 1], rgb[3 * at + 2]);
    }
}

template <typename T> struct Weights { T of[9]; };

// A pixel and its neighbours, in an image of `height` rows; beyond the border its pixels are repeated. The first `skip` rows are only
// neighbours: nothing is made of them.
template <typename T>
__device__ __forceinline__ void
stencil(const T* image, T* out, u64 len, u64 width, u64 height, u64 skip, const Weights<T>& weights) {
    for (u64 at = FIRST; at < len; at += STRIDE) {
        const u64 x = at % width, y = at / width + skip;
        const u64 rows[3] = {y > 0 ? y - 1 : 0, y, y + 1 < height ? y + 1 : y};
        const u64 columns[3] = {x > 0 ? x - 1 : 0, x, x + 1 < width ? x + 1 : x};
        T sum = Number<T>::mul(weights.of[0], image[rows[0] * width + columns[0]]);
        #pragma unroll
        for (int k = 1; k < 9; k++) {
            const T pixel = image[rows[k / 3] * width + columns[k % 3]];
            sum = Number<T>::add(sum, Number<T>::mul(weights.of[k], pixel));
        }
        out[at] = sum;
    }
}

// The first tap is that of the newest number.
template <typename T>
__device__ __forceinline__ void fir(const T* x, const T* taps, T* out, u64 len, u64 n) {
    for (u64 at = FIRST; at < len; at += STRIDE) {
        T sum = 0;
        for (u64 k = 0; k < n; k++) sum = Number<T>::mul_add(taps[k], x[at + n - 1 - k], sum);
        out[at] = sum;
    }
}

// One step of the doubling. `sums` are those of `size` numbers: `rest` sums of twice as many are made of them, and if `takes`, they are added
// to the windows, which have `done` numbers already.
template <typename T>
__device__ __forceinline__ void
window_sums(const T* sums, T* next, T* out, u64 len, u64 rest, u64 size, u64 done, u64 takes) {
    const u64 all = takes != 0 && len > rest ? len : rest;
    for (u64 at = FIRST; at < all; at += STRIDE) {
        if (takes != 0 && at < len) out[at] = done == 0 ? sums[at] : Number<T>::add(out[at], sums[done + at]);
        if (at < rest) next[at] = Number<T>::add(sums[at], sums[at + size]);
    }
}

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define KERNELS(name, T) \
    KERNEL pipe_pair_##name(T* x, const T* y, u64 len, u64 binary) { pair(x, y, len, binary); } \
    KERNEL pipe_grey_##name(const T* rgb, T* out, u64 len) { grey(rgb, out, len); } \
    KERNEL pipe_stencil_##name( \
        const T* image, T* out, u64 len, u64 width, u64 height, u64 skip, const __grid_constant__ Weights<T> weights \
    ) { stencil(image, out, len, width, height, skip, weights); } \
    KERNEL pipe_fir_##name(const T* x, const T* taps, T* out, u64 len, u64 n) { fir(x, taps, out, len, n); } \
    KERNEL pipe_window_sums_##name( \
        const T* sums, T* next, T* out, u64 len, u64 rest, u64 size, u64 done, u64 takes \
    ) { window_sums(sums, next, out, len, rest, size, done, takes); }

KERNELS(f32, float)
KERNELS(f64, double)
KERNELS(i32, int)
KERNELS(i64, long long)
KERNELS(u8, u8)
KERNELS(u16, u16)

#undef FIRST
#undef STRIDE
#undef KERNEL
#undef KERNELS
