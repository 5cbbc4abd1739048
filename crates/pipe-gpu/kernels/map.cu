// A program of element-wise operations over numbers that lie on the device, in place.
//
// Programs are made at run time and kernels are compiled ahead, so the kernel interprets: the list of operations comes by value in the
// parameters, all threads of a warp take the same branch, and each loads 16 bytes of numbers for a walk through the list. The layout of
// the list is that of `src/encode.rs`.
//
// Bits are those of the CPU: each operation is rounded by itself (the intrinsics are never contracted to a fused multiply-add), and
// comparisons are written as there, so that what is not a number passes.

#define MOST_OPS 32

template <typename T> struct Op { unsigned code; T a, b; };
template <typename T> struct Program { unsigned len; Op<T> ops[MOST_OPS]; };

__device__ __forceinline__ float scale(float x, float a) { return __fmul_rn(x, a); }
__device__ __forceinline__ double scale(double x, double a) { return __dmul_rn(x, a); }
__device__ __forceinline__ float add(float x, float a) { return __fadd_rn(x, a); }
__device__ __forceinline__ double add(double x, double a) { return __dadd_rn(x, a); }

// Numbers of 16 bytes, which one load brings.
template <typename T> struct Vector;
template <> struct Vector<float> { typedef float4 type; };
template <> struct Vector<double> { typedef double2 type; };

template <typename T, int N>
__device__ __forceinline__ void apply(const Program<T>& program, T (&x)[N]) {
    #pragma unroll 1
    for (unsigned at = 0; at < program.len; at++) {
        const unsigned code = program.ops[at].code;
        const T a = program.ops[at].a, b = program.ops[at].b;
        switch (code) {
        case 0:
            #pragma unroll
            for (int k = 0; k < N; k++) x[k] = scale(x[k], a);
            break;
        case 1:
            #pragma unroll
            for (int k = 0; k < N; k++) x[k] = add(x[k], a);
            break;
        case 2:
            #pragma unroll
            for (int k = 0; k < N; k++) x[k] = x[k] < a ? a : (x[k] > b ? b : x[k]);
            break;
        }
    }
}

template <typename T>
__device__ __forceinline__ void map(T* numbers, unsigned long long len, const Program<T>& program) {
    constexpr int N = 16 / sizeof(T);
    typedef typename Vector<T>::type V;
    const unsigned long long first = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
    const unsigned long long stride = (unsigned long long)gridDim.x * blockDim.x;
    V* const vectors = reinterpret_cast<V*>(numbers);
    for (unsigned long long at = first; at < len / N; at += stride) {
        union { V vector; T x[N]; } both;
        both.vector = vectors[at];
        apply<T, N>(program, both.x);
        vectors[at] = both.vector;
    }
    for (unsigned long long at = len / N * N + first; at < len; at += stride) {
        T x[1] = {numbers[at]};
        apply<T, 1>(program, x);
        numbers[at] = x[0];
    }
}

extern "C" __global__ void __launch_bounds__(256)
pipe_map_f32(float* numbers, unsigned long long len, const __grid_constant__ Program<float> program) {
    map(numbers, len, program);
}

extern "C" __global__ void __launch_bounds__(256)
pipe_map_f64(double* numbers, unsigned long long len, const __grid_constant__ Program<double> program) {
    map(numbers, len, program);
}
