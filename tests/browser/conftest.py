"""A page as a browser shows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import robustkit as rk

HOSTILE = "<script>alert(1)</script>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("browser") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@dataclass
class Seen:
    """What the browser saw: what the probe returned, and what was written to the console."""

    result: Any
    console: list[str]


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run whose first model has a hostile name."""
    from robustkit_reports.page import Page
    from robustkit_reports.params import PageParams
    from robustkit_zoo.assets import ASSETS

    folder = tmp_path_factory.mktemp("page")
    checkpoints = sorted((ASSETS / "checkpoints").glob("fashion-cnn-*.safetensors"))
    config = {
        "model": [
            {"checkpoint": str(checkpoints[0]), "name": HOSTILE},
            {"checkpoint": str(checkpoints[-1]), "name": "a model with a long name, long enough to be shortened"},
        ],
        "data": "zoo/fashion-mnist-mini",
        "limit": 60,
        "perturbation": ["gaussian-noise:severity=[1,5]", "gaussian-blur:severity=[1,5]"],
        "attack": ["fgsm:eps=0.1"],
        "device": "cpu",
    }
    done = rk.evaluate(config, out=folder / "run")
    return Page(PageParams())(rk.load_report(done.folder.path), folder)[0]


@pytest.fixture(scope="session")
def browse(page: Path) -> Callable[..., Seen]:
    """Return a function that opens the page at a width, runs a script in it, and returns what it gave."""

    def open_page(script: str, *, width: int = 1280, change: Callable[[str], str] = lambda text: text) -> Seen:
        probe = (
            f"<script>addEventListener('load', () => {{ let found; try {{ found = (() => {{ {script} }})(); }} "
            "catch (error) { found = String(error); } "
            "parent.postMessage(JSON.stringify(found), '*'); });</script></body>"
        )
        copy = page.with_name(f"probe-{width}.html")
        copy.write_text(change(page.read_text("utf8")).replace("</body>", probe), "utf8")
        # A window has a least width, which is more than a phone's; a frame has none.
        frame = page.with_name(f"frame-{width}.html")
        frame.write_text(
            "<!doctype html><pre id=probe></pre><script>addEventListener('message', (event) => "
            "{ document.getElementById('probe').textContent = event.data; });</script>"
            f"<iframe src='{copy.name}' style='border:0;width:{width}px;height:900px'></iframe>"
        )
        command = [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
            *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000"),
            f"--user-data-dir={page.parent / 'profile'}",
            f"--window-size={width + 100},1000",
            "--dump-dom",
            frame.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        found = re.search(r'<pre id="probe">(.+?)</pre>', done.stdout, re.DOTALL)
        assert found, done.stderr[-2000:]
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return Seen(json.loads(unescape(found[1])), console)

    return open_page
