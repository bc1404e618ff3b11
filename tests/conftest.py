"""Servers for tests: the embedded Valkey always, and a real redis-server where the program is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from store_servers import REDIS_SERVER, Server, embedded_server, real_redis

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: threads of so small fits only wait for each other on a busy machine
for name in [name for name in os.environ if name.startswith("RECSYS_")]:
    del os.environ[name]  # whoever runs the tests may have settings of an own shop


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with embedded_server(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with real_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["embedded", "redis"] if REDIS_SERVER else ["embedded"])
def server(request: pytest.FixtureRequest) -> Server:
    """An empty server of each kind."""
    found: Server = request.getfixturevalue("redis_server" if request.param == "redis" else "valkey_server")
    found.admin().flushall()
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REDIS_SERVER is None:
        terminalreporter.write_line("Left out: the store suite on a real Redis (redis-server is not installed); it ran on the embedded Valkey.")
