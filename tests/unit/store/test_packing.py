from __future__ import annotations

from typing import Any

import hiredis
from hypothesis import given
from hypothesis import strategies as st

from homefeed.store.base import UserList
from homefeed.store.packing import ListPacker, pack_hot

user_lists = st.builds(
    lambda slot, ids: UserList(slot, ids, b"0" * len(ids)),
    st.integers(1, 10**9),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), max_size=130, unique=True),
)


@given(st.lists(user_lists, max_size=4))
def test_every_list_becomes_its_two_keys_best_item_first(lists: list[UserList]) -> None:
    packed, commands = ListPacker().pack(lists)

    expected: list[list[bytes]] = []
    for a_list in lists:
        if a_list.item_ids:
            scored = zip(range(len(a_list.item_ids), 0, -1), a_list.item_ids, strict=True)
            slot = str(a_list.user_slot).encode()
            expected.append([b"ZADD", b"recall:" + slot, *(part for score, item in scored for part in (b"%d" % score, item.encode()))])
            expected.append([b"SET", b"source:" + slot, a_list.sources])
    assert _commands(packed) == expected
    assert commands == len(expected)


def test_an_id_packed_once_is_packed_the_same_again() -> None:
    packer = ListPacker()
    first, second = packer.pack([UserList(1, ["a", "b"], b"01")]), packer.pack([UserList(1, ["a", "b"], b"01")])
    assert first == second


def test_hot_items_carry_their_score_to_the_last_digit() -> None:
    packed, commands = pack_hot([("a", 0.1 + 0.2), ("b", 1e-9)])
    assert (_commands(packed), commands) == ([[b"ZADD", b"global_hot", b"0.30000000000000004", b"a", b"1e-09", b"b"]], 1)


def test_no_hot_items_are_no_command() -> None:
    assert pack_hot([]) == (b"", 0)


def _commands(packed: bytes) -> list[Any]:
    reader = hiredis.Reader()
    reader.feed(packed)
    found = []
    while (command := reader.gets()) is not False:
        found.append(command)
    return found
