"""The demo, over a shop small enough for a test: everything it does, in a folder of its own, twice."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from homefeed.bootstrap import demo as demo_module
from homefeed.bootstrap.demo import demo
from homefeed.config import Config
from homefeed.core.progress import Advance
from homefeed.simulation.making import make_world
from homefeed.simulation.world import World, WorldSettings

SMALL = WorldSettings(users=200, items=130, lists=1_500)


@dataclass
class Listener:
    lines: list[str] = field(default_factory=list)

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(lambda units: None)

    def say(self, line: str) -> None:
        self.lines.append(line)


def small_world(seed: int) -> World:
    return make_world(SMALL, np.random.default_rng(seed))


def test_the_demo_shows_slates_their_true_worth_and_lines_to_paste_and_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "demo_world", small_world)
    monkeypatch.setenv("RECSYS_REDIS_HOST", "a-redis-that-is-not-the-demos")
    monkeypatch.setenv("RECSYS_PATHS_RELEASES", "elsewhere")
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "no-such.toml"))
    (tmp_path / "homefeed.toml").write_text("no settings at all")
    monkeypatch.chdir(tmp_path)
    quick = {"recall": {"max_epochs": 2, "output_dim": 16, "max_events": 20}, "rank": {"max_epochs": 2, "batch_size": 1024}}
    paths = {"data": Path("data/demo"), "models": Path("data/demo/models")}
    config = Config.model_validate({"paths": paths, **quick})
    for _ in range(2):
        listener = Listener()
        demo(config, listener, serve=False)
        printed = "\n".join(listener.lines)
        assert printed.count("  1. ") == 4
        assert "a stranger (cold start)" in printed
        assert re.search(r"users active in the log: random 0\.\d+, hot 0\.\d+, homefeed 0\.\d+, best possible 0\.\d+", printed)
        assert re.search(r"users known by tags alone: random", printed)
        assert len(re.findall(r"^  curl 'http://127\.0\.0\.1:\d+/", printed, re.MULTILINE)) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"data", "homefeed.toml"}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]


def test_a_port_that_is_taken_is_no_obstacle_to_the_demo() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert demo_module._port(Config.model_validate({"api": {"port": port}})) not in (0, port)
