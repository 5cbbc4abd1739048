"""Numeric kernels over one buffer of float32, as benches/src/tasks/numeric.rs defines them.

Each function returns a kernel and the answer of its first call. Starting, importing and compiling count for nobody.
"""

import os
import sys
import time

import numpy as np

from contender import report

PERIOD = 1 << 16
BLOCKS, MANY_BLOCKS, PATIENCE = 25, 300, 0.4


def mix(z):
    """The finalizer of SplitMix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def numbers(count, seed):
    bits = mix(np.arange(min(PERIOD, count), dtype=np.uint64) + np.uint64(seed)) % np.uint64(64)
    return np.resize((bits.astype(np.float32) - np.float32(31.5)) / np.float32(16), count)


def checksum(x):
    bits = x.view(np.uint32)
    whole = len(bits) // 1024 * 1024
    weights = np.arange(1, 1025, dtype=np.uint64)
    total = int((bits[:whole].reshape(-1, 1024).sum(axis=0, dtype=np.uint64) * weights).sum(dtype=np.uint64))
    rest = bits[whole:].astype(np.uint64)
    return f"{(total + int((rest * weights[: len(rest)]).sum(dtype=np.uint64))) % 2**64:016x}"


def mean(x):
    return f"{x.mean(dtype=np.float64):.3f}"


def factor(call):
    return np.float32(0.5 if call % 2 == 0 else -0.5)


def in_place(kernel):
    """A kernel that is called on what it made before."""

    def prepared(count):
        x = numbers(count, 1)
        kernel(x)
        return checksum(x), lambda _: kernel(x), None

    return prepared


def on_two(kernel):
    """A kernel that changes the second of two buffers."""

    def prepared(count):
        x, y = numbers(count, 1), numbers(count, 2)
        kernel(factor(0), x, y)
        return checksum(y), lambda call: kernel(factor(call), x, y), None

    return prepared


def reduced(kernel, shown):
    """A kernel with one result for two buffers."""

    def prepared(count):
        x, y = numbers(count, 1), numbers(count, 2)
        return shown(kernel(x, y)), lambda _: kernel(x, y), None

    return prepared


def restored(kernel, shown):
    """A kernel that is called once for each block, always on the same numbers."""

    def prepared(count):
        x = numbers(count, 1)
        y = x.copy()
        first = shown(kernel(y))
        return first, lambda _: kernel(y), lambda: np.copyto(y, x)

    return prepared


def plain(x):
    return f"{float(x):.8f}"


def fastest(items, count, kernel, before):
    """The fastest of some blocks of calls, in seconds."""
    calls, call, best, begun = items // count, 0, float("inf"), time.perf_counter()
    for block in range(MANY_BLOCKS if before else BLOCKS):
        if block > 3 and time.perf_counter() - begun > PATIENCE:
            break
        if before:
            before()
        start = time.perf_counter()
        for _ in range(calls):
            call += 1
            kernel(call)
        best = min(best, time.perf_counter() - start)
    return best


def f32(x):
    return np.float32(x)


# NumPy: one pass for each operation, into buffers that are there.


def kept(held, x):
    """A buffer as large as this one, which is made once."""
    if not held:
        held.append(np.empty_like(x))
    return held[0]


def axpy_numpy():
    held = []

    def kernel(a, x, y):
        product = kept(held, x)
        np.multiply(x, a, out=product)
        np.add(y, product, out=y)

    return on_two(kernel)


def polynomial_numpy():
    held = []

    def kernel(x):
        y = kept(held, x)
        np.multiply(x, f32(0.0625), out=y)
        for c in (-0.125, 0.1875, -0.25, 0.375):
            np.add(y, f32(c), out=y)
            np.multiply(y, x, out=y)
        np.add(y, f32(0.5), out=x)

    return in_place(kernel)


def chain5_numpy():
    def kernel(x):
        np.subtract(x, f32(0.25), out=x)
        np.multiply(x, f32(0.5), out=x)
        np.abs(x, out=x)
        np.add(x, f32(0.5), out=x)
        np.clip(x, f32(0.25), f32(0.875), out=x)

    return in_place(kernel)


def normalised_numpy():
    def kernel(x):
        np.subtract(x, f32(0.125), out=x)
        np.multiply(x, f32(1.5), out=x)
        np.clip(x, f32(-3), f32(3), out=x)

    return in_place(kernel)


# Sums of so many numbers are exact, those of products to the fifth digit. Of more the order of additions shows: then the mean is told.
EXACT = 1 << 24


def summed(kernel):
    """A sum with all its digits, or the mean."""
    return lambda count: reduced(kernel, plain if count <= EXACT else lambda x: f"{float(x) / count:.4f}")(count)


def sum_numpy():
    return summed(lambda x, _: x.sum())


def dotted(kernel):
    """A scalar product, told for each number."""

    def prepared(count):
        x, y = numbers(count, 1), numbers(count, 2)
        digits = 6 if count <= EXACT else 4
        return f"{float(kernel(x, y)) / count:.{digits}f}", lambda _: kernel(x, y), None

    return prepared


def dot_numpy():
    return dotted(np.dot)


def range_numpy():
    return reduced(lambda x, _: (x.min(), x.max()), lambda found: f"{plain(found[0])} {plain(found[1])}")


def exp_numpy():
    return restored(lambda x: np.exp(x, out=x), mean)


def sigmoid_numpy():
    def kernel(x):
        np.negative(x, out=x)
        np.exp(x, out=x)
        np.add(x, f32(1), out=x)
        return np.divide(f32(1), x, out=x)

    return restored(kernel, mean)


def compact_numpy():
    return restored(lambda x: x[x > 0], checksum)


# numexpr: blocks that stay in the cache, on all threads.


def evaluated(expression, **constants):
    """Constants are variables here: written into the expression they would make it one of float64."""
    import numexpr as ne

    held = {name: np.float32(value) for name, value in constants.items()}
    compiled = ne.NumExpr(expression, signature=[(name, float) for name in ("x", *held)])
    return lambda x: compiled(x, *held.values(), out=x, ex_uses_vml=False)


def axpy_numexpr():
    import numexpr as ne

    compiled = ne.NumExpr("a * x + y", signature=[("a", float), ("x", float), ("y", float)])
    return on_two(lambda a, x, y: compiled(a, x, y, out=y, ex_uses_vml=False))


def polynomial_numexpr():
    horner = "((((a*x - b)*x + c)*x - d)*x + e)*x + f"
    return in_place(evaluated(horner, a=0.0625, b=0.125, c=0.1875, d=0.25, e=0.375, f=0.5))


def chain5_numexpr():
    # No value is below the lower bound.
    return in_place(evaluated("where(abs((x-a)*h)+h > b, b, abs((x-a)*h)+h)", a=0.25, h=0.5, b=0.875))


def normalised_numexpr():
    return in_place(evaluated("where((x-m)*s > b, b, where((x-m)*s < -b, -b, (x-m)*s))", m=0.125, s=1.5, b=3))


def exp_numexpr():
    return restored_in_place(evaluated("exp(x)"))


def sigmoid_numexpr():
    return restored_in_place(evaluated("1 / (1 + exp(-x))"))


# Numba: a loop, compiled for this processor; on one thread and on all.


def looped(formula, parallel):
    import numba as nb

    formula = nb.njit(inline="always")(formula)
    span = nb.prange if parallel else range

    def kernel(x):
        for i in span(len(x)):
            x[i] = formula(x[i])

    return nb.njit(parallel=parallel)(kernel)


def axpy_numba(parallel=False):
    import numba as nb

    span = nb.prange if parallel else range

    def kernel(a, x, y):
        for i in span(len(x)):
            y[i] = a * x[i] + y[i]

    return on_two(nb.njit(parallel=parallel)(kernel))


def axpy_numba_parallel():
    return axpy_numba(parallel=True)


def polynomial_of(x):
    c = np.float32
    return ((((c(0.0625) * x - c(0.125)) * x + c(0.1875)) * x - c(0.25)) * x + c(0.375)) * x + c(0.5)


def chain5_of(x):
    x = abs((x - np.float32(0.25)) * np.float32(0.5)) + np.float32(0.5)
    x = np.float32(0.875) if x > np.float32(0.875) else x
    return np.float32(0.25) if x < np.float32(0.25) else x


def normalised_of(x):
    x = (x - np.float32(0.125)) * np.float32(1.5)
    x = np.float32(3) if x > np.float32(3) else x
    return np.float32(-3) if x < np.float32(-3) else x


def polynomial_numba():
    return in_place(looped(polynomial_of, False))


def polynomial_numba_parallel():
    return in_place(looped(polynomial_of, True))


def chain5_numba():
    return in_place(looped(chain5_of, False))


def chain5_numba_parallel():
    return in_place(looped(chain5_of, True))


def normalised_numba():
    return in_place(looped(normalised_of, False))


def normalised_numba_parallel():
    return in_place(looped(normalised_of, True))


def sum_numba(parallel=False):
    import numba as nb

    span = nb.prange if parallel else range

    def kernel(x, _):
        total = np.float32(0)
        for i in span(len(x)):
            total += x[i]
        return total

    return summed(nb.njit(parallel=parallel, fastmath=True)(kernel))


def sum_numba_parallel():
    return sum_numba(parallel=True)


def dot_numba(parallel=False):
    import numba as nb

    span = nb.prange if parallel else range

    def kernel(x, y):
        total = np.float32(0)
        for i in span(len(x)):
            total += x[i] * y[i]
        return total

    return dotted(nb.njit(parallel=parallel, fastmath=True)(kernel))


def dot_numba_parallel():
    return dot_numba(parallel=True)


def range_numba():
    import numba as nb

    @nb.njit(fastmath=True)
    def kernel(x, _):
        low, high = x[0], x[0]
        for i in range(len(x)):
            low = min(low, x[i])
            high = max(high, x[i])
        return low, high

    return reduced(kernel, lambda found: f"{plain(found[0])} {plain(found[1])}")


def exp_numba():
    import math

    return restored_in_place(looped(lambda x: np.float32(math.exp(x)), False))


def sigmoid_numba():
    import math

    return restored_in_place(looped(lambda x: np.float32(1) / (np.float32(1) + np.float32(math.exp(-x))), False))


def restored_in_place(kernel):
    def both(x):
        kernel(x)
        return x

    return restored(both, mean)


def compact_numba():
    import numba as nb

    @nb.njit
    def kernel(x):
        kept = 0
        for i in range(len(x)):
            x[kept] = x[i]
            kept += x[i] > 0
        return x[:kept]

    return restored(kernel, checksum)


# Polars: expressions over a column, which are not computed in place.


def chain5_polars():
    import polars as pl

    chain = (((pl.col("x") - pl.lit(0.25, pl.Float32)) * pl.lit(0.5, pl.Float32)).abs() + pl.lit(0.5, pl.Float32)).clip(
        0.25, 0.875
    )

    def prepared(count):
        table = pl.DataFrame({"x": numbers(count, 1)})
        return checksum(table.select(chain)["x"].to_numpy()), lambda _: table.select(chain), None

    return prepared


def of_column(expression, shown):
    import polars as pl

    def prepared(count):
        table = pl.DataFrame({"x": numbers(count, 1)})
        return shown(table.select(expression).row(0)), lambda _: table.select(expression), None

    return prepared


def sum_polars():
    import polars as pl

    return of_column(pl.col("x").sum(), lambda row: plain(row[0]))


def range_polars():
    import polars as pl

    both = [pl.col("x").min().alias("low"), pl.col("x").max().alias("high")]
    return of_column(both, lambda row: f"{plain(row[0])} {plain(row[1])}")


def compact_polars():
    import polars as pl

    def prepared(count):
        table = pl.DataFrame({"x": numbers(count, 1)})
        wanted = pl.col("x") > 0
        return checksum(table.filter(wanted)["x"].to_numpy()), lambda _: table.filter(wanted), None

    return prepared


# Filters over neighbours, images, and bytes of a text: see benches/src/tasks/neighbours.rs.

WIDTH, WINDOW = 256, 64


def filtered(kernel, shown):
    """A kernel that makes a buffer of another one."""

    def prepared(count):
        x = numbers(count, 1)
        return shown(kernel(x)), lambda _: kernel(x), None

    return prepared


def of_bytes(kernel, shown, size=1):
    """A kernel that reads so many bytes for each number of the buffer."""

    def prepared(count):
        data = mix(np.arange(size * count, dtype=np.uint64)).astype(np.uint8)
        return shown(kernel(data)), lambda _: kernel(data), None

    return prepared


def weighed(counts):
    counts = np.asarray(counts)
    return str(int((counts.astype(np.uint64) * (np.arange(len(counts), dtype=np.uint64) % 1024 + 1)).sum()))


def taps():
    return (np.arange(16, dtype=np.float32) + 1) / np.float32(16)


def blur_weights():
    return np.array([1, 2, 1, 2, 4, 2, 1, 2, 1], dtype=np.float32).reshape(3, 3) / np.float32(16)


def inside(image):
    return checksum(np.ascontiguousarray(image.reshape(-1, WIDTH)[1:-1, 1:-1]).ravel())


def fir_numpy():
    weights = taps()
    return filtered(lambda x: np.convolve(x, weights, "valid"), checksum)


def fir_numba():
    import numba as nb

    weights = taps()

    @nb.njit(fastmath=True)
    def kernel(x, out):
        for i in range(len(out)):
            total = np.float32(0)
            for k in range(16):
                total += weights[k] * x[i + 15 - k]
            out[i] = total
        return out

    return into(kernel, 15, checksum)


def into(kernel, less, shown):
    """A kernel that fills a buffer, which is there."""

    def prepared(count):
        x, out = numbers(count, 1), np.zeros(count - less, dtype=np.float32)
        return shown(kernel(x, out)), lambda _: kernel(x, out), None

    return prepared


def averages_numpy():
    def kernel(x):
        sums = np.cumsum(x, dtype=np.float64)
        sums[WINDOW:] -= sums[:-WINDOW].copy()
        return (sums[WINDOW - 1 :] / WINDOW).astype(np.float32)

    return filtered(kernel, checksum)


def averages_numba():
    import numba as nb

    @nb.njit(fastmath=True)
    def kernel(x, out):
        total = np.float32(0)
        for i in range(WINDOW):
            total += x[i]
        out[0] = total / np.float32(WINDOW)
        for i in range(WINDOW, len(x)):
            total += x[i] - x[i - WINDOW]
            out[i + 1 - WINDOW] = total / np.float32(WINDOW)
        return out

    return into(kernel, WINDOW - 1, checksum)


def blur_numpy():
    weights = blur_weights()

    def kernel(x, out):
        image, inner = x.reshape(-1, WIDTH), out.reshape(-1, WIDTH)[1:-1, 1:-1]
        inner[:] = 0
        height = len(image)
        for row in range(3):
            for column in range(3):
                part = image[row : height - 2 + row, column : WIDTH - 2 + column]
                inner += part * weights[row, column]
        return out

    return into(kernel, 0, inside)


def blur_numba():
    import numba as nb

    weights = blur_weights()

    @nb.njit(fastmath=True)
    def kernel(x, out):
        for y in range(1, len(x) // WIDTH - 1):
            for i in range(y * WIDTH + 1, (y + 1) * WIDTH - 1):
                total = np.float32(0)
                for row in range(3):
                    for column in range(3):
                        total += weights[row, column] * x[i + (row - 1) * WIDTH + column - 1]
                out[i] = total
        return out

    return into(kernel, 0, inside)


def histogram_numpy():
    return of_bytes(lambda data: np.bincount(data, minlength=256), weighed)


def histogram_numba():
    import numba as nb

    @nb.njit
    def kernel(data):
        counts = np.zeros(256, dtype=np.uint64)
        for byte in data:
            counts[byte] += np.uint64(1)
        return counts

    return of_bytes(kernel, weighed)


def grey_numpy():
    def kernel(data):
        rgb = data.reshape(-1, 3).astype(np.uint16)
        return ((77 * rgb[:, 0] + 150 * rgb[:, 1] + 29 * rgb[:, 2] + 128) >> 8).astype(np.uint8)

    return of_bytes(kernel, weighed, size=3)


def grey_numba():
    import numba as nb

    @nb.njit
    def kernel(data):
        grey = np.empty(len(data) // 3, dtype=np.uint8)
        for i in range(len(grey)):
            r, g, b = np.uint32(data[3 * i]), np.uint32(data[3 * i + 1]), np.uint32(data[3 * i + 2])
            grey[i] = (np.uint32(77) * r + np.uint32(150) * g + np.uint32(29) * b + np.uint32(128)) >> np.uint32(8)
        return grey

    return of_bytes(kernel, weighed, size=3)


def count_numpy():
    return of_bytes(lambda data: np.count_nonzero(data == 10), str)


# A column of scores, computed once.


def once(prepare, kernel):
    def prepared(count):
        x = prepare(numbers(count, 1))
        return f"{kernel(x) / count:.3f}", lambda _: kernel(x), None

    return prepared


def scores_numpy():
    def kernel(x):
        y = (x - f32(0.125)) * f32(0.5)
        return float(np.exp(np.clip(y, f32(-1), f32(1))).sum(dtype=np.float64))

    return once(lambda x: x, kernel)


def scores_numba():
    import math

    import numba as nb

    @nb.njit(parallel=True, fastmath=True)
    def kernel(x):
        total = 0.0
        for i in nb.prange(len(x)):
            y = (x[i] - np.float32(0.125)) * np.float32(0.5)
            total += np.float32(math.exp(min(max(y, np.float32(-1)), np.float32(1))))
        return total

    return once(lambda x: x, kernel)


def scores_polars():
    import polars as pl

    def single(x):
        return pl.lit(x, pl.Float32)

    score = ((pl.col("x") - single(0.125)) * single(0.5)).clip(-1, 1).exp().cast(pl.Float64).sum()
    return once(lambda x: pl.DataFrame({"x": x}).lazy(), lambda table: table.select(score).collect(engine="streaming").item())


def main():
    name, options = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2]))
    items, count, workers = int(options["--size"]), int(options["--parameter"]), options["--workers"]
    os.environ["NUMBA_NUM_THREADS"] = workers
    answer, kernel, before = globals()[name]()(count)
    cpu, start = time.process_time(), time.perf_counter()
    seconds = fastest(items, count, kernel, before)
    # Of all blocks, as a part of the one that counts.
    busy = (time.process_time() - cpu) / (time.perf_counter() - start)
    report(items, seconds, busy * seconds, answer)


if __name__ == "__main__":
    main()
