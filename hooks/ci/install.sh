#!/usr/bin/env bash
# Install git-bt from the source beside this file, away from the Python that has the engine.
#   BT_HOME  folder of the environment that is made
set -euo pipefail

python3 -m venv "$BT_HOME"
"$BT_HOME/bin/python" -m pip install --quiet --disable-pip-version-check \
  "$(dirname "${BASH_SOURCE[0]}")/../.."
