from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from homefeed.config import RedisConfig
from homefeed.core.errors import StoreError
from homefeed.store.location import StoreLocation, read_store_file, resolve_store, resolve_store_for_export, write_store_file

NAMED = RedisConfig(host="shop.example", port=7000, db=3)
AT_NAMED = StoreLocation("redis", 3, "shop.example", 7000)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.json"


def test_a_named_redis_wins_over_the_store_file(store_file: Path) -> None:
    write_store_file(store_file, StoreLocation("redis", 1, "elsewhere", 6379))
    assert resolve_store(NAMED, True, store_file) == AT_NAMED


def test_the_store_of_the_last_export_wins_over_the_default_address(store_file: Path) -> None:
    write_store_file(store_file, AT_NAMED)
    assert resolve_store(RedisConfig(), False, store_file) == AT_NAMED


def test_without_a_store_file_it_is_the_default_address(store_file: Path) -> None:
    assert resolve_store(RedisConfig(), False, store_file) == StoreLocation("redis", 1, "localhost", 6379)


def test_an_export_without_a_named_store_goes_to_the_embedded_one_where_nothing_listens(store_file: Path, closed_port: int) -> None:
    nobody = RedisConfig(host="127.0.0.1", port=closed_port)
    embedded = store_file.parent / "store"
    assert resolve_store_for_export(nobody, False, store_file, embedded) == StoreLocation("embedded", 1, folder=embedded)


def test_an_export_goes_to_the_default_address_where_something_listens(store_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = resolve_store_for_export(RedisConfig(host="127.0.0.1", port=port), False, store_file, store_file.parent / "store")
    assert found == StoreLocation("redis", 1, "127.0.0.1", port)


def test_a_named_store_that_is_down_is_never_a_reason_for_another(store_file: Path, closed_port: int) -> None:
    down = RedisConfig(host="127.0.0.1", port=closed_port)
    at_down = StoreLocation("redis", 1, "127.0.0.1", closed_port)
    assert resolve_store_for_export(down, True, store_file, store_file.parent / "store") == at_down

    write_store_file(store_file, at_down)
    assert resolve_store_for_export(down, False, store_file, store_file.parent / "store") == at_down
    assert resolve_store(down, False, store_file) == at_down


def test_the_embedded_store_moves_with_its_data_folder(tmp_path: Path) -> None:
    write_store_file(tmp_path / "data" / "store.json", StoreLocation("embedded", 1, folder=tmp_path / "data" / "store"))
    (tmp_path / "data").rename(tmp_path / "moved")
    assert read_store_file(tmp_path / "moved" / "store.json") == StoreLocation("embedded", 1, folder=tmp_path / "moved" / "store")


def test_a_store_file_is_replaced_whole(store_file: Path) -> None:
    write_store_file(store_file, AT_NAMED)
    write_store_file(store_file, StoreLocation("embedded", 1, folder=store_file.parent / "store"))
    assert json.loads(store_file.read_text()) == {"kind": "embedded", "folder": "store", "db": 1}
    assert [path.name for path in store_file.parent.iterdir()] == ["store.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "memcached", "db": 1}', '{"kind": "redis", "host": "a", "port": "x", "db": 1}'])
def test_a_store_file_that_names_no_store_is_a_clear_error(store_file: Path, text: str) -> None:
    store_file.parent.mkdir()
    store_file.write_text(text)
    with pytest.raises(StoreError, match=r"store\.json does not name a store.*homefeed export"):
        resolve_store(RedisConfig(), False, store_file)
