"""What a run of the ETL found and made, as the user reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from homefeed.artifacts.dataset_meta import Seen, Split
from homefeed.etl.drawn_negatives import Drawn
from homefeed.etl.figures import Side
from homefeed.etl.orders import Attributed
from homefeed.features.feature_map import Lineage


@dataclass(frozen=True, slots=True)
class EtlReport:
    """``detected``: what was found out about each raw file. ``merged``: rows that went into another one.

    ``users``, ``items``: all known ones, of log and feature files.
    """

    detected: tuple[str, ...]
    merged: int
    users: int
    items: int
    users_without_features: int
    items_without_features: int
    lineage: Lineage
    new_slots: int
    train: Side
    test: Side
    split: Split
    seen: Seen
    drawn: Drawn | None
    orders: Attributed | None
    half_life_days: float
    seconds: float

    @property
    def rows(self) -> int:
        return self.train.rows + self.test.rows

    @property
    def cold_user_share(self) -> float:
        """Share of the test side's users that the train side has not."""
        return self.test.cold_users / self.test.users

    @property
    def cold_item_share(self) -> float:
        return self.test.cold_items / self.test.items

    def lines(self) -> list[str]:
        """What the user should read once the run has ended (``detected`` was told as it was found)."""
        return [
            f"known: {self.users:,} users ({self.users_without_features:,} of them without a row in the feature file), "
            f"{self.items:,} items ({self.items_without_features:,} without)",
            f"feature map: {self.lineage.size:,} slots, {self.new_slots:,} of them new (lineage {self.lineage.id})",
            *self.outlook(),
            f"{self.rows:,} rows in {self.seconds:.1f} s ({self.rows / max(self.seconds, 1e-9):,.0f} rows/s)",
        ]

    def outlook(self) -> list[str]:
        """What the tables are made of: what can be said of them before they are written."""
        return [
            *_merged_lines(self.merged),
            _split_line(self.split),
            _side_line("train", self.train),
            _side_line("test", self.test),
            f"cold on the test side: {self.cold_user_share:.1%} of its users, {self.cold_item_share:.1%} of its items",
            *_drawn_lines(self.drawn),
            *(self.orders.lines() if self.orders else ()),
            f"hotness: half-life {self.half_life_days:.3g} days",
            f"seen items: {self.seen.policy} ({self.seen.reason})",
        ]


def _merged_lines(merged: int) -> list[str]:
    return [f"merged: {merged:,} rows into others of the same ts, uid and iid with another label; label 1 counts"] if merged else []


def _split_line(split: Split) -> str:
    if split.kind == "per-user":
        return f"split: per user, the last {split.test_fraction:.0%} of each user's rows by time"
    return f"split: test from {datetime.fromtimestamp(split.test_from_us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC on"


def _drawn_lines(drawn: Drawn | None) -> list[str]:
    """Counts of rows and click rates leave the drawn ones out."""
    if drawn is None:
        return []
    fewer = f"; {drawn.short:,} clicks got fewer, their users have nearly all that was on offer" if drawn.short else ""
    return [f"drawn negatives, which are not counted above: {drawn.train:,} train and {drawn.test:,} test rows, {drawn.per_click} for each click{fewer}"]


def _side_line(name: str, side: Side) -> str:
    return f"{name}: {side.rows:,} rows, {side.users:,} users, {side.items:,} items, click rate {side.click_rate:.2%}"
