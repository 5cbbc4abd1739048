"""The stations program in the style of a Python pipeline: generators over a mapped file.

usage: stations.py --size ROWS --input FILE; prints one line of JSON, as every contender does.
"""

import json
import mmap
import sys
import time


def readings(path):
    """Yields name and tenths of a degree, line by line."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for line in iter(mapped.readline, b""):
            name, value = line.rstrip(b"\n").split(b";")
            yield name, int(value.replace(b".", b""))


def totals(pairs):
    """Minimum, maximum, sum and count of each name."""
    stations = {}
    for name, tenths in pairs:
        known = stations.get(name)
        if known is None:
            stations[name] = [tenths, tenths, tenths, 1]
        else:
            known[0] = min(known[0], tenths)
            known[1] = max(known[1], tenths)
            known[2] += tenths
            known[3] += 1
    return stations


def degrees(tenths):
    """Tenths with one decimal; an integer has no negative zero."""
    return f"{'-' if tenths < 0 else ''}{abs(tenths) // 10}.{abs(tenths) % 10}"


def render(stations):
    """The sorted output; means are rounded half up."""
    entries = []
    for name, (low, high, total, count) in sorted(stations.items()):
        mean = (2 * total + count) // (2 * count)
        entries.append(f"{name.decode()}={degrees(low)}/{degrees(mean)}/{degrees(high)}")
    return "{" + ", ".join(entries) + "}"


def fnv1a(data):
    """The checksum that all contenders use for long answers."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def peak_rss_bytes():
    """VmHWM, or None where the system has no /proc."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


def main():
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    start, cpu = time.perf_counter(), time.process_time()
    stations = totals(readings(options["--input"]))
    answer = f"{len(stations)} stations {fnv1a(render(stations).encode()):016x}"
    report = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "peak_rss_bytes": peak_rss_bytes(),
        "items": int(options["--size"]),
        "answer": answer,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
