"""Every first-party declaration, of whatever kind, says all that a user and the host need to know."""

import pickle
from dataclasses import asdict, fields, replace

import pytest

import robustkit
from robustkit import Attack, ConfigError, Dataset, Metric, NoParams, Perturbation, PluginError
from robustkit.host import Entry, load_host
from robustkit.host.validate import DECLARED_BY, params_schema, parse_params, resolve_target
from robustkit.names import is_valid

HOST = load_host(strict=True)
AGAIN = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all() if entry.first_party]

ELEMENTARY = {"metrics/accuracy", "metrics/nll"}
"""Quantities of every textbook, without a paper of their own."""


def summary_is_one_line(entry):
    summary = entry.component.summary
    assert summary
    assert summary == " ".join(summary.split())
    assert not summary.endswith(".")


def name_is_valid(entry):
    assert is_valid(entry.component.name)


def name_finds_itself(entry):
    for name in (entry.qualified, entry.qualified.replace("-", "_").upper(), entry.component.name):
        assert HOST.catalog.find(entry.component.kind, name) == entry


def targets_are_strings(entry):
    # An object would have been imported, with all that it needs, by whoever only lists the components.
    assert isinstance(entry.component.target, str)
    assert isinstance(getattr(entry.component, "resolve", None), str | None)
    assert isinstance(entry.component.requires, str | None)


def targets_are_importable(entry):
    assert callable(resolve_target(entry))
    for target in (getattr(entry.component, "resolve", None), entry.component.requires):
        assert target is None or callable(resolve_target(entry, target))


def defaults_are_valid(entry):
    if params_schema(entry).get("required"):
        return  # what is required has help, like all parameters
    defaults = entry.component.params()
    assert parse_params(entry, asdict(defaults)) == defaults


def parameters_have_help(entry):
    described = params_schema(entry).get("properties", {})
    helpless = [f.name for f in fields(entry.component.params) if not described[f.name].get("description", "").strip()]
    assert not helpless


def source_is_cited(entry):
    if entry.component.kind in ("perturbation", "attack", "metric") and entry.qualified not in ELEMENTARY:
        assert entry.component.citation.strip()


def data_have_licence_and_source(entry):
    if isinstance(entry.component, Dataset):
        assert entry.component.licence.strip()
        assert entry.component.source.strip()


def facts_of_its_kind_make_sense(entry):
    component = entry.component
    if isinstance(component, Perturbation):
        assert list(component.severities) == sorted({*component.severities})
        assert min(component.severities) > 0
    if isinstance(component, Attack):
        assert component.norms
        assert {*component.norms} <= {"linf", "l2"}
    if isinstance(component, Metric):
        for low, high in (component.bounds, *component.part_bounds.values()):
            assert low is None or high is None or low < high


def declaration_is_equal_when_declared_again(entry):
    assert AGAIN.catalog.find(entry.component.kind, entry.qualified).component == entry.component
    assert replace(entry.component, name="another") != entry.component


def declaration_can_be_pickled(entry):
    # Worker processes are given declarations.
    assert pickle.loads(pickle.dumps(entry.component)) == entry.component


CHECKS = [
    summary_is_one_line,
    name_is_valid,
    name_finds_itself,
    targets_are_strings,
    targets_are_importable,
    defaults_are_valid,
    parameters_have_help,
    source_is_cited,
    data_have_licence_and_source,
    facts_of_its_kind_make_sense,
    declaration_is_equal_when_declared_again,
    declaration_can_be_pickled,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.component.kind}-{entry.qualified}")
def test_first_party_declarations_are_complete(entry, check):
    check(entry)


def test_declarations_of_several_kinds_are_found():
    kinds = {entry.component.kind for entry in ENTRIES}
    assert {"attack", "dataset", "metric", "model", "perturbation"} <= kinds
    assert kinds <= {declared.kind for declared in DECLARED_BY.values()}


def test_the_exceptions_exist():
    assert {entry.qualified for entry in ENTRIES} >= ELEMENTARY


@robustkit.params
class WithoutHelp:
    strength: float = 1.0


@robustkit.params
class InvalidDefault:
    strength: float = "much"
    """How strong."""


def function_in_a_test(params):
    return lambda records: None


def entry_of(kind, *, plugin="toys", **changes):
    target = "robustkit_metrics.accuracy:Accuracy"
    component = kind(**{"name": "toy", "summary": "a toy", "target": target, "citation": "a paper", **changes})
    return Entry(component=component, plugin=plugin, dist="toys", version="1", first_party=False)


UP = {"higher_is_better": True}
BROKEN = [
    (summary_is_one_line, entry_of(Perturbation, summary=""), AssertionError),
    (summary_is_one_line, entry_of(Perturbation, summary="Ends with a dot."), AssertionError),
    (summary_is_one_line, entry_of(Perturbation, summary="two\nlines"), AssertionError),
    (name_is_valid, entry_of(Perturbation, name="Toy Noise"), AssertionError),
    (name_finds_itself, entry_of(Attack, plugin="attacks", name="pgd"), AssertionError),
    (targets_are_strings, entry_of(Metric, target=function_in_a_test, **UP), AssertionError),
    (targets_are_strings, entry_of(Attack, resolve=function_in_a_test), AssertionError),
    (targets_are_strings, entry_of(Attack, requires=function_in_a_test), AssertionError),
    (targets_are_importable, entry_of(Attack, target="robustkit_attacks.pgd:PDG"), PluginError),
    (targets_are_importable, entry_of(Attack, requires="robustkit_attacks.absent:look"), PluginError),
    (targets_are_importable, entry_of(Attack, resolve="robustkit_attacks.absent:resolve"), PluginError),
    (targets_are_importable, entry_of(Attack, target="robustkit_attacks:robustkit_api"), AssertionError),
    (defaults_are_valid, entry_of(Attack, params=InvalidDefault), ConfigError),
    (parameters_have_help, entry_of(Attack, params=WithoutHelp), AssertionError),
    (source_is_cited, entry_of(Attack, citation=" "), AssertionError),
    (data_have_licence_and_source, entry_of(Dataset, licence="MIT"), AssertionError),
    (data_have_licence_and_source, entry_of(Dataset, source="a shelf"), AssertionError),
    (facts_of_its_kind_make_sense, entry_of(Perturbation, severities=(1, 3, 2)), AssertionError),
    (facts_of_its_kind_make_sense, entry_of(Perturbation, severities=(0, 1)), AssertionError),
    (facts_of_its_kind_make_sense, entry_of(Attack, norms=()), AssertionError),
    (facts_of_its_kind_make_sense, entry_of(Metric, bounds=(1.0, 0.0), **UP), AssertionError),
    (facts_of_its_kind_make_sense, entry_of(Metric, part_bounds={"a": (1.0, 0.0)}, **UP), AssertionError),
    (
        declaration_is_equal_when_declared_again,
        entry_of(Metric, plugin="metrics", name="accuracy", **UP),
        AssertionError,
    ),
    (
        declaration_can_be_pickled,
        entry_of(Metric, target=lambda params: None, **UP),
        (pickle.PicklingError, AttributeError),
    ),
]


@pytest.mark.parametrize(("check", "entry", "error"), BROKEN, ids=[check.__name__ for check, _, _ in BROKEN])
def test_a_poor_declaration_is_noticed(check, entry, error):
    with pytest.raises(error):
        check(entry)


def test_every_check_is_seen_to_fail():
    assert {check for check, _, _ in BROKEN} == set(CHECKS)


def test_a_required_parameter_needs_no_default():
    @robustkit.params
    class Required:
        folder: str
        """Where the data are."""

    entry = entry_of(Dataset, params=Required, licence="MIT", source="a shelf")
    for check in (defaults_are_valid, parameters_have_help, data_have_licence_and_source):
        check(entry)
    assert NoParams() == parse_params(entry_of(Attack), {})
