"""Two fields of the events whose level is ERROR, from one JSON object a line.

All latencies are whole quarters, so that sums of floats are exact, in any order.
"""

from contender import main


def orjson(path, _workers):
    """The fastest parser for Python, line by line."""
    import orjson as json

    count, latency, size = 0, 0.0, 0
    with open(path, "rb") as file:
        for event in map(json.loads, file):
            if event["level"] == "ERROR":
                count += 1
                latency += event["latency_ms"]
                size += event["http"]["bytes"]
    return answer(count, latency, size)


def polars(path, _workers):
    """The streaming engine; the schema has only what is asked for."""
    import polars as pl

    schema = {"level": pl.String, "latency_ms": pl.Float64, "http": pl.Struct({"bytes": pl.Int64})}
    size = pl.col("http").struct.field("bytes").sum()
    errors = pl.scan_ndjson(path, schema=schema).filter(pl.col("level") == "ERROR")
    table = errors.select(pl.len(), pl.col("latency_ms").sum(), size)
    return answer(*table.collect(engine="streaming").row(0))


def duckdb(path, workers):
    """One query; the columns are given, so that no time goes into guessing them."""
    import duckdb as db

    connection = db.connect(config={"threads": workers})
    query = """
        SELECT count(*), sum(latency_ms), sum(http.bytes)
        FROM read_ndjson(?, columns = {'level': 'VARCHAR', 'latency_ms': 'DOUBLE', 'http': 'STRUCT(bytes BIGINT)'})
        WHERE level = 'ERROR'
        """
    return answer(*connection.execute(query, [path]).fetchone())


def answer(count, latency, size):
    return f"{count} errors {latency:.2f} ms {size} bytes"


if __name__ == "__main__":
    main(orjson, polars, duckdb)
