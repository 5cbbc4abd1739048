// How a number compares with a bound: for what counts and for what keeps numbers. The codes are those of `src/encode.rs`.

enum Compare { LESS, LESS_OR_EQUAL, EQUAL, NOT_EQUAL, GREATER_OR_EQUAL, GREATER };

template <typename T> struct Bound { T x; };

template <typename T> __device__ __forceinline__ bool holds(u64 compare, T x, T bound) {
    switch (compare) {
    case LESS: return x < bound;
    case LESS_OR_EQUAL: return x <= bound;
    case EQUAL: return x == bound;
    case NOT_EQUAL: return x != bound;
    case GREATER_OR_EQUAL: return x >= bound;
    case GREATER: return x > bound;
    }
    return false;
}
