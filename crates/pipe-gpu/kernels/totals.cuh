// What the totals of numbers as they are (`totals.cu`) and as a program makes them (`mapped.cu`) have in common.
//
// But for the lanes, words of 64 bits come with each piece of a block and go back with the result. A thread adds up its own numbers first, one of
// each grid, and then adds once to words that it shares with others; a histogram adds each number. So that not all threads wait for the same word,
// there are several sets of them, `stripes`, which the host adds up. The same in any order: sums of floats are not, and so have an order.

#define FIRST (blockIdx.x * (u64)blockDim.x + threadIdx.x)
#define STRIDE ((u64)gridDim.x * blockDim.x)

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

struct Range { double low, high, scale; };

// Of the parts of a range the one that a number is in, or of three more words behind them that of what is below, above, and no number. Computed as
// the CPU does it, operation by operation.
template <typename T> __device__ __forceinline__ u64 part(T number, u64 bins, const Range& range) {
    const double x = (double)number;
    u64 to = bins + 2;
    if (x >= range.low && x <= range.high) {
        const u64 bin = (u64)__dmul_rn(__dsub_rn(x, range.low), range.scale);
        to = bin < bins ? bin : bins - 1;
    } else if (x < range.low) {
        to = bins;
    } else if (x > range.high) {
        to = bins + 1;
    }
    return to;
}

// As pipe-core adds up a block of floats: number `i` in lane `i % LANES`. Each chunk of numbers is such a block, as in `job/lanes.rs`.
#define LANES 64
#define CHUNK 16384
