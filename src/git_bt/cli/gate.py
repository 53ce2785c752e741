"""The command that judges a range of commits: gate."""

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress
from git_bt.cli.options import answer_options, examples, run_options


@click.command(
    "gate",
    cls=Verb,
    epilog=examples(
        """
git bt gate --base origin/main
git bt gate --base origin/main --head feature --jobs 2 --timeout 300
git bt gate --base "$BASE" --json --output gate.json
git bt gate --base origin/main --all
"""
    ),
)
@click.option("--base", required=True, metavar="COMMIT", help="What head is to be merged into.")
@click.option("--head", default="HEAD", show_default=True, metavar="COMMIT", help="What is judged.")
@click.option("--all", "everything", is_flag=True, help="Run what is known here, too.")
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Runs at once (default: cores)."
)
@run_options
@answer_options
def gate_command(
    *,
    base: str,
    head: str,
    everything: bool,
    jobs: int | None,
    python: str | None,
    timeout: float,
    as_json: bool,
    output: str | None,
) -> None:
    """Judge what a pull request does to strategies, by running them afresh.

    Every strategy that head changes since it left base, or that is not known in
    this environment, runs from head's own tree; one that changed runs from
    base's too. A changed output needs git bt accept. Policy, tolerances and
    interpreters are those of base. What was recorded is held against the runs
    here, and never believed.
    """
    from git_bt.commands.gate import gate

    with progress() as step:
        report = gate(
            base,
            head,
            everything=everything,
            jobs=jobs,
            python=python,
            timeout_s=timeout,
            step=step,
        )
    answer(report, as_json=as_json, output=output)
