"""The streamed work of this benchmark with another library: `peers.py cupy|torch NUMBERS OPERATIONS` prints its seconds, the best of seven.

Numbers lie in pinned memory and come back to it, in pieces, on three streams; all operations are one kernel, where the library can fuse them.
"""

import sys
import time

PIECE = 1 << 22
STREAMS = 3


def expression(operations):
    steps = "".join("x = x * 0.999f; " if n % 2 == 0 else "x = x + 0.001f; " for n in range(operations))
    return f"float x = a; {steps} b = x"


def with_cupy(numbers, operations):
    import cupy
    import numpy

    def pinned():
        memory = cupy.cuda.alloc_pinned_memory(numbers * 4)
        return numpy.frombuffer(memory, numpy.float32, numbers)

    kernel = cupy.ElementwiseKernel("float32 a", "float32 b", expression(operations), "chain")
    there, back = pinned(), pinned()
    there[:] = 0.25
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(STREAMS)]
    buffers = [cupy.empty(min(PIECE, numbers), cupy.float32) for _ in range(STREAMS)]

    def work():
        for at, start in enumerate(range(0, numbers, PIECE)):
            end = min(start + PIECE, numbers)
            with streams[at % STREAMS] as stream:
                buffer = buffers[at % STREAMS][: end - start]
                buffer.set(there[start:end], stream=stream)
                kernel(buffer, buffer)
                buffer.get(stream=stream, out=back[start:end], blocking=False)
        for stream in streams:
            stream.synchronize()

    return work


def with_torch(numbers, operations):
    import torch

    def chain(x):
        for n in range(operations):
            x = x * 0.999 if n % 2 == 0 else x + 0.001
        return x

    chain = torch.compile(chain, dynamic=False)
    there = torch.full((numbers,), 0.25).pin_memory()
    back = torch.empty(numbers).pin_memory()
    streams = [torch.cuda.Stream() for _ in range(STREAMS)]

    def work():
        for at, start in enumerate(range(0, numbers, PIECE)):
            with torch.cuda.stream(streams[at % STREAMS]):
                piece = there[start : start + PIECE].to("cuda", non_blocking=True)
                back[start : start + PIECE].copy_(chain(piece), non_blocking=True)
        torch.cuda.synchronize()

    return work


def main(library, numbers, operations):
    work = {"cupy": with_cupy, "torch": with_torch}[library](int(numbers), int(operations))
    work()
    best = float("inf")
    for _ in range(7):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    print(best)


main(*sys.argv[1:])
