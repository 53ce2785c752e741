"""zipline: initialize and handle_data."""

from contract import BARS, Described, texts
from environments import environment

TEMPLATE = """\
from zipline.api import order, symbol


def initialize(context):
    context.asset = symbol("GOOG")
    context.n = 0


def handle_data(context, data):
    context.n += 1
    if context.n % context.params["every"] == 0:
        {body}
        order(context.asset, {quantity} if context.n % 2 else -{quantity})
"""

DESCRIBED = Described(
    engine="zipline",
    texts=texts(TEMPLATE, peeks="peeked = int(open('@TAPE@').read().split(',')[-2][:2])"),
    config={"calendar": "24/7", "capital_base": 10**9, "params": {"every": 3}},
    wrong_config=(
        {"calender": "24/7"},
        "unknown config key 'calender' for engine zipline, did you mean calendar?",
    ),
    python=environment("zipline"),
    **BARS,
)
