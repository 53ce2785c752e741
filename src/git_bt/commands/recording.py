"""The record of one run, as every command writes it, and the bundle as it is stored."""

import time
from dataclasses import replace

from git_bt.bundle import TAPE
from git_bt.canonical import environment_id
from git_bt.model import Bundle, Environment, RunRecord, Tolerances, Verdict
from git_bt.objects import Blob
from git_bt.repo import Repo

ISOLATION = "process"
TAPE_LIMIT = 10 * 1024 * 1024  # bytes


def run_record(
    bundle: Bundle,
    environment: Environment,
    *,
    author: str,
    strategy: str,
    kind: str,
    verdict: Verdict,
    elapsed_s: float,
    runs: int,
    compare: Tolerances,
) -> RunRecord:
    """Return the record of a run that ends now.

    Args:
        bundle: what was run.
        environment: what it ran on.
        author: who ran it.
        strategy: name of the strategy.
        kind: the command: pack or validate.
        verdict: what was found.
        elapsed_s: of the longest run.
        runs: how many there were.
        compare: the tolerances that were declared.
    """
    return RunRecord(
        bundle=bundle.id,
        inputs=bundle.manifest.inputs,
        environment=environment_id(
            environment.python, environment.engine.version, environment.packages
        ),
        strategy=strategy,
        verdict=verdict,
        kind=kind,
        when_ns=time.time_ns(),
        elapsed_ms=round(1000 * elapsed_s),
        runs=runs,
        isolation=ISOLATION,
        engine=environment.engine,
        python=environment.python,
        platform=environment.platform,
        packages=environment.packages,
        author=author,
        compare=compare,
    )


def for_store(repo: Repo, bundle: Bundle) -> Bundle:
    """Leave out a tape that git does not track and that is larger than git config bt.tapeLimit."""
    limit = repo.config_int("bt.tapeLimit", TAPE_LIMIT)
    loose = {
        path: bundle.manifest.members[path].size
        for path, source in bundle.content.items()
        if path.startswith(TAPE) and not isinstance(source, Blob)
    }
    if sum(loose.values()) <= limit:
        return bundle
    content = {path: source for path, source in bundle.content.items() if path not in loose}
    return replace(bundle, content=content)
