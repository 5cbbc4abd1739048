"""Requests of eight bytes behind their length to a server that sends them back, over as many connections as may be in flight."""

import asyncio
import os
import struct
import subprocess
import sys
import time

from contender import report

FRAME = struct.Struct(">IQ")


async def requests(address, size, connections):
    """The sum of all answers: a task for each connection, which sends a request when the one before is answered."""
    host, port = address.split(":")
    numbers, in_flight, most = iter(range(size)), 0, 0

    async def ask():
        nonlocal in_flight, most
        reader, writer = await asyncio.open_connection(host, int(port))
        total = 0
        for number in numbers:
            in_flight += 1
            most = max(most, in_flight)
            writer.write(FRAME.pack(8, number))
            length, answer = FRAME.unpack(await reader.readexactly(FRAME.size))
            assert length == 8
            total += answer
            in_flight -= 1
        writer.close()
        return total

    total = sum(await asyncio.gather(*(ask() for _ in range(connections))))
    assert 100 <= most <= connections, f"{most} requests were in flight at once"
    return total % (1 << 64)


def streams(*task):
    """What asyncio has for everybody."""
    return asyncio.run(requests(*task))


def uvloop(*task):
    """The same on the loop of libuv."""
    import uvloop as loop

    return loop.run(requests(*task))


def main():
    function = {"streams": streams, "uvloop": uvloop}[sys.argv[1]]
    options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    size, connections = int(options["--size"]), int(options["--parameter"])
    # Starting counts for nobody.
    if function is uvloop:
        __import__("uvloop")
    echo = [os.environ["PIPE_BENCHES"], "echo"]
    with subprocess.Popen(echo, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        address = server.stdout.readline().decode().strip()
        start, cpu = time.perf_counter(), time.process_time()
        answer = function(address, size, connections)
        report(size, time.perf_counter() - start, time.process_time() - cpu, str(answer))
        server.kill()


if __name__ == "__main__":
    main()
