"""Lines of four numbers: taken apart, worked on, and taken in order, by a pool of processes."""

import multiprocessing

from contender import main

MASK = (1 << 64) - 1


def mixed(line):
    """What is done with one line; the same as in Rust."""
    total = 0
    for number in line.split(b","):
        x = int(number)
        for _ in range(16):
            x = (x ^ 0xD1B54A32D192ED03) * 0x2545F4914F6CDD1D & MASK
        total = (total * 31 + x) & MASK
    return total


def imap(path, workers):
    """`Pool.imap`: in order, in chunks of the size that was best."""
    total = 0
    with open(path, "rb") as file, multiprocessing.Pool(workers) as pool:
        for value in pool.imap(mixed, file, 1_000):
            total = (total * 31 + value) & MASK
        # Waited for, so that their time is counted.
        pool.close()
        pool.join()
    return f"{total:016x}"


if __name__ == "__main__":
    main(imap)
