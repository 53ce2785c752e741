"""FLOX's expected_output.json: derived from our fills, and checked in a bundle of others.

It holds the fills without time, id or fee, and three totals that follow from them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from git_bt.canonical import decode_json
from git_bt.comparison import Table
from git_bt.errors import Corrupt
from git_bt.flox_layout.fields import EXPECTED, number, whole
from git_bt.model import Output
from git_bt.tables import decode_table

KEYS = {"trade_count", "fill_count", "fills", "total_filled_quantity"}
FILL_KEYS = {"symbol", "side", "price", "quantity"}


def expected_output(fills: Table, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Derive what FLOX would have recorded from our fills.csv and summary.json.

    Raises:
        Corrupt: the summary has no trade count, or lacks the id of a symbol.
    """
    ids = symbol_ids(summary)
    rows = [_fill(dict(zip(fills.columns, row, strict=True)), ids) for row in fills.rows]
    return {
        "trade_count": whole(summary, "trade_count", "summary.json"),
        "fill_count": len(rows),
        "fills": rows,
        "total_filled_quantity": fold([row["quantity"] for row in rows]),
    }


def _fill(row: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    if row["symbol"] not in ids:
        raise Corrupt(f"summary.json: symbol {row['symbol']!r:.60} has no id")
    if row["price"] is None or row["quantity"] is None:
        raise Corrupt(f"fills.csv: fill {row['seq']} has no price or no quantity")
    said = {key: row[key] for key in ("side", "price", "quantity")}
    return {"symbol": ids[row["symbol"]], **said}


def expected_of(output: Output) -> dict[str, Any]:
    """Derive what FLOX would have recorded from the output of a run.

    Raises:
        Corrupt: fills.csv or summary.json is missing or malformed.
    """
    for name in ("fills.csv", "summary.json"):
        if name not in output:
            raise Corrupt(f"output/{name} is missing")
    summary = decode_json(output["summary.json"], "output/summary.json")
    if not isinstance(summary, dict):
        raise Corrupt("output/summary.json: must be an object")
    return expected_output(decode_table(output["fills.csv"], "fills.csv"), summary)


def symbol_ids(summary: Mapping[str, Any]) -> dict[str, int]:
    """Return the engine's id of each symbol, by name, as summary.json has it."""
    symbols = summary.get("symbols", {})
    if not isinstance(symbols, dict) or not all(isinstance(s, dict) for s in symbols.values()):
        raise Corrupt("summary.json: 'symbols' must be an object of objects")
    return {name: whole(found, "id", "summary.json") for name, found in symbols.items()}


def read_expected(data: bytes) -> dict[str, Any]:
    """Read the expected_output.json of a bundle and check that it agrees with itself.

    What is returned compares with `expected_of`: prices and quantities are floats, and the total is
    the plain sum, whichever Python had summed up.

    Raises:
        Corrupt: not strict JSON, a key missing or unknown, of the wrong type, or totals that do not
            follow from the fills.
    """
    value = decode_json(data, EXPECTED)
    _check_keys(value, KEYS, EXPECTED)
    if not isinstance(value["fills"], list):
        raise Corrupt(f"{EXPECTED}: 'fills' must be a list")
    fills = [_read_fill(fill, row) for row, fill in enumerate(value["fills"])]
    if whole(value, "fill_count", EXPECTED) != len(fills):
        raise Corrupt(f"{EXPECTED}: fill_count is {value['fill_count']}, fills are {len(fills)}")
    total = number(value, "total_filled_quantity", EXPECTED)
    quantities = [fill["quantity"] for fill in fills]
    if total not in (fold(quantities), compensated(quantities)):
        raise Corrupt(f"{EXPECTED}: total_filled_quantity {total!r} is not the sum of the fills")
    return {
        "trade_count": whole(value, "trade_count", EXPECTED),
        "fill_count": len(fills),
        "fills": fills,
        "total_filled_quantity": fold(quantities),
    }


def _read_fill(fill: Any, row: int) -> dict[str, Any]:
    what = f"{EXPECTED}: fills[{row}]"
    _check_keys(fill, FILL_KEYS, what)
    if fill["side"] not in ("buy", "sell"):
        raise Corrupt(f"{what}: 'side' must be buy or sell")
    return {
        "symbol": whole(fill, "symbol", what),
        "side": fill["side"],
        "price": float(number(fill, "price", what)),
        "quantity": float(number(fill, "quantity", what)),
    }


def _check_keys(value: Any, keys: set[str], what: str) -> None:
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: must be an object")
    for key in sorted(keys - value.keys()):
        raise Corrupt(f"{what}: {key!r} is missing")
    for key in sorted(value.keys() - keys):
        raise Corrupt(f"{what}: {key!r:.60} is not known")


def fold(quantities: Iterable[float]) -> float:
    """Add from left to right, as sum() did before Python 3.12; of nothing it is the integer 0."""
    total: float = 0
    for quantity in quantities:
        total += quantity
    return total


def compensated(quantities: Iterable[float]) -> float:
    """Add as sum() does from Python 3.12 on: what each step rounds off is added at the end."""
    total = lost = 0.0
    for quantity in quantities:
        step = total + quantity
        if abs(total) >= abs(quantity):
            lost += (total - step) + quantity
        else:
            lost += (quantity - step) + total
        total = step
    return total + lost
