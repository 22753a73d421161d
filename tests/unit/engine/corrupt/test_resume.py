"""Sets that were not finished, or of which files are gone, go on and end with the same bytes."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from robustkit.errors import ConfigError, DataError, RunError
from robustkit.store import exclusive


class Killer:
    """A watcher that stops the work after so many images."""

    def __init__(self, after: int) -> None:
        self.left = after

    def noted(self, text: str) -> None:
        pass

    def started(self, total: int) -> None:
        pass

    def written(self, n: int, what: str) -> None:
        self.left -= n
        if self.left < 0:
            raise KeyboardInterrupt


def contents(path: Path) -> dict[str, bytes]:
    found = {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}
    found.pop("manifest.json")
    return found


@pytest.mark.parametrize("layout", ["npy", "folder"])
@pytest.mark.parametrize("after", [0, 30, 70, 119])
def test_a_killed_set_goes_on_and_ends_with_the_same_bytes(write: Any, plan_of: Any, layout: str, after: int) -> None:
    whole = write("whole", layout=layout)
    with pytest.raises(KeyboardInterrupt):
        write("killed", layout=layout, watcher=Killer(after))
    with pytest.raises(ConfigError, match="holds a set already"):
        write("killed", layout=layout)
    killed = whole.path.with_name("killed")
    assert not [path for path in killed.rglob(".*") if path.is_file()]
    with pytest.raises(DataError, match="not finished"):
        plan_of(killed)
    before = {path: path.stat().st_mtime_ns for path in killed.rglob("*.npy") if path.name != "labels.npy"}
    done = write("killed", layout=layout, resume=True)
    assert contents(done.path) == contents(whole.path)
    assert done.manifest["parts"] == whole.manifest["parts"]
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


class Intruder(Killer):
    """A watcher that asks for the same set again while it is written."""

    def __init__(self, write: Any, layout: str) -> None:
        super().__init__(10**6)
        self.again = lambda: write("both", layout=layout, resume=True)
        self.refused: list[ConfigError] = []

    def written(self, n: int, what: str) -> None:
        if not self.refused:
            with pytest.raises(ConfigError) as error:
                self.again()
            self.refused.append(error.value)


@pytest.mark.parametrize("layout", ["npy", "folder"])
def test_a_set_that_is_being_written_is_not_continued(write: Any, layout: str) -> None:
    intruder = Intruder(write, layout)
    done = write("both", layout=layout, watcher=intruder)
    assert "both is being written by another process" in intruder.refused[0].message
    assert "wait" in intruder.refused[0].hint
    assert contents(done.path) == contents(write("whole", layout=layout).path)
    assert write("both", layout=layout, resume=True).manifest == done.manifest


def test_of_two_that_begin_together_one_is_refused(write: Any, tmp_path: Path) -> None:
    with exclusive(tmp_path / "set"), pytest.raises(ConfigError, match="being written by another process"):
        write()
    assert list((tmp_path / "set").iterdir()) == []
    assert write().manifest["status"] == "finished"


def test_files_that_a_power_cut_left_empty_or_short_are_written_again(write: Any) -> None:
    whole = write("whole", layout="folder")
    with pytest.raises(KeyboardInterrupt):
        write("killed", layout="folder", watcher=Killer(70))
    empty, short, *_ = (whole.path.with_name("killed") / "fog" / "1").rglob("*.png")
    empty.write_bytes(b"")
    short.write_bytes(short.read_bytes()[:-1])
    assert contents(write("killed", layout="folder", resume=True).path) == contents(whole.path)


def test_a_finished_set_is_left_alone_and_mended_where_a_file_is_gone(write: Any) -> None:
    done = write()
    before = contents(done.path)
    assert write(resume=True).manifest == done.manifest
    for name in ("fog.npy", "labels.npy"):
        (done.path / name).unlink()
        assert contents(write(resume=True).path) == before
    (done.path / "fog.npy").write_bytes(before["fog.npy"][:1000])
    assert contents(write(resume=True).path) == before
    assert write(resume=True).manifest["parts"] == done.manifest["parts"]


@pytest.mark.parametrize("jpeg", [0, 85])
def test_a_finished_set_of_files_is_mended_where_one_is_gone_or_cut_short(write: Any, jpeg: int) -> None:
    done = write(layout="folder", jpeg=jpeg)
    before = contents(done.path)
    for size in (None, 0, 1, 100, -1):
        file = next((done.path / "fog" / "3").glob("*/*"))
        content = file.read_bytes()
        file.unlink()
        if size is not None:
            file.write_bytes(content[:size])
        assert contents(write(layout="folder", jpeg=jpeg, resume=True).path) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m | {"identity": None},
        lambda m: m | {"identity": [1]},
        lambda m: m | {"parts": None},
        lambda m: m | {"parts": [1]},
        lambda m: m | {"parts": {"fog.npy": None}},
        lambda m: m | {"parts": {"fog.npy": {"sha256": "0"}}},
    ],
)
@pytest.mark.parametrize("status", ["finished", "not finished"])
def test_a_damaged_manifest_is_said_when_a_set_is_to_go_on(write: Any, change: Any, status: str) -> None:
    done = write()
    before = contents(done.path)
    (done.path / "manifest.json").write_text(json.dumps(change(done.manifest) | {"status": status}))
    with pytest.raises(DataError, match=r"manifest\.json is not as robustkit writes it") as error:
        write(resume=True)
    assert "another --out" in error.value.hint
    assert contents(done.path) == before


@pytest.mark.parametrize(
    "more", [{"seed": 1}, {"perturbation": ["fog:severity=1..5"]}, {"limit": 3}, {"layout": "folder"}], ids=str
)
def test_another_set_is_not_continued(write: Any, more: Any) -> None:
    write()
    with pytest.raises(ConfigError, match=r"holds another set: it differs in (conditions|data|samples|seed|layout)"):
        write(resume=True, **more)


@pytest.mark.parametrize("layout", ["npy", "folder"])
def test_a_full_disk_is_said_and_leaves_no_half_file(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    real = Path.replace
    left = [3 if layout == "npy" else 20]

    def full(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left on device") as error:
        write(layout=layout)
    assert "--resume" in error.value.hint
    assert not list((tmp_path / "set").rglob(".*"))
    monkeypatch.undo()
    assert contents(write(layout=layout, resume=True).path) == contents(write("whole", layout=layout).path)
