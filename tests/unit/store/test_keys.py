from __future__ import annotations

import pytest

from homefeed.store import keys


def test_a_users_list_is_under_the_contracts_key() -> None:
    assert keys.recall(17) == b"recall:17"
    assert keys.source(17) == b"source:17"


@pytest.mark.parametrize("key", [keys.recall(1), keys.source(1), keys.HOT, keys.RELEASE, keys.RELEASE_ID, keys.MARK, keys.LOCK, keys.HEARTBEAT])
def test_what_we_write_is_ours(key: bytes) -> None:
    assert keys.is_ours(key)


@pytest.mark.parametrize(
    "key",
    [
        b"recall:",
        b"recall:abc",
        b"recall:1:2",
        b"recall:1\n",
        b"xrecall:1",
        b"global_hot2",
        b"homefeeds",
        b"homefeed:",
        b"homefeed:cart:7",
        b"homefeed:mark:1",
        b"session:1",
        b"\xff",
    ],
)
def test_anything_else_is_foreign(key: bytes) -> None:
    assert not keys.is_ours(key)
