"""Commands keep freed memory for the next batch, where the C library is glibc."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")

PROGRAM = """
import resource
import numpy as np
from robustkit.cli.memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def batch():
    # Together, as the tensors of a network; one by one they are too small for huge pages.
    blocks = [np.ones(1 << 17) for _ in range(64)]

{call}
batch()
before = faults()
for _ in range(20):
    batch()
print(faults() - before)
"""


def faults(call: str, **more: str) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", PROGRAM.format(call=call)]
    done = subprocess.run(command, env={**environment, **more}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_that_was_freed_is_not_asked_for_anew() -> None:
    """20 batches of 64 MiB are 327,680 pages of 4 KiB; kept, they are none."""
    assert faults("keep_freed_memory()") < 1000
    assert faults("") > 100_000, "the control"


def test_what_the_user_has_set_stays() -> None:
    assert faults("keep_freed_memory()", MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 100_000


def test_every_command_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from robustkit.cli import main

    called = []
    monkeypatch.setattr(main, "keep_freed_memory", lambda: called.append(True))
    with pytest.raises(SystemExit):
        main.run(["--version"])
    assert called == [True]
