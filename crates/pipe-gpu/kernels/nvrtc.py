"""Compiles one CUDA source with NVRTC: `nvrtc.py LIBRARY SOURCE OUTPUT ARCHITECTURE OPTION...`; started by `cargo xtask cuda build`.

A library that is opened by its path needs no toolkit around it. The output is a cubin for `sm_..`, PTX for `compute_..`.
"""

import ctypes
import os
import pathlib
import re
import sys


def main(library, source, output, architecture, *options):
    nvrtc = ctypes.CDLL(library)
    program = ctypes.c_void_p()
    with open(source, "rb") as file:
        text = file.read()

    def call(name, *arguments):
        code = getattr(nvrtc, name)(*arguments)
        if code != 0:
            sys.exit(f"{name} failed with code {code}\n{log()}")

    def get(what):
        size = ctypes.c_size_t()
        call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        call(f"nvrtcGet{what}", program, buffer)
        return buffer.raw

    def log():
        return get("ProgramLog").rstrip(b"\0").decode(errors="replace") if program else ""

    # A name without a folder: it may come into the output, and that must not depend on where this lies.
    folder, name = os.path.split(source)
    included = re.findall(rb'#include "(.*)"', text)
    headers = [pathlib.Path(folder, header.decode()).read_bytes() for header in included]
    strings = ctypes.c_char_p * len(included)
    headers, included = strings(*headers), strings(*included)
    call("nvrtcCreateProgram", ctypes.byref(program), text, name.encode(), len(included), headers, included)
    flags = [f"--gpu-architecture={architecture}", *options]
    array = (ctypes.c_char_p * len(flags))(*[flag.encode() for flag in flags])
    call("nvrtcCompileProgram", program, len(flags), array)
    if said := log().strip():
        print(said, file=sys.stderr)
    image = get("CUBIN") if architecture.startswith("sm_") else get("PTX").rstrip(b"\0")
    with open(output, "wb") as file:
        file.write(image)


main(*sys.argv[1:])
