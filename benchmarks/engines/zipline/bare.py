"""The run without git-bt, as a user has it: ingest the bars, run on them."""

import os
import sys
import tempfile
from pathlib import Path

os.environ["ZIPLINE_ROOT"] = root = tempfile.mkdtemp()

import pandas as pd
from strategy import handle_data, initialize
from zipline import run_algorithm
from zipline.data import bundles
from zipline.data.bundles.csvdir import csvdir_equities


def begin(context):
    context.params = {"fast": 10, "slow": 20}
    initialize(context)


bars = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
daily = Path(root, "csv", "daily")
daily.mkdir(parents=True)
table = bars.rename(columns=str.lower).assign(dividend=0.0, split=1.0).rename_axis("date")
table.to_csv(daily / "GOOG.csv")
first, last = bars.index[0], bars.index[-1]
bundles.register(
    "tape",
    csvdir_equities(["daily"], str(daily.parent)),
    calendar_name="XNYS",
    start_session=first,
    end_session=last,
)
bundles.ingest("tape", show_progress=False)
found = run_algorithm(
    start=first,
    end=last,
    initialize=begin,
    handle_data=handle_data,
    capital_base=100_000,
    bundle="tape",
    benchmark_returns=pd.Series(0.0, index=bars.index.tz_localize("UTC")),
)
print(found["portfolio_value"].iloc[-1])
