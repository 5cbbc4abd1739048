// A program of element-wise operations over numbers that lie on the device, in place.
//
// Programs are made at run time and kernels are compiled ahead, so the kernel interprets: the list of operations comes by value in the
// parameters, all threads of a warp take the same branch, and each loads 16 bytes of numbers for a walk through the list.

#include "number.cuh"
#include "program.cuh"

template <typename T>
__device__ __forceinline__ void map(T* numbers, u64 len, const Program<T>& program) {
    constexpr int N = 16 / sizeof(T);
    const u64 first = blockIdx.x * (u64)blockDim.x + threadIdx.x;
    const u64 stride = (u64)gridDim.x * blockDim.x;
    uint4* const vectors = reinterpret_cast<uint4*>(numbers);
    for (u64 at = first; at < (len + N - 1) / N; at += stride) {
        union { uint4 vector; T x[N]; } both;
        T* const from = numbers + at * N;
        const u64 rest = len - at * N;
        // The last vector may be a part of one.
        if (rest >= N) {
            both.vector = vectors[at];
        } else {
            #pragma unroll
            for (int k = 0; k < N; k++) both.x[k] = k < rest ? from[k] : (T)0;
        }
        apply<T, N>(program, both.x);
        if (rest >= N) {
            vectors[at] = both.vector;
        } else {
            #pragma unroll
            for (int k = 0; k < N; k++) if (k < rest) from[k] = both.x[k];
        }
    }
}

#define KERNEL(name, T) \
    extern "C" __global__ void __launch_bounds__(256) \
    name(T* numbers, u64 len, const __grid_constant__ Program<T> program) { map(numbers, len, program); }

KERNEL(pipe_map_f32, float)
KERNEL(pipe_map_f64, double)
KERNEL(pipe_map_i32, int)
KERNEL(pipe_map_i64, long long)
KERNEL(pipe_map_u8, u8)
KERNEL(pipe_map_u16, u16)

#undef KERNEL
