"""A simulated shop as the raw files of the contract."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from homefeed.simulation.raw_ids import Ids
from homefeed.simulation.shop.day_log import DayLog, order_ts
from homefeed.simulation.shop.settings import ExtraColumn
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop_files import write_columns
from homefeed.simulation.traffic import DAY_SECONDS


def write_raw_files(folder: Path, shop: Shop, days: Sequence[DayLog], columns: Sequence[ExtraColumn], day: int) -> None:
    """``shop.dat``, ``user_feature.dat``, ``item_feature.dat`` and ``order.dat``, as the shop has them on the morning of ``day``.

    Items that launch later are not on file yet; orders of later days have not come. With ``columns`` shop.dat has a header row, else none.
    ``order.dat``: ``ts,uid,iid,value``; where nothing was ordered there is no such file.
    """
    known = shop.launched(day)
    write_columns(folder / "user_feature.dat", shop.user_ids, *_tags(shop.user_tag_ids, shop.user_tags))
    write_columns(folder / "item_feature.dat", shop.item_ids[known], *_tags(shop.item_tag_ids, shop.item_tags[known]))
    _write_log(folder / "shop.dat", shop, days, columns)
    _write_orders(folder / "order.dat", shop, days, shop.settings.first_ts + day * DAY_SECONDS)


def _write_log(path: Path, shop: Shop, days: Sequence[DayLog], columns: Sequence[ExtraColumn]) -> None:
    size = days[0].shown.shape[1]
    named = {
        "ts": np.concatenate([np.repeat(log.visits.ts, size) for log in days]).astype(np.str_),
        "uid": shop.user_ids[np.concatenate([np.repeat(log.visits.user, size) for log in days])],
        "iid": shop.item_ids[np.concatenate([log.shown.ravel() for log in days])],
        "label": np.concatenate([log.response.click.ravel() for log in days]).astype(np.int8).astype(np.str_),
    }
    if "position" in columns:
        named["position"] = np.concatenate([np.tile(np.arange(1, size + 1), len(log.shown)) for log in days]).astype(np.str_)
    if "propensity" in columns:
        named["propensity"] = _written(np.concatenate([log.propensity.ravel() for log in days]))
    order = [*("ts", "uid", "iid", "label"), *columns]
    heads = [[name] if columns else [] for name in order]
    write_columns(path, *(np.concatenate([np.array(head, np.str_), named[name]]) for head, name in zip(heads, order, strict=True)))


def _written(propensity: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Ids:
    """Six digits; empty where it is not known."""
    return np.array(["" if math.isnan(p) else f"{p:.6g}" for p in propensity.tolist()], np.str_)


def _write_orders(path: Path, shop: Shop, days: Sequence[DayLog], until: int) -> None:
    user, item, ts = (np.concatenate(column) for column in zip(*(order_ts(shop, log) for log in days), strict=True))
    come = np.flatnonzero(ts < until)
    order = come[np.argsort(ts[come], kind="stable")]
    path.unlink(missing_ok=True)
    if len(order):
        price = np.array([f"{value:.2f}" for value in shop.price[item[order]].tolist()], np.str_)
        write_columns(path, ts[order].astype(np.str_), shop.user_ids[user[order]], shop.item_ids[item[order]], price)


def _tags(ids: tuple[Ids, ...], tags: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> list[Ids]:
    return [names[tags[:, column]] for column, names in enumerate(ids)]
