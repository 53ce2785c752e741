"""Cross two averages."""

from zipline.api import order_target, symbol


def initialize(context):
    context.asset = symbol("GOOG")
    context.days = 0


def handle_data(context, data):
    context.days += 1
    if context.days >= context.params["slow"]:  # zipline refuses to look before the first session
        close = data.history(context.asset, "close", context.params["slow"], "1d")
        is_up = close[-context.params["fast"] :].mean() > close.mean()
        order_target(context.asset, 10 if is_up else -10)
