// What the kernels use of CUDA, as C++ for the CPU: so the sources in `kernels/` are compiled a second time, and run where no device is.
//
// The threads of a grid run one behind the other, each to its end: the kernels have no barriers. The first one first or the last one first: a
// kernel that gives the same in both is not one in which a thread reads what another one has written, or will. Every operation that rounds by itself on the
// device is an operation of its own here, and the compiler is told to fuse none (`-ffp-contract=off`), so bits are those of the device. But
// `exp`, `log`, `tanh` and `pow` are those of the system's library here and CUDA's own ones there.

#include <cstddef>
#include <math.h>
#include <string.h>
#include <type_traits>
#include <utility>

// Below the headers of the system, which use some of these names.
#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(threads)
#define __grid_constant__

struct alignas(16) uint4 { unsigned x, y, z, w; };

// Where a thread is. One grid runs at a time: the driver sees to that.
struct Place { unsigned x, y, z; };
static Place gridDim, blockDim, blockIdx, threadIdx;

static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fsub_rn(float x, float y) { return x - y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fdiv_rn(float x, float y) { return x / y; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline double __dadd_rn(double x, double y) { return x + y; }
static inline double __dsub_rn(double x, double y) { return x - y; }
static inline double __dmul_rn(double x, double y) { return x * y; }
static inline double __ddiv_rn(double x, double y) { return x / y; }
static inline double __dsqrt_rn(double x) { return sqrt(x); }
static inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }

static inline long long __double_as_longlong(double x) {
    long long bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// Nobody else is there meanwhile: threads run one behind the other.
typedef unsigned long long Word;
static inline void atomicAdd(Word* to, Word x) { *to += x; }
static inline void atomicMin(Word* to, Word x) { *to = x < *to ? x : *to; }
static inline void atomicMax(Word* to, Word x) { *to = x > *to ? x : *to; }

// A kernel as the driver launches it, by the addresses of its parameters.
namespace host {

struct Parameter {
    size_t bytes;
    bool is_pointer;
};

enum Order : unsigned { FIRST_FIRST, LAST_FIRST };

struct Kernel {
    const char* name;
    const Parameter* parameters;
    size_t len;
    void (*run)(unsigned blocks, unsigned threads, Order order, void* const* parameters);
};

template <auto kernel> struct Of;

template <typename... P, void (*kernel)(P...)> struct Of<kernel> {
    static constexpr Parameter parameters[] = {{sizeof(P), std::is_pointer<P>::value}...};

    template <size_t... at> static void call(void* const* from, std::index_sequence<at...>) {
        kernel(*static_cast<P*>(from[at])...);
    }

    static void run(unsigned blocks, unsigned threads, Order order, void* const* from) {
        gridDim = {blocks, 1, 1};
        blockDim = {threads, 1, 1};
        for (unsigned block = 0; block < blocks; block++) {
            for (unsigned thread = 0; thread < threads; thread++) {
                blockIdx = {order == LAST_FIRST ? blocks - 1 - block : block, 0, 0};
                threadIdx = {order == LAST_FIRST ? threads - 1 - thread : thread, 0, 0};
                call(from, std::index_sequence_for<P...>());
            }
        }
    }

    static constexpr Kernel named(const char* name) { return {name, parameters, sizeof...(P), run}; }
};

}
