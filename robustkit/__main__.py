"""`python -m robustkit`."""

from robustkit.cli.main import run

run()
