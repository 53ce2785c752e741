#!/usr/bin/env bash
# Fetch what a checkout in CI leaves out: base, the history between base and head, and the results.
# This step has the token, and runs nothing of the pull request; gate.sh has none.
#   BT_HOME       environment that git-bt is installed in; unset: git-bt is on PATH
#   BT_BASE       commit that head is to be merged into
#   BT_PULL_HEAD  tip of the pull request, where HEAD is a merge that the host made of it; may be empty
#   BT_FORK       URL of the repository that the pull request comes from, where it is another; may be empty
#   BT_TOKEN      token that may read the repository; may be empty
#   BT_SERVER     URL of the host that the token is for
#   BT_RANGE      file that base and head are written to
set -euo pipefail

git_bt="${BT_HOME:+$BT_HOME/bin/}git-bt"
if [ -n "${BT_TOKEN:-}" ]; then
  header="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$BT_TOKEN" | base64 | tr -d '\n')"
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.$BT_SERVER/.extraheader" GIT_CONFIG_VALUE_0="$header"
fi

head="$(git rev-parse --verify 'HEAD^{commit}')"
base="$BT_BASE"
# In a shallow clone git hides the parents of HEAD; the commit itself names them.
parents="$(git cat-file commit "$head" | sed -n '/^$/q; s/^parent //p')"
if [ -n "${BT_PULL_HEAD:-}" ] && [ "$(sed -n 2p <<<"$parents")" = "$BT_PULL_HEAD" ]; then
  base="$(sed -n 1p <<<"$parents")" # base has moved on since the event
fi
case "$base" in
"" | *[!0-9a-f]*) echo "error: no base commit: '$base' is no full id" >&2 && exit 2 ;;
esac

shallow() { [ "$(git rev-parse --is-shallow-repository)" = true ]; }
if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
  if shallow; then depth=--depth=1; else depth=; fi
  git fetch --quiet --no-tags --no-recurse-submodules ${depth:+"$depth"} origin "$base"
fi
for more in 20 200 2000 all; do
  git merge-base "$base" "$head" >/dev/null 2>&1 && break
  shallow || break
  if [ "$more" = all ]; then how=--unshallow; else how="--deepen=$more"; fi
  git fetch --quiet --no-tags --no-recurse-submodules "$how" origin "$base" "$head"
done

"$git_bt" fetch origin
if [ -n "${BT_FORK:-}" ]; then
  # A fork's results are its word: marked, and no run of it counts as known.
  git rev-list --max-count=200 "$base..$head" | xargs "$git_bt" fetch "$BT_FORK" ||
    echo "the fork has no results that could be fetched"
fi
printf 'base=%s\nhead=%s\n' "$base" "$head" >"$BT_RANGE"
