"""What is recorded of the strategies of a range: results of base and head, and acceptances.

All of it is somebody's word, so each thing that is read is proved before it is used, and none of it
makes a verdict: `gate.py` holds it against runs that were made here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from git_bt.bundle import OUTPUT, check_content, output_of
from git_bt.commands.noted import results_of
from git_bt.commands.plan import Engine
from git_bt.commands.proposal import Pair
from git_bt.commands.reuse import known_run
from git_bt.commands.workspace import Workspace
from git_bt.errors import Corrupt, Incomplete, Usage
from git_bt.evidence import Recorded
from git_bt.gate import same_output
from git_bt.gating import Acceptance
from git_bt.ledger import Baseline, Claim, passes
from git_bt.model import NoteLine, Oid, Output, RunRecord, Tolerances
from git_bt.records import below


class Records:
    """What store and notes say of some strategies.

    Args:
        workspace: the repository.
        start: the merge base; what is tied to it or its ancestors is base's.
        names: the strategies, by base's names.
        inputs: every inputs id that will be asked for.
    """

    def __init__(
        self, workspace: Workspace, start: Oid, names: Iterable[str], inputs: Iterable[str]
    ) -> None:
        self._workspace = workspace
        self._start = start
        self._names = tuple(names)
        self._ids = frozenset(inputs)
        self._outputs: dict[str, Output] = {}
        self._claimed: dict[str, tuple[Claim, ...]] = {}

    # -- results

    def base(self, name: str, inputs: str) -> Recorded | None:
        """Return what is recorded for base: on its commits, else the first output of its inputs.

        A result that a fork alone says is none of base's.

        Raises:
            Corrupt: its bytes are not what they should be.
        """
        found = self._baselines.get(name)
        line = found.line if found is not None and found.inputs == inputs else None
        digest = line.bundle if line is not None and line.origin is None else None
        if digest is None:
            claims = self._claims(inputs)
            digest = claims[0].bundle if claims else None
        if digest is None:
            return None
        try:
            return Recorded(bundle=digest, output=self._output(digest, inputs))
        except Incomplete:
            return None  # it has not come here: base is run all the same

    def head(self, name: str, inputs: str) -> tuple[Recorded, ...]:
        """Return the results of some inputs that nobody has replaced, ours before a fork's.

        Raises:
            Corrupt: the bytes of one are not what they should be.
            Incomplete: the notes name one that is not here, and there is no other.
        """
        found = [
            Recorded(bundle=c.bundle, output=self._output(c.bundle, inputs), run=c.runs[0][1])
            for c in self._claims(inputs)
        ]
        known = {c.bundle for c in found}
        fault = None
        for line in self._lines(name, inputs):
            if line.bundle not in known and (line.origin is not None or not found):
                known.add(line.bundle)
                try:
                    output = self._output(line.bundle, inputs)
                except Incomplete as e:
                    fault = e
                    continue
                run = self._run(line)
                found.append(Recorded(bundle=line.bundle, output=output, run=run, fork=line.origin))
        if fault is not None and not found:
            raise fault
        return tuple(found)

    def known(self, pair: Pair, engine: Engine) -> str | None:
        """Return the bundle of a run that passed here, of what base has as its one result.

        A strategy whose output somebody replaced since is not known: it is to be shown.

        Raises:
            Corrupt: its bytes are not what they should be.
        """
        assert pair.after is not None
        assert pair.after.inputs is not None
        inputs = pair.after.inputs.id
        run = known_run(self._workspace, inputs, engine)
        claims = self._claims(inputs)
        base = self.base(pair.name_on_base, inputs)
        if run is None or base is None or len(claims) != 1 or run[1].inputs != inputs:
            return None
        if run[1].bundle not in claims[0].bundles or base.bundle not in claims[0].bundles:
            return None
        self._output(run[1].bundle, inputs)
        return run[1].bundle

    def has_result(self, name: str) -> bool:
        """Tell whether base has a result of a strategy, of whatever inputs."""
        return name in self._baselines

    # -- acceptances

    def freeze(self, names: Iterable[str]) -> None:
        """Read now what accepts outputs of strategies: what is to be run could write to the store.

        Args:
            names: those that will be run, by head's names.
        """
        wanted = frozenset(names)
        if not wanted:
            return
        self._citing  # noqa: B018  a cached property
        for inputs in self._ids | {
            run.inputs for run in self._accepts.values() if run.strategy in wanted
        }:
            self._claims(inputs)

    def acceptance(
        self,
        name: str,
        inputs: str,
        output: Output,
        *,
        was: Sequence[Output],
        tolerances: Tolerances,
    ) -> tuple[Acceptance | None, bool]:
        """Return who accepted this output of a strategy, and whether base has that already.

        It is of these inputs; or of others that gave the same output, then instead of base's.

        Args:
            name: of the strategy.
            inputs: full inputs id of head.
            output: of the run here.
            was: base's output, as it came here and as it is recorded.
            tolerances: of base.
        """
        spent = None
        for found in self._acceptances(name, inputs):
            if not self._gave(found.bundle, inputs, output, tolerances):
                continue
            is_spent = self._is_spent(found.run)
            if is_spent is None:
                is_spent = not self._leads_back(found, was, tolerances)
            if not is_spent:
                return found, False
            spent = spent or found
        for found, others in self._of_other_inputs(name, inputs):
            is_same = self._gave(found.bundle, others, output, tolerances)
            if (
                is_same
                and not self._is_spent(found.run)
                and self._leads_back(found, was, tolerances)
            ):
                return found, False
        return spent, spent is not None

    def _gave(self, bundle: str, inputs: str, output: Output, tolerances: Tolerances) -> bool:
        """Tell whether a bundle has this output; one that is not here has none."""
        try:
            return same_output(self._output(bundle, inputs), output, tolerances)
        except Incomplete:
            return False

    def _leads_back(self, found: Acceptance, was: Sequence[Output], tolerances: Tolerances) -> bool:
        """Tell whether what was replaced, step by step as people accepted it, is base's output."""
        digest, seen = found.replaces, set[str]()
        while digest is not None and digest not in seen:
            seen.add(digest)
            try:
                old = self._output(digest, None)
            except Incomplete:
                return False
            if any(same_output(each, old, tolerances) for each in was):
                return True
            digest = self._replaced.get(digest)
        return False

    @cached_property
    def _replaced(self) -> dict[str, str]:
        """What each accepted bundle took the place of."""
        return {run.bundle: run.replaces for run in self._accepts.values() if run.replaces}

    @cached_property
    def _accepts(self) -> dict[str, RunRecord]:
        """Every acceptance by the id of its run."""
        runs = self._workspace.need_store().runs()
        return {digest: run for digest, run in runs if run.kind == "accept"}

    def _acceptances(self, name: str, inputs: str) -> Iterator[Acceptance]:
        for claim in self._claims(inputs):
            for digest, run in claim.runs:
                if digest in self._accepts and run.inputs == inputs:
                    yield _accepted(digest, run)
        for line in self._lines(name, inputs):
            if line.kind == "accepted" and line.origin is not None:
                yield Acceptance(
                    bundle=line.bundle, run=line.run, author=None, reason=None, when_ns=None,
                    replaces=line.replaces, fork=line.origin,
                )  # fmt: skip

    def _of_other_inputs(self, name: str, inputs: str) -> Iterator[tuple[Acceptance, str]]:
        """Yield what was accepted of a strategy, and still stands, with the inputs of it."""
        for digest, run in self._accepts.items():
            if run.strategy != name or run.inputs == inputs:
                continue
            if any((digest, run) in claim.runs for claim in self._claims(run.inputs)):
                yield _accepted(digest, run), run.inputs

    def _is_spent(self, run: str) -> bool | None:
        """Tell whether a commit that base has cites this acceptance.

        None: a commit that cites it is not in this shallow clone, so that nobody can say.
        """
        repo = self._workspace.need_store().repo
        asked = ("merge-base", "--is-ancestor")
        codes = {
            repo.git(*asked, c, self._start, check=False).code for c in self._citing.get(run, ())
        }
        if 0 in codes:
            return True
        return None if codes - {1} and self._is_shallow else False

    @cached_property
    def _is_shallow(self) -> bool:
        repo = self._workspace.need_store().repo
        return repo.git("rev-parse", "--is-shallow-repository").text == "true"

    # -- reading

    def _claims(self, inputs: str) -> tuple[Claim, ...]:
        if inputs not in self._claimed:
            self._claimed[inputs] = self._workspace.ledger.claims(inputs)
        return self._claimed[inputs]

    @cached_property
    def _baselines(self) -> dict[str, Baseline]:
        return self._workspace.ledger.baselines(self._names, self._start)

    @cached_property
    def _noted(self) -> dict[Oid, tuple[NoteLine, ...]]:
        cache = self._workspace.cache
        place = None if cache is None else cache / "noted.json"
        return results_of(self._workspace.ledger.notes, self._ids, place)

    @cached_property
    def _citing(self) -> dict[str, list[Oid]]:
        found: dict[str, list[Oid]] = {}
        for commit, lines in self._noted.items():
            for line in lines:
                found.setdefault(line.run, []).append(commit)
        return found

    def _lines(self, name: str, inputs: str) -> list[NoteLine]:
        lines = {line for each in self._noted.values() for line in each}
        same = [x for x in lines if (x.strategy, x.inputs) == (name, inputs) and passes(x.verdict)]
        return sorted(same, key=lambda line: (line.origin or "", line.kind, line.bundle))

    def _run(self, line: NoteLine) -> RunRecord | None:
        if line.origin is not None:
            return None
        try:
            return self._workspace.need_store().run(line.run)
        except Usage:
            return None

    def _output(self, digest: str, inputs: str | None) -> Output:
        """Return the output of a bundle; its bytes are proved, and that it is of its inputs."""
        if digest in self._outputs:
            return self._outputs[digest]
        try:
            bundle = self._workspace.need_store().bundle(digest)
        except Usage as e:
            raise Incomplete(
                f"bundle {digest[:12]}, a result, is not here", hint="git bt fetch"
            ) from e
        if inputs not in (None, bundle.manifest.inputs):
            raise Corrupt(
                f"bundle {digest[:12]} is recorded as a result of other inputs than its own"
            )
        judged = {OUTPUT + n: source for n, source in below(bundle.content, OUTPUT).items()}
        check_content(replace(bundle, content=judged))
        output = output_of(bundle)
        if output is None:
            raise Corrupt(f"bundle {digest[:12]} is recorded as a result, and has no output")
        self._outputs[digest] = output
        return output


def _accepted(digest: str, run: RunRecord) -> Acceptance:
    return Acceptance(
        bundle=run.bundle,
        run=digest,
        author=run.author,
        reason=run.reason,
        when_ns=run.when_ns,
        replaces=run.replaces,
    )
