"""Cross two averages."""

from zipline.api import order_target, symbol


def initialize(context):
    context.asset = symbol("GOOG")


def handle_data(context, data):
    close = data.history(context.asset, "close", context.params["slow"], "1d")
    if not close.isna().any():
        is_up = close[-context.params["fast"] :].mean() > close.mean()
        order_target(context.asset, 10 if is_up else -10)
