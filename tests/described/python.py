"""python: a function that returns rows."""

from contract import BARS, Described, texts

TEMPLATE = """\
import csv


def run(tape, config):
    fills, equity, cash, held = [], [], config["cash"], 0
    with open(tape) as file:
        for n, bar in enumerate(csv.DictReader(file)):
            price = float(bar["Close"])
            if n % config["every"] == 2:  # the day that is restated, too
                {body}
                quantity = {quantity}
                side = "sell" if n % 2 else "buy"
                held += quantity if side == "buy" else -quantity
                cash -= price * (quantity if side == "buy" else -quantity)
                fills.append((bar["Date"], "GOOG", side, price, quantity))
            equity.append((bar["Date"], cash + held * price))
    last = {"last_ts_ns": bar["Date"], "last_price": price}
    return {"fills": fills, "equity": equity, "symbols": {"GOOG": last}}
"""
BY_HAND = {**BARS, "spoiled": {}}  # the strategy reads its tape, and says what is wrong with it

DESCRIBED = Described(
    engine="python",
    texts=texts(TEMPLATE, peeks="peeked = int(open('@TAPE@').read().split(',')[-2][:2])"),
    config={"cash": 10_000, "every": 3},
    wrong_config=None,
    is_installed=False,
    **BY_HAND,
)
