"""Version control for backtests.

`git bt` is the interface; this package holds what is behind it. Nothing is imported here, so that
`import git_bt` costs nothing.
"""
