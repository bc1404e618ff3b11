"""A world and its log as the three raw files of a shop. The truth stays out: it comes back from the world's seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from homefeed.simulation.raw_ids import Ids
from homefeed.simulation.traffic import Log
from homefeed.simulation.world import Ints, World


def write_shop(folder: Path, world: World, log: Log) -> None:
    """``shop.dat``, ``user_feature.dat`` and ``item_feature.dat`` in ``folder``: ``,`` between columns, no header row."""
    write_columns(folder / "user_feature.dat", world.user_ids, *_tags(world.user_tag_ids, world.user_tags))
    write_columns(folder / "item_feature.dat", world.item_ids, *_tags(world.item_tag_ids, world.item_tags))
    write_columns(folder / "shop.dat", log.ts.astype(np.str_), world.user_ids[log.user], world.item_ids[log.item], log.label.astype(np.int8).astype(np.str_))


def write_columns(path: Path, *columns: Ids) -> None:
    """One line a row. The folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = map(",".join, zip(*(column.tolist() for column in columns), strict=True))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _tags(ids: tuple[Ids, ...], tags: Ints) -> list[Ids]:
    return [names[tags[:, column]] for column, names in enumerate(ids)]
