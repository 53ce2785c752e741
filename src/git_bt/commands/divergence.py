"""Bundles that came from elsewhere and contradict what is known here.

The same inputs have given another output: an engine that is not deterministic, an environment that
matters, or somebody's mistake. It is said at once, with the first difference and what the two ran
on differently; deciding is `accept`'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from git_bt.commands.expected import compare_bundles
from git_bt.commands.locate import newest
from git_bt.comparison import Comparison
from git_bt.errors import Corrupt, Incomplete, Usage
from git_bt.ledger import output_key, passes, standing
from git_bt.model import Bundle, RunRecord
from git_bt.reports import Change
from git_bt.sharing import Divergence, Side
from git_bt.store import Store


@dataclass(frozen=True)
class Arrivals:
    """The bundles of another store that ours did not have."""

    ours: Store
    theirs: Store
    ids: frozenset[str]

    def divergences(self) -> tuple[Divergence, ...]:
        """Return those that contradict what passed here, by strategy."""
        found = (self._contradicted(digest) for digest in sorted(self.ids))
        return tuple(
            sorted(
                (each for each in found if each is not None),
                key=lambda each: (each.strategy or "", each.inputs, each.theirs.bundle),
            )
        )

    def _contradicted(self, digest: str) -> Divergence | None:
        bundle = self.theirs.bundle(digest)
        inputs, key = bundle.manifest.inputs, output_key(bundle.manifest)
        here = self._passed(self.ours.runs_of(inputs=inputs))
        known = [run for run in here if run.bundle not in self.ids]
        other = newest(run for run in known if self._key(run.bundle) not in (None, key))
        if key is None or other is None:
            return None
        record = newest(self._passed(self.theirs.runs_of(bundle=digest)))
        return self._divergence(other, bundle, record)

    def _divergence(self, known: RunRecord, bundle: Bundle, record: RunRecord | None) -> Divergence:
        ours = self.ours.bundle(known.bundle)
        comparison, message = _compared(ours, bundle)
        return Divergence(
            inputs=known.inputs,
            strategy=known.strategy,
            ours=_side(ours, known),
            theirs=_side(bundle, record),
            comparison=comparison,
            environment=() if record is None else _changes(known, record),
            accepted=self._is_settled(ours, bundle),
            message=message,
        )

    def _is_settled(self, ours: Bundle, theirs: Bundle) -> bool:
        inputs = ours.manifest.inputs
        runs = dict(self.ours.runs_of(inputs=inputs)) | dict(self.theirs.runs_of(inputs=inputs))
        left = {bundle for claim in standing(runs.items(), self._key) for bundle in claim.bundles}
        replaced = {run.replaces for run in runs.values() if run.kind == "accept"}
        return any(b.id in replaced and b.id not in left for b in (ours, theirs))

    def _passed(self, runs: Iterable[tuple[str, RunRecord]]) -> list[RunRecord]:
        return [run for _, run in runs if passes(run.verdict)]

    def _key(self, digest: str) -> str | None:
        for store in (self.ours, self.theirs):
            try:
                return output_key(store.manifest(digest))
            except Usage:  # a record of a bundle that has not come
                continue
        return None


def _compared(ours: Bundle, theirs: Bundle) -> tuple[Comparison | None, str]:
    try:
        return compare_bundles(ours, theirs), ""
    except (Incomplete, Corrupt) as e:
        return None, e.message


def _side(bundle: Bundle, record: RunRecord | None) -> Side:
    return Side(
        bundle=bundle.id,
        engine=bundle.manifest.engine,
        python=record.python if record else None,
        platform=record.platform if record else None,
        author=record.author if record else None,
    )


def _changes(ours: RunRecord, theirs: RunRecord) -> tuple[Change, ...]:
    one, two = _environment(ours), _environment(theirs)
    return tuple(
        Change(name=name, a=one.get(name), b=two.get(name))
        for name in sorted({*one, *two})
        if one.get(name) != two.get(name)
    )


def _environment(run: RunRecord) -> dict[str, str]:
    here = {"python": run.python, "platform": run.platform, run.engine.name: run.engine.version}
    return {**run.packages, **here}
