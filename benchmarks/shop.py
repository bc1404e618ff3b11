"""``python -m benchmarks.shop FOLDER SIZE``: the raw files of a made-up shop, who visits it, and a store file that names the embedded store."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.process import Workplace
from homefeed.config import PathsConfig, RedisConfig
from homefeed.simulation.making import DEMO_SEED, make_world
from homefeed.simulation.shop_files import write_shop
from homefeed.simulation.traffic import Log, demo_log
from homefeed.simulation.world import World, WorldSettings
from homefeed.store.location import StoreLocation, write_store_file

SIZES = {"demo": WorldSettings(), "quick": WorldSettings(users=1_000, items=600, lists=5_000)}
_VISITS = 100_000


def make_shop(place: Workplace, size: str) -> dict[str, int | str]:
    """A Redis that happens to listen at the default address is left alone: the store file is there before the first export."""
    world = make_world(SIZES[size], np.random.default_rng(DEMO_SEED))
    log = demo_log(world, DEMO_SEED)
    paths = PathsConfig(data=place.data)
    write_shop(paths.raw, world, log)
    write_store_file(paths.store_file, StoreLocation("embedded", RedisConfig().db, folder=paths.embedded_store))
    place.visitors.write_text("\n".join(_visitors(world, log)) + "\n")
    return {"name": size, "impressions": len(log), "users": len(world.user_ids), "items": len(world.item_ids)}


def _visitors(world: World, log: Log) -> list[str]:
    """Raw user ids drawn by activity: the users of lists drawn from the log."""
    lists = log.user[:: world.settings.list_size]
    drawn: list[str] = world.user_ids[np.random.default_rng(DEMO_SEED).choice(lists, _VISITS)].tolist()
    return drawn


if __name__ == "__main__":
    print(json.dumps(make_shop(Workplace(Path(sys.argv[1])), sys.argv[2])))
