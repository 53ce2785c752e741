"""One report of each kind and ending, for the golden texts and the schemas.

After a change that is meant, `PYTHONPATH=tests python tests/output/report_samples.py` writes the
golden files anew.
"""

import dataclasses
from pathlib import Path
from typing import Any

from git_bt.adopting import AdoptReport, Guessed
from git_bt.capturing import CaptureReport, CodeThatRan, RunReport
from git_bt.comparison import Comparison, Difference, Metrics, PackageChange, Validation
from git_bt.errors import ExitCode
from git_bt.hooking import Hooked, HookReport
from git_bt.looking import (
    CommitReport,
    CommitResult,
    ConflictingOutput,
    ConflictRow,
    ConflictsReport,
    LoggedCommit,
    LoggedResult,
    LogReport,
    StagedState,
    StatusReport,
    StrategyState,
    TapePinReport,
)
from git_bt.model import (
    EngineVersion,
    Manifest,
    Member,
    Notice,
    Oid,
    RunRecord,
    TapeState,
    Tolerance,
    Verdict,
)
from git_bt.reports import (
    Accepted,
    AcceptReport,
    BundleRow,
    Change,
    DemoReport,
    DiffReport,
    EnginesReport,
    EngineStatus,
    ExportReport,
    FsckReport,
    Imported,
    ImportReport,
    ListReport,
    PackReport,
    Problem,
    RecordReport,
    ReplayReport,
    RestoreReport,
    ShowReport,
    Tied,
    TiedCommit,
    ValidateReport,
)
from git_bt.sharing import (
    Amount,
    Check,
    Divergence,
    DoctorReport,
    FetchReport,
    Health,
    HookFile,
    InitReport,
    Moved,
    PushReport,
    RefMove,
    Setting,
    Side,
    Taken,
)
from output.gate_samples import GATES
from output.sweep_samples import SWEEPS, TORN

GOLDEN = Path(__file__).parent / "golden"
A, B, C = "3f2a9c81d0e4" + "0" * 52, "77aa01b2c3d4" + "1" * 52, "c0ffee" + "2" * 58
WHEN = 1_795_245_300_000_000_000
FLOX = EngineVersion(name="flox", version="0.11.0")
FLOX_OLD = EngineVersion(name="flox", version="0.10.0")

FLOX_METRICS = Metrics(
    trade_count=10_000, fill_count=406, total_filled_quantity=8.109999999999916,
    turnover=405_377.123456789, fees=0.0, pnl=-12.345678901234, return_=None,
    max_drawdown=31.25, volatility=1234.5, sharpe=-2.34567,
)  # fmt: skip
OTHER_METRICS = Metrics(
    trade_count=10_000, fill_count=405, total_filled_quantity=8.089999999999917,
    turnover=404_377.0, fees=0.0, pnl=1.5, return_=None, max_drawdown=30.0, volatility=1200.0,
    sharpe=0.25,
)  # fmt: skip
EQUITY_METRICS = Metrics(
    trade_count=None, fill_count=2, total_filled_quantity=2.0, turnover=200.0, fees=0.02,
    pnl=188.0, return_=0.188, max_drawdown=0.1, volatility=0.153, sharpe=1.5,
)  # fmt: skip

PRICE = Difference(
    path="fills[17].price", row=17, ts_ns=1_700_000_018_000_000_123, expected=49981.11,
    actual=49981.12, detail="1 tick, 1.4e9 ulps",
)  # fmt: skip
COUNT = Difference(path="fills.count", row=None, ts_ns=None, expected=406, actual=405)
MORE = {"fills.price": 200, "fills.quantity": 187, "fills.rows": 1}
CHANGES = (
    PackageChange(name="lrvx", recorded="0.10.0", here="0.11.0"),
    PackageChange(name="numpy", recorded=None, here="2.4.6"),
    PackageChange(name="scipy", recorded="1.0", here=None),
)
TAIL = 'half of the day is over\n  File "ema.py", line 3\nValueError: \x1b[31mboom\n\n'

REPRODUCED = Validation(
    name="strategies/ema", bundle=A, strategy="strategies/ema", verdict=Verdict.REPRODUCED,
    engine=FLOX, elapsed_s=0.412,
)  # fmt: skip
DIVERGED = Validation(
    name="strategies/ema", bundle=A, strategy="strategies/ema", verdict=Verdict.DIVERGED,
    differences=(PRICE, COUNT), more=MORE, environment=CHANGES, engine=FLOX, elapsed_s=12.3,
)  # fmt: skip
PACKED = PackReport(
    bundle=A, inputs=B, environment=C, snapshot=B, strategy="strategies/ema", engine=FLOX,
    metrics=FLOX_METRICS, verdict=Verdict.REPRODUCED, comparison=None, elapsed_s=0.92, runs=2,
)  # fmt: skip


def _validation(verdict: Verdict, **values: Any) -> Validation:
    known = {"name": "x.tar", "bundle": B, "strategy": "ema", "verdict": verdict}
    return Validation(**(known | values))


MANIFEST = Manifest(
    engine=FLOX, inputs=B, entry_point="ema.py",
    config={"slippage_bps": 5, "slippage_model": "fixed_bps", "flags": [True, None]},
    members={
        "strategy/ema.py": Member(sha256=A, size=812, mode="100755"),
        "config.json": Member(sha256=B, size=52),
        "tape/1.lrvx": Member(sha256=C, size=690_000),
    },
    command=("python", "run.py"),
)  # fmt: skip
RUN = RunRecord(
    bundle=A, inputs=B, environment=C, strategy="strategies/ema", verdict=Verdict.REPRODUCED,
    kind="pack", when_ns=WHEN, elapsed_ms=920, runs=2, isolation="process", engine=FLOX,
    python="3.11.7", platform="linux-x86_64", packages={"lrvx": "0.11.0"},
    author="A U Thor <author@example.com>", compare={"price": Tolerance(rtol=1e-9)},
    reason="the engine was mended", replaces=B,
)  # fmt: skip

LOGGED = LoggedResult(
    strategy="strategies/ema", inputs=C, bundle=A, run=B, verdict=Verdict.REPRODUCED,
    kind="measured", replaces=None, fork=None, metrics=FLOX_METRICS, previous=B,
    before=OTHER_METRICS,
)  # fmt: skip

TIED = Tied(
    strategy="strategies/ema", state="tied", inputs=B, kind="measured", bundle=A, run=C,
    verdict=Verdict.REPRODUCED,
)  # fmt: skip
ACCEPTED = Accepted(
    strategy="strategies/ema", bundle=A, replaces=B, inputs=C, run=C, commit=C[:40],
    before=OTHER_METRICS, after=FLOX_METRICS, reason="fees as of July",
    comparison=Comparison(verdict=Verdict.DIVERGED, differences=(PRICE,), more=MORE),
)  # fmt: skip

MOVED = (
    RefMove(ref="refs/bt/store", how=Moved.MERGED, before=Oid("12" * 20), after=Oid("34" * 20)),
    RefMove(ref="refs/notes/bt", how=Moved.NEW, before=None, after=Oid("56" * 20)),
)
CAME = Amount(bundles=2, snapshots=1, runs=3, results=2)
OURS = Side(
    bundle=A, engine=FLOX, python="3.11.7", platform="Linux-x86_64",
    author="A U Thor <author@example.com>",
)  # fmt: skip
CONTRADICTED = Divergence(
    inputs=C, strategy="strategies/ema", ours=OURS, accepted=False,
    theirs=Side(bundle=B, engine=FLOX_OLD, python=None, platform=None, author=None),
    comparison=Comparison(verdict=Verdict.DIVERGED, differences=(PRICE,), more={"fills.price": 3}),
    environment=tuple(Change(name=f"package-{n}", a="1.0", b=None) for n in range(8)),
)  # fmt: skip
SETTLED = Divergence(
    inputs=C, strategy=None, ours=OURS, theirs=OURS, comparison=None, environment=(),
    accepted=True, message="bundle 77aa01b2c3d4 has no expected output",
)  # fmt: skip
DANGER = Check(
    name="refspec", state=Health.DANGER,
    message="remote.origin.fetch is +refs/notes/*:refs/notes/*: a plain git fetch overwrites what "
    "was not pushed (refs/notes/bt)",
    mend="git config --unset remote.origin.fetch",
)  # fmt: skip

REPORTS: dict[str, Any] = {
    "pack": PACKED,
    "pack_exported": PackReport(
        bundle=A, inputs=B, environment=C, snapshot=B, strategy=".", engine=FLOX,
        metrics=EQUITY_METRICS, verdict=Verdict.REPRODUCED, comparison=None, elapsed_s=0.31, runs=1,
        exported="out/ema.tar",
        notices=(Notice(kind="unknown_key", message="unknown key 'tapes', nearest is 'tape'"),),
    ),
    "pack_nondeterministic": PackReport(
        bundle=None, inputs=B, environment=None, snapshot=B, strategy="strategies/ema",
        engine=FLOX, metrics=None, verdict=Verdict.NONDETERMINISTIC,
        comparison=Comparison(verdict=Verdict.DIVERGED, differences=(PRICE,), more=MORE),
        elapsed_s=1.0, runs=2, hint="look for a clock, random numbers or the order of a set",
    ),
    "pack_failed": PackReport(
        bundle=None, inputs=B, environment=None, snapshot=B, strategy="strategies/ema",
        engine=FLOX, metrics=None, verdict=Verdict.FAILED, comparison=None, elapsed_s=1.0, runs=2,
        message="the strategy raised ValueError: boom", tail=TAIL,
    ),
    "validate": ValidateReport(bundles=(REPRODUCED,)),
    "validate_many": ValidateReport(
        bundles=(
            REPRODUCED,
            DIVERGED,
            _validation(Verdict.WITHIN_TOLERANCE, differences=(PRICE,), elapsed_s=0.5),
            _validation(Verdict.REPRODUCED, name=B[:8], reused=True),
            _validation(Verdict.FAILED, message="the run took more than 600 s", tail=TAIL),
            _validation(
                Verdict.INCOMPLETE, message="no interpreter here has the engine flox",
                hint="pip install 'git-bt[flox]', or name one that has it with --python PATH",
            ),
            _validation(
                Verdict.CORRUPT, name="cut.tar", bundle=None, strategy=None,
                message="cut.tar: the archive ends in the middle of tape/1.lrvx",
            ),
        )
    ),
    "validate_grouped": ValidateReport(
        bundles=(
            REPRODUCED,
            dataclasses.replace(
                REPRODUCED, name="strategies/near", verdict=Verdict.WITHIN_TOLERANCE,
                before=FLOX_METRICS, after=FLOX_METRICS,
            ),
            dataclasses.replace(
                DIVERGED, name="strategies/breakout", before=FLOX_METRICS, after=OTHER_METRICS
            ),
            dataclasses.replace(DIVERGED, before=OTHER_METRICS, after=FLOX_METRICS),
            _validation(Verdict.FAILED, message="ZeroDivisionError", tail=TAIL),
        ),
        grouped=True,
    ),
    "validate_nothing": ValidateReport(bundles=()),
    "replay": ReplayReport(
        name="x.tar", bundle=A, strategy="ema", engine=FLOX, recorded_engine=FLOX_OLD,
        expected=FLOX_METRICS, actual=OTHER_METRICS, elapsed_s=0.4,
    ),
    "replay_failed": ReplayReport(
        name="x.tar", bundle=A, strategy="ema", engine=FLOX, recorded_engine=None, expected=None,
        actual=None, elapsed_s=0.4, verdict=Verdict.FAILED, message="the strategy raised",
        tail=TAIL, hint="mend it",
    ),
    "ls": ListReport(
        bundles=(
            BundleRow(
                bundle=A, strategy="strategies/momentum/ema_cross", engine=FLOX,
                verdict=Verdict.WITHIN_TOLERANCE, is_tested=True, when_ns=WHEN,
                metrics=FLOX_METRICS, foreign=False,
            ),
            BundleRow(
                bundle=B, strategy=None, engine=FLOX_OLD, verdict=None, is_tested=False,
                when_ns=None, metrics=None, foreign=True,
            ),
        )
    ),
    "ls_empty": ListReport(bundles=()),
    "show": ShowReport(
        bundle=A, strategies=("strategies/ema",), manifest=MANIFEST, metrics=FLOX_METRICS,
        missing=("tape/1.lrvx",), runs=((C, RUN),), foreign=True,
        commits=(A[:40], B[:40], C[:40], "d" * 40),
        cite=f"strategies/ema, commit {C[:40]}, git-bt bundle {A}, reproduced on flox 0.11.0",
    ),
    "show_bare": ShowReport(
        bundle=B, strategies=(), missing=(), runs=(), foreign=False, metrics=None,
        fork="https://example.com/fork.git",
        manifest=Manifest(engine=FLOX, inputs=B, entry_point="ema.py", config={}, members={}),
    ),
    "show_plain": ShowReport(
        bundle=B, strategies=("ema",), missing=(), foreign=False, metrics=EQUITY_METRICS,
        runs=((C, dataclasses.replace(RUN, reason=None, replaces=None)),),
        manifest=dataclasses.replace(MANIFEST, command=None),
    ),
    "diff_code": DiffReport(
        a=A, b=B, engine=(), config=(Change(name="note", a="", b=[1, 2]),), environment=(),
        metrics_a=FLOX_METRICS,
        metrics_b=dataclasses.replace(FLOX_METRICS, pnl=-12.345678901235), code="",
        files=(Change(name="strategy/ema.py", a=A, b=B),),
        comparison=Comparison(verdict=Verdict.REPRODUCED),
    ),
    "diff_one_difference": DiffReport(
        a=A, b=B, engine=(), config=(), environment=(), metrics_a=None, metrics_b=None, code="",
        files=(), comparison=Comparison(verdict=Verdict.DIVERGED, differences=(PRICE,)),
    ),
    "import_one": ImportReport(
        bundles=(Imported(name="a.tar", bundle=A, foreign=False, exit=ExitCode.OK),)
    ),
    "engines_none": EnginesReport(engines=()),
    "diff": DiffReport(
        a=A, b=B, engine=(Change(name="flox", a="0.10.0", b="0.11.0"),),
        config=(Change(name="slippage_bps", a=5, b=7), Change(name="note", a=None, b="x")),
        environment=(Change(name="lrvx", a="0.10.0", b="0.11.0"),), metrics_a=FLOX_METRICS,
        metrics_b=OTHER_METRICS,
        files=(
            Change(name="strategy/ema.py", a=A, b=B), Change(name="strategy/new.py", a=None, b=C),
            Change(name="strategy/old.py", a=A, b=None),
        ),
        comparison=Comparison(verdict=Verdict.DIVERGED, differences=(PRICE, COUNT), more=MORE),
        code="--- a/ema.py\n+++ b/ema.py\n@@ -1 +1 @@\n-fast = 10\n+fast = 12\n\tsame\n",
    ),
    "diff_equal": DiffReport(
        a=A, b=A, engine=(), config=(), environment=(), metrics_a=FLOX_METRICS,
        metrics_b=FLOX_METRICS, files=(), code="",
        comparison=Comparison(verdict=Verdict.REPRODUCED),
    ),
    "export": ExportReport(
        bundle=A, path="out/ema.tar", sha256=C, size=696_320, layout="lrvx",
        notices=(Notice(kind="lrvx_loads_one_file", message="lrvx may not find lib.py"),),
    ),
    "import": ImportReport(
        bundles=(
            Imported(name="a.tar", bundle=A, foreign=True, exit=ExitCode.OK),
            Imported(
                name="b.tar", bundle=None, foreign=None, exit=ExitCode.CANNOT_JUDGE,
                message="b.tar: member '../x' leaves its root", hint="do not trust this file",
            ),
        )
    ),
    "log": LogReport(
        commits=(
            LoggedCommit(
                commit=C[:40], when_s=WHEN // 10**9, author="A U Thor",
                subject="Trade the crossing of two moving averages, and only in the direction of",
                results=(
                    LOGGED,
                    dataclasses.replace(
                        LOGGED, kind="accepted", replaces=B, strategy="strategies/momentum/long",
                        metrics=EQUITY_METRICS, before=None, previous=None,
                    ),
                ),
            ),
            LoggedCommit(
                commit=A[:40], when_s=0, author="A U Thor", subject="",
                results=(
                    dataclasses.replace(LOGGED, kind="inherited", previous=A, before=FLOX_METRICS),
                    dataclasses.replace(
                        LOGGED, verdict=Verdict.EXTENDED, metrics=None, previous=None, before=None
                    ),
                    dataclasses.replace(LOGGED, fork="https://example.com/fork.git"),
                ),
            ),
        ),
        more=True,
    ),
    "log_empty": LogReport(commits=(), more=False),
    "status": StatusReport(
        head=A[:40],
        strategies=(
            StrategyState(
                strategy="strategies/ema", state="known", inputs=A, bundle=B, tape="tapes/btc",
                tape_state=TapeState.TRACKED,
            ),
            StrategyState(
                strategy="strategies/long", state="changed", inputs=A, bundle=B, tape="tapes/eth",
                tape_state=TapeState.CHANGED, staged=StagedState(state="known", inputs=B),
                hint="git bt validate strategies/long, then git bt pack strategies/long",
            ),
            StrategyState(
                strategy="strategies/new", state="new", inputs=C, tape="tapes/sol",
                tape_state=TapeState.UNPINNED, hint="git bt pack strategies/new",
            ),
            StrategyState(
                strategy="strategies/old", state="environment", inputs=C, bundle=A, tape="tapes/x",
                tape_state=TapeState.MISSING, environment=CHANGES, hint="git bt validate x",
            ),
            StrategyState(
                strategy="strategies/two", state="conflict", inputs=C, tape="tapes/eth",
                tape_state=TapeState.CHANGED,
                message="the same inputs gave different outputs: 3f2a9c81d0e4 and 77aa01b2c3d4",
            ),
            StrategyState(
                strategy="strategies/theirs", state="fork", inputs=C, bundle=A, tape="tapes/x",
                tape_state=TapeState.TRACKED, fork="https://example.com/fork.git",
                hint="git bt validate strategies/theirs",
            ),
            StrategyState(strategy="x", state="unreadable", message="x/strategy.yaml: line 3"),
            StrategyState(
                strategy="y", state="removed", staged=StagedState(state="known", inputs=B)
            ),
        ),
    ),
    "show-commit": CommitReport(
        commit=C[:40], when_s=WHEN // 10**9, author="A U Thor", subject="Widen the stop",
        results=(
            CommitResult(
                strategy="strategies/ema", inputs=B, bundle=A, run=C, verdict=Verdict.REPRODUCED,
                kind="measured", replaces=None, origin=C[:40], fork=None, record=RUN,
                metrics=FLOX_METRICS,
            ),
            CommitResult(
                strategy="strategies/long", inputs=B, bundle=A, run=C, verdict=Verdict.REPRODUCED,
                kind="accepted", replaces=B, origin=B[:40], fork="https://example.com/fork.git",
                record=None, metrics=None,
            ),
            CommitResult(
                strategy="strategies/new", inputs=None, bundle=B, run=None, verdict=None,
                kind=None, replaces=None, origin=None, fork=None, record=None,
                metrics=EQUITY_METRICS,
            ),
        ),
    ),
    "show-commit_empty": CommitReport(
        commit=A[:40], when_s=0, author="A U Thor", subject="", results=()
    ),
    "ls-conflicts": ConflictsReport(
        conflicts=(
            ConflictRow(
                inputs=C, strategies=("strategies/ema", "strategies/long"),
                outputs=(
                    ConflictingOutput(bundle=A, runs=3, first=RUN, metrics=FLOX_METRICS),
                    ConflictingOutput(bundle=B, runs=1, first=RUN, metrics=None),
                ),
            ),
        )
    ),
    "ls-conflicts_none": ConflictsReport(conflicts=()),
    "status_empty": StatusReport(head=None, strategies=()),
    "record": RecordReport(
        commits=(
            TiedCommit(
                commit=A[:40], subject="Trade the crossing of two averages",
                strategies=(
                    TIED,
                    dataclasses.replace(TIED, strategy="b", state="unchanged", kind=None),
                    dataclasses.replace(TIED, strategy="c", kind="inherited", origin=B[:40]),
                    dataclasses.replace(TIED, strategy="d", kind="accepted", state="known"),
                    dataclasses.replace(
                        TIED, strategy="e",
                        message="the tape is not pinned: no other commit can take this result over",
                        hint="git bt tape pin TAPE",
                    ),
                ),
            ),
            TiedCommit(commit=C[:40], subject="", strategies=()),
            TiedCommit(
                commit=B[:40], subject="Widen the stop",
                strategies=tuple(
                    Tied(strategy=f"strategies/{state}", state=state, message="why", hint="do so")
                    for state in ("must-run", "conflict", "unpinned", "unreadable")
                ),
            ),
        )
    ),
    "record_empty": RecordReport(commits=()),
    "record_nothing": RecordReport(
        commits=(TiedCommit(commit=A[:40], subject="no strategy yet", strategies=()),)
    ),
    "accept": AcceptReport(
        strategies=(
            ACCEPTED,
            Accepted(strategy="b", bundle=None, message="this output is the expected one"),
            Accepted(
                strategy="c", bundle=B, inputs=C, run=C, after=EQUITY_METRICS,
                hint="commit the files, then: git bt record",
            ),
        )
    ),
    "accept_nothing": AcceptReport(strategies=()),
    "tape-pin": TapePinReport(
        tape="tapes/btc", path="tapes/btc.tape", files=3, size=690_000, sha256=C, written=True,
        notices=(Notice(kind="pin_ignored", message="git ignores tapes/btc.tape"),),
    ),
    "tape-pin_again": TapePinReport(
        tape="tapes/btc", path="tapes/btc.tape", files=1, size=690_000, sha256=C, written=False
    ),
    "restore": RestoreReport(
        bundle=A, snapshot=None, directory="out", files=("ema.py", "config.json")
    ),
    "restore_snapshot": RestoreReport(
        bundle=None, snapshot=B, directory="out", files=("ema.py",), notices=(TORN,),
    ),
    "fsck": FsckReport(
        bundles=10, snapshots=1, runs=12, sweeps=0, results=7, objects=345, problems=(),
        remarks=("notes on 2 commits that no branch, tag or reflog here leads to",),
    ),
    "fsck_broken": FsckReport(
        bundles=10, snapshots=3, runs=12, sweeps=2, results=1, objects=345,
        problems=(
            Problem(
                kind="object", name="ab" * 20, bundles=(A, B),
                message="the bytes hash to cdcd…, not to the object's id",
            ),
            Problem(kind="ref", name="refs/bt/store", bundles=(), message="names no commit"),
        ),
    ),
    "engines": EnginesReport(
        engines=(
            EngineStatus(
                name="flox", version="0.11.0", python="/usr/bin/python3", found_by="PATH",
                install="pip install 'git-bt[flox]'",
            ),
            EngineStatus(
                name="backtesting", version=None, python=None, found_by=None,
                install="pip install 'git-bt[backtesting]'",
            ),
            EngineStatus(
                name="python", version="3.13", python="/work/research/.venv/bin/python",
                found_by=".venv of the project", install="any Python from 3.9 on",
            ),
        )
    ),
    "fetch": FetchReport(
        remote="origin", dry_run=False, refs=MOVED, came=CAME, completed=2, commits=None,
        divergences=(CONTRADICTED, SETTLED),
    ),
    "fetch_nothing": FetchReport(
        remote="origin", dry_run=False, refs=(), came=Amount(), completed=0, commits=None,
        divergences=(),
    ),
    "fetch_dry": FetchReport(
        remote="origin", dry_run=True, refs=MOVED, came=Amount(), completed=0, commits=None,
        divergences=(),
    ),
    "fetch_commits": FetchReport(
        remote="https://example.com/fork.git", dry_run=False, refs=(), completed=0,
        came=Amount(bundles=1, results=1), divergences=(),
        commits=(Taken(commit=Oid("ab" * 20), results=1), Taken(commit=Oid("cd" * 20), results=0)),
    ),
    "push": PushReport(
        remote="origin", dry_run=False, refs=MOVED, went=CAME, came=Amount(results=1), attempts=2,
        divergences=(CONTRADICTED,), notices=(TORN,),
    ),
    "push_dry": PushReport(
        remote="origin", dry_run=True, refs=MOVED[:1], went=CAME, came=CAME, attempts=0,
        divergences=(),
    ),
    "push_nothing": PushReport(
        remote="origin", dry_run=False, refs=(), went=Amount(), came=Amount(), attempts=1,
        divergences=(),
    ),
    "init": InitReport(
        undo=False, written=(Setting(key="notes.displayRef", value="refs/notes/b[t]"),),
        removed=(), checks=(DANGER,),
    ),
    "init_hooks": InitReport(
        undo=False, written=(), removed=(), checks=(),
        hooks=(
            HookFile(name="pre-commit", path="/repo/.git/hooks/pre-commit", how="chained"),
            HookFile(name="pre-push", path="/repo/" + "deep/" * 20 + "pre-push", how="installed"),
        ),
    ),
    "init_again": InitReport(undo=False, written=(), removed=(), checks=()),
    "init_undo": InitReport(
        undo=True, written=(), checks=(),
        removed=(Setting(key="notes.displayRef", value="refs/notes/b[t]"),),
    ),
    "init_undo_nothing": InitReport(undo=True, written=(), removed=(), checks=()),
    "adopt": AdoptReport(
        strategy="strategies/ema", path="strategies/ema/strategy.yaml",
        packed=PACKED, completed=False,
        text="entry_point: ema.py\nengine: flox\ntape: ../../tapes/btc\n",
        guesses=(
            Guessed(what="engine", value="flox", why="it imports lrvx"),
            Guessed(what="entry_point", value="strategies/ema/ema.py", why="as you said"),
            Guessed(what="tape", value="tapes/btc", why="its source names it"),
        ),
    ),
    "hook": HookReport(
        hook="pre-commit", known=97,
        strategies=(
            Hooked(
                strategy="strategies/ema", state="identical", inputs=A, bundle=B, previous=A,
                verdict=Verdict.REPRODUCED, elapsed_s=0.31,
            ),
            Hooked(
                strategy="strategies/momentum", state="changed", inputs=B, bundle=C, previous=B,
                verdict=Verdict.DIVERGED, before=FLOX_METRICS, after=OTHER_METRICS,
                differences=(PRICE,), more=MORE, elapsed_s=1.31,
                hint="when it is meant: git bt accept strategies/momentum -m REASON",
            ),
            Hooked(strategy="strategies/new", state="new", bundle=C, after=FLOX_METRICS),
            Hooked(
                strategy="strategies/old", state="incomplete", verdict=Verdict.INCOMPLETE,
                message="no tape at tapes/btc", hint="name it with --tape PATH, or fetch it",
            ),
            Hooked(strategy="strategies/plain", state="captured"),
            Hooked(strategy="strategies/a", state="environment"),
            Hooked(strategy="strategies/b", state="environment"),
            *(Hooked(strategy=f"strategies/slow{n}", state="queued") for n in range(5)),
        ),
    ),
    "hook_stops": HookReport(
        hook="pre-commit",
        strategies=(
            Hooked(
                strategy="strategies/ema", state="failed", inputs=A, previous=A, stops=True,
                verdict=Verdict.FAILED, elapsed_s=12.0, message="ValueError: boom", tail=TAIL,
            ),
        ),
    ),
    "hook_check": HookReport(
        hook="check", known=1,
        strategies=(
            Hooked(strategy="a", state="notice", message="unknown key 'tapes'; did you mean tape?"),
            Hooked(strategy="b", state="corrupt", verdict=Verdict.CORRUPT, stops=True,
                   message="output/fills.csv: the bytes are not those of its digest"),
        ),
    ),
    "hook_silent": HookReport(hook="pre-commit", known=3),
    "hook_tied": HookReport(
        hook="pre-push", remote="origin", pushed=Amount(bundles=2, runs=2, results=3),
        strategies=(
            Hooked(strategy="strategies/slow", state="extended", inputs=A, bundle=C, previous=B,
                   verdict=Verdict.EXTENDED, elapsed_s=61.0, commit="01" * 20,
                   message="identical to 2026-05-07T00:00:00.000000000Z, 12 new fills"),
        ),
        tied=(
            TiedCommit(
                commit="01" * 20, subject="Add a month",
                strategies=tuple(
                    Tied(strategy=f"strategies/{name}", state="tied", inputs=A, kind="measured",
                         bundle=C, run=B, verdict=Verdict.EXTENDED)
                    for name in ("ema", "momentum", "reversal", "slow")
                ),
            ),
        ),
    ),
    "hook_kept": HookReport(
        hook="pre-push", message="results were not pushed: there is no remote by name",
        hint="git bt push REMOTE",
    ),
    "doctor": DoctorReport(
        checks=(
            Check(name="versions", state=Health.FINE, message="git 2.39.5, Python 3.11.7"), DANGER,
            Check(
                name="shallow", state=Health.NOTE, mend="git fetch --unshallow",
                message="this clone is shallow: results on older commits cannot be found",
            ),
        )
    ),
    "doctor_fine": DoctorReport(
        checks=(Check(name="refs", state=Health.FINE, message="nothing is stored yet"),)
    ),
    "capture": CaptureReport(
        snapshot=A, project_root="..", entry_point="my_strategy.py", method="yaml", is_stored=True,
        files={
            "my_strategy.py": Member(sha256=B, size=505),
            "utils/indicators.py": Member(sha256=C, size=2048),
        },
        notices=(
            Notice(
                kind="listed_file_missing", message="x.py is listed, but not there", path="x.py"
            ),
        ),
    ),
    "capture_dry": CaptureReport(
        snapshot=A, project_root=".", entry_point="s.py", method="entry_point", is_stored=False,
        files={"s.py": Member(sha256=B, size=505)},
    ),
    "run": RunReport(
        command=("python", "my_strategy.py"), exit_code=0, bundle=A,
        codes=(
            CodeThatRan(
                snapshot=B, entry_point="my_strategy.py", engine="lrvx", context="file",
                confidence=1.0, runs=1, failed=0,
            ),
        ),
    ),
    "run_many": RunReport(
        command=("pytest",), exit_code=3,
        codes=(
            CodeThatRan(
                snapshot=B, entry_point="tests/test_it.py", engine="backtesting", context="file",
                confidence=0.9, runs=12, failed=2,
            ),
            CodeThatRan(
                snapshot=None, entry_point=None, engine="lrvx", context="interactive",
                confidence=0.0, runs=1, failed=0,
            ),
        ),
        message="not packed: the command made 13 backtests, and a bundle holds one",
        notices=(Notice(kind="detection_failed", message="the code was typed", path=None),),
    ),
    "demo": DemoReport(
        directory="git-bt-demo", packed=PACKED, reproduced=REPRODUCED, diverged=DIVERGED,
        commit="0123456789abcdef" + "0" * 24, changed_line=("    fast = 10\n", "    fast = 12\n"),
        next=("cd git-bt-demo", "git bt ls"),
    ),
    **GATES,
    **SWEEPS,
}  # fmt: skip


def write_golden() -> None:
    """Write every golden text as it is rendered now."""
    from git_bt.output.text import render

    GOLDEN.mkdir(exist_ok=True)
    for name, report in REPORTS.items():
        (GOLDEN / f"{name}.txt").write_text(render(report, encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    write_golden()
