"""The engines as the contract suite needs them, one file each."""

from described import backtesting, backtrader, flox

ENGINES = (flox.DESCRIBED, backtesting.DESCRIBED, backtrader.DESCRIBED)
