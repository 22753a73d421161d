"""What a new plugin package is called, and what is in it."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from robustkit.errors import ConfigError
from robustkit.names import normalise


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a new package holds until its author changes it.

    Attributes:
        summary: of the component.
        library: what its implementation imports.
        use: how `eval` is asked for it, with `{}` for its name.
    """

    summary: str
    library: str
    use: str


KINDS = {
    "perturbation": Kind(
        summary="uniform noise on every value", library="torch>=2.6", use="--data test.npz -p {}:severity=1..5"
    ),
    "text-perturbation": Kind(
        summary="random characters typed again", library="torch>=2.6", use="--data test.tsv -p {}:severity=1..5"
    ),
    "attack": Kind(
        summary="the worst of several random corners of the Linf ball",
        library="torch>=2.6",
        use="--data test.npz -a {}:eps=8/255",
    ),
    "metric": Kind(
        summary="share of samples whose label is among the k highest logits",
        library="numpy>=1.26",
        use="--data test.npz -m {}",
    ),
}
"""What can be written."""

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "src/{module}/__init__.py": "{kind}/__init__.py",
    "src/{module}/params.py": "{kind}/params.py",
    "src/{module}/{stem}.py": "{kind}/implementation.py",
    "tests/test_{stem}.py": "{kind}/test.py",
}
"""Each file of the package, and its template."""

_WORDS = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True, kw_only=True)
class PackageNames:
    """What a plugin package is called, where.

    Attributes:
        distribution: by pip: `robustkit-stripes`.
        module: by Python: `robustkit_stripes`.
        namespace: by robustkit, as the plugin and as its first component: `stripes`.
    """

    distribution: str
    module: str
    namespace: str

    @property
    def stem(self) -> str:
        """The module that holds the implementation, and the end of its test's name."""
        return self.namespace.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The implementation's class."""
        return "".join(word.capitalize() for word in self.namespace.split("-"))

    @property
    def qualified(self) -> str:
        """The component, as results name it."""
        return f"{self.namespace}/{self.namespace}"


def package_names(name: str) -> PackageNames:
    """Return the names that follow from the one given.

    Raises:
        ConfigError: they would not be valid in Python or in robustkit.

    >>> package_names("robustkit-stripes")
    PackageNames(distribution='robustkit-stripes', module='robustkit_stripes', namespace='stripes')
    >>> package_names("My_Noise")
    PackageNames(distribution='my-noise', module='my_noise', namespace='my-noise')
    """
    distribution = normalise(name)
    namespace = distribution.removeprefix("robustkit-")
    if not _WORDS.fullmatch(namespace) or len(distribution) > _LONGEST:
        wanted = f"at most {_LONGEST} letters, digits and '-', beginning with a letter"
        raise ConfigError(f"a plugin's name: expected {wanted}, got '{name:.80}'", _proposal(distribution))
    names = PackageNames(distribution=distribution, module=distribution.replace("-", "_"), namespace=namespace)
    if {names.stem, names.module, names.class_name} & {*keyword.kwlist, "params"}:
        raise ConfigError(f"'{name}' cannot be the name of a module here", f"for example robustkit-my-{namespace}")
    return names


def render(names: PackageNames, kind: str) -> dict[str, bytes]:
    """Return the content of each file of a package, by its path below the package's folder.

    Args:
        names: what it is called.
        kind: a key of `KINDS`.
    """
    from importlib.resources import files
    from string import Template

    from robustkit import PLUGIN_API, __version__

    values = {
        **vars(names),
        **vars(KINDS[kind]),
        "stem": names.stem,
        "class_name": names.class_name,
        "qualified": names.qualified,
        "kind": kind,
        "use": KINDS[kind].use.format(names.qualified),
        "api": PLUGIN_API,
        "version": __version__,
    }
    templates = files("robustkit.cli") / "templates" / "plugin"
    return {
        path.format(**values): Template((templates / f"{template.format(kind=kind)}.template").read_text("utf8"))
        .substitute(values)
        .encode()
        for path, template in FILES.items()
    }


def _proposal(distribution: str) -> str:
    last = distribution.rpartition("/")[2].removeprefix("robustkit-")
    words = re.sub(r"[^a-z0-9]+", "-", last)[:20].strip("-") or "noise"
    return f"for example robustkit-{words if words[0].isalpha() else f'my-{words}'}"
