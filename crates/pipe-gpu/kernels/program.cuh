// A program of element-wise operations: its list of operations, and what each does to the numbers that a thread holds. Layout and codes are those
// of `src/encode.rs`.
//
// Bits are those of the CPU: arithmetic is that of `number.cuh`, and comparisons are written as there, so that what is not a number passes. `exp`, `log`, `tanh`,
// `sigmoid` and `pow` are within their bounds; two of them are computed in double for that.

#define MOST_OPS 32

template <typename T> struct Op { u32 code; T a, b; };
template <typename T> struct Program { u32 len; Op<T> ops[MOST_OPS]; };

enum Code {
    ADD, SUB, SCALE, MUL_ADD, SQUARE, ABS, NEG, CLAMP,
    KEEP_LESS, KEEP_LESS_OR_EQUAL, KEEP_EQUAL, KEEP_NOT_EQUAL, KEEP_GREATER_OR_EQUAL, KEEP_GREATER,
    DIV, SQRT, EXP, LOG, TANH, SIGMOID, POW, FLOOR, CEIL, ROUND, TRUNC
};

// What only floats have; integers have no such code.
template <typename T> struct Only {
    static __device__ __forceinline__ T apply(u32, T x, T) { return x; }
};

// Large: a function of its own, and not a copy for each number of a thread.
template <> struct Only<float> {
    static __device__ __noinline__ float apply(u32 code, float x, float a) {
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

template <> struct Only<double> {
    static __device__ __noinline__ double apply(u32 code, double x, double a) {
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
        default: EACH(Only<T>::apply(code, v, a));
        }
    }
}

#undef EACH
#undef MOST_OPS
