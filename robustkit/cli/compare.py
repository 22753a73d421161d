"""`robustkit compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.options import FiniteRange, json_option
from robustkit.errors import ConfigError
from robustkit.texts import printable

if TYPE_CHECKING:
    from robustkit.analysis.paired.line import Line
    from robustkit.analysis.paired.pair import Pair


@click.command("compare", short_help="Compare models sample by sample, with tests.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN_A RUN_B…")
@click.option(
    "--fail-on-regression",
    type=FiniteRange(min=0, max=1),
    metavar="X",
    help="Exit with 1 if an accuracy of B, under any condition or mean in the table, is lower than A's by more than X "
    "(0.01 is one point) and the rule below agrees; with 4 if none is, but conditions of A could not be compared.",
)
@click.option(
    "--regression-rule",
    type=click.Choice(["joint", "interval", "point"]),
    default="joint",
    help="joint: the 95 % interval that holds for all lines of the table together lies below 0 as well, so that more "
    "conditions do not mean more false alarms. interval: the line's own 95 % interval does. point: the difference "
    "alone decides. [joint]",
)
@click.option(
    "--equivalence-margin",
    type=FiniteRange(min=0, max=1, min_open=True),
    metavar="X",
    help="Say where A and B are equivalent: the 90 % interval of the difference lies within X (two one-sided tests at "
    "5 %). Choose X before you look.",
)
@click.option("-o", "--out", metavar="FILE.csv", help="Write all differences to a CSV file, too.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@json_option
def command(runs: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Compare each RUN_B with RUN_A on the samples that both have, and print the differences B − A.

    \b
    robustkit compare run-before run-after
    robustkit compare run/standard run/pgd-at --equivalence-margin 0.01

    RUN/MODEL (or RUN:MODEL) picks a model, or a group of training seeds, of a run that has several. Differences of
    accuracy come with paired intervals, McNemar's exact test, p adjusted for all lines of the table, and the smallest
    difference that would have been found; of other metrics with the interval that can be given.
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    out = _out(options["out"], options["force"])
    from robustkit.analysis.paired.pair import compare_paired
    from robustkit.analysis.paired.plain import line_to_plain, pair_to_plain, pairs_to_csv
    from robustkit.analysis.paired.regression import blind_note, regressions

    pairs = compare_paired(runs, options["equivalence_margin"])
    margin, rule = options["fail_on_regression"], options["regression_rule"]
    worse = [[] if margin is None else regressions(pair.lines, margin, rule) for pair in pairs]
    if out is not None:
        from robustkit.store.atomic import write_atomically

        write_atomically(out, pairs_to_csv(pairs).encode())
    if as_json:
        gate = [
            {"b": pair.second.label, **line_to_plain(line)}
            for pair, found in zip(pairs, worse, strict=True)
            for line in found
        ]
        plain: dict[str, Any] = {"comparisons": [pair_to_plain(pair) for pair in pairs]}
        plain |= {"out": str(out)} if out else {}
        plain |= {"regressions": gate, "margin": margin, "rule": rule} if margin is not None else {}
        click.echo(json.dumps(plain, allow_nan=False))
    else:
        from robustkit.cli.compare_table import comparison_text

        click.echo("\n".join(comparison_text(pair) for pair in pairs), nl=False)
    blind = [] if margin is None else [blind_note(pair.lines, margin, rule) for pair in pairs]
    _say(pairs, worse, margin, [note for note in blind if note])
    if out is not None:
        click.echo(f"robustkit: all differences are in {printable(str(out))}", err=True)
    return _code(pairs, worse, margin)


def _out(text: str | None, force: bool) -> Path | None:
    """Return where the CSV goes.

    Raises:
        ConfigError: it cannot go there.
    """
    if text is None:
        return None
    path = Path(text)
    if path.suffix.lower() != ".csv":
        raise ConfigError(f"--out: expected a file that ends in .csv, got {path}", "write for example -o compare.csv")
    if path.is_dir() or (path.exists() and not force):
        raise ConfigError(f"--out: {path} exists", "choose another name" + ("" if path.is_dir() else ", or --force"))
    if not path.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {path.parent}", "make it first")
    return path


def _say(pairs: list[Pair], worse: list[list[Line]], margin: float | None, blind: list[str]) -> None:
    said = [f"note: {note}" for note in dict.fromkeys(blind)]
    for pair, found in zip(pairs, worse, strict=True):
        first, second = pair.first.label, pair.second.label
        said += [f"note: {note}" for note in pair.notes]
        said += [
            f"regression: {second} · {line.title}: {line.difference:+.4f}, more than {margin:g} below {first}"
            for line in found
        ]
        if margin is not None and pair.missing:
            count = f"{len(pair.missing)} condition(s) of {first}"
            said.append(f"{count} could not be compared, so a regression there would not be seen")
    for each in said:
        click.echo(f"robustkit: {printable(each)}", err=True)


def _code(pairs: list[Pair], worse: list[list[Line]], margin: float | None) -> int:
    if any(worse):
        return 1
    return 4 if margin is not None and any(pair.missing for pair in pairs) else 0
