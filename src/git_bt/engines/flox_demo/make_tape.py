"""Write the demo's tape from the BTC/USDT minute bars that lrvx ships.

Runs under the interpreter that has lrvx: `python make_tape.py DIR`. Each bar becomes four trades,
15 seconds apart, at its open, low, high and close, a quarter of its volume each. The same bars give
the same bytes: the segment's name and the clock in its header are those of the first trade.
"""

import csv
import sys
from pathlib import Path

import lrvx
import numpy

BARS = "templates/research/data/btcusdt_sample.csv"
CREATED = slice(8, 16)  # int64 ns in the segment's header, little-endian
QUARTER_NS = 15 * 10**9
BUY, SELL = 0, 1


def main(directory: Path) -> None:
    """Write the tape into a new directory."""
    directory.mkdir(parents=True)
    times, prices, quantities, sides = [], [], [], []
    with (Path(lrvx.__file__).parent / BARS).open(newline="") as bars:
        for bar in csv.DictReader(bars):
            start = int(bar["timestamp"]) * 1_000_000
            o, h, low, c = (float(bar[k]) for k in ("open", "high", "low", "close"))
            path = (o, low, h, c) if c >= o else (o, h, low, c)
            for i, price in enumerate(path):
                times.append(start + i * QUARTER_NS)
                prices.append(price)
                quantities.append(float(bar["volume"]) / 4)
                sides.append(BUY if i and price >= path[i - 1] else SELL)
    stamps = numpy.array(times, numpy.int64)
    writer = lrvx.DataWriter(str(directory))
    writer.write_trades(
        stamps,
        stamps,
        numpy.array(prices),
        numpy.array(quantities),
        numpy.arange(1, len(times) + 1, dtype=numpy.uint64),
        numpy.ones(len(times), numpy.uint32),
        numpy.array(sides, numpy.uint8),
    )
    writer.close()
    (segment,) = directory.iterdir()
    data = bytearray(segment.read_bytes())
    data[CREATED] = times[0].to_bytes(8, "little")
    segment.write_bytes(data)
    segment.rename(directory / f"{times[0]}.lrvx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
