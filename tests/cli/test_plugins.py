"""Third-party plugins as installed distributions: a broken one leaves every command working."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

GOOD = """
import robustkit

class Dim:
    def __init__(self, params):
        pass
    def sample(self, keys, shape, severity):
        return severity
    def apply(self, images, severity):
        return images // 2

@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="{name}", summary="half the light", target="{module}:Dim", stochastic=False)]
"""
BROKEN = {
    "raises": ("import leftpad_that_nobody_has\n", "leftpad_that_nobody_has"),
    "misspelt": (
        "import robustkit\n@robustkit.hookimpl\ndef robustkit_perturbation():\n    return []\n",
        "did you mean 'robustkit_perturbations'",
    ),
    "incompatible": ("robustkit_api = 99\n", "plugin API 99"),
    "hook_raises": (
        "import robustkit\n@robustkit.hookimpl\ndef robustkit_metrics():\n    return [1 / 0]\n",
        "ZeroDivisionError",
    ),
}


@pytest.fixture
def site(tmp_path: Path) -> Any:
    """A folder on the path into which distributions are installed."""
    folder = tmp_path / "site"
    folder.mkdir()

    def install(dist: str, entry_point: str, module: str, code: str) -> dict[str, str]:
        (folder / f"{module}.py").write_text(code)
        info = folder / f"{dist.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[robustkit]\n{entry_point} = {module}\n")
        return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}

    return install


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_named_with_its_cause_and_the_rest_works(robustkit: Any, site: Any, kind: str) -> None:
    code, cause = BROKEN[kind]
    env = site(f"robustkit-{kind.replace('_', '-')}", "theirs", f"theirs_{kind}", code)
    listed = robustkit("list", "--json", **env)
    assert listed.code == 0
    assert "corruptions/gaussian-noise" in listed.out
    warnings = [line for line in listed.err.splitlines() if "warning" in line]
    assert len(warnings) == 1
    assert cause in warnings[0]
    assert f"robustkit-{kind.replace('_', '-')} 1.0" in warnings[0]
    plugins = {row["name"]: row for row in robustkit("plugins", "--json", **env).json["plugins"]}
    assert plugins["theirs"]["status"] in ("failed", "incompatible")
    assert cause in plugins["theirs"]["error"]
    assert robustkit("list", "--strict-plugins", **env).code == 3
    assert robustkit("list", **env, ROBUSTKIT_STRICT_PLUGINS="1").code == 3
    quiet = robustkit("list", "--no-plugin", "theirs", **env)
    assert (quiet.code, quiet.err) == (0, "")
    doctor = robustkit("doctor", **env)
    assert doctor.code == 3
    assert "PROBLEM" in doctor.out


def test_doctor_says_whether_the_photographs_of_frost_are_there(robustkit: Any, tmp_path: Path) -> None:
    found = robustkit("doctor", "--json")
    assert found.code == 0
    (frost,) = found.json["requirements"]
    assert frost["component"] == "corruptions/frost"
    assert frost["found"].startswith("the frost photographs, in ")
    assert "corruptions/frost: the frost photographs, in " in robustkit("doctor").out
    # What is optional is no problem of the environment.
    lacking = robustkit("doctor", ROBUSTKIT_FROST=str(tmp_path))
    assert lacking.code == 0
    assert f"corruptions/frost: cannot be used: frost: {tmp_path / 'frost1.png'} cannot be read" in lacking.out
    assert "pip install --no-deps imagecorruptions" in lacking.out
    (frost,) = robustkit("doctor", "--json", ROBUSTKIT_FROST=str(tmp_path)).json["requirements"]
    assert frost["found"] is None
    assert "frost1.png" in frost["missing"]


NEEDY = (
    GOOD.replace('target="{module}:Dim"', 'target="{module}:Dim", requires="{module}:look"')
    + """

def look():
    return [1 / 0]
"""
)


def test_doctor_survives_a_plugin_that_cannot_say_what_it_lacks(robustkit: Any, site: Any) -> None:
    env = site("robustkit-dim", "dim", "dim_plugin", NEEDY.format(name="half", module="dim_plugin"))
    doctor = robustkit("doctor", **env)
    assert "dim/half: cannot be used: perturbation 'dim/half': requires failed: ZeroDivisionError" in doctor.out
    assert "mend or update the plugin robustkit-dim" in doctor.out
    assert "corruptions/frost: the frost photographs" in doctor.out


def test_a_plugin_that_reuses_a_first_party_name_is_named_and_displaces_nothing(robustkit: Any, site: Any) -> None:
    env = site("robustkit-evil", "corruptions", "evil", GOOD.format(name="gaussian-noise", module="evil"))
    result = robustkit("describe", "gaussian-noise", "--json", **env)
    assert result.code == 0
    assert result.json["components"][0]["dist"] == "robustkit"
    assert "already taken by robustkit" in result.err
    assert "robustkit-evil 1.0" in result.err


def test_a_good_plugin_is_found_and_used(robustkit: Any, site: Any, small: Any) -> None:
    env = site("robustkit-dim", "dim", "dim_plugin", GOOD.format(name="half", module="dim_plugin"))
    result = robustkit("eval", *small.arguments, "-p", "half:severity=1", "-m", "accuracy", "--json", **env)
    assert result.code == 0, result.err
    assert result.json["results"][1]["perturbation"] == "dim/half"


def test_a_component_of_the_same_bare_name_never_replaces_the_first_party_one(robustkit: Any, site: Any) -> None:
    env = site("robustkit-dim", "dim", "dim_plugin", GOOD.format(name="gaussian-noise", module="dim_plugin"))
    result = robustkit("describe", "gaussian-noise", "--json", **env)
    assert [fact["name"] for fact in result.json["components"]] == ["corruptions/gaussian-noise"]


def test_an_allow_list_from_the_environment_leaves_the_rest_out(robustkit: Any, site: Any) -> None:
    env = site("robustkit-dim", "dim", "dim_plugin", GOOD.format(name="half", module="dim_plugin"))
    assert "dim/half" in robustkit("list", **env).out
    assert "dim/half" not in robustkit("list", **env, ROBUSTKIT_PLUGINS="none").out
    assert "dim/half" in robustkit("list", **env, ROBUSTKIT_PLUGINS="dim").out


def test_an_attack_is_described_with_all_that_can_be_given(robustkit: Any) -> None:
    shown = robustkit("describe", "pgd").out
    assert "  threat model: eps=NUMBER (required), norm=linf|l2\n" in shown
    assert "  search: fp32|tf32|bf16|fp16 (default: the run's precision)\n" in shown
    assert "search" not in robustkit("describe", "fog").out


def test_tags_are_listed_and_a_tag_is_not_described_as_a_component(robustkit: Any) -> None:
    listed = robustkit("list", "perturbations").out
    tags = {words[1]: words[2] for words in map(str.split, listed.splitlines()[2:]) if words[0] == "perturbation"}
    assert (tags["corruptions/fog"], tags["corruptions/spatter"]) == ("common", "extra")
    result = robustkit("describe", "corruptions/Common")
    result.assert_error(2, "'corruptions/Common' is a tag", "robustkit list", "-p corruptions/common")


def test_a_failing_component_fails_its_own_cells_and_no_others(robustkit: Any, small: Any, tmp_path: Path) -> None:
    plugin = tmp_path / "fragile.py"
    plugin.write_text(
        "import robustkit\n"
        "class Fragile:\n"
        "    def sample(self, keys, shape, severity):\n"
        "        return float(severity[0])\n"
        "    def apply(self, images, severity):\n"
        "        return images if severity < 3 else images.float() / 0 if severity < 5 else 1 / 0\n"
        "@robustkit.hookimpl\n"
        "def robustkit_perturbations():\n"
        "    return [robustkit.Perturbation(name='fragile', summary='', target=lambda params: Fragile())]\n"
    )
    result = robustkit(
        "eval", *small.arguments, "--include", plugin, "-p", "fragile:severity=1..5", "-m", "accuracy", "--json"
    )
    assert result.code == 4
    assert [row["severity"] for row in result.json["results"]] == [0.0, 1.0, 2.0]
    errors = [failure["error"] for failure in result.json["failures"]]
    assert len(errors) == 3
    assert "must return" in errors[0]
    assert "ZeroDivisionError" in errors[2]
    assert "Traceback" not in result.err


def test_an_attack_that_leaves_its_threat_model_is_not_counted(robustkit: Any, small: Any, tmp_path: Path) -> None:
    plugin = tmp_path / "cheat.py"
    plugin.write_text(
        "import robustkit, torch\n"
        "class Cheat:\n"
        "    def run(self, model, inputs, labels, threat_model, keys):\n"
        "        n = torch.ones(len(inputs), dtype=torch.int64)\n"
        "        far = (inputs + 2 * threat_model.eps).clamp(0, 1)\n"
        "        return robustkit.AttackResult(candidates=far, best_loss=n, queries=n, forwards=n, backwards=n)\n"
        "@robustkit.hookimpl\n"
        "def robustkit_attacks():\n"
        "    return [robustkit.Attack(name='cheat', summary='', target=lambda params: Cheat())]\n"
    )
    result = robustkit("eval", *small.arguments, "--include", plugin, "-a", "cheat:eps=0.1", "--json")
    assert result.code == 4
    assert "left its threat model" in result.json["failures"][0]["error"]


def test_a_description_holds_no_python(robustkit: Any) -> None:
    text = robustkit("describe", "utility-sensitivity").out + robustkit("describe", "linear-probe").out
    for sign in ("None", "{", "default )", "True", "False", "default []"):
        assert sign not in text
    assert "bounds: 0 to 1\n" in text
    assert "; 0 or more (s-low, s-high, " in text
    assert "reference (string, default empty)" in text


def test_strict_is_among_the_reasons_for_exit_code_1(robustkit: Any) -> None:
    (line,) = (line for line in robustkit("--help").out.splitlines() if line.strip().startswith("1  "))
    assert "--strict" in line
