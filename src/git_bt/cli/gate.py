"""The command that judges a range of commits: gate."""

from typing import TYPE_CHECKING

import click

from git_bt.cli.border import Verb
from git_bt.cli.echo import answer, progress, write_text
from git_bt.cli.options import answer_options, examples, run_options

if TYPE_CHECKING:
    from git_bt.gating import GateReport


@click.command(
    "gate",
    cls=Verb,
    epilog=examples(
        """
git bt gate --base origin/main
git bt gate --base origin/main --head feature --jobs 2 --timeout 300
git bt gate --base "$BASE" --json --output gate.json
git bt gate --base origin/main --all
git bt gate --base "$BASE" --markdown "$GITHUB_STEP_SUMMARY" --annotations
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
@click.option("--markdown", metavar="FILE", help="Write Markdown for a step summary, under 1 MiB.")
@click.option("--comment", metavar="FILE", help="Write Markdown for a comment, under 64 KB.")
@click.option("--junit", metavar="FILE", help="Write JUnit XML, one test a strategy.")
@click.option("--annotations", is_flag=True, help="Print GitHub annotations, ten at most.")
@answer_options
def gate_command(
    *,
    base: str,
    head: str,
    everything: bool,
    jobs: int | None,
    python: str | None,
    timeout: float,
    markdown: str | None,
    comment: str | None,
    junit: str | None,
    annotations: bool,
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
    _write_pages(report, markdown=markdown, comment=comment, junit=junit)
    if not annotations:
        answer(report, as_json=as_json, output=output)
    from git_bt.output.annotations import annotations as commands
    from git_bt.output.annotations import fence

    for line in commands(report):
        click.echo(line, err=as_json)
    begin, end = fence()
    click.echo(begin, err=as_json)
    try:
        answer(report, as_json=as_json, output=output)
    finally:
        click.echo(end, err=as_json)


def _write_pages(
    report: "GateReport", *, markdown: str | None, comment: str | None, junit: str | None
) -> None:
    """Write the answer in the forms that were asked for."""
    if markdown or comment:
        from git_bt.output import markdown as pages

        write_text(pages.summary(report), markdown)
        write_text(pages.comment(report), comment)
    if junit:
        from git_bt.output.junit import junit as document

        write_text(document(report), junit)
