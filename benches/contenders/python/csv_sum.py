"""The number of records of a table in CSV, and the sum of their prices.

All prices are whole quarters, so that sums of floats are exact, in any order.
"""

from contender import main


def generator(path, _workers):
    """The csv module of Python itself."""
    import csv

    count, total = 0, 0.0
    with open(path, newline="", encoding="utf-8") as file:
        records = csv.reader(file)
        price = next(records).index("price")
        for record in records:
            count += 1
            total += float(record[price])
    return answer(count, total)


def pandas(path, _workers):
    """Only the one column, in parts, so that the table need not fit into memory."""
    import pandas as pd

    count, total = 0, 0.0
    for part in pd.read_csv(path, usecols=["price"], chunksize=1_000_000):
        count += len(part)
        total += part["price"].sum()
    return answer(count, total)


def polars(path, _workers):
    """The streaming engine over the one column."""
    import polars as pl

    table = pl.scan_csv(path).select(pl.len(), pl.col("price").sum())
    return answer(*table.collect(engine="streaming").row(0))


def duckdb(path, workers):
    """One query over the file."""
    import duckdb as db

    connection = db.connect(config={"threads": workers})
    query = "SELECT count(*), sum(price) FROM read_csv(?, header = true)"
    return answer(*connection.execute(query, [path]).fetchone())


def answer(count, total):
    return f"{count} records {total:.2f}"


if __name__ == "__main__":
    main(generator, pandas, polars, duckdb)
