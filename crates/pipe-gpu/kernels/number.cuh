// The numbers of the kernels, and their arithmetic. Bits are those of the CPU: each operation is rounded by itself (the intrinsics are never
// contracted to a fused multiply-add), and integers wrap around. Each source includes it once.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// Integers: in an unsigned type of at least 32 bits, where overflow wraps around.
template <typename T, typename Unsigned> struct Integer {
    static __device__ __forceinline__ T add(T x, T a) { return (T)((Unsigned)x + (Unsigned)a); }
    static __device__ __forceinline__ T sub(T x, T a) { return (T)((Unsigned)x - (Unsigned)a); }
    static __device__ __forceinline__ T mul(T x, T a) { return (T)((Unsigned)x * (Unsigned)a); }
    static __device__ __forceinline__ T mul_add(T x, T a, T b) { return add(mul(x, a), b); }
    static __device__ __forceinline__ T neg(T x) { return (T)(0 - (Unsigned)x); }
};

template <typename T> struct Number;
template <> struct Number<u8> : Integer<u8, u32> {
    static __device__ __forceinline__ u8 abs(u8 x) { return x; }
    static __device__ __forceinline__ u8 luma(u8 r, u8 g, u8 b) { return (u8)((77u * r + 150u * g + 29u * b + 128u) >> 8); }
};
template <> struct Number<u16> : Integer<u16, u32> {
    static __device__ __forceinline__ u16 abs(u16 x) { return x; }
    static __device__ __forceinline__ u16 luma(u16 r, u16 g, u16 b) { return (u16)((77u * r + 150u * g + 29u * b + 128u) >> 8); }
};
template <> struct Number<int> : Integer<int, u32> {
    static __device__ __forceinline__ int abs(int x) { return x < 0 ? neg(x) : x; }
    static __device__ __forceinline__ int luma(int r, int g, int b) {
        return (int)((77ll * r + 150ll * g + 29ll * b + 128ll) >> 8);
    }
};
template <> struct Number<long long> : Integer<long long, u64> {
    static __device__ __forceinline__ long long abs(long long x) { return x < 0 ? neg(x) : x; }
    // The sum may need 72 bits, so the last eight of each colour are added by themselves. The weights add up to 256: nothing overflows.
    static __device__ __forceinline__ long long luma(long long r, long long g, long long b) {
        const long long low = 77 * (r & 255) + 150 * (g & 255) + 29 * (b & 255) + 128;
        return 77 * (r >> 8) + 150 * (g >> 8) + 29 * (b >> 8) + (low >> 8);
    }
};

template <> struct Number<float> {
    static __device__ __forceinline__ float add(float x, float a) { return __fadd_rn(x, a); }
    static __device__ __forceinline__ float sub(float x, float a) { return __fsub_rn(x, a); }
    static __device__ __forceinline__ float mul(float x, float a) { return __fmul_rn(x, a); }
    static __device__ __forceinline__ float mul_add(float x, float a, float b) { return __fmaf_rn(x, a, b); }
    static __device__ __forceinline__ float neg(float x) { return -x; }
    static __device__ __forceinline__ float abs(float x) { return fabsf(x); }
    static __device__ __forceinline__ float luma(float r, float g, float b) {
        return add(add(mul(0.299f, r), mul(0.587f, g)), mul(0.114f, b));
    }
};

template <> struct Number<double> {
    static __device__ __forceinline__ double add(double x, double a) { return __dadd_rn(x, a); }
    static __device__ __forceinline__ double sub(double x, double a) { return __dsub_rn(x, a); }
    static __device__ __forceinline__ double mul(double x, double a) { return __dmul_rn(x, a); }
    static __device__ __forceinline__ double mul_add(double x, double a, double b) { return __fma_rn(x, a, b); }
    static __device__ __forceinline__ double neg(double x) { return -x; }
    static __device__ __forceinline__ double abs(double x) { return fabs(x); }
    static __device__ __forceinline__ double luma(double r, double g, double b) {
        return add(add(mul(0.299, r), mul(0.587, g)), mul(0.114, b));
    }
};
