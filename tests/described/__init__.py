"""The engines as the contract suite needs them, one file each."""

from described import backtesting, backtrader, command, flox, python, vectorbt, zipline

ENGINES = (
    flox.DESCRIBED,
    python.DESCRIBED,
    command.DESCRIBED,
    backtesting.DESCRIBED,
    backtrader.DESCRIBED,
    vectorbt.DESCRIBED,
    zipline.DESCRIBED,
)
