// Kernels of one's own, as a program beside this crate would have them: what `CustomKernel` is tested with. Not in the images of the crate, which
// loads such a kernel from the PTX that it is handed.
//
// A thread makes one number of a window of neighbours, and takes the next one a grid further. After the length there may be eight numbers, by
// value.

#include "number.cuh"

#define FIRST (blockIdx.x * (u64)blockDim.x + threadIdx.x)
#define STRIDE ((u64)gridDim.x * blockDim.x)

// The middle one of three.
extern "C" __global__ void pipe_custom_median_f32(const float* x, float* out, u64 len) {
    for (u64 at = FIRST; at < len; at += STRIDE) {
        const float a = x[at], b = x[at + 1], c = x[at + 2];
        const float low = b < a ? b : a, high = b < a ? a : b;
        out[at] = c < low ? low : (c > high ? high : c);
    }
}

struct Parameters { int of[8]; };

// Steps until 1 is reached, of the rule `even ? n / 2 : factor * n + term`, of which there are so many at most.
extern "C" __global__ void
pipe_custom_steps_i32(const int* x, int* out, u64 len, const __grid_constant__ Parameters parameters) {
    const u32 factor = (u32)parameters.of[0], term = (u32)parameters.of[1], most = (u32)parameters.of[2];
    for (u64 at = FIRST; at < len; at += STRIDE) {
        u32 n = (u32)x[at], steps = 0;
        for (; n != 1 && steps < most; steps++) n = n % 2 == 0 ? n / 2 : factor * n + term;
        out[at] = (int)steps;
    }
}

#undef FIRST
#undef STRIDE
