"""How many lines a text has, plain or compressed."""

from contender import main


def generator(path, _workers):
    """A generator over the lines, as bytes: what is nearest to a pipeline."""
    with open(path, "rb") as file:
        return f"{sum(1 for _ in file)} lines"


def polars(path, _workers):
    """Its own source of lines; it finds out by itself whether they are compressed."""
    import polars as pl

    count = pl.scan_lines(path).select(pl.len()).collect(engine="streaming").item()
    return f"{count} lines"


if __name__ == "__main__":
    main(generator, polars)
