"""The stations program: minimum, mean and maximum of the values of each name, from lines of `name;value`."""

import mmap

from contender import fnv1a, main


def generator(path, _workers):
    """In the style of a Python pipeline: generators over a mapped file."""
    stations = {}
    for name, tenths in readings(path):
        known = stations.get(name)
        if known is None:
            stations[name] = [tenths, tenths, tenths, 1]
        else:
            known[0] = min(known[0], tenths)
            known[1] = max(known[1], tenths)
            known[2] += tenths
            known[3] += 1
    return answer((name.decode(), *stats) for name, stats in stations.items())


def readings(path):
    """Yields name and tenths of a degree, line by line."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for line in iter(mapped.readline, b""):
            name, value = line.rstrip(b"\n").split(b";")
            yield name, int(value.replace(b".", b""))


def polars(path, _workers):
    """The streaming engine, as its guide has it for files that may be larger than memory."""
    import polars as pl

    schema = {"name": pl.String, "value": pl.Float64}
    value = pl.col("value")
    rows = (
        pl.scan_csv(path, separator=";", has_header=False, schema=schema, quote_char=None)
        .group_by("name")
        .agg(value.min().alias("min"), value.max().alias("max"), value.sum().alias("sum"), pl.len())
        .collect(engine="streaming")
        .rows()
    )
    return answer((name, *map(tenths, (low, high, total)), count) for name, low, high, total, count in rows)


def duckdb(path, workers):
    """One query; the columns are given, so that no time goes into guessing them."""
    import duckdb as db

    connection = db.connect(config={"threads": workers})
    rows = connection.execute(
        """
        SELECT name, min(value), max(value), sum(value), count(*)
        FROM read_csv(?, header = false, delim = ';', quote = '', auto_detect = false,
                      columns = {'name': 'VARCHAR', 'value': 'DECIMAL(4, 1)'})
        GROUP BY name
        """,
        [path],
    ).fetchall()
    return answer((name, *map(tenths, (low, high, total)), count) for name, low, high, total, count in rows)


def tenths(value):
    """Degrees as an integer: exact, since a sum of floats is far less than half a tenth off."""
    return round(value * 10)


def degrees(tenths):
    """Tenths with one decimal; an integer has no negative zero."""
    return f"{'-' if tenths < 0 else ''}{abs(tenths) // 10}.{abs(tenths) % 10}"


def answer(stations):
    """The sorted output as a checksum; means are rounded half up."""
    entries = []
    for name, low, high, total, count in sorted(stations, key=lambda station: station[0].encode()):
        mean = (2 * total + count) // (2 * count)
        entries.append(f"{name}={degrees(low)}/{degrees(mean)}/{degrees(high)}")
    output = "{" + ", ".join(entries) + "}"
    return f"{len(entries)} stations {fnv1a(output.encode()):016x}"


if __name__ == "__main__":
    main(generator, polars, duckdb)
