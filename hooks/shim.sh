#!/bin/sh
# A hook of git-bt: `git bt init --hooks` wrote it, `git bt init --undo` takes it away.
old="$(dirname "$0")/@NAME@.before-git-bt"
if [ -x "$old" ]; then "$old" "$@" || exit $?; fi
bt=$(command -v git-bt) || bt=@GIT_BT@
if [ ! -x "$bt" ]; then
  echo "git-bt is not on PATH: @NAME@ was left out, and the results were not looked at" >&2
  exit 0
fi
exec "$bt" hook @NAME@ "$@"
