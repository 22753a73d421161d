"""`robustkit new-plugin`."""

from __future__ import annotations

import secrets
import shlex
import shutil
from pathlib import Path

import click

from robustkit.cli.plugin_package import KINDS, PackageNames, package_names, render
from robustkit.errors import ConfigError, RunError
from robustkit.names import did_you_mean, normalise


@click.command("new-plugin", short_help="Write a plugin package to start from.")
@click.argument("name")
@click.option("--kind", default="perturbation", show_default=True, metavar="|".join(KINDS), help="What it contributes.")
@click.option("-o", "--out", metavar="DIR", help="Folder to write; it must not exist yet. [NAME]")
def command(name: str, kind: str, out: str | None) -> None:
    """Write a package with one component that works, its test, and what pip needs to install it.

    NAME is the distribution's, such as robustkit-stripes. Without a leading robustkit- it is also the namespace of the
    plugin's components: stripes/stripes.
    """
    chosen, names = _kind(kind), package_names(name)
    _check_free(names)
    folder = Path(out or names.distribution)
    files = render(names, chosen)
    _write(folder, files)
    click.echo(str(folder))
    click.echo(_next_steps(folder, names, chosen, len(files)), err=True)


def _kind(text: str) -> str:
    kind = normalise(text).rstrip("s")
    if kind not in KINDS:
        raise ConfigError(f"--kind: unknown kind '{text}'", did_you_mean(text, KINDS) or f"one of {', '.join(KINDS)}")
    return kind


def _check_free(names: PackageNames) -> None:
    """Refuse what could not be installed beside what is: the name of another plugin, or of any other module."""
    from importlib.util import find_spec

    from robustkit.host.discover import installed_sources

    sources = installed_sources()
    for source in sources:
        if source.name == names.namespace and normalise(source.dist) != names.distribution:
            hint = f"for example robustkit-my-{names.namespace}"
            raise ConfigError(f"the plugin name '{source.name}' is already taken by {source.identity}", hint)
    if any(normalise(source.dist) == names.distribution and not source.first_party for source in sources):
        return
    spec = find_spec(names.module)
    # A mere folder of that name, perhaps in the current directory, is found too, but without an origin.
    if spec is not None and spec.origin is not None:
        hint = f"for example robustkit-{names.distribution}"
        raise ConfigError(f"the package would hide the module '{names.module}', which is installed", hint)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write a new folder whole or not at all.

    Raises:
        ConfigError: it exists.
        RunError: the file system refuses.
    """
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder} exists already", "name another folder with -o, or remove it")
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        for name, content in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        temporary.rename(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"cannot write {folder}: {reason}", "choose another folder with -o") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _next_steps(folder: Path, names: PackageNames, kind: str, count: int) -> str:
    where = str(folder)
    lines = [
        f"pip install -e {shlex.quote(f'{where}[test]')}",
        f"robustkit describe {names.qualified}",
        f"pytest {shlex.quote(where)}",
        f"robustkit eval model.pt {KINDS[kind].use.format(names.qualified)}",
    ]
    head = f"robustkit: wrote {count} files: the {kind} {names.qualified}, which works already. Next:"
    return "\n  ".join([head, *lines])
