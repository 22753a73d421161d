"""Every first-party reporter keeps the contract, and the kit notices every way to break it."""

import os
from pathlib import Path

import pytest

from robustkit import Reporter
from robustkit.host import load_host
from robustkit.testing import REPORTER_CHECKS, check_reporter
from robustkit.testing import reporter as kit

HOST = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all("reporter") if entry.first_party]


@pytest.mark.parametrize("check", REPORTER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_reporters_keep_the_contract(entry, check):
    check(lambda: HOST.build(entry, {}), entry.component)


def test_the_first_party_reporters_are_found():
    names = {entry.qualified for entry in ENTRIES}
    assert names == {f"reports/{name}" for name in ("html", "figures", "latex", "csv", "markdown")}


def good(report, folder):
    (folder / "out.txt").write_text(report.title)
    return [folder / "out.txt"]


def returns_a_string(report, folder):
    return str(good(report, folder)[0])


def names_what_is_not_there(report, folder):
    return [folder / "absent.txt"]


def names_a_file_elsewhere(report, folder):
    return [Path(__file__)]


def needs_a_figure(report, folder):
    report.studies[0].figures[0]
    return good(report, folder)


def counts(report, folder):
    counts.times += 1
    (folder / "out.txt").write_text(str(counts.times))
    return [folder / "out.txt"]


counts.times = 0


def names_files_after_the_folder(report, folder):
    path = folder / f"{folder.name}.txt"
    path.write_text("x")
    return [path]


def changes_the_report(report, folder):
    object.__setattr__(report.studies[0], "dataset", "spoilt")
    return good(report, folder)


def goes_elsewhere(report, folder):
    os.chdir("/")
    return good(report, folder)


BROKEN = [
    (returns_a_string, kit.check_files, "returned str, not a list"),
    (names_what_is_not_there, kit.check_files, "which is not there"),
    (names_a_file_elsewhere, kit.check_files, "outside of"),
    (needs_a_figure, kit.check_files, "raises IndexError"),
    (counts, kit.check_bytes, "other bytes the second time in out.txt"),
    (names_files_after_the_folder, kit.check_bytes, "other files the second time"),
    (changes_the_report, kit.check_report_unchanged, "changes the report"),
    (goes_elsewhere, kit.check_working_directory, "changes the working directory"),
]

TOY = Reporter(name="toy", summary="a toy", target=lambda params: good)


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_reporter_is_noticed_by_the_right_check(toy, check, reason):
    before = Path.cwd()
    with pytest.raises(AssertionError, match=reason):
        check(lambda: toy, TOY)
    assert Path.cwd() == before


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == set(REPORTER_CHECKS)


def test_a_good_reporter_passes():
    check_reporter(lambda: good, TOY)
