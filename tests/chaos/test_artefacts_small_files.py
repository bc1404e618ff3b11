"""The two files of one line each, ``LIVE`` and ``store.json``: whatever stands in them, the feed has a release and the commands an answer in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_release import small_bundle

from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.artifacts.release_folder import LIVE, write_live
from homefeed.core.errors import ArtifactError, StoreError
from homefeed.serving.shelf import Shelf
from homefeed.store.location import StoreLocation, read_store_file, write_store_file

ID = "20261124T101500Z-3f9a1c"
ANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Cut, one bit changed, or something else altogether."""
    cut = st.integers(0, len(content) - 1).map(lambda n: content[:n])
    bit = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 7)).map(
        lambda at: content[: at[0]] + bytes([content[at[0]] ^ 1 << at[1]]) + content[at[0] + 1 :]
    )
    return cut | bit | st.binary(max_size=300)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "releases"
    write_bundle(root, small_bundle(ID))
    secret = root.parent / "elsewhere"
    write_bundle(secret, small_bundle("not ours"))
    return root


@ANY
@given(damaged(ID.encode() + b"\n"))
@example(b"../elsewhere/not ours\n")
@example(b".\n")
@example(b"\0\n")
@example(b"/\n")
@example(b"x" * 100_000)
def test_a_damaged_live_file_costs_nothing_but_the_order_of_search(releases: Path, content: bytes) -> None:
    write_live(releases, ID)
    (releases / LIVE).write_bytes(content)
    shelf = Shelf(releases)
    taken = []
    for release_id in shelf.ids():
        try:
            taken.append(shelf.take(release_id).id)
        except ArtifactError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - either way is right
    assert set(taken) == {ID}


@ANY
@given(st.data())
def test_a_damaged_store_file_names_a_store_or_is_refused_by_name(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "store.json"
    written = data.draw(st.sampled_from([StoreLocation("redis", 1, "redis.shop", 6379), StoreLocation("embedded", 1, folder=tmp_path / "store")]))
    write_store_file(path, written)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    try:
        found = read_store_file(path)
    except StoreError as error:
        assert str(error).startswith(f"{path} does not name a store")  # noqa: PT017 - either way is right
    else:
        assert found is not None
        assert found.kind == json.loads(path.read_bytes())["kind"]
