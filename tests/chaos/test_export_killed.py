"""An export that is killed at any moment leaves every served list as it was, byte for byte, and the next export is whole."""

from __future__ import annotations

import random

import pytest
from store_cases import export, let_time_pass, roles
from store_kills import KILLED_AT, kill_one_export, whole_release
from store_servers import Server

QUICK_USERS, MANY_USERS, MANY_KILLS = 300, 2000, 25


@pytest.mark.parametrize("stage", KILLED_AT)
def test_a_kill_at_each_stage(server: Server, stage: str) -> None:
    _kill(server, stage, 1, QUICK_USERS, random.Random(stage))


@pytest.mark.long
@pytest.mark.parametrize("stage", KILLED_AT)
def test_many_kills_at_each_stage(server: Server, stage: str) -> None:
    lived = _kill(server, stage, MANY_KILLS, MANY_USERS, random.Random(stage))
    print(f"{MANY_KILLS} exports killed after `{stage}`: {lived} were live, {MANY_KILLS - lived} had changed nothing")  # noqa: T201 - the figure is wanted


def _kill(server: Server, stage: str, kills: int, users: int, chance: random.Random) -> int:
    """How many of the killed exports had got so far as to be live."""
    lived = 0
    with server.connect() as store:
        export(store, 1, range(1, users + 1))
        export(store, 2, range(1, users + 1))
        for number in range(3, 3 + 2 * kills, 2):
            lived += kill_one_export(server, number, users, stage, chance)
            let_time_pass(server)
            export(store, number + 1, range(1, users + 1))
            assert whole_release(server, number + 1, users)
            assert sorted(roles(server).values()) == ["live", "spare"]
            assert store.releases().previous is not None
    return lived
