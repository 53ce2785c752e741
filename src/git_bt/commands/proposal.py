"""What a range of commits proposes: each strategy as base and as head hold it, from their trees.

The work tree is not looked at, and nothing is run. Base is the merge base for what changed, and
the tip of base for the words that judge: a branch that forked long ago is held against the rules
of today.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import PurePosixPath

from git_bt.capture.strategy import find_strategies, read_strategy
from git_bt.commands.inputs import Inputs, Memory
from git_bt.commands.record import CommitTree
from git_bt.commands.workspace import Workspace
from git_bt.errors import BtError, Incomplete, Usage
from git_bt.files import Files
from git_bt.model import Oid, Strategy
from git_bt.repo import Repo

_MANY = 10_000  # a file of code weighs more than any number of strategy.yaml files


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The commits that are judged, and what they are judged by.

    `base` and `head` are as they were named; `start` is the merge base, `commits` are those behind
    it up to head, the oldest first.
    """

    base: Oid
    head: Oid
    start: Oid
    commits: tuple[Oid, ...]


class Held:
    """A strategy as a commit holds it: there by its strategy.yaml, read when asked for."""

    def __init__(self, tree: CommitTree, name: str) -> None:
        self.tree = tree
        self.name = name

    @property
    def files(self) -> Files:
        """The view of the commit."""
        return self.tree.files

    @property
    def path(self) -> str:
        """Its strategy.yaml."""
        return yaml_of(self.name)

    @cached_property
    def inputs(self) -> Inputs | None:
        """Its inputs, None where it names nothing to run, or cannot be read: see `fault`."""
        return self._inputs if isinstance(self._inputs, Inputs) else None

    @cached_property
    def fault(self) -> BtError | None:
        """Why its inputs cannot be told."""
        return self._inputs if isinstance(self._inputs, BtError) else None

    @cached_property
    def strategy(self) -> Strategy:
        """What its strategy.yaml says; raises Usage where it cannot be read."""
        return read_strategy(self.files, self.name)

    @cached_property
    def readable(self) -> Strategy | None:
        """What its strategy.yaml says, None where it cannot be read."""
        try:
            return self.strategy
        except BtError:
            return None

    @cached_property
    def _inputs(self) -> Inputs | BtError | None:
        try:
            return self.tree.inputs(self.name)
        except BtError as e:
            return e


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A strategy before and after some commits; `word` is base's own, which judges.

    `commit` is the one that it is about where that is not head. `name_on_base` is what the merge
    base calls it.
    """

    name: str
    name_on_base: str
    before: Held | None
    after: Held | None
    word: Held | None
    renamed_from: str | None = None
    commit: Oid | None = None

    @property
    def is_unchanged(self) -> bool:
        """Whether both sides have the same inputs."""
        ids = [None if side is None or side.inputs is None else side.inputs.id
               for side in (self.before, self.after)]  # fmt: skip
        return ids[0] is not None and ids[0] == ids[1]

    @property
    def is_old_fault(self) -> bool:
        """Whether it cannot be read after as before, for the same reason, which is in the tree.

        What a machine lacks is no reason: with the tape here, it could be judged.
        """
        one, two = (side.fault if side else None for side in (self.before, self.after))
        return isinstance(one, Usage) and isinstance(two, Usage) and one.message == two.message


def yaml_of(name: str) -> str:
    """Return the path of a strategy's strategy.yaml."""
    return "strategy.yaml" if name == "." else f"{name}/strategy.yaml"


def find_range(repo: Repo, base: str, head: str) -> Range:
    """Return the range that two revisions name.

    Raises:
        Usage: one of them names no commit, or they have nothing in common.
        Incomplete: this clone is shallow, and where they part is not in it.
    """
    tips = []
    for name, option in ((base, "--base"), (head, "--head")):
        oid = repo.resolve(name)
        if oid is None:
            raise Usage(f"{option}: no commit {name!r:.200}", hint=f"git fetch origin {name:.80}")
        tips.append(oid)
    found = repo.git("merge-base", "--all", "--end-of-options", *tips, check=False)
    starts = found.text.split()
    if not starts:
        if repo.git("rev-parse", "--is-shallow-repository").text == "true":
            raise Incomplete(
                f"where {base} and {head} part is not in this shallow clone",
                hint="git fetch --deepen=100 origin, or a checkout with the whole history",
            )
        raise Usage(f"{base} and {head} have no commit in common")
    asked = ("--reverse", "--topo-order", "--end-of-options", f"{tips[0]}..{tips[1]}")
    commits = tuple(Oid(oid) for oid in repo.git("rev-list", *asked).text.split())
    # Of several merge bases none is what git would merge on: all that base has not is judged.
    start = Oid(starts[0]) if len(starts) == 1 else tips[0]
    return Range(base=tips[0], head=tips[1], start=start, commits=commits)


class Proposal:
    """The strategies of a range, side by side.

    Args:
        workspace: the repository.
        span: the commits.
        memory: the inputs of strategies in commits.
    """

    def __init__(self, workspace: Workspace, span: Range, memory: Memory) -> None:
        self.workspace = workspace
        self.span = span
        self.memory = memory
        self._trees: dict[Oid, CommitTree] = {}
        self._strategies: dict[Oid, dict[str, Held]] = {}

    def tree(self, commit: Oid) -> CommitTree:
        """Return the tree of a commit; it is listed once."""
        if commit not in self._trees:
            where = self.workspace
            store = where.need_store()
            self._trees[commit] = CommitTree(where, store.repo, store.objects, commit, self.memory)
        return self._trees[commit]

    def pairs(self) -> list[Pair]:
        """Return every strategy of merge base and head, by name."""
        return list(self._between(self.span.start, self.span.head, None))

    def on_the_way(self) -> list[Pair]:
        """Return what each commit before head changes against its parent, merges apart."""
        store = self.workspace.need_store()
        found = []
        for commit in self.span.commits:
            parent = self.tree(commit).parent
            is_merge = len(store.objects.commit(commit).parents) > 1
            if commit != self.span.head and parent is not None and not is_merge:
                pairs = self._between(parent.commit, commit, commit)
                found += [pair for pair in pairs if not pair.is_unchanged and pair.after]
        return found

    def bare(self) -> list[str]:
        """Return the entry files of head that were packed, and have no strategy.yaml to say how."""
        tree = self.tree(self.span.head)
        return sorted(set(tree.names()) - set(find_strategies(tree.files)))

    def _between(self, start: Oid, end: Oid, commit: Oid | None) -> Iterator[Pair]:
        before, after = self._held(start), self._held(end)
        words = self._held(self.span.base)
        renamed = self._renamed(start, end)
        on_base = self._renamed(self.span.start, start)
        for name in sorted({*before, *after} - set(renamed.values())):
            old = renamed.get(name, name)
            first = on_base.get(old, old)
            tip = words.get(first)
            now = after.get(name)
            if tip and now and (old not in before or _same_inputs(tip, now)):
                before[old] = tip  # base has it too, by another way
            yield Pair(
                name=name,
                name_on_base=first,
                before=before.get(old),
                after=after.get(name),
                word=tip or before.get(old),
                renamed_from=renamed.get(name),
                commit=commit,
            )

    def _held(self, commit: Oid) -> dict[str, Held]:
        """Return the strategies of a commit; each is read once, whichever side it stands on."""
        if commit not in self._strategies:
            tree = self.tree(commit)
            names = find_strategies(tree.files)
            self._strategies[commit] = {name: Held(tree, name) for name in names}
        return dict(self._strategies[commit])

    def _renamed(self, start: Oid, end: Oid) -> dict[str, str]:
        """Return new names with their old ones, by where git says that their files went.

        A strategy.yaml counts least: those of two strategies are often the same to the byte.
        """
        before, after = self._held(start).keys(), self._held(end).keys()
        gone, come = before - after, after - before
        if not gone or not come:
            return {}
        votes: Counter[tuple[str, str]] = Counter()
        for old, new in self._moved(start, end, gone | come):
            weight = 1 if old.endswith("strategy.yaml") else _MANY
            pairs = product(_owners(old) & gone, _owners(new) & come)
            votes.update(dict.fromkeys(pairs, weight))
        found: dict[str, str] = {}
        for (one, two), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
            if two not in found and one not in found.values():
                found[two] = one
        return found

    def _moved(self, start: Oid, end: Oid, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the files of some strategies that git calls renamed, however many there are."""
        asked = ("-r", "-z", "-M", "-l0", "--no-ext-diff", "--diff-filter=R", "--name-status")
        repo = self.workspace.need_store().repo
        done = repo.git(
            "--literal-pathspecs", "diff-tree", *asked, start, end, "--", *sorted(names)
        )
        fields = done.out.decode(errors="surrogateescape").split("\0")
        yield from zip(fields[1::3], fields[2::3], strict=False)


def _owners(path: str) -> set[str]:
    """Return the names that a strategy may have whose folder holds a file."""
    return {parent.as_posix() for parent in PurePosixPath(path).parents}


def _same_inputs(one: Held, two: Held) -> bool:
    return one.inputs is not None and two.inputs is not None and one.inputs.id == two.inputs.id
