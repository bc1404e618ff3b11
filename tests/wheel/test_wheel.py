"""The wheel: built, installed where nothing of the checkout is, and used in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
IMPORT_EVERYTHING = """
import importlib, pkgutil, homefeed
names = [module.name for module in pkgutil.walk_packages(homefeed.__path__, "homefeed.") if module.name != "homefeed.wsgi"]
for name in names:
    importlib.import_module(name)
print(homefeed.__file__)
"""
EVALUATION_PAGE = "from importlib.resources import files; print(files('homefeed.evaluation').joinpath('templates/report.html').is_file())"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(CHECKOUT)], out)
    return next(out.glob("homefeed-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of a fresh environment with the wheel in it. What the wheel needs is borrowed from ours, without our editable homefeed."""
    home = tmp_path_factory.mktemp("env")
    run([sys.executable, "-m", "venv", "--without-pip", str(home)], home)
    python = home / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)], home)
    site = Path(run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def run(words: list[str], folder: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("RECSYS_")}
    done = subprocess.run(words, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"homefeed"}
    kept = {
        str(path.relative_to(CHECKOUT / "src")) for path in (CHECKOUT / "src" / "homefeed").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("homefeed/")} == kept


def test_every_module_is_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    printed = run([str(installed / "python"), "-c", IMPORT_EVERYTHING], tmp_path)
    assert Path(printed.strip()).is_relative_to(installed.parent)


def test_the_command_is_there_and_explains_itself(installed: Path, tmp_path: Path) -> None:
    assert "Usage: homefeed" in run([str(installed / "homefeed"), "--help"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_pages_template_comes_along(installed: Path, tmp_path: Path) -> None:
    assert run([str(installed / "python"), "-c", EVALUATION_PAGE], tmp_path).strip() == "True"


@pytest.mark.long
def test_the_demo_works_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    printed = run([str(installed / "homefeed"), "demo", "--no-serve"], tmp_path)
    assert "a stranger (cold start)" in printed
    assert "of the gap between random and best, homefeed closes" in printed
    assert "curl 'http://127.0.0.1:" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]
    assert "homefeed closes" in run([str(installed / "homefeed"), "demo", "--no-serve"], tmp_path)  # again, over its own store
