// A program of element-wise operations over numbers that lie on the device, in place.
//
// Programs are made at run time and kernels are compiled ahead, so the kernel interprets: the list of operations comes by value in the
// parameters, all threads of a warp take the same branch, and each loads 16 bytes of numbers for a walk through the list. Layout and codes
// of the list are those of `src/encode.rs`.
//
// Bits are those of the CPU: each operation is rounded by itself (the intrinsics are never contracted to a fused multiply-add), integers
// wrap around, and comparisons are written as there, so that what is not a number passes. `exp`, `log`, `tanh`, `sigmoid` and `pow` are within
// their bounds; two of them are computed in double for that.

#define MOST_OPS 32

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

template <typename T> struct Op { u32 code; T a, b; };
template <typename T> struct Program { u32 len; Op<T> ops[MOST_OPS]; };

enum Code {
    ADD, SUB, SCALE, MUL_ADD, SQUARE, ABS, NEG, CLAMP,
    KEEP_LESS, KEEP_LESS_OR_EQUAL, KEEP_EQUAL, KEEP_NOT_EQUAL, KEEP_GREATER_OR_EQUAL, KEEP_GREATER,
    DIV, SQRT, EXP, LOG, TANH, SIGMOID, POW, FLOOR, CEIL, ROUND, TRUNC
};

// Integers: in an unsigned type of at least 32 bits, where overflow wraps around.
template <typename T, typename Unsigned> struct Integer {
    static __device__ __forceinline__ T add(T x, T a) { return (T)((Unsigned)x + (Unsigned)a); }
    static __device__ __forceinline__ T sub(T x, T a) { return (T)((Unsigned)x - (Unsigned)a); }
    static __device__ __forceinline__ T mul(T x, T a) { return (T)((Unsigned)x * (Unsigned)a); }
    static __device__ __forceinline__ T mul_add(T x, T a, T b) { return add(mul(x, a), b); }
    static __device__ __forceinline__ T neg(T x) { return (T)(0 - (Unsigned)x); }
    static __device__ __forceinline__ T only(u32, T x, T) { return x; }
};

template <typename T> struct Number;
template <> struct Number<u8> : Integer<u8, u32> {
    static __device__ __forceinline__ u8 abs(u8 x) { return x; }
};
template <> struct Number<u16> : Integer<u16, u32> {
    static __device__ __forceinline__ u16 abs(u16 x) { return x; }
};
template <> struct Number<int> : Integer<int, u32> {
    static __device__ __forceinline__ int abs(int x) { return x < 0 ? neg(x) : x; }
};
template <> struct Number<long long> : Integer<long long, u64> {
    static __device__ __forceinline__ long long abs(long long x) { return x < 0 ? neg(x) : x; }
};

template <> struct Number<float> {
    static __device__ __forceinline__ float add(float x, float a) { return __fadd_rn(x, a); }
    static __device__ __forceinline__ float sub(float x, float a) { return __fsub_rn(x, a); }
    static __device__ __forceinline__ float mul(float x, float a) { return __fmul_rn(x, a); }
    static __device__ __forceinline__ float mul_add(float x, float a, float b) { return __fmaf_rn(x, a, b); }
    static __device__ __forceinline__ float neg(float x) { return -x; }
    static __device__ __forceinline__ float abs(float x) { return fabsf(x); }
    // Large: a function of its own, and not a copy for each number of a thread.
    static __device__ __noinline__ float only(u32 code, float x, float a) {
        switch (code) {
        case DIV: return __fdiv_rn(x, a);
        case SQRT: return __fsqrt_rn(x);
        case EXP: return expf(x);
        case LOG: return logf(x);
        case TANH: return tanhf(x);
        case SIGMOID: return (float)(1.0 / (1.0 + exp(-(double)x)));
        case POW: return (float)pow((double)x, (double)a);
        case FLOOR: return floorf(x);
        case CEIL: return ceilf(x);
        case ROUND: return rintf(x);
        case TRUNC: return truncf(x);
        }
        return x;
    }
};

template <> struct Number<double> {
    static __device__ __forceinline__ double add(double x, double a) { return __dadd_rn(x, a); }
    static __device__ __forceinline__ double sub(double x, double a) { return __dsub_rn(x, a); }
    static __device__ __forceinline__ double mul(double x, double a) { return __dmul_rn(x, a); }
    static __device__ __forceinline__ double mul_add(double x, double a, double b) { return __fma_rn(x, a, b); }
    static __device__ __forceinline__ double neg(double x) { return -x; }
    static __device__ __forceinline__ double abs(double x) { return fabs(x); }
    static __device__ __noinline__ double only(u32 code, double x, double a) {
        switch (code) {
        case DIV: return __ddiv_rn(x, a);
        case SQRT: return __dsqrt_rn(x);
        case EXP: return exp(x);
        case LOG: return log(x);
        case TANH: return tanh(x);
        case SIGMOID: return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
        case POW: return pow(x, a);
        case FLOOR: return floor(x);
        case CEIL: return ceil(x);
        case ROUND: return rint(x);
        case TRUNC: return trunc(x);
        }
        return x;
    }
};

// One operation on all numbers that a thread holds.
#define EACH(result) \
    _Pragma("unroll") \
    for (int k = 0; k < N; k++) { const T v = x[k]; x[k] = (result); } \
    break

template <typename T, int N>
__device__ __forceinline__ void apply(const Program<T>& program, T (&x)[N]) {
    typedef Number<T> F;
    #pragma unroll 1
    for (u32 at = 0; at < program.len; at++) {
        const u32 code = program.ops[at].code;
        const T a = program.ops[at].a, b = program.ops[at].b;
        switch (code) {
        case ADD: EACH(F::add(v, a));
        case SUB: EACH(F::sub(v, a));
        case SCALE: EACH(F::mul(v, a));
        case MUL_ADD: EACH(F::mul_add(v, a, b));
        case SQUARE: EACH(F::mul(v, v));
        case ABS: EACH(F::abs(v));
        case NEG: EACH(F::neg(v));
        case CLAMP: EACH(v < a ? a : (v > b ? b : v));
        case KEEP_LESS: EACH(v < a ? v : b);
        case KEEP_LESS_OR_EQUAL: EACH(v <= a ? v : b);
        case KEEP_EQUAL: EACH(v == a ? v : b);
        case KEEP_NOT_EQUAL: EACH(v != a ? v : b);
        case KEEP_GREATER_OR_EQUAL: EACH(v >= a ? v : b);
        case KEEP_GREATER: EACH(v > a ? v : b);
        default: EACH(F::only(code, v, a));
        }
    }
}

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
