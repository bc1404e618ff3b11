"""One release, ready to answer: its bundle and what is computed from it once."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.artifacts.bundle import Bundle
from homefeed.serving.guests import GuestReader
from homefeed.serving.rank_service import RankService


@dataclass(frozen=True, slots=True)
class ReleaseInMemory:
    bundle: Bundle
    ranker: RankService
    guests: GuestReader

    @property
    def id(self) -> str:
        return self.bundle.release.id

    @classmethod
    def of(cls, bundle: Bundle) -> ReleaseInMemory:
        """Raises ``ArtifactError`` where the bundle's parts do not fit each other."""
        return cls(bundle, RankService(bundle), GuestReader(bundle))
