"""What a metric returns: numpy's numbers become plain ones, everything else that is no estimate is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.components import Estimate, Metric
from robustkit.engine.estimates import check_estimates
from robustkit.errors import PluginError
from robustkit.evaluation import evaluate
from robustkit.host import Entry

ENTRY = Entry(
    component=Metric(name="odd", summary="s", target="a:b", higher_is_better=None),
    plugin="lab",
    dist="",
    version="",
    first_party=False,
)
CHECKPOINTS = Path(__file__).resolve().parents[3] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"


def estimate(**given: Any) -> Estimate:
    return Estimate(**{"value": 0.5, "n": 3, **given})


def test_numpys_numbers_become_plain_ones() -> None:
    given = estimate(value=np.float32(0.5), n=np.int64(3), ci_low=np.array(0.25), ci_high=1, interval="x", note="y")
    found = check_estimates(ENTRY, {"a": given})
    assert found == {"a": estimate(ci_low=0.25, ci_high=1.0, interval="x", note="y")}
    plain = found["a"]
    assert [type(each) for each in (plain.value, plain.n, plain.ci_low, plain.ci_high)] == [float, int, float, float]
    assert json.dumps(vars(plain))


def test_an_undefined_value_is_none() -> None:
    given = estimate(value=None, n=0, note="undefined: no samples")
    assert check_estimates(ENTRY, given) == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "expected a robustkit.Estimate, got NoneType"),
        (0.5, "expected a robustkit.Estimate, got float 0.5"),
        ({}, "expected at least one estimate, got an empty mapping"),
        ({"a": 0.5}, "part 'a': expected a robustkit.Estimate, got float"),
        ({"": estimate()}, "expected names of printable characters, got ''"),
        ({3: estimate()}, "expected names of printable characters, got 3"),
        ({"a\nb": estimate()}, "expected names of printable characters"),
        (estimate(n=3.0), "expected a whole number of samples as n, got 3.0"),
        (estimate(n=-1), "expected a whole number of samples as n"),
        (estimate(n=True), "expected a whole number of samples as n"),
        (estimate(n=None), "expected a whole number of samples as n"),
        (estimate(value="0.5"), "expected a finite number or None as value, got str '0.5'"),
        (estimate(value=float("nan")), "expected a finite number or None as value, got float nan"),
        (estimate(value=np.float64("inf")), "expected a finite number or None as value"),
        (estimate(value=np.array([0.5])), "expected a finite number or None as value, got ndarray"),
        (estimate(value=True), "expected a finite number or None as value"),
        (estimate(value=1j), "expected a finite number or None as value"),
        (estimate(ci_low=0.6, ci_high=0.4), "expected ci_low at or below ci_high, got 0.6 to 0.4"),
        (estimate(ci_low=0.4), "expected both ends of the interval or none"),
        (estimate(ci_low=0.4, ci_high=float("nan")), "expected a finite number or None as ci_high"),
        (estimate(value=None, ci_low=0.4, ci_high=0.5), "expected no interval where there is no value"),
        (estimate(interval=None), "expected a string as interval, got None"),
        (estimate(note=7), "expected a string as note, got 7"),
        (estimate(spec=7), "expected a string as spec, got 7"),
        (estimate(chance=float("nan")), "expected a finite number or None as chance"),
        (estimate(unreliable=1, note="why"), "expected True or False as unreliable, got 1"),
        (estimate(unreliable=True), "expected a note that says why the value is unreliable"),
    ],
)
def test_what_is_no_estimate_is_refused(given: Any, message: str) -> None:
    with pytest.raises(PluginError) as raised:
        check_estimates(ENTRY, given)
    assert raised.value.message.startswith("plugin lab, metric 'lab/odd'")
    assert message in raised.value.message


def test_the_status_of_an_estimate_follows_from_what_it_says() -> None:
    assert estimate().status == "ok"
    assert estimate(unreliable=True, note="4 samples").status == "unreliable"
    assert estimate(value=None, note="no samples").status == "undefined"
    assert check_estimates(ENTRY, estimate(chance=np.float32(0.5), spec="cka")).chance == 0.5


PLUGIN = """
import numpy as np
import robustkit


def records(params):
    return lambda records: robustkit.Estimate(value=0.5, n="many")


class Model:
    state = {"x": np.zeros(1)}
    estimates = {"a": robustkit.Estimate(value=np.float64(0.25), n=np.int64(4))}

    def __init__(self, params):
        pass

    def measure(self, batch):
        return self.state

    def merge(self, states):
        return states[0]

    def estimate(self, chunks):
        return self.estimates


def variant(name, **attributes):
    return robustkit.Metric(
        name=name, summary="s", target=type(name, (Model,), attributes), higher_is_better=None, needs={"model"}
    )


@robustkit.hookimpl
def robustkit_metrics():
    return [
        robustkit.Metric(name="records", summary="s", target=records, higher_is_better=None),
        variant("numpys"),
        variant("partless", estimates={}),
        variant("stateless", state=None),
        variant("bare", state={}),
        variant("misnamed", state={3: np.zeros(1)}),
        variant("reserved", state={"__metadata__": np.zeros(1)}),
        variant("wordy", state={"x": "abc"}),
        variant("ragged", state={"x": [[1], [2, 3]]}),
        variant("wide", state={"x": np.zeros(2, dtype=np.longdouble)}),
        variant("swapped", state={"x": np.zeros(2, dtype=">f8")}),
    ]
"""


def test_a_malformed_result_or_state_costs_its_own_metric_alone(tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text(PLUGIN)
    bad = {
        "records": "plugin lab, metric 'lab/records': expected a whole number of samples as n, got 'many'",
        "partless": "plugin lab, metric 'lab/partless': expected at least one estimate",
        "stateless": "plugin lab, metric 'lab/stateless': expected a state of arrays by name, got NoneType",
        "bare": "plugin lab, metric 'lab/bare': expected a state of arrays by name, got an empty one",
        "misnamed": "plugin lab, metric 'lab/misnamed': expected names of printable characters, got 3",
        "reserved": "plugin lab, metric 'lab/reserved': expected another name than '__metadata__'",
        "wordy": "plugin lab, metric 'lab/wordy': expected numbers as 'x', got str",
        "ragged": "plugin lab, metric 'lab/ragged': expected numbers as 'x', got list",
    }
    config = {
        "model": [str(sorted(CHECKPOINTS.glob("fashion-*.safetensors"))[0])],
        "data": "zoo/fashion-mnist-mini",
        "limit": 4,
        "metric": [*bad, "numpys", "wide", "swapped"],
        "include": [str(tmp_path / "lab.py")],
        "device": "cpu",
    }
    done = evaluate(config, out=tmp_path / "run")
    errors = [failure["error"] for failure in done.failures]
    assert all(any(message in error for error in errors) for message in bad.values()), errors
    assert len(errors) == len(bad)
    assert {row["metric"] for row in done.rows} == {f"lab/{name}@a" for name in ("numpys", "wide", "swapped")}
    again = evaluate(config, out=tmp_path / "run", resume=True)
    assert again.rows == done.rows == done.folder.read_results()
