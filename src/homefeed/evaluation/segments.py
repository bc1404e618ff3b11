"""Groups of users that are looked at apart: warm ones have a row in the train side, cold ones have none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from homefeed.evaluation.protocol import Mask
from homefeed.evaluation.report import Segment

ALL, WARM, COLD = "all", "warm", "cold"


def by_segment(warm: Mask, measure: Callable[[str, Mask], Segment]) -> tuple[Segment, ...]:
    """``warm``: bool[N], of users or of their rows. Nothing is measured where there is nobody, nor twice where everybody is warm (or cold)."""
    everybody = measure(ALL, np.ones_like(warm))
    return (everybody, *(_part(name, mask, everybody, measure) for name, mask in ((WARM, warm), (COLD, ~warm))))


def _part(name: str, mask: Mask, everybody: Segment, measure: Callable[[str, Mask], Segment]) -> Segment:
    if mask.all():
        return replace(everybody, name=name)
    return measure(name, mask) if mask.any() else Segment(name, 0, 0, {}, {})
