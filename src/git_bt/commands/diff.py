"""Show what differs between two bundles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git_bt.commands.expected import compare_bundles
from git_bt.commands.locate import Found, Named, fetch, locate, locate_or_commit
from git_bt.commands.measure import metrics_of_bundle
from git_bt.commands.workspace import Workspace, open_workspace
from git_bt.errors import Incomplete, Usage
from git_bt.model import Bundle, Oid
from git_bt.records import below
from git_bt.repo import diff_folders
from git_bt.reports import Change, DiffReport


def diff(
    a: str,
    b: str,
    strategy: str | None = None,
    *,
    all_differences: bool = False,
    cwd: Path | None = None,
) -> DiffReport:
    """Return the differences between two bundles, A as expected and B as actual.

    Args:
        a: an id, an archive, COMMIT:STRATEGY, a strategy (then its baseline), or a commit.
        b: likewise.
        strategy: of two commits, the strategy whose results are compared; it may be left out
            where only one can be meant.
        all_differences: list every differing field, not the first.
        cwd: where the command works.

    Raises:
        Usage: a word names nothing, or of two commits several strategies could be meant.
        Incomplete: what is named is not here, or has no result.
    """
    with open_workspace(cwd, needs_repository=False) as workspace:
        one, two = (fetch(workspace, named) for named in _pair(workspace, a, b, strategy))
        left, right = one.bundle.manifest, two.bundle.manifest
        return DiffReport(
            a=one.bundle.id,
            b=two.bundle.id,
            engine=_changes(
                {"engine": left.engine.name, "version": left.engine.version},
                {"engine": right.engine.name, "version": right.engine.version},
            ),
            config=_changes(left.config, right.config),
            environment=_environment(one, two),
            metrics_a=metrics_of_bundle(one.bundle),
            metrics_b=metrics_of_bundle(two.bundle),
            files=_changes(_files(one.bundle), _files(two.bundle)),
            comparison=compare_bundles(
                one.bundle, two.bundle, limit=None if all_differences else 1
            ),
            code=_code(workspace, one.bundle, two.bundle),
        )


def _pair(workspace: Workspace, a: str, b: str, strategy: str | None) -> tuple[Named, Named]:
    if strategy is not None:
        workspace.need_store()
        name = workspace.path_from_top(strategy)
        return locate(workspace, f"{a}:{name}"), locate(workspace, f"{b}:{name}")
    one, two = (locate_or_commit(workspace, name) for name in (a, b))
    if isinstance(one, Named) and isinstance(two, Named):
        return one, two
    if isinstance(one, Named) or isinstance(two, Named):
        commit = b if isinstance(one, Named) else a
        raise Usage(f"{commit} is a commit, the other is none", hint=f"name it {commit}:STRATEGY")
    name = _meant(workspace, one, two)
    return locate(workspace, f"{one}:{name}"), locate(workspace, f"{two}:{name}")


def _meant(workspace: Workspace, one: Oid, two: Oid) -> str:
    """Return the one strategy whose results differ on two commits, or the only one that is."""
    from git_bt.commands.tied import results_at

    left = {at.strategy: at.bundle for at in results_at(workspace, one)}
    right = {at.strategy: at.bundle for at in results_at(workspace, two)}
    both = sorted(left.keys() & right.keys())
    differ = [name for name in both if left[name] != right[name]]
    if len(differ) == 1 or len(both) == 1:
        return (differ or both)[0]
    if not both:
        raise Incomplete(
            "no strategy has a result on both commits", hint="git bt record, or git bt fetch"
        )
    shown = ", ".join(differ or both)
    what = "the results of several strategies differ" if differ else "no result differs"
    raise Usage(f"{what}: {shown}", hint="git bt diff A B STRATEGY")


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(name=name, a=a.get(name), b=b.get(name))
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name)
    )


def _files(bundle: Bundle) -> dict[str, str]:
    inputs = ("strategy/", "tape/")
    return {p: m.sha256 for p, m in bundle.manifest.members.items() if p.startswith(inputs)}


def _environment(one: Found, two: Found) -> tuple[Change, ...]:
    """Return what the two ran on differently, as far as it is known of both."""
    if one.record is None or two.record is None:
        return ()
    return _changes(
        {"python": one.record.python, **one.record.packages},
        {"python": two.record.python, **two.record.packages},
    )


def _code(workspace: Workspace, a: Bundle, b: Bundle) -> str:
    folders = (workspace.scratch / "a", workspace.scratch / "b")
    for folder, bundle in zip(folders, (a, b), strict=True):
        folder.mkdir()
        for path, source in below(bundle.content, "strategy/").items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read())
    return diff_folders(workspace.scratch, "a", "b")
