"""What every contender in Python does: run one function of a script, and say in one line of JSON what came of it.

usage: SCRIPT FUNCTION --size ROWS --workers THREADS --input FILE
"""

import importlib
import importlib.util
import json
import resource
import sys
import time


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


def cpu_seconds():
    """Of this process, and of the children that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(*functions):
    """Runs the function that the command line names with a path and a number of threads; it returns its answer."""
    name = sys.argv[1]
    function = {function.__name__: function for function in functions}[name]
    options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    # Starting counts for nobody: the package that a function is named after is loaded before the clock runs.
    if importlib.util.find_spec(name):
        importlib.import_module(name)
    start, cpu = time.perf_counter(), cpu_seconds()
    answer = function(options["--input"], int(options["--workers"]))
    report(int(options["--size"]), time.perf_counter() - start, cpu_seconds() - cpu, answer)


def report(items, seconds, cpu, answer):
    """The line that the runner reads."""
    peak = peak_rss_bytes()
    print(json.dumps(dict(items=items, seconds=seconds, cpu_seconds=cpu, peak_rss_bytes=peak, answer=answer)))
