import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from typing import get_args

import pytest

import robustkit_peers
from robustkit import ConfigError, RunError, ThreatModel, load_host
from robustkit_peers import autoattack, foolbox, packages, torchattacks
from robustkit_peers.params import (
    AutoAttackParams,
    FoolboxL2,
    FoolboxLinf,
    FoolboxParams,
    TorchattacksBoth,
    TorchattacksL2,
    TorchattacksLinf,
    TorchattacksParams,
)

HOST = load_host()
LINF = ThreatModel(norm="linf", eps=0.1)
RESOLVE = [
    (foolbox.resolve, FoolboxParams(attack="LinfPGD"), "foolbox"),
    (torchattacks.resolve, TorchattacksParams(attack="PGD"), "torchattacks"),
    (autoattack.resolve, AutoAttackParams(), "autoattack or pyautoattack"),
]
PEERS = [name for _, _, name in RESOLVE]


def test_it_declares_one_attack_a_library():
    declared = robustkit_peers.robustkit_attacks()
    assert [each.name for each in declared] == ["autoattack", "foolbox", "torchattacks"]
    assert all(each.norms == ("linf", "l2") and each.stochastic and "depends on its batch" in each.caveat
               for each in declared)  # fmt: skip


def test_only_one_is_called_autoattack():
    names = [*get_args(TorchattacksLinf), *get_args(TorchattacksL2), *get_args(TorchattacksBoth)]
    assert not [name for name in names if "auto" in name.lower()]


def test_declaring_imports_nothing_heavy():
    code = (
        "import sys, robustkit_peers as plugin; plugin.robustkit_attacks();"
        "print(sorted({'torch', 'numpy', 'foolbox', 'torchattacks', 'autoattack', 'pyautoattack'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize(("resolve", "chosen", "name"), RESOLVE, ids=PEERS)
def test_a_missing_package_is_an_error_of_the_environment_that_says_what_to_install(resolve, chosen, name, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(RunError, match=f"run by {name}, which is not installed") as caught:
        resolve(chosen, LINF)
    *_, last = name.split()
    assert last in caught.value.hint
    assert caught.value.hint.startswith("pip install ")
    assert caught.value.exit_code == 3


def test_no_advice_replaces_the_installed_torch(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(RunError) as caught:
        packages.installed("torchattacks")
    # It requires torchvision, whose newest version requires the torch of its own release, and requests of 2021.
    assert caught.value.hint == "pip install --no-deps torchattacks && pip install tqdm"


def test_a_package_that_cannot_be_imported_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "half_a_package.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RunError, match="half_a_package is installed but cannot be imported: ModuleNotFoundError"):
        packages.installed("half_a_package")


def test_the_first_installed_package_is_found_with_its_version():
    module, package = packages.installed("not_a_package", "pytest")
    assert module is pytest
    assert package == f"pytest-{distribution('pytest').version}"


def test_a_module_of_no_distribution_has_no_version(tmp_path, monkeypatch):
    (tmp_path / "cloned_package.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert packages.installed("cloned_package")[1] == "cloned_package-unknown"


def test_a_version_from_a_repository_has_its_commit(tmp_path, monkeypatch):
    (tmp_path / "from_git.py").touch()
    folder = tmp_path / "from_git-0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: from_git\nVersion: 0.1\n")
    (folder / "direct_url.json").write_text('{"url": "x", "vcs_info": {"vcs": "git", "commit_id": "a39220048b3c9f2c"}}')
    monkeypatch.syspath_prepend(tmp_path)
    assert packages.installed("from_git")[1] == "from_git-0.1+a3922004"


def test_another_version_than_the_one_asked_for_is_refused():
    with pytest.raises(RunError, match=r"foolbox-3.3.3 was asked for, installed is foolbox-3.3.4"):
        packages.checked("foolbox-3.3.4", "foolbox-3.3.3")


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        ("peers/foolbox", {"attack": "LinfPDG"}, "did you mean 'LinfPGD'"),
        ("peers/foolbox", {"attack": "L2DeepFool"}, "did you mean 'L2DeepFoolAttack'"),
        ("peers/torchattacks", {"attack": "PGD2"}, "did you mean 'PGDL2' or 'PGD'"),
        ("peers/autoattack", {"version": "standart"}, "did you mean 'standard'"),
        ("peers/autoattack", {"attacks": ["apgd-c"]}, "did you mean 'apgd-ce'"),
    ],
)
def test_a_wrong_name_gets_the_nearest_one(name, wrong, hint):
    with pytest.raises(ConfigError) as caught:
        HOST.build(HOST.catalog.find("attack", name), wrong)
    assert hint in caught.value.hint


@pytest.fixture
def any_package(monkeypatch):
    """Let every package seem to be installed, as an object of which nothing is needed."""
    for module in (foolbox, torchattacks, autoattack):
        monkeypatch.setattr(module, "installed", lambda *names: (object(), f"{names[0]}-1"))


@pytest.mark.parametrize(
    ("resolve", "chosen", "message"),
    [
        (foolbox.resolve, FoolboxParams(attack="L2PGD"), "L2PGD is for l2, the threat model has linf"),
        (torchattacks.resolve, TorchattacksParams(attack="PGDL2"), "PGDL2 is not for linf"),
        (autoattack.resolve, AutoAttackParams(version="plus", attacks=("fab",)), "got both"),
        (autoattack.resolve, AutoAttackParams(queries=10), "goes with square among attacks only"),
        (autoattack.resolve, AutoAttackParams(attacks=("fab",), queries=10), "goes with square among attacks only"),
    ],
)
def test_what_does_not_go_together_is_refused(resolve, chosen, message, any_package):
    with pytest.raises(ConfigError, match=message):
        resolve(chosen, LINF)


def test_autoattack_is_standard_unless_told_otherwise(any_package):
    assert autoattack.resolve(AutoAttackParams(), LINF).version == "standard"
    assert autoattack.resolve(AutoAttackParams(version="rand"), LINF).version == "rand"
    assert autoattack.resolve(AutoAttackParams(attacks=("fab-t",)), LINF).version is None


@pytest.mark.peers
def test_every_name_is_a_class_of_its_library():
    for library, names in (
        ("foolbox", [*get_args(FoolboxLinf), *get_args(FoolboxL2)]),
        ("torchattacks", [*get_args(TorchattacksLinf), *get_args(TorchattacksL2), *get_args(TorchattacksBoth)]),
    ):
        module = packages.installed(library)[0]
        home = getattr(module, "attacks") if library == "foolbox" else module  # noqa: B009 - any module
        assert not [name for name in names if not isinstance(getattr(home, name, None), type)]


@pytest.mark.peers
def test_the_libraries_own_values_become_part_of_the_parameters():
    found = foolbox.resolve(FoolboxParams(attack="LinfPGD", steps=7), LINF)
    # foolbox 3.3.4: rel_stepsize=0.01 / 0.3, steps=40, random_start=True
    assert found == FoolboxParams(
        attack="LinfPGD", steps=7, step_size=pytest.approx(0.1 / 30), random_start=True, package=found.package
    )
    assert found.package.startswith("foolbox-3.")
    # torchattacks 3.5.1: alpha=2 / 255, steps=10, random_start=True
    other = torchattacks.resolve(TorchattacksParams(attack="PGD"), LINF)
    assert (other.steps, other.step_size, other.random_start) == (10, 2 / 255, True)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("resolve", "chosen", "message"),
    [
        (foolbox.resolve, FoolboxParams(attack="LinfDeepFoolAttack", step_size=0.1), "nothing like 'step_size'"),
        (torchattacks.resolve, TorchattacksParams(attack="FGSM", steps=3), "nothing like 'steps'"),
        (torchattacks.resolve, TorchattacksParams(attack="PGD", queries=3), "nothing like 'queries'"),
    ],
)
def test_a_parameter_that_the_attack_does_not_have_is_refused(resolve, chosen, message):
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(chosen, LINF)
    assert "it takes" in caught.value.hint


@pytest.mark.peers
def test_the_extra_names_what_the_attacks_need():
    extra = [each for each in distribution("robustkit").requires if 'extra == "peers"' in each.replace("'", '"')]
    assert {each.split(">")[0] for each in extra} == {"foolbox", "pyautoattack", "torchattacks"}
    assert find_spec("foolbox")
