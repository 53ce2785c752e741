#!/usr/bin/env bash
# Judge what a range of commits does to its strategies, and write the answer in every form.
# This step runs the code of the pull request: give it no secret.
#   BT_HOME     environment that git-bt is installed in; unset: git-bt is on PATH
#   BT_RANGE    file with base and head, written by fetch.sh
#   BT_REPORTS  folder for gate.json, comment.md, junit.xml
#   BT_JOBS, BT_TIMEOUT, BT_PYTHON  options of git bt gate; may be empty
set -euo pipefail

git_bt="${BT_HOME:+$BT_HOME/bin/}git-bt"
base="$(sed -n 's/^base=//p' "$BT_RANGE")"
head="$(sed -n 's/^head=//p' "$BT_RANGE")"
mkdir -p "$BT_REPORTS"

set -- gate --base "$base" --head "$head" --output "$BT_REPORTS/gate.json" \
  --comment "$BT_REPORTS/comment.md" --junit "$BT_REPORTS/junit.xml"
[ -z "${BT_JOBS:-}" ] || set -- "$@" --jobs "$BT_JOBS"
[ -z "${BT_TIMEOUT:-}" ] || set -- "$@" --timeout "$BT_TIMEOUT"
[ -z "${BT_PYTHON:-}" ] || set -- "$@" --python "$BT_PYTHON"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || set -- "$@" --markdown "$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_ACTIONS:-}" ] || set -- "$@" --annotations

code=0
"$git_bt" "$@" || code=$?
[ -z "${GITHUB_OUTPUT:-}" ] || printf 'exit=%s\nreports=%s\n' "$code" "$BT_REPORTS" >>"$GITHUB_OUTPUT"
exit "$code"
