"""An example that a person can look up: raw ids and a moment."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset


def named_row(dataset: ProcessedDataset, rows: Interactions, mask: npt.NDArray[np.bool_]) -> str:
    """The first row of the mask."""
    at = int(np.flatnonzero(mask)[0])
    user, item = dataset.users.ids[int(rows.user[at])], dataset.items.ids[int(rows.item[at])]
    return f"uid {user}, iid {item}, {moment(int(rows.ts_us[at]))}, label {int(rows.label[at])}"


def moment(us: int) -> str:
    try:
        return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):  # a damaged moment is shown as it is
        return f"{us} microseconds"
