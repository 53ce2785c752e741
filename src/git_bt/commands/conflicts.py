"""List the outputs that stand against each other under the same inputs."""

from collections.abc import Sequence
from pathlib import Path

from git_bt.commands.measure import Measured
from git_bt.commands.workspace import open_workspace
from git_bt.looking import ConflictingOutput, ConflictRow, ConflictsReport


def conflicts(strategies: Sequence[str] = (), *, cwd: Path | None = None) -> ConflictsReport:
    """Return every conflict of the store, by the names of the strategies.

    Args:
        strategies: keep only those of these, by path; none keeps all.
        cwd: where the command works.

    Raises:
        CannotWork: no repository.
    """
    with open_workspace(cwd) as workspace:
        measured = Measured(workspace.need_store())
        wanted = {workspace.path_from_top(name) for name in strategies}
        rows = tuple(
            ConflictRow(
                inputs=conflict.inputs,
                strategies=conflict.strategies,
                outputs=tuple(
                    ConflictingOutput(
                        bundle=claim.bundle,
                        runs=len(claim.runs),
                        first=claim.runs[-1][1],
                        metrics=measured.of(claim.bundle),
                    )
                    for claim in conflict.claims
                ),
            )
            for conflict in workspace.ledger.conflicts()
            if not wanted or wanted.intersection(conflict.strategies)
        )
        measured.save()
        return ConflictsReport(conflicts=rows)
