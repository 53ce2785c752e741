"""Reports as text for people (`text`), as JSON for machines (`json`), and progress on a terminal.

Pure but for `progress`: values in, text out; who prints and who exits is `cli/`.
"""
