"""List sweeps, show one, rank its runs, and take in spools of other machines.

Every command here moves what runs left in the spool first (`flush.py`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from git_bt.commands.flush import flush_to_read
from git_bt.commands.flush import merge as merge_files
from git_bt.commands.programs import ALONE, is_startable
from git_bt.commands.workspace import open_workspace
from git_bt.errors import Incomplete, Usage
from git_bt.model import Notice
from git_bt.paths import expanded
from git_bt.ranking import median, number, rank, unsteady
from git_bt.store import Store
from git_bt.sweep_chunks import decode_chunk
from git_bt.sweep_outlines import head_of, last_start
from git_bt.sweep_records import Scalar, Surroundings, SweepRun, Swept, sweep_id, sweep_run_id
from git_bt.sweeping import (
    BestReport,
    MergedReport,
    Parameter,
    RankedRun,
    Spread,
    SweepHead,
    SweepReport,
    SweepsReport,
    WorkTree,
)

_ID = re.compile(r"[0-9a-f]{4,64}")
_SHOWN = 6  # values of a parameter
_ERRORS = 5


def ls(*, cwd: Path | None = None) -> SweepsReport:
    """Return every sweep, the one that ran last first."""
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        notices = flush_to_read(store)
        heads = [_head(store, digest) for digest in store.sweep_ids()]
    heads.sort(key=lambda head: (-head.last_ns, head.id))
    return SweepsReport(sweeps=tuple(heads), notices=notices)


def show(name: str | None = None, *, cwd: Path | None = None) -> SweepReport:
    """Return what is known of one sweep.

    Args:
        name: its id or its name; None is the one that ran last.
        cwd: where the command works.

    Raises:
        Usage: there is no such sweep.
        Incomplete: there is none at all.
    """
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        notices = flush_to_read(store)
        swept, more = find_sweep(store, name)
        head = _head(store, sweep_id(swept.sweep))
    good = [run for run in swept.runs if run.status == "ok"]
    errors = Counter(run.error or "no reason" for run in swept.runs if run.status != "ok")
    return SweepReport(
        head=head,
        elapsed_ns=sum(run.elapsed_ns for run in swept.runs),
        parameters=tuple(_parameters(swept.runs)),
        metrics=tuple(_spread(name, good) for name in _names(good)),
        errors=tuple(errors.most_common(_ERRORS)),
        unsteady=unsteady(swept.runs),
        environments=tuple(_environments(swept)),
        work_trees=tuple(_work_trees(swept)),
        notices=(*notices, *more),
    )


def best(
    metric: str,
    name: str | None = None,
    *,
    number_of: int = 10,
    lowest: bool = False,
    cwd: Path | None = None,
) -> BestReport:
    """Return the best settings of a sweep by a metric.

    Args:
        metric: its name.
        name: id or name of the sweep; None is the one that ran last.
        number_of: how many to show.
        lowest: the lowest value is best.
        cwd: where the command works.

    Raises:
        Usage: there is no such sweep, or no run of it has such a metric.
        Incomplete: there is none at all.
    """
    with open_workspace(cwd) as workspace:
        store = workspace.need_store()
        notices = flush_to_read(store)
        swept, more = find_sweep(store, name)
        head = _head(store, sweep_id(swept.sweep))
        check_metric(swept, metric)
        ranking = rank(swept.runs, metric, lowest=lowest)
        best_run = ranking.ranked[0].run if ranking.ranked else None
        startable = best_run is None or is_startable(workspace, swept, best_run)
    return BestReport(
        head=head,
        metric=metric,
        lowest=lowest,
        of=len(ranking.ranked),
        unranked=ranking.unranked,
        runs=tuple(
            RankedRun(
                rank=each.rank,
                id=sweep_run_id(each.run),
                value=each.value,
                params=each.run.params,
                metrics=each.run.metrics,
                started_ns=each.run.started_ns,
                elapsed_ns=each.run.elapsed_ns,
                repeats=each.repeats,
            )
            for each in ranking.ranked[:number_of]
        ),
        alone=None if startable else ALONE,
        notices=(*notices, *more),
    )


def merge(files: Sequence[str], *, cwd: Path | None = None) -> MergedReport:
    """Add the runs of spool files from elsewhere; a run that is here is not added again.

    Args:
        files: spool files, or folders with such.
        cwd: where the command works.

    Raises:
        Usage: a file is not there, or is no spool.
    """
    with open_workspace(cwd) as workspace:
        done = merge_files(
            workspace.need_store(), [workspace.cwd / expanded(file) for file in files]
        )
    return MergedReport(files=tuple(files), runs=done.runs, notices=done.notices)


# -- one sweep ------------------------------------------------------------------------------------


def find_sweep(store: Store, name: str | None) -> tuple[Swept, tuple[Notice, ...]]:
    """Return a sweep by its id or its name, and what is to be said of others of that name.

    Raises:
        Usage: there is no such sweep.
        Incomplete: there is none at all.
    """
    ids = store.sweep_ids()
    if not ids:
        raise Incomplete(
            "no sweep is recorded here", hint='with git_bt.recording("name", params={…}) as run: …'
        )
    found = [digest for digest in ids if name in (None, store.sweep_alone(digest).name)]
    if not found and name is not None and _ID.fullmatch(name):
        return store.sweep(store.resolve(name, ("sweeps",))), ()
    if not found:
        raise Usage(f"no sweep {name}", hint="git bt sweep ls")
    newest = found[0]
    if len(found) > 1:
        last = {each: [last_start(d) for _, d in store.sweep_chunks(each)] for each in found}
        newest = max(found, key=lambda each: max(last[each], default=0))
    if name is None or len(found) == 1:
        return store.sweep(newest), ()
    message = f"{len(found)} sweeps are named {name}, of other code or tape: this one ran last"
    return store.sweep(newest), (Notice(kind="sweep_names_equal", message=message),)


def find_run(store: Store, prefix: str) -> tuple[Swept, SweepRun]:
    """Return a run by the first digits of its id, and its sweep.

    Raises:
        Usage: there is no such run, or several.
    """
    if not _ID.fullmatch(prefix):
        raise Usage(f"{prefix!r:.80} is no id of a run", hint="git bt sweep best --metric M")
    found = {
        digest: (sweep, run)
        for sweep in store.sweep_ids()
        for what, data in store.sweep_chunks(sweep)
        for run in decode_chunk(data, sweep, what)
        if (digest := sweep_run_id(run)).startswith(prefix)
    }
    if not found:
        raise Usage(f"no run {prefix} in any sweep", hint="git bt sweep best --metric M")
    if len(found) > 1:
        raise Usage(f"run {prefix} is ambiguous: {len(found)} runs", hint="give more digits")
    ((sweep, run),) = found.values()
    return store.sweep(sweep), run


def check_metric(swept: Swept, metric: str) -> None:
    """Refuse a metric that no run of a sweep has; raises Usage naming those there are."""
    names = _names(swept.runs)
    if metric not in names:
        known = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        hint = f"there are: {known}" if names else "run.log(sharpe=…)"
        raise Usage(f"no run of sweep {swept.sweep.name} has a metric {metric}", hint=hint)


def _head(store: Store, digest: str) -> SweepHead:
    return head_of(store.sweep_alone(digest), store.sweep_chunks(digest))


def _names(runs: Sequence[SweepRun]) -> tuple[str, ...]:
    return tuple(sorted({name for run in runs for name in run.metrics}))


def _environments(swept: Swept) -> list[tuple[Surroundings, int]]:
    """Return what runs ran on and how many on each, whatever else their processes had."""
    found: dict[tuple[object, ...], tuple[Surroundings, int]] = {}
    for digest, count in Counter(run.environment for run in swept.runs).most_common():
        around = swept.environments.get(digest or "")
        if around is not None:
            key = (around.python, around.platform, *sorted(around.packages.items()))
            first, before = found.get(key, (around, 0))
            found[key] = (first, before + count)
    return sorted(found.values(), key=lambda each: -each[1])


def _work_trees(swept: Swept) -> list[WorkTree]:
    """Return the commits that runs ran on, where git was asked, each with what was changed."""
    found: Counter[tuple[str, bool, str | None]] = Counter()
    for run in swept.runs:
        around = swept.environments.get(run.environment or "")
        if around is not None and around.commit is not None:
            found[around.commit, bool(around.is_dirty), around.diff] += 1
    return [
        WorkTree(commit=commit, is_dirty=is_dirty, diff=diff, runs=runs)
        for (commit, is_dirty, diff), runs in found.most_common()
    ]


def _parameters(runs: Sequence[SweepRun]) -> list[Parameter]:
    names = sorted({name for run in runs for name in run.params})
    return [
        _parameter(name, [run.params[name] for run in runs if name in run.params]) for name in names
    ]


def _parameter(name: str, values: Sequence[Scalar]) -> Parameter:
    numbers = [value for value in values if number(value) is not None]
    distinct: dict[str, Scalar] = {repr(value): value for value in values}
    is_number = len(numbers) == len(values)
    ordered = sorted(
        distinct.values(),
        key=lambda value: (number(value) or 0.0, str(value)) if is_number else (0.0, str(value)),
    )
    return Parameter(
        name=name,
        distinct=len(distinct),
        least=ordered[0] if is_number else None,
        greatest=ordered[-1] if is_number else None,
        shown=tuple(ordered[:_SHOWN]),
    )


def _spread(name: str, runs: Sequence[SweepRun]) -> Spread:
    found = [value for run in runs if (value := number(run.metrics.get(name))) is not None]
    return Spread(
        name=name,
        numbers=len(found),
        lowest=min(found, default=None),
        median=median(found),
        highest=max(found, default=None),
    )
