"""A cross of two averages in plain Python, as an engine of the user's own."""

import csv


def run(tape, config):
    fills, equity, closes, held, cash = [], [], [], 0, 10_000.0
    with tape.open(newline="") as file:
        for day, _, _, _, close, _ in list(csv.reader(file))[1:]:
            price = float(close)
            closes.append(price)
            fast, slow = (sum(closes[-config[n] :]) / config[n] for n in ("fast", "slow"))
            wanted = 10 if fast > slow and len(closes) >= config["slow"] else 0
            if wanted != held:
                cash -= (wanted - held) * price
                fills.append((day, "GOOG", "buy" if wanted else "sell", price, 10))
                held = wanted
            equity.append((day, cash + held * price))
    return {"fills": fills, "equity": equity}
