"""What is known: results on commits and runs in the store, read together.

Answers four questions: is this known here, what is a strategy judged against, which outputs stand
against each other, which commits have a result. Nothing is written and no engine is asked.
Outputs are told apart by what a verdict is made of: the engine's own trace and its version are no
difference. What is newer is taken from run records only where nothing else decides: a clock may
jump, so `accept` writes times that do not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from git_bt.canonical import distributions_of, encode_json, environment_id, sha256
from git_bt.errors import ExitCode, Usage
from git_bt.model import Manifest, NoteLine, Oid, RunRecord, Verdict
from git_bt.notes import REF, Notes
from git_bt.packed import last_packed
from git_bt.publish import read_refs
from git_bt.records import below, decode_note
from git_bt.repo import Repo
from git_bt.store import Store

Run = tuple[str, RunRecord]
"""A run record with its id."""

_TRACE = "run.floxrun/"  # the engine's own account, which no verdict looks at
_FIRST_CHUNK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One output that passing runs of the same inputs gave.

    `bundle` is the one that was run first; the others differ by engine version or trace alone.
    `runs` are newest first.
    """

    bundle: str
    bundles: frozenset[str]
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Outputs that stand against each other under one inputs id, until one is accepted."""

    inputs: str
    strategies: tuple[str, ...]
    claims: tuple[Claim, ...]  # the one that was run first comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a strategy is judged against.

    `commit` and `line` say where it is tied; both are None of a bundle that is merely the newest
    that was packed. `run` is None where the store does not have it.
    """

    strategy: str
    bundle: str
    inputs: str
    commit: Oid | None = None
    line: NoteLine | None = None
    run: Run | None = None


def passes(verdict: Verdict) -> bool:
    """Tell whether a verdict is one of those that end with 0."""
    return verdict.exit_code is ExitCode.OK


# -- pure -----------------------------------------------------------------------------------------


def output_key(manifest: Manifest) -> str | None:
    """Return a digest of the output that is judged, None of a bundle without one of ours."""
    output = below(manifest.members, "output/")
    judged = {p: m.sha256 for p, m in output.items() if not p.startswith(_TRACE)}
    text = "".join(f"{path}\0{digest}\n" for path, digest in sorted(judged.items()))
    return sha256(text.encode()) if judged else None


def standing(runs: Iterable[Run], key: Callable[[str], str | None]) -> tuple[Claim, ...]:
    """Return the outputs of one inputs id that nobody has replaced, the oldest first.

    Args:
        runs: the run records of the inputs id; those that did not pass say nothing.
        key: from a bundle's id to a digest of its output; None: it is not counted.
    """
    passed = [run for run in _oldest_first(runs) if passes(run[1].verdict)]
    groups: dict[str, list[Run]] = {}
    for run in passed:
        group = key(run[1].bundle)
        if group is not None:
            groups.setdefault(group, []).append(run)
    if len(groups) > 1:
        gone: set[str | None] = set()
        for _, record in passed:
            if record.kind == "accept" and record.replaces:  # and it may be taken back
                gone = (gone | {key(record.replaces)}) - {key(record.bundle)}
        groups = {group: found for group, found in groups.items() if group not in gone}
    return tuple(
        Claim(
            bundle=found[0][1].bundle,
            bundles=frozenset(run.bundle for _, run in found),
            runs=tuple(reversed(found)),
        )
        for found in groups.values()
    )


def environment_now(
    runs: Iterable[RunRecord], python: str, engine_version: str, installed: Mapping[str, str]
) -> str | None:
    """Return the environment id that a run would have now, None when no run tells.

    What a run loads is taken from the newest record under this Python X.Y. Of records whose
    versions are all those of now, the one that loaded most counts: a package that came later is
    not overlooked because a clock was set back.

    Args:
        runs: the run records of the inputs id.
        python: full version of the interpreter.
        engine_version: of the engine in it.
        installed: version by normalised name of every distribution in it.
    """
    minor = python.split(".")[:2]
    alike = [run for run in runs if run.python.split(".")[:2] == minor]
    if not alike:
        return None
    newest = max(alike, key=lambda run: (run.when_ns, run.environment))
    same = [
        run
        for run in alike
        if run.engine.version == engine_version
        and distributions_of(run.packages).items() <= installed.items()
    ]
    best = max(same, key=lambda run: (len(run.packages), run.when_ns), default=newest)
    packages = {name: installed[name] for name in best.packages if name in installed}
    return environment_id(python, engine_version, packages)


def chosen(lines: Sequence[NoteLine], when: Callable[[NoteLine], int]) -> NoteLine | None:
    """Return the result of several, of one strategy on one commit, that counts; None of none.

    What was accepted last; else of the newest inputs (an unpinned tape may have changed) the output
    that was found first. A result taken from elsewhere counts only where there is no other.

    Args:
        lines: results that pass.
        when: from a result to the time of its run in ns.
    """
    ours = [line for line in lines if line.origin is None] or lines
    ordered = sorted(ours, key=lambda line: (when(line), line.bundle))
    accepted = [line for line in ordered if line.kind == "accepted"]
    if accepted or not ordered:
        return accepted[-1] if accepted else None
    same = [line for line in ordered if line.inputs == ordered[-1].inputs]
    return min(same, key=lambda line: line.kind != "measured")


def _oldest_first(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run[1].when_ns, run[0]))


# -- reading --------------------------------------------------------------------------------------


class Ledger:
    """Store and notes of one repository, the notes as they were when first looked at."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._keys: dict[str, str | None] = {}

    @cached_property
    def notes(self) -> Notes:
        """The results on commits."""
        return Notes(self.store.objects, read_refs(self.store.repo, REF).get(REF))

    # -- one inputs id

    def claims(self, inputs: str) -> tuple[Claim, ...]:
        """Return the outputs of an inputs id that nobody has replaced; several are a conflict."""
        return standing(self.store.runs_of(inputs=inputs), self._key)

    def known(self, inputs: str, environment: str) -> Run | None:
        """Return the newest passing run of an inputs id in an environment, None where none stands.

        Args:
            inputs: full inputs id.
            environment: full environment id, see `environment`.
        """
        runs = [run for claim in self.claims(inputs) for run in claim.runs]
        here = [run for run in runs if run[1].environment == environment]
        return max(here, key=lambda run: (run[1].when_ns, run[0]), default=None)

    def environment(
        self, inputs: str, python: str, engine_version: str, installed: Mapping[str, str]
    ) -> str | None:
        """Return the environment id that a run would have now; see `environment_now`."""
        runs = (run for _, run in self.store.runs_of(inputs=inputs))
        return environment_now(runs, python, engine_version, installed)

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return every conflict of the store, by the names of the strategies."""
        by_inputs: dict[str, list[Run]] = {}
        for run in self.store.runs():
            by_inputs.setdefault(run[1].inputs, []).append(run)
        found = []
        for inputs, runs in by_inputs.items():
            if len({run.bundle for _, run in runs}) > 1:
                claims = standing(runs, self._key)
                names = sorted({run.strategy for claim in claims for _, run in claim.runs})
                if len(claims) > 1:
                    found.append(Conflict(inputs=inputs, strategies=tuple(names), claims=claims))
        return tuple(sorted(found, key=lambda each: (each.strategies, each.inputs)))

    def _key(self, bundle: str) -> str | None:
        if bundle not in self._keys:
            try:
                self._keys[bundle] = output_key(self.store.manifest(bundle))
            except Usage:  # a record of a bundle that has not come here
                self._keys[bundle] = None
        return self._keys[bundle]

    # -- commits

    def results(self, commit: str) -> tuple[NoteLine, ...]:
        """Return every result that is tied to a commit."""
        return self.notes.of(commit)

    def shown(self, commit: str) -> list[NoteLine]:
        """Return the results on a commit for somebody to read: of each bundle the line that counts.

        One that was measured and then accepted has two lines; what a fork says stands by itself.
        """
        same: dict[tuple[str, str, bool, str | None], list[NoteLine]] = {}
        for line in self.results(commit):
            key = line.strategy, line.bundle, passes(line.verdict), line.origin
            same.setdefault(key, []).append(line)
        found = (x[0] if len(x) == 1 else chosen(x, self._when) for x in same.values())
        return [line for line in found if line is not None]

    def result(self, commit: str, strategy: str) -> NoteLine | None:
        """Return the result of a strategy on a commit that counts, None where none passes."""
        return self._counting(self.results(commit), strategy)

    def _counting(self, lines: Iterable[NoteLine], strategy: str) -> NoteLine | None:
        same = [line for line in lines if line.strategy == strategy and passes(line.verdict)]
        return chosen(same, self._when) if len(same) > 1 else next(iter(same), None)

    def baseline(self, strategy: str, commit: Oid | None) -> Baseline | None:
        """Return what a strategy is judged against on a commit, see `baselines`."""
        return self.baselines((strategy,), commit).get(strategy)

    def baselines(self, strategies: Iterable[str], commit: Oid | None) -> dict[str, Baseline]:
        """Return what strategies are judged against on a commit, those that have something.

        That is the result on the commit, or on the nearest first-parent ancestor that has one;
        where its output was replaced since, the output that replaced it. Of a strategy that no
        ancestor has a result of, it is the bundle that was packed or accepted last.

        Args:
            strategies: names.
            commit: full id; None where there is no commit yet.
        """
        left = {name: encode_json(name).rstrip() for name in strategies}
        found: dict[str, Baseline] = {}
        noted = commit is not None and bool(self.notes.root())
        for ancestors in first_parents(self.store.repo, commit) if commit and noted else ():
            for ancestor, data in self.notes.each(ancestors):
                # As it stands in a line; decoding every note there is would take seconds.
                spelled = b"\\u" in data  # in another way than ours
                for name in [name for name, text in left.items() if spelled or text in data]:
                    line = self._counting(decode_note(data), name)
                    if line is not None:
                        found[name] = self._tied(name, ancestor, line)
                        del left[name]
            if not left:
                return found
        return found | {name: self.packed[name] for name in left if name in self.packed}

    def _tied(self, strategy: str, commit: Oid, line: NoteLine) -> Baseline:
        bundle, run = line.bundle, self._run(line.run)
        claims = self.claims(line.inputs)
        if claims and not any(line.bundle in claim.bundles for claim in claims):
            accepted = [run for c in claims for run in c.runs if run[1].kind == "accept"]
            run = max(accepted, key=lambda r: r[1].when_ns, default=claims[0].runs[-1])
            bundle = run[1].bundle
        return Baseline(
            strategy=strategy, bundle=bundle, inputs=line.inputs, commit=commit, line=line, run=run
        )

    @cached_property
    def packed(self) -> dict[str, Baseline]:
        """The newest bundle of each strategy that was packed or accepted."""
        return {
            name: Baseline(strategy=name, bundle=run[1].bundle, inputs=run[1].inputs, run=run)
            for name, run in last_packed(self.store).items()
        }

    def _run(self, digest: str) -> Run | None:
        try:
            return digest, self.store.run(digest)
        except Usage:
            return None

    def _when(self, line: NoteLine) -> int:
        run = self._run(line.run)
        return 0 if run is None else run[1].when_ns


def first_parents(repo: Repo, commit: Oid) -> Iterator[list[Oid]]:
    """Yield a commit and its first-parent ancestors, as far as they are here, in growing lists."""
    size = _FIRST_CHUNK
    start = [commit]
    while start:
        asked = ("--first-parent", f"--max-count={size + 1}", "--end-of-options", *start)
        listed = [Oid(oid) for oid in repo.git("rev-list", *asked).text.split()]
        yield listed[:size]
        start, size = listed[size:], size * 4
