"""Which files are the strategy, and which data is its tape.

`strategy` finds and reads strategies, `snapshot` captures one, `tape` its market data, `imports`
knows what a module needs. Nothing is imported here: a run starts before all of it is needed.
"""
