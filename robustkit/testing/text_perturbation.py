"""The contract of a text perturbation, one check a clause."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

from robustkit.components import Edit, Perturbation
from robustkit.engine.edits import apply_edits, character_error_rate, degrade_texts
from robustkit.engine.seeds import Keys
from robustkit.protocols import TextPerturbation
from robustkit.testing.texts import ENGLISH, ODD
from robustkit.testing.watch import make_keys, require, require_no_global_randomness, working

Factory = Callable[[], TextPerturbation]
Texts = Sequence[str]
Check = Callable[[Factory, Perturbation, Texts], None]

_TOLERANCE = 0.1
# So many characters that rounding to whole edits by chance stays well within the tolerance.
_MEASURED = 60_000


def check_rate(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """`rate` is 0 at severity 0, and rises from there."""
    del texts
    levels = [0.0, 1e-3, *_levels(declaration)]
    with working(f"{declaration.name}: asking for its rates"):
        rates = [factory().rate(severity) for severity in levels]
    require(rates[0] == 0, f"{declaration.name}: expected a rate of 0 at severity 0, got {rates[0]}")
    # Written so that a NaN fails too.
    rises = all(low < high for low, high in pairwise(rates))
    require(rises, f"{declaration.name}: expected rates that rise with severity, got {rates}")


def check_edits(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """There is one list of edits a text; each is in order, within the text, changes something and says what it is."""
    for severity in _levels(declaration):
        for text, edits in zip(texts, _edit(factory(), declaration, texts, severity), strict=True):
            what = f"{declaration.name} at severity {severity:g} on {text!r:.40}"
            with working(what):
                apply_edits(text, edits)
            for edit in edits:
                require(bool(edit.op.strip()), f"{what}: an edit does not say what it is: {edit}")
                changes = text[edit.start : edit.end] != edit.text
                require(changes, f"{what}: an edit changes nothing: {edit}")


def check_odd_texts(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """Texts of one character, of blanks, of other scripts and of clusters are degraded or left, but never emptied."""
    del texts
    for severity in _ends(declaration):
        with working(f"{declaration.name} at severity {severity:g} on odd texts"):
            found = degrade_texts(factory(), ODD, make_keys(declaration.name, len(ODD)), severity)
            "".join(found.texts).encode()


def check_texts_unchanged(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """The list of texts is left as it is."""
    given = list(texts)
    with working(f"{declaration.name}: editing"):
        factory().edit(given, make_keys(declaration.name, len(texts)), max(declaration.severities))
    require(given == list(texts), f"{declaration.name} changes the list that it is given; work on a copy")


def check_rate_reached(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """The character error rate over many texts is within a tenth of `rate`, at every severity."""
    many = list(texts) * (1 + _MEASURED // sum(map(len, texts)))
    for severity in _levels(declaration):
        perturbation = factory()
        edits = _edit(perturbation, declaration, many, severity)
        errors = sum(
            len(text) * character_error_rate(text, apply_edits(text, changes))
            for text, changes in zip(many, edits, strict=True)
        )
        found, aim = errors / sum(map(len, many)), perturbation.rate(severity)
        near = abs(found - aim) <= _TOLERANCE * aim
        require(near, f"{declaration.name}: at severity {severity:g} the rate is {found:.4f}, not {aim:.4f} as it says")


def check_text_repeatable(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """The same keys give the same edits, from the same object and from a new one."""
    perturbation, severity = factory(), max(declaration.severities)
    first = _edit(perturbation, declaration, texts, severity)
    for again in (perturbation, factory()):
        same = _edit(again, declaration, texts, severity) == first
        require(same, f"{declaration.name}: the same keys give other edits the second time")


def check_text_batch_independence(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """A text on its own, in another order and beside longer ones has the same edits."""
    severity, texts = max(declaration.severities), [*texts, *ODD]
    whole = _edit(factory(), declaration, texts, severity)
    order = list(range(len(texts)))
    for rows in ([row] for row in order):
        _compare_rows(factory, declaration, texts, rows, whole)
    _compare_rows(factory, declaration, texts, order[::-1], whole)


def check_text_levels_nest(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """All severities draw from the same random streams, so that a text's levels differ in strength alone."""
    drawn = []
    for severity in _ends(declaration):
        keys = make_keys(declaration.name, len(texts))
        _edit(factory(), declaration, texts, severity, keys)
        drawn.append(keys.drawn)
    low, high = drawn
    nests = low <= high or high <= low
    require(nests, f"{declaration.name}: severities draw from different streams; name no child after the severity")


def check_text_no_global_randomness(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """No global random generator is moved, and none has an influence."""

    def edited() -> list[list[Edit]]:
        return _edit(factory(), declaration, texts, max(declaration.severities))

    require_no_global_randomness(declaration.name, edited, lambda first, second: first == second)


def check_text_randomness_declared(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """`stochastic` says whether it draws; another seed gives other edits exactly then."""
    severity, said = max(declaration.severities), f"{declaration.name} is declared stochastic={declaration.stochastic}"
    keys = make_keys(declaration.name, len(texts))
    first = _edit(factory(), declaration, texts, severity, keys)
    other = _edit(factory(), declaration, texts, severity, make_keys(declaration.name, len(texts), seed=1))
    require(bool(keys.drawn) == declaration.stochastic, f"{said}, but draws from {len(keys.drawn)} streams")
    require((first != other) == declaration.stochastic, f"{said}, but another seed says otherwise")


def check_text_fractional_severity(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """Severities between 0 and the highest are all valid, those below 1 too."""
    for severity in (1e-3, 0.5, 1.5, max(declaration.severities) - 0.5):
        with working(f"{declaration.name} at severity {severity:g}"):
            degrade_texts(factory(), texts, make_keys(declaration.name, len(texts)), severity)


def check_text_distortion_rises(factory: Factory, declaration: Perturbation, texts: Texts) -> None:
    """Higher severities change the texts more. This one only warns."""
    keys = make_keys(declaration.name, len(texts))
    found = [float(degrade_texts(factory(), texts, keys, level).cer.mean()) for level in _levels(declaration)]
    if found != sorted(found):
        listed = ", ".join(f"{value:.2g}" for value in found)
        warnings.warn(f"{declaration.name}: the error rate does not rise with severity: {listed}", stacklevel=2)


TEXT_PERTURBATION_CHECKS: tuple[Check, ...] = (
    check_rate,
    check_edits,
    check_odd_texts,
    check_texts_unchanged,
    check_rate_reached,
    check_text_repeatable,
    check_text_batch_independence,
    check_text_levels_nest,
    check_text_no_global_randomness,
    check_text_randomness_declared,
    check_text_fractional_severity,
    check_text_distortion_rises,
)
"""Every check of `check_text_perturbation`, to be run one by one."""


def check_text_perturbation(factory: Factory, declaration: Perturbation, *, texts: Texts = ENGLISH) -> None:
    """Raise AssertionError at the first clause of the contract that a text perturbation breaks.

    Args:
        factory: makes a new implementation, ready to use: `lambda: MyNoise(MyParams())`.
        declaration: what the plugin declares for it.
        texts: to try it on, none empty and all different; give others where English is not what it degrades.
    """
    for check in TEXT_PERTURBATION_CHECKS:
        check(factory, declaration, texts)


def _levels(declaration: Perturbation) -> list[float]:
    return [float(severity) for severity in sorted(declaration.severities)]


def _ends(declaration: Perturbation) -> tuple[float, float]:
    return float(min(declaration.severities)), float(max(declaration.severities))


def _edit(
    perturbation: TextPerturbation, declaration: Perturbation, texts: Texts, severity: float, keys: Keys | None = None
) -> list[list[Edit]]:
    keys = make_keys(declaration.name, len(texts)) if keys is None else keys
    with working(f"{declaration.name} at severity {severity:g}"):
        found = [list(edits) for edits in perturbation.edit(texts, keys, severity)]
    require(len(found) == len(texts), f"{declaration.name}: {len(found)} lists of edits for {len(texts)} texts")
    return found


def _compare_rows(
    factory: Factory, declaration: Perturbation, texts: Texts, rows: list[int], whole: list[list[Edit]]
) -> None:
    keys = make_keys(declaration.name, len(texts)).rows(torch.tensor(rows))
    found = _edit(factory(), declaration, [texts[row] for row in rows], max(declaration.severities), keys)
    same = found == [whole[row] for row in rows]
    require(same, f"{declaration.name}: texts {rows} on their own have other edits than in a batch of {len(texts)}")
