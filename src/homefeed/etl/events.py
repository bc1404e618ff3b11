"""What a row of the log says about its item: label and weight, from the column ``label`` or from the kind of event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homefeed.core.columns import EVENT, LABEL


@dataclass(frozen=True, slots=True)
class LabelRule:
    """``column``: where the values stand; ``labels`` and ``weights``: what each of them means. Any other value cannot be read."""

    column: str
    labels: Mapping[str, int]
    weights: Mapping[str, float]

    @property
    def expected(self) -> str:
        values = ", ".join(self.labels)
        return f"one of {values} (the kinds under [events] in the configuration)" if self.column == EVENT else "0 or 1"


def label_rule(columns: tuple[str, ...], events: Mapping[str, float]) -> LabelRule | None:
    """Kinds of event where the log has them and the configuration weighs them, else the label; None where it has neither."""
    if EVENT in columns and events:
        labels = {kind: int(weight > 0) for kind, weight in events.items()}
        return LabelRule(EVENT, labels, {kind: weight if weight > 0 else 1.0 for kind, weight in events.items()})
    if LABEL in columns:
        return LabelRule(LABEL, {"0": 0, "1": 1}, {"0": 1.0, "1": 1.0})
    return None
