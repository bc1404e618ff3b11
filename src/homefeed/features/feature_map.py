"""The feature map: ``field=value`` to slot. It covers every known id and tag, learns nothing from labels and only grows.

Slot 0 is unknown. A value keeps its slot for ever within its lineage. Each growth adds a link to a chain of digests, so that a checkpoint made
with an earlier, smaller map can prove that it fits the map of today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The first ``size`` entries of a lineage's map, by digest."""

    lineage: str
    size: int
    digest: str

    def __str__(self) -> str:
        return f"{self.lineage}:{self.size}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Raises ``ValueError`` when the text is not a fingerprint."""
        lineage, size, digest = text.split(":")
        return cls(lineage, int(size), digest)


@dataclass(frozen=True, slots=True)
class Lineage:
    """A map's identity and its history: the fingerprint after each growth, oldest first."""

    id: str
    history: tuple[Fingerprint, ...] = ()

    @property
    def size(self) -> int:
        return self.history[-1].size if self.history else 0

    @property
    def fingerprint(self) -> Fingerprint:
        return self.history[-1] if self.history else Fingerprint(self.id, 0, "")

    def fits(self, earlier: Fingerprint) -> bool:
        """Whether slots given out under ``earlier`` mean the same today."""
        return earlier in self.history

    def names(self, entries: Sequence[tuple[str, str]]) -> bool:
        """Whether these (field, value) are, in this order, the entries that got the slots 1, 2, …, and no others."""
        known = Lineage(self.id)
        for mark in self.history:
            known = known.grown(entries[known.size : mark.size])
        return known == self and len(entries) == self.size

    def grown(self, entries: Iterable[tuple[str, str]]) -> Lineage:
        """The lineage after ``entries`` (field, value) got the next slots, in this order. Without entries: unchanged."""
        sha = hashlib.sha256(self.fingerprint.digest.encode())
        added = 0
        for field, value in entries:
            sha.update(f"{field}={value}\n".encode())
            added += 1
        if not added:
            return self
        return Lineage(self.id, (*self.history, Fingerprint(self.id, self.size + added, sha.hexdigest()[:16])))


class FeatureMap:
    """``slot(field, value)``: int from 1, or 0 when unknown."""

    def __init__(self, lineage: Lineage, slots: Mapping[str, Mapping[str, int]]) -> None:
        self.lineage = lineage
        self._slots = slots

    def __len__(self) -> int:
        return self.lineage.size

    def slot(self, field: str, value: str) -> int:
        return self._slots.get(field, {}).get(value, 0)

    def values(self, field: str) -> Mapping[str, int]:
        return self._slots.get(field, {})

    def entries(self) -> Iterator[tuple[str, int]]:
        """``("field=value", slot)`` in slot order within each field."""
        for field, values in self._slots.items():
            for value, slot in values.items():
                yield f"{field}={value}", slot

    def grown(self, fields: Sequence[str], values: Mapping[str, Iterable[str]]) -> FeatureMap:
        """The map with all of ``values``; new ones are numbered by (order of ``fields``, value), never by row order. Empty values stay unknown."""
        slots = {field: dict(self._slots.get(field, {})) for field in (*self._slots, *fields)}
        fresh = [(f, v) for f in fields for v in sorted(set(values.get(f, ())) - slots[f].keys() - {""})]
        for slot, (field, value) in enumerate(fresh, start=len(self) + 1):
            slots[field][value] = slot
        return FeatureMap(self.lineage.grown(fresh), slots)
