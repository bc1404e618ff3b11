"""No pickle is ever loaded: proven on the source, and by putting malicious ones in the place of every file that is read."""

from __future__ import annotations

import ast
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shop_project import QUICK_TRAINING, SOURCE, Project, server_with_a_port

from homefeed.core.errors import HomefeedError
from homefeed.simulation.planted import planted_taste_shop

LOADERS = {"cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle", "imp", "runpy"}
"""Modules that read code or objects from files; nothing of them is imported."""
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
METHODS = {"read_pickle", "load_pickle", "Unpickler", "deserialize", "add_safe_globals", "unsafe_load", "full_load", "load_all"}
ALLOWED_OF_PICKLE = {"dump", "UnpicklingError"}


def faults(source: str) -> list[str]:
    """What in a module could load a pickle or run what a file holds."""
    return [f"line {node.lineno}: {fault}" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.expr | ast.stmt) for fault in _faults(node)]


def _faults(node: ast.expr | ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] in LOADERS)
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").split(".")[0]
        if module in LOADERS or (module in ("pickle", "_pickle", "torch", "numpy") and {a.name for a in node.names} & {"load", "loads", "Unpickler", "*"}):
            yield f"from {node.module} import"
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == "pickle" and node.attr not in ALLOWED_OF_PICKLE:
            yield f"pickle.{node.attr}"
        if node.attr in METHODS:
            yield node.attr
    if isinstance(node, ast.Call):
        yield from _faults_of_call(node)


def _faults_of_call(call: ast.Call) -> Iterator[str]:
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    name = ast.unparse(call.func)
    if name in RUNS_TEXT:
        yield f"{name}()"
    if name in ("torch.load", "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter"):
        only_weights = words.get("weights_only")
        if name != "torch.load" or not (isinstance(only_weights, ast.Constant) and only_weights.value is True):
            yield f"{name} without weights_only=True"
    if name in ("np.load", "numpy.load", "np.lib.npyio.NpzFile", "yaml.load"):
        yield name
    if "allow_pickle" in words or words.get("shell") is not None:
        yield "allow_pickle or shell"


@pytest.mark.parametrize(
    "text",
    [
        "import pickle\npickle.load(f)", "import pickle\npickle.loads(b'')", "import pickle\nx = pickle.Unpickler", "from pickle import loads", "import joblib",
        "from cloudpickle import load", "import marshal", "import shelve", "torch.load(p)", "torch.load(p, weights_only=False)",
        "torch.load(p, weights_only=flag)", "torch.jit.load(p)", "torch.serialization.add_safe_globals([X])", "np.load(p)", "np.load(p, allow_pickle=True)",
        "numpy.load(p)",
        "from numpy import load",
        "yaml.load(f)", "eval('1')", "exec(text)", "__import__(name)", "pd.read_pickle(p)", "pl.LazyFrame.deserialize(f)", "subprocess.run(x, shell=True)",
    ],
)  # fmt: skip
def test_the_search_finds_each_way_to_load_a_pickle(text: str) -> None:
    assert faults(text)


def test_nothing_in_the_source_can_load_a_pickle() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    found = {str(path.relative_to(SOURCE)): faults(path.read_text()) for path in files}
    assert len(files) > 100
    assert {name: lines for name, lines in found.items() if lines} == {}


class Trap:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
        return Path.touch, (self.marker,)


def plain(path: Path, trap: Trap) -> None:
    path.write_bytes(pickle.dumps(trap))


def saved_by_torch(path: Path, trap: Trap) -> None:
    torch.save({"state": {"bias": trap}, "about": "{}"}, path)


def saved_by_numpy(path: Path, trap: Trap) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([trap], object), allow_pickle=True)


FORMS = (plain, saved_by_torch, saved_by_numpy)


@dataclass(frozen=True, slots=True)
class TrainedShop:
    project: Project
    release: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainedShop]:
    folder = tmp_path_factory.mktemp("project")
    planted_taste_shop(folder / "data" / "raw_data", users=60, items=30)
    (folder / "homefeed.toml").write_text(QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        project.inside("run", *project.address)
        yield TrainedShop(project, (folder / "data" / "releases" / "LIVE").read_text().strip())


@pytest.fixture
def trapped(request: pytest.FixtureRequest, shop: TrainedShop, tmp_path: Path) -> Iterator[Callable[[Path, Callable[[Path, Trap], None]], None]]:
    """Puts a trap in the place of a file; at the end none has sprung, and the shop's files are as they were."""
    data, models = shop.project.folder / "data", shop.project.models
    for place in (data, models):
        shutil.copytree(place, tmp_path / place.name, symlinks=True)
    marker = tmp_path / "sprung"
    yield lambda path, form: form(path, Trap(marker))
    for place in (data, models):
        shutil.rmtree(place)
        shutil.copytree(tmp_path / place.name, place, symlinks=True)
    assert not marker.exists()


Put = Callable[[Path, Callable[[Path, Trap], None]], None]


def test_the_traps_of_these_tests_would_spring(tmp_path: Path) -> None:
    plain(tmp_path / "file", Trap(tmp_path / "sprung"))
    pickle.loads((tmp_path / "file").read_bytes())  # noqa: S301 - it is ours
    assert (tmp_path / "sprung").exists()


PROCESSED = ("meta.json", "users.parquet", "items.parquet", "train.parquet", "test.parquet", "feature_map.parquet")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("file", "commands"),
    [
        *((f"data/processed/{name}", ("train rank", "export", "evaluate")) for name in PROCESSED[:-1]),
        ("data/processed/feature_map.parquet", ("etl", "export", "evaluate")),
        *((f"src/models/saved/{name}.pth", ("export",)) for name in ("dssm_pointwise", "deepfm")),
        *((f"src/models/saved/{name}.report.pth", ("evaluate",)) for name in ("dssm_pointwise", "deepfm")),
        ("data/store.json", ("status", "export", "export --rollback")),
        ("data/processed/meta.json", ("status",)),
    ],
)  # fmt: skip
def test_a_malicious_pickle_in_a_files_place_is_one_clear_line(
    file: str, commands: tuple[str, ...], form: Callable[[Path, Trap], None], shop: TrainedShop, trapped: Put
) -> None:
    path = shop.project.folder / file
    trapped(path, form)
    for command in commands:
        with pytest.raises(HomefeedError) as error:
            shop.project.inside(*command.split())
        assert str(path) in str(error.value)
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_contracts_pickles_are_written_and_never_read(form: Callable[[Path, Trap], None], shop: TrainedShop, trapped: Put) -> None:
    for name in ("meta_data.pkl", "feature_map.pkl"):
        trapped(shop.project.processed / name, form)
    for command in ("train rank", "evaluate", "status", "export", "etl"):
        shop.project.inside(*command.split(), *(shop.project.address if command in ("status", "export") else ()))
    with (shop.project.processed / "feature_map.pkl").open("rb") as file:
        assert len(pickle.load(file)) > 60  # noqa: S301 - the ETL has just written it


@pytest.mark.parametrize("form", FORMS)
def test_an_api_amid_malicious_pickles_answers_and_runs_none_of_them(form: Callable[[Path, Trap], None], shop: TrainedShop, trapped: Put) -> None:
    releases = shop.project.folder / "data" / "releases"
    for path in (releases / shop.release).iterdir():
        trapped(path, form)
    trapped(releases / "LIVE", form)
    with shop.project.api() as api:
        for path_of in ("/health", "/recommend/nobody", "/recall/nobody"):
            status, _ = api.get(path_of)
            assert status in (200, 503)
    assert "Traceback" not in (shop.project.folder / "api.log").read_text()
