"""The requirements files name one exact version of everything that is installed through them, what is needed by what is needed included."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)")
FROM_TORCH = ("nvidia-", "cuda-", "triton")
"""What PyPI's torch for Linux brings for GPUs; the CPU build needs none of it."""
INSTALLS, INSTALLS_OURS = "pip", "editables"
"""pip comes with the virtual environment; ``-e .`` is built with editables."""


def pins(*files: str) -> dict[str, str]:
    """Canonical name to version. Every line is a pin, a comment, or the project itself."""
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines() if line and not line.startswith("#") and line != "-e ."]
    found = [PIN.fullmatch(line) for line in lines]
    assert None not in found, [line for line, match in zip(lines, found, strict=True) if match is None]
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def needed(*extras: str) -> dict[str, str]:
    """Canonical name to installed version of all that the project with these extras needs here, down to the last."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(line) for line in (*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra]))]
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            waiting += _requirements(name, extra)
        found[name] = _version(name)
    return {name: version for name, version in found.items() if name != INSTALLS and not name.startswith(FROM_TORCH)}


def _requirements(name: str, extra: str) -> Iterator[Requirement]:
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _version(name: str) -> str:
    try:
        return distribution(name).version.partition("+")[0]
    except PackageNotFoundError:
        return "not installed"


@pytest.mark.parametrize(
    ("files", "extras"), [(("requirements.txt",), ("serve", "train")), (("requirements.txt", "requirements-dev.txt"), ("serve", "train", "dev"))]
)
def test_everything_that_is_needed_is_pinned_to_the_version_that_is_installed(files: tuple[str, ...], extras: tuple[str, ...]) -> None:
    pinned = pins(*files)
    wrong: Mapping[str, tuple[str, str | None]] = {
        name: (version, pinned.get(name)) for name, version in needed(*extras).items() if pinned.get(name) != version
    }
    assert wrong == {}


def test_nothing_is_pinned_that_nothing_needs_and_nothing_twice() -> None:
    runtime, tools = pins("requirements.txt").keys(), pins("requirements-dev.txt").keys()
    assert runtime - needed("serve", "train").keys() == {INSTALLS_OURS}
    assert tools <= needed("dev").keys()
    assert not runtime & tools
